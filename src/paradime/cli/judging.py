"""How good a map is on a table, and what its axes depend on."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.cli import outputs
from paradime.cli.console import InputError, folded, say, wrapped
from paradime.cli.models import Rows, column_of, open_model, read_all_rows
from paradime.cli.suspicions import without_missing_texts

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["evaluate_file", "explain_file"]

_MOST_ROWS, _SAMPLED = 5_000, 2_000
_N_NEIGHBORS = 15
_METHODS = ("integrated_gradients", "gradient_x_input", "permutation")


def evaluate_file(
    model_path: str,
    data: str,
    target: str | None,
    out: str | None,
    as_json: bool,
    *,
    train: str | None = None,
    header: bool | None = None,
) -> None:
    """Measures the map of a model on the rows of a table: among those of the training, or among each other."""
    outputs.check_distinct({"the model": model_path, "a table": data, "the table": train}, {"--out": out})
    if out is not None:
        outputs.check_table("--out", out)
    model = open_model(model_path)
    rows = read_all_rows(model, data, header=header)
    classes = None if target is None else _classes(rows, target, data)
    old = None if train is None else read_all_rows(model, train, header=header)
    old_classes = None if old is None or target is None or train is None else _classes(old, target, train)
    if old is None:
        n = len(rows.table)
        if n < 4:
            raise InputError(f"{data}: has {n} row(s), and at least 4 are needed to compare neighbours.")
        say(
            "neighbours are sought among these rows alone; --train TABLE, with the rows that the model was fitted "
            "to, tells how well new rows are placed among those"
        )
        found = _measured(model.scaled(rows.features), rows.embedding, classes)
    else:
        assert train is not None
        if len(old.table) < 4:
            raise InputError(f"{train}: has {len(old.table)} row(s), and at least 4 are needed.")
        new = {"test_X": model.scaled(rows.features), "test_embedding": rows.embedding}
        found = _measured(model.scaled(old.features), old.embedding, old_classes, new, classes)
    import pandas as pd

    frame = pd.DataFrame(
        {
            "measure": list(found),
            "value": [float(value) for value in found.values()],
            "standard error": [_standard_error(value) for value in found.values()],
        }
    )
    if as_json:
        print(json.dumps({name: _json(value) for name, value in found.items()}, indent=1, ensure_ascii=False))
    if out is not None or not as_json:
        outputs.print_table(frame, out)


def _standard_error(value: Any) -> float:
    """How far off a measure is because of the rows it was measured on; NaN where all there are were measured."""
    return float(getattr(value, "standard_error", 0.0)) or float("nan")


def _json(value: Any) -> dict[str, float | None]:
    error = _standard_error(value)
    return {"value": float(value), "standard error": error if error == error else None}


def _classes(rows: Rows, target: str, source: str) -> Any:
    from paradime.utils.targets import read_targets

    column = without_missing_texts(column_of(rows.table, target, "--target", source))
    found = read_targets(column, name=f"--target: {source}: column {target!r}").as_classes()
    if not len(found.classes):
        raise InputError(f"--target: {source}: column {target!r} has no value in any row. Name another column.")
    return column


def _measured(
    X: Any, embedding: Any, classes: Any, new: dict[str, Any] | None = None, new_classes: Any = None
) -> dict[str, Any]:
    """Measures rows among each other, or new ones among these."""
    from paradime import metrics

    new = new or {}
    n, n_measured = len(X), len(new.get("test_X", X))
    sampled: dict[str, Any] = {"n_samples": _SAMPLED} if n_measured > _MOST_ROWS else {}
    if sampled:
        say(f"measured on {_SAMPLED:,} rows, drawn at random, against all {n:,}")
    k = min(_N_NEIGHBORS, (n - 1) // 2)
    scores = metrics.evaluate(X, embedding, n_neighbors=k, **new, **sampled)
    found: dict[str, Any] = {
        f"trustworthiness ({k} neighbours)": scores["trustworthiness"],
        f"continuity ({k} neighbours)": scores["continuity"],
        f"neighbours preserved ({k})": scores["knn_recall"],
        "Shepard correlation": metrics.shepard_correlation(X, embedding, n_pairs=100_000, **new),
    }
    if classes is None:
        return found
    tested = {"test_embedding": new["test_embedding"], "test_labels": new_classes} if new else {}
    name = f"accuracy of {k} nearest neighbours"
    found[name] = metrics.knn_accuracy(embedding, classes, n_neighbors=k, **tested, **sampled)
    kinds, new_kinds = (set() if given is None else set(given.dropna()) for given in (classes, new_classes))
    if 1 < len(kinds) < n and new_kinds <= kinds:
        found["silhouette"] = metrics.silhouette(embedding, classes, **tested, **sampled)
    return found


def explain_file(
    model_path: str,
    data: str,
    method: str,
    top: int,
    out: str | None,
    plot: str | None,
    seed: int,
    *,
    each: bool = False,
    header: bool | None = None,
) -> None:
    """Says which features decide where rows lie; those that go together count as one, unless each is asked for."""
    from paradime import explain

    if method not in _METHODS:
        raise InputError(f"--method: must be one of {', '.join(_METHODS)}, got {method!r}.")
    outputs.check_distinct({"the model": model_path, "the table": data}, {"--out": out, "--plot": plot})
    if out is not None:
        outputs.check_table("--out", out)
    if plot is not None:
        outputs.check_picture("--plot", plot)
    model = open_model(model_path)
    rows = read_all_rows(model, data, header=header)
    chosen: Any = method
    features = rows.features.to_numpy()
    with warnings.catch_warnings():
        if each:  # as was asked for
            warnings.filterwarnings("ignore", message="collinear features")
        found = explain.feature_importance(
            model.routine if model.feature_names is None else model.routine.model,
            features,
            method=chosen,
            feature_names=list(rows.features.columns),
            random_state=seed,
            group_collinear=not each,
        )
    if not each:
        for group, members in found.groups.items():
            say(wrapped(f"note: {group!r} are columns that go together, and count as one:", folded(members)))
        if found.groups:
            say("note: --each shows each column, whose share in such a group is arbitrary")
    outputs.print_table(_importances(found, None if out else top), out)
    if plot is not None:
        _draw(found, plot, top)


def _importances(found: Any, top: int | None) -> pd.DataFrame:
    import pandas as pd

    names = ["x", "y", "z"] if len(found.axes) <= 3 else [f"e{axis}" for axis in found.axes]
    order = np.argsort(-found.overall, kind="stable")[:top]
    columns = {name: found.values[order, i] for i, name in zip(range(len(found.axes)), names, strict=False)}
    return pd.DataFrame({"feature": [found.names[i] for i in order], "overall": found.overall[order], **columns})


def _draw(found: Any, path: str, top: int) -> None:
    from paradime.plot import importance

    outputs.save_figure(importance(found, top=top, theme="light"), path)
    say(f"wrote the picture {path}")

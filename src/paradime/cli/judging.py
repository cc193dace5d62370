"""The commands ``evaluate`` and ``explain``: metrics of a map, and the importance of features."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.cli import outputs
from paradime.cli.console import InputError, check_choice, folded, say, wrapped
from paradime.cli.models import Rows, column_of, open_model, read_all_rows
from paradime.cli.suspicions import without_missing_texts

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["evaluate_file", "explain_file"]

_MOST_ROWS, _SAMPLED = 5_000, 2_000
_N_NEIGHBORS = 15
_MOST_CLASSES = 500
_METHODS = ("auto", "integrated_gradients", "gradient_x_input", "permutation")


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
    """Measures a map on the rows of a table: relative to the training rows, or among each other."""
    outputs.check_distinct({"the model": model_path, "a table": data, "the table": train}, {"--out": out})
    if out is not None:
        outputs.check_table("--out", out)
    model = open_model(model_path)
    rows = read_all_rows(model, data, header=header)
    classes = None if target is None else _classes(rows, target, data)
    old = None if train is None else read_all_rows(model, train, header=header)
    old_classes = None if old is None or target is None or train is None else _classes(old, target, train)
    n = len((old or rows).table)
    if n < 4:
        raise InputError(f"{train or data}: needs at least 4 rows to compare neighbours, got {n}. Pass more rows.")
    if old is None:
        say(
            "neighbours are searched among these rows alone; for new rows, pass the training rows as --train TABLE"
        )
        measures = _measured(model.scaled(rows.features), rows.embedding, classes)
    else:
        new = {"test_X": model.scaled(rows.features), "test_embedding": rows.embedding}
        measures = _measured(model.scaled(old.features), old.embedding, old_classes, new, classes)
    import pandas as pd

    frame = pd.DataFrame(
        {
            "measure": list(measures),
            "value": [float(value) for value in measures.values()],
            "standard error": [_standard_error(value) for value in measures.values()],
        }
    )
    if as_json:
        print(json.dumps({name: _json(value) for name, value in measures.items()}, indent=1, ensure_ascii=False))
    if out is not None or not as_json:
        outputs.print_table(frame, out)


def _standard_error(value: Any) -> float:
    """Returns the standard error of a measure; NaN if all rows were measured."""
    return float(getattr(value, "standard_error", 0.0)) or float("nan")


def _json(value: Any) -> dict[str, float | None]:
    error = _standard_error(value)
    return {"value": float(value), "standard error": error if error == error else None}


def _classes(rows: Rows, target: str, source: str) -> Any:
    from paradime.utils.targets import read_targets

    column = without_missing_texts(column_of(rows.table, target, "--target", source))
    classes = read_targets(column, name=f"--target: {source}: column {target!r}").as_classes().classes
    if not len(classes):
        raise InputError(f"--target: {source}: column {target!r} has no value in any row. Name another column.")
    return column


def _measured(
    X: Any, embedding: Any, classes: Any, new: dict[str, Any] | None = None, new_classes: Any = None
) -> dict[str, Any]:
    """Measures rows among each other, or new rows among them."""
    from paradime import metrics

    new = new or {}
    n, n_measured = len(X), len(new.get("test_X", X))
    sampled: dict[str, Any] = {"n_samples": _SAMPLED} if n_measured > _MOST_ROWS else {}
    if sampled:
        say(f"measured on {_SAMPLED:,} rows, drawn at random, relative to all {n:,}")
    k = min(_N_NEIGHBORS, (n - 1) // 2)
    is_large = n > 1000 * k  # in smaller tables, 0.1% of the rows are not more than the k nearest
    names: list[Any] = ["trustworthiness", "continuity", "knn_recall"] + ["fixed_fraction_recall"] * is_large
    scores = metrics.evaluate(X, embedding, metrics=names, n_neighbors=k, **new, **sampled)
    measures: dict[str, Any] = {
        f"trustworthiness ({k} neighbours)": scores["trustworthiness"],
        f"continuity ({k} neighbours)": scores["continuity"],
        f"neighbours preserved ({k})": scores["knn_recall"],
        "Shepard correlation": metrics.shepard_correlation(X, embedding, n_pairs=100_000, **new),
        "random triplets in order": metrics.random_triplet_accuracy(X, embedding, **new),
    }
    if is_large:
        measures[f"neighbours ({k}) within 0.1% of the map"] = scores["fixed_fraction_recall"]
    if classes is None:
        return measures
    tested = {"test_embedding": new["test_embedding"], "test_labels": new_classes} if new else {}
    name = f"accuracy of {k} nearest neighbours"
    measures[name] = metrics.knn_accuracy(embedding, classes, n_neighbors=k, **tested, **sampled)
    present, new_present = (_present(given) for given in (classes, new_classes))
    if 1 < len(present) < n and new_present <= present:
        measures["silhouette"] = metrics.silhouette(embedding, classes, **tested, **sampled)
    if 2 < len(present) <= min(_MOST_CLASSES, n - 1) and new_present <= present:
        of_new = {**new, **tested}
        measures["neighbours of class centres"] = metrics.class_mean_neighbors(X, embedding, classes, **of_new)
        if not new or len(new_present) > 1:
            measures["distances of class centres"] = metrics.centroid_correlation(X, embedding, classes, **of_new)
    return measures


def _present(column: Any) -> set[Any]:
    """Returns the classes of a column that occur; rows without a class have none."""
    from paradime.utils.targets import read_targets

    if column is None:
        return set()
    read = read_targets(column).as_classes()
    return set(np.asarray(read.classes)[np.unique(read.codes[~read.missing])].tolist())


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
    """Computes the importance of features; correlated ones count as one, unless ``each`` is true."""
    from paradime import explain

    check_choice("--method", method, _METHODS)
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
        if each:  # the user chose this
            warnings.filterwarnings("ignore", message="collinear features")
        importance = explain.feature_importance(
            model.routine if model.feature_names is None else model.routine.model,
            features,
            method=chosen,
            feature_names=list(rows.features.columns),
            random_state=seed,
            group_collinear=not each,
        )
    if not each:
        for group, members in importance.groups.items():
            say(wrapped(f"note: {group!r} are correlated columns, which count as one:", folded(members)))
        if importance.groups:
            say("note: --each shows the columns separately, but their shares in a group are arbitrary")
    outputs.print_table(_importances(importance, None if out else top), out)
    if plot is not None:
        _draw(importance, plot, top)


def _importances(importance: Any, top: int | None) -> pd.DataFrame:
    import pandas as pd

    names = ["x", "y", "z"] if len(importance.axes) <= 3 else [f"e{axis}" for axis in importance.axes]
    order = np.argsort(-importance.overall, kind="stable")[:top]
    columns = {name: importance.values[order, i] for i, name in enumerate(names[: len(importance.axes)])}
    features = [importance.names[i] for i in order]
    return pd.DataFrame({"feature": features, "overall": importance.overall[order], **columns})


def _draw(importance: Any, path: str, top: int) -> None:
    from paradime import plot

    outputs.save_figure(plot.importance(importance, top=top, theme="light"), path)
    say(f"wrote the picture {path}")

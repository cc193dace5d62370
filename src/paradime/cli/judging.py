"""How good a map is on a table, and what its axes depend on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.cli import outputs
from paradime.cli.console import InputError, say
from paradime.cli.models import Rows, column_of, open_model, read_all_rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["evaluate_file", "explain_file"]

_MOST_ROWS, _SAMPLED = 5_000, 2_000
_N_NEIGHBORS = 15
_METHODS = ("integrated_gradients", "gradient_x_input", "permutation")


def evaluate_file(model_path: str, data: str, target: str | None, out: str | None, as_json: bool) -> None:
    """Measures the map of a model on the rows of a table."""
    if out is not None:
        outputs.check_table("--out", out)
    model = open_model(model_path)
    rows = read_all_rows(model, data)
    classes = None if target is None else _classes(rows, target, data)
    n = len(rows.frame)
    if n < 4:
        raise InputError(f"{data}: has {n} row(s), and at least 4 are needed to compare neighbours.")
    found = _measured(model.scaled(rows.features), rows.embedding, classes)
    if as_json:
        print(json.dumps({name: _json(value) for name, value in found.items()}, indent=1, ensure_ascii=False))
        return
    import pandas as pd

    frame = pd.DataFrame(
        {
            "measure": list(found),
            "value": [float(value) for value in found.values()],
            "standard error": [float(getattr(value, "standard_error", np.nan)) for value in found.values()],
        }
    )
    outputs.print_table(frame, out)


def _json(value: Any) -> dict[str, float]:
    return {"value": float(value), "standard error": float(getattr(value, "standard_error", 0.0))}


def _classes(rows: Rows, target: str, source: str) -> Any:
    column = column_of(rows, target, "--target", source)
    if bool(column.isna().any()):
        place = int(column.isna().to_numpy().argmax())
        raise InputError(f"{source}: row {place + 1}, column {target!r} has no value. Leave such rows out.")
    return column.astype(str).to_numpy() if column.dtype.kind not in "iub" else column.to_numpy()


def _measured(X: Any, embedding: Any, classes: Any) -> dict[str, Any]:
    from paradime import metrics

    n = len(X)
    sampled: dict[str, Any] = {"n_samples": _SAMPLED} if n > _MOST_ROWS else {}
    if sampled:
        say(f"measured on {_SAMPLED:,} rows, drawn at random, against all {n:,}")
    k = min(_N_NEIGHBORS, (n - 1) // 2)
    found: dict[str, Any] = {
        f"trustworthiness ({k} neighbours)": metrics.trustworthiness(X, embedding, n_neighbors=k, **sampled),
        f"continuity ({k} neighbours)": metrics.continuity(X, embedding, n_neighbors=k, **sampled),
        f"neighbours kept ({k})": metrics.neighbors_kept(X, embedding, n_neighbors=k, **sampled),
        "Shepard correlation": metrics.shepard_correlation(X, embedding, n_pairs=100_000),
    }
    if classes is not None:
        name = f"accuracy of {k} nearest neighbours"
        found[name] = metrics.knn_accuracy(embedding, classes, n_neighbors=k, **sampled)
        n_classes = len(np.unique(classes))
        if 1 < n_classes < n:
            found["silhouette"] = metrics.silhouette(embedding, classes, **sampled)
    return found


def explain_file(
    model_path: str, data: str, method: str, top: int, out: str | None, plot: str | None, seed: int
) -> None:
    """Says which features decide where rows lie."""
    from paradime import explain

    if method not in _METHODS:
        raise InputError(f"--method: must be one of {', '.join(_METHODS)}, got {method!r}.")
    if out is not None:
        outputs.check_table("--out", out)
    if plot is not None:
        outputs.check_picture("--plot", plot)
    model = open_model(model_path)
    rows = read_all_rows(model, data)
    chosen: Any = method
    features = rows.features.to_numpy(dtype=np.float32)
    found = explain.feature_importance(
        model.routine if model.feature_names is None else model.routine.model,
        features,
        method=chosen,
        feature_names=list(rows.features.columns),
        random_state=seed,
    )
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
    from pathlib import Path

    from paradime.plot import importance
    from paradime.utils.files import atomic_write

    axes = importance(found, top=top, theme="light")
    with atomic_write(path) as temporary:
        axes.figure.savefig(temporary, format=Path(path).suffix[1:].lower(), dpi=200, bbox_inches="tight")  # type: ignore[union-attr]
    say(f"wrote the picture {path}")

"""Pipelines of an encoder of tables and a routine, saved with the routine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

from paradime.preprocessing.tabular import TabularEncoder

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["encoder_of_numbers", "pipeline_of", "save_pipeline", "saved_encoder", "table_metadata", "table_of"]

_KEY = "table"
_OF_ENCODER = ("encoder", "features", "categories", "offsets")


def save_pipeline(
    pipeline: Pipeline,
    path: str | os.PathLike[str],
    *,
    metadata: Mapping[str, Any] | None = None,
    verify: bool = False,
) -> None:
    """Saves a fitted pipeline of a :class:`TabularEncoder` and a routine.

    The file is that of the routine, with the encoder in its metadata: :func:`paradime.load` reads the routine,
    :func:`pipeline_of` returns the pipeline, and the command line encodes tables as the pipeline does.

    Args:
        pipeline: The pipeline, such as ``make_pipeline(TabularEncoder(), ParametricUMAP()).fit(frame)``.
        path: A file that ends in ``.paradime``, or a folder.
        metadata: Anything else that JSON can hold; metadata of a loaded routine stay.
        verify: Whether to load what is about to be written, and to compare it, as ``save`` of the routine does.

    Raises:
        ValueError: If the pipeline has other steps, or the verification fails.
        NotFittedError: If it is not fitted.
        OSError: If the file cannot be written.
    """
    steps = [step for _, step in pipeline.steps]
    if len(steps) != 2 or not isinstance(steps[0], TabularEncoder) or not hasattr(steps[1], "save"):
        named = ", ".join(type(step).__name__ for step in steps)
        raise ValueError(
            f"the pipeline must be a TabularEncoder and a routine to be saved, got {named}. Save the routine by "
            "its own method."
        )
    encoder, routine = steps
    check_is_fitted(routine)
    known = getattr(routine, "metadata_", None) or {}
    facts = {name: value for name, value in table_of(routine).items() if name not in _OF_ENCODER}
    routine.save(path, metadata={**known, **(metadata or {}), **table_metadata(encoder, **facts)}, verify=verify)


def pipeline_of(routine: Any) -> Pipeline:
    """Returns the fitted pipeline of a loaded routine that :func:`save_pipeline` or the command line saved.

    Args:
        routine: What :func:`paradime.load` returned.

    Returns:
        A pipeline of a :class:`TabularEncoder` and the routine. It takes data frames with the columns
        ``pipeline[0].feature_names_in_``.

    Raises:
        ValueError: If it was saved without an encoder, and has no names of columns.
    """
    encoder = saved_encoder(routine)
    if encoder is None:
        raise ValueError(
            "the routine must be saved with an encoder, or fitted to a data frame, got one without names of "
            "columns. Pass the rows to the routine itself."
        )
    if hasattr(routine, "feature_names_in_"):  # which are those of the encoder's features
        encoder.set_output(transform="pandas")
    from sklearn.pipeline import Pipeline

    return Pipeline([("encoder", encoder), ("routine", routine)])


def table_metadata(encoder: TabularEncoder, **facts: Any) -> dict[str, Any]:
    """Returns the metadata of a saved routine: the encoder of its tables, and further facts on the table."""
    return {_KEY: {"encoder": encoder.to_dict(), **facts}}


def saved_encoder(routine: Any) -> TabularEncoder | None:
    """Returns the encoder of the tables that a loaded routine takes, or ``None`` if it has no names of columns.

    A routine that was saved without an encoder takes columns of numbers as they are.

    Raises:
        ValueError: If the encoder is damaged.
    """
    table = table_of(routine)
    if "encoder" in table:
        return TabularEncoder.from_dict(table["encoder"])
    names = getattr(routine, "feature_names_in_", None)
    if names is None:
        return None
    features = [str(name) for name in names]
    # earlier versions wrote names of numeric columns, categories, and offsets that were subtracted
    numbers, categories, offsets = (table.get(key) for key in ("features", "categories", "offsets"))
    if not (isinstance(numbers, list) and isinstance(categories, dict)):
        return encoder_of_numbers(features)
    offsets = offsets if isinstance(offsets, dict) else {}
    return encoder_of_numbers(numbers, categories=categories, offsets=offsets, features=features)


def table_of(routine: Any) -> dict[str, Any]:
    """Returns the metadata on the table that a routine was fitted to; empty if there are none."""
    table = (getattr(routine, "metadata_", None) or {}).get(_KEY)
    return table if isinstance(table, dict) else {}


def encoder_of_numbers(
    numbers: list[str],
    *,
    categories: dict[str, list[str | None]] | None = None,
    offsets: Mapping[str, float] | None = None,
    features: list[str] | None = None,
) -> TabularEncoder:
    """Returns an encoder that keeps columns of numbers as they are.

    Args:
        numbers: The names of these columns.
        categories: Categories by the names of further columns.
        offsets: Numbers that are subtracted from columns, by name.
        features: The names of the features, if they are not those of the columns.
    """
    categories, offsets = categories or {}, offsets or {}
    return TabularEncoder.from_dict(
        {
            "columns": [*numbers, *categories],
            "categories": categories,
            # medians are not known: missing numbers stay missing, and the routine refuses them
            "missing": "fill",
            "fill": [float("nan")] * len(numbers),
            "mean": [float(offsets.get(name, 0.0)) for name in numbers],
            "scale": [1.0] * len(numbers),
            "features": features or numbers,
        }
    )

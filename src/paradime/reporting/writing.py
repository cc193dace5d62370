"""The function ``report``: measures an embedding and writes the page."""

from __future__ import annotations

import datetime
import os
import warnings
from typing import Any

import numpy as np

from paradime.plot._theme import require_matplotlib
from paradime.reporting.describing import describe_data, describe_routine, specification, versions
from paradime.reporting.details import Details, look_closer
from paradime.reporting.judging import headline, judge
from paradime.reporting.material import Material, read_material
from paradime.reporting.page import Contents, render
from paradime.reporting.pictures import draw_pictures
from paradime.reporting.result import Report
from paradime.reporting.scores import Measured, measure
from paradime.utils.files import checked_path

__all__ = ["report"]


def report(
    routine: Any,
    X: Any,
    y: Any = None,
    X_new: Any = None,
    y_new: Any = None,
    *,
    path: str | os.PathLike[str] | None = None,
    k: int = 15,
    n_samples: int = 500,
    random_state: Any = 0,
    title: str | None = None,
) -> Report:
    """Assesses the quality of an embedding in one page.

    The page answers four questions: whether neighbours in the map are neighbours in the data, whether new rows are
    embedded correctly, whether long distances are meaningful, and where the map is unreliable. Each answer gives
    its score with a standard error, and the scores of PCA and of permuted positions for the same rows. Distances
    in the data are Euclidean, between the rows as the routine gets them. Of more than 8,000 rows (fewer, if they
    have many columns), a random sample is used.

    Args:
        routine: A trained routine, also a loaded one; a pipeline that ends with one; or a torch module.
        X: The training rows, shape (n, …), n at least 5; a data frame names the columns.
        y: A class or a number per row, shape (n,), or ``None``. Floating-point values are numbers, all others are
            classes; −1 (among integers) or a missing value means unlabelled.
        X_new: Held-out rows, shape (m, …), or ``None``. Without them the report cannot assess new rows.
        y_new: Their classes or numbers, shape (m,), or ``None``.
        path: An HTML file for the page, in an existing folder.
        k: Size of neighbourhoods, at least 1; reduced if there are few rows.
        n_samples: Number of rows to measure, at least 2, each among all rows of the report.
        random_state: Seed of all draws.
        title: Title of the page; the routine's name if ``None``.

    Returns:
        A :class:`Report`, which a notebook shows as the page.

    Raises:
        ImportError: If matplotlib is missing.
        NotTrainedError: If the routine is not trained.
        TypeError: If ``routine`` is neither a routine nor a module, or rows are not arrays of numbers.
        ValueError: If rows do not fit or are not finite, lengths differ, or a number is out of range.
        OSError: If the file cannot be written, with its path.

    Example:
        >>> from paradime import ParametricMDS
        >>> X = np.random.default_rng(0).normal(size=(60, 3))
        >>> quality = report(ParametricMDS(epochs=3, random_state=0).fit(X), X)
        >>> quality.verdicts[1].level
        'unknown'
        >>> preserved = quality.figures["neighbours preserved"]
        >>> bool(preserved.seen > preserved.random)
        True
    """
    require_matplotlib()
    _check(k=(k, 1), n_samples=(n_samples, 2))
    if path is not None:
        checked_path(path, example="report.html")  # before the measurement
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = _report(routine, X, y, X_new, y_new, int(k), int(n_samples), random_state, title, caught)
    if path is not None:
        result.save(path)
    return result


def _report(
    routine: Any,
    X: Any,
    y: Any,
    X_new: Any,
    y_new: Any,
    k: int,
    n_samples: int,
    random_state: Any,
    title: str | None,
    caught: list[warnings.WarningMessage],
) -> Report:
    material = read_material(routine, X, y, X_new, y_new, random_state)
    size = min(k, (len(material.old) - 1) // 2)
    measured = measure(material, k=size, n_samples=n_samples, random_state=random_state)
    details = look_closer(material, measured.linear, k=size, random_state=random_state)
    verdicts = judge(measured, details)
    pictures, left_out = draw_pictures(material, measured, details)
    data = describe_data(material)
    messages = dict.fromkeys(f"Warning during the measurement: {warning.message}" for warning in caught)
    concerns = [*data.concerns, *messages]
    name = title if title is not None else type(material.routine).__name__
    summary = headline(verdicts)
    contents = Contents(
        title=str(name),
        subtitle=_subtitle(material),
        summary=summary,
        verdicts=verdicts,
        pictures=pictures,
        figures=list(measured.figures.values()),
        data=data,
        routine=describe_routine(material),
        specification=specification(material.routine),
        concerns=concerns,
        method=_method(material, measured, details, k, random_state) + left_out + list(details.notes),
    )
    return Report(str(name), summary, tuple(verdicts), measured.figures, tuple(concerns), render(contents))


def _subtitle(material: Material) -> str:
    old, new = material.old, material.new
    new_rows = "" if new is None else f" and {new.n_total:,} new rows"
    today = datetime.date.today().isoformat()
    name = type(material.routine).__name__
    return f"{name}, {old.n_total:,} training rows{new_rows}, {material.out_dim} dimensions, {today}"


def _method(material: Material, measured: Measured, details: Details, k: int, random_state: Any) -> list[str]:
    """Returns sentences on sample sizes, seeds and terms."""
    n, size = len(material.old), measured.k
    drawn = "" if n == material.old.n_total else f" drawn at random from {material.old.n_total:,}"
    return [
        f"Neighbourhoods have {size} points"
        + (f" instead of {k}, since there are few rows." if size < k else "."),
        f"Scores were measured at {measured.n_rows:,} rows, each among {n:,}{drawn}, with the seed "
        f"{random_state!r}, and the co-ranking curve at {measured.curves['this map'].area.n_sampled:,} rows. "
        f"Pictures and the last question use {len(details.shown):,} points.",
        "± is a standard error, since only some rows were measured. Without it, all rows were measured, or it is "
        "unknown.",
        "PCA is the linear projection of the same rows to the same number of dimensions. Permuted positions are "
        "those of this map, randomly assigned to other rows; ± is then the standard deviation of several "
        "permutations.",
        "Answers follow from comparisons with these two, and from whether more than half of the neighbours are "
        "correct. Two values count as equal if they differ by less than two standard errors or 0.005.",
        "Distances in the data are Euclidean, between the rows as the routine gets them.",
        f"Written by {versions()}.",
    ]


def _check(**numbers: tuple[Any, int]) -> None:
    for name, (value, least) in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(
                f"{name} must be an integer of at least {least}, got {value!r}. Leave it out for the default."
            )

"""Making a report."""

from __future__ import annotations

import datetime
import os
import warnings
from typing import Any

import numpy as np

from paradime.reporting.describing import describe_data, describe_routine, specification, versions
from paradime.reporting.details import Details, look_closer
from paradime.reporting.judging import headline, judge
from paradime.reporting.material import Material, read_material
from paradime.reporting.page import Contents, render
from paradime.reporting.pictures import draw_pictures
from paradime.reporting.result import Report, checked_path
from paradime.reporting.scores import Measured, measure
from paradime.utils._drawing import require_matplotlib

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
    """Judges a map, and tells in one page whether to trust it.

    The page answers four questions: whether neighbours in the map are neighbours in the data, whether new points
    land where they belong, whether long distances mean anything, and where the map is wrong. Each answer comes
    with its figure, its standard error, and with what a linear map (PCA) and a map at random have on the same
    rows. Distances in the data are Euclidean, of the rows as the routine gets them. Of more than 8,000 rows
    (fewer, where these have many columns), a random draw is judged.

    Args:
        routine: A trained routine, also a loaded one; a pipeline that ends with one; or a torch module.
        X: The rows of the training, shape (n, …), n at least 5; a data frame gives names to the columns.
        y: A class or a number for each row, shape (n,), or ``None``. Floating-point numbers are numbers,
            everything else is classes, of which −1 (among integers) or a missing value means unlabelled.
        X_new: Rows that the routine has not seen, shape (m, …), or ``None``. Without them the report cannot say
            whether new points can be placed.
        y_new: Their classes or numbers, shape (m,), or ``None``.
        path: An HTML file to write the page to, in a folder that exists.
        k: Size of neighbourhoods, at least 1; reduced where there are few rows.
        n_samples: How many rows to measure, at least 2, each among all that are judged.
        random_state: Seed of all draws.
        title: Title of the page; the routine's name if ``None``.

    Returns:
        A :class:`Report`, which a notebook shows.

    Raises:
        ImportError: If matplotlib is missing.
        NotTrainedError: If the routine is not trained.
        TypeError: If the routine is none, or rows are no arrays of numbers.
        ValueError: If rows do not fit or are not finite, lengths differ, or a number is out of range.
        OSError: If the file cannot be written, with its path.

    Example:
        >>> from paradime import ParametricMDS
        >>> X = np.random.default_rng(0).normal(size=(60, 3))
        >>> made = report(ParametricMDS(epochs=3, random_state=0).fit(X), X)
        >>> made.verdicts[1].level
        'unknown'
        >>> bool(made.figures["neighbours preserved"].seen > made.figures["neighbours preserved"].random)
        True
    """
    require_matplotlib()
    _check(k=(k, 1), n_samples=(n_samples, 2))
    if path is not None:
        checked_path(path)  # before anything is measured
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = _make(routine, X, y, X_new, y_new, int(k), int(n_samples), random_state, title, caught)
    if path is not None:
        made.save(path)
    return made


def _make(
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
    told = dict.fromkeys(f"Warning while this was made: {one.message}" for one in caught)
    concerns = [*data.concerns, *told]
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
    told = f"{type(material.routine).__name__}, {old.n_total:,} rows"
    told += "" if new is None else f" and {new.n_total:,} new ones"
    return f"{told}, {material.out_dim} dimensions, {datetime.date.today().isoformat()}"


def _method(material: Material, measured: Measured, details: Details, k: int, random_state: Any) -> list[str]:
    """Tells sizes, seeds, and what words mean."""
    n, size = len(material.old), measured.k
    drawn = "" if n == material.old.n_total else f" drawn at random of {material.old.n_total:,}"
    return [
        f"Neighbourhoods have {size} points"
        + (f", fewer than the {k} asked for, since there are few rows." if size < k else "."),
        f"Figures were measured at {measured.n_rows:,} rows, each among {n:,}{drawn}, with the seed "
        f"{random_state!r}; "
        f"the co-ranking curve at {measured.curves['this map'].area.n_sampled:,} rows. What pictures and the last "
        f"question tell of single points was measured among {len(details.shown):,}.",
        "± is a standard error: how far the figure may be off because it was measured on some rows only. "
        "Without it, "
        "all rows were measured, or it is not known.",
        "A linear map (PCA) is the projection of the same rows on as many axes. A map at random has this map's "
        "places, "
        "dealt out to other rows; its ± is the standard deviation of several.",
        "Answers follow from comparisons with these two, and from whether more than half of what the map says "
        "is so. "
        "Two figures count as equal if they differ by less than two standard errors, or by less than 0.005.",
        "Distances in the data are Euclidean, of the rows as the routine gets them.",
        f"Made with {versions()}.",
    ]


def _check(**numbers: tuple[Any, int]) -> None:
    for name, (value, least) in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(
                f"{name} must be an integer from {least} on, got {value!r}. Leave it out for the default."
            )

"""The function ``report``: measures an embedding and writes the page."""

from __future__ import annotations

import dataclasses
import datetime
import html
import os
import warnings
from pathlib import Path
from typing import Any, Literal

from paradime.plot._theme import require_matplotlib
from paradime.reporting.describing import (
    describe_constraints,
    describe_data,
    describe_routine,
    specification,
    versions,
)
from paradime.reporting.details import Details, look_closer
from paradime.reporting.judging import Verdict, headline, judge
from paradime.reporting.material import Material, last_step, read_material
from paradime.reporting.page import Contents, render
from paradime.reporting.pictures import draw_pictures
from paradime.reporting.scores import Measured, Score, measure
from paradime.utils.arguments import check_integer
from paradime.utils.files import atomic_write, checked_path
from paradime.utils.optional import require

__all__ = ["Report", "report"]

_HEIGHT = 800
_REMEDY = "Leave it out for the default."


@dataclasses.dataclass(frozen=True, repr=False)
class Report:
    """A report on an embedding. It is printed as its verdicts, and shown as the page in a notebook.

    Attributes:
        title: The title of the page.
        summary: The verdicts in one sentence.
        verdicts: Answers to the four questions, with level and reasons.
        scores: All scores by name.
        concerns: Possible problems: properties of the data, and warnings.
        html: The page, which is self-contained.
    """

    title: str
    summary: str
    verdicts: tuple[Verdict, ...]
    scores: dict[str, Score]
    concerns: tuple[str, ...]
    html: str

    @property
    def frame(self) -> Any:
        """All scores as a pandas data frame with one row per score; see :meth:`to_frame`."""
        return self.to_frame()

    def to_frame(self, library: Literal["pandas", "polars"] = "pandas") -> Any:
        """Returns all scores as a data frame.

        Args:
            library: ``"pandas"`` or ``"polars"``.

        Returns:
            Columns ``metric``, the name; ``seen`` and ``held_out``, each with its ``_error``; ``pca``
            and ``pca_held_out``, by PCA of the same rows; ``random`` and ``random_spread``, for permuted
            positions; ``data`` and ``data_held_out``, in the data; and ``meaning``. Values that were not measured
            are missing.

        Raises:
            ImportError: If the library is not installed.
            ValueError: If it is neither of the two.
        """
        if library not in ("pandas", "polars"):
            raise ValueError(f"library must be 'pandas' or 'polars', got {library!r}.")
        rows = [_row(score) for score in self.scores.values()]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        others = "The scores themselves are in report.scores."
        module = require(library, "A report as a data frame", remedy=others)
        if library == "polars":
            return module.DataFrame(columns, strict=False)
        texts = ("metric", "meaning")
        return module.DataFrame(columns).astype({name: float for name in columns if name not in texts})

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the page to a file atomically.

        Args:
            path: The file, in an existing folder.

        Returns:
            The path.

        Raises:
            OSError: If it cannot be written, with the path.
        """
        target = checked_path(path, example="report.html")
        with atomic_write(target) as temporary:
            temporary.write_text(self.html, encoding="utf-8")
        return target

    def _repr_html_(self) -> str:
        # the sandbox keeps texts of the data from running code in the notebook
        return (
            f'<iframe srcdoc="{html.escape(self.html, quote=True)}" width="100%" height="{_HEIGHT}" sandbox="" '
            'style="border:1px solid #8884;border-radius:8px"></iframe>'
        )

    def __repr__(self) -> str:
        lines = [f"Report({self.title!r})", self.summary]
        lines += [f"- {verdict.question} {verdict.answer}." for verdict in self.verdicts]
        return "\n".join(lines)


def _row(score: Score) -> dict[str, Any]:
    seen, held_out, random = score.seen, score.held_out, score.random
    values = {
        "seen": seen,
        "seen_error": seen.standard_error,
        "held_out": held_out,
        "held_out_error": None if held_out is None else held_out.standard_error,
        "pca": score.pca,
        "pca_held_out": score.pca_held_out,
        "random": random,
        "random_spread": None if random is None else random.standard_error,
        "data": score.data,
        "data_held_out": score.data_held_out,
    }
    numbers = {name: None if value is None else float(value) for name, value in values.items()}
    return {"metric": score.name, **numbers, "meaning": score.meaning}


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
        >>> import numpy as np
        >>> from paradime import ParametricMDS
        >>> X = np.random.default_rng(0).normal(size=(60, 3))
        >>> quality = report(ParametricMDS(epochs=3, random_state=0).fit(X), X)
        >>> quality.verdicts[1].level
        'unknown'
        >>> preserved = quality.scores["neighbours preserved"]
        >>> bool(preserved.seen > preserved.random)
        True
    """
    require_matplotlib()
    k = check_integer("k", k, remedy=_REMEDY)
    n_samples = check_integer("n_samples", n_samples, 2, remedy=_REMEDY)
    if path is not None:
        checked_path(path, example="report.html")  # before the measurement
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = _report(routine, X, y, X_new, y_new, k, n_samples, random_state, title, caught)
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
    last, X, X_new = last_step(routine, X, X_new)
    constraints = describe_constraints(last, seen=(X, y), new=(X_new, y_new))
    concerns = [*data.concerns, *constraints.concerns, *messages]
    name = title if title is not None else type(material.routine).__name__
    summary = headline(verdicts)
    contents = Contents(
        title=str(name),
        subtitle=_subtitle(material),
        summary=summary,
        verdicts=verdicts,
        pictures=pictures,
        scores=list(measured.scores.values()),
        constraints=constraints,
        data=data,
        routine=describe_routine(material),
        specification=specification(material.routine),
        concerns=concerns,
        method=_method(material, measured, details, k, random_state) + left_out + list(details.notes),
    )
    return Report(str(name), summary, tuple(verdicts), measured.scores, tuple(concerns), render(contents))


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

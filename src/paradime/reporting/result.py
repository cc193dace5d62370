"""The class Report: a page, a data frame of scores, and verdicts."""

from __future__ import annotations

import dataclasses
import html
import os
from pathlib import Path
from typing import Any, Literal

from paradime.reporting.judging import Verdict
from paradime.reporting.scores import Score
from paradime.utils.files import atomic_write, checked_path
from paradime.utils.optional import require

__all__ = ["Report"]

_HEIGHT = 800


@dataclasses.dataclass(frozen=True, repr=False)
class Report:
    """A report on an embedding. It is printed as its verdicts, and shown as the page in a notebook.

    Attributes:
        title: The title of the page.
        summary: The verdicts in one sentence.
        verdicts: Answers to the four questions, with level and reasons.
        figures: All scores by name.
        concerns: Possible problems: properties of the data, and warnings.
        html: The page, which is self-contained.
    """

    title: str
    summary: str
    verdicts: tuple[Verdict, ...]
    figures: dict[str, Score]
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
            Columns ``figure``, the name of the score; ``seen`` and ``held_out``, each with its ``_error``; ``pca``
            and ``pca_held_out``, by PCA of the same rows; ``random`` and ``random_spread``, for permuted
            positions; ``data`` and ``data_held_out``, in the data; and ``meaning``. Values that were not measured
            are missing.

        Raises:
            ImportError: If the library is not installed.
            ValueError: If it is neither of the two.
        """
        if library not in ("pandas", "polars"):
            raise ValueError(f"library must be 'pandas' or 'polars', got {library!r}.")
        rows = [_row(figure) for figure in self.figures.values()]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        others = "The scores themselves are in report.figures."
        module = require(library, "A report as a data frame", remedy=others)
        if library == "polars":
            return module.DataFrame(columns, strict=False)
        texts = ("figure", "meaning")
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


def _row(figure: Score) -> dict[str, Any]:
    seen, held_out, random = figure.seen, figure.held_out, figure.random
    values = {
        "seen": seen,
        "seen_error": seen.standard_error,
        "held_out": held_out,
        "held_out_error": None if held_out is None else held_out.standard_error,
        "pca": figure.pca,
        "pca_held_out": figure.pca_held_out,
        "random": random,
        "random_spread": None if random is None else random.standard_error,
        "data": figure.data,
        "data_held_out": figure.data_held_out,
    }
    numbers = {name: None if value is None else float(value) for name, value in values.items()}
    return {"figure": figure.name, **numbers, "meaning": figure.meaning}

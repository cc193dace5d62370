"""Checked pairs of data and embedding, with the rows that a metric evaluates."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import torch

from paradime.metrics._chunks import as_pair, as_points, distance_blocks, usual_chunk_size
from paradime.metrics._estimates import drawn_rows

__all__ = ["BlockFunction", "Comparison", "as_comparison", "check_columns", "check_together"]


BlockFunction: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Data, their embedding, and the rows to evaluate.

    Attributes:
        points: The data, shape (n, dim).
        embedded: Their embedding, shape (n, out_dim).
        rows: Indices of the rows to evaluate, or ``None`` for all; unused with held-out rows.
        test_points: Held-out rows, which are compared with all points, shape (m, dim), or ``None``.
        test_embedded: Their embedding, shape (m, out_dim), or ``None``.
    """

    points: torch.Tensor
    embedded: torch.Tensor
    rows: torch.Tensor | None = None
    test_points: torch.Tensor | None = None
    test_embedded: torch.Tensor | None = None

    @property
    def n_others(self) -> int:
        """Number of points that each evaluated row is compared with."""
        return len(self.points) - (self.test_points is None)

    @property
    def n_total(self) -> int | None:
        """Number of rows that the evaluated ones were drawn from; ``None`` for held-out rows: it is unlimited."""
        return len(self.points) if self.test_points is None else None

    @property
    def n_measured(self) -> int:
        """Number of evaluated rows."""
        if self.test_points is not None:
            return len(self.test_points)
        return len(self.points) if self.rows is None else len(self.rows)

    @property
    def words(self) -> str:
        """The number of points, for messages."""
        return f"{len(self.points)} {'points' if self.test_points is None else 'training rows'}"

    def reversed(self) -> Comparison:
        """Returns a comparison with data and embedding exchanged."""
        return Comparison(self.embedded, self.points, self.rows, self.test_embedded, self.test_points)

    def blocks(
        self, *, self_distance: float = 0.0, chunk_size: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yields distances in data and embedding of blocks of evaluated rows to all points, shape (rows, n)."""
        if chunk_size is None:
            chunk_size = usual_chunk_size(self.points, self.embedded)
        settings: dict[str, Any] = {
            "rows": self.rows,
            "self_distance": self_distance,
            "chunk_size": chunk_size,
        }
        for (_, in_data), (_, in_embedding) in zip(
            distance_blocks(self.points, queries=self.test_points, **settings),
            distance_blocks(self.embedded, queries=self.test_embedded, **settings),
            strict=True,
        ):
            yield in_data, in_embedding

    def row_values(self, *functions: BlockFunction, chunk_size: int | None = None) -> list[torch.Tensor]:
        """Computes values of the measured rows by several functions, with one computation of the distances.

        Args:
            *functions: Functions of a block of distances in data and embedding, each of shape (rows, n), that
                return a value or several for each row. Points are infinitely far from themselves.
            chunk_size: Number of rows to compute at a time.

        Returns:
            The values of each function, shape (n_measured, …).
        """
        values = [
            [function(in_data, in_embedding) for function in functions]
            for in_data, in_embedding in self.blocks(self_distance=math.inf, chunk_size=chunk_size)
        ]
        return [torch.cat(of_function) for of_function in zip(*values, strict=True)]


def as_comparison(
    X: Any,
    embedding: Any,
    *,
    test_X: Any = None,
    test_embedding: Any = None,
    n_samples: int | None = None,
    random_state: Any = 0,
) -> Comparison:
    """Checks data and their embedding, and draws the rows to evaluate.

    Args:
        X: Data, shape (n, dim).
        embedding: Embedding of the same points, shape (n, out_dim).
        test_X: Held-out rows, shape (m, dim), or ``None``.
        test_embedding: Their embedding, shape (m, out_dim), or ``None``.
        n_samples: Number of rows to evaluate; all if ``None``.
        random_state: Seed of the draw.

    Raises:
        TypeError: If an input is not real numbers.
        ValueError: If an input is not a finite matrix, if numbers of rows or columns differ, or if only one of
            ``test_X`` and ``test_embedding`` is given.

    Example:
        >>> as_comparison([[1.0], [2.0], [4.0]], [[1.0], [2.0], [3.0]]).n_others
        2
    """
    points, embedded = as_pair(X, embedding)
    check_together(test_X=test_X, test_embedding=test_embedding)
    if test_X is None:
        rows = drawn_rows(len(points), n_samples, random_state)
        return Comparison(points, embedded, None if rows is None else rows.to(points.device))
    test_points = as_points(test_X, name="test_X", device=points.device)
    test_embedded = as_points(test_embedding, name="test_embedding", device=points.device)
    if len(test_points) != len(test_embedded):
        raise ValueError(
            f"test_X and test_embedding must have the same number of rows, got {len(test_points)} and "
            f"{len(test_embedded)}. Pass the embedding of the same rows in the same order."
        )
    check_columns("X", points, "test_X", test_points)
    check_columns("embedding", embedded, "test_embedding", test_embedded)
    rows = drawn_rows(len(test_points), n_samples, random_state)
    if rows is not None:
        test_points, test_embedded = (
            test_points[rows.to(test_points.device)],
            test_embedded[rows.to(test_embedded.device)],
        )
    return Comparison(points, embedded, None, test_points, test_embedded)


def check_together(**given: Any) -> None:
    """Raises an error if only some of the arguments are given."""
    missing = [name for name, value in given.items() if value is None]
    if 0 < len(missing) < len(given):
        raise ValueError(
            f"{' and '.join(given)} must be given together, got no {' and no '.join(missing)}. "
            "Pass all of them, or none."
        )


def check_columns(name: str, points: torch.Tensor, test_name: str, test_points: torch.Tensor) -> None:
    """Raises an error if held-out rows have another number of columns."""
    if points.shape[1] != test_points.shape[1]:
        raise ValueError(
            f"{name} and {test_name} must have the same number of columns, got "
            f"{points.shape[1]} and {test_points.shape[1]}. Embed both with the same model."
        )

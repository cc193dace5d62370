"""Training rows, stored such that new rows find their nearest ones among them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any, Self

import torch

from paradime.functional import axes_of_rows
from paradime.neighbors.metrics import canonical
from paradime.neighbors.products import smallest, sq_norms_of
from paradime.types import Metric

__all__ = ["ReferenceRows", "chunks_of"]

_MOST_COLUMNS = 100  # more are reduced to as many principal components
_SAMPLED_ROWS = 2_000  # whose principal axes are those of all
_CHUNK_ELEMENTS = 1 << 21
_LARGEST = 1_024.0  # of the stored numbers, far from the ends of half precision
_LARGEST_HALF = 65_504.0
_MARGIN = 8  # neighbours more than asked for: which ones are nearest is decided in double precision
_DIRECTIONS = {"cosine": 1, "correlation": 2}


@dataclasses.dataclass(frozen=True, eq=False)
class ReferenceRows:
    """Rows in a short form, by whose Euclidean distances neighbours are searched, and a key of each.

    Attributes:
        rows: The rows, reduced and scaled, shape (n, p), p up to 100, float16.
        keys: A number of each row, which equal rows share, ascending, shape (n,), int64.
        order: The rows in the order of their keys, shape (n,), int64.
        center: What is subtracted of a row, shape (d,), float64.
        axes: The axes on which rows are projected, with their scale, shape (p, d), float64; without columns to
            leave out, the scale alone, shape (1, 1).
        directions: 0 if rows are compared as they are, 1 if by their directions (cosine), 2 if by those of their
            deviations from the row's mean (correlation); shape ().
    """

    rows: torch.Tensor
    keys: torch.Tensor
    order: torch.Tensor
    center: torch.Tensor
    axes: torch.Tensor
    directions: torch.Tensor

    @classmethod
    def of(cls, X: Any, metric: Metric = "euclidean") -> Self:
        """Stores rows.

        Args:
            X: A tensor, shape (n, …), or sparse rows.
            metric: By which neighbours were searched. Cosine and correlation distances compare directions; for
                all others, Euclidean distances stand in.
        """
        name = canonical(metric) if isinstance(metric, str) else ""
        directions = torch.tensor(_DIRECTIONS.get(str(name), 0))
        keys = torch.cat([_keys_of(chunk) for chunk in chunks_of(X)])
        wide = [_compared(chunk, directions) for chunk in chunks_of(_sample(X))]
        sample = torch.cat(wide)
        center, n_columns = sample.mean(dim=0), sample.shape[1]
        deviations = sample - center
        axes = torch.ones(1, 1, dtype=torch.float64)
        if n_columns > _MOST_COLUMNS:
            axes, _ = axes_of_rows(deviations, min(_MOST_COLUMNS, len(sample)))
        largest = max(
            float(_reduced(_compared(chunk, directions) - center, axes).abs().max()) for chunk in chunks_of(X)
        )
        axes = axes * (_LARGEST / largest if largest > 0 else 1.0)
        rows = torch.cat([_stored(chunk, directions, center, axes) for chunk in chunks_of(X)])
        ordered = keys.sort(stable=True)
        return cls(rows, ordered.values, ordered.indices, center, axes, directions)

    def with_rows(self, X: Any) -> Self:
        """Returns these rows and further ones, shape (m, …), or sparse rows."""
        keys = torch.empty_like(self.keys)
        keys[self.order] = self.keys
        more = [_stored(chunk, self.directions, self.center, self.axes) for chunk in chunks_of(X)]
        ordered = torch.cat([keys, *map(_keys_of, chunks_of(X))]).sort(stable=True)
        rows = torch.cat([self.rows, *more])
        return dataclasses.replace(self, rows=rows, keys=ordered.values, order=ordered.indices)

    def __len__(self) -> int:
        return len(self.rows)

    def state(self) -> dict[str, torch.Tensor]:
        """Returns the tensors by name."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, torch.Tensor]) -> Self:
        """Makes rows of what :meth:`state` returned.

        Raises:
            ValueError: If the tensors do not fit together.
        """
        made = cls(**{field.name: state[field.name] for field in dataclasses.fields(cls)})
        n, p = made.rows.shape
        shapes = made.keys.shape == made.order.shape == (n,) and made.axes.shape in ((1, 1), (p, len(made.center)))
        within = shapes and n > 0 and bool(((made.order >= 0) & (made.order < n)).all())
        if not within or int(made.directions) not in (0, 1, 2):
            raise ValueError("the rows of a refined map do not fit together.")
        return made

    def find(self, X: torch.Tensor) -> torch.Tensor:
        """Returns the first stored row that equals each of these, shape (m,), int64; −1 where none does."""
        keys = _keys_of(X)
        places = torch.searchsorted(self.keys, keys).clamp_max(len(self.keys) - 1)
        return torch.where(self.keys[places] == keys, self.order[places], -1)

    def first_equal(self) -> torch.Tensor:
        """Returns, for each stored row, the first of those that equal it, shape (n,)."""
        first = torch.empty_like(self.order)
        first[self.order] = self.order[torch.searchsorted(self.keys, self.keys)]
        return first

    def nearest(self, X: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds the nearest stored rows of a few rows, differentiable with respect to these.

        Args:
            X: Rows, shape (m, …).
            k: How many, at most n.

        Returns:
            Indices, and squared distances in the unit of the stored rows, float64, ascending; shape (m, k).
        """
        rows = _reduced(_compared(X, self.directions) - self.center, self.axes)
        with torch.no_grad():
            near = rows.detach().to(torch.float32)
            single, norms = self._single
            found = [
                smallest(torch.addmm(norms, part, single.T, alpha=-2), min(len(self), k + _MARGIN))[1]
                for part in torch.split(near, max(1, 8 * _CHUNK_ELEMENTS // len(self)))
            ]
            candidates = torch.cat(found)
        squares = (rows[:, None] - single[candidates]).square().sum(dim=2)
        ordered = squares.sort(dim=1, stable=True)
        return candidates.gather(1, ordered.indices[:, :k]), ordered.values[:, :k]

    @functools.cached_property
    def _single(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The stored rows in single precision, and their squared norms."""
        rows = self.rows.to(torch.float32)
        return rows, sq_norms_of(rows)

    def chunk_size(self, k: int) -> int:
        """Returns how many rows :meth:`nearest` should be given at a time."""
        return max(1, _CHUNK_ELEMENTS // max(1, (k + _MARGIN) * self.rows.shape[1]))


def chunks_of(X: Any) -> Iterator[torch.Tensor]:
    """Yields rows on the CPU, a few megabytes at a time, those of sparse rows dense."""
    width = max(1, X[:1].numel())
    for chunk in X.split(max(1, _CHUNK_ELEMENTS // width)):
        yield chunk.to("cpu")


def _sample(X: Any) -> Any:
    chosen = torch.linspace(0, len(X) - 1, min(len(X), _SAMPLED_ROWS)).round().long()
    return X[chosen]


def _compared(X: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """Returns rows as they are compared, shape (m, d), float64."""
    rows = X.flatten(1).to(torch.float64)
    if int(directions) == 2:
        rows = rows - rows.mean(dim=1, keepdim=True)
    if int(directions):
        norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        rows = rows / torch.where(norms > 0, norms, 1)
    return rows


def _stored(X: torch.Tensor, directions: torch.Tensor, center: torch.Tensor, axes: torch.Tensor) -> torch.Tensor:
    reduced = _reduced(_compared(X, directions) - center, axes)
    return reduced.clamp(-_LARGEST_HALF, _LARGEST_HALF).to(torch.float16)


def _reduced(rows: torch.Tensor, axes: torch.Tensor) -> torch.Tensor:
    return rows * axes if axes.shape == (1, 1) else rows @ axes.T


def _keys_of(X: torch.Tensor) -> torch.Tensor:
    """Returns a number of each row that depends on every bit of it, shape (m,), int64; the same on all devices."""
    # in double precision, which tells rows far from zero apart; of the two zeros, the positive one
    rows = X.detach().flatten(1).to("cpu", torch.float64) + 0.0
    bits = rows.contiguous().view(torch.int64)
    bits = bits ^ (bits >> 31)  # round numbers, and those of single precision, end in zeros
    generator = torch.Generator().manual_seed(0)
    factors = torch.randint(-(2**62), 2**62, (bits.shape[1],), generator=generator) * 2 + 1
    return (bits * factors).sum(dim=1)

"""Training rows, stored such that new rows find their nearest ones among them."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
import torch

from paradime.functional import axes_of_rows
from paradime.functional.clustering import covering_points
from paradime.neighbors.metrics import canonical
from paradime.neighbors.products import smallest, sq_norms_of
from paradime.types import Metric

__all__ = [
    "ReferenceRows",
    "checks_of",
    "chunks_of",
    "factors_of_checks",
    "keys_of",
    "likely_nearest",
    "nearest_of",
    "reduced",
]

_MOST_COLUMNS = 100  # more are reduced to as many principal components
_SAMPLED_ROWS = 2_000  # whose principal axes are those of all
_CHUNK_ELEMENTS = 1 << 21
_LARGEST = 1_024.0  # of the stored numbers, far from the ends of half precision
_LARGEST_HALF = 65_504.0
_MARGIN = 8  # neighbours more than asked for: which ones are nearest is decided in double precision
_CHOSEN_TOGETHER = 1_000
_DIRECTIONS = {"cosine": 1, "correlation": 2}


@dataclasses.dataclass(frozen=True, eq=False)
class ReferenceRows:
    """Rows in a short form, by whose Euclidean distances neighbours are searched, and a key of each.

    Attributes:
        rows: The rows, reduced and scaled, shape (n, p), p up to 100, float16.
        keys: A number of each row, which equal rows share, shape (n,), int64.
        checks: Another such number, which any runtime can compute up to rounding, shape (n,), float64;
            see :func:`checks_of`.
        center: What is subtracted of a row, shape (d,), float64.
        axes: The axes on which rows are projected, with their scale, shape (p, d), float64; without columns to
            leave out, the scale alone, shape (1, 1).
        directions: 0 if rows are compared as they are, 1 if by their directions (cosine), 2 if by those of their
            deviations from the row's mean (correlation).
    """

    rows: torch.Tensor
    keys: torch.Tensor
    checks: torch.Tensor
    center: torch.Tensor
    axes: torch.Tensor
    directions: int

    @classmethod
    def of(cls, X: Any, metric: Metric = "euclidean") -> Self:
        """Stores rows.

        Args:
            X: A tensor, shape (n, …), or sparse rows.
            metric: By which neighbours were searched. Cosine and correlation distances compare directions; for
                all others, Euclidean distances stand in.
        """
        name = canonical(metric) if isinstance(metric, str) else ""
        directions = _DIRECTIONS.get(str(name), 0)
        sample = torch.cat([_compared(chunk, directions) for chunk in chunks_of(_sample(X))])
        center, n_columns = sample.mean(dim=0), sample.shape[1]
        axes = torch.ones(1, 1, dtype=torch.float64)
        if n_columns > _MOST_COLUMNS:
            axes, _ = axes_of_rows(sample - center, min(_MOST_COLUMNS, len(sample)))
        largest = max(float(reduced(chunk, directions, center, axes).abs().max()) for chunk in chunks_of(X))
        axes = axes * (_LARGEST / largest if largest > 0 else 1.0)
        nothing = torch.empty(0)
        empty = cls(nothing.to(torch.float16), nothing.to(torch.int64), nothing.double(), center, axes, directions)
        return empty.with_rows(X)

    def with_rows(self, X: Any) -> Self:
        """Returns these rows and further ones, shape (m, …), or sparse rows."""
        rows, keys, checks = [self.rows], [self.keys], [self.checks]
        for chunk in chunks_of(X):
            short = reduced(chunk, self.directions, self.center, self.axes)
            rows.append(short.clamp(-_LARGEST_HALF, _LARGEST_HALF).to(torch.float16))
            keys.append(keys_of(chunk))
            checks.append(checks_of(chunk, factors_of_checks(len(self.center)))[0])
        return dataclasses.replace(self, rows=torch.cat(rows), keys=torch.cat(keys), checks=torch.cat(checks))

    def preceded(self, X: Any, shift: torch.Tensor, scale: torch.Tensor) -> Self:
        """Returns the same rows as ``X``, of which they are ``(X - shift) / scale``.

        Args:
            X: All of the rows, in the same order, shape (n, …).
            shift: Per column, shape (d,).
            scale: Per column, positive, shape (d,).

        Raises:
            ValueError: If rows are compared by their directions, or ``X`` are not as many.
        """
        if self.directions or len(X) != len(self):
            raise ValueError(
                "a scaling of columns cannot precede rows that are compared by their directions, or fewer than "
                "all rows. Fit to the scaled rows, and transform scaled rows."
            )
        is_plain = self.axes.shape == (1, 1)
        axes = torch.eye(len(self.center), dtype=torch.float64) * self.axes if is_plain else self.axes
        keys = [keys_of(chunk) for chunk in chunks_of(X)]
        checks = [checks_of(chunk, factors_of_checks(len(self.center)))[0] for chunk in chunks_of(X)]
        return dataclasses.replace(
            self,
            keys=torch.cat(keys),
            checks=torch.cat(checks),
            center=shift + scale * self.center,
            axes=axes / scale,
        )

    def covering(self, n_rows: int) -> torch.Tensor:
        """Returns the indices of rows near which the others are: those nearest to centres of k-means, ascending.

        Centres are computed of random parts of the rows, so that the time is proportional to the number of rows.

        Args:
            n_rows: How many, at most n.
        """
        generator = torch.Generator().manual_seed(0)
        n_parts = math.ceil(n_rows / _CHOSEN_TOGETHER)
        parts = torch.randperm(len(self), generator=generator).tensor_split(n_parts)
        counts = torch.arange(n_rows).tensor_split(n_parts)
        chosen = [
            part[covering_points(self._single[0][part], len(count), generator=generator)]
            for part, count in zip(parts, counts, strict=True)
        ]
        return torch.cat(chosen).sort().values

    def subset(self, chosen: torch.Tensor) -> Self:
        """Returns some of the rows, by their indices."""
        return dataclasses.replace(
            self, rows=self.rows[chosen], keys=self.keys[chosen], checks=self.checks[chosen]
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __getstate__(self) -> dict[str, Any]:
        """Returns what is pickled and copied: the fields, without what is computed of them."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def state(self) -> dict[str, torch.Tensor]:
        """Returns the tensors by name."""
        return {name: torch.as_tensor(value) for name, value in self.__getstate__().items()}

    @classmethod
    def from_state(cls, state: Mapping[str, torch.Tensor]) -> Self:
        """Makes rows of what :meth:`state` returned.

        Raises:
            ValueError: If the tensors do not fit together.
        """
        tensors: dict[str, Any] = {field.name: state[field.name] for field in dataclasses.fields(cls)}
        made = cls(**(tensors | {"directions": int(tensors["directions"])}))
        n, p = made.rows.shape
        fits = made.keys.shape == made.checks.shape == (n,) and made.axes.shape in ((1, 1), (p, len(made.center)))
        if not fits or n == 0 or made.directions not in (0, 1, 2):
            raise ValueError("the rows of a refined map do not fit together.")
        return made

    def find(self, X: torch.Tensor) -> torch.Tensor:
        """Returns the first stored row that equals each of these, shape (m,), int64; −1 where none does."""
        return self._places(keys_of(X))

    def unknown(self, X: Any) -> torch.Tensor:
        """Returns the indices of the rows of X that are not stored, each of several equal ones once, ascending."""
        keys = torch.cat([keys_of(chunk) for chunk in chunks_of(X)])
        new = (self._places(keys) < 0).nonzero().squeeze(1)
        _, first = np.unique(keys[new].numpy(), return_index=True)
        return new[torch.from_numpy(first).sort().values]

    def first_equal(self) -> torch.Tensor:
        """Returns, for each stored row, the first of those that equal it, shape (n,)."""
        return self._places(self.keys)

    def _places(self, keys: torch.Tensor) -> torch.Tensor:
        known, order = self._ordered
        places = torch.searchsorted(known, keys).clamp_max(len(known) - 1)
        return torch.where(known[places] == keys, order[places], -1)

    def nearest(self, X: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds the nearest stored rows of a few rows, differentiable with respect to these.

        Args:
            X: Rows, shape (m, …).
            k: How many, at most n.

        Returns:
            Indices, and squared distances in the unit of the stored rows, float64, ascending; shape (m, k).
        """
        short = reduced(X, self.directions, self.center, self.axes)
        with torch.no_grad():
            parts = torch.split(short, max(1, 8 * _CHUNK_ELEMENTS // len(self)))
            candidates = torch.cat([likely_nearest(part, *self._single, k) for part in parts])
        return nearest_of(short, self._single[0], candidates, k)

    @functools.cached_property
    def _single(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The stored rows in single precision, and their squared norms."""
        rows = self.rows.to(torch.float32)
        return rows, sq_norms_of(rows)

    @functools.cached_property
    def _ordered(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The keys, ascending, and the rows in this order."""
        ordered = self.keys.sort(stable=True)
        return ordered.values, ordered.indices

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


def _compared(X: torch.Tensor, directions: int) -> torch.Tensor:
    """Returns rows as they are compared, shape (m, d), float64."""
    rows = X.flatten(1).to(torch.float64)
    if directions == 2:
        rows = rows - rows.mean(dim=1, keepdim=True)
    if directions:
        norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        rows = rows / torch.where(norms > 0, norms, 1)
    return rows


def reduced(X: torch.Tensor, directions: int, center: torch.Tensor, axes: torch.Tensor) -> torch.Tensor:
    """Returns rows in the short form by whose distances neighbours are searched, shape (m, p), float64."""
    rows = _compared(X, directions) - center
    return rows * axes if axes.shape == (1, 1) else rows @ axes.T


def likely_nearest(short: torch.Tensor, stored: torch.Tensor, sq_norms: torch.Tensor, k: int) -> torch.Tensor:
    """Returns some more than the k nearest of the stored rows, by a product in single precision.

    Args:
        short: Reduced rows, shape (m, p).
        stored: The stored ones, shape (n, p), float32.
        sq_norms: Their squared norms, shape (n,).
        k: How many, at most n.

    Returns:
        Indices in any order, shape (m, k + 8), or (m, n) where there are fewer.
    """
    products = torch.addmm(sq_norms, short.to(torch.float32), stored.T, alpha=-2)
    return smallest(products, min(len(stored), k + _MARGIN))[1]


def nearest_of(
    short: torch.Tensor, stored: torch.Tensor, candidates: torch.Tensor, k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the k nearest of some stored rows, and squared distances, ascending, in double precision.

    Args:
        short: Reduced rows, shape (m, p), float64.
        stored: The stored ones, shape (n, p), float32.
        candidates: Indices among which the nearest are, shape (m, c).
        k: How many, at most c.
    """
    squares = (short[:, None] - stored[candidates]).square().sum(dim=2)
    nearest = squares.topk(k, dim=1, largest=False)
    return candidates.gather(1, nearest.indices), nearest.values


def factors_of_checks(n_columns: int) -> torch.Tensor:
    """Returns the factors of :func:`checks_of`, which are always the same, shape (d,), float64."""
    return 1 + torch.rand(n_columns, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def checks_of(X: torch.Tensor, factors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns a weighted sum of each row, by which other runtimes tell equal rows, and how exact it is.

    Args:
        X: Rows, shape (m, …).
        factors: Of the columns, between 1 and 2, shape (d,).

    Returns:
        The sums, shape (m,), float64; and by how much those of equal rows may differ, since runtimes add in
        different orders.
    """
    rows = X.flatten(1).to(torch.float64)
    rounding = torch.finfo(torch.float64).eps * (len(factors) + 2)
    return rows @ factors, rounding * (rows.abs() @ factors)


def keys_of(X: torch.Tensor) -> torch.Tensor:
    """Returns a number of each row that depends on every bit of it, shape (m,), int64; the same on all devices."""
    # in double precision, which tells rows far from zero apart; of the two zeros, the positive one
    rows = X.detach().flatten(1).to("cpu", torch.float64) + 0.0
    bits = rows.contiguous().view(torch.int64)
    bits = bits ^ (bits >> 31)  # round numbers, and those of single precision, end in zeros
    return (bits * _factors_of_keys(bits.shape[1])).sum(dim=1)


@functools.lru_cache(maxsize=8)
def _factors_of_keys(n_columns: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(-(2**62), 2**62, (n_columns,), generator=generator) * 2 + 1

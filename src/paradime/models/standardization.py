"""Columns of any offset and unit, centred and brought to unit size, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from paradime.functional.soft_clipping import usual_bounds
from paradime.models.scaling import columns_of, drawn_rows, is_far_from_zero, most_rows, row_chunks
from paradime.utils.sparse import SparseRows

__all__ = ["Standardization", "Standardized", "wants_standardization"]

_WIDEST = 8  # lengths of the scale that the usual values of a column may span
# what initial weights and usual learning rates are made for
_USUAL_SCALES = (0.5, 32.0)
_USUAL_OFFSET = 10  # scales


class Standardization(torch.nn.Module):
    """A fixed map of rows to columns with mean 0 and about unit size, and its inverse; nothing is trained.

    Offsets are subtracted in the precision in which the rows come. The scale of a column is its standard
    deviation, or an eighth of its span where that is more, as in columns that are nearly always zero. Values far
    beyond the usual range of their column (:func:`~paradime.functional.usual_bounds`) count as its bounds when
    mean and scale are found. A column of one value becomes 0, since it has no scale. As long as :meth:`prepare`
    was not called, rows are returned as they are.

    Args:
        shape: Shape of what mean and scale are found for: (d,) for columns, (channels, 1, 1) for images.

    Attributes:
        center: The means, rounded to single precision.
        rest: What rounding took from the means.
        scale: The scales; 0 for columns of one value.

    Example:
        >>> rows = 1e9 + torch.rand(200, 3, dtype=torch.float64)
        >>> standardization = Standardization([3])
        >>> standardization.prepare(rows)
        >>> scaled = standardization(rows)
        >>> scaled.dtype, bool((scaled.std(dim=0) - 1).abs().max() < 0.01)
        (torch.float32, True)
        >>> bool((standardization.double().inverse(scaled.double()) - rows).abs().max() < 1e-6)
        True
    """

    center: torch.Tensor
    rest: torch.Tensor
    scale: torch.Tensor
    _is_prepared: torch.Tensor

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("center", torch.zeros(*shape))
        self.register_buffer("rest", torch.zeros(*shape))
        self.register_buffer("scale", torch.ones(*shape))
        # part of the state: whoever loads what was prepared has a prepared model
        self.register_buffer("_is_prepared", torch.zeros(()))

    @property
    def prepared(self) -> bool:
        """Whether mean and scale were found, or come from the state of one that was prepared."""
        return bool(self._is_prepared)

    @property
    def is_far(self) -> bool:
        """Whether rows must come in double precision, since single precision would lose their digits."""
        return is_far_from_zero(self.center, self.scale)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Scales rows, shape (b, …) to (b, …); in single precision, whatever they come in."""
        centered = (X - self.center - self.rest).to(self.scale.dtype)
        return centered * torch.where(self.scale > 0, self.scale.reciprocal(), 0)

    def inverse(self, Z: torch.Tensor) -> torch.Tensor:
        """Returns the rows that scaled ones stand for, shape (b, …) to (b, …)."""
        return Z * self.scale + self.rest + self.center

    def without_constants(self, Z: torch.Tensor) -> torch.Tensor:
        """Returns scaled rows with 0 in columns of one value, as :meth:`forward` has them."""
        return Z * (self.scale > 0)

    @torch.no_grad()
    def prepare(self, rows: torch.Tensor | SparseRows, generator: torch.Generator | None = None) -> None:
        """Finds mean and scale of columns, of rows or of a sample of about 50,000 of them.

        Args:
            rows: Shape (n, d), n at least 1, of any real type, with as many columns as there are means.
            generator: Draws the sample; torch's global generator if ``None``.

        Raises:
            ValueError: If values are not finite, or their differences are beyond single precision.
        """
        mean, scale = _mean_and_scale(rows, generator)
        if not bool((mean.isfinite() & scale.to(torch.float32).isfinite()).all()):
            raise ValueError(
                "rows must be finite, and vary within single precision, to prepare a model for them. Leave such "
                "rows out, or rescale the columns."
            )
        self.take(mean, scale)

    @torch.no_grad()
    def complete(self, rows: torch.Tensor | SparseRows, generator: torch.Generator | None = None) -> None:
        """Finds the scale of columns that had one value in all rows so far; nothing else changes.

        Rows seen so far are 0 there, at any scale, so that what was learned from them stays.

        Args:
            rows: Further rows, as for :meth:`prepare`.
            generator: Draws the sample; torch's global generator if ``None``.
        """
        if bool((self.scale > 0).all()):
            return
        mean, scale = _mean_and_scale(rows, generator)
        found = torch.hypot(scale, mean - self.mean().flatten().to(mean.device)).reshape(self.scale.shape)
        self.scale.copy_(torch.where(self.scale > 0, self.scale, _representable(found).to(self.scale)))

    @torch.no_grad()
    def take(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        """Takes means and scales that are known, float64, in the order of :attr:`center`."""
        mean, scale = (part.reshape(self.center.shape).to(self.center.device) for part in (mean, scale))
        self.center.copy_(mean)
        self.rest.copy_(mean - self.center)
        self.scale.copy_(_representable(scale))
        self._is_prepared.fill_(True)

    def mean(self) -> torch.Tensor:
        """Returns the means, float64."""
        return self.center.double() + self.rest.double()


def _representable(scale: torch.Tensor) -> torch.Tensor:
    """Returns scales with 0, as for columns of one value, where single precision has no inverse of them."""
    return torch.where(scale >= torch.finfo(torch.float32).tiny, scale, 0)


@torch.no_grad()
def wants_standardization(rows: torch.Tensor | SparseRows) -> bool:
    """Returns whether a network learns little from rows as they are: columns are large, small, or far from zero.

    So it is where the root mean square of the columns' scales is not between 1/2 and 32, or a column's mean is
    further than ten scales from zero. Columns of one value do not count.

    Args:
        rows: Shape (n, d), n at least 1, of any real type. About 50,000 of them are looked at.

    Example:
        >>> rows = torch.rand(200, 3, generator=torch.Generator().manual_seed(0))
        >>> wants_standardization(rows), wants_standardization(rows + 100), wants_standardization(1000 * rows)
        (False, True, True)
    """
    mean, scale = _mean_and_scale(rows, torch.Generator().manual_seed(0))
    varies = scale > 0
    if not bool(varies.any()):
        return False
    usual = scale[varies].square().mean().sqrt()
    low, high = _USUAL_SCALES
    offset = (mean[varies].abs() / torch.maximum(scale[varies], usual)).max()
    return not low <= float(usual) <= high or float(offset) > _USUAL_OFFSET


def _mean_and_scale(
    rows: torch.Tensor | SparseRows, generator: torch.Generator | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Means and scales of the columns, of values within their usual bounds; shape (d,) each, float64."""
    d = rows.shape[1]
    sample = drawn_rows(len(rows), most_rows(d), generator).to(rows.device)
    extremes, ranges = columns_of(rows, sample)
    low, high, _ = usual_bounds(extremes, ranges)
    # about a value of the column, so that squares of large numbers do not cancel
    origin = ranges[1]
    sums, squares = torch.zeros_like(origin), torch.zeros_like(origin)
    for some in row_chunks(sample, d):
        deviations = torch.clamp(rows[some].to(torch.float64), low, high) - origin
        sums += deviations.sum(dim=0)
        squares += deviations.square().sum(dim=0)
    sums /= len(sample)
    deviation = (squares / len(sample) - sums.square()).clamp_min(0).sqrt()
    span = torch.minimum(high, extremes[1]) - torch.maximum(low, extremes[0])
    scale = torch.maximum(deviation, span / _WIDEST)
    return origin + sums, torch.where(extremes[1] > extremes[0], scale, 0)


class Standardized(torch.nn.Module):
    """A mixin of models and decoders that may hold a :class:`Standardization`, as ``scaling``.

    Attributes:
        standardize: Whether they do; ``None`` until it is decided, see :meth:`decide_standardize`.
        scaling: The standardization, or ``None``.
    """

    prepares_sparse = True

    standardize: bool | None
    scaling: Standardization | None

    def _begin_standardized(self, standardize: bool | None, shape: Sequence[int]) -> None:
        """Stores the constructor's argument, and makes what it asks for."""
        self.standardize = None
        self._scaled_shape = tuple(shape)
        self.register_module("scaling", None)
        if standardize is not None:
            self.decide_standardize(standardize)

    def decide_standardize(self, standardize: bool) -> None:
        """Decides what nobody has said yet; what was said stays."""
        if self.standardize is not None:
            return
        self.standardize = standardize
        if standardize:
            weight = next(self.parameters())
            self.scaling = Standardization(self._scaled_shape).to(weight.device)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # weights that were trained on standardised rows mean something else on others
        if f"{prefix}scaling.center" in state_dict:
            self.decide_standardize(True)
            if not self.standardize:
                error_messages: list[str] = args[-1]
                error_messages.append(
                    f"{prefix}scaling: the weights are those of a model that standardises rows, and this one does "
                    "not. Make it with standardize=True."
                )
        super()._load_from_state_dict(state_dict, prefix, *args)

    @property
    def prepared(self) -> bool:
        """Whether there is nothing to prepare, or it was prepared."""
        return self.scaling is None or self.scaling.prepared

    def prepare(self, rows: torch.Tensor | SparseRows, generator: torch.Generator | None = None) -> None:
        """Finds the means and scales of the columns, if rows are standardised; without rows, nothing is done.

        Args:
            rows: The rows of the training, shape (n, …), of any real type. Sparse ones stay so.
            generator: Draws samples of the rows; torch's global generator if ``None``.

        Raises:
            ValueError: If rows have another number of elements than the model takes, or are not finite.
        """
        if self.scaling is None or len(rows) == 0:
            return
        self.scaling.prepare(self._checked_columns(rows), generator)

    def complete(self, rows: torch.Tensor | SparseRows, generator: torch.Generator | None = None) -> None:
        """Finds the scale of columns that had one value in all rows so far; arguments as for :meth:`prepare`."""
        if self.scaling is not None and len(rows) > 0:
            self.scaling.complete(self._checked_columns(rows), generator)

    def _checked_columns(self, rows: torch.Tensor | SparseRows) -> torch.Tensor | SparseRows:
        assert self.scaling is not None
        columns = self._columns_of(rows)
        if columns.shape[1] != self.scaling.center.numel():
            raise ValueError(
                f"rows must have {self.scaling.center.numel()} elements, got {columns.shape[1]}. Make the model "
                f"for rows of {columns.shape[1]}."
            )
        return columns

    def _columns_of(self, rows: torch.Tensor | SparseRows) -> torch.Tensor | SparseRows:
        """Rows, or pixels, with one column for each mean, shape (m, d)."""
        if isinstance(rows, SparseRows):
            return rows
        rows = rows.detach().to(torch.uint8) if rows.dtype == torch.bool else rows.detach()
        n_pixels = _pixels(self._scaled_shape, rows)
        if n_pixels == 1:
            return rows.reshape(len(rows), -1)
        some = rows[torch.linspace(0, len(rows) - 1, min(len(rows), _images(rows))).long().to(rows.device)]
        return some.reshape(len(some), -1, n_pixels).transpose(1, 2).reshape(-1, math.prod(self._scaled_shape))


def _pixels(shape: tuple[int, ...], rows: torch.Tensor) -> int:
    """How many elements of a row share a mean: those of an image that belong to one channel."""
    return 1 if len(shape) == 1 else max(1, rows[0].numel() // math.prod(shape))


def _images(rows: torch.Tensor) -> int:
    return max(100, (1 << 24) // max(1, rows[0].numel()))

"""Standardisation of columns and its inverse, and the mixin of models that use it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from paradime.functional.soft_clipping import usual_bounds
from paradime.models.scaling import columns_of, drawn_rows, is_far_from_zero, most_rows, row_chunks
from paradime.utils.rows import Rows, rows_of

__all__ = ["Standardization", "Standardized", "wants_standardization"]

_WIDEST = 8  # largest ratio of the usual span of a column to its scale
# range of scales and offsets for which initial weights and common learning rates are suitable
_USUAL_SCALES = (0.5, 32.0)
_USUAL_OFFSET = 10  # relative to the scale


class Standardization(torch.nn.Module):
    """A fixed map of rows to columns with mean 0 and about unit size, and its inverse, without trained parameters.

    Offsets are subtracted in the precision of the input. The scale of a column is its standard deviation, or an
    eighth of its span if this is larger, as in columns that are mostly zero. For mean and scale, outliers are
    clipped to the usual bounds of their column (:func:`~paradime.functional.usual_bounds`). A constant column
    becomes 0. Until :meth:`prepare` is called, rows are returned unchanged.

    Args:
        shape: Shape of means and scales: (d,) for columns, (channels, 1, 1) for images.

    Attributes:
        center: The means, rounded to single precision.
        rest: The rounding error of the means.
        scale: The scales; 0 for constant columns.

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
        # a buffer, so that a model with the loaded state of a prepared model is prepared
        self.register_buffer("_is_prepared", torch.zeros(()))

    @property
    def prepared(self) -> bool:
        """Whether means and scales were fitted, or loaded from the state of a prepared one."""
        return bool(self._is_prepared)

    @property
    def is_far(self) -> bool:
        """Whether the layer needs double-precision input, because single precision loses digits."""
        return is_far_from_zero(self.center, self.scale)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Scales rows, shape (b, …) to (b, …); the result has the dtype of the scales."""
        centered = (X - self.center - self.rest).to(self.scale.dtype)
        return centered * torch.where(self.scale > 0, self.scale.reciprocal(), 0)

    def inverse(self, Z: torch.Tensor) -> torch.Tensor:
        """Returns the rows with the given scaled values, shape (b, …) to (b, …)."""
        return Z * self.scale + self.rest + self.center

    def without_constants(self, Z: torch.Tensor) -> torch.Tensor:
        """Returns scaled rows with 0 in constant columns, as :meth:`forward` does."""
        return Z * (self.scale > 0)

    @torch.no_grad()
    def prepare(self, rows: torch.Tensor | Rows, generator: torch.Generator | None = None) -> None:
        """Fits means and scales to rows, or to a sample of about 50,000 of them.

        Args:
            rows: Shape (n, d), n at least 1, of any real type, with one column per mean.
            generator: Draws the sample; torch's global generator if ``None``.

        Raises:
            ValueError: If values are not finite, or their differences exceed single precision.
        """
        mean, scale = _mean_and_scale(rows, generator)
        if not bool((mean.isfinite() & scale.to(torch.float32).isfinite()).all()):
            raise ValueError(
                "rows must be finite, and vary within single precision, to prepare a model for them. Leave these "
                "rows out, or rescale the columns."
            )
        self.take(mean, scale)

    @torch.no_grad()
    def complete(self, rows: torch.Tensor | Rows, generator: torch.Generator | None = None) -> None:
        """Fits the scale of columns that were constant so far to further rows.

        Earlier rows are 0 in these columns at any scale, so that trained weights remain valid.

        Args:
            rows: Further rows, as for :meth:`prepare`.
            generator: Draws the sample; torch's global generator if ``None``.
        """
        if bool((self.scale > 0).all()):
            return
        mean, scale = _mean_and_scale(rows, generator)
        new = torch.hypot(scale, mean - self.mean().flatten().to(mean.device)).reshape(self.scale.shape)
        self.scale.copy_(torch.where(self.scale > 0, self.scale, _representable(new).to(self.scale)))

    @torch.no_grad()
    def take(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        """Sets means and scales, float64, in the order of ``center``."""
        mean, scale = (values.reshape(self.center.shape).to(self.center.device) for values in (mean, scale))
        self.center.copy_(mean)
        self.rest.copy_(mean - self.center)
        self.scale.copy_(_representable(scale))
        self._is_prepared.fill_(True)

    def precede(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        """Includes a standardisation: the layer then maps X as it mapped ``(X - mean) / scale`` before.

        Args:
            mean: What is subtracted from the columns, float64, in the order of ``center``.
            scale: What they are divided by, float64, positive.
        """
        self.take(mean + scale * self.mean().flatten().cpu(), scale * self.scale.double().flatten().cpu())

    def mean(self) -> torch.Tensor:
        """Returns the means, float64."""
        return self.center.double() + self.rest.double()


def _representable(scale: torch.Tensor) -> torch.Tensor:
    """Replaces scales whose inverse single precision cannot represent by 0, the scale of constant columns."""
    return torch.where(scale >= torch.finfo(torch.float32).tiny, scale, 0)


@torch.no_grad()
def wants_standardization(rows: torch.Tensor | Rows) -> bool:
    """Returns whether columns are so large, small or far from zero that a network needs standardised input.

    This is the case if the root mean square of the columns' scales is not between 1/2 and 32, or a column's mean
    is more than ten scales from zero. Constant columns are ignored.

    Args:
        rows: Rows of any form and real type, flattened to (n, d), n at least 1. At most about 50,000 of them are
            evaluated.

    Example:
        >>> rows = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
        >>> wants_standardization(rows), wants_standardization(rows + 100), wants_standardization(1000 * rows)
        (False, True, True)
    """
    mean, scale = _mean_and_scale(rows_of(rows).flat(), torch.Generator().manual_seed(0))
    varies = scale > 0
    if not bool(varies.any()):
        return False
    usual = scale[varies].square().mean().sqrt()
    low, high = _USUAL_SCALES
    offset = (mean[varies].abs() / torch.maximum(scale[varies], usual)).max()
    return not low <= float(usual) <= high or float(offset) > _USUAL_OFFSET


def _mean_and_scale(
    rows: torch.Tensor | Rows, generator: torch.Generator | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Means and scales of columns, with outliers clipped to the usual bounds; shape (d,) each, float64."""
    d = rows.shape[1]
    sample = drawn_rows(len(rows), most_rows(d), generator).to(rows.device)
    extremes, ranges = columns_of(rows, sample)
    low, high, _ = usual_bounds(extremes, ranges)
    # relative to a value of the column, because squares of large numbers would cancel
    origin = ranges[1]
    sums, squares = torch.zeros_like(origin), torch.zeros_like(origin)
    for chunk in row_chunks(sample, d):
        deviations = torch.clamp(rows[chunk].to(torch.float64), low, high) - origin
        sums += deviations.sum(dim=0)
        squares += deviations.square().sum(dim=0)
    sums /= len(sample)
    deviation = (squares / len(sample) - sums.square()).clamp_min(0).sqrt()
    span = torch.minimum(high, extremes[1]) - torch.maximum(low, extremes[0])
    scale = torch.maximum(deviation, span / _WIDEST)
    return origin + sums, torch.where(extremes[1] > extremes[0], scale, 0)


class Standardized(torch.nn.Module):
    """A mixin of models and decoders with an optional :class:`Standardization`.

    Attributes:
        standardize: Whether there is one; ``None`` until :meth:`decide_standardize` is called.
        scaling: The standardisation, or ``None``.
    """

    prepares_sparse = True

    standardize: bool | None
    scaling: Standardization | None

    def _begin_standardized(self, standardize: bool | None, shape: Sequence[int]) -> None:
        """Stores the constructor's argument, and creates the standardisation if it is ``True``."""
        self.standardize = None
        self._scaled_shape = tuple(shape)
        self.register_module("scaling", None)
        if standardize is not None:
            self.decide_standardize(standardize)

    def decide_standardize(self, standardize: bool) -> None:
        """Sets ``standardize`` unless it is set already."""
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
        """Whether the standardisation was prepared, or there is none."""
        return self.scaling is None or self.scaling.prepared

    def prepare(self, rows: torch.Tensor | Rows, generator: torch.Generator | None = None) -> None:
        """Fits the standardisation, if there is one, to the training rows.

        Args:
            rows: Training rows, shape (n, …), of any real type and form. If there are none, nothing changes.
            generator: Draws samples of the rows; torch's global generator if ``None``.

        Raises:
            ValueError: If rows have another number of elements than the model takes, or are not finite.
        """
        if self.scaling is None or len(rows) == 0:
            return
        self.scaling.prepare(self._checked_columns(rows), generator)

    def complete(self, rows: torch.Tensor | Rows, generator: torch.Generator | None = None) -> None:
        """Fits the scale of columns that were constant so far to further rows; arguments as :meth:`prepare`."""
        if self.scaling is not None and len(rows) > 0:
            self.scaling.complete(self._checked_columns(rows), generator)

    def _checked_columns(self, rows: torch.Tensor | Rows) -> torch.Tensor | Rows:
        assert self.scaling is not None
        columns = self._columns_of(rows)
        if columns.shape[1] != self.scaling.center.numel():
            raise ValueError(
                f"rows must have {self.scaling.center.numel()} elements, got {columns.shape[1]}. Make the model "
                f"for rows of {columns.shape[1]}."
            )
        return columns

    def _columns_of(self, rows: torch.Tensor | Rows) -> torch.Tensor | Rows:
        """Returns rows, or pixels of images, with one column per mean, shape (m, d)."""
        rows = rows.detach().to(torch.uint8) if rows.dtype == torch.bool else rows.detach()
        n_pixels = _pixels(self._scaled_shape, rows)
        if n_pixels == 1:
            return rows_of(rows).flat()
        # a sample of images, of about 16 million elements
        n_images = min(len(rows), max(100, (1 << 24) // max(1, rows[0].numel())))
        images = rows[torch.linspace(0, len(rows) - 1, n_images).long().to(rows.device)]
        return images.reshape(n_images, -1, n_pixels).transpose(1, 2).reshape(-1, math.prod(self._scaled_shape))


def _pixels(shape: tuple[int, ...], rows: torch.Tensor | Rows) -> int:
    """Returns the number of elements of a row that share a mean: for images, the pixels of a channel."""
    return 1 if len(shape) == 1 else max(1, rows[0].numel() // math.prod(shape))

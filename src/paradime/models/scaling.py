"""The first layer of a model, which scales columns to principal components of about unit size."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch

from paradime.functional.soft_clipping import soft_clip, soft_clip_few, usual_bounds, usual_ranges
from paradime.functional.spectral import axes_of_covariance, axes_of_rows, whitening_factors
from paradime.utils.arguments import check_integer, check_within
from paradime.utils.rows import Rows, rows_of

__all__ = [
    "Contrast",
    "InputScaling",
    "ScaledRows",
    "columns_of",
    "drawn_rows",
    "far_bounds",
    "is_far_from_zero",
    "most_rows",
    "row_chunks",
]

_SAMPLE_ROWS = 50_000
_SAMPLE_ELEMENTS = 1 << 27
_MOST_COLUMNS = 2_000  # the covariance of so many columns is decomposed within seconds
_WIDE_ROWS = 2_000
_WIDE_ELEMENTS = 40_000_000
_CHUNK_ELEMENTS = 1 << 22
_FEW = 0.02  # columns with at most this share of entries other than zero have the usual range 0
_FAR = 1_000  # ratio of offset to scale from which single precision loses digits of a column
_INWARDS = 2  # mean and axes are fitted to values clipped this many usual ranges inside the bounds


Contrast: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
"""A symmetric linear map of rows, shape (n, d) to (n, d)."""


class ScaledRows(torch.Tensor):
    """Rows that are already scaled: an :class:`InputScaling` returns them unchanged."""


class InputScaling(torch.nn.Module):
    """A fixed map of rows to principal components of about unit size, whatever the columns' scale and offset.

    Outliers are softly clipped, see :func:`~paradime.functional.soft_clip`: values between l − 3r and h + 3r are
    unchanged, where l and h are the 2.5 % and 97.5 % quantiles of a column and r = h − l. Then the rows are
    centred, projected to their principal axes, and partially whitened, see
    :func:`~paradime.functional.whitening_factors`. The layer has no trained parameters; until :meth:`prepare` is
    called, it returns the leading columns unchanged.

    Args:
        in_dim: Number of columns, at least 1.
        n_components: Largest number of principal components, at least 1.
        whitening: Degree of whitening, in [0, 1]: 0 keeps the proportions of the components' standard deviations,
            1 makes all equal.

    Attributes:
        out_dim: Number of components, the smaller of ``in_dim`` and ``n_components``.
        center: Offset that is subtracted from the columns first, shape (in_dim,).
        low: Lower bound of unclipped values, relative to ``center``, shape (in_dim,).
        high: Upper bound of unclipped values, relative to ``center``, shape (in_dim,).
        reach: Length scale of the soft clipping, shape (in_dim,).
        weight: The scaled principal axes, shape (out_dim, in_dim).
        bias: Minus the projected and scaled mean, shape (out_dim,).

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> rows = 1e4 + torch.randn(500, 3) * torch.tensor([1.0, 100.0, 5.0])
        >>> scaling = InputScaling(3, whitening=1.0)
        >>> scaling.prepare(rows)
        >>> (scaling(rows).std(dim=0) - 1).abs().max() < 0.1
        tensor(True)
    """

    center: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor
    reach: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, in_dim: int, n_components: int = 100, *, whitening: float = 0.5) -> None:
        super().__init__()
        check_integer("in_dim", in_dim, remedy="It is the number of columns of the data.")
        check_integer("n_components", n_components, remedy="100 suits most data.")
        check_within("whitening", whitening, "[0, 1]", remedy="0 leaves it out.")
        self.in_dim = in_dim
        self.n_components = n_components
        self.whitening = whitening
        self.out_dim = min(in_dim, n_components)
        self.register_buffer("center", torch.zeros(in_dim))
        self.register_buffer("low", torch.full((in_dim,), -torch.inf))
        self.register_buffer("high", torch.full((in_dim,), torch.inf))
        self.register_buffer("reach", torch.ones(in_dim))
        # torch.eye would import the compiler if a model is built on the meta device
        self.register_buffer("weight", torch.zeros(self.out_dim, in_dim).fill_diagonal_(1.0))
        self.register_buffer("bias", torch.zeros(self.out_dim))

    @property
    def is_far(self) -> bool:
        """Whether the layer needs double-precision input, because single precision loses digits."""
        return is_far_from_zero(self.center, torch.where(self.weight.any(dim=0), self.reach, 0))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Scales rows, shape (b, in_dim) to (b, out_dim); rows of more axes are flattened."""
        if isinstance(X, ScaledRows):
            return X.as_subclass(torch.Tensor)
        return torch.nn.functional.linear(
            soft_clip(self._centered(X), self.low, self.high, self.reach), self.weight, self.bias
        )

    @torch.no_grad()
    def project(self, X: torch.Tensor) -> torch.Tensor:
        """Scales rows like :meth:`forward`, without gradients and faster for many columns."""
        if isinstance(X, ScaledRows):
            return X.as_subclass(torch.Tensor)
        within = soft_clip_few(self._centered(X), self.low, self.high, self.reach)
        return torch.nn.functional.linear(within, self.weight, self.bias)

    def _centered(self, X: torch.Tensor) -> torch.Tensor:
        # centred before rounding to the layer's dtype, which would lose digits of a column with a large offset
        return (X.flatten(1) - self.center).to(self.weight.dtype)

    @torch.no_grad()
    def prepare(
        self, rows: torch.Tensor | Rows, generator: torch.Generator | None = None, contrast: Contrast | None = None
    ) -> None:
        """Fits the map to rows, or to a sample of about 50,000 of them.

        Args:
            rows: Shape (n, in_dim), n at least 1, of any real type and form, on any device. They are read in
                dense chunks.
            generator: Draws the sample; torch's global generator if ``None``.
            contrast: A symmetric linear map that clipped rows go through first, such as one that shrinks the
                directions of a background. It becomes part of ``weight``.

        Raises:
            ValueError: If values are not finite, or their differences exceed single precision.
        """
        sample = drawn_rows(len(rows), most_rows(self.in_dim), generator).to(rows.device)
        varies = self._fit_bounds(rows, sample)
        if self.in_dim <= _MOST_COLUMNS:
            mean, covariance = self._moments(rows, sample)
            if contrast is not None:
                covariance = contrast(contrast(covariance).T)
            axes, deviations = axes_of_covariance(covariance, self.out_dim)
        else:
            most = max(500, min(_WIDE_ROWS, _WIDE_ELEMENTS // self.in_dim))
            if not rows_of(rows).in_memory:
                most = max(32, min(most, _WIDE_ELEMENTS // self.in_dim))
            subsample = sample[drawn_rows(len(sample), most, generator).to(sample.device)]
            clipped = self._clipped(rows[subsample])
            mean = clipped.mean(dim=0, dtype=torch.float64)
            clipped = clipped.sub_(mean)
            axes, deviations = axes_of_rows(clipped if contrast is None else contrast(clipped), self.out_dim)
        if contrast is not None:
            axes = contrast(axes)
        # a constant column has no scale, so that its weight is 0
        weight = axes * varies * whitening_factors(deviations, self.whitening)[:, None]
        self.weight.copy_(weight)
        self.bias.copy_(-weight @ mean)

    @torch.no_grad()
    def complete(self, rows: torch.Tensor | Rows, generator: torch.Generator | None = None) -> None:
        """Assigns components to columns that were constant so far, if they vary in further rows.

        The scaled values of earlier rows do not change, so that trained weights remain valid. Each such column
        gets an unused component; if none is left, columns share the last components.

        Args:
            rows: Further rows, as for :meth:`prepare`.
            generator: Draws the sample; torch's global generator if ``None``.
        """
        missing = ~self.weight.any(dim=0)
        if not bool(missing.any()):
            return
        device = self.center.device
        sample = drawn_rows(len(rows), most_rows(self.in_dim), generator).to(rows.device)
        extremes, ranges = (statistic.to(device) - self.center for statistic in columns_of(rows, sample))
        # the constant value is stored in single precision
        rounding = 2 * torch.finfo(torch.float32).eps * self.center.abs()
        differs = (extremes.abs() > rounding).any(dim=0) | (extremes[0] < extremes[1])
        new = (missing & differs).nonzero().squeeze(1)
        if not len(new):
            return
        # the bounds include the constant value, so that it is still mapped to 0
        extremes = torch.stack((extremes[0].clamp_max(0), extremes[1].clamp_min(0)))
        low, high, reach = usual_bounds(extremes, ranges)
        self.low[new] = low[new].clamp_max(0).to(self.low)
        self.high[new] = high[new].clamp_min(0).to(self.high)
        self.reach[new] = reach[new].to(self.reach)
        squares = torch.zeros(len(new), dtype=torch.float64, device=device)
        for chunk in row_chunks(sample, self.in_dim):
            values = (rows[chunk].to(device) - self.center)[:, new].to(torch.float64)
            squares += torch.clamp(values, self.low[new].double(), self.high[new].double()).square().sum(dim=0)
        lengths = (squares / len(sample)).sqrt()
        free = (~self.weight.any(dim=1)).nonzero().squeeze(1)[: len(new)]
        n_shared = len(new) - len(free)
        last = self.out_dim - 1 - torch.arange(n_shared, device=device) % self.out_dim
        self.weight[torch.cat((free, last)), new] = (1 / lengths).to(self.weight)

    @torch.no_grad()
    def precede(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        """Includes a standardisation: the layer then maps X as it mapped ``(X - mean) / scale`` before.

        Args:
            mean: What is subtracted from the columns, shape (in_dim,), float64.
            scale: What they are divided by, shape (in_dim,), float64, positive.
        """
        center, low, high, reach, weight, bias = (
            buffer.double().cpu()
            for buffer in (self.center, self.low, self.high, self.reach, self.weight, self.bias)
        )
        wanted = mean + scale * center
        self.center.copy_(wanted)
        # the bias compensates for the rounding to single precision
        rest = self.center.double().cpu() - wanted
        self.low.copy_(low * scale - rest)
        self.high.copy_(high * scale - rest)
        self.reach.copy_(reach * scale)
        self.weight.copy_(weight / scale)
        self.bias.copy_(bias + (weight / scale) @ rest)

    def _fit_bounds(self, rows: torch.Tensor | Rows, sample: torch.Tensor) -> torch.Tensor:
        """Fits centre and bounds, and returns which columns vary, shape (in_dim,)."""
        extremes, ranges = columns_of(rows, sample)
        if not bool(extremes.isfinite().all()):
            raise ValueError(
                "rows must be finite to prepare a model for them, got nan or inf. Leave these rows out."
            )
        # a value of the column, rounded to single precision: differences from close values are exact
        self.center.copy_(ranges[1])
        center = self.center.to(ranges)
        low, high, reach = usual_bounds(extremes - center, ranges - center)
        self.low.copy_(low)
        self.high.copy_(high)
        self.reach.copy_(reach)
        lengths = extremes[1] - extremes[0]
        if not bool((self.low.isfinite() & self.high.isfinite() & self.reach.isfinite()).all()):
            raise ValueError(
                f"rows must vary within single precision, got differences of up to {float(lengths.max()):.3g}. "
                "Rescale the columns."
            )
        return lengths > 0

    def _clipped(self, rows: torch.Tensor) -> torch.Tensor:
        """Centres and clips rows, in single precision, because outliers would dominate the axes."""
        center, low, high, reach = (
            buffer.to(rows.device) for buffer in (self.center, self.low, self.high, self.reach)
        )
        inwards = _INWARDS * reach
        return (rows - center).to(torch.float32).clamp_(low + inwards, high - inwards)

    def _moments(self, rows: torch.Tensor | Rows, sample: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and covariance of clipped rows, in double precision, shapes (d,) and (d, d)."""
        total = torch.zeros(self.in_dim, dtype=torch.float64, device=rows.device)
        products = torch.zeros(self.in_dim, self.in_dim, dtype=torch.float64, device=rows.device)
        for chunk in row_chunks(sample, self.in_dim):
            clipped = self._clipped(rows[chunk]).to(torch.float64)
            total += clipped.sum(dim=0)
            products.addmm_(clipped.T, clipped)
        mean = total / len(sample)
        return mean, products / len(sample) - torch.outer(mean, mean)


def far_bounds(
    rows: torch.Tensor | Rows, generator: torch.Generator | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the bounds beyond which an :class:`InputScaling` fitted to rows softly clips values.

    Args:
        rows: Shape (n, d), n at least 1, of any real type.
        generator: Draws a sample if there are many rows; torch's global generator if ``None``.

    Returns:
        Lower and upper bounds, shape (d,) each, float64.
    """
    sample = drawn_rows(len(rows), most_rows(rows.shape[1]), generator).to(rows.device)
    low, high, _ = usual_bounds(*columns_of(rows, sample))
    return low, high


def is_far_from_zero(center: torch.Tensor, scale: torch.Tensor) -> bool:
    """Returns whether single precision loses digits of a column whose offset is large relative to its scale.

    Args:
        center: Offsets of the columns, any shape.
        scale: Scales of the columns, of a shape that broadcasts; 0 for constant columns, which are ignored.

    Example:
        >>> is_far_from_zero(torch.tensor([5.0, 1e6]), torch.tensor([1.0, 0.4]))
        True
    """
    return bool(((center.abs() > _FAR * scale) & (scale > 0)).any())


def drawn_rows(n: int, most: int, generator: torch.Generator | None) -> torch.Tensor:
    """Draws ``most`` of n row indices, in random order; returns all in order if there are no more."""
    if n <= most:
        return torch.arange(n)
    device = "cpu" if generator is None else generator.device
    return torch.randperm(n, generator=generator, device=device)[:most]


def row_chunks(rows: torch.Tensor, n_columns: int) -> tuple[torch.Tensor, ...]:
    """Splits indices of rows into chunks whose rows take a few megabytes."""
    return torch.split(rows, max(1, _CHUNK_ELEMENTS // n_columns))


def most_rows(n_columns: int) -> int:
    """Returns the largest number of rows that are sampled for statistics of columns."""
    return max(_WIDE_ROWS, min(_SAMPLE_ROWS, _SAMPLE_ELEMENTS // n_columns))


def columns_of(rows: torch.Tensor | Rows, sample: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns extremes of columns, shape (2, d), and their usual ranges in sampled rows, shape (3, d), float64."""
    rows, n = rows_of(rows), len(sample)
    extremes = torch.stack(rows.extremes()).to(torch.float64)
    ranges = torch.zeros(3, rows.shape[1], dtype=torch.float64, device=rows.device)
    least = _FEW if n > 1 / _FEW else 0
    for columns, block in rows.sampled_columns(sample, max(1, _CHUNK_ELEMENTS // n), least):
        ranges[:, columns] = usual_ranges(_floating(block)).to(torch.float64)
    return extremes, ranges


def _floating(X: torch.Tensor) -> torch.Tensor:
    """Converts numbers to a floating-point dtype that represents them without loss."""
    if X.is_floating_point():
        return X if X.dtype == torch.float64 else X.to(torch.float32)
    return X.to(torch.float64 if X.dtype in (torch.int32, torch.int64) else torch.float32)

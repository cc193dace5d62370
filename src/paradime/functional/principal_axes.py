"""Principal axes, of many rows by their covariance and of many columns by the rows' products."""

from __future__ import annotations

import torch

__all__ = ["axes_of_covariance", "axes_of_rows", "whitening_factors"]

_NONE = 1e-6  # of the largest deviation: rounding of single precision
_LITTLE = 1e-4  # of the usual deviation
_CHUNK_ELEMENTS = 1 << 22


def axes_of_covariance(covariance: torch.Tensor, n_axes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the directions in which rows vary most, and how much, of their covariance.

    Args:
        covariance: Shape (d, d), float64.
        n_axes: How many axes, at most d.

    Returns:
        The axes, shape (n_axes, d), the largest element of each positive, and the standard deviations along them,
        shape (n_axes,), in falling order.

    Source: Pearson, "On lines and planes of closest fit to systems of points in space", 1901.

    Example:
        >>> axes, deviations = axes_of_covariance(torch.diag(torch.tensor([1.0, 4.0])), 1)
        >>> axes, deviations
        (tensor([[0., 1.]]), tensor([2.]))
    """
    variances, directions = torch.linalg.eigh(covariance)
    axes = directions.T.flip(0)[:n_axes]
    return _signed(axes), variances.flip(0)[:n_axes].clamp_min(0).sqrt()


def axes_of_rows(rows: torch.Tensor, n_axes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the same of few rows in many columns: nothing of the size d × d is made.

    Args:
        rows: Rows less their mean, shape (n, d).
        n_axes: How many axes; of those beyond the number of rows, both axis and deviation are zero.

    Returns:
        Axes, shape (n_axes, d), and standard deviations, shape (n_axes,), both float64.

    Example:
        >>> axes, deviations = axes_of_rows(torch.tensor([[0.0, 3.0, 4.0], [0.0, -3.0, -4.0]]), 2)
        >>> axes[0], deviations
        (tensor([0.0000, 0.6000, 0.8000], dtype=torch.float64), tensor([5., 0.], dtype=torch.float64))
    """
    n, d = rows.shape
    blocks = torch.split(rows, max(1, _CHUNK_ELEMENTS // n), dim=1)
    products = torch.zeros(n, n, dtype=torch.float64, device=rows.device)
    for block in blocks:
        block = block.to(torch.float64)
        products.addmm_(block, block.T)
    found, deviations = axes_of_covariance(products / n, min(n, n_axes))
    varies = deviations > _NONE * deviations[0]
    # an axis is the sum of the rows, weighted by an eigenvector of their products
    weights = torch.where(varies, 1 / torch.where(varies, deviations, 1), 0)[:, None] * found / n**0.5
    axes = rows.new_zeros(n_axes, d, dtype=torch.float64)
    axes[: len(found)] = torch.cat([weights @ block.to(torch.float64) for block in blocks], dim=1)
    padded = torch.nn.functional.pad(torch.where(varies, deviations, 0), (0, n_axes - len(found)))
    return _signed(axes), padded


def whitening_factors(deviations: torch.Tensor, whitening: float) -> torch.Tensor:
    """Returns by what to multiply components so that they vary more alike, and by about 1 in all.

    The component j of standard deviation s_j is divided by s_j^w s^(1 − w), where s is the root mean square of
    those that vary. One that hardly varies is divided by s, so that rounding errors are not magnified; one that
    does not vary at all becomes zero, since nothing could be learned of it.

    Args:
        deviations: The s_j, shape (p,).
        whitening: The exponent w, in [0, 1]: components stay in proportion with 0, and vary alike with 1.

    Returns:
        Shape (p,), finite.

    Example:
        >>> whitening_factors(torch.tensor([7.0, 1.0, 0.0]), 1.0) * 7
        tensor([1., 7., 0.])
    """
    varies = deviations > _NONE * deviations.max()
    usual = (deviations.square().sum() / varies.sum().clamp_min(1)).sqrt()
    usual = torch.where(usual > 0, usual, 1)
    relative = deviations / usual
    powers = torch.where(relative > _LITTLE, relative, 1).pow(-whitening)
    return torch.where(varies, powers / usual, 0)


def _signed(axes: torch.Tensor) -> torch.Tensor:
    """Axes have no sign of their own; the same data give the same one."""
    largest = axes.gather(1, axes.abs().argmax(dim=1, keepdim=True))
    return torch.where(largest < 0, -axes, axes)

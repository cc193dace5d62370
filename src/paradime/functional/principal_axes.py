"""Principal axes, from the covariance of columns or from the products of rows."""

from __future__ import annotations

import torch

__all__ = ["axes_of_covariance", "axes_of_rows", "whitening_factors"]

_NONE = 1e-6  # deviations below this, relative to the largest, are rounding errors of single precision
_LITTLE = 1e-4  # deviations below this, relative to the root mean square, are not magnified
_CHUNK_ELEMENTS = 1 << 22


def axes_of_covariance(covariance: torch.Tensor, n_axes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Computes principal axes and the standard deviations along them from a covariance matrix.

    Args:
        covariance: Shape (d, d), float64.
        n_axes: Number of axes, at most d.

    Returns:
        The axes, shape (n_axes, d), with the sign that makes the element of largest absolute value positive, and
        the standard deviations, shape (n_axes,), in decreasing order.

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
    """Computes principal axes and standard deviations of few rows with many columns, without a d × d matrix.

    Args:
        rows: Centred rows, shape (n, d).
        n_axes: Number of axes; axes and deviations beyond the number of rows are zero.

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
    eigenvectors, deviations = axes_of_covariance(products / n, min(n, n_axes))
    varies = deviations > _NONE * deviations[0]
    # an axis is the sum of the rows, weighted by an eigenvector of their products
    weights = torch.where(varies, 1 / torch.where(varies, deviations, 1), 0)[:, None] * eigenvectors / n**0.5
    axes = rows.new_zeros(n_axes, d, dtype=torch.float64)
    axes[: len(eigenvectors)] = torch.cat([weights @ block.to(torch.float64) for block in blocks], dim=1)
    padded = torch.nn.functional.pad(torch.where(varies, deviations, 0), (0, n_axes - len(eigenvectors)))
    return _signed(axes), padded


def whitening_factors(deviations: torch.Tensor, whitening: float) -> torch.Tensor:
    """Returns factors that partially whiten components, and scale them to about unit size.

    The component j of standard deviation s_j is divided by s_j^w s^(1 − w), where s is the root mean square of
    the s_j that are not zero. Components with a very small s_j are divided by s, so that rounding errors are not
    magnified; constant components have factor 0.

    Args:
        deviations: The standard deviations s_j, shape (p,).
        whitening: The exponent w, in [0, 1]: 0 keeps the proportions of the s_j, 1 makes all equal.

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
    """Gives axes the sign that makes the element of largest absolute value positive."""
    largest = axes.gather(1, axes.abs().argmax(dim=1, keepdim=True))
    return torch.where(largest < 0, -axes, axes)

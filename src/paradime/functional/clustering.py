"""Lloyd's k-means for rows in random order, evenly spread subsets of points, and movements of points.

Scikit-learn's ``KMeans`` with the same start takes the same steps: measured on 20,000 rows of 50 columns with 300
centres, it reaches the same inertia in 0.12 s instead of 0.22 s. It computes on the CPU only, while the lists of
neighbours are built where the rows are, and :func:`nearest_center` is needed anyway.
"""

from __future__ import annotations

import torch

from paradime.functional.distances import magnitude
from paradime.utils.parallel import parallel_map, part_size

__all__ = ["covering_points", "k_means", "nearest_center", "relative_movement"]

_CHUNK_ELEMENTS = 1 << 22
_CLUSTERED_EACH = 50  # number of sampled points per centre for k-means


def k_means(rows: torch.Tensor, n_centers: int, *, steps: int = 8) -> torch.Tensor:
    """Computes k-means centres by Lloyd's steps, which start at the first rows.

    A centre that is nearest to no row is not moved; with fewer distinct rows than centres, some coincide.

    Args:
        rows: Rows in random order, centred, shape (n, d), n at least 1.
        n_centers: Number of centres, at least 1; with fewer rows, rows are repeated.
        steps: Number of steps.

    Returns:
        Shape (n_centers, d), float64.

    Source: Lloyd, "Least squares quantization in PCM", 1982.

    Example:
        >>> k_means(torch.tensor([[0.0], [9.0], [1.0], [8.0]]), 2)
        tensor([[0.5000],
                [8.5000]], dtype=torch.float64)
    """
    first = torch.arange(n_centers, device=rows.device) % len(rows)
    centers = rows[first].to(torch.float64)
    for _ in range(steps):
        assignment = nearest_center(rows, centers)
        sizes = torch.bincount(assignment, minlength=n_centers)
        sums = torch.zeros_like(centers).index_add_(0, assignment, rows.to(torch.float64))
        means = sums / sizes.clamp(min=1)[:, None]
        centers = torch.where(sizes[:, None] > 0, means, centers)
    return centers


def nearest_center(rows: torch.Tensor, centers: torch.Tensor) -> torch.Tensor:
    """Returns the index of the nearest centre of each row, by matrix products of a few megabytes.

    Args:
        rows: Shape (n, d), centred, because the products lose precision with an offset.
        centers: Shape (m, d), of any floating-point dtype.

    Returns:
        Shape (n,), int64; the first of several equally near centres.

    Example:
        >>> nearest_center(torch.tensor([[0.0], [7.0]]), torch.tensor([[1.0], [9.0]]))
        tensor([0, 1])
    """
    centers = centers.to(rows.dtype)
    half_sq_norms = centers.square().sum(dim=1) / 2
    step = max(1, part_size(_CHUNK_ELEMENTS, rows.device) // len(centers))

    def nearest(chunk: torch.Tensor) -> torch.Tensor:
        # (|x - c|² - |x|²) / 2
        return torch.addmm(half_sq_norms, chunk, centers.T, alpha=-1).argmin(dim=1)

    chunks = torch.split(rows, step)
    with parallel_map(len(chunks), rows.device) as apply:
        return torch.cat(list(apply(nearest, chunks)))


def covering_points(
    positions: torch.Tensor, n_points: int, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Chooses evenly spread points: those nearest to k-means centres.

    If several centres have the same nearest point, further points are drawn at random.

    Args:
        positions: Shape (n, d).
        n_points: Number of points to choose; all if there are no more.
        generator: Draws the sample for clustering; torch's global generator if ``None``.

    Returns:
        Sorted indices of the points, shape (min(n_points, n),), int64.

    Example:
        >>> covering_points(torch.tensor([[0.0], [0.1], [9.0], [9.1]]), 2).numel()
        2
    """
    n = len(positions)
    if n_points >= n:
        return torch.arange(n)
    order = torch.randperm(n, generator=generator)
    centered = positions - positions.mean(dim=0)
    centered = centered / magnitude(centered)  # keeps squares within single precision
    centers = k_means(centered[order[: _CLUSTERED_EACH * n_points]], n_points).to(positions.dtype)
    step = max(1, _CHUNK_ELEMENTS // n)
    nearest = torch.cat([torch.cdist(chunk, centered).argmin(dim=1) for chunk in torch.split(centers, step)])
    chosen = torch.zeros(n, dtype=torch.bool)
    chosen[nearest] = True
    # several centres may have the same nearest point
    others = order[~chosen[order]]
    chosen[others[: n_points - int(chosen.sum())]] = True
    return chosen.nonzero().squeeze(1)


def relative_movement(before: torch.Tensor, after: torch.Tensor, spread: float) -> torch.Tensor:
    """Returns the distances by which points have moved, shape (n,), relative to a spread; 0 if it is 0.

    Args:
        before: Earlier positions, shape (n, d).
        after: Later positions, shape (n, d).
        spread: The spread, ≥ 0.

    Example:
        >>> relative_movement(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]), 10.0)
        tensor([0.5000])
    """
    if not spread > 0:
        return torch.zeros(len(before), device=before.device)
    # divided before squaring, so that squares neither overflow nor underflow
    movement: torch.Tensor = ((after - before) / spread).norm(dim=1)
    return movement

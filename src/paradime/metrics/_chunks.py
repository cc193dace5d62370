"""Shared helpers of the metrics: input checks, and distances in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from paradime.utils.arguments import check_integer, is_integer
from paradime.utils.rows import rows_of

# Default number of distances in a block: 8 MiB fit a CPU's cache. Larger blocks are faster for a matrix product,
# which reads all points for each block, and on an accelerator.
_CPU_BLOCK, _CPU_PRODUCT_BLOCK, _ACCELERATOR_BLOCK = 2**20, 2**22, 2**24
_MIN_ROWS = 16
_PAIR_ELEMENTS = 2**20

# With more columns than this, distances are computed by a matrix product, which is faster; with fewer, by
# differences, which stay exact where a cluster is small and far from the centre.
_MAX_EXACT_DIM = 25

# the sum of squares of larger numbers over all pairs could overflow double precision
_MAX_MAGNITUDE = 1e140


def as_points(X: Any, *, name: str, device: torch.device | None = None) -> torch.Tensor:
    """Checks a matrix of points and returns it in double precision.

    Args:
        X: Points, shape (n, dim), finite; dense or a SciPy sparse matrix.
        name: Name of the points in error messages.
        device: Device to compute on; by default that of ``X``. Devices without double precision are replaced by
            the CPU.

    Returns:
        A float64 tensor of shape (n, dim) without gradient. May share memory with ``X``.

    Raises:
        TypeError: If ``X`` is not real numbers.
        ValueError: If ``X`` is not a matrix with rows and columns, or holds NaN or numbers beyond ±1e140.

    Example:
        >>> as_points([[1, 2], [3, 4]], name="X").dtype
        torch.float64
    """
    tensor = rows_of(X).dense().detach()
    if tensor.is_complex():
        raise TypeError(f"{name} must be real, got {tensor.dtype}. Pass real and imaginary parts as columns.")
    if tensor.ndim != 2 or 0 in tensor.shape:
        raise ValueError(
            f"{name} must have shape (n, dim) with at least one row and column, got {tuple(tensor.shape)}. "
            "Reshape a single column with reshape(-1, 1)."
        )
    device = _with_doubles(tensor.device if device is None else device)
    points = tensor.to(device).to(torch.float64)
    low, high = torch.aminmax(points)  # NaN if there is any
    if not (float(low) >= -_MAX_MAGNITUDE and float(high) <= _MAX_MAGNITUDE):
        n_bad = int((~(points.abs() <= _MAX_MAGNITUDE)).any(dim=1).sum())
        raise ValueError(
            f"{name} must be finite and within ±{_MAX_MAGNITUDE:g}, got NaN, infinity or more in {n_bad} of "
            f"{len(points)} rows. Drop or impute these rows."
        )
    return points


def as_pair(X: Any, embedding: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Checks points and their embedding, and returns both on one device.

    Args:
        X: Points, shape (n, dim).
        embedding: Their embedding, shape (n, out_dim).

    Returns:
        Two float64 tensors of n rows, on the device of ``X`` if that is a tensor, else on ``embedding``'s.

    Raises:
        TypeError: If either is not real numbers.
        ValueError: If either is not a finite matrix, or the numbers of rows differ.

    Example:
        >>> X, embedding = as_pair([[1, 2], [3, 4]], [[5], [6]])
        >>> X.shape, embedding.shape
        (torch.Size([2, 2]), torch.Size([2, 1]))
    """
    device = X.device if isinstance(X, torch.Tensor) else None
    if device is None and isinstance(embedding, torch.Tensor):
        device = embedding.device
    points, embedded = (
        as_points(X, name="X", device=device),
        as_points(embedding, name="embedding", device=device),
    )
    if len(points) != len(embedded):
        raise ValueError(
            f"X and embedding must have the same number of rows, got {len(points)} and {len(embedded)}. "
            "Pass the embedding of the same points in the same order."
        )
    return points, embedded.to(points.device)


def check_n_neighbors(n_neighbors: Any, *, n_available: int, points: str, of: str = "points") -> int:
    """Checks a number of neighbours.

    Args:
        n_neighbors: The number to check.
        n_available: The largest number allowed.
        points: The points that set this limit, for messages.
        of: What the neighbours are, for messages.

    Returns:
        The number as a Python integer.

    Raises:
        TypeError: If the number is not an integer.
        ValueError: If it lies outside [1, n_available].

    Example:
        >>> check_n_neighbors(3, n_available=4, points="5 points")
        3
    """
    if not is_integer(n_neighbors):
        raise TypeError(f"n_neighbors must be an integer, got {n_neighbors!r}. Pass an integer of at least 1.")
    if n_available < 1:
        raise ValueError(f"n_neighbors={n_neighbors} needs more points, got {points}. Pass at least 3 points.")
    if not 1 <= n_neighbors <= n_available:
        raise ValueError(
            f"n_neighbors must lie in [1, {n_available}] for {points}, got {n_neighbors}. "
            f"{'Raise it.' if n_neighbors < 1 else f'Lower it, or pass more {of}.'}"
        )
    return int(n_neighbors)


def distance_blocks(
    points: torch.Tensor,
    *,
    queries: torch.Tensor | None = None,
    rows: torch.Tensor | None = None,
    self_distance: float = 0.0,
    chunk_size: int | None = None,
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Computes all Euclidean distances in blocks of rows.

    Args:
        points: Points, float64, shape (n, dim).
        queries: Query points, shape (m, dim); by default the points themselves.
        rows: Without queries, the indices of the points to use as queries, shape (m,); by default all.
        self_distance: Without queries, the distance of each point to itself; infinity excludes a point from its
            own neighbourhood, even if it has duplicates.
        chunk_size: Number of rows of a block; by default a block has a moderate size.

    Yields:
        A slice of the queries, and their distances to all points, shape (rows, n).

    Raises:
        ValueError: If ``chunk_size`` is not a positive integer.

    Example:
        >>> points = torch.tensor([[0.0], [3.0], [4.0]], dtype=torch.float64)
        >>> for rows, block in distance_blocks(points, chunk_size=2):
        ...     print(rows.start, block.tolist())
        0 [[0.0, 3.0, 4.0], [3.0, 0.0, 1.0]]
        2 [[4.0, 1.0, 0.0]]
    """
    is_small = points.shape[1] <= _MAX_EXACT_DIM
    if chunk_size is None:
        chunk_size = usual_chunk_size(points)
    _check_chunk_size(chunk_size)
    # far from the origin the expansion |a|² + |b|² - 2ab loses all precision
    center = points.mean(dim=0)
    points = points - center
    starts = points if queries is None else queries - center
    if queries is None and rows is not None:
        starts = points[rows]
    # the norms are computed once for all blocks: torch's cdist would copy all points for each block
    sq_norms = None if is_small else points.square().sum(dim=1)
    for begin in range(0, len(starts), chunk_size):
        block_rows = slice(begin, min(begin + chunk_size, len(starts)))
        distances = _distances(starts[block_rows], points, sq_norms)
        if queries is None and rows is None:
            distances.diagonal(offset=begin).fill_(self_distance)
        elif queries is None and rows is not None:
            distances.scatter_(1, rows[block_rows, None], self_distance)
        yield block_rows, distances


def usual_chunk_size(*views: torch.Tensor) -> int:
    """Returns the default number of rows of a block, for points in one or several spaces, shape (n, …)."""
    on_cpu = views[0].device.type == "cpu"
    is_small = all(view.shape[1] <= _MAX_EXACT_DIM for view in views)
    block = (_CPU_BLOCK if is_small else _CPU_PRODUCT_BLOCK) if on_cpu else _ACCELERATOR_BLOCK
    return max(_MIN_ROWS, block // len(views[0]))


def _distances(starts: torch.Tensor, points: torch.Tensor, sq_norms: torch.Tensor | None) -> torch.Tensor:
    """Computes distances by a matrix product if given the squared norms, else by differences, shape (rows, n)."""
    if sq_norms is None:
        return torch.cdist(starts, points, compute_mode="donot_use_mm_for_euclid_dist")
    squares = torch.addmm(sq_norms, starts, points.T, alpha=-2)
    return squares.add_(starts.square().sum(dim=1, keepdim=True)).clamp_(min=0).sqrt_()


def _check_chunk_size(chunk_size: Any) -> None:
    check_integer("chunk_size", chunk_size, remedy="Omit it to have one chosen.")


def nearest(distances: torch.Tensor, n_neighbors: int) -> torch.Tensor:
    """Returns the indices of the smallest entries of every row, shape (rows, n_neighbors), in any order."""
    return distances.topk(n_neighbors, dim=1, largest=False, sorted=False).indices


def _with_doubles(device: torch.device) -> torch.device:
    # Apple's GPUs have no double precision
    return torch.device("cpu") if device.type == "mps" else device


def pair_distances(
    starts: torch.Tensor, ends: torch.Tensor, first: torch.Tensor, second: torch.Tensor
) -> torch.Tensor:
    """Computes the Euclidean distances of pairs from coordinate differences, in chunks.

    Args:
        starts: Points, shape (m, dim).
        ends: Points, shape (n, dim).
        first: Indices of ``starts``, shape (n_pairs,).
        second: Indices of ``ends``, shape (n_pairs,).

    Returns:
        The distances, shape (n_pairs,).

    Example:
        >>> points = torch.tensor([[0.0], [3.0], [4.0]])
        >>> pair_distances(points, points, torch.tensor([0, 1]), torch.tensor([2, 2]))
        tensor([4., 1.])
    """
    step = max(1, _PAIR_ELEMENTS // ends.shape[1])
    chunks = [
        (starts[a] - ends[b]).norm(dim=1)
        for a, b in zip(torch.split(first, step), torch.split(second, step), strict=True)
    ]
    return torch.cat(chunks)

"""What the columns of sparse rows are like, found without making the rows dense as a whole."""

from __future__ import annotations

import numpy as np
import torch

from paradime.functional.squashing import usual_ranges
from paradime.utils.sparse import SparseRows

__all__ = ["extremes_of", "sparse_usual_ranges"]

_TAIL = 0.02  # below the share that usual ranges leave out on either side


def extremes_of(rows: SparseRows) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the least and the largest value of each column, shape (d,) each.

    Example:
        >>> import scipy.sparse
        >>> extremes_of(SparseRows(scipy.sparse.csr_array([[1.0, -2.0], [0.0, 0.0]])))
        (tensor([ 0., -2.], dtype=torch.float64), tensor([1., 0.], dtype=torch.float64))
    """
    matrix = rows.to_scipy()
    lowest, highest = (
        torch.from_numpy(np.ascontiguousarray(bound.toarray().reshape(-1))).to(rows.device)
        for bound in (matrix.min(axis=0), matrix.max(axis=0))
    )
    return lowest, highest


def sparse_usual_ranges(rows: SparseRows, sample: torch.Tensor, step: int) -> torch.Tensor:
    """Returns the same as :func:`~paradime.functional.squashing.usual_ranges`, of some sparse rows.

    Args:
        rows: The rows, shape (n, d).
        sample: Numbers of rows, shape (m,).
        step: How many columns of these are made dense together.

    Returns:
        Lower value, median and upper value, shape (3, d), float32 or float64.
    """
    columns = rows.take(sample).to_scipy().tocsc()
    n, dim = columns.shape
    kind = torch.float64 if rows.dtype in (torch.float64, torch.int32, torch.int64) else torch.float32
    found = torch.zeros(3, dim, dtype=kind)
    # where next to all values are zero, so are the median and the quantiles
    some = np.flatnonzero(np.diff(columns.indptr) > (_TAIL * n if n > 1 / _TAIL else 0))
    for start in range(0, len(some), step):
        places = some[start : start + step]
        block = torch.from_numpy(columns[:, places].toarray()).to(kind)
        found[:, torch.from_numpy(places)] = usual_ranges(block)
    return found.to(rows.device)

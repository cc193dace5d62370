"""Points in few columns, for a first look."""

from __future__ import annotations

import torch

from paradime.neighbors.euclidean import EuclideanRows

__all__ = ["sketch_of"]

_SAMPLE_ROWS = 4000


def sketch_of(points: EuclideanRows, n_columns: int, generator: torch.Generator) -> torch.Tensor:
    """Returns the leading principal components, as a sample of the points shows them.

    Args:
        points: n points of d columns.
        n_columns: How many components, at most d.
        generator: Draws the sample.

    Returns:
        Shape (n, n_columns), centred, of the points' type.
    """
    drawn = torch.randperm(len(points), generator=generator)[:_SAMPLE_ROWS].to(points.X.device)
    center = points.center()
    sample = points.at(drawn).to(torch.float64) - center
    _, directions = torch.linalg.eigh(sample.T @ sample)
    directions, center = directions[:, -n_columns:].to(points.dtype), center.to(points.dtype)
    sketch = torch.empty(len(points), directions.shape[1], dtype=points.dtype, device=points.X.device)
    for chunk in points.chunks():
        sketch[chunk] = (points.at(chunk) - center) @ directions
    return sketch

"""Objectives of classes that lie in columns along an axis, or in sectors around a centre."""

from __future__ import annotations

import math

import torch

__all__ = ["column_loss", "sector_directions", "sector_loss"]

_SHARPNESS = 8.0  # log odds of a row in the middle of its column against the next one: 3,000 to 1


def column_loss(coordinates: torch.Tensor, places: torch.Tensor, n_columns: int) -> torch.Tensor:
    """Computes the cross-entropy of columns along an axis, by the distances of rows from their middles.

    Columns are equally far apart, and in the scale of the rows: both coordinates and middles are standardised by
    the mean and deviation of the batch. The loss is convex in standardised coordinates.

    Args:
        coordinates: Shape (b,).
        places: The column of each row, integers in [0, n_columns), shape (b,).
        n_columns: The number of columns, at least 2.

    Returns:
        A scalar ≥ 0; 0 if all rows are of one column.

    Example:
        >>> places = torch.tensor([0, 0, 1, 1])
        >>> column_loss(torch.tensor([5.0, 5.0, 7.0, 7.0]), places, 2).round(decimals=3)
        tensor(0.)
        >>> column_loss(torch.tensor([5.0, 7.0, 5.0, 7.0]), places, 2).round(decimals=3)
        tensor(4.)
    """
    if len(places) < 2 or bool((places == places[0]).all()):
        return 0 * coordinates.sum()
    own = places.to(coordinates.dtype)
    mean, deviation = own.mean(), own.std(correction=0)
    middles = (torch.arange(n_columns, device=places.device, dtype=coordinates.dtype) - mean) / deviation
    centered = coordinates - coordinates.mean()
    variance = centered.square().mean()
    standard = centered / torch.where(variance > 0, variance, 1).sqrt()
    gap = 1 / deviation
    logits = -(standard[:, None] - middles).square() * (_SHARPNESS / gap.square())
    return torch.nn.functional.cross_entropy(logits, places)


def sector_directions(n_sectors: int, like: torch.Tensor) -> torch.Tensor:
    """Returns the directions of the middles of equal sectors, counter-clockwise from the right, shape (k, 2).

    Example:
        >>> sector_directions(4, torch.empty(0)).round(decimals=3).abs().tolist()
        [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    """
    angles = 2 * math.pi / n_sectors * torch.arange(n_sectors, dtype=like.dtype, device=like.device)
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def sector_loss(directions: torch.Tensor, places: torch.Tensor, n_sectors: int) -> torch.Tensor:
    """Computes the cross-entropy of equal sectors, by how far rows lie in the directions of their middles.

    Lengths are relative to their root mean square in the batch. The loss is convex in relative positions, so that
    rows opposite to their sector, from where both ways around are equally far, are led through the centre.

    Args:
        directions: Rows relative to the centre, shape (b, 2).
        places: The sector of each row, integers in [0, n_sectors), shape (b,).
        n_sectors: The number of sectors, at least 2.

    Returns:
        A scalar ≥ 0; 0 without rows.

    Example:
        >>> sector_loss(torch.tensor([[2.0, 0.0], [-2.0, 0.0]]), torch.tensor([0, 1]), 2).round(decimals=3)
        tensor(0.)
    """
    if not len(places):
        return 0 * directions.sum()
    square = directions.square().sum(dim=1).mean()
    units = directions / torch.where(square > 0, square, 1).sqrt()
    concentration = _SHARPNESS / (1 - math.cos(2 * math.pi / n_sectors))
    logits = concentration * units @ sector_directions(n_sectors, units).T
    return torch.nn.functional.cross_entropy(logits, places)

"""Lists of points that lie near each other, by k-means on a sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from paradime.functional import k_means, nearest_center

__all__ = ["Lists", "split_into_lists"]

_STEPS = 8
_SAMPLE_PER_LIST = 40
_LARGEST = 4  # times the mean


@dataclass(frozen=True)
class Lists:
    """Points in lists.

    Attributes:
        members: Indices of all points, list by list, shape (n,).
        bounds: Where each list starts and the last one ends in ``members``, n_lists + 1 numbers.
        centers: The lists' means, shape (n_lists, d).
        of_point: Which list each point is in, shape (n,).
    """

    members: torch.Tensor
    bounds: list[int]
    centers: torch.Tensor
    of_point: torch.Tensor

    def __len__(self) -> int:
        return len(self.centers)

    def of(self, number: int) -> torch.Tensor:
        """Returns the points of a list."""
        return self.members[self.bounds[number] : self.bounds[number + 1]]

    def sq_dists_from(self, numbers: torch.Tensor) -> torch.Tensor:
        """Returns squared distances from some lists' centres to all, −1 to their own, shape (m, n_lists)."""
        mine = self.centers[numbers]
        sq_dists = torch.cdist(mine, self.centers, compute_mode="donot_use_mm_for_euclid_dist").square_()
        return sq_dists.scatter_(1, numbers[:, None], -1)

    def near(self, number: int, n_lists: int, n_points: int) -> torch.Tensor:
        """Returns the points of the nearest lists of a list, itself first, and at least so many points."""
        sq_dists = self.sq_dists_from(torch.tensor([number], device=self.centers.device))[0]
        order = sq_dists.argsort(stable=True).tolist()
        parts, total = [], 0
        for place, other in enumerate(order):
            if place >= n_lists and total >= n_points:
                break
            parts.append(self.of(other))
            total += len(parts[-1])
        return torch.cat(parts)


def split_into_lists(rows: torch.Tensor, size: int, generator: torch.Generator) -> Lists:
    """Splits points into lists of about the same size, whose points lie near each other.

    Lists that come out much larger are split once more, and then cut, so that many equal points are no hindrance.

    Args:
        rows: Centred points, shape (n, d).
        size: The mean size of a list.
        generator: Draws the first centres.
    """
    numbers = _clusters(rows, max(1, len(rows) // size), generator)
    counts = torch.bincount(numbers)
    n_lists = len(counts)
    for number in (counts > _LARGEST * size).nonzero().flatten().tolist():
        members = (numbers == number).nonzero().squeeze(1)
        part = _clusters(rows[members], math.ceil(len(members) / size), generator)
        # what even this cannot split is cut
        order = part.argsort(stable=True)
        place = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
        place -= (torch.bincount(part).cumsum(0) - torch.bincount(part))[part]
        _, part = torch.unique(torch.stack([part, place // (_LARGEST * size)], dim=1), dim=0, return_inverse=True)
        numbers[members] = n_lists + part
        n_lists += int(part.max()) + 1
    _, numbers = torch.unique(numbers, return_inverse=True)
    return _lists(rows, numbers)


def _lists(rows: torch.Tensor, numbers: torch.Tensor) -> Lists:
    sizes = torch.bincount(numbers)
    centers = _means(rows, numbers, len(sizes))[0]
    bounds = [0, *sizes.cumsum(0).tolist()]
    return Lists(numbers.argsort(stable=True), bounds, centers, numbers)


def _clusters(rows: torch.Tensor, n_clusters: int, generator: torch.Generator) -> torch.Tensor:
    """Numbers of k-means clusters, shape (n,), by Lloyd's steps on a sample."""
    drawn = torch.randperm(len(rows), generator=generator)[: _SAMPLE_PER_LIST * n_clusters].to(rows.device)
    return nearest_center(rows, k_means(rows[drawn], n_clusters, steps=_STEPS))


def _means(rows: torch.Tensor, numbers: torch.Tensor, n_clusters: int) -> tuple[torch.Tensor, torch.Tensor]:
    sizes = torch.bincount(numbers, minlength=n_clusters)
    sums = torch.zeros(n_clusters, rows.shape[1], dtype=torch.float64, device=rows.device)
    sums.index_add_(0, numbers, rows.to(torch.float64))
    return sums / sizes.clamp(min=1)[:, None], sizes

"""Lists of nearby points, by k-means on a sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from paradime.functional import k_means, nearest_center

__all__ = ["Lists", "split_into_lists"]

_STEPS = 8
_SAMPLE_PER_LIST = 40
_LARGEST = 4  # largest size of a list, relative to the intended mean


@dataclass(frozen=True)
class Lists:
    """Points in lists.

    Attributes:
        members: Indices of all points, list by list, shape (n,).
        bounds: Start of each list in ``members``, and end of the last one, n_lists + 1 numbers.
        centers: The lists' means, shape (n_lists, d).
        of_point: Index of the list of each point, shape (n,).
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
        """Returns squared distances from the centres of given lists to all, −1 to their own, (m, n_lists)."""
        given = self.centers[numbers]
        sq_dists = torch.cdist(given, self.centers, compute_mode="donot_use_mm_for_euclid_dist").square_()
        return sq_dists.scatter_(1, numbers[:, None], -1)

    def near(self, number: int, n_lists: int, n_points: int) -> torch.Tensor:
        """Returns the points of a list and of the nearest other lists, at least ``n_points``."""
        sq_dists = self.sq_dists_from(torch.tensor([number], device=self.centers.device))[0]
        order = sq_dists.argsort(stable=True).tolist()
        members, total = [], 0
        for rank, other in enumerate(order):
            if rank >= n_lists and total >= n_points:
                break
            members.append(self.of(other))
            total += len(members[-1])
        return torch.cat(members)


def split_into_lists(rows: torch.Tensor, size: int, generator: torch.Generator) -> Lists:
    """Splits points into lists of nearby points and of about the same size.

    Much larger lists are split once more by k-means, and then by position, so that duplicates are split too.

    Args:
        rows: Centred points, shape (n, d).
        size: The mean size of a list.
        generator: Draws the first centres.
    """
    labels = _clusters(rows, max(1, len(rows) // size), generator)
    counts = torch.bincount(labels)
    n_lists = len(counts)
    for label in (counts > _LARGEST * size).nonzero().flatten().tolist():
        members = (labels == label).nonzero().squeeze(1)
        sub_labels = _clusters(rows[members], math.ceil(len(members) / size), generator)
        # clusters that are still too large are split by position
        order = sub_labels.argsort(stable=True)
        position = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
        sizes = torch.bincount(sub_labels)
        position -= (sizes.cumsum(0) - sizes)[sub_labels]
        pieces = torch.stack([sub_labels, position // (_LARGEST * size)], dim=1)
        _, sub_labels = torch.unique(pieces, dim=0, return_inverse=True)
        labels[members] = n_lists + sub_labels
        n_lists += int(sub_labels.max()) + 1
    _, labels = torch.unique(labels, return_inverse=True)
    return _lists(rows, labels)


def _lists(rows: torch.Tensor, labels: torch.Tensor) -> Lists:
    sizes = torch.bincount(labels)
    sums = torch.zeros(len(sizes), rows.shape[1], dtype=torch.float64, device=rows.device)
    sums.index_add_(0, labels, rows.to(torch.float64))
    centers = sums / sizes.clamp(min=1)[:, None]
    return Lists(labels.argsort(stable=True), [0, *sizes.cumsum(0).tolist()], centers, labels)


def _clusters(rows: torch.Tensor, n_clusters: int, generator: torch.Generator) -> torch.Tensor:
    """Returns the indices of k-means clusters, shape (n,), fitted to a sample."""
    drawn = torch.randperm(len(rows), generator=generator)[: _SAMPLE_PER_LIST * n_clusters].to(rows.device)
    return nearest_center(rows, k_means(rows[drawn], n_clusters, steps=_STEPS))

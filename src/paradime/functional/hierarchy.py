"""The objective of a hierarchy of classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from paradime.functional.distances import squared_distances

__all__ = ["hierarchy_loss", "hierarchy_pairs"]


def hierarchy_pairs(levels: Sequence[torch.Tensor]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Returns, for each level, the pairs of rows of one class, and those of two classes of one coarser class.

    Args:
        levels: Classes from coarse to fine, integers of shape (b,) each, −1 for rows without a class.

    Returns:
        Two masks (b, b) per level. At the coarsest level, the second are all pairs of two classes.

    Example:
        >>> ((near, far),) = hierarchy_pairs([torch.tensor([0, 0, 1])])
        >>> near.int().tolist(), far.int().tolist()
        ([[0, 1, 0], [1, 0, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 1], [1, 1, 0]])
    """
    n, device = len(levels[0]), levels[0].device
    above = ~torch.eye(n, dtype=torch.bool, device=device)
    pairs = []
    for codes in levels:
        known = codes >= 0
        same, both = codes[:, None] == codes, known[:, None] & known
        pairs.append((above & same & both, above & ~same & both))
        above = above & same & both
    return pairs


def hierarchy_loss(positions: torch.Tensor, levels: Sequence[torch.Tensor]) -> torch.Tensor:
    """Computes the mean of −log(s_ab/(s_ab + m_a)) over pairs of one class and over levels.

    Here, s = 1/(1 + d²), and m_a is the mean similarity of row a to the rows that share its coarser class alone.
    By Jensen's inequality this bounds the mean loss −log(s_ab/(s_ab + s_ac)) of all triplets (a, b, c) from above,
    at the cost of pairs.

    Args:
        positions: Shape (b, d).
        levels: Classes from coarse to fine, integers of shape (b,) each, −1 for rows without a class.

    Returns:
        A scalar ≥ 0; 0 if no row has both kinds of others.

    Example:
        >>> hierarchy_loss(torch.zeros(3, 2), [torch.tensor([0, 0, 1])])
        tensor(0.6931)
    """
    logs = -squared_distances(positions).log1p()
    values = []
    for near, far in hierarchy_pairs(levels):
        n_far = far.sum(dim=1, keepdim=True)
        compared = near & (n_far > 0)
        # where there is nothing to compare, any finite number does
        others = torch.where(far | (n_far == 0), logs, -torch.inf).logsumexp(dim=1, keepdim=True)
        each = torch.nn.functional.softplus(others - n_far.clamp_min(1).log() - logs)
        count = compared.sum()
        values.append((torch.where(compared, each, 0).sum() / count.clamp_min(1), count > 0))
    total, used = (torch.stack(list(part)) for part in zip(*values, strict=True))
    return total.sum() / used.sum().clamp_min(1)

"""Contrastive losses of similarities: InfoNCE, noise-contrastive estimation, negative sampling."""

from __future__ import annotations

import math

import torch

__all__ = [
    "info_nce_loss",
    "log_noise_ratio",
    "noise_contrastive_loss",
    "places_of_others",
]

_KERNEL_OF_TSNE = 100  # the sum over all pairs of t-SNE's kernel is about this, times the number of points


def info_nce_loss(log_positives: torch.Tensor, log_negatives: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of finding the neighbour among random points, −log(q₊ / (q₊ + Σ q₋)).

    Args:
        log_positives: Logarithms of the similarities q₊ of pairs, shape (…).
        log_negatives: Logarithms of the similarities q₋ of their negatives, shape (…, m); −∞ leaves one out.

    Returns:
        A scalar ≥ 0, the mean over pairs.

    Source: Damrich et al., "From t-SNE to UMAP with contrastive learning", 2023, section 3.

    Example:
        >>> round(float(info_nce_loss(torch.zeros(4), torch.zeros(4, 3)).exp()), 3)
        4.0
    """
    logits = torch.cat((log_positives[..., None], log_negatives), dim=-1)
    return (logits.logsumexp(dim=-1) - log_positives).mean()


def noise_contrastive_loss(
    log_positives: torch.Tensor, log_negatives: torch.Tensor, log_noise: float | torch.Tensor
) -> torch.Tensor:
    """Cross-entropy of telling neighbours from random points by the posterior q/(q + c).

    Args:
        log_positives: Logarithms of the similarities q of pairs, shape (…).
        log_negatives: Those of their negatives, shape (…, m); −∞ leaves one out.
        log_noise: log c, see :func:`log_noise_ratio`; a tensor may carry a gradient.

    Returns:
        A scalar ≥ 0: the sum of a pair's terms, −log(q₊/(q₊ + c)) − Σ log(c/(q₋ + c)), its mean over pairs.

    Source: Damrich et al., "From t-SNE to UMAP with contrastive learning", 2023, sections 3 and 4.

    Example:
        >>> round(float(noise_contrastive_loss(torch.zeros(4), torch.zeros(4, 3), 0.0).exp()), 3)
        16.0
    """
    softplus = torch.nn.functional.softplus
    attraction = softplus(log_noise - log_positives)
    return (attraction + softplus(log_negatives - log_noise).sum(dim=-1)).mean()


def log_noise_ratio(spectrum: float, n_negatives: int, n_points: int) -> float:
    """Logarithm of c = Z̄ m/|X|, which weighs noise against data in the posterior q/(q + c).

    A pair is one of m random ones with probability m/|X| for each of the |X| = n(n − 1) ordered pairs, and one of
    the data with probability q/Z̄. Negative sampling keeps the normaliser Z̄ fixed. t-SNE's normaliser, the sum of
    its kernel over all pairs, is about 100 n; UMAP's posterior q/(q + 1) means Z̄ = |X|/m. In between,
    log Z̄ = (1 − s) log(100 n) + s log(|X|/m), so that log c = (1 − s) log(100 m/(n − 1)).

    Args:
        spectrum: s: 0 for t-SNE's, 1 for UMAP's; others go beyond. Where 100 m < n, a larger s attracts more.
        n_negatives: The number m of negatives of a pair.
        n_points: The number n of points.

    Source: Damrich et al., "From t-SNE to UMAP with contrastive learning", 2023, sections 4 and 5.

    Example:
        >>> math.exp(log_noise_ratio(1.0, 5, 60_000))
        1.0
        >>> round(math.exp(log_noise_ratio(0.0, 5, 60_001)), 6)
        0.008333
    """
    return (1 - spectrum) * math.log(_KERNEL_OF_TSNE * max(n_negatives, 1) / max(n_points - 1, 1))


def places_of_others(n_pairs: int, n_ends: int, size: int, device: torch.device | None = None) -> torch.Tensor:
    """Chooses, for each of some pairs, ends of the other pairs, each at most once.

    Pair i takes ends of the pairs i + 1, i + 2, … around the batch, of each another one. Since the pairs of a
    batch come in random order, these are random ones, and nothing is drawn.

    Args:
        n_pairs: The number b of pairs, or of points with several pairs each.
        n_ends: How many ends each has, 2 for plain pairs.
        size: How many ends each takes, at most (b − 1) × ``n_ends``.
        device: Where to put the result.

    Returns:
        Numbers of ends, of which pair i has those from i × ``n_ends`` on, shape (b, size), int64.

    Example:
        >>> places_of_others(3, 2, 3)
        tensor([[2, 5, 3],
                [4, 1, 5],
                [0, 3, 1]])
    """
    number, offsets = torch.arange(size, device=device), max(n_pairs - 1, 1)
    # once around the batch, it goes on with another end of each pair
    end = (number % offsets + number.div(offsets, rounding_mode="floor")) % n_ends
    owner = torch.arange(n_pairs, device=device)[:, None] + 1 + number % offsets
    return owner.remainder_(n_pairs).mul_(n_ends).add_(end)

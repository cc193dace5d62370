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

_KERNEL_OF_TSNE = 100  # the sum of t-SNE's kernel over all pairs is about this times the number of points


def info_nce_loss(log_positives: torch.Tensor, log_negatives: torch.Tensor) -> torch.Tensor:
    """Computes InfoNCE, the cross-entropy −log(q₊ / (q₊ + Σ q₋)) of a neighbour among random points.

    Args:
        log_positives: Logarithms of the similarities q₊ of pairs, shape (…).
        log_negatives: Logarithms of the similarities q₋ of their negatives, shape (…, m); −∞ excludes a negative.

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
    """Computes the cross-entropy of classifying neighbours and random points by the posterior q/(q + c).

    Args:
        log_positives: Logarithms of the similarities q of pairs, shape (…).
        log_negatives: Logarithms of the similarities of their negatives, shape (…, m); −∞ excludes a negative.
        log_noise: log c, see :func:`log_noise_ratio`; a tensor may require a gradient.

    Returns:
        A scalar ≥ 0, the mean over pairs of −log(q₊/(q₊ + c)) − Σ log(c/(q₋ + c)).

    Source: Damrich et al., "From t-SNE to UMAP with contrastive learning", 2023, sections 3 and 4.

    Example:
        >>> round(float(noise_contrastive_loss(torch.zeros(4), torch.zeros(4, 3), 0.0).exp()), 3)
        16.0
    """
    softplus = torch.nn.functional.softplus
    attraction = softplus(log_noise - log_positives)
    return (attraction + softplus(log_negatives - log_noise).sum(dim=-1)).mean()


def log_noise_ratio(spectrum: float, n_negatives: int, n_points: int) -> float:
    """Computes the logarithm of c = Z̄ m/|X|, the weight of noise in the posterior q/(q + c).

    Each of the |X| = n(n − 1) ordered pairs has probability m/|X| to be one of m random pairs, and q/Z̄ to be a
    pair of the data. Negative sampling fixes the normaliser Z̄. t-SNE's normaliser, the sum of its kernel over all
    pairs, is about 100 n; UMAP's posterior q/(q + 1) implies Z̄ = |X|/m. In between,
    log Z̄ = (1 − s) log(100 n) + s log(|X|/m), so that log c = (1 − s) log(100 m/(n − 1)).

    Args:
        spectrum: s, which is 0 for t-SNE, 1 for UMAP; values outside [0, 1] extrapolate. If 100 m < n, a larger s
            attracts more.
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
    """Chooses points of the other pairs for each pair of a batch, each at most once.

    Pair i gets points of the pairs i + 1, i + 2, … cyclically, of each pair another point. Because the pairs of a
    batch are in random order, this is a random choice without drawing random numbers.

    Args:
        n_pairs: The number b of pairs, or of points with several pairs each.
        n_ends: Number of points per pair, 2 for plain pairs.
        size: Number of points to choose per pair, at most (b − 1) × ``n_ends``.
        device: Device of the result.

    Returns:
        Indices of points, shape (b, size), int64; the points of pair i have the indices from i × ``n_ends``.

    Example:
        >>> places_of_others(3, 2, 3)
        tensor([[2, 5, 3],
                [4, 1, 5],
                [0, 3, 1]])
    """
    choice, offsets = torch.arange(size, device=device), max(n_pairs - 1, 1)
    # after each round through the batch, the next point of each pair is chosen
    end = (choice % offsets + choice.div(offsets, rounding_mode="floor")) % n_ends
    pair = torch.arange(n_pairs, device=device)[:, None] + 1 + choice % offsets
    return pair.remainder_(n_pairs).mul_(n_ends).add_(end)

"""Contrastive losses of similarities: InfoNCE, noise-contrastive estimation, negative sampling."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

__all__ = [
    "info_nce_loss",
    "info_nce_of_batch",
    "log_noise_ratio",
    "noise_contrastive_loss",
    "noise_contrastive_of_batch",
    "places_of_others",
]

_KERNEL_OF_TSNE = 100  # the sum of t-SNE's kernel over all pairs is about this times the number of points
_AT_ONCE = {"cpu": 1 << 19}
_AT_ONCE_ELSEWHERE = 1 << 26
_FEW_DIMENSIONS = 8
_EXACT_NUMBERS = 1 << 24  # integers up to this are exact in single precision


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


def info_nce_of_batch(
    anchors: torch.Tensor,
    neighbors: torch.Tensor,
    ids: torch.Tensor,
    neighbor_ids: torch.Tensor,
    temperature: float = 1.0,
) -> torch.Tensor:
    """Computes InfoNCE, −log(q₊ / (q₊ + Σ q₋)), with similarities q = (1 + d²)^(−1/τ); differentiable once.

    The negatives of a pair are the pairs of its anchor with all other anchors and their neighbours, except itself.

    Args:
        anchors: Points, shape (b, d).
        neighbors: The neighbours of each, shape (b, k, d).
        ids: Indices of the anchors in the data, shape (b,), integers.
        neighbor_ids: Indices of the neighbours, shape (b, k).
        temperature: τ > 0; a larger value gives heavier tails of q.

    Returns:
        A scalar ≥ 0, the mean over all b k pairs. Gradients are finite at distance 0.

    Source: Damrich et al., "From t-SNE to UMAP with contrastive learning", 2023, section 3.

    Example:
        >>> points = torch.tensor([[0.0], [3.0]])
        >>> loss = info_nce_of_batch(points, points[:, None], torch.arange(2), torch.arange(2, 4)[:, None])
        >>> round(float(loss.exp()), 3)
        1.2
    """
    loss: torch.Tensor = _InfoNCE.apply(anchors, neighbors, ids, neighbor_ids, 1 / temperature)  # type: ignore[no-untyped-call]
    return loss


def noise_contrastive_of_batch(
    anchors: torch.Tensor,
    neighbors: torch.Tensor,
    ids: torch.Tensor,
    neighbor_ids: torch.Tensor,
    log_noise: torch.Tensor,
) -> torch.Tensor:
    """Computes the noise-contrastive loss with the posterior q/(q + c) and q = 1/(1 + d²); differentiable once.

    Args:
        anchors: Points, shape (b, d).
        neighbors: The neighbours of each, shape (b, k, d).
        ids: Indices of the anchors in the data, shape (b,), integers.
        neighbor_ids: Indices of the neighbours, shape (b, k).
        log_noise: log c, a scalar, which may require a gradient.

    Returns:
        A scalar ≥ 0, the mean over all pairs of −log(q₊/(q₊ + c)) − Σ log(c/(q₋ + c)).

    Source: Damrich et al., "From t-SNE to UMAP with contrastive learning", 2023, sections 3 and 4.

    Example:
        >>> points = torch.tensor([[0.0], [3.0]])
        >>> ids = torch.arange(2), torch.arange(2, 4)[:, None]
        >>> round(float(noise_contrastive_of_batch(points, points[:, None], *ids, torch.tensor(0.0)).exp()), 3)
        2.42
    """
    arguments = anchors, neighbors, ids, neighbor_ids, log_noise
    loss: torch.Tensor = _NoiseContrastive.apply(*arguments)  # type: ignore[no-untyped-call]
    return loss


class _Block:
    """Similarities between anchors and the points of all pairs, in chunks of rows, and gradients through them.

    The columns are all anchors, then the first neighbour of each anchor, and so on.
    """

    def __init__(
        self, anchors: torch.Tensor, neighbors: torch.Tensor, ids: torch.Tensor, neighbor_ids: torch.Tensor
    ) -> None:
        self.ends = torch.cat((anchors[None], neighbors.transpose(0, 1))).flatten(0, 1)
        self._by_differences = anchors.shape[1] <= _FEW_DIMENSIONS
        if not self._by_differences:
            # centred, because differences of products lose precision far from the origin
            self.ends = self.ends - self.ends.mean(dim=0)
        self.anchors = self.ends[: len(anchors)]
        # comparing ids in the dtype of the similarities takes a quarter of the time of comparing integers; a
        # collision of two ids removes only one negative pair
        numbers = torch.cat((ids[None], neighbor_ids.T)).flatten().remainder(_EXACT_NUMBERS).to(anchors.dtype)
        self.numbers = numbers[: len(ids), None], numbers
        self.of_anchors, self.of_ends = torch.zeros_like(anchors), torch.zeros_like(self.ends)
        # contiguous columns, because differences of strided columns are several times slower
        self._columns = self.ends.T.contiguous()
        self._squares = self.ends.square().sum(dim=1)
        p, limit = len(self.ends), _AT_ONCE.get(anchors.device.type, _AT_ONCE_ELSEWHERE)
        self._n_rows = min(len(anchors), max(1, limit // p))
        n_differences = anchors.shape[1] if self._by_differences else 0
        self._memory = anchors.new_empty(2 + n_differences, self._n_rows, p)

    def rows(self) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yields rows and their similarities, shape (rows, p), with zeros for pairs that are not negatives."""
        b, p = len(self.anchors), len(self.ends)
        for first in range(0, b, self._n_rows):
            rows = slice(first, min(first + self._n_rows, b))
            similarities, other, *differences = self._memory[:, : rows.stop - first]
            if self._by_differences:
                similarities.fill_(1)
                for i, difference in enumerate(differences):
                    torch.sub(self.anchors[rows, i, None], self._columns[i], out=difference)
                    similarities.addcmul_(difference, difference)
            else:
                torch.matmul(self.anchors[rows], self._columns, out=similarities)
                similarities.mul_(-2).add_(self._squares).add_(self._squares[rows, None]).clamp_(0).add_(1)
            similarities.reciprocal_()
            similarities.mul_(torch.ne(self.numbers[0][rows], self.numbers[1], out=other))
            # the diagonals are the anchors' own neighbours
            similarities.view(-1, p // b, b)[:, :, rows].diagonal(dim1=0, dim2=2).zero_()
            yield rows, similarities

    def power(self, similarities: torch.Tensor, exponent: float) -> torch.Tensor:
        """Returns a power of the current chunk of similarities."""
        if exponent == 1:
            return similarities
        # the buffer of the mask is free again
        return torch.pow(similarities, exponent, out=self._memory[1, : len(similarities)])

    def add_gradient(self, rows: slice, weights: torch.Tensor) -> None:
        """Adds the gradient of the weighted sum of squared distances, with weights of shape (rows, p)."""
        if not self._by_differences:
            self._add_products(rows, weights)
            return
        for i, products in enumerate(self._memory[2:, : len(weights)]):
            # the buffer has the differences of the current chunk
            products.mul_(weights)
            self.of_anchors[rows, i] += 2 * products.sum(dim=1)
            self.of_ends[:, i] -= 2 * products.sum(dim=0)

    def _add_products(self, rows: slice, weights: torch.Tensor) -> None:
        firsts, ends = self.anchors[rows], self.ends
        self.of_anchors[rows] += 2 * (firsts * weights.sum(dim=1)[:, None] - weights @ ends)
        self.of_ends += 2 * (ends * weights.sum(dim=0)[:, None] - weights.T @ firsts)

    def gradients(self, differences: torch.Tensor, slopes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the gradients of anchors and neighbours from the slopes in the squared distances of pairs."""
        b, k, d = differences.shape
        of_pairs = 2 * slopes[:, :, None] * differences
        by_end = self.of_ends.view(1 + k, b, d)
        of_anchors = self.of_anchors + by_end[0] + of_pairs.sum(dim=1)
        return of_anchors, by_end[1:].transpose(0, 1) - of_pairs


class _Pairs(NamedTuple):
    differences: torch.Tensor
    inverse: torch.Tensor  # 1 + d², the inverse of the similarity

    @staticmethod
    def of(anchors: torch.Tensor, neighbors: torch.Tensor) -> _Pairs:
        differences = anchors[:, None] - neighbors
        return _Pairs(differences, differences.square().sum(dim=2).add_(1))


class _InfoNCE(torch.autograd.Function):
    """With N the sum of an anchor's negatives and p = 1/τ, the loss of a pair is log(1 + N (1 + d²)^p)."""

    @staticmethod
    def forward(
        ctx: Any,
        anchors: torch.Tensor,
        neighbors: torch.Tensor,
        ids: torch.Tensor,
        neighbor_ids: torch.Tensor,
        p: float,
    ) -> torch.Tensor:
        block, pairs = _Block(anchors, neighbors, ids, neighbor_ids), _Pairs.of(anchors, neighbors)
        inverses = pairs.inverse if p == 1 else pairs.inverse.pow(p)
        sums = anchors.new_empty(len(anchors), 1)
        needs_gradient = any(ctx.needs_input_grad)
        for rows, cauchy in block.rows():
            similarities = block.power(cauchy, p)
            sums[rows] = similarities.sum(dim=1, keepdim=True)
            if needs_gradient:
                inverse = inverses[rows]
                slopes = (inverse / (1 + sums[rows] * inverse)).sum(dim=1, keepdim=True) / inverses.numel()
                block.add_gradient(rows, cauchy.mul_(similarities).mul_(-p * slopes))
        ratios = sums * inverses
        if needs_gradient:
            slopes = p * ratios / (1 + ratios) / pairs.inverse / ratios.numel()
            ctx.save_for_backward(*block.gradients(pairs.differences, slopes))
        return ratios.log1p().mean()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        of_anchors, of_neighbors = ctx.saved_tensors
        return gradient * of_anchors, gradient * of_neighbors, None, None, None


class _NoiseContrastive(torch.autograd.Function):
    """The derivatives of log(1 + q/c) are −q²/(q + c) with respect to d², and −q/(q + c) to log c."""

    @staticmethod
    def forward(
        ctx: Any,
        anchors: torch.Tensor,
        neighbors: torch.Tensor,
        ids: torch.Tensor,
        neighbor_ids: torch.Tensor,
        log_noise: torch.Tensor,
    ) -> torch.Tensor:
        block, pairs = _Block(anchors, neighbors, ids, neighbor_ids), _Pairs.of(anchors, neighbors)
        b, noise = len(anchors), log_noise.detach().exp()
        ratios = noise * pairs.inverse
        repulsion, of_noise = torch.zeros_like(noise), (ratios / (1 + ratios)).mean()
        needs_gradient = any(ctx.needs_input_grad)
        for rows, similarities in block.rows():
            repulsion = repulsion + (similarities / noise).log1p_().sum() / b
            if needs_gradient:
                posterior = similarities / (similarities + noise)
                of_noise = of_noise - posterior.sum() / b
                block.add_gradient(rows, posterior.mul_(similarities).div_(-b))
        if needs_gradient:
            slopes = noise / (1 + ratios) / ratios.numel()
            ctx.save_for_backward(*block.gradients(pairs.differences, slopes), of_noise)
        return ratios.log1p().mean() + repulsion

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        of_anchors, of_neighbors, of_noise = ctx.saved_tensors
        return gradient * of_anchors, gradient * of_neighbors, None, None, gradient * of_noise

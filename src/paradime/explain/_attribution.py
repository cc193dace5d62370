"""Three ways to share the place of a row among its features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from paradime.explain._embedder import Embedder
from paradime.utils.optional import require

__all__ = ["gradient_x_input", "integrated_gradients", "permuted"]


def integrated_gradients(
    embedder: Embedder, rows: torch.Tensor, baseline: torch.Tensor, axes: Sequence[int], n_steps: int
) -> torch.Tensor:
    """Integrates the gradients along the straight way from the baseline, by Captum.

    Args:
        embedder: The map.
        rows: Rows to explain, shape (m, …).
        baseline: Where the ways begin, shape (…).
        axes: Axes of the embedding.
        n_steps: Places on the way.

    Returns:
        Attributions, shape (m, n_features, n_axes); summed over features, about the row's place less the
        baseline's.

    Raises:
        ImportError: If Captum is missing.

    Source: Sundararajan, Taly & Yan, "Axiomatic Attribution for Deep Networks", 2017.
    """
    others = 'Or pass method="gradient_x_input" or method="permutation".'
    attr = require("captum.attr", 'method="integrated_gradients"', extra="explain", remedy=others)
    explainer = attr.IntegratedGradients(embedder)
    parts = []
    with embedder.evaluating():
        start = baseline[None].to(embedder.device, embedder.dtype)
        for chunk in embedder.chunks(rows, copies=n_steps):
            # a single row may be so large that its steps do not fit at once
            few = 1 if len(chunk) == 1 and chunk.numel() * n_steps > 1 << 22 else None
            found = [
                explainer.attribute(chunk, start, target=axis, n_steps=n_steps, internal_batch_size=few)
                for axis in axes
            ]
            parts.append(torch.stack([part.detach().flatten(1).cpu() for part in found], dim=2))
    return torch.cat(parts)


def gradient_x_input(
    embedder: Embedder, rows: torch.Tensor, baseline: torch.Tensor, axes: Sequence[int]
) -> torch.Tensor:
    """Multiplies the gradient at each row with the row's difference from the baseline.

    Args:
        embedder: The map.
        rows: Rows to explain, shape (m, …).
        baseline: What rows are compared with, shape (…).
        axes: Axes of the embedding.

    Returns:
        Attributions, shape (m, n_features, n_axes).
    """
    parts = []
    with embedder.evaluating():
        start = baseline.to(embedder.device, embedder.dtype)
        for chunk in embedder.chunks(rows):
            chunk = chunk.detach().requires_grad_()
            places = embedder(chunk)
            gradients = [torch.autograd.grad(places[:, axis].sum(), chunk, retain_graph=True)[0] for axis in axes]
            change = (chunk - start).detach()
            parts.append(torch.stack([(part * change).flatten(1).cpu() for part in gradients], dim=2))
    return torch.cat(parts)


def permuted(
    embedder: Embedder,
    rows: torch.Tensor,
    pool: torch.Tensor,
    axes: Sequence[int],
    n_repeats: int,
    rng: np.random.Generator,
    groups: Sequence[tuple[int, ...]],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Replaces one feature, or several together, by those of other rows, and measures how far places move.

    Args:
        embedder: The map.
        rows: Rows to explain, shape (m, …).
        pool: Rows whose values are used instead, shape (n, …).
        axes: Axes of the embedding.
        n_repeats: How many other values each row gets.
        rng: Draws them.
        groups: The numbers of the features that are replaced together.

    Returns:
        The mean of the place less the place with another value, shape (m, n_groups, n_axes); and the mean
        absolute movement over rows and values, shape (n_groups, n_axes).

    Source: Breiman, "Random Forests", 2001, for the idea; Fisher, Rudin & Dominici, "All Models are Wrong, but
        Many are Useful", 2019.
    """
    flat, others = rows.flatten(1), pool.flatten(1)
    m, kept = len(flat), list(axes)
    usual = embedder.embed(rows)[:, kept]
    signed = torch.zeros(m, len(groups), len(kept))
    moved = torch.zeros(len(groups), len(kept))
    lowest, highest = others.aminmax(dim=0)
    is_fixed = (lowest == highest) & (flat == lowest).all(dim=0)  # there is no other value
    for i, group in enumerate(groups):
        features = list(group)
        if bool(is_fixed[features].all()):
            continue
        changed = flat.clone()
        for _ in range(n_repeats):
            drawn = torch.from_numpy(_shuffled(rng, len(others), m))
            changed[:, features] = others[drawn][:, features]
            difference = usual - embedder.embed(changed.view_as(rows))[:, kept]
            signed[:, i] += difference / n_repeats
            moved[i] += difference.abs().mean(dim=0) / n_repeats
    return signed, moved


def _shuffled(rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """Draws so many of n rows, each once before any is drawn again."""
    rounds = [rng.permutation(n) for _ in range(-(-size // n))]
    return np.concatenate(rounds)[:size]

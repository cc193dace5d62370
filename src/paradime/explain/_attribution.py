"""Three methods to attribute the position of a row to its features."""

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
    """Integrates the gradients along the straight line from the baseline, by Captum.

    Args:
        embedder: The embedding function.
        rows: Rows to explain, shape (m, …).
        baseline: The start of the lines, shape (…).
        axes: Axes of the embedding.
        n_steps: Number of points on a line.

    Returns:
        Attributions, shape (m, n_features, n_axes). Their sum over features approximates the difference of the
        positions of row and baseline.

    Raises:
        ImportError: If Captum is missing.

    Source: Sundararajan, Taly & Yan, "Axiomatic Attribution for Deep Networks", 2017.
    """
    others = 'Or pass method="gradient_x_input" or method="permutation".'
    attr = require("captum.attr", 'method="integrated_gradients"', extra="explain", remedy=others)
    explainer = attr.IntegratedGradients(embedder)
    chunks = []
    with embedder.evaluating():
        start = baseline[None].to(embedder.device, embedder.dtype)
        for chunk in embedder.chunks(rows, copies=n_steps):
            # the steps of a single large row may not fit into memory together
            batch_size = 1 if len(chunk) == 1 and chunk.numel() * n_steps > 1 << 22 else None
            attributions = [
                explainer.attribute(chunk, start, target=axis, n_steps=n_steps, internal_batch_size=batch_size)
                for axis in axes
            ]
            chunks.append(torch.stack([of_axis.detach().flatten(1).cpu() for of_axis in attributions], dim=2))
    return torch.cat(chunks)


def gradient_x_input(
    embedder: Embedder, rows: torch.Tensor, baseline: torch.Tensor, axes: Sequence[int]
) -> torch.Tensor:
    """Multiplies the gradient at each row by the row's difference from the baseline.

    Args:
        embedder: The embedding function.
        rows: Rows to explain, shape (m, …).
        baseline: The row to compare with, shape (…).
        axes: Axes of the embedding.

    Returns:
        Attributions, shape (m, n_features, n_axes).
    """
    chunks = []
    with embedder.evaluating():
        start = baseline.to(embedder.device, embedder.dtype)
        for chunk in embedder.chunks(rows):
            chunk = chunk.detach().requires_grad_()
            Y = embedder(chunk)
            gradients = [torch.autograd.grad(Y[:, axis].sum(), chunk, retain_graph=True)[0] for axis in axes]
            change = (chunk - start).detach()
            chunks.append(torch.stack([(gradient * change).flatten(1).cpu() for gradient in gradients], dim=2))
    return torch.cat(chunks)


def permuted(
    embedder: Embedder,
    rows: torch.Tensor,
    pool: torch.Tensor,
    axes: Sequence[int],
    n_repeats: int,
    rng: np.random.Generator,
    groups: Sequence[tuple[int, ...]],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Replaces one feature, or a group, by values of other rows, and measures how far positions move.

    Args:
        embedder: The embedding function.
        rows: Rows to explain, shape (m, …).
        pool: Rows that the other values are drawn from, shape (n, …).
        axes: Axes of the embedding.
        n_repeats: Number of other values per row.
        rng: The generator of random numbers.
        groups: The indices of the features that are replaced together.

    Returns:
        The mean difference between the position and that with another value, shape (m, n_groups, n_axes); and
        the mean absolute difference over rows and values, shape (n_groups, n_axes).

    Source: Breiman, "Random Forests", 2001, for the idea; Fisher, Rudin & Dominici, "All Models are Wrong, but
        Many are Useful", 2019.
    """
    flat, others = rows.flatten(1), pool.flatten(1)
    m, explained = len(flat), list(axes)
    before = embedder.embed(rows)[:, explained]
    signed = torch.zeros(m, len(groups), len(explained))
    moved = torch.zeros(len(groups), len(explained))
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
            difference = before - embedder.embed(changed.view_as(rows))[:, explained]
            signed[:, i] += difference / n_repeats
            moved[i] += difference.abs().mean(dim=0) / n_repeats
    return signed, moved


def _shuffled(rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """Draws ``size`` of n rows; each is drawn once before any is drawn again."""
    rounds = [rng.permutation(n) for _ in range(-(-size // n))]
    return np.concatenate(rounds)[:size]

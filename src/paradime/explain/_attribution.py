"""Three methods to attribute the position of a row to its features."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch

from paradime.explain._embedder import Embedder
from paradime.utils.optional import require

__all__ = ["gradient_x_input", "integrated_gradients", "integrated_with_error", "permuted"]

_STEPS, _TRIED_ROWS = (64, 128, 256, 512), 32
_COMPLETE, _INCOMPLETE = 0.05, 0.25  # completeness errors: the aim, and the limit of the warning


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


def integrated_with_error(
    embedder: Embedder, rows: torch.Tensor, start: torch.Tensor, axes: tuple[int, ...], n_steps: int | None
) -> tuple[torch.Tensor, float]:
    """Returns attributions by integrated gradients, and their error, of which it warns if it is large."""
    steps = _enough_steps(embedder, rows, start, axes) if n_steps is None else int(n_steps)
    attributions = integrated_gradients(embedder, rows, start, axes, steps)
    error = _completeness_error(embedder, rows, start, axes, attributions)
    _warn_if_incomplete(error, steps)
    return attributions, error


def _enough_steps(embedder: Embedder, rows: torch.Tensor, start: torch.Tensor, axes: tuple[int, ...]) -> int:
    """Doubles the steps until the contributions of a sample of rows are complete."""
    sample = rows[:: max(1, len(rows) // _TRIED_ROWS)][:_TRIED_ROWS]
    for steps in _STEPS[:-1]:
        attributions = integrated_gradients(embedder, sample, start, axes, steps)
        if _completeness_error(embedder, sample, start, axes, attributions) < _COMPLETE:
            return steps
    return _STEPS[-1]


def _warn_if_incomplete(error: float, steps: int) -> None:
    if error > _INCOMPLETE:
        warnings.warn(
            f"integrated gradients with {steps} steps miss {error:.0%} of the displacement from the baseline. "
            "Raise n_steps, or pass method='permutation'.",
            stacklevel=5,  # through the decorator, to the caller
        )


def _completeness_error(
    embedder: Embedder, rows: torch.Tensor, start: torch.Tensor, axes: tuple[int, ...], attributions: torch.Tensor
) -> float:
    """Returns the mean gap between sums of contributions and displacements, relative to the displacements."""
    displacements = (embedder.embed(rows) - embedder.embed(start[None]))[:, list(axes)]
    size = displacements.abs().mean()
    gap = (attributions.sum(dim=1) - displacements).abs().mean()
    return float(gap / size) if size > 0 else 0.0

"""Measures what ``background`` brings: digits laid over patches of a photograph; background: patches alone.

    python benchmarks/bench_background.py                # prints a table in Markdown
    python benchmarks/bench_background.py --seeds 3 --images docs/images/background.png

Each row is 0.3 times a digit plus a patch of 8 × 8 pixels of scikit-learn's ``china.jpg``; 2,000 other patches of
the same photograph are the background. Rows are split into 1,497 to fit and 300 held out. The score is the
10-NN accuracy of the digit.
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import numpy as np
from sklearn.datasets import load_digits, load_sample_image

from paradime import ParametricTSNE, ParametricUMAP, metrics
from paradime.data import Background

N_HELD_OUT, N_BACKGROUND, LIGHT, SIDE = 300, 2_000, 0.3, 8
STRENGTHS = (1.0, 10.0, 1000.0)


def patches(n: int, generator: np.random.Generator) -> Any:
    """Returns square patches of the photograph, shape (n, 64)."""
    image = load_sample_image("china.jpg").mean(axis=2) / 255
    places = (generator.integers(0, size - SIDE, n) for size in image.shape)
    return np.stack([image[i : i + SIDE, j : j + SIDE].ravel() for i, j in zip(*places, strict=True)])


def data(seed: int) -> tuple[Any, Any, Any]:
    """Returns digits over patches, the digits' classes, and patches alone."""
    generator = np.random.default_rng(seed)
    X, y = load_digits(return_X_y=True)
    order = generator.permutation(len(X))
    return LIGHT * X[order] / 16 + patches(len(X), generator), y[order], patches(N_BACKGROUND, generator)


def accuracies(seen: Any, new: Any, y: Any) -> tuple[float, float]:
    """Returns the 10-NN accuracy of rows to fit and of rows held out."""
    train, test = y[N_HELD_OUT:], y[:N_HELD_OUT]
    held_out = metrics.knn_accuracy(seen, train, test_embedding=new, test_labels=test)
    return float(metrics.knn_accuracy(seen, train)), float(held_out)


def measured(seed: int, maps: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Returns the accuracies by line of the table, and stores maps of the first seed."""
    X, y, background = data(seed)
    train, new = X[N_HELD_OUT:], X[:N_HELD_OUT]
    backgrounds: dict[str, Any] = {"": None, "background=patches": background}
    backgrounds |= {f"background=Background.of(patches, {s:g})": Background.of(background, s) for s in STRENGTHS}
    found = {"the rows themselves": accuracies(train, new, y)}
    for preset in (ParametricTSNE, ParametricUMAP):
        for said, given in backgrounds.items():
            if preset is ParametricUMAP and isinstance(given, Background):
                continue
            routine = preset(epochs="short", random_state=seed, background=given).fit(train)
            name = f"`{preset.__name__}({said})`"
            found[name] = accuracies(routine.transform(train), routine.transform(new), y)
            maps.setdefault(name.strip("`"), (routine.transform(train), y[N_HELD_OUT:]))
    return found


def table(runs: list[dict[str, tuple[float, float]]]) -> str:
    """Returns means over the seeds, with the standard deviation, as Markdown."""
    lines = ["| | 10-NN accuracy of the digit, seen | held out |", "|---|---|---|"]
    for name in runs[0]:
        values = np.array([run[name] for run in runs])
        cells = [f"{mean:.2f} ± {sd:.2f}" for mean, sd in zip(values.mean(0), values.std(0, ddof=1), strict=True)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(maps: dict[str, Any], path: str) -> None:
    """Writes a picture of rows without and with the background, and of the maps of both."""
    import matplotlib.pyplot as plt

    from paradime import plot

    X, _, _ = data(0)
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.4), layout="constrained")
    tiles = X[N_HELD_OUT : N_HELD_OUT + 36].reshape(6, 6, SIDE, SIDE)
    axes[0].imshow(np.pad(tiles, ((0, 0), (0, 0), (0, 1), (0, 1))).swapaxes(1, 2).reshape(54, 54), cmap="gray")
    axes[0].set_title("digits over patches of a photograph")
    axes[0].set_axis_off()
    for ax, name in zip(axes[1:], ("ParametricTSNE()", "ParametricTSNE(background=patches)"), strict=True):
        positions, labels = maps[name]
        plot.embedding(positions, labels=labels, ax=ax, title=name, legend="none")
    figure.savefig(path, dpi=70)


def main() -> None:
    """Prints the table, and draws the maps if asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2, help="how many seeds, at least 2")
    parser.add_argument("--images", help="a PNG file for a picture")
    options = parser.parse_args()
    maps: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        print(table([measured(seed, maps) for seed in range(options.seeds)]))
        if options.images:
            draw(maps, options.images)


if __name__ == "__main__":
    main()

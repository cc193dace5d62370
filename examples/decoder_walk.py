"""A walk over the map of digits: the decoder draws what it expects at places where no image lies.

What one sees: on the left a t-SNE of digits with a path over it, from the middle of one digit to that of the next;
on the right what the decoder draws at places on a grid over the map; below, the images along the path, in which
one digit turns into another. ``ParametricTSNE(decoder=True)`` learns the map and the way back together.

    python examples/decoder_walk.py --out out/decoder_walk

writes ``walk.png``.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from paradime import ParametricTSNE
from paradime.utils.plotting import get_color_palette, scatterplot

mpl.use("Agg")
import matplotlib.pyplot as plt

N_GRID = 18
STEPS = 5  # images from one stop of the path to the next


def centers(embedding: np.ndarray, digit: np.ndarray) -> np.ndarray:
    """Returns the middle of each digit on the map, shape (10, 2).

    It is the place of that image which is nearest to half of the digit's images: a mean could fall between groups.
    """
    groups = [embedding[digit == number] for number in range(10)]
    return np.array([group[np.median(cdist(group, group), axis=1).argmin()] for group in groups])


def round_trip(stops: np.ndarray) -> list[int]:
    """Returns the digits in an order in which each is the nearest that was not visited, from 0 on."""
    order, left = [0], set(range(1, len(stops)))
    while left:
        order.append(min(left, key=lambda stop: float(np.linalg.norm(stops[stop] - stops[order[-1]]))))
        left.remove(order[-1])
    return order


def walk(stops: np.ndarray) -> np.ndarray:
    """Returns places on straight lines from stop to stop, the stops among them."""
    share = np.arange(STEPS)[:, None] / STEPS
    legs = [start + share * (end - start) for start, end in pairwise(stops)]
    return np.vstack([*legs, stops[-1:]])


def mosaic(tsne: ParametricTSNE, embedding: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Returns one picture of what is decoded on a grid over the map, blank far from all points, and its extent."""
    cell = float(np.ptp(embedding, axis=0).max()) / N_GRID
    # square cells, as many as it takes, with a margin of half a cell
    low, high = embedding.min(axis=0) - cell / 2, embedding.max(axis=0) + cell / 2
    n_x, n_y = np.ceil((high - low) / cell).astype(int)
    x, y = low[0] + cell * (np.arange(n_x) + 0.5), high[1] - cell * (np.arange(n_y) + 0.5)
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    images = tsne.inverse_transform(places).reshape(-1, 8, 8)
    # where there are no data, a decoder can only guess
    images[KDTree(embedding).query(places)[0] > cell] = 0
    framed = np.pad(images, ((0, 0), (1, 1), (1, 1))).reshape(n_y, n_x, 10, 10)
    return framed.transpose(0, 2, 1, 3).reshape(10 * n_y, 10 * n_x), [
        low[0],
        low[0] + n_x * cell,
        high[1] - n_y * cell,
        high[1],
    ]


def draw(tsne: ParametricTSNE, X: np.ndarray, digit: np.ndarray, path: Path) -> None:
    """Draws the map with the path, the grid, and the images along the path."""
    Z, ink = tsne.transform(X), get_color_palette()["petrol"]
    stops = centers(Z, digit)
    order = round_trip(stops)
    places = walk(stops[order])
    fig = plt.figure(figsize=(14, 10), layout="constrained")
    upper, lower = fig.subfigures(2, 1, height_ratios=[3, 1.1])
    left, right = upper.subplots(1, 2)
    scatterplot(Z, labels=digit.tolist(), ax=left, legend=False, alpha=0.45)
    left.plot(*places.T, color=ink, linewidth=1.5, marker="o", markersize=3)
    for number, stop in enumerate(stops):
        left.text(*stop, str(number), fontsize=15, fontweight="bold", ha="center", va="center").set_bbox(
            {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": ink}
        )
    left.set_title("the map, by digit, and a path from middle to middle", fontsize=13)
    picture, extent = mosaic(tsne, Z)
    right.imshow(picture, cmap="gray_r", vmin=0, vmax=1, extent=extent, interpolation="nearest")
    right.set_axis_off()
    right.set_title("what the decoder draws at the same places", fontsize=13)
    for ax in (left, right):
        ax.set_aspect("equal", adjustable="box")
        ax.set_xlim(extent[:2])
        ax.set_ylim(extent[2:])
    images = tsne.inverse_transform(places).reshape(-1, 8, 8)
    half = -(-len(images) // 2)
    lower.suptitle("the images along the path; the middle of a digit has a frame", fontsize=13)
    for index, ax in enumerate(lower.subplots(2, half).flat):
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        if index < len(images):
            ax.imshow(images[index], cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
            if index % STEPS == 0:
                ax.spines[:].set(visible=True, color=ink, linewidth=2)
                ax.set_xlabel(str(order[index // STEPS]), fontsize=12, fontweight="bold")
    fig.savefig(path, dpi=110)
    plt.close(fig)


def run(out: Path, *, epochs: int = 200, rows: int | None = None, seed: int = 0) -> dict[str, float]:
    """Trains map and decoder, draws the walk, and returns how good the way back is.

    Returns:
        ``explained``: the share of the variance of held-out images that the way to the map and back keeps;
        ``explained_by_pca``: the same for the first two principal components; ``recognised``: the share of the
        digits whose decoded middle is most like the mean image of that digit.
    """
    X, digit = load_digits(return_X_y=True)
    X, X_new, digit, _ = train_test_split(X[:rows] / 16, digit[:rows], test_size=0.25, random_state=seed)
    tsne = ParametricTSNE(
        refine=False,
        decoder=True,
        loss_shares={"reconstruction": 0.8},  # of the gradient: the map hardly suffers, and images get sharper
        epochs=epochs,
        batch_size=300,
        learning_rate=0.003,
        hidden_dims=(256, 128),
        random_state=seed,
    ).fit(X)
    out.mkdir(parents=True, exist_ok=True)
    draw(tsne, X, digit, out / "walk.png")

    variance = np.square(X_new - X.mean(axis=0)).sum()
    directions = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)[2][:2]
    left = np.square(X_new - tsne.inverse_transform(tsne.transform(X_new))).sum()
    means = np.array([X[digit == number].mean(axis=0) for number in range(10)])
    drawn = tsne.inverse_transform(centers(tsne.transform(X), digit))
    nearest = np.square(drawn[:, None] - means).sum(axis=2).argmin(axis=1)
    return {
        "explained": float(1 - left / variance),
        "explained_by_pca": float(np.square((X_new - X.mean(axis=0)) @ directions.T).sum() / variance),
        "recognised": float(np.mean(nearest == np.arange(10))),
    }


def main() -> dict[str, float]:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/decoder_walk"), help="folder to write to")
    parser.add_argument("--epochs", type=int, default=200, help="epochs of the main phase (default: 200)")
    parser.add_argument("--rows", type=int, help="use the first images only")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default: 0)")
    args = parser.parse_args()
    torch.set_num_threads(1)  # a second thread gains little for a network this small
    scores = run(args.out, epochs=args.epochs, rows=args.rows, seed=args.seed)
    print(f"variance of held-out images after the way there and back: {scores['explained']:.1%}")
    print(f"the same by the first two principal components: {scores['explained_by_pca']:.1%}")
    print(f"See {args.out / 'walk.png'}")
    return scores


if __name__ == "__main__":
    main()

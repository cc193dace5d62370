"""A map of digits that knows some of their labels, beside one that knows none.

What one sees: faint points are the images that the maps were trained on, strong ones are held out. On the left a
plain t-SNE, in which some digits run into each other. On the right half of the training images had a label, the
others −1: ``fit(X, y)`` pulls images of one digit together, and the unlabelled and the held-out ones go with them.
Both maps are functions of the image alone: neither needs a label to place a new one.

    python examples/supervised_map.py --out out/supervised_map

writes ``maps.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from paradime import ParametricTSNE
from paradime.metrics import trustworthiness
from paradime.utils.plotting import scatterplot

mpl.use("Agg")
import matplotlib.pyplot as plt

UNLABELLED = -1


def make_tsne(epochs: int, seed: int, share: float | None = None) -> ParametricTSNE:
    """Returns a t-SNE; the share is that of the labels in the gradient, if there are labels."""
    return ParametricTSNE(
        refine=False,
        epochs=epochs,
        loss_shares=None if share is None else {"labels": share},
        random_state=seed,
    )


def draw(maps: dict[str, tuple[np.ndarray, np.ndarray]], digits: tuple, titles: list[str], path: Path) -> None:
    """Draws held-out rows over the training rows of each map."""
    in_training, held_out = (values.tolist() for values in digits)
    fig, axes = plt.subplots(1, len(maps), figsize=(13.5, 6.8), layout="constrained")
    for ax, (trained, new), title in zip(axes, maps.values(), titles, strict=True):
        scatterplot(trained, labels=in_training, ax=ax, legend=False, s=14, alpha=0.2)
        last = ax is axes[-1]
        options = {"title": "digit", "loc": "center left", "bbox_to_anchor": (1, 0.5)} if last else None
        scatterplot(new, labels=held_out, ax=ax, legend=last, legend_options=options, s=16, alpha=0.95)
        ax.set_title(title, fontsize=13)
    fig.suptitle("faint: images of the training; strong: images held out", fontsize=11, y=-0.02, va="top")
    fig.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(fig)


def run(
    out: Path, *, epochs: int = 150, rows: int | None = None, share: float = 0.5, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Trains both maps, draws them, and returns the accuracies and how many neighbours can be trusted."""
    X, y = load_digits(return_X_y=True)
    X, X_new, y, y_new = train_test_split(
        X[:rows] / 16, y[:rows], test_size=0.3, stratify=y[:rows], random_state=seed
    )
    labels = y.copy()
    labels[np.random.default_rng(seed).random(len(y)) < 0.5] = UNLABELLED

    plain = make_tsne(epochs, seed).fit(X)
    supervised = make_tsne(epochs, seed, share).fit(X, labels)

    maps, scores = {}, {}
    for name, tsne in {"plain": plain, "supervised": supervised}.items():
        trained, new = tsne.transform(X), tsne.transform(X_new)
        accuracy = KNeighborsClassifier(10).fit(trained, y).score(new, y_new)
        scores[name] = {
            "accuracy": float(accuracy),
            "trustworthiness": trustworthiness(X_new, new, n_neighbors=10),
        }
        maps[name] = trained, new
    out.mkdir(parents=True, exist_ok=True)
    told = {name: f"10-NN accuracy {score['accuracy']:.1%} held out" for name, score in scores.items()}
    titles = [f"no labels: {told['plain']}", f"half of the labels: {told['supervised']}"]
    draw(maps, (y, y_new), titles, out / "maps.png")
    return scores


def main() -> dict[str, dict[str, float]]:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/supervised_map"), help="folder to write to")
    parser.add_argument("--epochs", type=int, default=150, help="epochs of either map (default: 150)")
    parser.add_argument("--rows", type=int, help="use the first images only")
    parser.add_argument(
        "--share", type=float, default=0.5, help="the labels' share of the gradient (default: 0.5)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default: 0)")
    args = parser.parse_args()
    torch.set_num_threads(1)  # a second thread gains little for a network this small
    scores = run(args.out, epochs=args.epochs, rows=args.rows, share=args.share, seed=args.seed)
    for name, score in scores.items():
        print(f"{name:<11}", *(f"{what} {value:.3f}  " for what, value in score.items()))
    print(f"See {args.out / 'maps.png'}")
    return scores


if __name__ == "__main__":
    main()

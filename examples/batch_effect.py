"""Two instruments photograph digits, and the map is to show the digits, not the instruments.

Instrument B brightens the lower part of its images and darkens the right. Each digit is photographed by one of the
two. What one sees: the upper maps are of a plain t-SNE, which falls apart into the two instruments (left), so that
every digit appears twice (right). For the lower maps an ``IndependenceLoss`` asks that the instrument cannot be
predicted from the position: the halves lie on each other, and digits of B find those of A.

    python examples/batch_effect.py --out out/batch_effect

writes ``maps.png``. All figures are of held-out images, which the networks have not seen.
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
from paradime.loss import IndependenceLoss
from paradime.utils.plotting import get_color_palette, scatterplot

mpl.use("Agg")
import matplotlib.pyplot as plt

TITLES = {"plain": "plain t-SNE", "independent": "t-SNE, independent of the instrument"}


def photograph(images: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns what the instruments make of images in [0, 1], shape (n, 64), and which of them took each image."""
    rng = np.random.default_rng(seed)
    instrument = rng.integers(0, 2, len(images))
    ramp = np.linspace(0, 1, 8)
    seen_by_b = images * (1 - 0.5 * ramp) + 0.4 * ramp[:, None]
    seen = np.where((instrument == 1)[:, None, None], seen_by_b, images)
    return (seen + rng.normal(0, 0.03, images.shape)).reshape(len(images), 64), instrument


def train(X: np.ndarray, instrument: np.ndarray, *, epochs: int, seed: int, share: float | None) -> ParametricTSNE:
    """Trains a t-SNE, which gives a share of its gradient to independence if one is given."""
    # centres would tell the network by which instrument an image was made
    tsne = ParametricTSNE(refine=False, perplexity=60, network="mlp", epochs=epochs, random_state=seed)
    if share is not None:
        tsne.add_loss("independence", IndependenceLoss("instrument"), share=share)
    # integers are categories; the network itself sees the images only
    return tsne.fit({"main": X, "instrument": instrument})


def told(train: np.ndarray, targets: np.ndarray, test: np.ndarray, wanted: np.ndarray) -> float:
    """Returns how often 10 neighbours of the training rows tell the target of held-out rows."""
    return float(KNeighborsClassifier(10).fit(train, targets).score(test, wanted))


def draw(maps: dict[str, np.ndarray], scores: dict[str, dict], instrument: list, digit: list, path: Path) -> None:
    """Draws the maps of held-out images, coloured by instrument and by digit."""
    colors = get_color_palette()
    fig, axes = plt.subplots(len(maps), 2, figsize=(12, 11), layout="constrained")
    for (left, right), (name, embedding) in zip(axes, maps.items(), strict=True):
        score = scores[name]
        outside = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
        names = ["AB"[i] for i in instrument]
        scatterplot(
            embedding,
            labels=names,
            colormap=[colors["petrol"], colors["yellow"]],
            ax=left,
            legend_options={**outside, "title": "instrument"},
        )
        left.set_title(
            f"{TITLES[name]}\ninstrument told from 10 neighbours: {score['instrument']:.0%} (chance: 50%)",
            fontsize=12,
        )
        scatterplot(embedding, labels=digit, ax=right, legend_options={**outside, "title": "digit"})
        right.set_title(
            f"digit told from 10 neighbours: {score['digit']:.0%}\n"
            f"that of B's images from neighbours of A: {score['digit_across']:.0%}",
            fontsize=12,
        )
    fig.savefig(path, dpi=110)
    plt.close(fig)


def run(
    out: Path, *, epochs: int = 250, rows: int | None = None, share: float = 0.8, seed: int = 0
) -> dict[str, dict]:
    """Trains both maps, draws them, and returns how well instrument and digit are told on held-out images."""
    digits = load_digits()
    X, instrument = photograph(digits.images[:rows] / 16, seed)
    digit = digits.target[:rows]
    # half and half of each digit and instrument, so that 50% is what guessing the instrument yields
    groups = 2 * digit + instrument
    rows_in, rows_out = train_test_split(np.arange(len(X)), test_size=0.3, stratify=groups, random_state=seed)
    of_a, of_b = rows_in[instrument[rows_in] == 0], rows_out[instrument[rows_out] == 1]

    maps, scores = {}, {}
    for name, given in {"plain": None, "independent": share}.items():
        tsne = train(X[rows_in], instrument[rows_in], epochs=epochs, seed=seed, share=given)
        Z = tsne.transform(X)
        maps[name] = Z[rows_out]
        scores[name] = {
            "instrument": told(Z[rows_in], instrument[rows_in], Z[rows_out], instrument[rows_out]),
            "digit": told(Z[rows_in], digit[rows_in], Z[rows_out], digit[rows_out]),
            "digit_across": told(Z[of_a], digit[of_a], Z[of_b], digit[of_b]),
        }
    out.mkdir(parents=True, exist_ok=True)
    draw(maps, scores, instrument[rows_out].tolist(), digit[rows_out].tolist(), out / "maps.png")
    return scores


def main() -> dict[str, dict]:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/batch_effect"), help="folder to write to")
    parser.add_argument("--epochs", type=int, default=250, help="epochs of either map (default: 250)")
    parser.add_argument("--rows", type=int, help="use the first images only")
    parser.add_argument("--share", type=float, default=0.8, help="independence's share of the gradient")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default: 0)")
    args = parser.parse_args()
    torch.set_num_threads(1)  # a second thread gains little for a network this small
    scores = run(args.out, epochs=args.epochs, rows=args.rows, share=args.share, seed=args.seed)
    for name, score in scores.items():
        print(f"{TITLES[name]:<38}", *(f"{what} {value:.1%}  " for what, value in score.items()))
    print(f"See {args.out / 'maps.png'}")
    return scores


if __name__ == "__main__":
    main()

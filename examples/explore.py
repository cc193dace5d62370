"""A map of digits to look around in, and to ask "what if": one HTML file, with the network in it.

What one sees: open the page in a browser. Point at a point for its image, zoom in to see images in place of
points, draw a lasso around a group to see which digits it holds. Click a point, then change pixels by the sliders:
the network, which runs in the page, moves the point. Only a map that is a function of the data can do that.

    python examples/explore.py --out out/explore

writes ``digits.html``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

import paradime
from paradime import ParametricUMAP
from paradime.explorer import ExplorerPage


def run(out: Path, *, epochs: int | None = None, rows: int | None = None, seed: int = 0) -> ExplorerPage:
    """Trains a map, and writes the page."""
    digits = load_digits()
    X, y = digits.data[:rows] / 16, digits.target[:rows]
    settings = {} if epochs is None else {"epochs": epochs}
    umap = ParametricUMAP(random_state=seed, **settings).fit(X)
    out.mkdir(parents=True, exist_ok=True)
    return paradime.explore(
        umap,
        X,
        y=y,
        columns={"ink": X.mean(axis=1), "file": np.array([f"digit_{i:04}.png" for i in range(len(X))])},
        images=(8, 8),
        feature_names=[f"pixel in row {i}, column {j}" for i in range(8) for j in range(8)],
        title="Digits",
        path=out / "digits.html",
    )


def main() -> ExplorerPage:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/explore"), help="folder to write to")
    parser.add_argument("--epochs", type=int, help="epochs of the training (default: by the number of rows)")
    parser.add_argument("--rows", type=int, help="use the first images only")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default: 0)")
    args = parser.parse_args()
    torch.set_num_threads(1)  # a second thread gains little for a network this small
    page = run(args.out, epochs=args.epochs, rows=args.rows, seed=args.seed)
    print(f"Open {page.path} in a browser ({page.n_bytes / 1e6:.1f} MB).")
    return page


if __name__ == "__main__":
    main()

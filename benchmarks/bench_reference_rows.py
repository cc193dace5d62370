"""How well a refined map places new rows, and how large its file is, by how many training rows it keeps.

    python benchmarks/bench_reference_rows.py --data FOLDER

Fashion-MNIST, 60,000 rows of 50 principal components to fit on and 10,000 held out, defaults, seed 0. The map is
fitted once. Each file is loaded, and places the held-out rows among all refined positions of the training rows.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import scipy.spatial
from _common import Figure, arguments, write_results
from quality_data import Data, load
from quality_metrics import PRESERVED, SAMPLED_VOTES, VOTERS, accuracy, data_neighbors, overlaps, sampled

import paradime
from paradime import ParametricTSNE

KEPT = (60_000, 20_000, 5_000)
LOST_AMONG = 100


def held_out(data: Data, embedding: np.ndarray, placed: np.ndarray) -> dict[str, float]:
    """Returns how well held-out rows are placed: neighbours preserved, accuracy and lost rate."""
    _, near = data_neighbors(data, sampled(len(data.train), SAMPLED_VOTES)[:2_000])
    tree = scipy.spatial.cKDTree(embedding.astype(np.float64))
    shown = np.asarray(tree.query(placed.astype(np.float64), PRESERVED, workers=-1)[1])
    return {
        "neighbours preserved": float(overlaps(shown, near[:, :PRESERVED]).mean()) / PRESERVED,
        "accuracy of 10 neighbours": accuracy(data.train_labels, shown, data.test_labels),
        "lost-point rate": float((overlaps(shown[:, :VOTERS], near[:, :LOST_AMONG]) == 0).mean()),
    }


def figures_of_placement(name: str, data: Data, embedding: np.ndarray, placed: np.ndarray) -> list[Figure]:
    """Returns how well held-out rows are placed, as figures."""
    return [
        Figure(f"{name}: {what}", value, better="lower" if what.startswith("lost") else "higher")
        for what, value in held_out(data, embedding, placed).items()
    ]


def main() -> None:
    """Measures, writes and prints the figures."""
    data = load("fashion_mnist", arguments(__doc__, data="needed").parse_args().data)
    tsne = ParametricTSNE(random_state=0).fit(data.train)
    by_network = [tsne.transform(rows, refine=False) for rows in (data.train, data.test)]
    figures = figures_of_placement("network alone", data, *by_network)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tsne.paradime"
        for n_rows in KEPT:
            tsne.save(path, reference_rows=n_rows)
            loaded = paradime.load(path)
            placed = loaded.transform(data.test)
            figures += [
                Figure(f"{n_rows:,} rows: size of the file", path.stat().st_size / 1e6, "MB"),
                *figures_of_placement(f"{n_rows:,} rows", data, tsne.embedding_, placed),
            ]
    print(write_results("reference_rows", figures))


if __name__ == "__main__":
    main()

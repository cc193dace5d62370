"""Other libraries on the same machine and the same data, as black boxes, beside ours.

    python benchmarks/bench_peers.py [--data FOLDER] [--small] [--only NAME …]

The data are the first 60,000 rows of Fashion-MNIST, reduced to 50 columns by PCA; the other 10,000 rows are held
out. With ``--small``, or without data: the bundled sample of Covertype, 6,000 rows, 1,000 held out. Each library
runs in an environment of its own, in a process of its own, for 300 s at most.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import sklearn.decomposition
import sklearn.preprocessing
from _common import Figure, arguments, fashion_mnist, write_results
from _environments import PeerError, environment, last_line

import paradime

RUNNER = Path(__file__).resolve().parent / "peer_runner.py"
LIMIT_S = 300
TORCH = "torch==2.13.0"
# TorchDR imports matplotlib without asking for it; without faiss it compares all pairs, and 60,000 rows take more
# memory than most machines have
TORCHDR = (TORCH, "torchdr==0.5", "matplotlib==3.11.2", "faiss-cpu==1.15.1")


@dataclasses.dataclass(frozen=True)
class Peer:
    """A library: its name in the table and in the runner, its packages (none for ours), and what to know of it."""

    title: str
    runner: str
    requirements: tuple[str, ...] = ()
    note: str = ""

    def python(self) -> Path:
        """Returns the Python of its environment, which is made first if need be."""
        if not self.requirements:
            return Path(sys.executable)
        return environment(self.runner.replace("pynndescent", "umap_learn"), self.requirements)


UMAP_LEARN = ("umap-learn==0.5.12",)
PEERS = [
    Peer("ParaDime, UMAP", "paradime_umap", note="defaults, batches of 1,024"),
    Peer("ParaDime, t-SNE", "paradime_tsne", note="defaults, batches of 1,024"),
    Peer("umap-learn 0.5.12", "umap_learn", UMAP_LEARN, "no network; fit includes compilation"),
    Peer("openTSNE 1.0.4", "opentsne", ("openTSNE==1.0.4",), "no network"),
    Peer(
        "contrastive-ne 0.4.0",
        "contrastive_ne",
        (TORCH, "torchvision==0.28.0", "contrastive-ne==0.4.0"),
        "parametric InfoNCE, 10 epochs, batches of 1,024",
    ),
    Peer(
        "parametric-umap 0.2.0",
        "parametric_umap",
        (TORCH, "parametric-umap==0.2.0"),
        "3 × 100, 2 epochs, batches of 1,024",
    ),
    Peer(
        "TorchDR 0.5",
        "torchdr",
        TORCHDR,
        "UMAP, encoder of 3 × 100, 200 iterations",
    ),
]
SEARCHES = [
    Peer("ParaDime neighbours, k = 15", "paradime_neighbors"),
    Peer("pynndescent, k = 15", "pynndescent", UMAP_LEARN),
]


@dataclasses.dataclass(frozen=True)
class Data:
    """Rows to fit on and rows held out, with their classes."""

    name: str
    train: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray
    test_labels: np.ndarray


def small_data() -> Data:
    """Returns the bundled sample of Covertype, standardised."""
    X, y = paradime.datasets.load_covertype(return_X_y=True)
    X = sklearn.preprocessing.StandardScaler().fit_transform(X).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[:6_000], order[6_000:]
    return Data("Covertype 6,000 × 10", X[train], X[test], y[train], y[test])


def large_data(folder: Path) -> Data:
    """Returns Fashion-MNIST, reduced to 50 columns by PCA of the rows to fit on."""
    X, y = fashion_mnist(folder)
    pca = sklearn.decomposition.PCA(50, random_state=0).fit(X[:60_000])
    X = np.ascontiguousarray(pca.transform(X), dtype=np.float32)
    return Data("Fashion-MNIST 60,000 × 50", X[:60_000], X[60_000:], y[:60_000], y[60_000:])


def run(peer: Peer, data: Data, folder: Path) -> dict[str, float]:
    """Runs a library on data; returns what it measured.

    Raises:
        PeerError: If it fails, or takes longer than it may.
    """
    np.save(folder / "train.npy", data.train)
    np.save(folder / "test.npy", data.test)
    # -I: what the caller's PYTHONPATH names is none of theirs
    isolated = ["-I"] if peer.requirements else []
    command = [str(peer.python()), *isolated, str(RUNNER), peer.runner, str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.CalledProcessError as error:
        raise PeerError(f"failed with exit code {error.returncode}: {last_line(error.stderr)}") from error
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"not done within {LIMIT_S} s") from error
    result: dict[str, float] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return result


def measure_embedding(peer: Peer, data: Data, folder: Path) -> tuple[float, float]:
    """Returns the seconds of a library's fit and the 10-NN accuracy of its embedding of held-out rows."""
    result = run(peer, data, folder)
    embedding, test = (np.load(folder / f"{name}.npy") for name in ("embedding", "test_embedding"))
    accuracy = paradime.metrics.knn_accuracy(
        embedding, data.train_labels, n_neighbors=10, test_embedding=test, test_labels=data.test_labels
    )
    return result["seconds"], accuracy


def measure(peer: Peer, data: Data) -> list[Figure]:
    """Measures a library; if it cannot be, its figures have no values and say why."""
    search, values, note = peer in SEARCHES, [None, None, None], peer.note
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            values = list(run(peer, data, folder).values() if search else measure_embedding(peer, data, folder))
        except PeerError as error:
            note = str(error)
    if not search:
        return [
            Figure(f"{data.name}: fit, {peer.title}", values[0], "s", note=note),
            Figure(f"{data.name}: 10-NN accuracy held out, {peer.title}", values[1], better="higher"),
        ]
    return [
        Figure(f"{data.name}: {peer.title}, fresh", values[0], "s", note=note),
        Figure(f"{data.name}: {peer.title}, again", values[1], "s"),
        Figure(f"{data.name}: {peer.title}, recall", values[2], better="higher"),
    ]


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = arguments(__doc__, data="optional")
    parser.add_argument("--small", action="store_true", help="the bundled sample instead of Fashion-MNIST")
    runners = [peer.runner for peer in (*PEERS, *SEARCHES)]
    parser.add_argument("--only", nargs="+", choices=runners, default=runners, help="which libraries")
    return parser.parse_args()


def main() -> None:
    """Measures, prints, and writes ``results/peers.json`` after each library; figures of others stay in it."""
    args = parse()
    data = small_data() if args.small or args.data is None else large_data(args.data)
    for peer in (*PEERS, *SEARCHES):
        if peer.runner in args.only:
            figures = measure(peer, data)
            print(*figures, sep="\n", flush=True)
            path = write_results("peers", figures, keep=True)
    print(path)


if __name__ == "__main__":
    main()

"""The data sets that the quality of embeddings is compared on: rows to fit on and rows held out, with classes.

Small ones are made of what is at hand: scikit-learn's digits, the bundled sample of Covertype, cells that the
scanpy package bundles, and nested clusters made here. Texts are made by ``make_text_data.py``. The two large
ones are read from the ``--data`` folder.
"""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import sklearn.datasets
import sklearn.model_selection
from _common import covertype
from _environments import ENVIRONMENTS, environment
from bench_peers import Data, large_data, small_data
from make_text_data import default_path

__all__ = ["CACHE", "LARGE", "NAMES", "SMALL", "Data", "available", "load"]

CACHE = ENVIRONMENTS / "quality"
RUNNER = Path(__file__).resolve().parent / "quality_runner.py"
# the cells lie in the package itself; what it asks for is not needed to read them
SCANPY = {"requirements": ("h5py==3.15.1",), "alone": ("scanpy==1.11.5",)}
# three levels: how many clusters in each, and how far their centres lie from that of the level above
BRANCHES, SPREADS, NOISE = (5, 4, 3), (10.0, 3.0, 0.9), 1.2


def _split(name: str, X: np.ndarray, y: np.ndarray, n_train: int, n_test: int) -> Data:
    train, test = sklearn.model_selection.train_test_split(
        np.arange(len(X)), train_size=n_train, test_size=n_test, random_state=0, stratify=y
    )
    X = np.ascontiguousarray(X, dtype=np.float32)
    return Data(name, X[train], X[test], y[train], y[test])


def digits() -> Data:
    """Returns scikit-learn's digits, pixels in [0, 1]: 1,497 rows and 300 held out."""
    X, y = sklearn.datasets.load_digits(return_X_y=True)
    return _split("digits", X / 16, y, 1_497, 300)


def covertype_sample() -> Data:
    """Returns the bundled sample of Covertype, standardised: 6,000 rows and 1,000 held out."""
    return dataclasses.replace(small_data(), name="covertype_sample")


def pbmc68k() -> Data:
    """Returns 50 principal components of blood cells and their types: 600 rows and 100 held out.

    Source: 10x Genomics' 68,579 peripheral blood mononuclear cells, the 700 of them that scanpy bundles.

    Raises:
        PeerError: If scanpy cannot be installed.
    """
    folder = CACHE / "pbmc68k"
    if not (folder / "y.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        python = environment("scanpy", **SCANPY)
        subprocess.run([str(python), "-I", str(RUNNER), "pbmc68k", str(folder)], check=True)
    return _split("pbmc68k", np.load(folder / "X.npy"), np.load(folder / "y.npy"), 600, 100)


def hierarchy() -> Data:
    """Returns clusters of clusters of clusters, 5 × 4 × 3 in 30 dimensions: 12,000 rows and 2,000 held out.

    Distances shrink by 3 to 4 from level to level, neighbouring leaves overlap a little, and leaves have from some
    ten to some hundred rows. Labels are the leaves.
    """
    rng = np.random.default_rng(0)
    centers = np.zeros((1, 30))
    for n_branches, spread in zip(BRANCHES, SPREADS, strict=True):
        centers = np.repeat(centers, n_branches, axis=0)
        centers = centers + spread * rng.standard_normal(centers.shape)
    sizes = rng.lognormal(0.0, 0.7, len(centers))
    y = rng.choice(len(centers), 14_000, p=sizes / sizes.sum())
    X = centers[y] + NOISE * rng.standard_normal((len(y), 30))
    return _split("hierarchy", X, y, 12_000, 2_000)


def wordnet() -> Data:
    """Returns WordNet's glosses, embedded by MiniLM: 18,000 rows of 384 columns, and 2,000 held out.

    Raises:
        FileNotFoundError: If they have not been made.
    """
    path = default_path()
    if not path.exists():
        raise FileNotFoundError(f"the glosses of WordNet must be in {path}. Make them with make_text_data.py.")
    with np.load(path) as archive:
        X, y = archive["X"].astype(np.float32), archive["y"]
    return Data("wordnet", X[:-2_000], X[-2_000:], y[:-2_000], y[-2_000:])


def fashion_mnist(folder: Path) -> Data:
    """Returns Fashion-MNIST, reduced to 50 columns by PCA of the rows to fit on: 60,000 rows, 10,000 held out."""
    return dataclasses.replace(large_data(folder), name="fashion_mnist")


def whole_covertype(folder: Path) -> Data:
    """Returns all of Covertype, standardised: 571,012 rows, 10,000 held out at random."""
    X = covertype(folder)
    with np.load(folder / "covertype.npz") as archive:
        y = archive["target"]
    order = np.random.default_rng(0).permutation(len(X))
    test, train = order[:10_000], order[10_000:]
    return Data("covertype", X[train], X[test], y[train], y[test])


SMALL: dict[str, Callable[[], Data]] = {f.__name__: f for f in (digits, covertype_sample, pbmc68k, hierarchy)}
LARGE: dict[str, Callable[[Path], Data]] = {"fashion_mnist": fashion_mnist, "covertype": whole_covertype}
MADE: dict[str, Callable[[], Data]] = {"wordnet": wordnet}
NAMES = (*SMALL, *MADE, *LARGE)


def available(name: str, folder: Path | None = None) -> bool:
    """Returns whether a data set can be loaded without another step; see :func:`load`."""
    return name in SMALL or (name in MADE and default_path().exists()) or (name in LARGE and folder is not None)


def load(name: str, folder: Path | None = None) -> Data:
    """Returns a data set.

    Args:
        name: One of ``NAMES``.
        folder: The folder of the large data, which only they need.

    Raises:
        ValueError: If the data are large and there is no folder.
        FileNotFoundError: If they are made by a script that has not been run.
    """
    if name in SMALL or name in MADE:
        return (SMALL | MADE)[name]()
    if folder is None:
        raise ValueError(f"{name} is read from a folder, got none. Pass --data FOLDER.")
    return LARGE[name](folder)

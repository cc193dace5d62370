"""Runs one method on one data set, in that method's own environment, and writes what came out.

    python quality_runner.py NAME FOLDER [SEED [SETTINGS]]

``FOLDER`` holds ``train.npy`` and ``test.npy``; ``embedding.npy``, ``test_embedding.npy`` and ``result.json`` with
the seconds are written there. Only the fit is timed, without imports and without placing new points, but with what
a library compiles on the way. ``SETTINGS`` is a JSON object of parameters of the method's estimator; openTSNE's
may hold those of its ``transform`` under that name.

    python quality_runner.py pbmc68k FOLDER

writes the cells that the scanpy package bundles, as ``X.npy`` and ``y.npy``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Fitted = tuple[Mapping[str, float], np.ndarray, np.ndarray]
Settings = Mapping[str, Any]


def timed(function: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    """Returns how long a call took, and its result; CPU seconds are more reliable on a shared machine."""
    wall, cores = time.perf_counter(), time.process_time()
    result = function()
    return {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cores}, result


def umap_learn(train: np.ndarray, test: np.ndarray, seed: int, settings: Settings) -> Fitted:
    """UMAP without a network."""
    import umap

    # its random_state would confine it to one core, so that it is seeded by NumPy's global generator
    np.random.seed(seed)  # noqa: NPY002
    model = umap.UMAP(n_jobs=2, **settings)
    seconds, embedding = timed(lambda: model.fit_transform(train))
    return seconds, embedding, model.transform(test)


def opentsne(train: np.ndarray, test: np.ndarray, seed: int, settings: Settings) -> Fitted:
    """t-SNE without a network."""
    import openTSNE

    transform_options = dict(settings.get("transform", {}))
    options = {name: value for name, value in settings.items() if name != "transform"}
    seconds, embedding = timed(lambda: openTSNE.TSNE(n_jobs=2, random_state=seed, **options).fit(train))
    placed = np.asarray(embedding.transform(test, **transform_options))
    # read after placing, since that centres the embedding, in place
    return seconds, np.asarray(embedding), placed


def pacmap(train: np.ndarray, test: np.ndarray, seed: int, settings: Settings) -> Fitted:
    """PaCMAP without a network."""
    import pacmap as library

    model = library.PaCMAP(random_state=seed, **settings)
    seconds, embedding = timed(lambda: model.fit_transform(train))
    return seconds, embedding, model.transform(test, basis=train)


def torchdr(train: np.ndarray, test: np.ndarray, seed: int, settings: Settings) -> Fitted:
    """TorchDR's UMAP without a network; its ``transform`` optimises the positions of new rows."""
    import torch
    import torchdr as library

    torch.manual_seed(seed)
    model = library.UMAP(device="cpu", backend="faiss", random_state=seed, **settings)
    rows = torch.from_numpy(train)
    seconds, embedding = timed(lambda: model.fit_transform(rows))
    placed = model.transform(torch.from_numpy(test), X_train=rows)
    return seconds, embedding.detach().numpy(), placed.detach().numpy()


def preset(name: str, **parameters: Any) -> Callable[[np.ndarray, np.ndarray, int, Settings], Fitted]:
    """Returns a runner of a preset of ours, as it comes, but for the seed and some parameters."""

    def fit(train: np.ndarray, test: np.ndarray, seed: int, settings: Settings) -> Fitted:
        import paradime.estimators

        model = getattr(paradime.estimators, name)(random_state=seed, **{**parameters, **settings})
        seconds, _ = timed(lambda: model.fit(train))
        return seconds, model.transform(train), model.transform(test)

    return fit


METHODS = {
    "umap_learn": umap_learn,
    "opentsne": opentsne,
    "pacmap": pacmap,
    "torchdr": torchdr,
    "paradime_umap": preset("ParametricUMAP"),
    "paradime_tsne": preset("ParametricTSNE", refine=False),
    "paradime_refined": preset("ParametricTSNE"),
    "paradime_contrastive": preset("ParametricContrastive"),
    "paradime_pacmap": preset("ParametricPaCMAP"),
}


def pbmc68k(folder: Path) -> None:
    """Writes 50 principal components of 700 blood cells, and their types."""
    from importlib.util import find_spec

    import h5py

    spec = find_spec("scanpy")  # not imported, since its dependencies are not installed
    path = Path(str(spec.origin)).parent / "datasets" / "10x_pbmc68k_reduced.h5ad"
    with h5py.File(path) as file:
        np.save(folder / "X.npy", file["obsm"]["X_pca"].astype(np.float32))
        np.save(folder / "y.npy", file["obs"]["bulk_labels"].astype(np.int64))


def main(name: str, folder: Path, seed: int = 0, settings: Settings | None = None) -> None:
    """Runs a method and writes its results."""
    train, test = (np.load(folder / f"{which}.npy") for which in ("train", "test"))
    result, embedding, placed = METHODS[name](train, test, seed, settings or {})
    np.save(folder / "embedding.npy", np.asarray(embedding, dtype=np.float32))
    np.save(folder / "test_embedding.npy", np.asarray(placed, dtype=np.float32))
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "pbmc68k":
        pbmc68k(Path(sys.argv[2]))
    else:
        main(sys.argv[1], Path(sys.argv[2]), *(json.loads(argument) for argument in sys.argv[3:]))

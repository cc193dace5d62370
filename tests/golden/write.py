"""Writes the models that later versions of ParaDime must still read; see README.md beside this file.

python tests/golden/write.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris

from paradime import ParametricContrastive, ParametricTSNE, ParametricUMAP
from paradime.dr import ParametricDR
from paradime.loss import RelationLoss, kullback_leibler_div
from paradime.persistence import FORMAT_VERSION
from paradime.relations import DifferentiablePDist, NeighborBasedPDist
from paradime.transforms import Normalize, PerplexityBasedRescale, StudentTTransform, Symmetrize, ToSquareTensor

HERE = Path(__file__).resolve().parent


def routines() -> dict[str, ParametricDR]:
    """Returns trained routines by the name of their file or folder."""
    X, y = load_iris(return_X_y=True)
    names = load_iris().target_names[y]
    small = {"hidden_dims": (12, 8), "random_state": 0}
    composed = ParametricDR(
        global_relations=NeighborBasedPDist(transform=[PerplexityBasedRescale(10), Symmetrize(), Normalize()]),
        batch_relations=DifferentiablePDist(transform=[StudentTTransform(1.0), Normalize(), ToSquareTensor()]),
        losses=RelationLoss(kullback_leibler_div),
        **small,
    )
    composed.add_training_phase(epochs=5, batch_size=50)
    return {
        "contrastive.paradime": ParametricContrastive(
            epochs=5, batch_size=50, decoder=True, classifier=True, **small
        ).fit(X, names),
        "umap": ParametricUMAP(n_neighbors=10, epochs=5, batch_size=100, classifier=True, **small).fit(X, X[:, 2]),
        "tsne": ParametricTSNE(refine=False, perplexity=10, epochs=5, init_epochs=3, network="mlp", **small).fit(
            X
        ),
        "composed.paradime": composed.fit(X),
    }


def main() -> None:
    """Writes models and what they make of a sample, into a folder of this format."""
    folder = HERE / f"format-{FORMAT_VERSION}"
    rows = load_iris().data[::8]
    for name, routine in routines().items():
        routine.save(folder / name, metadata={"written": "as a golden file"})
        results = {"rows": rows, "embedding": routine.transform(rows)}
        if hasattr(routine, "inverse_transform"):
            results["reconstruction"] = routine.inverse_transform(results["embedding"])
        if hasattr(routine, "predict"):
            results["prediction"] = routine.predict(rows)
        np.savez_compressed(folder / f"{Path(name).stem}.npz", **results)
        parameters = {
            key: repr(value) for key, value in routine.get_params().items() if key in ("epochs", "hidden_dims")
        }
        (folder / f"{Path(name).stem}.json").write_text(
            json.dumps({"class": type(routine).__name__, **parameters}) + "\n"
        )


if __name__ == "__main__":
    main()

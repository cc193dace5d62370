"""Runs in the environment of ParaDime 1.1: the guided example, in a fresh process and once more.

    python benchmarks/v1_runner.py ROWS.npy ATTRIBUTE

prints the seconds of both calls of ``train()``. The routine is that of ``examples/guided.py``.
"""

import sys
import time
import warnings

import numpy as np
import sklearn.decomposition
import torch

import paradime.dr
import paradime.loss
import paradime.relations
import paradime.transforms


class GuidingLoss(paradime.loss.Loss):
    """1 − r² of one attribute and the x-axis."""

    def __init__(self, attribute):
        super().__init__(None)
        self.attribute = attribute

    def forward(self, model, global_relations, batch_relations, batch, device):
        """Returns the loss of a batch."""
        data = batch["main"].to(device)
        a, e = data[:, self.attribute], model.embed(data)[:, 0]
        return 1 - (torch.cov(torch.stack((a, e)))[0, 1] / (a.std() * e.std())) ** 2


def make_routine(attribute):
    """Composes the routine."""
    transforms = paradime.transforms
    rescale = transforms.PerplexityBasedRescale(perplexity=200, bracket=[0.001, 1000])
    similar = [transforms.StudentTTransform(alpha=1.0), transforms.Normalize(), transforms.ToSquareTensor()]
    routine = paradime.dr.ParametricDR(
        global_relations=paradime.relations.NeighborBasedPDist(
            transform=[rescale, transforms.Symmetrize(), transforms.Normalize()]
        ),
        batch_relations=paradime.relations.DifferentiablePDist(transform=similar),
        derived_data={
            "pca": paradime.dr.DerivedData(lambda x: sklearn.decomposition.PCA(n_components=2).fit_transform(x))
        },
        losses={
            "init": paradime.loss.PositionLoss(position_key="pca"),
            "embedding": paradime.loss.RelationLoss(loss_function=paradime.loss.kullback_leibler_div),
            "guiding": GuidingLoss(attribute),
        },
        in_dim=10,
        out_dim=2,
        hidden_dims=[100, 50],
    )
    routine.add_training_phase(name="pca_init", loss_keys=["init"], batch_size=500, epochs=10, learning_rate=0.01)
    routine.add_training_phase(
        name="embedding",
        loss_keys=["embedding", "guiding"],
        loss_weights=[1000, 1],
        batch_size=500,
        epochs=40,
        learning_rate=0.02,
        report_interval=2,
    )
    return routine


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    X = np.load(sys.argv[1])
    for _ in range(2):
        routine = make_routine(int(sys.argv[2]))
        start = time.perf_counter()
        routine.train(X)
        print(time.perf_counter() - start, flush=True)

"""Metric scaling put together from its blocks: the distances of all pairs, learned by a network in batches."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA

import paradime.dr
import paradime.loss
import paradime.relations
import paradime.transforms
import paradime.utils


def run_script(data, seed, epochs=40):
    paradime.utils.seed.seed_all(seed)
    routine = paradime.dr.ParametricDR(
        in_dim=10,
        out_dim=2,
        hidden_dims=[100, 50],
        global_relations=paradime.relations.PDist(),
        batch_relations=paradime.relations.DifferentiablePDist(transform=paradime.transforms.ToSquareTensor()),
        losses=paradime.loss.RelationLoss(torch.nn.MSELoss(), normalize_sub=False),
    )
    routine.add_training_phase(epochs=epochs, batch_size=100, learning_rate=0.01)
    routine.train(data)
    return routine


def stress(data, embedding):
    """Kruskal's normalised stress."""
    wanted, found = pdist(data), pdist(embedding)
    return float(np.sqrt(((wanted - found) ** 2).sum() / (wanted**2).sum()))


@pytest.fixture(scope="module")
def data(forest):
    return forest.X[::2]


def test_stress_is_far_below_that_of_pca(data, outcome):
    pca = stress(data, PCA(2).fit_transform(data))

    def measure(seed):
        found = stress(data, run_script(data, seed).apply(data))
        return {"stress": found, "share of the stress of PCA": found / pca}

    # release 1.1.0 gave 0.24 with this script, and PCA gives 0.37
    outcome(measure, seeds=3, at_most={"stress": 0.27, "share of the stress of PCA": 0.75})


def test_target_is_the_distance_itself(data):
    routine = run_script(data, seed=0, epochs=1)
    expected = pdist(data[[3, 7, 20]])
    found = routine.global_relation_data["rel"].sub([3, 7, 20])
    np.testing.assert_allclose(found[np.triu_indices(3, 1)], expected, rtol=1e-5)


def test_loss_is_the_mean_square_over_all_entries_of_the_square(data):
    """Batches of all rows in one epoch, without learning: the loss is that of the initial embedding."""
    paradime.utils.seed.seed_all(0)
    routine = paradime.dr.ParametricDR(
        in_dim=10,
        global_relations=paradime.relations.PDist(),
        batch_relations=paradime.relations.DifferentiablePDist(transform=paradime.transforms.ToSquareTensor()),
        losses=paradime.loss.RelationLoss(torch.nn.MSELoss(), normalize_sub=False),
    )
    routine.add_training_phase(epochs=1, batch_size=len(data), optimizer=torch.optim.SGD, learning_rate=1e-9)
    routine.train(data)
    n = len(data)
    differences = pdist(data) - pdist(routine.apply(data))
    (loss,) = routine.training_phases[0].loss.history
    assert loss == pytest.approx(2 * (differences**2).sum() / n**2, rel=1e-4)

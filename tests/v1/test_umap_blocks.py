"""UMAP put together from its blocks, with spectral positions by a function of the user's own."""

import numpy as np
import pytest
import sklearn.manifold

import paradime.dr
import paradime.loss
import paradime.relations
import paradime.transforms
import paradime.utils


def spectral_positions(rels):
    graph = rels.to_square_array().data
    embedding = sklearn.manifold.SpectralEmbedding(
        n_components=2, affinity="precomputed", random_state=0
    ).fit_transform(graph)
    return (embedding - embedding.mean(axis=0)) / embedding.std(axis=0)


def make_routine(seed=0, epochs=60):
    paradime.utils.seed.seed_all(seed)
    routine = paradime.dr.ParametricDR(
        in_dim=64,
        out_dim=2,
        global_relations=paradime.relations.NeighborBasedPDist(
            transform=[
                paradime.transforms.ConnectivityBasedRescale(n_neighbors=15),
                paradime.transforms.Symmetrize(subtract_product=True),
            ]
        ),
        batch_relations=paradime.relations.DistsFromTo(
            transform=paradime.transforms.ModifiedCauchyTransform(min_dist=0.1, spread=1.0)
        ),
        derived_data={"spectral": paradime.dr.DerivedData(spectral_positions, [("rels", "rel")])},
        losses={
            "init": paradime.loss.PositionLoss(position_key="spectral"),
            "embedding": paradime.loss.RelationLoss(paradime.loss.cross_entropy_loss),
        },
    )
    routine.add_training_phase(name="init", loss_keys=["init"], epochs=10, batch_size=100, learning_rate=0.01)
    routine.add_training_phase(
        name="embedding",
        loss_keys=["embedding"],
        epochs=epochs,
        batch_size=100,
        batches_per_epoch=25,
        sampling="negative_edge",
        neg_sampling_rate=5,
        learning_rate=0.005,
    )
    return routine


def run_script(digits, seed, epochs):
    routine = make_routine(seed, epochs)
    routine.train(digits.X)
    return routine


@pytest.fixture(scope="module")
def routine(digits):
    return run_script(digits, seed=0, epochs=2)


def test_held_out_images_lie_among_their_class(digits, outcome):
    def measure(seed):
        accuracy = digits.accuracy(run_script(digits, seed, epochs=30).apply)
        return {"accuracy": accuracy, "gain over PCA": accuracy - digits.pca_accuracy}

    # release 1.1.0 gave 0.84 with 60 epochs (this one 0.81), and PCA gives 0.64
    outcome(measure, seeds=3, at_least={"accuracy": 0.68, "gain over PCA": 0.05})


def test_spectral_positions_become_an_entry_of_the_data_set(routine, digits):
    positions = routine.dataset["spectral"]
    assert positions.shape == (len(digits.X), 2)
    np.testing.assert_allclose(positions.std(dim=0, correction=0), 1, rtol=1e-3)


def test_epochs_have_the_number_of_batches_asked_for(digits):
    counted = []

    class Count(paradime.loss.Loss):
        def forward(self, model, global_relations, batch_relations, batch, device):
            counted.append(len(batch["rel"]))
            return model.embed(batch["main"].to(device)).square().mean()

    routine = make_routine(epochs=1)
    routine.losses["count"] = Count()
    routine.train(digits.X[:300])
    counted.clear()
    routine.run_training_phase(
        paradime.dr.TrainingPhase(
            loss_keys=["count"],
            epochs=2,
            batch_size=20,
            batches_per_epoch=7,
            sampling="negative_edge",
            neg_sampling_rate=3,
        )
    )
    assert counted == [20 * 4] * 14


def test_global_relations_are_the_fuzzy_union_of_memberships(routine):
    graph = routine.global_relation_data["rel"].to_square_array().data
    np.testing.assert_allclose(graph, graph.T, atol=1e-6)
    assert graph.min() >= 0
    assert graph.max() <= 1 + 1e-6
    # every point is fully connected to its nearest neighbour
    np.testing.assert_allclose(graph.max(axis=1), 1, rtol=1e-5)

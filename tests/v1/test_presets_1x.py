"""The presets of version 1: how their parts are called, and where initial positions lie."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.manifold import SpectralEmbedding

import paradime.functional
import paradime.loss
from paradime.dr import ParametricDR
from paradime.routines import ParametricTSNE, ParametricUMAP

X = np.random.default_rng(0).normal(size=(200, 4)) * [3, 2, 1, 1]


@pytest.fixture(scope="module")
def umap():
    umap = ParametricUMAP(in_dim=4, n_neighbors=15, init_epochs=1, epochs=0)
    umap.train(X)
    return umap


def test_losses_of_umap_are_named_after_the_initial_positions():
    assert list(ParametricUMAP(in_dim=4).losses) == ["spectral_init", "embedding"]
    assert list(ParametricUMAP(in_dim=4, initialization="pca").losses) == ["pca_init", "embedding"]
    assert list(ParametricUMAP(in_dim=4, initialization=None).losses) == ["embedding"]
    init, main = ParametricUMAP(in_dim=4).training_phases
    assert (init.name, init.loss_keys, main.loss_keys) == ("spectral_init", ["spectral_init"], ["embedding"])


def test_losses_of_t_sne():
    assert list(ParametricTSNE(in_dim=4).losses) == ["init", "embedding"]


def test_losses_of_umap_serve_in_another_routine():
    umap = ParametricUMAP(in_dim=4, n_neighbors=10)
    routine = ParametricDR(
        in_dim=4,
        derived_data=umap.derived_data,
        global_relations=umap.global_relations,
        losses={"start": umap.losses["spectral_init"]},
    )
    routine.add_training_phase(epochs=1, loss_keys=["start"])
    routine.train(X)
    assert routine.trained


def test_spectral_positions_are_scikit_learns_with_unit_deviation(umap):
    graph = umap.global_relation_data["rel"].to_square_array().data
    expected = SpectralEmbedding(2, affinity="precomputed", random_state=0).fit_transform(graph)
    expected = (expected - expected.mean(axis=0)) / expected.std(axis=0, ddof=1)
    found = umap.dataset["spectral"].numpy()
    found = found * np.sign((found * expected).sum(axis=0))  # a sign of an axis is arbitrary
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_spectral_positions_of_any_dimension_have_unit_deviation(umap):
    graph = umap.global_relation_data["rel"].to_sparse_array().data
    positions = paradime.functional.spectral_positions(graph, 3)
    np.testing.assert_allclose(positions.std(axis=0, ddof=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "other", "value"),
    [("init_batch_size", "batch_size", 70), ("init_learning_rate", "learning_rate", 0.3)],
)
def test_settings_of_the_first_phase_are_shown_as_what_is_used(name, other, value):
    default = {"batch_size": 500, "learning_rate": 0.01}[other]
    assert getattr(ParametricTSNE(in_dim=4), name) == default
    tsne = ParametricTSNE(in_dim=4, **{other: value})
    assert getattr(tsne, name) == value
    assert getattr(tsne.training_phases[0], other) == value
    assert getattr(ParametricTSNE(in_dim=4, **{name: value}), name) == value
    tsne.set_params(**{name: 9})
    assert getattr(tsne, name) == 9
    # what was given is what scikit-learn copies
    assert ParametricTSNE().get_params()[name] is None
    assert clone(ParametricTSNE()).get_params()[name] is None


def test_settings_of_the_first_phase_of_umap_are_shown_as_what_is_used():
    umap = ParametricUMAP(in_dim=4)
    init, _ = umap.training_phases
    assert (umap.init_batch_size, umap.init_learning_rate) == (init.batch_size, init.learning_rate) == (100, 0.05)


def test_derived_data_of_umap_need_relations():
    umap = ParametricUMAP(in_dim=4, n_neighbors=10)
    umap.add_data({"main": torch.tensor(X)})
    umap.compute_derived_data(only="other")
    assert "spectral" not in umap.dataset
    umap.compute_derived_data(only="rel_based")
    assert umap.dataset["spectral"].shape == (200, 2)

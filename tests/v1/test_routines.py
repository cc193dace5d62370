"""ParametricTSNE and ParametricUMAP as they are called in scripts of version 1."""

import numpy as np
import pytest
import torch

import paradime.dr
import paradime.routines
import paradime.utils

SHORT = {
    paradime.routines.ParametricTSNE: {"perplexity": 20, "epochs": 2, "init_epochs": 2, "batch_size": 100},
    paradime.routines.ParametricUMAP: {"n_neighbors": 10, "epochs": 2, "init_epochs": 2, "batch_size": 50},
}
both = pytest.mark.parametrize("routine", SHORT, ids=lambda routine: routine.__name__)


def test_umap_tells_classes_of_held_out_rows_without_initial_positions(digits, outcome):
    def measure(seed):
        paradime.utils.seed.seed_all(seed)
        umap = paradime.routines.ParametricUMAP(
            in_dim=64, initialization=None, epochs=100, batch_size=20, learning_rate=0.01
        )
        umap.train(digits.X[:400])
        return {"accuracy": digits.accuracy(umap.apply)}

    # a network that is not trained reaches 0.2
    outcome(measure, seeds=2, at_least={"accuracy": 0.4})


@both
@pytest.mark.parametrize("initialization", ["pca", "spectral", None])
@pytest.mark.parametrize("out_dim", [2, 3])
def test_every_initialization_works_in_every_dimension(routine, initialization, out_dim, digits):
    paradime.utils.seed.seed_all(0)
    made = routine(in_dim=64, out_dim=out_dim, initialization=initialization, **SHORT[routine])
    made.train(digits.X[:300])
    embedding = made.apply(digits.X[:300])
    assert embedding.shape == (300, out_dim)
    assert bool(embedding.isfinite().all())
    assert np.linalg.matrix_rank(embedding.numpy()) == out_dim


@both
@pytest.mark.parametrize("initialization", ["pca", "spectral"])
def test_initialization_is_learned_before_the_embedding(routine, initialization, digits, outcome):
    def measure(seed):
        paradime.utils.seed.seed_all(seed)
        made = routine(
            in_dim=64,
            initialization=initialization,
            **{**SHORT[routine], "init_epochs": 20, "epochs": 1, "learning_rate": 1e-6},
            init_batch_size=50,
            init_learning_rate=0.01,
        )
        made.train(digits.X[:300])
        # spectral and principal positions both become an entry of the data set, which the model has learned
        positions = made.dataset[initialization].numpy()
        embedding = made.apply(digits.X[:300]).numpy()
        return {"error": ((embedding - positions) ** 2).mean() / positions.var()}

    outcome(measure, seeds=2, at_most={"error": 0.2})


@both
def test_data_key_names_the_entry_that_is_embedded(routine, digits):
    X = digits.X[:300]
    rng = np.random.default_rng(0)

    def train(data, **options):
        paradime.utils.seed.seed_all(0)
        made = routine(in_dim=64, initialization="pca", **SHORT[routine], **options)
        made.train(data)
        return made.apply(X)

    expected = train(X)
    found = train({"main": rng.normal(size=(300, 5)), "pixels": X}, data_key="pixels")
    torch.testing.assert_close(found, expected)


@both
def test_data_key_suffices_without_an_entry_main(routine, digits):
    paradime.utils.seed.seed_all(0)
    made = routine(in_dim=64, data_key="pixels", **SHORT[routine])
    made.train({"pixels": digits.X[:300]})
    assert made.apply(digits.X[:300]).shape == (300, 2)


@pytest.mark.parametrize(
    "wrap", [np.array, paradime.dr.Dataset, lambda X: {"main": X}], ids=["array", "Dataset", "dict"]
)
def test_umap_trains_on_the_data_set_it_was_given(wrap, digits):
    X = digits.X[:300]
    options = SHORT[paradime.routines.ParametricUMAP]

    def train(data, **more):
        paradime.utils.seed.seed_all(0)
        umap = paradime.routines.ParametricUMAP(in_dim=64, **options, **more)
        umap.train(data)
        return umap.apply(X)

    torch.testing.assert_close(train(None, dataset=wrap(X)), train(X))


@both
def test_blocks_can_be_read_before_training(routine):
    made = routine(in_dim=64)
    assert len(made.training_phases) == 2
    assert list(made.global_relations) == ["rel"]
    assert list(made.batch_relations) == ["rel"]
    assert made.losses
    assert not made.trained
    init, main = made.training_phases
    assert init.epochs == (10 if routine is paradime.routines.ParametricTSNE else 5)
    assert main.epochs == 30


def test_phases_carry_the_settings_of_the_routine():
    tsne = paradime.routines.ParametricTSNE(in_dim=4, epochs=7, init_epochs=3, batch_size=80, learning_rate=0.02)
    init, main = tsne.training_phases
    assert (init.epochs, init.batch_size, init.learning_rate) == (3, 80, 0.02)
    assert (main.epochs, main.batch_size, main.learning_rate) == (7, 80, 0.02)
    umap = paradime.routines.ParametricUMAP(
        in_dim=4, epochs=7, init_epochs=3, batch_size=8, negative_sampling_rate=2, init_learning_rate=0.3
    )
    init, main = umap.training_phases
    assert (init.epochs, init.batch_size, init.learning_rate) == (3, 100, 0.3)
    assert (main.epochs, main.batch_size, main.neg_sampling_rate) == (7, 8, 2)
    assert (init.sampling, main.sampling) == ("standard", "negative_edge")


@both
def test_model_of_the_users_own_is_trained(routine, digits):
    paradime.utils.seed.seed_all(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 20), torch.nn.Tanh(), torch.nn.Linear(20, 2))
    before = model[0].weight.detach().clone()
    made = routine(model=model, **SHORT[routine])
    made.train(digits.X[:300])
    assert made.model is model
    assert not torch.equal(before, model[0].weight)
    assert made.apply(digits.X[:300]).shape == (300, 2)


def test_alpha_can_be_learned_with_the_model(digits):
    paradime.utils.seed.seed_all(0)
    model = paradime.models.FullyConnectedEmbeddingModel(64, 2, [20])
    tsne = paradime.routines.ParametricTSNE(
        model=model, alpha=model.alpha, initialization=None, perplexity=20, epochs=5, batch_size=100
    )
    tsne.train(digits.X[:300])
    assert float(model.alpha.detach()) != 1.0


def test_kernel_parameters_of_umap_can_be_given(digits):
    embeddings = []
    for b in (0.5, 1.5):
        paradime.utils.seed.seed_all(0)
        umap = paradime.routines.ParametricUMAP(in_dim=64, a=1.0, b=b, **SHORT[paradime.routines.ParametricUMAP])
        umap.train(digits.X[:300])
        embeddings.append(umap.apply(digits.X[:300]))
    assert not torch.allclose(*embeddings)

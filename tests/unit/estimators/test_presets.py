import inspect

import numpy as np
import pytest
import torch
from sklearn.base import clone

from paradime import ParametricTSNE, ParametricUMAP
from paradime.dr import ParametricDR, validate_spec
from paradime.relations import DifferentiablePDist, DistsFromTo, NeighborBasedPDist
from paradime.transforms import (
    ConnectivityBasedRescale,
    ModifiedCauchyTransform,
    Normalize,
    PerplexityBasedRescale,
    StudentTTransform,
    Symmetrize,
)

pytestmark = pytest.mark.usefixtures("few_first_steps")

ROUTINES = [ParametricTSNE, ParametricUMAP]
both = pytest.mark.parametrize("routine", ROUTINES)


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(80, 4))


def short(routine):
    own = {"perplexity": 5, "batch_size": 40} if routine is ParametricTSNE else {"n_neighbors": 15}
    return {"epochs": 2, "init_epochs": 2, "random_state": 0, **own}


@both
def test_parameters_are_stored_as_passed(routine):
    names = list(inspect.signature(routine).parameters)
    passed = {name: object() for name in names if name not in ("model", "dataset")}
    made = routine(**passed)
    params = made.get_params()
    assert set(params) == set(names)
    for name, value in passed.items():
        assert params[name] is value


@both
def test_clone_has_the_same_parameters(routine):
    made = routine(n_components=3, epochs=7, hidden_dims=[5], random_state=4, data_key="other")
    assert clone(made).get_params() == made.get_params()


@both
def test_set_params_reaches_the_blocks(routine, X):
    made = routine(**short(routine)).set_params(epochs=5, n_components=3)
    assert made.training_phases[-1].epochs == 5
    assert made.fit_transform(X).shape == (80, 3)


@both
def test_set_params_reaches_blocks_that_were_read(routine, X):
    made = routine(**short(routine))
    assert made.training_phases[-1].epochs == 2
    made.set_params(epochs=5, n_components=3)
    assert made.training_phases[-1].epochs == 5
    assert made.fit_transform(X).shape == (80, 3)


@both
def test_set_params_equals_construction(routine, X):
    expected = routine(**{**short(routine), "epochs": 3, "hidden_dims": [8]}).fit_transform(X)
    made = routine(**short(routine)).set_params(epochs=3, hidden_dims=[8])
    np.testing.assert_array_equal(made.fit_transform(X), expected)


@both
def test_specification_is_valid(routine):
    assert validate_spec(routine().to_spec())
    assert validate_spec(routine(initialization=None).to_spec())


@both
def test_estimator_is_its_specification(routine, X):
    made = routine(**short(routine))
    from_spec = ParametricDR.from_spec(made.to_spec(), random_state=0)
    made.train(X)
    from_spec.train(X)
    np.testing.assert_array_equal(made.transform(X), from_spec.transform(X))


def test_blocks_of_t_sne():
    tsne = ParametricTSNE(perplexity=40, alpha=2.0, objective="blocks")
    near, student = tsne.global_relations["rel"], tsne.batch_relations["rel"]
    assert isinstance(near, NeighborBasedPDist)
    assert [type(part) for part in near.transform] == [PerplexityBasedRescale, Symmetrize, Normalize]
    assert near.transform[0].perplexity == 40
    assert isinstance(student, DifferentiablePDist)
    assert [type(part) for part in student.transform][:2] == [StudentTTransform, Normalize]
    assert student.transform[0].alpha == 2.0
    assert list(tsne.losses) == ["init", "embedding"]


def test_blocks_of_umap():
    umap = ParametricUMAP(n_neighbors=40, a=1.5, b=0.8)
    near, pairs = umap.global_relations["rel"], umap.batch_relations["rel"]
    assert [type(part) for part in near.transform] == [ConnectivityBasedRescale, Symmetrize]
    assert near.transform[0].n_neighbors == 40
    assert near.transform[1].subtract_product is True
    assert isinstance(pairs, DistsFromTo)
    assert [type(part) for part in pairs.transform] == [ModifiedCauchyTransform]
    assert (pairs.transform[0].a, pairs.transform[0].b) == (1.5, 0.8)


@both
@pytest.mark.parametrize(("initialization", "phases"), [("pca", 2), ("spectral", 2), (None, 1)])
def test_initialization_makes_the_first_phase(routine, initialization, phases):
    made = routine(initialization=initialization)
    assert len(made.training_phases) == phases
    assert list(made.derived_data) == ([] if initialization is None else [initialization])


@both
def test_unknown_initialization_is_named(routine, X):
    with pytest.raises(ValueError, match=r"'pca', 'spectral', the name of an entry .* or None, got 'random'"):
        routine(initialization="random").fit(X)


@both
def test_initial_settings_follow_the_main_ones_or_their_own(routine):
    made = routine(init_batch_size=33, init_learning_rate=0.3, batch_size=44, learning_rate=0.4)
    init, main = made.training_phases
    assert (init.batch_size, init.learning_rate) == (33, 0.3)
    assert (main.batch_size, main.learning_rate) == (44, 0.4)


@both
def test_training_again_on_other_data_relates_them_anew(routine, X):
    made = routine(**short(routine))
    made.fit(X)
    before = made.global_relation_data["rel"].to_square_array().data
    made.fit(X[::-1] ** 3)
    assert not np.allclose(before, made.global_relation_data["rel"].to_square_array().data)


@both
def test_routine_of_a_users_own_can_extend_it(routine, X):
    class Extended(routine):
        def _prepare_training(self):
            self.prepared = True

    made = Extended(**short(routine))
    made.train(X)
    assert made.prepared


def test_t_sne_with_a_parameter_of_the_model_as_alpha_can_be_cloned():
    alpha = torch.nn.Parameter(torch.tensor(1.0))
    cloned = clone(ParametricTSNE(alpha=alpha))
    assert isinstance(cloned.alpha, torch.nn.Parameter)


def test_umap_without_data_says_so():
    with pytest.raises(RuntimeError, match="no data"):
        ParametricUMAP().train()


@pytest.mark.parametrize("alpha", [2, 0.5, torch.tensor(1.0)])
def test_pairs_have_one_kernel(alpha, X):
    with pytest.raises(ValueError, match=r"objective='pairs' has alpha=1, got .* Set objective='blocks'"):
        ParametricTSNE(perplexity=5, objective="pairs", alpha=alpha).fit(X)


def test_blocks_take_any_kernel_in_fit(X):
    made = ParametricTSNE(**short(ParametricTSNE), objective="blocks", alpha=2.0).fit(X)
    assert made.batch_relations["rel"].transform[0].alpha == 2.0
    assert np.isfinite(made.transform(X)).all()


def test_unknown_objective_is_refused(X):
    with pytest.raises(ValueError, match="objective must be 'auto' or 'pairs' or 'blocks', got 'rows'"):
        ParametricTSNE(objective="rows").fit(X)


@both
def test_text_has_what_was_said_and_added(routine):
    made = routine(initialization=None, epochs=77, hidden_dims=[9], activation="tanh")
    made.add_training_phase(name="more", epochs=2, sampling="negative_edge", loss_keys=["embedding"])
    text = made.to_spec(format="dict")
    assert [phase["epochs"] for phase in text["training phases"]] == [77, 2]
    assert text["model"]["options"] == {"hidden_dims": [9], "activation": "tanh"}

"""Rows that carry a torch graph, and training where the caller has switched gradients off."""

import inspect

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

import paradime
from paradime import ParametricMDS, ParametricUMAP, estimators
from paradime.dr import DerivedData, ParametricDR
from paradime.exceptions import UnsupportedConfigurationError
from paradime.explain import distortion, feature_importance, jacobian
from paradime.loss import AnchorLoss, RelationLoss
from paradime.relations import DifferentiablePDist, PDist, Precomputed, Relations

pytestmark = pytest.mark.usefixtures("few_first_steps")

X, y = (values[::2] for values in load_iris(return_X_y=True))
PRESETS = [name for name in estimators.__all__ if name.startswith("Parametric")]
ROUTINES = [*PRESETS, "composed"]
CALLS = [(name, "fit") for name in ROUTINES] + [(f"Parametric{name}", "train") for name in ("TSNE", "UMAP")]
MODES = {"no_grad": torch.no_grad, "inference_mode": torch.inference_mode}


def composed(**settings):
    routine = ParametricDR(
        **{"global_relations": PDist(), **settings},
        batch_relations=DifferentiablePDist(),
        losses=RelationLoss(torch.nn.MSELoss(), normalize_sub=False),
        random_state=0,
    )
    routine.add_training_phase(epochs=1, batch_size=20)
    return routine


def make(name, **settings):
    if name == "composed":
        return composed()
    kind = getattr(estimators, name)
    few = {"perplexity": 5, "n_neighbors": 5, "init_epochs": 1, "batch_size": 50, "initialization": "pca"}
    known = inspect.signature(kind).parameters
    few = {key: value for key, value in few.items() if key in known}
    return kind(epochs=3, random_state=0, **few, **settings)


@pytest.fixture
def weight():
    """A tensor of a graph that rows are computed from; nothing that is trained may reach it."""
    made = torch.ones(4, requires_grad=True)
    yield made
    assert made.grad is None


def rows(weight, dtype=torch.float32, chosen=slice(None)):
    return (torch.tensor(X[chosen]) * weight).to(dtype)


class TestRowsWithAGraph:
    @pytest.mark.parametrize(("name", "method"), CALLS)
    def test_are_trained_on_as_numbers(self, name, method, weight):
        routine, plain = make(name), make(name)
        getattr(routine, method)(rows(weight))
        getattr(plain, method)(torch.tensor(X, dtype=torch.float32))
        np.testing.assert_array_equal(routine.transform(X), plain.transform(X))

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
    @pytest.mark.parametrize("name", ["ParametricMDS", "ParametricUMAP", "composed"])
    def test_a_leaf_keeps_numbers_gradient_and_type(self, name, dtype):
        leaf = torch.tensor(X, dtype=dtype, requires_grad=True)
        leaf.grad = torch.ones_like(leaf)
        before = leaf.detach().clone()
        routine = make(name).fit(leaf)
        routine.partial_fit(leaf, epochs=1).update(leaf, epochs=1).transform(leaf)
        assert torch.equal(leaf.detach(), before)
        assert bool((leaf.grad == 1).all())
        assert (leaf.dtype, leaf.requires_grad) == (dtype, True)

    @pytest.mark.parametrize("name", PRESETS)
    def test_with_all_parts_and_targets(self, name, weight):
        parts = {"classifier": True, "density": True, "structure": True, "validation_fraction": 0.2}
        routine = make(name, **parts, **({} if name == "ParametricAutoencoder" else {"decoder": True}))
        assert routine.fit(rows(weight), torch.tensor(y)).predict(X).shape == y.shape

    def test_as_numbers_to_predict(self, weight):
        target = weight.sum() * torch.tensor(X[:, 0], dtype=torch.float32)
        make("ParametricMDS", classifier=True).fit(rows(weight), target)

    @pytest.mark.parametrize("name", ROUTINES)
    def test_in_parts_and_updates(self, name, weight):
        first, more = (rows(weight, chosen=part) for part in (slice(0, 60), slice(15, None)))
        routine = make(name).fit(first, validation_data=more)
        routine.partial_fit(more, epochs=1).update(more, epochs=1).update(more, old=first, epochs=1)
        assert isinstance(routine.transform(more), np.ndarray)

    def test_in_named_entries(self, weight):
        routine = composed()
        routine.add_data({"main": rows(weight), "other": rows(weight)})
        routine.train()
        routine.train({"main": rows(weight), "labels": torch.tensor(y)})

    def test_as_what_is_derived_of_data(self, weight):
        recipe = DerivedData(lambda points: points * weight)
        composed(derived_data={"scaled": recipe}, global_relations=PDist(data_key="scaled")).train(X)

    def test_as_relations(self, weight):
        class Learned(Relations):
            levels = frozenset({"global"})

            def compute_relations(self, X=None, **kwargs):
                return self.apply_transforms(torch.cdist(rows(weight), rows(weight)))

        composed(global_relations=Learned()).train(X)
        composed(global_relations=Precomputed(torch.cdist(rows(weight), rows(weight)))).train(X)

    def test_as_precomputed_neighbors(self, weight):
        near = torch.cdist(rows(weight), rows(weight)).topk(16, largest=False)
        ParametricUMAP(epochs=1, precomputed_knn=(near.indices, near.values)).fit(rows(weight))

    def test_as_anchors(self, weight):
        few = rows(weight)[:5]
        composed().add_loss("hold", AnchorLoss(few, few[:, :2]), share=0.2).train(X)

    def test_embed_alone_lets_gradients_reach_them(self):
        weight = torch.ones(4, requires_grad=True)
        routine = make("ParametricMDS").fit(X)
        assert not routine.apply(rows(weight)).requires_grad
        routine.embed(rows(weight)).sum().backward()
        assert weight.grad is not None


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
class TestWhereGradientsAreSwitchedOff:
    @pytest.mark.parametrize(("name", "method"), CALLS)
    def test_training_gives_the_same(self, name, method, mode):
        usual, routine = make(name), make(name)
        getattr(usual, method)(torch.tensor(X))
        with mode():
            getattr(routine, method)(torch.tensor(X))
            assert not torch.is_grad_enabled()
            assert torch.is_inference_mode_enabled() == (mode is torch.inference_mode)
        np.testing.assert_array_equal(routine.transform(X), usual.transform(X))

    def test_training_goes_on_within_and_outside(self, mode):
        with mode():
            rows = torch.tensor(X)
            routine = make("ParametricUMAP", classifier=True).fit(rows, y)
            routine.partial_fit(rows, y, epochs=1).update(rows, y, epochs=1)
            assert 0 <= routine.score(rows) <= 1
        routine.partial_fit(rows, y, epochs=1).update(rows, y, old=rows, epochs=1)
        routine.embed(rows.clone()).sum().backward()

    def test_a_routine_that_is_loaded_there_can_be_trained(self, mode, tmp_path):
        ParametricMDS(epochs=1).fit(X).save(tmp_path / "model")
        with mode():
            loaded = paradime.load(tmp_path / "model")
        loaded.update(X, old=X, epochs=1)

    def test_explanations_have_the_gradients_they_need(self, mode):
        routine = make("ParametricMDS").fit(X)
        with mode():
            rows = torch.tensor(X)
            assert np.isfinite(jacobian(routine, rows)).all()
            assert np.isfinite(distortion(routine, rows).stretch).all()
            feature_importance(routine, rows, method="gradient_x_input")


def test_a_model_that_was_made_in_inference_mode_is_refused_with_the_remedy():
    with torch.inference_mode():
        model = torch.nn.Linear(4, 2)
    with pytest.raises(UnsupportedConfigurationError, match=r"Linear must be made outside.*'weight'.*before"):
        composed(model=model).train(X)

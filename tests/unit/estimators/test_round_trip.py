"""The text of a preset trains to the same weights as the preset."""

import numpy as np
import pytest
import torch

from paradime import ParametricContrastive, ParametricMDS, ParametricPaCMAP, ParametricUMAP
from paradime.dr import ParametricDR
from paradime.loss import CorrelationLoss

COMPONENTS = {
    "plain": {},
    "decoder and classifier": {"decoder": True, "classifier": True},
    "everything": {
        "decoder": {"hidden_dims": [9]},
        "classifier": {"hidden_dims": [8]},
        "density": True,
        "structure": True,
    },
}


def assert_same_weights(one, other):
    weights, others = one.model.state_dict(), other.model.state_dict()
    assert weights.keys() == others.keys()
    for name in weights:
        torch.testing.assert_close(weights[name], others[name], rtol=0, atol=0)


@pytest.mark.parametrize("components", COMPONENTS)
def test_text_trains_to_the_weights_of_the_preset(preset, components, short, iris):
    X, y = iris
    y = y if COMPONENTS[components].get("classifier") else None
    routine = short(preset, **COMPONENTS[components])
    text = routine.to_spec()
    read = ParametricDR.from_spec(text, random_state=0)
    assert_same_weights(routine.fit(X, y), read.fit(X, y))
    assert routine.to_spec() == text


@pytest.mark.parametrize(("kind", "classifier"), [("classes", False), ("numbers", False), ("numbers", True)])
def test_text_of_a_fitted_preset_has_the_targets(preset, kind, classifier, short, iris):
    X, y = iris[0], iris[1] if kind == "classes" else iris[0][:, 0]
    routine = short(preset, classifier=classifier).fit(X, y)
    read = ParametricDR.from_spec(routine.to_spec(), random_state=0).fit(X, y)
    assert_same_weights(routine, read)
    assert "labels" in routine.losses


@pytest.mark.parametrize("counts", [{"weight": 0.5}, {"share": 0.3}], ids=str)
def test_text_has_a_loss_that_was_added(preset, counts, short, iris):
    data = {"main": iris[0], "width": iris[0][:, 1]}
    # where distances have a share of the gradient by default, an added loss has a share, too
    components = {"structure": False} if "weight" in counts else {}
    routine = short(preset, **components).add_loss("guide", CorrelationLoss("width"), **counts)
    read = ParametricDR.from_spec(routine.to_spec(), random_state=0)
    assert_same_weights(routine.fit(data), read.fit(data))


def test_edited_text_trains_what_it_says(preset, short, iris):
    # the widths are those of the network that is trained, which a refined map would replace
    plain = {"refine": False} if "refine" in preset().get_params() else {}
    text = short(preset, hidden_dims=[11, 7], **plain).to_spec()
    edited = text.replace("[11, 7]", "[13]").replace("n_components: 2", "n_components: 3")
    assert edited != text
    edited = edited.replace("hidden_dims: [13]", "hidden_dims: [13], out_dim: 3")
    routine = ParametricDR.from_spec(edited, random_state=0).fit(iris[0])
    assert routine.transform(iris[0]).shape == (100, 3)
    first = next(weight for weight in routine.model.parameters() if weight.ndim == 2)
    centers = getattr(routine.model, "assignments", None)
    assert first.shape == (13, 4 if centers is None else 4 + centers.n_centers)


@pytest.mark.parametrize(
    ("preset", "settings"),
    [
        (ParametricContrastive, {"kind": "nce"}),
        (ParametricContrastive, {"kind": "negative sampling", "spectrum": 0.5, "similarity": "cosine"}),
        (ParametricMDS, {"weighting": "sammon", "linear": True, "initialization": None}),
        (ParametricPaCMAP, {"mid_near": "repel"}),
        (ParametricUMAP, {"a": 1.5, "b": 0.9, "activation": "relu"}),
    ],
)
def test_settings_of_a_method_survive_the_text(preset, settings, short, iris):
    routine = short(preset, **settings)
    read = ParametricDR.from_spec(routine.to_spec(), random_state=0)
    assert_same_weights(routine.fit(iris[0]), read.fit(iris[0]))


def test_seed_decides_the_weights(preset, short, iris):
    X, _ = iris
    embedded = [short(preset, random_state=seed).fit_transform(X) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(embedded[0], embedded[1])
    assert not np.allclose(embedded[0], embedded[2])

"""Routines and classes that a text can hardly say: each is written as it is, or refused with its place."""

import dataclasses
import enum
import functools
import json
import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from paradime import loss, relations, transforms
from paradime.data import DerivedData
from paradime.data.derived import pca
from paradime.dr import ParametricDR, TrainingPhase, validate_spec
from paradime.exceptions import SpecificationError
from paradime.models import ACTIVATIONS, FullyConnectedEmbeddingModel, ModelRecipe
from paradime.spec import json_schema, register
from paradime.training import EarlyStopping

X = load_iris().data[::2].astype(np.float32)


class Size(loss.Loss):
    def forward(self, model, global_relations, batch_relations, batch, device):
        return model(batch["main"].to(device)).square().mean()


def routine(**parts):
    losses = parts.pop("losses", None) or {"stress": loss.StressLoss()}
    phases = parts.pop("training_phases", None) or [TrainingPhase(epochs=2, loss_keys=list(losses))]
    return ParametricDR(losses=losses, training_phases=phases, hidden_dims=[5], random_state=0, **parts)


def refusal(made, **settings):
    with pytest.raises(SpecificationError) as caught:
        made.to_spec(**settings)
    return str(caught.value)


def trains_alike(made):
    again = ParametricDR.from_spec(made.to_spec(), random_state=0)
    made.train(X)
    again.train(X)
    return all(map(torch.equal, made.model.parameters(), again.model.parameters()))


def test_block_under_two_keys_is_written_twice():
    shared = relations.PDist(transform=transforms.Normalize())
    stress = loss.RelationLoss(torch.nn.functional.mse_loss, "a", "c")
    made = routine(
        global_relations={"a": shared, "b": shared},
        batch_relations={"c": relations.DifferentiablePDist()},
        losses={"one": stress, "two": stress},
    )
    assert len(made.to_spec(format="dict")["relations"]) == 3
    assert trains_alike(made)


def test_loss_with_parameters_under_two_keys_is_refused():
    nce = loss.ContrastiveLoss(kind="nce")
    told = refusal(routine(losses={"one": nce, "two": nce}))
    assert told.startswith("losses[1]: must have parameters of its own, got those of losses[0]")


def test_compound_loss_is_refused_with_a_way_out():
    told = refusal(routine(losses={"both": loss.CompoundLoss([loss.StressLoss(), loss.StressLoss()])}))
    assert told.startswith("losses[0].type: CompoundLoss has no name")
    assert "weights in the phase" in told


def test_functional_transform_is_refused_with_a_way_out():
    told = refusal(routine(global_relations={"a": relations.PDist(transform=transforms.Functional(np.sqrt))}))
    assert told.startswith("relations[0].transforms[0].type: Functional has no name")
    assert "subclass of RelationTransform" in told


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (torch.nn.functional.mse_loss, "got function"),
        (torch.float64, "got dtype"),
        (3 + 4j, "got complex"),
        (enum.Enum("Kind", "A").A, "got Kind"),
        ({1: 2}, "keys of a mapping must be strings"),
        (float("nan"), "must be a number, got nan"),
        (torch.ones(2, requires_grad=True), "trained"),
        (np.array([1.0, np.nan]), "must be a number, got nan"),
    ],
)
def test_value_that_no_text_holds_is_refused_with_its_place(value, said):
    made = routine(global_relations={"a": relations.PDist(metric="cosine")})
    made.global_relations["a"].metric = value
    told = refusal(made)
    assert told.startswith("relations[0].options.metric")
    assert said in told


@pytest.mark.parametrize(
    ("value", "written"),
    [(np.float32(0.5), 0.5), (np.int64(3), 3), (torch.tensor(2.5), 2.5), (np.float64(2), 2), (2, 2)],
)
def test_numbers_of_other_kinds_are_written_as_numbers(value, written):
    made = routine(global_relations={"a": relations.PDist(transform=transforms.StudentTTransform(value))})
    (transform,) = made.to_spec(format="dict")["relations"][0]["transforms"]
    assert transform["options"] == {"alpha": written}
    assert type(transform["options"]["alpha"]) is type(written)
    json.loads(made.to_spec(format="json"))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (
            functools.partial(torch.optim.SGD, momentum=0.5),
            "an object of type partial has no name as an optimizer",
        ),
        (lambda parameters, lr: torch.optim.SGD(parameters, lr), "has no name as an optimizer"),
    ],
)
def test_optimizer_that_is_a_function_is_refused_with_a_way_out(function, said):
    told = refusal(routine(training_phases=[TrainingPhase(loss_keys=["stress"], optimizer=function)]))
    assert told.startswith("training phases[0].optimizer.type: ")
    assert said in told
    assert "Pass a class" in told


def test_subclass_is_not_written_as_its_parent():
    class MyStress(loss.StressLoss):
        pass

    class MyDistances(relations.PDist):
        pass

    class MyNormalize(transforms.Normalize):
        pass

    class MyOptimizer(torch.optim.SGD):
        pass

    class MyRecipe(DerivedData):
        pass

    class MyPhase(TrainingPhase):
        pass

    class MyStopping(EarlyStopping):
        pass

    class MyModel(FullyConnectedEmbeddingModel):
        pass

    keys = {"loss_keys": ["stress"]}
    for made, place in (
        (routine(losses={"stress": MyStress()}), "losses[0].type: "),
        (routine(global_relations={"a": MyDistances()}), "relations[0].type: "),
        (
            routine(global_relations={"a": relations.PDist(transform=MyNormalize())}),
            "relations[0].transforms[0].t",
        ),
        (
            routine(training_phases=[TrainingPhase(optimizer=MyOptimizer, **keys)]),
            "training phases[0].optimizer.t",
        ),
        (routine(derived_data={"pos": MyRecipe(pca)}), "derived data[0]: "),
        (routine(training_phases=[MyPhase(**keys)]), "training phases[0]: "),
        (
            routine(training_phases=[TrainingPhase(early_stopping=MyStopping(), **keys)]),
            "training phases[0].early stopping: ",
        ),
        (routine(model=MyModel(4)), "model: "),
    ):
        assert refusal(made).startswith(place)


def test_model_that_was_changed_after_it_was_made_is_refused():
    for change in (
        lambda model: model.layers.__setitem__(0, torch.nn.Linear(4, 9)),
        lambda model: model.layers.__setitem__(1, torch.nn.Identity()),
        lambda model: model.layers[0].requires_grad_(False),
        lambda model: model.double(),
        lambda model: setattr(model, "hidden_dims", [7]),
    ):
        model = FullyConnectedEmbeddingModel(4, 2, [5])
        made = routine(model=model)
        assert made.to_spec()
        change(model)
        assert refusal(made).startswith("model: this FullyConnectedEmbeddingModel was changed")


def test_attributes_that_were_changed_are_written_as_they_are():
    made = routine(global_relations={"a": relations.NeighborBasedPDist(n_neighbors=5)})
    made.global_relations["a"].n_neighbors = 8
    made.losses["stress"].weighting = "sammon"
    spec = made.to_spec(format="dict")
    assert spec["relations"][0]["options"] == {"n_neighbors": 8}
    assert spec["losses"][0]["options"]["weighting"] == "sammon"
    made.losses["stress"].weighting = "samon"
    assert "losses[0]" in refusal(made)


def test_routine_without_losses_has_no_text():
    assert "losses: is missing" in refusal(ParametricDR())


def test_relations_that_are_not_there_have_no_text():
    made = routine(losses={"r": loss.RelationLoss(torch.nn.functional.mse_loss)})
    assert refusal(made).startswith("losses[0].keys.rels: unknown global relations 'rel'")


def test_text_is_utf_8_and_the_suffix_decides(tmp_path):
    made = routine(losses={"größe": loss.StressLoss()}, data_fields=[])
    for name, first in (("a.JSON", "{"), ("a.yml", "v"), ("a", "v")):
        made.to_spec(tmp_path / name)
        text = (tmp_path / name).read_bytes().decode("utf-8")
        assert text.startswith(first)
        assert "größe" in text
        assert ParametricDR.from_spec(tmp_path / name).to_spec() == made.to_spec()
    with pytest.raises(ValueError, match=r"unknown format 'toml'\. Known: 'dict', 'json', 'yaml'"):
        made.to_spec(format="toml")
    with pytest.raises(OSError, match="nowhere"):
        made.to_spec(tmp_path / "nowhere" / "a.yaml")


def test_text_too_long_for_yaml_is_written_as_json():
    anchors = np.random.default_rng(0).normal(size=(5000, 2))
    made = routine(losses={"pinned": loss.AnchorLoss(anchors[:4500], anchors[:4500, :2])})
    assert "entries for YAML, got more" in refusal(made)
    again = ParametricDR.from_spec(made.to_spec(format="json"))
    np.testing.assert_allclose(np.asarray(again.losses["pinned"].anchors), anchors[:4500], rtol=1e-6)


# -- classes of users, with signatures of all kinds ---------------------------------------------------


class Stars(Size):
    def __init__(self, *powers, name=None):
        super().__init__(name)
        self.powers = powers


class Forgetful(Size):
    def __init__(self, *powers, name=None):
        super().__init__(name)


class Settings(Size):
    def __init__(self, scale=1.0, name=None, **more):
        super().__init__(name)
        self.scale, self.more = scale, more


class ByPosition(Size):
    def __init__(self, scale=1.0, /, name=None):
        super().__init__(name)
        self.scale = scale


class Unreadable(Size):
    def __init__(self, scale: "Nowhere" = 1.0, power: "int" = 2, pair: "a b" = None, name=None):  # noqa: F722, F821
        super().__init__(name)
        self.scale, self.power, self.pair = scale, power, pair


class WithProperty(Size):
    def __init__(self, scale=1.0, name=None):
        super().__init__(name)
        self._scale = scale

    @property
    def scale(self):
        return self._scale


class Doubling(Size):
    def __init__(self, scale=1.0, name=None):
        super().__init__(name)
        self.scale = 2 * scale


class OddDefaults(Size):
    def __init__(self, first=object, second=float("inf"), third=(1, object), name=None):
        super().__init__(name)
        self.first, self.second, self.third = first, second, third


@dataclasses.dataclass(eq=False)
class Data(transforms.RelationTransform):
    """A transform.

    Args:
        scale: The factor.
    """

    scale: float = 1.0
    label: "str" = "a"

    def transform(self, reldata):
        return reldata.map(lambda values: self.scale * values)


@pytest.fixture
def named():
    """Gives classes names for a test, by which texts know them."""

    def give(kind):
        register(f"{kind.__name__} of a test")(kind)
        return f"{kind.__name__} of a test"

    return give


@pytest.mark.parametrize(
    ("made", "options"),
    [
        (Stars(), {}),
        (Settings(2.5, a=1, b="c"), {"scale": 2.5, "a": 1, "b": "c"}),
        (Unreadable([1, 2], 3), {"scale": [1, 2], "power": 3}),
        (WithProperty(2.5), {"scale": 2.5}),
        (OddDefaults(second=3.5), {"second": 3.5}),
    ],
)
def test_class_with_an_odd_signature_is_written_and_read(named, made, options):
    name = named(type(made))
    first = routine(losses={"a": made})
    (entry,) = first.to_spec(format="dict")["losses"]
    assert entry["type"] == name
    assert entry.get("options", {}) == options
    again = ParametricDR.from_spec(first.to_spec()).losses["a"]
    assert all(getattr(again, key, again.__dict__.get("more", {}).get(key)) == v for key, v in options.items())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f"loss: {name}" in json.dumps(json_schema())


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            Stars(1, 2),
            "losses[0].options: all arguments must have names in a specification, and those of *powers",
        ),
        (Forgetful(1, 2), "losses[0].options: Forgetful must store its argument 'powers' as an attribute"),
        (ByPosition(2.5), "losses[0]: "),
        (Doubling(2.5), "losses[0].options.scale: must be read as it is written, got 10 for 5."),
    ],
)
def test_class_that_a_text_cannot_say_is_refused_with_its_place(named, made, said):
    named(type(made))
    assert refusal(routine(losses={"a": made})).startswith(said)


def test_annotations_that_can_be_read_are_checked_beside_those_that_cannot(named):
    text = {
        "losses": [{"name": "a", "type": named(Unreadable), "options": {"scale": {}, "power": "high"}}],
        "training phases": [{"loss": {"components": ["a"]}}],
    }
    with pytest.raises(SpecificationError) as caught:
        validate_spec(text)
    assert str(caught.value) == "losses[0].options.power: must be an integer, got 'high'."


def test_dataclass_is_a_transform_like_others(named):
    name = named(Data)
    made = routine(
        global_relations={"rel": relations.PDist(transform=Data(2.0, "b"))},
        batch_relations={"rel": relations.DifferentiablePDist()},
        losses={"s": loss.RelationLoss(torch.nn.functional.mse_loss)},
    )
    assert made.to_spec(format="dict")["relations"][0]["transforms"] == [
        {"type": name, "options": {"scale": 2, "label": "b"}}
    ]
    assert trains_alike(made)


def test_activation_of_ones_own_is_known_once_it_is_there(monkeypatch):
    text = routine(model=ModelRecipe("mlp", options={"activation": "relu"})).to_spec().replace("relu", "square")
    with pytest.raises(SpecificationError, match=r"^model\.options\.activation: must be one of .*, got 'square'"):
        validate_spec(text)
    monkeypatch.setitem(ACTIVATIONS, "square", torch.square)
    assert validate_spec(text)["model"]["options"]["activation"] == "square"


def test_one_module_may_be_allowed_without_a_list():
    made = routine(losses={"a": Size()})
    assert refusal(made).startswith("losses[0].type: Size has no name")
    text = made.to_spec(allow_imports=__name__)
    assert type(ParametricDR.from_spec(text, allow_imports=__name__).losses["a"]) is Size

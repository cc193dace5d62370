"""Building blocks of a user's own in texts: by a decorator, or by an importable name that is allowed."""

import sys
import types

import numpy as np
import pytest
import torch

from paradime.data import Items
from paradime.dr import ParametricDR, validate_spec
from paradime.exceptions import SpecificationError
from paradime.loss import Loss
from paradime.models import Model
from paradime.relations import Relations
from paradime.spec import register
from paradime.training import Callback, Schedule
from paradime.transforms import RelationTransform

X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)


class Size(Loss):
    def __init__(self, power: float = 2.0, name: str | None = None):
        super().__init__(name)
        self.power = power

    def forward(self, model, global_relations, batch_relations, batch, device):
        return model(batch["main"].to(device)).abs().pow(self.power).mean()


def spec(loss_type, **options):
    return {
        "losses": [{"name": "size", "type": loss_type, "options": options}],
        "training phases": [{"epochs": 2, "loss": {"components": ["size"]}}],
    }


@pytest.fixture
def module(monkeypatch):
    """A module of the user's with a loss that has no name."""
    made = types.ModuleType("mine_of_a_test")

    class Mine(Size):
        pass

    Mine.__module__, Mine.__qualname__ = made.__name__, "Mine"
    made.Mine, made.number = Mine, 3
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


@pytest.mark.parametrize(
    "base",
    [Loss, Relations, RelationTransform, Model, torch.nn.Module, Items, Callback, Schedule, torch.optim.SGD],
)
def test_one_decorator_knows_the_kind_of_every_block(base):
    from paradime.spec.vocabulary import CLASSES

    made = type("Made", (base,), {})
    name = f"made of a {base.__name__}"
    assert register(name)(made) is made
    found = [registry for registry in CLASSES.values() if registry.name_of(made) == name]
    assert len(found) == 1
    assert any(issubclass(base, known) for known, registry in CLASSES.items() if registry is found[0])


def test_registered_loss_is_built_trained_and_written():
    register("size of a test")(Size)
    routine = ParametricDR.from_spec(spec("size of a test", power=1.5), random_state=0)
    assert routine.losses["size"].power == 1.5
    routine.train(X)
    again = ParametricDR.from_spec(routine.to_spec(), random_state=0)
    again.train(X)
    assert all(map(torch.equal, routine.model.parameters(), again.model.parameters()))


def test_registered_model_is_made_for_the_data():
    @register("two layers of a test")
    class TwoLayers(Model):
        def __init__(self, in_dim: int, out_dim: int = 2, width: int = 5):
            super().__init__()
            self.in_dim, self.out_dim, self.width = in_dim, out_dim, width
            self.layers = torch.nn.Sequential(
                torch.nn.Linear(in_dim, width), torch.nn.Tanh(), torch.nn.Linear(width, out_dim)
            )

        def forward(self, X):
            return self.layers(X)

    register("size of a test")(Size)
    text = {**spec("size of a test"), "model": {"type": "two layers of a test", "options": {"width": 7}}}
    routine = ParametricDR.from_spec(text)
    routine.train(X)
    assert routine.model.layers[0].weight.shape == (7, 3)
    wrong = {**text, "model": {"type": "two layers of a test", "options": {"widht": 7}}}
    with pytest.raises(SpecificationError, match=r"^model\.options\.widht: .*'width'"):
        ParametricDR.from_spec(wrong)


def test_options_of_a_users_class_are_checked_against_its_signature():
    register("size of a test")(Size)
    with pytest.raises(SpecificationError, match=r"losses\[0\]\.options\.powr: .*Did you mean 'power'"):
        validate_spec(spec("size of a test", powr=3))
    with pytest.raises(SpecificationError, match=r"losses\[0\]\.options\.power: must be a number, got 'high'"):
        validate_spec(spec("size of a test", power="high"))


@pytest.mark.parametrize("allowed", ["mine_of_a_test:Mine", "mine_of_a_test"])
def test_importable_name_works_where_it_is_allowed(module, allowed):
    text = spec("mine_of_a_test:Mine", power=3.0)
    routine = ParametricDR.from_spec(text, allow_imports=[allowed])
    assert type(routine.losses["size"]) is module.Mine
    written = routine.to_spec(format="dict", allow_imports=[allowed])
    assert written["losses"][0]["type"] == "mine_of_a_test:Mine"
    assert validate_spec(text, allow_imports=[allowed])["losses"][0]["options"] == {"power": 3.0}


@pytest.mark.parametrize("allowed", [[], ["mine"], ["mine_of_a_test:Other"], ["other"]])
def test_nothing_is_imported_that_is_not_allowed(module, allowed):
    with pytest.raises(SpecificationError, match=r"losses\[0\]\.type: .*not allowed.*allow_imports"):
        ParametricDR.from_spec(spec("mine_of_a_test:Mine"), allow_imports=allowed)


def test_name_that_is_not_allowed_is_not_even_imported(tmp_path, monkeypatch):
    (tmp_path / "dangerous_of_a_test.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SpecificationError, match="not allowed"):
        validate_spec(spec("dangerous_of_a_test:Anything"))
    assert "dangerous_of_a_test" not in sys.modules


@pytest.mark.parametrize("name", ["mine_of_a_test:number", "mine_of_a_test:Missing", "no_such_module_of_a_test:A"])
def test_importable_name_of_something_else_is_refused_with_its_place(module, name):
    with pytest.raises(SpecificationError, match=r"^losses\[0\]\.type: "):
        validate_spec(spec(name), allow_imports=["mine_of_a_test", "no_such_module_of_a_test"])


def test_class_without_a_name_is_refused_with_both_remedies(module):
    routine = ParametricDR.from_spec(spec("mine_of_a_test:Mine"), allow_imports=["mine_of_a_test"])
    with pytest.raises(
        SpecificationError, match=r"losses\[0\]\.type: Mine .*@register.*allow_imports=\['mine_of_a_"
    ):
        routine.to_spec()


def test_functions_need_a_kind():
    def double(target, found):
        return 2 * found.mean()

    with pytest.raises(TypeError, match="kind='data function' or kind='loss function'"):
        register("double of a test")(double)
    with pytest.raises(ValueError, match=r"unknown kind 'los function'.*'loss function'"):
        register("double of a test", kind="los function")
    assert register("double of a test", kind="loss function")(double) is double
    text = spec("position")
    text["losses"][0] |= {"func": "double of a test", "options": {}}
    assert ParametricDR.from_spec(text).losses["size"].loss_function is double


@pytest.mark.parametrize("block", [int, dict, 3, "text"])
def test_what_is_no_building_block_is_refused(block):
    with pytest.raises(TypeError, match="component"):
        register("nothing of a test")(block)


def test_names_are_not_empty():
    with pytest.raises(ValueError, match="must not be empty"):
        register("")(Size)

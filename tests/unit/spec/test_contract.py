"""What holds for every building block with a name: it is written, read, and checked."""

import inspect
import json
import typing

import jsonschema
import numpy as np
import pytest
import torch
from ruamel.yaml import YAML

from paradime import _registry
from paradime.data import DerivedData
from paradime.dr import ParametricDR, TrainingPhase, validate_spec
from paradime.exceptions import SpecificationError
from paradime.loss import StressLoss
from paradime.models import ModelRecipe
from paradime.relations import DifferentiablePDist, PDist
from paradime.spec import build, dump, json_schema, parse_spec
from paradime.spec.options import options_of, takes_anything

REGISTRIES = [value for value in vars(_registry).values() if isinstance(value, _registry.Registry)]
BLOCKS = [
    pytest.param(registry, name, id=f"{registry.kind}: {name}")
    for registry in REGISTRIES
    for name, block in registry.items()
    # other tests register blocks in the same process
    if block.__module__.startswith(("paradime.", "torch."))
]
CLASSES = [case for case in BLOCKS if inspect.isclass(case.values[0][case.values[1]])]

# arguments that no rule can find a value for
VALUES = {
    "hidden_dims": [9, 7],
    "anchors": [[0.0, 1.0], [1.0, 0.5]],
    "positions": [[0.25, 1.0], [1.0, 0.0]],
    "attribute": "age",
    "must_link": [[0, 1], [2, 3]],
    "cannot_link": [[0, 2]],
    "triplets": [[0, 1, 2]],
    "rows": [0, 2],
    "regions": {"1": {"low": [0, 0]}},
    "levels": ["family", "genus"],
    "order": ["b", "a"],
    "low": [0.25, 0.5],
    "high": [1.5, 2.5],
    "low_group": [0, 2],
    "high_group": [1, 3],
    "is_background": None,
    "directions": [[0.0, 1.0]],
    "shrinkage": [0.5],
    "center": [0.5, 0.25],
    "radius": 2.5,
    "corners": [[0, 0], [4, 0], [0, 4]],
    "folder": "runs",
    "metric": "cosine",
    "activation": "tanh",
    "normalization": "layer",
    "backend": "exact",
    "loss_function": torch.nn.functional.l1_loss,
    "in_shape": [1, 12, 12],
    "in_dim": 7,
    "relation_key": "far",
    "global_relation_key": "far",
    "batch_relation_key": "far",
    "edge_rel_key": "far",
    "rel_key": "far",
    "near_key": "far",
    "time_key": "hour",
    "function_options": {"gamma": 2.5},
    "betas": [0.8, 0.95],
    "warmup": 0.15,
    "n_negatives": 3,
    "a": 1.75,
    "b": 0.75,
    "X": [[0.0, 1.0], [1.0, 0.0]],
    "dropout": 0.25,
    "precomputed": None,
    "file": None,
    "target": 0.5,
    "strength": 2.5,
    "scale": 1.5,
    "bandwidth": 0.5,
}
# pass options on to functions that are not ours
OPEN = {"progress bar"}

# where arguments exclude each other, or are of torch alone
LEFT_OUT = {
    "smoothness": {"time_key"},
    "stress": {"metric"},
    "contrastive": {"n_negatives", "spectrum"},
    "correlation": {"sign"},
    "axis constraint": {"sign", "order", "exact"},
    "concept constraint": {"exact"},
    "bounds constraint": {"center", "radius", "corners"},
    "link constraint": {"groups"},
    "attraction": {"strength"},
    "optimizer": {"foreach", "fused", "capturable", "differentiable", "nesterov", "params", "lr"},
}
FILLED = {"transform", "data_key", "name"}


def other_value(option):
    """A value that an argument takes, and that is not its default."""
    choices = typing.get_args(option.type)
    if typing.get_origin(option.type) is typing.Literal:
        return next(choice for choice in choices if choice != option.default)
    if option.name in VALUES:
        return VALUES[option.name]
    default = option.default
    if isinstance(default, bool):
        return not default
    if isinstance(default, int):
        return default + 2
    if isinstance(default, float):
        return default + 0.25
    if isinstance(default, str):
        return f"{default} too"
    if isinstance(default, tuple):
        return [value + 1 for value in default]
    for kind, value in ((int, 3), (float, 0.5), (bool, True), (str, "text")):
        if kind is option.type or kind in choices:
            return value
    raise AssertionError(f"the table has no value for the argument {option.name!r}: add one to VALUES.")


def arguments_of(registry, name):
    left_out = FILLED | LEFT_OUT.get(name, set()) | LEFT_OUT.get(registry.kind, set())
    options = options_of(registry[name]).values()
    made = {option.name: other_value(option) for option in options if option.name not in left_out}
    return {key: value for key, value in made.items() if value is not None}


def routine_with(registry, name, arguments):
    """A routine that contains a building block made of some arguments, and the block."""
    block = registry[name]
    parts = {
        "global_relations": {"far": PDist()},
        "batch_relations": {"far": DifferentiablePDist()},
        "losses": {"stress": StressLoss()},
        "training_phases": [TrainingPhase("main", 2, loss_keys=["stress"])],
    }
    made = None if registry is _registry.OPTIMIZERS else block(**arguments)
    if registry is _registry.RELATIONS:
        parts[f"{'batch' if 'batch' in made.levels else 'global'}_relations"]["made"] = made
    elif registry is _registry.TRANSFORMS:
        parts["global_relations"]["far"] = PDist(transform=[made])
    elif registry is _registry.LOSSES:
        parts["losses"]["made"] = made
    elif registry is _registry.MODELS:
        parts["model"] = made
    else:
        setting = {
            "sampling": {"sampling": made},
            "schedule": {"schedule": made},
            "callback": {"callbacks": [made]},
            "optimizer": {"optimizer": block, **arguments},
        }[registry.kind]
        parts["training_phases"] = [TrainingPhase("main", 2, loss_keys=["stress"], **setting)]
    return ParametricDR(**parts)


def block_in(registry, routine):
    """The building block of a routine that was made as above."""
    (phase,) = routine.training_phases
    if registry is _registry.RELATIONS:
        return {**routine.global_relations, **routine.batch_relations}["made"]
    places = {
        "transform": lambda: routine.global_relations["far"].transform[0],
        "loss": lambda: routine.losses["made"],
        "model": lambda: routine._components.network.recipe.make((1, 12, 12)),
        "sampling": phase.plan,
        "schedule": lambda: phase.schedule,
        "callback": lambda: phase.callbacks[0],
    }
    return places[registry.kind]()


def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value.tolist() if isinstance(value, (np.ndarray, torch.Tensor)) else value


def assert_equal_arguments(made, arguments):
    for name, value in arguments.items():
        assert plain(getattr(made, name)) == plain(value), name


@pytest.fixture(scope="module")
def validator():
    return jsonschema.Draft202012Validator(json_schema())


@pytest.mark.parametrize(("registry", "name"), CLASSES)
def test_block_with_other_arguments_is_written_read_and_valid(registry, name, validator):
    arguments = arguments_of(registry, name)
    if name in ("mlp", "centers", "prototypes"):
        arguments["in_dim"] = 144
    routine = routine_with(registry, name, arguments)
    spec = routine.to_spec(format="dict")
    assert name in str(spec)
    validator.validate(spec)
    assert json.loads(dump(spec, "json")) == spec
    assert YAML(typ="safe").load(dump(spec)) == spec
    again = ParametricDR.from_spec(dump(spec))
    assert again.to_spec(format="dict") == spec
    if registry is _registry.OPTIMIZERS:
        settings = again.training_phases[0].optimizer_kwargs
        assert again.training_phases[0].optimizer is registry[name]
        assert {key: settings[key] for key in arguments} == arguments
    else:
        assert type(block_in(registry, again)) is registry[name]
        assert_equal_arguments(block_in(registry, again), arguments)


@pytest.mark.parametrize(
    ("registry", "name"), [case for case in BLOCKS if case.values[0] is _registry.LOSS_FUNCTIONS]
)
def test_loss_function_is_written_and_read(registry, name):
    from paradime.loss import PositionLoss

    routine = ParametricDR(
        losses={"made": PositionLoss(registry[name])}, training_phases=[TrainingPhase(loss_keys=["made"])]
    )
    again = ParametricDR.from_spec(routine.to_spec())
    assert again.losses["made"].loss_function is registry[name]


@pytest.mark.parametrize(
    ("registry", "name"), [case for case in BLOCKS if case.values[0] is _registry.DATA_FUNCTIONS]
)
def test_data_function_is_written_and_read(registry, name, validator):
    arguments = list(options_of(registry[name]).values())
    keys = [("rels" if a.wants == "a RelationData" else "data", "far") for a in arguments if a.required]
    options = {a.name: other_value(a) for a in arguments if not a.required}
    routine = routine_with(_registry.LOSSES, "stress", {})
    routine.derived_data = {"made": DerivedData(registry[name], keys, **options)}
    spec = routine.to_spec(format="dict")
    validator.validate(spec)
    made = ParametricDR.from_spec(dump(spec)).derived_data["made"]
    assert (made.func, made.type_key_tuples, made.kwargs) == (registry[name], keys, options)


def text_with(registry, name, options):
    """A text that gives options to a building block, and where they stand."""
    part = {"type": name, "options": options}
    spec = {
        "relations": [{"name": "far", "level": "global", "type": "pdist"}],
        "losses": [{"name": "stress", "type": "stress"}],
        "training phases": [{"loss": {"components": ["stress"]}}],
    }
    phase = spec["training phases"][0]
    if registry is _registry.RELATIONS:
        level = "batch" if "batch" in registry[name].levels else "global"
        spec["relations"].append({"name": "made", "level": level, **part})
        return spec, "relations[1]"
    if registry is _registry.TRANSFORMS:
        spec["relations"][0]["transforms"] = [part]
        return spec, "relations[0].transforms[0]"
    if registry is _registry.LOSSES:
        spec["losses"].append({"name": "made", **part})
        return spec, "losses[1]"
    if registry is _registry.DATA_FUNCTIONS:
        spec["derived data"] = [{"name": "made", "data func": name, "options": options}]
        return spec, "derived data[0]"
    if registry is _registry.MODELS:
        spec["model"] = part
        return spec, "model"
    if registry is _registry.CALLBACKS:
        phase["callbacks"] = [part]
        return spec, "training phases[0].callbacks[0]"
    phase[registry.kind] = part
    return spec, f"training phases[0].{registry.kind}"


def test_only_few_blocks_take_any_option():
    for case in BLOCKS:
        registry, name = case.values
        assert registry is _registry.LOSS_FUNCTIONS or takes_anything(registry[name]) is not None or name in OPEN


@pytest.mark.parametrize(
    ("registry", "name"),
    [c for c in BLOCKS if c.values[0] is not _registry.LOSS_FUNCTIONS and c.values[1] not in OPEN],
)
def test_unknown_option_is_told_with_its_place_and_a_suggestion(registry, name, validator):
    hidden = FILLED | {"params", "lr"} if registry is not _registry.LOSSES else {"name"}
    known = [option for option in options_of(registry[name]) if option not in hidden]
    wrong = f"{known[-1]}x" if known else "wrong"
    if wrong in options_of(registry[name]):
        wrong += "x"
    spec, place = text_with(registry, name, {wrong: 1})
    advice = "Did you mean '" if known and len(known[-1]) > 1 else "Known: |None is known|Did you mean"
    with pytest.raises(SpecificationError) as caught:
        validate_spec(spec)
    (line,) = [line for line in str(caught.value).splitlines() if wrong in line.split(":")[0]]
    assert line.startswith(f"{place}.options.{wrong}: unknown option {wrong!r}. ")
    assert any(part in line for part in advice.split("|"))
    assert not validator.is_valid(spec)


@pytest.mark.parametrize(
    ("registry", "name"),
    [case for case in BLOCKS if case.values[0] is not _registry.LOSS_FUNCTIONS],
)
def test_option_of_a_wrong_type_is_told_with_its_place_and_what_is_wanted(registry, name):
    hidden = FILLED | {"params"} if registry is not _registry.LOSSES else {"name"}
    if registry is _registry.DATA_FUNCTIONS:
        hidden = set(list(options_of(registry[name]))[:1])
    options = {key: option for key, option in options_of(registry[name]).items() if key not in hidden}
    wrong = {
        key: "no" if "mapping" in option.wants else {"no": 1}
        for key, option in options.items()
        if option.wants != "anything"
    }
    if not wrong:
        assert all(option.wants == "anything" for option in options.values())
        return
    spec, place = text_with(registry, name, wrong)
    with pytest.raises(SpecificationError) as caught:
        validate_spec(spec)
    lines = str(caught.value).splitlines()
    for key, value in wrong.items():
        assert f"{place}.options.{key}: must be {options[key].wants}, got {value!r}." in lines


@pytest.mark.parametrize(("registry", "name"), [c for c in CLASSES if c.values[0] is _registry.MODELS])
@pytest.mark.parametrize("decoder", [{"type": "mlp", "hidden_dims": [9]}, {"type": "conv", "channels": [4]}])
def test_heads_of_models_are_written_read_and_valid(registry, name, decoder, validator):
    recipe = ModelRecipe(name, decoder=decoder, classifier={"n_classes": 4, "hidden_dims": [6], "dropout": 0.5})
    routine = routine_with(_registry.LOSSES, "stress", {})
    routine.model = recipe
    spec = routine.to_spec(format="dict")
    validator.validate(spec)
    assert build(parse_spec(spec))["model"] == recipe


def test_every_registry_is_part_of_the_contract():
    assert {case.values[0].kind for case in BLOCKS} == {registry.kind for registry in REGISTRIES}

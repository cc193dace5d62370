import copy
import functools

import jsonschema
import pytest
from ruamel.yaml import YAML

from paradime import ParametricTSNE, ParametricUMAP
from paradime._registry import LOSSES, MODELS, OPTIMIZERS, RELATIONS, SAMPLINGS, TRANSFORMS
from paradime.spec import json_schema


@pytest.fixture(scope="module")
def validator():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def change(*path, to):
    """A change of one place of a specification; made in the test, since specifications take time."""
    return path, to


def changed(path, to):
    """The specification of a preset with one place changed."""
    spec = place = copy.deepcopy(spec_of_umap())
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return spec


@functools.cache
def spec_of_umap():
    return YAML(typ="safe").load(ParametricUMAP().to_spec())


def test_texts_of_presets_are_valid(validator):
    for preset in (ParametricTSNE(), ParametricUMAP()):
        validator.validate(YAML(typ="safe").load(preset.to_spec()))


@pytest.mark.parametrize(
    "wrong",
    [
        change("relatoins", to=[]),
        change("relations", 0, "type", to="neigbor"),
        change("relations", 0, "transforms", 0, "options", to={"neighbors": 3}),
        change("relations", 0, "transforms", 0, "options", to={"n_neighbors": "many"}),
        change("relations", 0, "transforms", 1, to="symetrize"),
        change("losses", 0, "func", to="msee"),
        change("losses", 0, "options", to={"positions": 3}),
        change("model", "options", "hidden_dims", to="wide"),
        change("training phases", 0, "epochs", to=-1),
        change("training phases", 0, "optimizer", to="adm"),
        change("training phases", 0, "sampling", "options", to={"batch_sizes": 3}),
        change("training phases", 0, "schedule", to={"type": "cosine", "options": {"end": 3}}),
        change("training phases", 0, "early stopping", to={"patiens": 3}),
        change("training phases", 0, "loss", "weights", to="balancd"),
    ],
)
def test_mistakes_are_found_by_an_editor(validator, wrong):
    assert list(validator.iter_errors(changed(*wrong)))


@pytest.mark.parametrize(
    "fine",
    [
        change("relations", 0, "transforms", 1, to="symmetrize"),
        change("training phases", 0, "optimizer", to="adamw"),
        change("training phases", 0, "schedule", to="cosine"),
        change("training phases", 0, "early stopping", to={"patience": 3}),
        change("training phases", 0, "loss", "weights", to=[[1, 0.5]]),
        change("training phases", 0, "loss", to={"components": ["init"], "weights": "balanced"}),
        change("losses", 0, "type", to="mine.losses:MyLoss"),
        change("model", "decoder", to={"hidden_dims": [20]}),
    ],
)
def test_what_may_be_written_is_not_marked(validator, fine):
    validator.validate(changed(*fine))


def test_every_name_of_the_registries_can_be_completed():
    definitions = json_schema()["$defs"]
    for component, registry in {
        "LossSpec": LOSSES,
        "RelationsSpec": RELATIONS,
    }.items():
        names = definitions[component]["properties"]["type"]["anyOf"][0]["enum"]
        assert set(names) == set(registry.names())
    for component, registry in {
        "TransformSpec": TRANSFORMS,
        "ModelSpec": MODELS,
        "OptimizerSpec": OPTIMIZERS,
        "SamplingSpec": SAMPLINGS,
    }.items():
        short, long = definitions[component]["anyOf"]
        assert set(short["anyOf"][0]["enum"]) == set(registry.names())
        assert set(long["properties"]["type"]["anyOf"][0]["enum"]) == set(registry.names())


def test_options_say_what_they_are():
    option = json_schema()["$defs"]["transform: perplexity"]["properties"]["perplexity"]
    assert option["anyOf"] == [{"type": "number"}, {"const": "auto", "type": "string"}]
    assert option["default"] == 30
    assert "neighbours" in option["description"]


def test_what_a_text_cannot_express_is_not_offered():
    option = json_schema()["$defs"]["relation type: neighbor"]["properties"]["metric"]
    assert option["anyOf"] == [{"type": "string"}, {"type": "null"}]

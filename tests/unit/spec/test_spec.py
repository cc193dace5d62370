import json

import pytest
import torch

from paradime.dr import ParametricDR, validate_spec
from paradime.exceptions import SpecificationError
from paradime.loss import PositionLoss, RelationLoss
from paradime.relations import DifferentiablePDist, NeighborBasedPDist
from paradime.spec import RoutineSpec, build, parse_spec, read_spec


def phase(**changes):
    return {"epochs": 2, "loss": {"components": ["stress"]}, **changes}


def spec(**changes):
    base = {
        "relations": [
            {"name": "far", "level": "global", "type": "pdist"},
            {"name": "far", "level": "batch", "type": "pdistdiff"},
        ],
        "losses": [{"name": "stress", "type": "relation", "func": "mse", "keys": {"rels": ["far", "far"]}}],
        "training phases": [phase()],
    }
    return {**base, **{key.replace("_", " "): value for key, value in changes.items()}}


def relations(**changes):
    return [{**spec()["relations"][0], **changes}, spec()["relations"][1]]


def loss(**changes):
    return [{**spec()["losses"][0], **changes}]


WRONG = {
    "relations": [
        (spec(relatoins=[]), "relatoins: unknown key 'relatoins'. Did you mean 'relations'?"),
        (
            spec(relations=relations(type="neigbor")),
            "relations[0].type: unknown relation type 'neigbor'. Did you mean 'neighbor'?",
        ),
        (
            spec(relations=relations(level="globl")),
            "relations[0].level: unknown value 'globl'. Did you mean 'global'?",
        ),
        (
            spec(relations=relations(level="batch", name="x")),
            "relations[0].level: the level of relations of type 'pdist' must be global, got 'batch'.",
        ),
        (
            spec(relations=relations(options={"metrc": "l1"})),
            "relations[0].options.metrc: unknown option 'metrc'. Did you mean 'metric'?",
        ),
        (
            spec(relations=relations(transforms=[{"type": "symetrize"}])),
            "relations[0].transforms[0].type: unknown transform 'symetrize'. Did you mean 'symmetrize'?",
        ),
        (
            spec(relations=relations(transforms=[{"type": "perplexity", "options": {"perplexity": 0.5}}])),
            "relations[0].transforms[0]: perplexity must be greater than 1 and finite, or 'auto', got 0.5.",
        ),
        (
            spec(relations=[*spec()["relations"], spec()["relations"][0]]),
            "relations: the name 'far' must differ from other names, got it twice.",
        ),
        (spec(relations=relations(field=3)), "relations[0].field: "),
        (spec(relations=[{"name": "far", "type": "pdist"}]), "relations[0].level: is missing."),
    ],
    "losses": [
        (spec(losses=loss(type="relatoin")), "losses[0].type: unknown loss 'relatoin'. Did you mean 'relation'?"),
        (spec(losses=loss(func="kl")), "losses[0].func: unknown loss function 'kl'."),
        (
            spec(losses=loss(keys={"rels": ["fra", "far"]})),
            "losses[0].keys.rels: unknown global relations 'fra'. Did you mean 'far'?",
        ),
        (
            spec(losses=loss(keys={"rels": ["far", "fra"]})),
            "losses[0].keys.rels: unknown batch relations 'fra'. Did you mean 'far'?",
        ),
        (
            spec(losses=loss(keys={"rels": ["far", "far", "far"]})),
            "losses[0].keys.rels: a loss of type 'relation' takes",
        ),
        (
            spec(losses=loss(keys={"data": ["main"]})),
            "losses[0].keys.data: a loss of type 'relation' takes none, got 1 entries. Leave the others out.",
        ),
        (
            spec(losses=loss(options={"normalise_sub": True})),
            "losses[0].options.normalise_sub: unknown option 'normalise_sub'. Did you mean 'normalize_sub'?",
        ),
        (spec(losses=[{"name": "stress", "type": "relation"}]), "losses[0].func: is missing."),
        (spec(losses=loss() + loss()), "losses: the name 'stress' must differ from other names, got it twice."),
        (spec(losses=[]), "losses: "),
        ({"training phases": [phase()]}, "losses: is missing."),
    ],
    "training phases": [
        (spec(training_phases=[phase(epochs=-1)]), "training phases[0].epochs: "),
        (spec(training_phases=[phase(epochs="many")]), "training phases[0].epochs: "),
        (
            spec(training_phases=[phase(optimizer={"type": "adm"})]),
            "training phases[0].optimizer.type: unknown optimizer 'adm'. Did you mean 'adam'?",
        ),
        (
            spec(training_phases=[phase(sampling={"type": "edges"})]),
            "training phases[0].sampling.type: unknown sampling 'edges'. Did you mean 'edge'?",
        ),
        (
            spec(training_phases=[phase(sampling={"options": {"batch_sizes": 3}})]),
            "training phases[0].sampling.options.batch_sizes: unknown option 'batch_sizes'. Did you mean 'batch_size'?",  # noqa: E501
        ),
        (
            spec(training_phases=[phase(sampling={"options": {"batch_size": 0}})]),
            "training phases[0]: batch_size must be an integer of at least 1, or 'auto', got 0.",
        ),
        (
            spec(training_phases=[phase(loss={"components": ["strss"]})]),
            "training phases[0].loss.components: unknown loss 'strss'. Did you mean 'stress'?",
        ),
        (spec(training_phases=[phase(loss={"components": []})]), "training phases[0].loss.components: "),
        (
            spec(training_phases=[phase(loss={"components": ["stress"], "weights": [1, 2]})]),
            "training phases[0]: loss_weights must be one number per loss",
        ),
        (spec(training_phases=[{"epochs": 2}]), "training phases[0].loss: is missing."),
        (spec(training_phases=[]), "training phases: "),
    ],
    "derived data": [
        (
            spec(derived_data=[{"name": "a", "data func": "pac"}]),
            "derived data[0].data func: unknown data function 'pac'. Did you mean 'pca'?",
        ),
        (
            spec(derived_data=[{"name": "a", "data func": "pca", "keys": [["date", "main"]]}]),
            "derived data[0].keys[0][0]: unknown value 'date'. Did you mean 'data'?",
        ),
        (spec(derived_data=[{"name": "a"}]), "derived data[0].data func: is missing."),
    ],
}


@pytest.mark.parametrize(("wrong", "message"), [case for cases in WRONG.values() for case in cases])
def test_error_starts_with_the_place_and_says_what_was_meant(wrong, message):
    with pytest.raises(SpecificationError) as caught:
        ParametricDR.from_spec(wrong)
    assert any(line.startswith(message) for line in str(caught.value).splitlines()), str(caught.value)


def test_all_mistakes_are_told_at_once():
    wrong = spec(losses=loss(type="relatoin"), relatoins=[], training_phases=[phase(epochs=-1)])
    with pytest.raises(SpecificationError) as caught:
        validate_spec(wrong)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert {line.split(":")[0] for line in lines} == {"relatoins", "losses[0].type", "training phases[0].epochs"}


def test_option_that_the_optimizer_does_not_know_is_an_error_with_its_place():
    wrong = spec(training_phases=[phase(optimizer={"type": "sgd", "options": {"momentun": 0.9}})])
    with pytest.raises(SpecificationError, match=r"training phases\[0\].*momentun"):
        ParametricDR.from_spec(wrong)


@pytest.mark.parametrize("contents", [None, [], "text\nmore text", 3, {1: 2}])
def test_what_is_no_specification_is_refused(contents):
    with pytest.raises(SpecificationError):
        parse_spec(contents)


@pytest.mark.parametrize("text", ["losses: [\n", "a: b: c\n", "\t- x\n", "{\n", "losses: *unknown\n"])
def test_text_that_is_no_yaml_names_the_line(text):
    with pytest.raises(SpecificationError, match="line"):
        validate_spec(text + "\n")


def test_empty_text_and_file_are_refused(tmp_path):
    path = tmp_path / "empty.yaml"
    path.write_text("")
    for given in ("\n", path):
        with pytest.raises(SpecificationError):
            validate_spec(given)


def test_several_documents_in_a_text_are_refused():
    text = json.dumps(spec())
    with pytest.raises(SpecificationError):
        validate_spec(f"{text}\n---\n{text}\n")


def test_file_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"mds\.yaml"):
        ParametricDR.from_spec(tmp_path / "mds.yaml")


def test_error_of_a_file_names_it(tmp_path):
    path = tmp_path / "mds.yaml"
    path.write_text("losses: [\n")
    with pytest.raises(SpecificationError, match=r"mds\.yaml.*line"):
        ParametricDR.from_spec(path)


def test_json_text_in_one_line_is_text():
    assert validate_spec(json.dumps(spec())) == validate_spec(spec())


def test_defaults_are_written_out():
    full = validate_spec(spec())
    assert full["derived data"] == []
    assert full["relations"][0] == {
        "name": "far", "level": "global", "type": "pdist", "field": "main", "options": {}, "transforms": [],
    }  # fmt: skip
    assert full["training phases"][0]["optimizer"] == {"type": "adam", "options": {}}
    assert validate_spec(full) == full


def test_blocks_are_built():
    built = build(
        parse_spec(
            spec(
                relations=[
                    {
                        "name": "near",
                        "level": "global",
                        "type": "neighbor",
                        "field": "x",
                        "options": {"n_neighbors": 7},
                    },
                    {"name": "near", "level": "batch", "type": "pdistdiff", "options": {"metric": "cosine"}},
                ],
                losses=[
                    {
                        "name": "stress",
                        "type": "relation",
                        "func": "kl div",
                        "keys": {"rels": ["near", "near"], "methods": ["forward"]},
                    },
                    {"name": "init", "type": "position", "keys": {"data": ["x", "start"]}},
                ],
                training_phases=[
                    phase(
                        name="main",
                        sampling={"type": "edge", "options": {"edge_rel_key": "near", "batch size": 9}},
                        optimizer={"type": "sgd", "options": {"lr": 0.5, "momentum": 0.1}},
                        loss={"components": ["stress", "init"], "weights": [1, 2]},
                    )
                ],
            )
        )
    )
    near, embedded = built["global_relations"]["near"], built["batch_relations"]["near"]
    assert isinstance(near, NeighborBasedPDist)
    assert (near.n_neighbors, near.data_key) == (7, "x")
    assert isinstance(embedded, DifferentiablePDist)
    assert embedded.metric == "cosine"
    stress, init = built["losses"]["stress"], built["losses"]["init"]
    assert isinstance(stress, RelationLoss)
    assert (stress.global_relation_key, stress.embedding_method, stress.name) == ("near", "forward", "stress")
    assert isinstance(init, PositionLoss)
    assert (init.data_key, init.position_key) == ("x", "start")
    (main,) = built["training_phases"]
    assert (main.name, main.sampling, main.edge_rel_key, main.batch_size) == ("main", "negative_edge", "near", 9)
    assert (main.optimizer, main.learning_rate, main.optimizer_kwargs) == (torch.optim.SGD, 0.5, {"momentum": 0.1})
    assert (main.loss_keys, main.loss_weights) == (["stress", "init"], [1, 2])


def test_blocks_are_made_anew_each_time():
    contents = parse_spec(spec())
    first, second = build(contents), build(contents)
    assert first["losses"]["stress"] is not second["losses"]["stress"]
    assert first["training_phases"][0] is not second["training_phases"][0]


def test_keys_may_be_written_with_underscores():
    contents = spec()
    contents["training_phases"] = contents.pop("training phases")
    assert validate_spec(contents) == validate_spec(spec())


def test_one_component_may_be_written_without_a_list():
    contents = spec(training_phases=[phase(loss={"components": "stress"})])
    assert validate_spec(contents) == validate_spec(spec())


def test_checked_specification_cannot_be_changed():
    checked = read_spec(spec())
    assert isinstance(checked, RoutineSpec)
    with pytest.raises(ValueError, match="frozen"):
        checked.losses = []


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "y", "n"])
def test_words_that_older_yaml_takes_for_truth_are_words(word):
    text = json.dumps(spec()).replace('"stress"', word)
    (entry,) = validate_spec(text + "\n")["losses"]
    assert entry["name"] == word

"""Texts as careless people write them: each is refused with the place, what stands there, and what to do."""

import copy
import datetime
import re

import numpy as np
import pytest

from paradime.dr import ParametricDR, validate_spec
from paradime.exceptions import SpecificationError

PHASES = "training phases"
GOOD = {
    "derived data": [{"name": "pca", "data func": "pca"}],
    "relations": [
        {
            "name": "r",
            "level": "global",
            "type": "neighbor",
            "transforms": [{"type": "perplexity", "options": {"perplexity": 5}}, "symmetrize", "normalize"],
        },
        {"name": "r", "level": "batch", "type": "pdistdiff", "transforms": ["t-dist", "normalize"]},
    ],
    "model": {"type": "mlp", "options": {"hidden_dims": [10]}},
    "losses": [
        {"name": "e", "type": "relation", "func": "kl div", "keys": {"rels": ["r", "r"]}},
        {"name": "i", "type": "position", "keys": {"data": ["main", "pca"]}},
    ],
    PHASES: [{"epochs": 2, "loss": {"components": ["e", "i"]}}],
}
TEXT = """losses:
- {name: stress, type: stress}
training phases:
- epochs: 2
  loss: {components: [stress]}
"""


def changed(*path, to):
    spec = copy.deepcopy(GOOD)
    place = spec
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return spec


def phase(key, to):
    return changed(PHASES, 0, key, to=to)


def summed(**loss):
    return phase("loss", {"components": ["e", "i"], **loss})


def transforms(to):
    return changed("relations", 0, "transforms", to=to)


def optimizer(**options):
    return phase("optimizer", {"type": "adam", "options": options})


def message(wrong):
    with pytest.raises(SpecificationError) as caught:
        validate_spec(wrong)
    told = str(caught.value)
    assert "Traceback" not in told
    assert "pydantic" not in told
    assert len(told) < 6000
    assert all(len(line) < 1000 for line in told.splitlines())
    return told


PLACE = "training phases[0]"
SHAPE = [
    (
        changed("losses", to={"e": {"type": "relation"}}),
        "losses: must be a list, got {'e': {'type': 'relation'}}. W",
    ),
    (changed("losses", to="relation"), "losses: must be a list, got 'relation'."),
    (changed("losses", to=None), "losses: must be a list, got nothing."),
    (changed("relations", to=None), "relations: must be a list, got nothing. Leave the key out, or write []."),
    (changed(PHASES, to=GOOD[PHASES][0]), "training phases: must be a list, got {"),
    (
        changed("losses", to=["e"]),
        "losses[0]: must be a mapping of 'name', 'type', 'func', 'keys', 'options', got 'e'.",
    ),
    (
        changed("model", to=["mlp"]),
        "model: must be a mapping of 'type', 'options', 'decoder', 'classifier', got [",
    ),
    (phase("loss", ["e"]), f"{PLACE}.loss: must be a mapping of 'components', 'weights', 'shares', got ['e']."),
    (phase("epochs", "2"), f"{PLACE}.epochs: must be an integer of at least 0, or 'auto', or 'short', got '2'."),
    (phase("epochs", True), f"{PLACE}.epochs: must be an integer of at least 0, or 'auto', or 'short', got True."),
    (phase("epochs", 2.5), f"{PLACE}.epochs: must be an integer of at least 0, or 'auto', or 'short', got 2.5."),
    (phase("epochs", float("inf")), f"{PLACE}.epochs: must be an integer"),
    (phase("epochs", float("nan")), f"{PLACE}.epochs: must be a number, got nan"),
    (phase("epochs", 10**400), f"{PLACE}.epochs: an integer must lie between"),
    (phase("clip norm", "1"), f"{PLACE}.clip norm: must be a finite number, got '1'."),
    (phase("batch_size", 20), f"{PLACE}.batch_size: unknown key 'batch_size'."),
    (phase("schedule", None), f"{PLACE}.schedule: must be a mapping"),
    (phase("early stopping", 3), f"{PLACE}.early stopping: must be a mapping, got 3."),
    (phase("compile", 3), f"{PLACE}.compile: must be true, false, or the name of a backend, got 3."),
    (phase("callbacks", [None]), f"{PLACE}.callbacks[0]: must be a mapping of 'type', 'options', got null."),
    (transforms("symmetrize"), "relations[0].transforms: must be a list, got 'symmetrize'."),
    (transforms({"perplexity": 5}), "relations[0].transforms: must be a list, got {'perplexity': 5}."),
    (
        transforms([["normalize"]]),
        "relations[0].transforms[0]: must be a mapping of 'type', 'options', got ['normal",
    ),
    (
        transforms([{"type": "perplexity", "perplexity": 5}]),
        "relations[0].transforms[0].perplexity: unknown key 'perplexity'. Known: 'options', 'type'. Arg",
    ),
    (
        transforms([{"type": "perplexity", "options": [5]}]),
        "relations[0].transforms[0].options: must be a mapping",
    ),
    (transforms([{"type": None}]), "relations[0].transforms[0].type: "),
    (
        changed("relations", 0, "level", to="Global"),
        "relations[0].level: unknown value 'Global'. Did you mean 'glob",
    ),
    (
        changed("relations", 1, "level", to="global"),
        "relations: the name 'r' must differ from other names, got it twice.",
    ),
    (changed("relations", 0, "name", to=3), "relations[0].name: must be a string that is not empty, got 3."),
    (changed("losses", 0, "name", to=datetime.date(2020, 1, 1)), "losses[0].name: must be a string"),
    (changed("losses", 0, "name", to=""), "losses[0].name: must be a string that is not empty, got ''."),
    (
        changed("losses", 0, "func", to=["kl div"]),
        "losses[0].func: must be the name of a loss function, got ['kl div",
    ),
    (changed("losses", 0, "func", to=None), "losses[0].func: is missing."),
    (
        changed("losses", 0, "keys", to=["r", "r"]),
        "losses[0].keys: must be a mapping of 'data', 'rels', 'methods'",
    ),
    (changed("losses", 0, "keys", to={"rels": [None, "r"]}), "losses[0].keys.rels[0]: must be a string"),
    (
        changed("data", to=["main"]),
        "data[0]: must be a mapping of 'name', 'content', 'shape', 'description', got 'm",
    ),
    (changed("data", to=[{"name": "main", "shape": [-3]}]), "data[0].shape: must be a list of sizes"),
    (
        changed("derived data", 0, "keys", to=["data", "main"]),
        "derived data[0].keys[0]: must be a pair such as [data",
    ),
    (changed("derived data", 0, "keys", to=[["rel", "r"]]), "derived data[0].keys[0][0]: unknown value 'rel'."),
    ({**GOOD, "training": []}, "training: unknown key 'training'. Did you mean 'training phases'?"),
    ({**GOOD, "Losses": []}, "Losses: unknown key 'Losses'. Did you mean 'losses'?"),
    (
        {**GOOD, "training-phases": []},
        "training-phases: unknown key 'training-phases'. Did you mean 'training phas",
    ),
    ({**GOOD, "training_phases": []}, "specification: the key 'training phases' is given twice"),
    ({**GOOD, 2.0: 3}, "2.0: unknown key '2.0'."),
    ({**GOOD, None: 3}, "None: unknown key 'None'."),
    (
        {**GOOD, "version": 3},
        "version: must be at most 2, the version that this paradime reads, got 3. Upgrade paradime.",
    ),
    ({**GOOD, "version": 0}, "version: must be 1 or 2, got 0."),
    ({**GOOD, "version": "2"}, "version: must be an integer, got '2'."),
    ({**GOOD, "version": None}, "version: must be an integer, got null."),
]
MEANING = [
    (summed(components=["e", "e"]), f"{PLACE}.loss.components: the loss 'e' must be named once, got it twice."),
    (summed(weigths=[1, 2]), f"{PLACE}.loss.weigths: unknown key 'weigths'. Did you mean 'weights'?"),
    (summed(weights=[1]), f"{PLACE}: loss_weights must be one number per loss, got [1.0] for 2 losses"),
    (summed(weights="balance"), f"{PLACE}.loss.weights: must be 'balanced', or a list of numbers and pairs"),
    (summed(weights=["1", "2"]), f"{PLACE}.loss.weights: must be 'balanced', or a list of numbers and pairs"),
    (summed(weights=[True, 2]), f"{PLACE}.loss.weights: must be 'balanced', or a list of numbers and pairs"),
    (summed(weights=[[1, 2, 3], 2]), f"{PLACE}.loss.weights: must be 'balanced', or a list of numbers and"),
    (summed(weights=[[1, float("inf")], 2]), f"{PLACE}.loss.weights: must be 'balanced', or a list of num"),
    (summed(weights={"e": 1}), f"{PLACE}.loss.weights: must be 'balanced', or a list of numbers and pairs"),
    (summed(weights="balanced", shares={"e": 1, "j": 2}), f"{PLACE}: loss_shares name an unknown loss 'j'."),
    (summed(weights="balanced", shares={"e": 1, "i": -2}), f"{PLACE}: loss_shares must be a positive number"),
    (summed(shares={"e": "0.5"}), f"{PLACE}.loss.shares.e: must be a finite number, got '0.5'."),
    (summed(shares=[1, 2]), f"{PLACE}.loss.shares: must be a mapping, got [1, 2]."),
    (changed("losses", 0, "keys", to={"rels": ["r"]}), "losses[0].keys.rels: unknown batch relations 'rel'."),
    (
        changed("derived data", 0, "keys", to=[["rels", "q"]]),
        "derived data[0].keys[0]: unknown global relations 'q'.",
    ),
    (
        changed("derived data", 0, "data func", to="spectral"),
        "derived data[0].keys[0]: 'spectral' takes rel",
    ),
    (
        changed("derived data", 0, "data func", to="local radius"),
        "derived data[0].keys: missing a required argument",
    ),
    (
        phase("sampling", {"type": "edge", "options": {"edge_rel_key": "q"}}),
        f"{PLACE}.sampling.options: unknown glo",
    ),
    (phase("sampling", {"type": "contrastive"}), f"{PLACE}.sampling.options: unknown global relations 'rel'."),
    (
        phase("sampling", {"options": {"batch_size": "9"}}),
        f"{PLACE}.sampling.options.batch_size: must be an integer",
    ),
    (
        phase("sampling", {"options": {"batch_size": 9, "batch size": 8}}),
        f"{PLACE}.sampling.options: the option 'batch_size' must be given once",
    ),
    (optimizer(learning_rate="fast"), f"{PLACE}.optimizer.options.learning_rate: must be a number, got 'fast'."),
    (optimizer(learning_rate=None), f"{PLACE}.optimizer.options.learning_rate: must be a number, got null."),
    (optimizer(learning_rate=0), f"{PLACE}: learning_rate must be a positive number, got 0."),
    (optimizer(learning_rate=1, lr=2), f"{PLACE}.optimizer.options.lr: must be given once"),
    (optimizer(betas=[0.9]), f"{PLACE}.optimizer.options.betas: must be a list of 2"),
    (optimizer(betas=[0.9, 1.9]), f"{PLACE}.optimizer.options: Invalid beta parameter at index 1: 1.9"),
    (optimizer(weight_decay=-1), f"{PLACE}.optimizer.options: Invalid weight_decay value: -1"),
    (optimizer(params=[3]), f"{PLACE}.optimizer.options.params: unknown option 'params'."),
    (
        transforms([{"type": "perplexity", "options": {"perplexity": "5"}}]),
        "relations[0].transforms[0].options.perp",
    ),
    (
        transforms([{"type": "perplexity", "options": {"perplexity": float("nan")}}]),
        "relations[0].transforms[0].opt",
    ),
    (
        transforms([{"type": "perplexity", "options": {"perplexity": 0}}]),
        "relations[0].transforms[0]: perplexity mus",
    ),
]
MODELS = [
    ({"options": {"activation": "rleu"}}, "model.options.activation: must be one of 'elu', "),
    (
        {"options": {"normalization": "bath"}},
        "model.options.normalization: must be 'batch' or 'layer' or null, got",
    ),
    ({"options": {"hidden_dims": [-1]}}, "model.options: in_dim, hidden_dims and out_dim must be positive, got"),
    (
        {"options": {"hidden_dims": 2.5}},
        "model.options.hidden_dims: must be an integer or a list of integers, got 2.5.",
    ),
    ({"options": {"dropout": 1.5}}, "model.options: dropout must lie in [0, 1), got 1.5."),
    ({"options": {"out_dim": 0}}, "model: out_dim must be a positive integer, got 0."),
    ({"options": {"in_dim": -1}}, "model.options: "),
    ({"hidden_dims": [10]}, "model.hidden_dims: unknown key 'hidden_dims'."),
    ({"type": "conv", "options": {"kernel_size": 0}}, "model.options: "),
    ({"decoder": "yes"}, "model.decoder: must be true, false, or a mapping of options, got 'yes'."),
    ({"decoder": 1}, "model.decoder: must be true, false, or a mapping of options, got 1."),
    (
        {"decoder": {"hiden_dims": [3]}},
        "model.decoder.hiden_dims: unknown option 'hiden_dims'. Did you mean 'hidden_d",
    ),
    ({"decoder": {"type": "mpl"}}, "model.decoder.type: unknown decoder 'mpl'. Did you mean 'mlp'?"),
    ({"decoder": {"type": ["mlp"]}}, "model.decoder.type: unknown decoder ['mlp']."),
    (
        {"decoder": {"hidden_dims": "3"}},
        "model.decoder.hidden_dims: must be an integer or a list of integers, got '3'.",
    ),
    ({"decoder": {"activation": "rleu"}}, "model.decoder.activation: must be one of "),
    ({"decoder": {"dropout": 2}}, "model.decoder: dropout must lie in [0, 1), got 2."),
    ({"decoder": {"in_dim": 3}}, "model.decoder.in_dim: unknown option 'in_dim'."),
    ({"decoder": {"channels": [3]}}, "model.decoder.channels: unknown option 'channels'."),
    ({"type": "conv", "decoder": {"residual": True}}, "model.decoder.residual: unknown option 'residual'."),
    ({"classifier": 10}, "model.classifier: must be true, false, or a mapping of options, got 10."),
    (
        {"classifier": {"n_clases": 3}},
        "model.classifier.n_clases: unknown option 'n_clases'. Did you mean 'n_classes'",
    ),
    ({"classifier": {"n_classes": -3}}, "model.classifier.n_classes: must be an integer of at least 1, got -3."),
    ({"classifier": {"n_classes": "3"}}, "model.classifier.n_classes: must be an integer of at least 1, got '3'."),
    ({"classifier": {"out_dim": 3}}, "model.classifier.out_dim: unknown option 'out_dim'."),
    ({"classifier": {"hidden_dims": [0]}}, "model.classifier: in_dim, hidden_dims and out_dim must be positive"),
]


def test_the_text_without_mistakes_is_accepted():
    assert validate_spec(GOOD)
    assert validate_spec(TEXT)


@pytest.mark.parametrize(("wrong", "said"), [*SHAPE, *MEANING])
def test_mistake_is_told_with_its_place(wrong, said):
    assert any(line.startswith(said) for line in message(wrong).splitlines()), message(wrong)


@pytest.mark.parametrize(("model", "said"), MODELS)
def test_mistake_in_the_model_is_told_with_its_place(model, said):
    told = message({**GOOD, "model": model})
    assert any(line.startswith(said) for line in told.splitlines()), told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TEXT.replace("  loss", "\tloss"), "line 5: .*spaces, not by tabs"),
        (TEXT + "losses: []\n", 'line 6: .*duplicate key "losses"'),
        (TEXT.replace("]}", "}"), "line 5: .*expected ',' or ']'"),
        (TEXT.replace("]}", "]"), "line 6: .*expected ',' or '}'"),
        (
            TEXT.replace("epochs: 2", "epochs: yes"),
            r"epochs: must be an integer of at least 0, or 'auto', or 'short', got 'yes'",
        ),
        (
            TEXT.replace("epochs: 2", "epochs: 1:30"),
            r"epochs: must be an integer of at least 0, or 'auto', or 'short', got '1:30'",
        ),
        (TEXT.replace("epochs: 2", "epochs: .nan"), r"epochs: must be a number, got nan"),
        (TEXT.replace("epochs: 2", "epochs: " + "9" * 5000), "cannot be read"),
        (TEXT.replace("epochs: 2", "epochs: " + "9" * 50), "between -2"),
        (TEXT.replace("losses", "\u200blosses"), "losses: is missing"),
        (TEXT.replace("stress]", "str\u00e9ss]"), "unknown loss 'stréss'. Did you mean 'stress'"),
        (TEXT + "\0\n", "#x0000"),
        (TEXT + "...\nmore\n", "another document"),
        ("losses: !!python/object/apply:os.getcwd []\n", "line 1: .*tag"),
        ("losses: !mine [1]\n", "line 1: .*tag '!mine'"),
        ("losses: &a [*a]\n", "alias 'a' refers to a part that contains it"),
        ("losses: &a {name: *a}\n", "alias 'a' refers to a part that contains it"),
        ("- a\n- b\n", "specification: must be a mapping of 'version', "),
        ("hello\nworld\n", "specification: must be a mapping"),
        ("# nothing\n", "specification: must be a mapping"),
        ("losses: []", "losses: must have at least one entry"),
        ('{"losses": [', "line 1"),
        ('{"losses": [], "losses": []}', "duplicate key"),
        ("", "got nothing"),
        ("   ", "got nothing"),
        ("a\0b", "null character"),
        (b"losses: []\n", "bytes. Decode it"),
        (3, "got an object of type int"),
        (None, "got an object of type NoneType"),
        (["losses"], "got an object of type list"),
    ],
    ids=range(30),
)
def test_text_that_cannot_be_read_is_refused(text, said):
    assert re.search(said, message(text))


BOMBS = {
    "aliases": "a0: &a0 [x,x,x,x,x,x,x,x]\n"
    + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)),
    "merged aliases": "a0: &a0 {k0: 1}\n"
    + "".join(f"a{i}: &a{i} {{<<: [{','.join([f'*a{i - 1}'] * 10)}], k{i}: 1}}\n" for i in range(1, 9)),
    "deep lists": "a: " + "[" * 3000 + "]" * 3000 + "\n",
    "deep mappings": "".join(" " * i + "a:\n" for i in range(500)),
    "deep JSON": '{"a": ' + "[" * 3000 + "]" * 3000 + "}",
    "long list": TEXT + "relations: [" + "x," * 30_000 + "x]\n",
    "long JSON": '{"relations": [' + "3," * 200_000 + "3]}",
    "long text": "x: " + "y" * 2_000_000 + "\n",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_while_they_are_read(name):
    told = message(BOMBS[name])  # within minutes, or never, without the limits
    assert any(part in told for part in ("entries", "nesting", "characters"))


def test_dict_that_contains_itself_is_refused():
    spec = copy.deepcopy(GOOD)
    spec["relations"].append(spec)
    assert "levels of nesting" in message(spec)


def test_all_mistakes_are_told_at_once_also_those_that_only_constructors_know():
    shape = message(
        {
            **changed("relations", 0, "type", to="neigbor"),
            "lossses": [],
            PHASES: [{"epochs": "x", "loss": {"componets": ["e"]}, "optimizer": "adma"}],
        }
    )
    assert {line.split(": ")[0] for line in shape.splitlines()} == {
        "relations[0].type",
        "lossses",
        "training phases[0].epochs",
        "training phases[0].optimizer.type",
        "training phases[0].loss.components",
        "training phases[0].loss.componets",
    }
    meaning = message(
        {
            **transforms([{"type": "perplexity", "options": {"perplexity": 0}}]),
            "model": {"options": {"dropout": 2}},
            PHASES: [
                {"loss": {"components": ["x"]}},
                {"loss": {"components": ["e"]}, "early stopping": {"patience": 0}},
            ],
        }
    )
    assert [line.split(": ")[0] for line in meaning.splitlines()] == [
        "relations[0].transforms[0]",
        "training phases[0].loss.components",
        "training phases[1].early stopping",
        "model.options",
    ]


def test_many_mistakes_are_counted():
    told = message(changed("relations", to=[{}] * 500)).splitlines()
    assert len(told) < 30
    assert "more mistakes" in told[-1]


def test_files_that_are_no_texts(tmp_path):
    with pytest.raises(OSError, match="directory"):
        validate_spec(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        validate_spec(tmp_path / "nowhere.yaml")
    path = tmp_path / "text.yaml"
    path.write_bytes(TEXT.encode("utf-16"))
    assert "text.yaml must be encoded as UTF-8" in message(path)
    path.write_bytes(np.random.default_rng(0).bytes(2_000_000))
    assert "bytes, got more" in message(path)


def test_marks_and_line_ends_of_other_systems_are_fine(tmp_path):
    path = tmp_path / "text.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert validate_spec(path) == validate_spec(TEXT)


@pytest.mark.parametrize("number", ["1e3", "1000", "1_000", "1000.0"])
def test_whole_numbers_may_be_written_in_many_ways(number):
    assert validate_spec(TEXT.replace("epochs: 2", f"epochs: {number}"))[PHASES][0]["epochs"] == 1000


def test_unknown_setting_of_the_constructor_is_told():
    with pytest.raises(
        TypeError, match=r"ParametricDR has no parameter 'random_sate'. Did you mean 'random_state'\?"
    ):
        ParametricDR.from_spec(TEXT, random_sate=1)


def test_arguments_that_are_ignored_are_refused():
    from paradime.relations import Relations
    from paradime.spec import register

    @register("without transforms of a test")
    class Bare(Relations):
        def __init__(self):
            super().__init__()

    for key, value in (("transforms", ["normalize"]), ("field", "other")):
        told = message(
            changed(
                "relations",
                0,
                to={**GOOD["relations"][0], "type": "without transforms of a test"}
                | ({"transforms": []} if key == "field" else {})
                | {key: value},
            )
        )
        assert f"relations[0].{key}: " in told

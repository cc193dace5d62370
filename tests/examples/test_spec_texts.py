"""The texts that users start from: they train, mean what the presets mean, and agree with the schema."""

import difflib
import functools
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from ruamel.yaml import YAML
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from paradime import estimators
from paradime.dr import ParametricDR
from paradime.spec import dump

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SPECS = EXAMPLES / "specs"
SCHEMA = SPECS / "paradime.schema.json"
PRESETS = {
    "autoencoder": estimators.ParametricAutoencoder,
    "contrastive": estimators.ParametricContrastive,
    "largevis": estimators.ParametricLargeVis,
    "mds": estimators.ParametricMDS,
    "pacmap": estimators.ParametricPaCMAP,
    "tsne": estimators.ParametricTSNE,
    "umap": estimators.ParametricUMAP,
}
TEXTS = [*sorted(SPECS.glob("*.yaml")), EXAMPLES / "guided.yaml"]


@functools.cache
def validator():
    """Checks texts by the schema, which is itself checked once."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def read(path):
    return YAML(typ="safe").load(path)


def test_there_is_one_text_a_preset():
    known = {
        cls for cls in vars(estimators).values() if isinstance(cls, type) and issubclass(cls, estimators.Preset)
    } - {estimators.Preset}
    assert set(PRESETS.values()) == known
    assert {path.stem for path in SPECS.glob("*.yaml")} == set(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_text_means_the_preset_with_its_defaults(name):
    path, preset = SPECS / f"{name}.yaml", PRESETS[name]
    written = ParametricDR.from_spec(path).to_spec(format="dict")
    wanted = preset().to_spec(format="dict")
    changes = difflib.unified_diff(
        dump(written).splitlines(), dump(wanted).splitlines(), str(path.name), preset.__name__, lineterm="", n=1
    )
    assert written == wanted, (
        f"{path.name} and {preset.__name__}() differ. Change these lines of the text, and keep its remarks; "
        f"{preset.__name__}().to_spec() prints all of it:\n" + "\n".join(changes)
    )


@pytest.mark.parametrize("name", PRESETS)
def test_text_trains_a_map(name):
    # its outcome is that of the preset, which it means
    X = StandardScaler().fit_transform(load_iris().data)
    spec = read(SPECS / f"{name}.yaml")
    for phase in spec["training phases"]:
        phase["epochs"] = 2
    for relation in spec.get("relations", []):
        for transform in relation.get("transforms", []):
            if isinstance(transform, dict) and "perplexity" in transform["options"]:
                transform["options"]["perplexity"] = 20  # there are 150 rows
    routine = ParametricDR.from_spec(spec, random_state=0).fit(X)
    embedding = routine.transform(X)
    assert embedding.shape == (150, 2)
    assert np.isfinite(embedding).all()
    assert (embedding.std(axis=0) > 0).all()


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_text_agrees_with_the_schema_that_it_names(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert named != first
    assert (path.parent / named).resolve() == SCHEMA
    validator().validate(read(path))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_text_is_short_and_each_of_its_sections_has_a_remark(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= 115
    assert sum(line.lstrip().startswith("#") for line in lines) >= 5


def test_schema_refuses_a_misspelled_option():
    spec = read(SPECS / "tsne.yaml")
    spec["relations"][0]["transforms"][0]["options"] = {"perplexty": 30}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spec, json.loads(SCHEMA.read_text(encoding="utf-8")))

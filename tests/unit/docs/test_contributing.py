"""The worked examples of CONTRIBUTING.md run as they stand, are short, and show what they say."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_swiss_roll

from paradime._registry import LOSSES, RELATIONS, SAMPLINGS
from paradime.metrics import knn_recall
from paradime.neighbors import BACKENDS

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^### An? ([\w ]+)\n.*?```python\n(.*?)```", TEXT, flags=re.S | re.M))


@pytest.fixture(autouse=True)
def _no_backend_left(monkeypatch):
    monkeypatch.setattr(BACKENDS, "_entries", dict(BACKENDS._entries))
    monkeypatch.setattr(BACKENDS, "_own", set(BACKENDS._own))


def run(*kinds, seed=0):
    """Runs examples, one after the other, with a seed; returns what they define."""
    names: dict = {"__name__": "contributing"}
    for kind in kinds:
        exec(EXAMPLES[kind].replace("random_state=0", f"random_state={seed}"), names)
    return names


def test_there_is_a_short_example_of_each_kind():
    kinds = ["loss", "relation", "sampler", "estimator", "metric", "neighbour backend"]
    assert list(EXAMPLES) == kinds
    assert {kind: text.count("\n") for kind, text in EXAMPLES.items() if text.count("\n") >= 40} == {}


def test_example_of_a_loss_makes_axes_less_correlated(outcome):
    def measure(seed):
        names = run("loss", seed=seed)
        return {"decline": names["before"] - names["after"], "after": names["after"]}

    outcome(measure, at_most={"after": 0.3})
    assert "uncorrelated axes" in LOSSES


def test_example_of_a_relation_unrolls_a_swiss_roll(outcome):
    outcome(lambda seed: {"unrolled": run("relation", seed=seed)["unrolled"]}, seeds=2, at_least={"unrolled": 0.6})
    assert "geodesic" in RELATIONS


def test_example_of_a_sampler_draws_classes_alike_and_is_written():
    names = run("sampler")
    sampler = names["Balanced"]().make(names["routine"]._components.dataset, {}, batch_size=500)
    labels = np.concatenate([batch["labels"].numpy() for batch in sampler.epoch(None)])
    assert np.bincount(labels) / len(labels) == pytest.approx([1 / 3] * 3, abs=0.15)
    assert "balanced" in SAMPLINGS
    assert "type: balanced" in names["routine"].to_spec()


def test_example_of_an_estimator_has_what_all_presets_have(outcome):
    def measure(seed):
        isomap = run("relation", "estimator", seed=seed)["isomap"]
        assert isomap.get_params()["n_neighbors"] == 8
        X, along = make_swiss_roll(500, random_state=seed)
        embedding = isomap.transform(X)
        assert isomap.inverse_transform(embedding).shape == X.shape
        return {"unrolled": abs(np.corrcoef(embedding.T, along)[:2, 2]).max()}

    outcome(measure, at_least={"unrolled": 0.5})


def test_example_of_a_metric_is_a_share_with_an_error():
    measure = run("metric")["triplet_accuracy"]
    X = np.random.default_rng(0).normal(size=(200, 5))
    assert measure(X, 3 * X) == 1.0
    assert abs(measure(X, X[::-1].copy()) - 0.5) < 0.05
    assert measure(X, X[:, :3]).standard_error < 0.01


def test_example_of_a_backend_finds_all_neighbours():
    names = run("neighbour backend")
    assert names["recall"] == 1.0
    assert knn_recall(names["X"], names["X"]) == 1.0


def test_files_that_the_page_names_are_there():
    linked = re.findall(r"\]\(([^)#]+)\)", TEXT)
    named = [
        path
        for path in re.findall(r"`((?:tests|tools|docs|metrics|neighbors)/[^`]+\.\w+)`", TEXT)
        if "NAME" not in path
    ]
    assert len(named) > 10
    places = [ROOT, ROOT / "src" / "paradime"]
    assert [path for path in (*linked, *named) if not any((place / path).exists() for place in places)] == []

"""Routines written in the grammar of version 1: from YAML, JSON, a dict, and with names of the user's own."""

import json

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler

import paradime.dr
import paradime.loss
import paradime.relations
import paradime.transforms
import paradime.utils
from paradime.dr import ParametricDR
from paradime.exceptions import SpecificationError

MDS = """
relations:
  - name: dists
    level: global
    type: pdist
  - name: dists
    level: batch
    type: pdistdiff
losses:
  - name: stress
    type: relation
    func: mse
    keys:
      rels: [dists, dists]
    options:
      normalize_sub: false
training phases:
  - epochs: 8
    sampling:
      type: item
      options: {batch_size: 100}
    optimizer:
      type: adam
      options: {learning_rate: 1e-2}
    loss:
      components: [stress]
"""

# the whole vocabulary of version 1, in one text
TSNE = """
derived data:
  - name: pca
    data func: pca
    keys:
      - [data, main]
    options:
      n_components: 2
relations:
  - name: affinities
    level: global
    type: neighbor
    field: main
    options:
      metric: euclidean
    transforms:
      - type: perplexity
        options:
          perplexity: 30
      - type: symmetrize
      - type: normalize
  - name: student
    level: batch
    type: pdistdiff
    transforms:
      - type: t-dist
        options:
          alpha: 1.0
      - type: normalize
losses:
  - name: init
    type: position
    func: mse
    keys:
      data: [main, pca]
      methods: [embed]
  - name: embedding
    type: relation
    func: kl div
    keys:
      rels: [affinities, student]
      methods: [embed]
training phases:
  - epochs: 20
    sampling:
      type: item
      options:
        batch_size: 100
    optimizer:
      type: adam
      options:
        learning_rate: 0.01
    loss:
      components: [init]
  - epochs: 4
    optimizer:
      type: sgd
      options:
        learning_rate: 0.5
        momentum: 0.5
    loss:
      components: [embedding, init]
      weights: [10, 0.1]
"""

UMAP = """
relations:
  - {name: graph, level: global, type: neighbor, transforms: [{type: connect, options: {n_neighbors: 10}}]}
  - {name: near, level: batch, type: fromto, transforms: [{type: t-dist, options: {alpha: 1.0}}]}
derived data:
  - {name: start, data func: spectral, keys: [[rels, graph]], options: {n_components: 2}}
losses:
  - {name: init, type: position, func: mse, keys: {data: [main, start]}}
  - {name: embedding, type: relation, func: umap cross entropy, keys: {rels: [graph, near]}}
training phases:
  - epochs: 2
    loss: {components: [init]}
  - epochs: 2
    sampling: {type: edge, options: {edge_rel_key: graph, neg_sampling_rate: 3, batch_size: 20}}
    loss: {components: [embedding]}
"""


@pytest.fixture(scope="module")
def data():
    return StandardScaler().fit_transform(load_diabetes().data)


def trained(routine, data, seed=0):
    paradime.utils.seed.seed_all(seed)
    routine.train(data)
    return routine


def mds_in_code():
    routine = ParametricDR(
        global_relations={"dists": paradime.relations.PDist()},
        batch_relations={"dists": paradime.relations.DifferentiablePDist()},
        losses={
            "stress": paradime.loss.RelationLoss(
                torch.nn.functional.mse_loss,
                global_relation_key="dists",
                batch_relation_key="dists",
                normalize_sub=False,
            )
        },
    )
    routine.add_training_phase(epochs=8, batch_size=100, learning_rate=0.01, loss_keys=["stress"])
    return routine


def test_text_trains_exactly_as_the_same_routine_in_code(data):
    from_text, from_code = trained(ParametricDR.from_spec(MDS), data), trained(mds_in_code(), data)
    torch.testing.assert_close(from_text.apply(data), from_code.apply(data), rtol=0, atol=0)
    assert from_text.training_phases[0].loss.history == from_code.training_phases[0].loss.history


def test_text_lowers_the_stress(data, outcome):
    def measure(seed):
        (phase,) = trained(ParametricDR.from_spec(MDS), data, seed).training_phases
        return {"decline": phase.loss.history[-1] / phase.loss.history[0]}

    outcome(measure, at_most={"decline": 0.6})


def read_yaml(text):
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(text)


def as_yaml_file(folder):
    path = folder / "mds.yaml"
    path.write_text(MDS)
    return path


def as_json_file(folder):
    path = folder / "mds.json"
    path.write_text(json.dumps(read_yaml(MDS)))
    return path


@pytest.mark.parametrize(
    "make",
    [as_yaml_file, lambda folder: str(as_yaml_file(folder)), as_json_file, lambda folder: read_yaml(MDS)],
    ids=["YAML path", "YAML name", "JSON path", "dict"],
)
def test_files_and_dicts_say_the_same_as_the_text(make, data, tmp_path):
    expected = trained(ParametricDR.from_spec(MDS), data).apply(data)
    torch.testing.assert_close(trained(ParametricDR.from_spec(make(tmp_path)), data).apply(data), expected)


def test_dict_is_left_as_it_is():
    contents = read_yaml(TSNE)
    before = json.dumps(contents)
    ParametricDR.from_spec(contents)
    assert json.dumps(contents) == before


def test_vocabulary_of_t_sne(data, outcome):
    def measure(seed):
        init, _ = trained(ParametricDR.from_spec(TSNE), data, seed).training_phases
        # the second phase, which has a share of this loss, goes on with its history
        return {"decline": init.loss.history[init.epochs - 1] / init.loss.history[0]}

    outcome(measure, seeds=2, at_most={"decline": 0.1})
    routine = trained(ParametricDR.from_spec(TSNE), data)
    init, main = routine.training_phases
    assert (init.epochs, init.batch_size, init.learning_rate, init.optimizer) == (20, 100, 0.01, torch.optim.Adam)
    assert (main.epochs, main.batch_size, main.learning_rate, main.optimizer) == (4, 50, 0.5, torch.optim.SGD)
    assert main.optimizer_kwargs == {"momentum": 0.5}
    assert main.loss_weights == [10, 0.1]
    assert routine.global_relations["affinities"].transform[0].perplexity == 30
    assert float(routine.global_relation_data["affinities"].to_square_array().data.sum()) == pytest.approx(
        1, rel=1e-4
    )
    assert routine.apply(data).shape == (442, 2)


def test_vocabulary_of_umap(data):
    routine = trained(ParametricDR.from_spec(UMAP), data)
    main = routine.training_phases[1]
    assert (main.sampling, main.edge_rel_key, main.neg_sampling_rate) == ("negative_edge", "graph", 3)
    assert routine.dataset["start"].shape == (442, 2)


def test_classification_and_reconstruction_are_words_of_the_grammar():
    routine = ParametricDR.from_spec(
        """
        losses:
          - name: class
            type: classification
            func: cross entropy
            keys: {data: [main, labels], methods: [classify]}
          - name: rebuild
            type: reconstruction
            func: mse
            keys: {data: [main], methods: [encode, decode]}
        training phases:
          - epochs: 3
            loss: {components: [class, rebuild]}
        """
    )
    assert isinstance(routine.losses["class"], paradime.loss.ClassificationLoss)
    assert routine.losses["class"].label_key == "labels"
    assert isinstance(routine.losses["rebuild"], paradime.loss.ReconstructionLoss)


@pytest.mark.parametrize("name", ["pdist", "pairwise"])
def test_pairwise_is_another_word_for_pdist(name):
    routine = ParametricDR.from_spec(MDS.replace("type: pdist\n", f"type: {name}\n"))
    assert isinstance(routine.global_relations["dists"], paradime.relations.PDist)


def test_field_names_the_entry_that_relations_are_computed_of(data):
    text = MDS.replace("type: pdist\n", "type: pdist\n    field: other\n")
    routine = ParametricDR.from_spec(text)
    routine.add_data({"main": data, "other": 3 * data})
    routine.compute_global_relations()
    plain = paradime.relations.PDist().compute_relations(data).sub([0, 1, 2])
    torch.testing.assert_close(routine.global_relation_data["dists"].sub([0, 1, 2]), 3 * plain)


def test_model_of_the_users_own_is_taken(data):
    model = torch.nn.Linear(10, 3)
    routine = trained(ParametricDR.from_spec(MDS, model=model), data)
    assert routine.model is model
    assert routine.apply(data).shape == (442, 3)


def test_precomputed_relations_are_the_entry_that_field_names(data):
    dists = paradime.relations.PDist().compute_relations(data[:50]).to_square_array().data
    text = MDS.replace("type: pdist\n", "type: precomp\n    field: dists\n")
    routine = ParametricDR.from_spec(text)
    trained(routine, {"main": data[:50], "dists": dists})
    np.testing.assert_allclose(routine.global_relation_data["dists"].to_square_array().data, dists, rtol=1e-6)


class TestRegistered:
    """Names of the user's own, from a text."""

    TEXT = """
    derived data:
      - name: start
        data func: first columns
        keys: [[data, main]]
        options: {n: 2}
    relations:
      - name: rel
        level: global
        type: city blocks
        transforms:
          - type: scaled
            options: {by: 2.0}
      - {name: rel, level: batch, type: pdistdiff}
    losses:
      - {name: mine, type: size, options: {power: 4}}
      - {name: stress, type: relation, func: absolute, keys: {rels: [rel, rel]}, options: {normalize_sub: false}}
      - {name: init, type: position, func: mse, keys: {data: [main, start]}}
    training phases:
      - epochs: 3
        loss: {components: [mine, stress, init], weights: [1e-3, 1, 1]}
    """

    class CityBlocks(paradime.relations.Relations):
        def compute_relations(self, X=None, **kwargs):
            rows = np.asarray(X, dtype=float)
            return self.apply_transforms(np.abs(rows[:, None] - rows[None]).sum(axis=2))

    class Scaled(paradime.transforms.RelationTransform):
        def __init__(self, by):
            self.by = by

        def transform(self, reldata):
            reldata.data = reldata.data * self.by
            return reldata

    class Size(paradime.loss.Loss):
        def __init__(self, power=2, name=None):
            super().__init__(name)
            self.power = power

        def forward(self, model, global_relations, batch_relations, batch, device):
            return (model.embed(batch["main"].to(device)) ** self.power).mean()

    @pytest.fixture(autouse=True)
    def register(self, monkeypatch):
        from paradime import _registry

        for registry in vars(_registry).values():
            if isinstance(registry, _registry.Registry):
                monkeypatch.setattr(registry, "_entries", dict(registry._entries))
        paradime.dr.register_data_func("first columns", lambda x, n: x[:, :n])
        paradime.dr.register_relations("city blocks", self.CityBlocks)
        paradime.dr.register_transform("scaled", self.Scaled)
        paradime.dr.register_loss("size", self.Size)
        paradime.dr.register_loss_func("absolute", lambda p, q: (p - q).abs().mean())

    def test_all_of_them_are_used(self, data):
        routine = trained(ParametricDR.from_spec(self.TEXT), data)
        assert routine.losses["mine"].power == 4
        assert routine.losses["mine"].name == "mine"
        torch.testing.assert_close(routine.dataset["start"], torch.tensor(data[:, :2], dtype=torch.float32))
        expected = 2 * np.abs(data[3] - data[5]).sum()
        assert float(routine.global_relation_data["rel"].sub([3, 5])[0, 1]) == pytest.approx(expected, rel=1e-5)
        assert len(routine.training_phases[0].loss.history) == 3

    @pytest.mark.parametrize("part", ["relations", "transform", "loss"])
    def test_what_is_no_such_class_is_refused(self, part):
        with pytest.raises(TypeError, match="subclass"):
            getattr(paradime.dr, f"register_{part}")("wrong", dict)

    @pytest.mark.parametrize("part", ["data_func", "loss_func"])
    def test_what_is_no_function_is_refused(self, part):
        with pytest.raises(TypeError, match="function"):
            getattr(paradime.dr, f"register_{part}")("wrong", 3)


def test_validate_spec_accepts_what_can_be_built():
    for text in (MDS, TSNE, UMAP):
        assert paradime.dr.validate_spec(text)


def test_validate_spec_refuses_what_cannot():
    with pytest.raises(SpecificationError, match="losses"):
        paradime.dr.validate_spec({"training phases": [{"loss": {"components": ["stress"]}}]})
    with pytest.raises(SpecificationError, match="training phases"):
        paradime.dr.validate_spec({"losses": [{"name": "stress", "type": "relation"}]})

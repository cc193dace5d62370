"""All that a fitted routine knows comes back by file, pickle and copy; what is new and is not saved fails here."""

import copy
import dataclasses
import inspect
import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch

import paradime
from paradime import ParametricContrastive, ParametricMDS
from paradime.dr import ParametricDR
from paradime.dr.components import Components
from paradime.dr.fitted import FittedState
from paradime.dr.inputs import Targets
from paradime.loss import RelationLoss
from paradime.refinement import RefinedMap
from paradime.refinement.reference import ReferenceRows
from paradime.relations import DifferentiablePDist, PDist

OF_DATA = {"embedding_", "graph_"}  # properties that need the rows, which are not saved
OF_FILES = {"metadata": None, "ranges": None}  # what only a routine that was loaded has
COMPARED_COMPONENTS = {"device", "seed", "trained", "held_out_indices", "history", "network"}
OTHER_COMPONENTS = {
    # data, and what is made of data
    "workspace",
    "held_out",
    "embedding",
    # described by the parameters or the specification, which other tests compare
    "batch_relations",
    "losses",
    "training_defaults",
    "training_phases",
    "data_fields",
    # of a module that was passed: the one that is loaded starts from its trained weights
    "initial_weights",
    "_as_made",
}


def known(routine):
    """Returns every attribute of a fitted routine that is no method, by name, but for defaults of the class."""
    names = {name for name in dir(routine) if name.endswith("_") and not name.startswith("_")}
    names |= set(vars(routine)) - set(routine.get_params()) - {"_made_components", "_overrides"}
    names -= set(routine.unsaved_attributes) | OF_DATA | {"metadata_"}
    found = {name: getattr(routine, name) for name in names if hasattr(routine, name)}
    return {name: value for name, value in found.items() if value is not getattr(type(routine), name, ...)}


def same(first, second):
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(first, second)
    if isinstance(first, FittedState):
        first, second = (one.replace(**OF_FILES) for one in (first, second))
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, (FittedState, Targets, RefinedMap, ReferenceRows)):
        return all(same(a, b) for a, b in zip(*map(values_of, (first, second)), strict=True))
    return type(first) is type(second) and first == second


def values_of(one):
    return [getattr(one, field.name) for field in dataclasses.fields(one)]


def through_a_file(routine, path):
    routine.save(path)
    return paradime.load(path)


def through_joblib(routine, path):
    joblib.dump(routine, path)
    return joblib.load(path)


WAYS = {
    "file": through_a_file,
    "file twice": lambda routine, path: through_a_file(through_a_file(routine, path), path),
    "pickle": lambda routine, path: pickle.loads(pickle.dumps(routine)),
    "joblib": through_joblib,
    "copy": lambda routine, path: copy.copy(routine),
    "deepcopy": lambda routine, path: copy.deepcopy(routine),
}


@pytest.fixture(scope="module")
def frame(iris):
    return pd.DataFrame(iris, columns=["a", "b", "c", "d"])


@pytest.fixture(scope="module")
def routines(iris, frame):
    """Routines that know as much as one can, and as little."""
    labels = np.array(["x", "y", "z"])[np.arange(150) % 3]
    grown = ParametricMDS(epochs=1, random_state=0, classifier=True, decoder=True, validation_fraction=0.2)
    grown.set_output(transform="pandas").fit(frame[:100], labels[:100])
    grown.update(frame[100:], labels[100:], epochs=1)
    parts = ParametricContrastive(epochs=1, batch_size=50, random_state=0, refine=True)
    parts.partial_fit(iris[:100], np.arange(100) / 7).partial_fit(iris[100:], np.arange(50) / 3)
    trained = ParametricMDS(epochs=1, random_state=0)
    trained.train(iris)
    composed = ParametricDR(
        global_relations=PDist(),
        batch_relations=DifferentiablePDist(),
        losses=RelationLoss(torch.nn.MSELoss(), normalize_sub=False),
        random_state=0,
    )
    composed.add_training_phase(epochs=1, batch_size=50)
    composed.fit(frame)
    return {"grown": grown, "parts": parts, "trained": trained, "composed": composed}


@pytest.mark.parametrize("name", ["grown", "parts", "trained", "composed"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_all_attributes_come_back(way, name, routines, tmp_path):
    routine = routines[name]
    expected, found = known(routine), known(way(routine, tmp_path / "m.paradime"))
    assert found.keys() == expected.keys()
    assert [key for key in expected if not same(expected[key], found[key])] == []


def test_the_routines_here_know_all_there_is_to_know(routines):
    documented = {
        name
        for kind in ParametricMDS.__mro__
        for name in {*vars(kind), *inspect.get_annotations(kind)}
        if name.endswith("_") and not name.startswith("_")
    }
    assert documented - OF_DATA - {"metadata_"} <= set().union(*map(known, routines.values()))


@pytest.mark.parametrize("name", ["grown", "parts", "trained", "composed"])
def test_what_training_has_left_in_the_blocks_comes_back(name, routines, tmp_path):
    assert {field.name for field in dataclasses.fields(Components)} == COMPARED_COMPONENTS | OTHER_COMPONENTS
    routine = routines[name]
    again = through_a_file(routine, tmp_path / "m.paradime")
    for part in COMPARED_COMPONENTS - {"history", "network"}:
        assert np.array_equal(getattr(again._components, part), getattr(routine._components, part)), part
    assert again._components.history.records == routine._components.history.records
    assert again._components.network.row_shape == routine._components.network.row_shape
    assert all(map(torch.equal, again.model.state_dict().values(), routine.model.state_dict().values()))


MISTAKES = {
    "fewer columns": (lambda r, X, y: r.transform(X.iloc[:, :3]), "feature"),
    "other names": (lambda r, X, y: r.transform(X.rename(columns={"a": "e"})), "feature names"),
    "another order": (lambda r, X, y: r.transform(X[["b", "a", "c", "d"]]), "feature names"),
    "one new class": (lambda r, X, y: r.partial_fit(X, ["w", *y[1:]]), "did not have"),
    "no classes": (lambda r, X, y: r.partial_fit(X, np.linspace(0, 1, 150)), "must be classes"),
    "warm start": (lambda r, X, y: r.set_params(warm_start=True).fit(X, ["v", "w"] * 75), "classes of the"),
    "decoded": (lambda r, X, y: r.inverse_transform(np.zeros((2, 3))), "cannot decode|must have"),
}


@pytest.mark.parametrize(("mistake", "words"), MISTAKES.values(), ids=MISTAKES)
def test_all_checks_come_back(mistake, words, routines, frame, tmp_path):
    y = np.array(["x", "y", "z"])[np.arange(150) % 3]
    loaded = through_a_file(routines["grown"], tmp_path / "m.paradime")
    told = []
    for routine in (copy.deepcopy(routines["grown"]), loaded):
        with pytest.raises(ValueError, match=words) as caught:
            mistake(routine, frame, y)
        told.append(str(caught.value))
    assert told[0] == told[1]


def test_attribute_that_nobody_thought_of_is_saved(mds, tmp_path):
    routine = copy.deepcopy(mds)
    routine.scale_ = {"mean": np.arange(4.0), "of": ("a", 1)}
    again = through_a_file(routine, tmp_path / "m.paradime")
    assert again.scale_["mean"].tolist() == [0, 1, 2, 3]
    assert again.scale_["of"] == ("a", 1)


def test_attribute_that_cannot_be_saved_is_refused_with_the_way_out(mds, tmp_path):
    routine = copy.deepcopy(mds)
    routine.buffer_ = io.BytesIO()
    with pytest.raises(ValueError, match=r"the attribute 'buffer_': .*BytesIO.*Delete it.*unsaved_attributes"):
        routine.save(tmp_path / "m.paradime")
    del routine.buffer_
    routine.save(tmp_path / "m.paradime")


def test_a_file_sets_no_attribute_that_stands_for_something_else(mds, tmp_path, monkeypatch):
    from paradime.dr import archive
    from paradime.exceptions import ModelFileError

    for name in ("transform", "epochs", "_components", "history_", "not a name"):
        monkeypatch.setattr(archive, "_attributes", lambda routine, encoder, name=name: {name: 1})
        mds.save(tmp_path / "m.paradime")
        with pytest.raises(ModelFileError, match="cannot be an attribute"):
            paradime.load(tmp_path / "m.paradime")
    monkeypatch.undo()


def test_rows_that_were_seen_are_counted_in_every_training(routines, iris, tmp_path):
    assert {name: routine.n_samples_seen_ for name, routine in routines.items()} == {
        "grown": 80 + 50,
        "parts": 150,
        "trained": 150,
        "composed": 150,
    }
    again = through_a_file(routines["parts"], tmp_path / "m.paradime")
    assert again.partial_fit(iris[:30], np.arange(30) / 3).n_samples_seen_ == 180
    assert again.fit(iris).n_samples_seen_ == 150

"""The record of what happened in each epoch."""

import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris

from paradime import ParametricMDS, ParametricTSNE
from paradime._registry import CALLBACKS
from paradime.training import Callback, History, history_frame

pytestmark = pytest.mark.usefixtures("few_first_steps")


@pytest.fixture(scope="module")
def routine():
    X, y = load_iris(return_X_y=True)
    return ParametricTSNE(
        refine=False, epochs=4, batch_size=50, perplexity=8, random_state=0, decoder=True, validation_fraction=0.2
    ).fit(X, y)


def test_records_agree_with_the_histories_of_the_phases(routine):
    phases = routine.training_phases
    assert [r["loss"] for r in routine.history_] == [value for phase in phases for value in phase.loss.history]
    of_main = [r for r in routine.history_ if r["phase"] == "embedding"]
    main = phases[-1]
    assert [list(r["losses"].values()) for r in of_main] == main.loss.detailed_history().T.tolist()
    assert [list(r["weights"].values()) for r in of_main] == main.loss.weight_history().T.tolist()
    assert list(of_main[0]["losses"]) == main.loss_keys == ["embedding", "reconstruction", "labels"]
    assert all(sum(r["losses"].values()) == pytest.approx(r["loss"], rel=1e-5) for r in routine.history_)
    assert all(r["seconds"] > 0 for r in routine.history_)


def test_learning_rate_of_each_epoch_follows_the_schedule():
    X, _ = load_iris(return_X_y=True)
    routine = ParametricMDS(
        epochs=5, batch_size=150, random_state=0, learning_rate=0.01, schedule="linear", initialization=None
    ).fit(X)
    assert [r["learning_rate"] for r in routine.history_] == pytest.approx([0.01, 0.008, 0.006, 0.004, 0.002])


@pytest.mark.parametrize(
    "library", [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("pandas", "polars")]
)
def test_data_frame_has_a_row_an_epoch_and_a_column_a_figure(routine, library):
    frame = routine.history_frame(library)
    assert type(frame).__module__.startswith(library)
    assert len(frame) == len(routine.history_)
    names = list(frame.columns)
    assert names[:3] == ["phase", "epoch", "loss"]
    assert {
        "validation_loss",
        "validation_quality",
        "loss/labels",
        "weight/labels",
        "validation_loss/labels",
    } <= set(names)
    assert frame["loss"].to_numpy().tolist() == [r["loss"] for r in routine.history_]
    # phases have other components
    labels = np.array(frame["loss/labels"].to_numpy(), dtype=float)
    of_main = np.array([r["phase"] == "embedding" for r in routine.history_])
    assert np.array_equal(np.isfinite(labels), of_main)


@pytest.mark.needs("pandas")
def test_figures_that_were_never_measured_are_missing_numbers():
    X, _ = load_iris(return_X_y=True)
    routine = ParametricMDS(epochs=1, batch_size=50, random_state=0).fit(X)
    frame = routine.history_frame()
    assert frame["validation_loss"].isna().all()
    assert frame["validation_loss"].dtype == float


def test_a_frame_of_an_unknown_or_missing_library_is_refused(routine, monkeypatch):
    with pytest.raises(ValueError, match=r"unknown library 'panda'\. Did you mean 'pandas'"):
        routine.history_frame("panda")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ImportError, match="pip install polars"):
        routine.history_frame("polars")


@pytest.mark.needs("pandas")
def test_history_as_a_callback_of_the_call_has_the_same_records():
    X, _ = load_iris(return_X_y=True)
    history = History()
    routine = ParametricMDS(epochs=2, batch_size=50, random_state=0)
    routine.fit(X, callbacks=[history])
    assert history.records == routine.history_
    assert history.frame().equals(history_frame(routine.history_))
    assert CALLBACKS["history"] is History


def test_fit_starts_a_new_history_and_one_that_fails_leaves_the_earlier_one():
    X, _ = load_iris(return_X_y=True)
    routine = ParametricMDS(epochs=3, batch_size=50, random_state=0, initialization=None).fit(X)
    routine.fit(X)
    assert [r["epoch"] for r in routine.history_] == [0, 1, 2]
    assert not hasattr(clone(routine), "history_")

    class Fail(Callback):
        def on_epoch_end(self, state):
            if state.epoch == 1:
                raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        routine.fit(X, callbacks=[Fail()])
    assert [r["epoch"] for r in routine.history_] == [0, 1, 2]

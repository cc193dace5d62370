"""Names and precision of columns follow the data that are trained on, whatever form these have."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from paradime import ParametricContrastive, loss
from paradime.data import Dataset
from paradime.dr import ParametricDR

pytestmark = pytest.mark.usefixtures("few_first_steps")

FRAME = load_iris(as_frame=True).data
OTHER = FRAME.rename(columns=str.upper)
X = FRAME.to_numpy()


def made(**settings):
    return ParametricContrastive(epochs=1, random_state=0, **settings)


def names(routine):
    found = getattr(routine, "feature_names_in_", None)
    return None if found is None else list(found)


WAYS = {
    "train": lambda routine, rows: routine.train(rows),
    "train of a data set": lambda routine, rows: routine.train(Dataset(rows)),
    "train of a dict": lambda routine, rows: routine.train({"main": rows}),
    "fit": lambda routine, rows: routine.fit(rows),
    "fit of a data set": lambda routine, rows: routine.fit(Dataset(rows)),
    "add_data": lambda routine, rows: (routine.add_data({"main": rows}), routine.train()),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("rows", [OTHER, X], ids=["names", "no names"])
def test_names_are_those_of_the_last_data(way, rows):
    routine = made()
    routine.train(FRAME)
    way(routine, rows)
    assert names(routine) == (None if rows is X else list(OTHER.columns))
    routine.transform(rows)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_names_of_the_first_data_are_checked(way):
    routine = made()
    way(routine, FRAME)
    with pytest.raises(ValueError, match="feature names should match"):
        routine.transform(OTHER)
    with pytest.raises(ValueError, match="feature names should match"):
        routine.transform(Dataset(OTHER))


def test_further_training_on_a_data_set_checks_names():
    routine = made().fit(FRAME)
    for further in (routine.partial_fit, routine.update):
        with pytest.raises(ValueError, match=r"should match .*'sepal length.*got \['SEPAL LENGTH"):
            further(Dataset(OTHER))
    routine.partial_fit(Dataset(FRAME))
    assert names(routine) == list(FRAME.columns)


def test_entries_that_are_added_leave_names_alone():
    routine = made().fit(FRAME)
    routine.add_data({"more": X[:, 0]})
    assert names(routine) == list(FRAME.columns)


def test_columns_keep_their_names_in_an_update():
    guided = made()
    guided.add_loss("long", loss.CorrelationLoss("petal length (cm)"), share=0.3)
    guided.fit(FRAME[:100]).update(FRAME[100:], epochs=1)
    assert guided.dataset.columns["main"] == list(FRAME.columns)


def test_a_data_set_is_fitted_in_the_precision_it_was_made_of():
    found = made().fit(Dataset(X + 1e9)).transform(X + 1e9)
    np.testing.assert_array_equal(found, made().fit(X + 1e9).transform(X + 1e9))


def test_fit_leaves_a_data_set_as_it_is():
    dataset = Dataset(FRAME)
    made().fit(dataset, np.repeat([0, 1, 2], 50))
    assert list(dataset) == ["main", "indices"]


def test_a_composed_routine_has_names_too():
    routine = ParametricDR(losses=loss.StressLoss(), random_state=0)
    routine.add_training_phase(epochs=1)
    routine.train(Dataset(FRAME))
    assert names(routine) == list(FRAME.columns)

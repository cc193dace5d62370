"""What an estimator must stand: rows 29 to 33, 52, 57 and 60 of the fault matrix."""

import copy
import gc
import io
import pickle
import threading

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from paradime import ParametricContrastive, ParametricMDS, ParametricTSNE, ParametricUMAP
from paradime.exceptions import NotTrainedError

pytestmark = pytest.mark.usefixtures("few_first_steps")

ROUTINES = [
    ParametricMDS(epochs=2, batch_size=50, decoder=True, classifier=True, random_state=0),
    ParametricContrastive(epochs=2, init_epochs=1, random_state=0),
    ParametricTSNE(perplexity=5, epochs=2, init_epochs=1, random_state=0),
]


def through_joblib(routine):
    file = io.BytesIO()
    joblib.dump(routine, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize("routine", ROUTINES, ids=lambda routine: type(routine).__name__)
@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r)), through_joblib, lambda r: clone(r).fit(*r.seen)],
    ids=["deepcopy", "pickle", "joblib", "clone and fit"],
)
def test_duplicates_do_the_same(duplicate, routine, X):  # row 52
    y = np.repeat([0, 1, 2], 30)
    fitted = clone(routine).fit(X, y)
    fitted.seen = (X, y)
    other = duplicate(fitted)
    new = X + 0.1
    np.testing.assert_array_equal(other.transform(new), fitted.transform(new))
    np.testing.assert_array_equal(other.embedding_, fitted.embedding_)
    if hasattr(fitted, "graph_"):  # MDS has none
        assert (other.graph_ != fitted.graph_).nnz == 0
    assert other.n_features_in_ == fitted.n_features_in_ == 5
    assert other.get_feature_names_out().tolist() == fitted.get_feature_names_out().tolist()
    if routine.get_params().get("classifier"):
        np.testing.assert_array_equal(other.predict_proba(new), fitted.predict_proba(new))
        np.testing.assert_array_equal(other.inverse_transform([[0, 1]]), fitted.inverse_transform([[0, 1]]))


def test_threads_read_the_same_lazy_embedding(X):  # row 57
    fitted = clone(ROUTINES[1]).fit(X)
    expected, found = fitted.transform(X), []
    barrier = threading.Barrier(4)

    def work():
        barrier.wait(timeout=600)
        found.extend([fitted.embedding_, fitted.transform(X), fitted.set_output().transform(X)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=600)
    assert len(found) == 12
    for one in found:
        np.testing.assert_array_equal(one, expected)


def test_thousands_of_transforms_keep_no_memory(X):  # row 60
    fitted = ParametricMDS(epochs=1, batch_size=50, random_state=0).fit(X)
    row = X[:1]
    for _ in range(100):
        fitted.transform(row)
    gc.collect()
    before, objects = resident_bytes(), len(gc.get_objects())
    for _ in range(3000):
        fitted.transform(row)
    gc.collect()
    assert len(gc.get_objects()) - objects < 1000
    assert resident_bytes() - before < 10e6


def resident_bytes():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096
    except OSError:  # no such file on this system
        return 0


@pytest.mark.parametrize("routine", ROUTINES, ids=lambda routine: type(routine).__name__)
def test_targets_of_another_length_name_both_lengths(routine, X):  # row 29
    with pytest.raises(ValueError, match=r"\(90,\), one per row, got \(7,\)"):
        clone(routine).fit(X, np.arange(7))


def test_unlabelled_rows_are_no_class(X):  # row 29
    y = np.repeat([0, 1, -1], 30)
    fitted = clone(ROUTINES[0]).fit(X, y)
    assert fitted.classes_.tolist() == [0, 1]
    assert set(fitted.predict(X)) <= {0, 1}


@pytest.mark.parametrize("method", ["transform", "predict", "predict_proba", "embed", "score"])
def test_another_number_of_features_is_refused(method, X):  # row 30
    fitted = clone(ROUTINES[0]).fit(X, np.repeat([0, 1, 2], 30))
    with pytest.raises(ValueError, match="X has 4 features, but ParametricMDS is expecting 5 features as input"):
        getattr(fitted, method)(X[:, :4])


def test_width_of_refused_data_is_not_remembered(X):  # row 30
    fitted = clone(ROUTINES[1]).fit(X)
    before = fitted.transform(X)
    with pytest.raises(ValueError, match="X has 3 features"):
        fitted.train(X[:, :3])
    assert fitted.n_features_in_ == 5
    np.testing.assert_array_equal(fitted.transform(X), before)


@pytest.mark.parametrize(
    "method", ["transform", "predict", "predict_proba", "inverse_transform", "embed", "score"]
)
def test_what_is_not_fitted_says_so(method, X):  # row 32
    with pytest.raises(NotFittedError, match=r"fit|train") as caught:
        getattr(clone(ROUTINES[0]), method)(X)
    assert isinstance(caught.value, NotTrainedError)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ParametricMDS(n_components=0), "n_components .*0"),
        (lambda: ParametricMDS(epochs=-1), "epochs.*-1"),
        (lambda: ParametricMDS(learning_rate=0), "learning_rate .*0"),
        (lambda: ParametricUMAP(n_neighbors=0), "n_neighbors .*0"),
        (lambda: ParametricTSNE(perplexity=-3), "perplexity .*-3"),
    ],
)
def test_wrong_parameters_are_named_with_their_value(make, message, X):  # row 33
    with pytest.raises(ValueError, match=message):
        make().fit(X)


def test_tensors_on_another_device_come_back_there(X):
    fitted = ParametricMDS(epochs=1, random_state=0).fit(X).set_output(transform="torch")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    assert fitted.transform(torch.tensor(X, device=device)).device.type == device.type

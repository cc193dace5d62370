"""What an estimator must stand: rows 29 to 33, 52, 57 and 60 of the fault matrix."""

import copy
import gc
import io
import multiprocessing
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
from paradime.training import apply_to_rows

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


@pytest.mark.row(52)
@pytest.mark.parametrize("routine", ROUTINES, ids=lambda routine: type(routine).__name__)
@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r)), through_joblib, lambda r: clone(r).fit(*r.seen)],
    ids=["deepcopy", "pickle", "joblib", "clone and fit"],
)
def test_duplicates_do_the_same(duplicate, routine, X):
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


@pytest.mark.row(57)
def test_threads_read_the_same_lazy_embedding(X):
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


@pytest.mark.row(60)
def test_thousands_of_transforms_keep_no_memory(X):
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


@pytest.mark.row(29)
@pytest.mark.parametrize("routine", ROUTINES, ids=lambda routine: type(routine).__name__)
def test_targets_of_another_length_name_both_lengths(routine, X):
    with pytest.raises(ValueError, match=r"\(90,\), one per row, got \(7,\)"):
        clone(routine).fit(X, np.arange(7))


@pytest.mark.row(29)
def test_unlabelled_rows_are_no_class(X):
    y = np.repeat([0, 1, -1], 30)
    fitted = clone(ROUTINES[0]).fit(X, y)
    assert fitted.classes_.tolist() == [0, 1]
    assert set(fitted.predict(X)) <= {0, 1}


@pytest.mark.row(30)
@pytest.mark.parametrize("method", ["transform", "predict", "predict_proba", "embed", "score"])
def test_another_number_of_features_is_refused(method, X):
    fitted = clone(ROUTINES[0]).fit(X, np.repeat([0, 1, 2], 30))
    with pytest.raises(ValueError, match="X has 4 features, but ParametricMDS is expecting 5 features as input"):
        getattr(fitted, method)(X[:, :4])


@pytest.mark.row(30)
def test_width_of_refused_data_is_not_remembered(X):
    fitted = clone(ROUTINES[1]).fit(X)
    before = fitted.transform(X)
    with pytest.raises(ValueError, match="X has 3 features"):
        fitted.train(X[:, :3])
    assert fitted.n_features_in_ == 5
    np.testing.assert_array_equal(fitted.transform(X), before)


@pytest.mark.row(32)
@pytest.mark.parametrize(
    "method", ["transform", "predict", "predict_proba", "inverse_transform", "embed", "score"]
)
def test_what_is_not_fitted_says_so(method, X):
    with pytest.raises(NotFittedError, match=r"fit|train") as caught:
        getattr(clone(ROUTINES[0]), method)(X)
    assert isinstance(caught.value, NotTrainedError)


@pytest.mark.row(33)
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
def test_wrong_parameters_are_named_with_their_value(make, message, X):
    with pytest.raises(ValueError, match=message):
        make().fit(X)


def test_tensors_on_another_device_come_back_there(X):
    fitted = ParametricMDS(epochs=1, random_state=0).fit(X).set_output(transform="torch")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    assert fitted.transform(torch.tensor(X, device=device)).device.type == device.type


CHILD = """
import paradime
routine = paradime.load(path)
before = routine.transform(X)
if (child := __import__("os").fork()) == 0:
    embedded = routine.transform(X)
    routine.partial_fit(X, epochs=1)
    __import__("os")._exit(int(not (embedded == before).all()))
_, status = __import__("os").waitpid(child, 0)
result.send(__import__("os").waitstatus_to_exitcode(status))
"""


@pytest.mark.row(56)
def test_a_child_that_is_forked_after_a_fit_transforms_and_trains(X, tmp_path, forked):
    ParametricMDS(epochs=2, random_state=0).fit(X).save(tmp_path / "model")
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = forked(CHILD, path=tmp_path / "model", X=X, result=sender)
    sender.close()
    try:
        assert receiver.poll(60), "the child hangs"
        assert receiver.recv() == 0
    finally:
        process.kill()


class Greedy(torch.nn.Module):
    """Fails on more than so many rows, as a device does whose memory they fill."""

    def __init__(self, n_rows):
        super().__init__()
        self.layer, self.n_rows = torch.nn.Linear(5, 2), n_rows

    def forward(self, X):
        if len(X) > self.n_rows:
            raise torch.OutOfMemoryError("no memory")
        return self.layer(X)

    embed = forward


@pytest.mark.row(54)
@pytest.mark.parametrize("n_rows", [90, 45, 20, 12])
def test_chunks_that_fill_a_device_are_halved(n_rows, X, monkeypatch):
    monkeypatch.setattr("paradime.training.inference._CHUNK_ELEMENTS", 90 * 5)
    model, rows = Greedy(n_rows), torch.tensor(X, dtype=torch.float32)
    embedded = apply_to_rows(model, rows, "embed", torch.device("cpu"))
    torch.testing.assert_close(embedded, model.layer(rows).detach())


@pytest.mark.row(54)
def test_a_device_that_is_full_is_an_error_with_the_sizes(X, monkeypatch):
    monkeypatch.setattr("paradime.training.inference._CHUNK_ELEMENTS", 90 * 5)
    with pytest.raises(torch.OutOfMemoryError, match=r"90 rows of shape \(5,\).* chunks of 11\b.*device=\"cpu\""):
        apply_to_rows(Greedy(3), torch.tensor(X, dtype=torch.float32), "embed", torch.device("cpu"))

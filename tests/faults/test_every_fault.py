"""The rows on interruptions, files and processes, for every preset and a composed routine."""

import copy
import errno
import json
import multiprocessing
import os
import pickle
import runpy
import threading
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import paradime
from paradime.exceptions import CUDANotAvailableError, ModelFileError
from paradime.training import Callback, Checkpoints
from paradime.utils import files

pytestmark = pytest.mark.usefixtures("few_first_steps")

ROOT = Path(__file__).resolve().parents[2]
SOAK = runpy.run_path(str(ROOT / "tools" / "soak.py"))


class InterruptedAt(Callback):
    """Ends a training after so many steps, as if its process had been killed."""

    def __init__(self, n_steps):
        self.n_steps = n_steps

    def on_batch_end(self, state):
        if state.n_steps == self.n_steps:
            raise SystemExit


@pytest.mark.row(45)
def test_a_training_that_was_ended_goes_on_to_the_same_bits(make, fitted, X, tmp_path):
    checkpoints = Checkpoints(tmp_path / "run", every_seconds=0)
    with pytest.raises(SystemExit):
        make().fit(X, callbacks=[InterruptedAt(2), checkpoints])
    resumed = make().fit(X, resume_from=tmp_path / "run")
    np.testing.assert_array_equal(resumed.transform(X), fitted.transform(X))


@pytest.fixture
def saved(fitted, tmp_path):
    path = tmp_path / "model.paradime"
    fitted.save(path)
    return path


class Killed(BaseException):
    pass


@pytest.mark.row(46)
def test_a_save_that_is_killed_leaves_the_earlier_file(fitted, saved, X, monkeypatch):
    def kill(*_):
        raise Killed

    before = saved.read_bytes()
    monkeypatch.setattr(files.os, "replace", kill)
    with pytest.raises(Killed):
        fitted.save(saved)
    assert saved.read_bytes() == before
    np.testing.assert_array_equal(paradime.load(saved).transform(X), fitted.transform(X))


@pytest.mark.row(47)
def test_a_full_disk_is_an_error_with_the_path(fitted, tmp_path, X, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = fitted.transform(X)
    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(OSError, match=r"No space left.*model\.paradime"):
        fitted.save(tmp_path / "model.paradime")
    assert not list(tmp_path.iterdir())
    np.testing.assert_array_equal(fitted.transform(X), before)


@pytest.mark.row(48)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_model_file_that_is_cut_short_is_refused(share, fitted, saved):
    contents = saved.read_bytes()
    saved.write_bytes(contents[: int(share * len(contents))])
    for load in (paradime.load, type(fitted).from_pretrained):
        with pytest.raises(ModelFileError, match=r"model\.paradime"):
            load(saved)


@pytest.mark.row(49)
def test_a_later_format_is_refused_with_both_versions(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    content = json.loads(config.read_text())
    content["format_version"] = 99
    config.write_text(json.dumps(content))
    with pytest.raises(ModelFileError, match=r"must be at most \d+, got 99, written by ParaDime"):
        paradime.load(tmp_path / "model")


@pytest.mark.row(50, 51)
def test_a_pickle_or_a_link_in_place_of_a_model_is_refused(fitted, saved, tmp_path):
    (tmp_path / "pickle.paradime").write_bytes(pickle.dumps(fitted))
    fitted.save(tmp_path / "model")
    weights = next(path for path in (tmp_path / "model").iterdir() if path.suffix == ".safetensors")
    weights.rename(tmp_path / "elsewhere")
    weights.symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path / "pickle.paradime", tmp_path / "model"):
        with pytest.raises(ModelFileError):
            type(fitted).from_pretrained(path)


def through_joblib(routine, folder):
    joblib.dump(routine, folder / "routine.joblib")
    return joblib.load(folder / "routine.joblib")


COPIES = {
    "deepcopy": lambda routine, folder, X: copy.deepcopy(routine),
    "pickle": lambda routine, folder, X: pickle.loads(pickle.dumps(routine)),
    "joblib": lambda routine, folder, X: through_joblib(routine, folder),
    "clone": lambda routine, folder, X: clone(routine).fit(X),
}


@pytest.mark.row(52)
@pytest.mark.parametrize("how", COPIES)
def test_copies_give_the_same_results(how, fitted, X, tmp_path):
    copied = COPIES[how](fitted, tmp_path, X)
    np.testing.assert_array_equal(copied.transform(X + 0.1), fitted.transform(X + 0.1))


@pytest.mark.row(53)
def test_a_saved_model_names_no_device(fitted, saved, X, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    loaded = paradime.load(saved)
    assert loaded.device.type == "cpu"
    np.testing.assert_array_equal(loaded.transform(X), fitted.transform(X))
    with pytest.raises(CUDANotAvailableError):
        paradime.load(saved, device="cuda")


@pytest.mark.row(54)
def test_a_full_memory_halves_the_chunks_and_is_an_error_with_the_sizes(fitted, X, monkeypatch):
    monkeypatch.setattr("paradime.training.inference._CHUNK_ELEMENTS", 90 * 5)
    expected, routine = fitted.transform(X), copy.deepcopy(fitted)
    embed, most = type(routine.model).embed, 23

    def greedy(model, X, *more):
        if len(X) > most:
            raise torch.OutOfMemoryError("no memory")
        return embed(model, X, *more)

    monkeypatch.setattr(type(routine.model), "embed", greedy)
    np.testing.assert_allclose(routine.transform(X), expected, rtol=1e-5, atol=1e-6)
    most = 3
    with pytest.raises(torch.OutOfMemoryError, match=r"90 rows of shape \(5,\).*chunks of 11\b"):
        routine.transform(X)


@pytest.mark.row(55)
def test_a_device_that_is_not_there_is_named_with_a_remedy(make, X, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(CUDANotAvailableError, match='device="auto"'):
        make(device="cuda").fit(X)


@pytest.mark.row(57)
def test_threads_give_the_same_results(fitted, X):
    expected, results = fitted.transform(X), []
    barrier = threading.Barrier(4)

    def work():
        barrier.wait(timeout=600)
        results.extend(fitted.transform(X) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=600)
    assert len(results) == 20
    for result in results:
        np.testing.assert_array_equal(result, expected)


@pytest.mark.row(58)
def test_a_grid_search_in_threads_finishes(make, X):
    with joblib.parallel_config("threading"):
        search = GridSearchCV(make(), {"random_state": [0, 1]}, n_jobs=2, cv=2, error_score="raise").fit(X)
    assert np.isfinite(search.best_estimator_.transform(X)).all()


@pytest.mark.row(60)
def test_many_transforms_use_no_more(fitted, X):
    grown = SOAK["growth"](lambda: fitted.transform(X[:3]), 50)
    assert grown.is_none, grown


EXTRAS = ["anndata", "captum", "datashader", "h5py", "matplotlib", "onnx", "pandas", "plotly", "pyarrow", "zarr"]
# the optional dependencies cannot be imported in this process
IN_A_PROCESS = """
import os, sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in extras:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

for name in [name for name in sys.modules if name.partition(".")[0] in extras]:
    del sys.modules[name]
sys.meta_path.insert(0, Refusing())
import paradime
results = {}
for name, path in paths.items():
    routine = paradime.load(path)
    before = routine.transform(X)
    routine.partial_fit(X, epochs=1)
    routine = paradime.load(path)
    if (child := os.fork()) == 0:
        equal = (routine.transform(X) == before).all()
        routine.partial_fit(X, epochs=1)
        os._exit(int(not equal))
    _, status = os.waitpid(child, 0)
    results[name] = (before, os.waitstatus_to_exitcode(status))
result.send(results)
"""


@pytest.mark.row(56, 61)
def test_forked_children_transform_and_train_with_the_core_dependencies(every_fitted, X, tmp_path, forked):
    paths = {name: tmp_path / f"{name}.paradime" for name in every_fitted}
    for name, routine in every_fitted.items():
        routine.save(paths[name])
    receiver, sender = multiprocessing.Pipe(duplex=False)
    extras = [
        "pandas",
        "matplotlib",
        "datashader",
        "captum",
        "plotly",
        "onnx",
        "anndata",
        "pyarrow",
        "h5py",
        "zarr",
    ]
    process = forked(IN_A_PROCESS, paths=paths, X=X, result=sender, extras=extras)
    sender.close()
    try:
        assert receiver.poll(120), "a child hangs"
        results = receiver.recv()
    finally:
        process.kill()
    assert results.keys() == every_fitted.keys()
    for name, (positions, code) in results.items():
        np.testing.assert_array_equal(positions, every_fitted[name].transform(X))
        assert code == 0, name

"""Files that earlier versions have written stay readable, and mean the same."""

import json
from pathlib import Path

import numpy as np
import pytest

import paradime
from paradime.persistence import FORMAT_VERSION

HERE = Path(__file__).resolve().parent
RESULTS = sorted(HERE.glob("format-*/*.npz"))


def load(results):
    folder, file = results.with_suffix(""), results.with_suffix(".paradime")
    return paradime.load(file if file.exists() else folder)


@pytest.mark.parametrize("results", RESULTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_model_of_a_format_computes_what_it_did(results):
    routine = load(results)
    told = json.loads(results.with_suffix(".json").read_text())
    assert type(routine).__name__ == told.pop("class")
    assert {name: repr(routine.get_params()[name]) for name in told} == told
    with np.load(results) as expected:
        embedded = routine.transform(expected["rows"])
        # another machine rounds sums differently: single precision errs by 2e-7 of the map's extent here
        assert np.allclose(embedded, expected["embedding"], rtol=0, atol=5e-6 * np.ptp(expected["embedding"]))
        if "reconstruction" in expected:
            again = routine.inverse_transform(expected["embedding"])
            assert np.allclose(again, expected["reconstruction"], rtol=1e-5, atol=1e-5)
        if "prediction" in expected:
            found = routine.predict(expected["rows"])
            if found.dtype.kind == "f":
                assert np.allclose(found, expected["prediction"], rtol=1e-5, atol=1e-5)
            else:
                assert found.tolist() == expected["prediction"].tolist()


@pytest.mark.parametrize("results", RESULTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_model_of_a_format_trains_further(results):
    from sklearn.datasets import load_iris

    routine = load(results)
    data = {"main": load_iris().data}
    if routine._fitted.targets is not None:
        data["labels"] = (
            load_iris().target if routine._fitted.targets.kind == "classes" else np.float32(load_iris().data[:, 2])
        )
    before = routine.transform(data["main"])
    routine.train(data)
    after = routine.transform(data["main"])
    assert np.isfinite(after).all()
    assert not np.array_equal(before, after)


def test_every_format_has_its_files():
    for number in range(1, FORMAT_VERSION + 1):
        assert len(list((HERE / f"format-{number}").glob("*.npz"))) >= 3
    assert sum(file.stat().st_size for file in HERE.rglob("*") if file.is_file()) < 300_000

"""Models in other runtimes: the same results, for any number of rows, or nothing is written."""

import json
import sys

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch

import paradime
from paradime import ParametricMDS, ParametricTSNE, ParametricUMAP
from paradime.dr import ParametricDR
from paradime.exceptions import NotTrainedError, UnsupportedConfigurationError
from paradime.loss import ReconstructionLoss
from paradime.models import FullyConnected, Model, ModelRecipe


def run_onnx(path, rows):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: rows.astype(np.float32)})[0]


def run_torch(path, rows):
    with torch.no_grad():
        return torch.export.load(path).module()(torch.from_numpy(rows.astype(np.float32))).numpy()


def told_by_onnx(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def told_by_torch(path):
    files = {"paradime.json": ""}
    torch.export.load(path, extra_files=files)
    return json.loads(files["paradime.json"])


METADATA = {"export_onnx": told_by_onnx, "export_torch": told_by_torch}
RUNTIMES = {"onnx": ("export_onnx", run_onnx), "torch": ("export_torch", run_torch)}


@pytest.fixture(params=RUNTIMES)
def runtime(request):
    return RUNTIMES[request.param]


def close(found, expected):
    return np.abs(found - expected).max() <= 1e-5 * max(1, np.abs(expected).max())


@pytest.fixture(scope="module")
def whole(iris):
    """A small routine with all parts, of a data frame and named classes, as it is after loading."""
    frame = pd.DataFrame(1e4 + 10 * iris, columns=["a", "b", "c", "d"])  # what a scaling has to take away
    labels = np.repeat(["x", "y", "z"], 50)
    settings = {"hidden_dims": (6,), "network": "centers", "decoder": True, "classifier": True}
    return ParametricMDS(epochs=2, random_state=0, **settings).fit(frame, labels), frame


@pytest.mark.parametrize("part", ["embed", "decode", "classify"])
def test_parts_compute_what_the_routine_does_and_say_what_they_are(part, runtime, whole, tmp_path):
    export, run = runtime
    trained, frame = whole
    trained.save(tmp_path / "m.paradime")
    routine, path = paradime.load(tmp_path / "m.paradime"), tmp_path / "model"
    getattr(routine, export)(path, part=part)
    rows = trained.transform(frame) if part == "decode" else frame.to_numpy()
    expected = trained.apply(rows if part == "decode" else frame, part).numpy()
    for n in (1, 3, 150):
        assert close(run(path, rows[:n]), expected[:n])
    told = METADATA[export](path)
    assert json.loads(told["feature_names"]) == ["a", "b", "c", "d"]
    assert json.loads(told["classes"]) == ["x", "y", "z"]
    assert (told["paradime_routine"], told["paradime_part"]) == ("ParametricMDS", part)


class Attention(Model):
    """A module of a user's, with more than layers in a row."""

    def __init__(self):
        super().__init__()
        self.query, self.key = torch.nn.Linear(4, 8), torch.nn.Linear(4, 8)
        self.out = torch.nn.Linear(8, 2)
        self.register_buffer("scale", torch.tensor([1.0, 2.0]))

    def embed(self, X):
        weights = torch.softmax(self.query(X) * self.key(X) / 8**0.5, dim=1)
        return self.out(weights) * self.scale


@pytest.mark.parametrize(
    "model",
    [
        lambda: FullyConnected(4, 2, [6, 6], residual=True, normalization="batch", dropout=0.2),
        Attention,
    ],
    ids=["residual", "user's"],
)
def test_models_of_any_kind_leave(model, runtime, iris, tmp_path):
    export, run = runtime
    offset = 1e4 + 10 * iris  # what a scaling has to take away
    routine = ParametricMDS(model=model(), epochs=2, batch_size=50, random_state=0).fit(offset)
    getattr(routine, export)(tmp_path / "model.onnx")
    assert close(run(tmp_path / "model.onnx", offset), routine.transform(offset))


def test_refined_maps_leave_with_their_rows_and_networks_alone(digits, runtime, tmp_path):
    export, run = runtime
    X = digits[0]
    new = np.concatenate((X[:40] + X[40:80] / 9, 100 * X[:3]))
    trained = ParametricTSNE(refine=True, epochs=2, init_epochs=1, random_state=0).fit(X)
    trained.save(tmp_path / "m.paradime")
    routine, path = paradime.load(tmp_path / "m.paradime"), tmp_path / "model"
    getattr(routine, export)(path)
    assert METADATA[export](path)["paradime_refined"] == "true"
    expected = trained.transform(new)
    for n in (1, 2, 43):
        assert close(run(path, new[:n]), expected[:n])
    assert np.array_equal(run(path, X), trained.embedding_)
    getattr(routine, export)(path, refine=False)
    assert "paradime_refined" not in METADATA[export](path)
    assert close(run(path, new), trained.transform(new, refine=False))


def test_images_and_their_decoder_leave(digits, runtime, tmp_path):
    export, run = runtime
    images = digits[0].reshape(-1, 8, 8)
    recipe = ModelRecipe("conv", options={"channels": [3, 4], "hidden_dims": [10]}, decoder=True)
    routine = ParametricDR(model=recipe, losses=ReconstructionLoss(), random_state=0)
    routine.add_training_phase(epochs=1, batch_size=100)
    routine.train(images)
    getattr(routine, export)(tmp_path / "a")
    getattr(routine, export)(tmp_path / "b", part="decode")
    embedded = routine.transform(images)
    assert close(run(tmp_path / "a", images), embedded)
    assert close(run(tmp_path / "b", embedded), routine.inverse_transform(embedded))


def test_inputs_and_outputs_have_names_and_the_routine_stays_as_it_was(iris, tmp_path):
    mds = ParametricMDS(epochs=1, random_state=0).fit(iris)
    before, was_training = mds.transform(iris), mds.model.training
    mds.export_onnx(tmp_path / "model.onnx", opset=20)
    assert mds.model.training == was_training
    assert all(parameter.requires_grad for parameter in mds.model.parameters())
    assert np.array_equal(mds.transform(iris), before)
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model)
    assert [entry.name for entry in model.graph.input] == ["rows"]
    assert [entry.name for entry in model.graph.output] == ["embedding"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 0
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == 20


class Counting(Model):
    """Depends on the number of rows in a way that no graph can follow."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)

    def embed(self, X):
        return self.layer(X) * (2.0 if float(X.sum()) > 0 else 1.0)


def test_model_that_depends_on_values_is_refused_and_nothing_is_written(runtime, iris, tmp_path):
    routine = ParametricMDS(model=Counting(), epochs=1, batch_size=50, random_state=0).fit(iris)
    (tmp_path / "model").write_text("old")
    with pytest.raises(UnsupportedConfigurationError, match="'embed' of this Counting cannot be written"):
        getattr(routine, runtime[0])(tmp_path / "model")
    assert (tmp_path / "model").read_text() == "old"


def test_difference_beyond_the_tolerance_is_refused_and_nothing_is_written(runtime, mds, tmp_path):
    with pytest.raises(
        UnsupportedConfigurationError, match=r"differs from the model by .* more than tolerance=-1"
    ):
        getattr(mds, runtime[0])(tmp_path / "model", tolerance=-1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("part", "wanted"), [("decode", "decoder"), ("classify", "classifier")])
def test_part_that_is_not_there_is_refused(part, wanted, runtime, mds, tmp_path):
    with pytest.raises(UnsupportedConfigurationError, match=rf"Fit ParametricMDS\({wanted}=True\)"):
        getattr(mds, runtime[0])(tmp_path / "model", part=part)


def test_unknown_part_and_untrained_routine_are_refused(runtime, mds, tmp_path):
    with pytest.raises(ValueError, match=r"part must be one of 'embed', 'decode', 'classify', got 'encoder'"):
        getattr(mds, runtime[0])(tmp_path / "model", part="encoder")
    with pytest.raises(NotTrainedError, match="not trained yet"):
        getattr(ParametricUMAP(), runtime[0])(tmp_path / "model")


def test_folder_that_is_not_there_is_an_error_with_the_path(mds, tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        mds.export_torch(tmp_path / "nowhere" / "model")


@pytest.mark.parametrize("library", ["onnx", "onnxruntime", "onnxscript"])
def test_missing_library_is_named_with_those_beside_it(library, mds, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"needs {library}, .*: pip install onnx onnxruntime onnxscript$"):
        mds.export_onnx(tmp_path / "model.onnx")

"""Parameters as users have them: NumPy's numbers and arrays, and values that are refused."""

import copy
import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris

import paradime
from paradime import ParametricContrastive, ParametricMDS, ParametricUMAP, estimators
from paradime.dr import ParametricDR
from paradime.exceptions import SpecificationError
from paradime.loss import AnchorLoss
from paradime.training import Callback, ProgressBar, TrainingPhase

X, y = (values[::2] for values in load_iris(return_X_y=True))
X0 = X[:, :2] - X[:, :2].mean(axis=0)
PRESETS = [getattr(estimators, name) for name in estimators.__all__ if name.startswith("Parametric")]
SMALL = {"epochs": 3, "init_epochs": 2, "perplexity": 5.0, "n_neighbors": 8, "batch_size": 25, "random_state": 0}
FEW = {"epochs": 3, "init_epochs": 2, "random_state": 0}


def small(kind):
    return {name: value for name, value in SMALL.items() if name in inspect.signature(kind).parameters}


def in_numpy(value):
    """A parameter as NumPy has it; ``None`` if it has no such form."""
    if isinstance(value, (bool, int, str)):
        return np.array(value)[()]
    if isinstance(value, float):
        return np.float32(value)
    return np.array(value) if isinstance(value, (list, tuple)) else None


@pytest.mark.usefixtures("few_first_steps")
@pytest.mark.parametrize("kind", PRESETS)
class TestNumpyParameters:
    @pytest.fixture
    def plain(self, kind):
        """Parameters of a preset, each said, and exact in single precision."""
        rates = {"learning_rate": 0.125, "init_learning_rate": 0.125}
        initial = {"hidden_dims": [20, 10], "in_dim": 4, "initialization": "pca", **rates}
        said = {name: p.default for name, p in inspect.signature(kind).parameters.items() if p.default is not None}
        said |= {**small(kind), **initial, "clip_norm": 0.5, "device": "cpu", "min_dist": 0.125}
        known = inspect.signature(kind).parameters
        return {name: value for name, value in said.items() if name in known and in_numpy(value) is not None}

    def test_mean_what_plain_ones_mean(self, kind, plain, tmp_path):
        routine = kind(**{name: in_numpy(value) for name, value in plain.items()})
        assert clone(routine).to_spec() == routine.to_spec() == kind(**plain).to_spec()
        embedded = routine.fit_transform(X)
        np.testing.assert_array_equal(embedded, kind(**plain).fit_transform(X))
        assert repr(routine).startswith(kind.__name__)
        assert isinstance(routine.get_params()["hidden_dims"], np.ndarray)
        assert routine.to_spec() == kind(**plain).fit(X).to_spec()
        routine.save(tmp_path / "model")
        loaded = paradime.load(tmp_path / "model")
        np.testing.assert_array_equal(loaded.transform(X), embedded)
        assert loaded.to_spec() == routine.to_spec()

    def test_nested_options_may_be_of_numpy(self, kind, plain):
        decoder = {"hidden_dims": np.array([10]), "dropout": np.float32(0)}
        shares = {"reconstruction": np.float32(0.25)}
        if kind.__name__ == "ParametricAutoencoder":
            kind(epochs=1, decoder=decoder).fit(X)
        else:
            kind(**small(kind), decoder=decoder, loss_shares=shares).fit(X)

    def test_a_single_width_is_one_hidden_layer(self, kind, plain):
        wanted = kind(**small(kind), hidden_dims=[20]).to_spec()
        for width in (20, np.int64(20), (20,), np.array([20]), torch.tensor(20), range(20, 21), pd.Series([20])):
            assert kind(**small(kind), hidden_dims=width).to_spec() == wanted

    def test_no_schedule_is_the_usual_one(self, kind, plain):
        assert kind(**small(kind), schedule=None).to_spec() == kind(**small(kind)).to_spec()


@pytest.mark.parametrize("way", ["constructor", "set_params"])
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "hidden_dims",
            np.array([20.0, 10.0]),
            r"hidden_dims must be an integer or a list of .* or None, got array",
        ),
        ("hidden_dims", "20", r"hidden_dims must be .*, got '20'\. The default is"),
        ("hidden_dims", [20, 0], r"hidden_dims must be at least 1, got \[20, 0\]"),
        ("epochs", "5", r"epochs must be an integer or 'auto' or 'short', got '5'\. The default is"),
        ("epochs", -1, r"^epochs must be an integer of at least 0, or 'auto', or 'short', got -1"),
        ("n_components", 2.0, r"n_components must be an integer, got 2\.0\. The default is 2"),
        ("n_components", np.int64(0), r"^n_components must be at least 1, got 0"),
        ("in_dim", 0, r"in_dim must be at least 1, got 0\. The default is None"),
        ("in_dim", "4", r"in_dim must be an integer or None, got '4'"),
        ("learning_rate", "fast", r"learning_rate must be a number, got 'fast'"),
        ("learning_rate", np.float32(-1), r"^learning_rate must be a positive number, got -1"),
        ("n_neighbors", 2.5, r"n_neighbors must be an integer, got 2\.5"),
        ("n_neighbors", np.int64(1), r"^n_neighbors must be greater than 2 and finite, got 1"),
        ("activation", 3, r"activation must be one of .*'relu'.*, got 3\. The default is 'relu'"),
        ("network", "deep", r"network must be 'centers' or 'mlp', got 'deep'"),
        ("density", "yes", r"density must be True or False, got 'yes'"),
        ("verbose", "yes", r"verbose must be True or False, got 'yes'"),
        ("warm_start", None, r"warm_start must be True or False, got None"),
        ("decoder", 1, r"decoder must be True, False or a mapping, got 1"),
        ("loss_shares", 3, r"loss_shares must be a mapping or None, got 3"),
        ("clip_norm", "1", r"clip_norm must be a number or None, got '1'"),
        ("schedule", 3, r"schedule must be a string or a Schedule or None, got 3"),
        ("data_key", None, r"data_key must be a string, got None"),
        ("device", 1.5, r"device must be 'auto', 'cpu', 'cuda' or 'mps', got 1\.5"),
        ("random_state", -1, r"random_state must be an integer of at least 0, got -1"),
    ],
)
def test_wrong_parameters_are_refused_with_the_rule_and_the_value(name, value, message, way):
    routine = ParametricContrastive(**{name: value}) if way == "constructor" else ParametricContrastive()
    with pytest.raises(ValueError, match=message):
        routine.set_params(**{name: value}).fit(X)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("UMAP", {"init_epochs": -2}, r"^init_epochs must be an integer of at least 0"),
        ("UMAP", {"init_batch_size": 0}, r"^init_batch_size must be an integer of at least 1"),
        ("TSNE", {"init_learning_rate": -1.0}, r"^init_learning_rate must be a positive number"),
        ("TSNE", {"batch_size": 0}, r"^batch_size must be an integer of at least 1"),
        ("UMAP", {"negative_sampling_rate": -1}, r"^negative_sampling_rate must be at least 0, got -1"),
        ("LargeVis", {"gamma": -1.0}, r"^gamma must be positive and finite, got -1\.0\. The default is 7\.0"),
        ("PaCMAP", {"mn_ratio": np.nan}, r"^mn_ratio must be positive and finite, got nan"),
        ("PaCMAP", {"n_neighbors": 0}, r"^n_neighbors must be an integer of at least 1, got 0"),
        ("UMAP", {"metric": 3}, r"^metric must be a string or a function, got 3"),
        (
            "MDS",
            {"initialization": "spectral"},
            r"needs neighbours, and ParametricMDS looks for none\. Pass 'pca'",
        ),
        ("MDS", {"decoder": {"dropout": "a"}}, r"^decoder\.dropout must be a number, got 'a'"),
        ("MDS", {"decoder": {"type": "foo"}}, r"^decoder: unknown decoder 'foo'"),
        ("MDS", {"classifier": {"n_classes": "3"}}, r"^classifier\.n_classes must be an integer of at least 1"),
        (
            "MDS",
            {"loss_shares": {"densty": 0.1}, "density": True},
            r"no component 'densty'\. Did you mean 'density'",
        ),
    ],
)
def test_a_refused_value_is_called_by_its_parameter_before_there_are_data(name, settings, message):
    with pytest.raises(ValueError, match=message):
        _ = getattr(paradime, f"Parametric{name}")(**settings).losses


def test_spectral_positions_are_there_where_density_looks_for_neighbours():
    routine = ParametricMDS(**FEW, initialization="spectral", density=True).fit(X)
    assert np.isfinite(routine.transform(X)).all()


def test_stress_takes_a_function_as_its_metric():
    def by_columns(a, b):
        return (a - b).abs().sum(dim=-1)

    settings = {**FEW, "initialization": None}
    np.testing.assert_allclose(
        ParametricMDS(metric=by_columns, **settings).fit_transform(X),
        ParametricMDS(metric="manhattan", **settings).fit_transform(X),
        atol=1e-3,
    )


@pytest.mark.parametrize("widths", [torch.tensor([20, 10]), range(20, 9, -10), pd.Series([20, 10])], ids=type)
def test_any_sequence_of_integers_gives_widths_that_are_saved(widths, tmp_path):
    routine = ParametricMDS(hidden_dims=widths, epochs=1, random_state=0).fit(X)
    assert routine.get_params()["hidden_dims"] is widths
    routine.save(tmp_path / "model")
    loaded = paradime.load(tmp_path / "model")
    assert loaded.to_spec() == routine.to_spec()
    assert "hidden_dims: [20, 10]" in loaded.to_spec()
    assert clone(loaded).to_spec() == routine.to_spec()


@pytest.mark.parametrize("way", [clone, copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
class TestTensorsOfAnAutogradGraph:
    def test_positions_have_a_copy(self, way):
        graph = 2 * torch.ones(len(X), 2, requires_grad=True)
        routine = ParametricMDS(initialization=graph, **FEW)
        assert routine.get_params()["initialization"] is graph
        copied = way(routine).get_params()["initialization"]
        assert torch.equal(copied, graph.detach())
        assert not copied.requires_grad

    def test_neighbours_and_centers_have_a_copy(self, way):
        rows = 2 * torch.tensor(X[:20], requires_grad=True)
        dists, indices = (rows[:, None] - rows).square().sum(dim=2).topk(5, largest=False)
        given = way(ParametricContrastive(n_neighbors=4, precomputed_knn=(indices, dists), epochs=1))
        assert not given.precomputed_knn[1].requires_grad
        held = ParametricDR(losses={"held": AnchorLoss(rows, rows[:, :2])})
        assert not way(held).losses["held"].positions.requires_grad


def test_composed_routines_take_numpy_parameters_and_refuse_wrong_ones():
    taken = ParametricDR(in_dim=np.int64(4), out_dim=np.int64(3), hidden_dims=np.array([20, 10]))
    assert taken.model(torch.ones(2, 4)).shape == (2, 3)
    assert ParametricDR(in_dim=4, hidden_dims=20).model.hidden_dims == [20]
    with pytest.raises(ValueError, match=r"hidden_dims must be an integer or a list .*, got 'x'"):
        _ = ParametricDR(hidden_dims="x").losses


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": "0.1"}, r"learning_rate must be a positive number, got '0\.1'"),
        ({"clip_norm": "1"}, r"clip_norm must be a positive number or None, got '1'"),
        ({"loss_shares": 0.5}, r"loss_shares must be a dict .*, got 0\.5\. Pass such as \{'loss': 0\.5\}"),
        ({"epochs": np.float64(2.5)}, r"epochs must be an integer of at least 0, or 'auto', or 'short', got 2\.5"),
    ],
)
def test_wrong_settings_of_a_phase_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TrainingPhase(**settings)


def test_a_phase_takes_numpy_settings_and_no_schedule():
    said = {"epochs": np.int64(2), "batch_size": np.int32(20), "learning_rate": np.float64(0.5), "schedule": None}
    phase = TrainingPhase(**said, clip_norm=np.float64(1), loss_weights=np.array([1.0]), compile=np.False_)
    plain = TrainingPhase(epochs=2, batch_size=20, learning_rate=0.5, clip_norm=1.0, loss_weights=[1.0])
    assert phase.settings() == plain.settings()
    assert type(phase.learning_rate) is float


def test_a_specification_takes_numpy_numbers_and_arrays():
    spec = ParametricUMAP(epochs=1).to_spec(format="dict")
    spec["training phases"][-1]["sampling"]["options"]["batch_size"] = np.int64(50)
    spec["model"]["options"]["hidden_dims"] = np.array([20, 10])
    spec["training phases"][-1]["loss"]["weights"] = np.array([2.0])
    routine = ParametricDR.from_spec(spec, random_state=0)
    assert "hidden_dims: [20, 10]" in routine.to_spec()
    spec["model"]["options"]["hidden_dims"] = np.array([0.5])
    with pytest.raises(SpecificationError, match=r"model\.options\.hidden_dims: must be .* a list of integers"):
        ParametricDR.from_spec(spec)


class TestSeeds:
    @pytest.mark.parametrize("seed", [0, 3])
    def test_beyond_32_bits_are_not_equal_modulo_them(self, seed):
        first, second, third = (
            ParametricMDS(**FEW).set_params(random_state=seed + k * 2**32).fit_transform(X) for k in (0, 1, 2)
        )
        assert not np.array_equal(first, second)
        assert not np.array_equal(second, third)

    @pytest.mark.parametrize("seed", [2**32 + 1, 2**64, 10**30, np.uint64(2**63)])
    def test_of_any_size_are_reproducible(self, seed):
        routine = ParametricMDS(**{**FEW, "random_state": seed})
        np.testing.assert_array_equal(routine.fit_transform(X), clone(routine).fit_transform(X))


class TestInitialization:
    @pytest.mark.parametrize("method", ["fit", "train"])
    @pytest.mark.parametrize("kind", PRESETS)
    def test_positions_are_taught(self, kind, method):
        routine = kind(**{**small(kind), "init_epochs": 8}, initialization=X0)
        getattr(routine, method)(X)
        named = kind(**{**small(kind), "init_epochs": 8}, initialization="places")
        getattr(named, method)({"main": X, "places": X0})
        np.testing.assert_array_equal(routine.transform(X), named.transform(X))
        losses = [record["loss"] for record in named.history_ if record["phase"] == "places_init"]
        assert losses[-1] < losses[0]

    @pytest.mark.parametrize("container", [list, torch.tensor, np.asfortranarray])
    def test_positions_may_lie_in_any_container(self, container):
        given = container(X0.tolist() if container is list else X0)
        embedded = ParametricMDS(**FEW, initialization=given).fit_transform(X)
        np.testing.assert_array_equal(embedded, ParametricMDS(**FEW, initialization=X0).fit_transform(X))

    def test_positions_leave_the_life_of_a_routine_as_it_is(self, tmp_path):
        routine = ParametricUMAP(**FEW, n_neighbors=8, initialization=X0)
        spec, copied = routine.to_spec(), clone(routine)
        embedded = routine.fit_transform(X)
        routine.save(tmp_path / "model")
        loaded = paradime.load(tmp_path / "model")
        np.testing.assert_array_equal(loaded.transform(X), embedded)
        assert isinstance(loaded.initialization, str)  # positions are data, which are not saved
        np.testing.assert_array_equal(copied.fit(X).transform(X), embedded)
        composed = ParametricDR.from_spec(spec, random_state=0).fit({"main": X, "initial_positions": X0})
        np.testing.assert_array_equal(composed.transform(X), embedded)

    @pytest.mark.parametrize("given", [X0, "places"], ids=["array", "key"])
    def test_training_goes_on_without_positions(self, given):
        data = X if given is X0 else {"main": X, "places": X0}
        routine = ParametricMDS(**FEW, initialization=given).fit(data)
        routine.partial_fit(X[:20], epochs=1).update(X[20:], epochs=1)
        routine.set_params(warm_start=True).fit(data)

    @pytest.mark.parametrize("given", [X0, "places"], ids=["array", "key"])
    def test_held_out_rows_need_no_positions(self, given):
        data = X if given is X0 else {"main": X, "places": X0}
        routine = ParametricMDS(**FEW, initialization=given).fit(data, validation_data=X[:20])
        assert np.isfinite([record["validation_loss"] for record in routine.history_]).all()
        ParametricMDS(**FEW, initialization=given, validation_fraction=0.2).fit(data)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (
                X0[:5],
                r"initialization must hold a position of 2 coordinates for each of the 75 rows.*got \(5, 2\)",
            ),
            (X[:, :3], r"initialization must hold .*shape \(75, 2\), got \(75, 3\)"),
            (X0 * np.nan, r"initialization contains NaN"),
            ("pcaa", r"initialization must be 'pca', .* got 'pcaa'\. Did you mean 'pca'\?"),
            ("main", r"the entry 'main', which initialization names, must hold .* got \(75, 4\)"),
        ],
    )
    def test_what_are_no_positions_is_refused_and_what_was_learned_stays(self, given, message):
        routine = ParametricMDS(**FEW).fit(X)
        embedded = routine.transform(X)
        with pytest.raises(ValueError, match=message):
            routine.set_params(initialization=given).fit(X)
        np.testing.assert_array_equal(routine.transform(X), embedded)
        with pytest.raises(ValueError, match=message):
            ParametricMDS(**FEW, initialization=given).train(X)


class Silent(Callback):
    """Does nothing."""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, r"must be a list of callbacks, got 3\. Pass a list of instances"),
        (print, r"must be a list of callbacks, got <built-in function print>"),
        ([3], r"got an int among them\. Subclass paradime\.training\.Callback"),
        ([print], r"got a builtin_function_or_method among them\. Subclass paradime\.training\.Callback"),
        ([ProgressBar], r"got the class ProgressBar among them\. Pass an instance: ProgressBar\(\)"),
        (Silent(), r"got a single Silent\. Put it into a list: callbacks=\[…\]"),
        ("progress", r"must be a list of callbacks, got 'progress'"),
    ],
)
class TestCallbacksOfAWrongKind:
    def test_of_a_routine_are_refused_before_anything_is_learned(self, given, message):
        routine = ParametricMDS(**FEW).fit(X)
        embedded = routine.transform(X)
        with pytest.raises(TypeError, match=message):
            routine.set_params(callbacks=given).fit(X)
        np.testing.assert_array_equal(routine.transform(X), embedded)

    @pytest.mark.parametrize("method", ["fit", "train", "partial_fit", "update"])
    def test_of_a_call_are_refused(self, given, message, method):
        routine = ParametricMDS(**FEW).fit(X)
        with pytest.raises(TypeError, match=message):
            getattr(routine, method)(X, callbacks=given)

    def test_of_a_phase_are_refused(self, given, message):
        with pytest.raises(TypeError, match=message):
            TrainingPhase(callbacks=given)

"""Callbacks that show the embedding while it is learned: snapshots, live plot, TensorBoard."""

import sys
import types

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

from paradime import ParametricAutoencoder, ParametricMDS
from paradime._registry import CALLBACKS
from paradime.training import Callback, EarlyStopping, LivePlot, Snapshots, TensorBoard, TrainingPhase
from paradime.training.snapshots import frame_epochs

pytestmark = pytest.mark.needs("matplotlib")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X = (X[:, X.std(axis=0) > 0] / 16).astype(np.float32)
    return X[:200], y[:200]


@pytest.fixture
def mds():
    return ParametricMDS(epochs=6, batch_size=100, random_state=0, initialization=None)


class Fail(Callback):
    def on_epoch_end(self, state):
        if state.epoch == 2:
            raise RuntimeError("failed")


# -- snapshots ----------------------------------------------------------------------------------------


def test_last_frame_is_the_embedding_and_the_first_that_of_the_initial_weights(mds, digits):
    X, _ = digits
    snapshots = Snapshots(X[:30])
    before = []

    class First(Callback):
        def on_train_begin(self, state):
            state.model.eval()
            before.append(state.model(state.dataset["main"][:30]).detach().numpy())

    mds.fit(X, callbacks=[snapshots, First()])
    assert snapshots.epochs == [0, 1, 2, 3, 4, 5, 6]
    assert snapshots.frames.shape == (7, 30, 2)
    assert np.allclose(snapshots.frames[-1], mds.transform(X[:30]), atol=1e-5)
    assert np.allclose(snapshots.frames[0], before[0], atol=1e-5)
    assert len({frame.tobytes() for frame in snapshots.frames}) == 7
    assert snapshots.indices is None


def test_drawn_rows_are_rows_of_the_training(mds, digits):
    X, _ = digits
    snapshots = Snapshots(50, every=4)
    mds.fit(X, callbacks=[snapshots])
    assert snapshots.epochs == [0, 4, 6]
    assert len(set(snapshots.indices.tolist())) == 50
    assert np.allclose(snapshots.frames[-1], mds.transform(X[snapshots.indices]), atol=1e-5)
    # another training starts afresh
    mds.fit(X[:40], callbacks=[snapshots])
    assert snapshots.frames.shape == (3, 40, 2)


@pytest.mark.parametrize("make", [lambda folder: Snapshots(50), lambda folder: LivePlot(str(folder / "a.png"))])
def test_training_does_not_notice_that_somebody_looks(make, mds, digits, tmp_path):
    X, _ = digits
    alone = clone(mds).fit(X).transform(X)
    assert np.array_equal(mds.fit(X, callbacks=[make(tmp_path)]).transform(X), alone)


def test_last_frame_has_the_best_weights(digits):
    X, _ = digits
    snapshots = Snapshots(20)
    # a loss cannot fall by nine tenths of its size every fifth epoch for long
    stopping = EarlyStopping(patience=5, min_delta=0.9, monitor="validation_loss", restore_best=True)
    routine = ParametricAutoencoder(
        epochs=80, batch_size=40, hidden_dims=[200, 200], network="mlp", random_state=0, initialization=None,
        schedule="constant", early_stopping=stopping,
    ).fit(X[:40], validation_data=X[40:], callbacks=[snapshots])  # fmt: skip
    assert snapshots.epochs[-1] == len(routine.history_) < 80
    np.testing.assert_allclose(
        snapshots.frames[-1], routine.transform(X[:40][snapshots.indices]), rtol=1e-5, atol=1e-5
    )


def test_frames_of_a_training_that_failed_are_kept(mds, digits):
    snapshots = Snapshots(20)
    with pytest.raises(RuntimeError, match="failed"):
        mds.fit(digits[0], callbacks=[snapshots, Fail()])
    assert snapshots.epochs == [0, 1, 2, 3]
    assert np.isfinite(snapshots.frames).all()


def test_epochs_of_frames_are_in_geometric_progression():
    epochs = frame_epochs(1000, n_frames=20)
    assert (epochs[0], epochs[1], epochs[-1]) == (0, 1, 1000)
    assert len(epochs) <= 20
    ratios = np.diff(np.log(epochs[8:]))
    assert ratios.std() < 0.1 * ratios.mean()
    assert frame_epochs(3, n_frames=20) == [0, 1, 2, 3]
    assert frame_epochs(5, n_frames=2) == [0, 5]


@pytest.mark.parametrize(
    "settings", [{"rows": 0}, {"n_frames": 1}, {"every": 0}, {"every": 1.5}, {"n_frames": True}]
)
def test_snapshots_out_of_range_are_refused(settings):
    name, value = next(iter(settings.items()))
    with pytest.raises(ValueError, match=f"{name} must be an integer.*{value}"):
        Snapshots(**settings)


def test_snapshots_of_other_rows_are_refused_when_training_begins(mds, digits):
    with pytest.raises(ValueError, match="NaN"):
        mds.fit(digits[0], callbacks=[Snapshots(np.full((3, 61), np.nan))])


def test_names_in_the_grammar():
    assert {name: CALLBACKS[name] for name in ("snapshots", "live plot", "tensorboard")} == {
        "snapshots": Snapshots,
        "live plot": LivePlot,
        "tensorboard": TensorBoard,
    }


# -- live plot ------------------------------------------------------------------------------------------


def test_image_is_written_anew_every_few_epochs(mds, digits, tmp_path):
    X, y = digits
    path, seen = tmp_path / "training.png", []

    class Look(Callback):
        def on_epoch_end(self, state):
            seen.append(path.read_bytes())

    plot = LivePlot(str(path), every=3)
    mds.set_params(validation_fraction=0.2).fit(X, y, callbacks=[plot, Look()])
    assert all(image.startswith(b"\x89PNG") for image in seen)
    assert seen[0] == seen[1] == seen[2] != seen[3]
    assert path.read_bytes() != seen[-1]  # the end
    assert [p.name for p in tmp_path.iterdir()] == ["training.png"]
    losses, embedding = plot.figure.axes
    assert [len(line.get_xdata()) for line in losses.get_lines()] == [6, 6]
    assert sum(len(part.get_offsets()) for part in embedding.collections) == 160


def test_figure_stays_in_its_place_in_a_notebook(mds, digits, monkeypatch):
    shown = []

    class Handle:
        def update(self, figure):
            shown.append("again")

    def display(figure, display_id):
        shown.append("first")
        return Handle()

    # matplotlib reads the version when the first canvas of a process is made
    ipython = types.SimpleNamespace(
        get_ipython=lambda: types.SimpleNamespace(kernel=object()), version_info=(8, 24, 0)
    )
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    mds.fit(digits[0], callbacks=[LivePlot(every=2)])
    assert shown == ["first", "again", "again", "again"]


def test_window_is_drawn_without_leaving_another_figure(mds, digits):
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    before = dict(mpl.rcParams)
    plot = LivePlot(every=5)
    mds.fit(digits[0], callbacks=[plot])
    assert plot.figure.number in plt.get_fignums()
    plt.close(plot.figure)
    assert dict(mpl.rcParams) == before


def test_a_folder_that_is_missing_is_named(mds, digits, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        mds.fit(digits[0], callbacks=[LivePlot(str(tmp_path / "nowhere" / "a.png"))])


def test_live_plot_works_in_a_phase_and_a_text(digits, tmp_path):
    phase = TrainingPhase(callbacks=[LivePlot(str(tmp_path / "a.png"), every=2)])
    assert phase.callbacks[0].every == 2
    with pytest.raises(ValueError, match="every must be an integer of at least 1, got 0"):
        LivePlot(every=0)


def test_missing_matplotlib_is_named(mds, digits, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"needs matplotlib, .*: pip install matplotlib datashader pandas$"):
        mds.fit(digits[0], callbacks=[LivePlot(str(tmp_path / "a.png"))])


# -- TensorBoard ----------------------------------------------------------------------------------------


def test_tensorboard_reads_the_history(digits, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    X, y = digits
    board = TensorBoard(str(tmp_path), embedding_every=2)
    routine = ParametricMDS(
        epochs=3, batch_size=100, random_state=0, decoder=True, initialization=None, validation_fraction=0.2
    ).fit(X, y, callbacks=[board])
    read = EventAccumulator(str(tmp_path), size_guidance={"images": 0}).Reload()
    expected = {
        "loss/total": [r["loss"] for r in routine.history_],
        "loss/reconstruction": [r["losses"]["reconstruction"] for r in routine.history_],
        "weight/reconstruction": [r["weights"]["reconstruction"] for r in routine.history_],
        "validation_loss/total": [r["validation_loss"] for r in routine.history_],
        "validation_quality": [r["validation_quality"] for r in routine.history_],
        "learning_rate": [r["learning_rate"] for r in routine.history_],
    }
    for tag, values in expected.items():
        events = read.Scalars(tag)
        assert [event.step for event in events] == [1, 2, 3]
        assert [event.value for event in events] == pytest.approx(values, rel=1e-5)
    assert [event.step for event in read.Images("embedding")] == [1, 3]


def test_tensorboard_closes_its_file_when_training_fails(mds, digits, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with pytest.raises(RuntimeError, match="failed"):
        mds.fit(digits[0], callbacks=[TensorBoard(str(tmp_path)), Fail()])
    assert len(EventAccumulator(str(tmp_path)).Reload().Scalars("loss/total")) == 3


def test_missing_tensorboard_is_named(mds, digits, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ImportError, match=r"needs tensorboard, .*: pip install tensorboard$"):
        mds.fit(digits[0], callbacks=[TensorBoard()])

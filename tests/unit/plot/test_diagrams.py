"""Losses, importance, distances and neighbours: lines and bars hold the numbers that were given."""

import numpy as np
import pytest
import scipy.sparse
import scipy.stats
import torch
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from paradime import ParametricMDS, ParametricTSNE, plot

WINE = load_wine()
X = StandardScaler().fit_transform(WINE.data)
Y = PCA(2).fit_transform(X)


@pytest.fixture(scope="module")
def routine():
    return ParametricTSNE(
        refine=False, epochs=3, init_epochs=2, hidden_dims=[20], batch_size=100, random_state=0, structure=True
    ).fit(X)


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def lines(ax, gid):
    return [line.get_ydata() for line in ax.lines if line.get_gid() == gid]


# --- losses


def test_losses_of_all_phases_and_components_are_drawn_with_their_names(ax, routine):
    plot.losses(routine, ax=ax)
    init, main = routine.training_phases
    for drawn, phase in zip(lines(ax, "loss"), (init, main), strict=True):
        np.testing.assert_allclose(drawn, phase.loss.history)
    for key, history in zip(main.loss_keys, main.loss.detailed_history(), strict=True):
        np.testing.assert_allclose(lines(ax, f"part:{key}")[0], history)
    shown = " ".join(texts(ax))
    assert all(key in shown for key in main.loss_keys)
    assert {text.get_text() for text in ax.texts} == {init.name, main.name}
    places = [line.get_xdata() for line in ax.lines if line.get_gid() == "loss"]
    assert places[0].max() + 1 == places[1].min()  # phases follow one another


def test_one_phase_can_be_chosen_and_components_left_out(ax, routine):
    plot.losses(routine, phases="embedding", components=False, ax=ax)
    assert len(ax.lines) == 1
    np.testing.assert_allclose(ax.lines[0].get_ydata(), routine.training_phases[1].loss.history)
    assert ax.get_legend() is None


def test_records_of_epochs_show_weights_and_held_out_rows(ax):
    records = [
        {
            "phase": "main",
            "epoch": i,
            "loss": 3.0 - i,
            "losses": {"a": 2.0 - i / 2, "b": 1.0 - i / 2},
            "weights": {"a": 1.0, "b": 0.5 + i},
            "validation_loss": None if i == 0 else 4.0 - i,
        }
        for i in range(3)
    ]
    plot.losses(records, ax=ax)
    assert texts(ax) == ["sum", "a", "b (weight 0.5 to 2.5)", "held-out rows"]
    np.testing.assert_allclose(lines(ax, "validation")[0], [3.0, 2.0])
    (line,) = (line for line in ax.lines if line.get_gid() == "validation")
    assert line.get_xdata().tolist() == [2, 3]
    assert line.is_dashed()


@pytest.mark.parametrize(
    ("history", "scale"), [([100.0, 1.0], "log"), ([2.0, 1.0], "linear"), ([100.0, -1.0], "linear")]
)
def test_axis_is_logarithmic_where_small_losses_would_vanish(ax, history, scale):
    plot.losses(history, ax=ax)
    assert ax.get_yscale() == scale


def test_curves_by_name_have_a_line_each(ax):
    plot.losses({"seed 0": [3.0, 2.0], "seed 1": [4.0, 1.0]}, ax=ax)
    assert texts(ax) == ["seed 0", "seed 1"]
    assert len(ax.lines) == 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda r: plot.losses([]), ValueError, "no epoch"),
        (lambda r: plot.losses(ParametricMDS()), ValueError, "no epoch to draw. Train"),
        (lambda r: plot.losses(3), TypeError, "got int"),
        (lambda r: plot.losses(["a"]), TypeError, "one number per epoch"),
        (lambda r: plot.losses([1.0, -1.0], log=True), ValueError, "losses > 0, got -1"),
        (lambda r: plot.losses({"a": [1.0], "b": [1.0, 2.0]}), ValueError, "got lengths"),
        (lambda r: plot.losses(r, phases=["embeding"]), ValueError, "Did you mean 'embedding'"),
        (lambda r: plot.losses(r, theme="red"), ValueError, "got 'red'"),
    ],
)
def test_what_is_no_history_is_refused(routine, call, error, message):
    with pytest.raises(error, match=message):
        call(routine)


# --- importance


class Result:
    values = torch.tensor([[0.1, 0.3], [-0.9, 0.2], [0.4, -0.5]])
    names = ("age", "height", "weight")


def widths(ax):
    return [[bar.get_width() for bar in container] for container in ax.containers]


def test_largest_bars_stand_on_top_with_a_series_an_axis(ax):
    plot.importance(Result(), top=2, ax=ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["height", "weight"]
    assert widths(ax) == [pytest.approx([-0.9, 0.4]), pytest.approx([0.2, -0.5])]
    assert texts(ax) == ["x-axis", "y-axis"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert "1 less important" in ax.get_xlabel()


def test_magnitudes_shares_and_the_given_order(ax):
    plot.importance(Result(), signed=False, as_share=True, sort=False, highlight="age", ax=ax)
    values = np.abs(Result.values.numpy())
    np.testing.assert_allclose(np.transpose(widths(ax)), values / values.sum(axis=0), rtol=1e-6)
    labels = ax.get_yticklabels()
    assert [label.get_text() for label in labels] == list(Result.names)
    assert [label.get_fontweight() for label in labels] == ["bold", "normal", "normal"]


def test_series_can_be_named_and_coloured(ax):
    plot.importance([[1.0, 2.0]], ["a"], series=["unguided", "guided"], colors=["red", "blue"], ax=ax)
    assert texts(ax) == ["unguided", "guided"]
    assert [container[0].get_facecolor()[:3] for container in ax.containers] == [(1, 0, 0), (0, 0, 1)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.importance([1.0, np.nan]), "NaN or infinity, first for feature 1"),
        (lambda: plot.importance([1.0], ["a", "b"]), "got 2 for 1 features"),
        (lambda: plot.importance([[1.0, 2.0]], series=["a"]), "got 1 for 2"),
        (lambda: plot.importance([1.0], top=0), "top must be an integer of at least 1, got 0"),
        (lambda: plot.importance(np.ones((2, 2, 2))), r"got \(2, 2, 2\)"),
        (lambda: plot.importance([1.0], ["a"], highlight="b"), "name of a feature, got 'b'"),
    ],
)
def test_importance_that_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- distances and neighbours


def test_shepard_diagram_tells_the_correlations_of_all_distances(ax):
    plot.shepard(X, Y, ax=ax)
    from scipy.spatial.distance import pdist

    rank = scipy.stats.spearmanr(pdist(X), pdist(Y)).statistic
    linear = np.corrcoef(pdist(X), pdist(Y))[0, 1]
    shown = [float(word.rstrip(",")) for word in ax.get_title().split() if word[0].isdigit()]
    assert shown == pytest.approx([rank, linear], abs=0.02)
    counts = ax.collections[0].get_array()
    assert counts.sum() == 50_000
    median = next(line for line in ax.lines if line.get_label() == "median")
    assert np.corrcoef(median.get_xdata(), median.get_ydata())[0, 1] > 0.95


def test_pairs_repeat_with_the_seed_and_sparse_data_equal_dense_ones(ax):
    for data, seed in ((X, 0), (scipy.sparse.csr_array(X), 0), (X, 1)):
        plot.shepard(data, Y, n_pairs=500, random_state=seed, ax=ax)
    first, sparse, other = (line.get_ydata() for line in ax.lines if line.get_label() == "median")
    np.testing.assert_allclose(first, sparse)
    assert not np.allclose(first, other)


def test_shepard_diagram_of_points_at_one_place_is_drawn(ax):
    plot.shepard(X, np.zeros((len(X), 2)), n_pairs=100, ax=ax)
    ax.figure.draw_without_rendering()
    assert "0.00" in ax.get_title()


def test_quality_curves_are_drawn_on_a_logarithmic_axis_with_their_areas(ax):
    class Curve:
        k = np.array([1, 10, 100])
        rescaled = np.array([0.9, 0.5, 0.1])

    plot.quality({"map": Curve(), "chance": [0.0, 0.0]}, ax=ax)
    assert ax.get_xscale() == "log"
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [1, 10, 100])
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [0.9, 0.5, 0.1])
    area = np.average([0.9, 0.5, 0.1], weights=[1, 0.1, 0.01])
    assert texts(ax) == [f"map (area {area:.2f})", "chance (area 0.00)"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.shepard(X, Y[:5]), "got 178 and 5 rows"),
        (lambda: plot.shepard(X[:2], Y[:2]), "at least 3"),
        (lambda: plot.shepard(X, Y, n_pairs=0), "n_pairs must be an integer of at least 10, got 0"),
        (lambda: plot.shepard(np.full_like(X, np.nan), Y), "X must be finite"),
        (lambda: plot.quality([0.5, np.nan]), "curve must be finite"),
        (lambda: plot.quality({}), "without entries"),
        (lambda: plot.quality({"a": [[0.5]]}), r"curve 'a' must be finite numbers.*\(1, 1\)"),
    ],
)
def test_diagrams_refuse_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_importance_is_drawn_on_axes_that_share_their_names():
    import matplotlib.pyplot as plt

    values = np.array([[0.5, 0.1], [0.2, 0.3], [0.3, 0.6]])
    figure, axes = plt.subplots(1, 2, sharey=True, sharex=True)
    for i, ax in enumerate(axes):
        plot.importance(values[:, i], ["a", "b", "c"], sort=False, highlight="b", ax=ax)
    bold = [label.get_text() for label in axes[0].get_yticklabels() if label.get_fontweight() == "bold"]
    assert bold == ["b"]
    assert [bar.get_width() for bar in axes[1].patches] == pytest.approx(values[:, 1])
    plt.close(figure)


def test_features_without_names_are_called_as_everywhere(ax):
    plot.importance([0.2, 0.5], ax=ax)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["x1", "x0"]

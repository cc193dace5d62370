"""Maps of embeddings: what is drawn, in which colours, and what is told about it."""

import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA

from paradime import plot
from paradime.plot._theme import THEMES

DIGITS = load_digits()
Y, LABELS = PCA(2, random_state=0).fit_transform(DIGITS.data), DIGITS.target
PALETTE = plot.palette(10)


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def legend_colors(ax):
    return [to_hex(handle.get_color()) for handle in ax.get_legend().legend_handles]


def colors_by_row(ax, positions):
    """Returns the colour of each row, whatever the order of drawing."""
    ax.figure.draw_without_rendering()
    drawn = ax.collections[0]
    colors = np.broadcast_to(drawn.get_facecolors(), (len(positions), 4))
    found = {
        tuple(place): to_hex(color) for place, color in zip(drawn.get_offsets().tolist(), colors, strict=True)
    }
    return [found[tuple(place)] for place in np.asarray(positions, dtype=float).tolist()]


# --- classes


def test_each_class_has_its_colour_on_the_map_and_in_the_sorted_legend(ax):
    assert plot.embedding(Y, labels=LABELS, ax=ax) is ax
    assert colors_by_row(ax, Y) == [PALETTE[label] for label in LABELS]
    assert texts(ax) == [str(digit) for digit in range(10)]
    assert legend_colors(ax) == PALETTE


def test_points_are_drawn_in_an_order_that_mixes_classes_and_repeats_with_the_seed(ax):
    order = np.argsort(LABELS, kind="stable")
    for seed in (0, 0, 1):
        plot.embedding(Y[order], labels=LABELS[order], random_state=seed, ax=ax)
    first, again, other = (collection.get_offsets() for collection in ax.collections)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    by_place = {tuple(place): label for place, label in zip(Y.tolist(), LABELS, strict=True)}
    drawn = np.array([by_place[tuple(place)] for place in first.tolist()])
    # neighbours in the order of drawing are of one class about one time in ten
    assert (drawn[1:] == drawn[:-1]).mean() < 0.15


@pytest.mark.parametrize(
    "labels",
    [
        np.array([2, -1, 0, 2]),
        ["c", None, "a", "c"],
        np.array(["c", np.nan, "a", "c"], dtype=object),
        pd.Series(["c", pd.NA, "a", "c"], dtype="string"),
        pl.Series(["c", None, "a", "c"]),
        torch.tensor([2, -1, 0, 2]),
    ],
    ids=["integers", "None", "NaN", "pandas", "polars", "tensor"],
)
def test_unlabelled_points_are_grey_below_others_and_last_in_the_legend(ax, labels):
    positions = np.arange(8.0).reshape(4, 2)
    plot.embedding(positions, labels=labels, ax=ax)
    muted = THEMES["light"].muted
    assert colors_by_row(ax, positions) == [PALETTE[1], muted, PALETTE[0], PALETTE[1]]
    assert ax.collections[0].get_offsets()[0].tolist() == [2.0, 3.0]
    assert texts(ax)[-1] == "unlabelled"
    assert len(texts(ax)) == 3
    assert legend_colors(ax)[-1] == muted


def test_ordered_categories_keep_their_order(ax):
    sizes = pd.Series(pd.Categorical(["small", "large", "medium"], ["small", "medium", "large"], ordered=True))
    plot.embedding(Y[:3], labels=sizes, ax=ax)
    assert texts(ax) == ["small", "medium", "large"]


@pytest.mark.parametrize("names", [["setosa", "versicolor", "virginica"], {0: "setosa", 1: "versicolor"}])
def test_names_of_classes_come_in_their_order_or_by_class(ax, names):
    iris = load_iris()
    plot.embedding(iris.data[:, :2], labels=iris.target, names=names, ax=ax)
    assert texts(ax) == ["setosa", "versicolor", "virginica" if isinstance(names, list) else "2"]


def test_names_of_classes_that_are_not_shown_are_skipped(ax):
    plot.embedding(Y[:2], labels=[0, 2], names=["zero", "one", "two"], ax=ax)
    assert texts(ax) == ["zero", "two"]


def test_long_names_are_shortened_in_the_middle(ax):
    plot.embedding(Y[:2], labels=["Cathedral family, Rock outcrop, extremely stony", "b"], ax=ax)
    assert texts(ax)[0].startswith("Cathedral")
    assert texts(ax)[0].endswith("stony")
    assert len(texts(ax)[0]) <= 30


def test_forty_classes_have_forty_entries_in_columns_that_fit():
    ax = plot.embedding(Y, labels=np.arange(len(Y)) % 40)
    ax.figure.draw_without_rendering()
    legend, figure = ax.get_legend(), ax.figure.bbox
    assert len(texts(ax)) == len(set(legend_colors(ax))) == 40
    box = legend.get_window_extent()
    assert figure.y0 <= box.y0 < box.y1 <= figure.y1
    assert figure.x0 <= box.x0 < box.x1 <= figure.x1
    assert ax.get_window_extent().width > 0.8 * ax.get_window_extent().height  # the map has not shrunk
    assert box.x0 >= ax.get_window_extent().x1


def test_shapes_tell_apart_more_than_ten_classes_of_few_points(ax):
    positions = np.arange(40.0).reshape(20, 2)
    plot.embedding(positions, labels=np.arange(20), ax=ax)
    paths = ax.collections[0].get_paths()
    by_place = dict(zip((tuple(p) for p in ax.collections[0].get_offsets().tolist()), paths, strict=True))
    shapes = [by_place[tuple(place)].vertices.tobytes() for place in positions.tolist()]
    assert len(set(shapes[:10])) == len(set(shapes[10:])) == 1
    assert shapes[0] != shapes[10]
    markers = [handle.get_marker() for handle in ax.get_legend().legend_handles]
    assert markers == ["o"] * 10 + ["s"] * 10


def test_legend_of_very_many_classes_lists_the_largest_and_counts_the_rest(ax):
    labels = np.concatenate((np.arange(100), np.full(50, 70)))
    plot.embedding(Y[:150], labels=labels, ax=ax)
    assert len(texts(ax)) == 60
    assert "70" in texts(ax)
    assert texts(ax)[-1] == "… and 41 more"


def test_names_among_the_points_lie_on_their_class_and_apart():
    ax = plot.embedding(Y, labels=LABELS, names=[f"digit {i}" for i in range(10)], legend="direct")
    ax.figure.draw_without_rendering()
    assert ax.get_legend() is None
    assert [text.get_text() for text in ax.texts] == [f"digit {i}" for i in range(10)]
    for digit, text in enumerate(ax.texts):
        assert tuple(text.xy) in {tuple(place) for place in Y[digit == LABELS]}
    boxes = [text.get_window_extent() for text in ax.texts]
    overlaps = [
        max(0, min(a.x1, b.x1) - max(a.x0, b.x0)) * max(0, min(a.y1, b.y1) - max(a.y0, b.y0))
        for i, a in enumerate(boxes)
        for b in boxes[:i]
    ]
    assert max(overlaps) < 0.2 * boxes[0].width * boxes[0].height


@pytest.mark.parametrize("colors", [{3: "red"}, ["blue", "lime", "black", "red"]])
def test_colours_of_classes_can_be_given(ax, colors):
    plot.embedding(Y[:4], labels=[0, 1, 2, 3], colors=colors, ax=ax)
    assert legend_colors(ax)[3] == "#ff0000"
    assert legend_colors(ax)[0] == ("#0000ff" if isinstance(colors, list) else PALETTE[0])


# --- numbers


@pytest.mark.parametrize("keyword", ["values", "labels"])
def test_numbers_have_a_colour_bar_whose_limits_extremes_do_not_move(ax, keyword):
    numbers = np.linspace(0, 1, len(Y))
    numbers[5] = 1e6
    plot.embedding(Y, **{keyword: numbers}, legend_title="height", ax=ax)
    low, high = ax.collections[0].get_clim()
    assert (low, high) == pytest.approx(np.percentile(numbers, [2, 98]))
    bar = ax.figure.axes[1]
    assert bar.get_ylabel() == "height"
    assert ax.get_legend() is None
    drawn = ax.collections[0]
    assert drawn.get_cmap()(0.3) == plot.colormap()(0.3)


def test_numbers_that_are_unknown_are_grey_and_infinite_ones_at_the_end_of_the_scale(ax):
    positions, numbers = np.arange(10.0).reshape(5, 2), np.array([0.0, 1.0, 2.0, np.nan, np.inf])
    plot.embedding(positions, values=numbers, percentiles=(0, 100), ax=ax)
    colors = colors_by_row(ax, positions)
    assert colors[3] == THEMES["light"].muted
    assert colors[4] == colors[2] == to_hex(plot.colormap()(1.0))
    assert colors[0] == to_hex(plot.colormap()(0.0))


@pytest.mark.parametrize("numbers", [np.zeros(4), np.full(4, np.nan), np.array([0.0, 0, 0, 1])])
def test_numbers_without_spread_can_be_drawn(ax, numbers):
    plot.embedding(Y[:4], values=numbers, ax=ax)
    low, high = ax.collections[0].get_clim()
    assert np.isfinite([low, high]).all()
    assert low < high


# --- size, axes, themes


def test_size_and_opacity_fall_with_the_number_of_points_and_grow_with_the_axes(ax):
    rng = np.random.default_rng(0)
    for n in (100, 3_000, 50_000):
        plot.embedding(rng.random((n, 2)), ax=ax)
    sizes = [drawn.get_sizes()[0] for drawn in ax.collections]
    alphas = [drawn.get_alpha() for drawn in ax.collections]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 3
    assert alphas == sorted(alphas, reverse=True)
    assert alphas[-1] >= 0.5
    small = Figure(figsize=(3, 3)).subplots()
    plot.embedding(rng.random((3_000, 2)), ax=small)
    assert small.collections[0].get_sizes()[0] < sizes[1]
    assert [drawn.get_rasterized() for drawn in ax.collections] == [False, False, True]


def test_size_and_opacity_can_be_given(ax):
    plot.embedding(Y, size=17, alpha=0.25, ax=ax)
    assert ax.collections[0].get_sizes().tolist() == [17]
    assert ax.collections[0].get_alpha() == 0.25


def test_map_has_equal_scales_no_ticks_and_holds_all_points(ax):
    plot.embedding(Y * [10, 1], ax=ax)
    ax.figure.draw_without_rendering()
    origin, right, up = ax.transData.transform([[0, 0], [1, 0], [0, 1]])
    assert right[0] - origin[0] == pytest.approx(up[1] - origin[1])
    assert not any(tick.tick1line.get_visible() for tick in ax.xaxis.get_major_ticks())
    inside = ax.get_window_extent()
    assert all(inside.contains(*place) for place in ax.transData.transform(Y * [10, 1]))


@pytest.mark.parametrize("theme", THEMES)
def test_theme_sets_background_ink_and_palette(theme):
    ax = plot.embedding(Y, labels=LABELS, title="digits", theme=theme)
    look = THEMES[theme]
    assert to_hex(ax.get_facecolor()) == to_hex(ax.figure.get_facecolor()) == look.background
    assert ax.title.get_color() == look.ink
    assert {to_hex(text.get_color()) for text in ax.get_legend().get_texts()} == {look.ink}
    assert legend_colors(ax) == plot.palette(10, theme=theme)


def test_without_theme_colours_follow_the_background_that_is_there():
    figure = Figure()
    ax = figure.subplots()
    ax.set_facecolor("#101010")
    plot.embedding(Y, labels=LABELS, ax=ax)
    assert to_hex(ax.get_facecolor()) == "#101010"
    assert legend_colors(ax) == plot.palette(10, theme="dark")
    with mpl.style.context("dark_background"):
        assert legend_colors(plot.embedding(Y, labels=LABELS)) == plot.palette(10, theme="dark")


def test_legend_is_inside_where_the_figure_makes_no_room():
    ax = Figure().subplots()
    plot.embedding(Y, labels=LABELS, ax=ax)
    ax.figure.draw_without_rendering()
    legend, axes = ax.get_legend().get_window_extent(), ax.get_window_extent()
    assert axes.x0 <= legend.x0 < legend.x1 <= axes.x1


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_file_comes_out(tmp_path, suffix):
    path = tmp_path / f"map.{suffix}"
    plot.embedding(Y, labels=LABELS).figure.savefig(path)
    assert path.stat().st_size > 5_000


# --- many points


def test_above_200_000_points_an_image_with_the_same_legend_takes_over(ax):
    rng = np.random.default_rng(0)
    # two squares side by side; the lone point at the top is of the first class
    positions = rng.random((200_001, 2)) + np.repeat([[0.0, 0.0], [2.0, 0.0]], [100_000, 100_001], axis=0)
    positions[0] = [1.5, 2.5]
    labels = np.repeat(["left", "right"], [100_000, 100_001])
    plot.embedding(positions, labels=labels, ax=ax)
    assert not ax.collections
    (image,) = ax.images
    pixels, (left, right, bottom, top) = np.asarray(image.get_array()), image.get_extent()

    def pixel(x, y):
        row = int((y - bottom) / (top - bottom) * pixels.shape[0])
        col = int((x - left) / (right - left) * pixels.shape[1])
        return pixels[row - 3 : row + 4, col - 3 : col + 4].reshape(-1, 4)

    for x, color in ((0.5, PALETTE[0]), (2.5, PALETTE[1])):
        seen = pixel(x, 0.5)
        expected = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
        assert np.abs(seen[seen[:, 3] > 0][:, :3].astype(int) - expected).max() <= 3
    assert (pixel(1.5, 0.5)[:, 3] == 0).all()
    assert (pixel(1.5, 2.5)[:, 3] > 0).sum() >= 4  # one point is more than one pixel
    assert texts(ax) == ["left", "right"]
    assert ax.get_aspect() == 1


def test_image_of_numbers_shows_their_mean_on_the_scale_of_the_colour_bar(ax):
    # many points at each of a few places, half of them with either number
    positions = np.repeat(np.indices((5, 5)).reshape(2, -1).T, 100, axis=0)
    numbers = np.tile([0.0, 1.0], 1250)
    numbers[-100:] = np.nan
    plot.embedding(positions, values=numbers, renderer="datashader", percentiles=(0, 100), ax=ax)
    pixels = np.asarray(ax.images[0].get_array())
    shown = {to_hex(color[:3] / 255) for color in pixels[pixels[..., 3] > 0]}
    assert shown == {to_hex(plot.colormap()(0.5)), THEMES["light"].muted}
    assert len(ax.figure.axes) == 2


def test_image_of_plain_points_is_darker_where_they_crowd(ax):
    rng = np.random.default_rng(0)
    positions = np.concatenate((rng.normal(0, 0.1, (20_000, 2)), rng.uniform(-4, 4, (5_000, 2))))
    plot.embedding(positions, renderer="datashader", ax=ax)
    pixels = np.asarray(ax.images[0].get_array()).astype(int)
    rows, cols = pixels.shape[0] // 2, pixels.shape[1] // 2
    crowd = pixels[rows - 2 : rows + 3, cols - 2 : cols + 3, :3].mean()
    sparse = pixels[pixels[..., 3] > 0][:, :3].mean()
    assert crowd < sparse - 20


def test_missing_datashader_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datashader", None)
    with pytest.raises(ImportError, match="pip install matplotlib datashader pandas"):
        plot.embedding(Y, renderer="datashader")


# --- new points


def test_new_points_have_the_colours_of_their_classes_above_paler_old_ones(ax):
    plot.new_points(Y[:1000], Y[1000:1010], labels=LABELS[:1000], new_labels=LABELS[1000:1010], ax=ax)
    old, new = ax.collections
    assert old.get_alpha() < 0.4 < new.get_alpha()
    assert new.get_sizes()[0] > old.get_sizes()[0]
    assert new.get_zorder() > old.get_zorder()
    order = [Y[1000:1010].tolist().index(place) for place in new.get_offsets().tolist()]
    assert [to_hex(color) for color in new.get_facecolors()] == [PALETTE[LABELS[1000 + i]] for i in order]
    assert texts(ax)[-2:] == ["1,000 training points", "10 new points"]


def test_new_points_of_a_class_of_their_own_change_the_colours_of_no_legend_entry(ax):
    plot.new_points(Y[:3], Y[3:5], labels=["a", "c", "a"], new_labels=["b", "c"], ax=ax)
    assert texts(ax)[:3] == ["a", "b", "c"]
    assert legend_colors(ax)[:3] == PALETTE[:3]
    old, new = ax.collections
    assert {to_hex(color) for color in old.get_facecolors()} == {PALETTE[0], PALETTE[2]}
    assert {to_hex(color) for color in new.get_facecolors()} == {PALETTE[1], PALETTE[2]}


def test_new_points_of_integer_classes_may_have_gaps(ax):
    plot.new_points(Y[:3], Y[3:6], labels=[0, 2, 0], new_labels=[2.0, np.nan, 0.0], ax=ax)
    assert texts(ax)[:3] == ["0", "2", "unlabelled"]


def test_new_points_far_outside_are_within_the_limits(ax):
    plot.embedding(Y, new=[[500.0, 0.0]], ax=ax)
    assert ax.get_xlim()[1] > 500
    assert to_hex(ax.collections[0].get_facecolors()[0]) == THEMES["light"].muted


def test_errors_of_points_are_drawn_as_numbers(ax):
    class Result:
        values = np.linspace(0, 1, 10)

    plot.points(Y[:10], Result(), ax=ax)
    assert ax.figure.axes[1].get_ylabel() == "error"
    assert len(ax.collections[0].get_array()) == 10


# --- wrong input


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plot.embedding([[0, 0], [1, np.nan]]), ValueError, "1 of 2 rows, first in row 1"),
        (lambda: plot.embedding(np.ones((5, 3))), ValueError, r"got \(5, 3\). Choose two columns"),
        (lambda: plot.embedding(np.ones((5, 1))), ValueError, r"positions in the plane, got \(5, 1\)"),
        (lambda: plot.embedding(np.ones(5)), ValueError, r"got \(5,\)"),
        (lambda: plot.embedding("map.npy"), TypeError, "must be numbers"),
        (lambda: plot.embedding(Y, labels=[1, 2]), ValueError, r"shape \(1797,\), one per row, got \(2,\)"),
        (lambda: plot.embedding(Y, labels=LABELS, values=LABELS), ValueError, "got both"),
        (lambda: plot.embedding(Y, values=["a"] * 1797), TypeError, "values must be numbers.*labels="),
        (lambda: plot.embedding(Y, values=LABELS, percentiles=(98, 2)), ValueError, r"got \(98, 2\)"),
        (lambda: plot.embedding(Y, values=LABELS, names=["a"]), ValueError, "names are names of classes"),
        (lambda: plot.embedding(Y, labels=LABELS, names=["a", "b"]), ValueError, "got 2 for 10 classes"),
        (lambda: plot.embedding(Y, labels=LABELS, colors=["red"]), ValueError, "got 1 for 10 classes"),
        (lambda: plot.embedding(Y, labels=LABELS, legend="besides"), ValueError, "Did you mean 'beside'"),
        (lambda: plot.embedding(Y, renderer="datashade"), ValueError, "Did you mean 'datashader'"),
        (lambda: plot.embedding(Y, theme="night"), ValueError, "got 'night'"),
        (lambda: plot.embedding(Y, size=0), ValueError, "size must be a positive number, got 0"),
        (lambda: plot.embedding(Y, alpha=2), ValueError, r"alpha must lie in \(0, 1\], got 2"),
        (lambda: plot.embedding(Y, ax=np.array([None])), TypeError, "got ndarray. Pass a single one"),
        (lambda: plot.embedding(Y, new_labels=[1]), ValueError, "got no new points"),
        (lambda: plot.new_points(Y, Y[:2], new_labels=[1]), ValueError, "new_labels must have shape"),
        (lambda: plot.new_points(Y, [[0, np.inf]]), ValueError, "new points must be finite"),
        (lambda: plot.new_points(Y, Y[:2], new_labels=[0.5, 1.0]), ValueError, "must both be classes"),
    ],
)
def test_wrong_input_says_what_was_given_and_leaves_no_figure(call, error, message):
    with pytest.raises(error, match=message):
        call()
    assert plt.get_fignums() == []


def test_no_points_and_equal_points_can_be_drawn(ax):
    plot.embedding(np.empty((0, 2)), labels=[], ax=ax)
    plot.embedding(np.ones((5, 2)), ax=ax)
    plot.embedding(np.ones((5, 2)), renderer="datashader", ax=ax)
    ax.figure.draw_without_rendering()
    assert ax.get_xlim()[0] < 1 < ax.get_xlim()[1]


def test_inputs_are_left_alone(ax):
    positions, labels = Y.copy(), LABELS.copy()
    plot.embedding(positions, labels=labels, new=positions[:5], new_labels=labels[:5], ax=ax)
    np.testing.assert_array_equal(positions, Y)
    np.testing.assert_array_equal(labels, LABELS)


def test_missing_matplotlib_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for call in (lambda: plot.embedding(Y), lambda: plot.losses([1.0, 2.0]), lambda: plot.importance([1.0])):
        with pytest.raises(ImportError, match="pip install matplotlib datashader pandas"):
            call()

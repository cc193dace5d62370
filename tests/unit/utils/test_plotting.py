import itertools
import math
import re
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import ListedColormap, to_hex, to_rgba
from matplotlib.figure import Figure

from paradime.utils.plotting import get_color_palette, get_colormap, scatterplot

matplotlib.use("Agg")

# Machado, Oliveira and Fernandes (2009), full severity, on linear RGB
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "deuteranopia": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "tritanopia": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}
RGB_TO_XYZ = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]])


def to_lab(colors, vision="normal"):
    rgb = np.array([to_rgba(color)[:3] for color in colors])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.asarray(VISION[vision]).T, 0, 1)
    ratios = linear @ RGB_TO_XYZ.T / RGB_TO_XYZ.sum(axis=1)
    f = np.where(ratios > 216 / 24389, np.cbrt(ratios), (24389 / 27 * ratios + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def lightness(colors):
    return to_lab(colors)[:, 0]


@pytest.fixture
def ax():
    # a figure outside pyplot needs no closing
    return Figure().subplots()


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def drawn_colors(ax):
    return [to_hex(color) for color in ax.collections[-1].get_facecolors()]


def legend_colors(ax):
    legend = ax.get_legend()
    texts = [text.get_text() for text in legend.get_texts()]
    return {text: to_hex(handle.get_color()) for text, handle in zip(texts, legend.legend_handles, strict=True)}


# --- colours


def test_palette_has_named_hex_colours():
    palette = get_color_palette()
    assert {"petrol", "aqua"} <= set(palette)
    assert len(palette) >= 8
    assert len(set(palette.values())) == len(palette)
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for color in palette.values())


def test_changing_the_returned_palette_leaves_the_house_colours_alone():
    get_color_palette()["petrol"] = "#ffffff"
    assert get_color_palette()["petrol"] != "#ffffff"


@pytest.mark.parametrize("vision", VISION)
def test_colour_blind_people_can_tell_any_two_colours_apart(vision):
    lab = to_lab(get_color_palette().values(), vision)
    # a difference of about 2 is just noticeable side by side; 15 is distinct at a distance
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(lab, 2)) > 15


def test_every_colour_stands_out_from_the_background():
    background = lightness(["#fcfcfc"])
    assert (background - lightness(get_color_palette().values()) > 19).all()


def test_colormap_falls_evenly_in_lightness_from_light_to_dark():
    steps = np.diff(lightness(get_colormap()(np.linspace(0, 1, 64))))
    assert (steps < 0).all()
    assert steps.min() / steps.max() < 1.6  # the steepest step against the flattest
    assert -steps.sum() > 65


@pytest.mark.parametrize("name", ["aqua", "petrol"])
def test_colormap_passes_through_the_house_colours(name):
    house = np.array(to_rgba(get_color_palette()[name]))
    assert np.abs(get_colormap()(np.linspace(0, 1, 256)) - house).max(axis=1).min() < 0.02


def test_colormap_is_not_registered_globally():
    assert get_colormap().name not in matplotlib.colormaps


# --- labels

COORDS = [[0.0, 0.0], [1.0, 2.0], [2.0, 1.0], [3.0, 3.0]]


def test_labels_take_palette_colours_in_sorted_order(ax):
    scatterplot(COORDS, ["fir", "oak", "fir", "ash"], ax=ax)
    ash, fir, oak = list(get_color_palette().values())[:3]
    assert drawn_colors(ax) == [fir, oak, fir, ash]
    assert legend_colors(ax) == {"ash": ash, "fir": fir, "oak": oak}


def test_points_keep_their_order_and_place(ax):
    scatterplot(np.array(COORDS), ["b", "a", "b", "a"], ax=ax)
    assert len(ax.collections) == 1
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), COORDS)


@pytest.mark.parametrize(
    "labels",
    [
        [3, 1, 3, 2],
        np.array([3, 1, 3, 2]),
        torch.tensor([3, 1, 3, 2]),
        (True, False, True, False),
        np.array(["2024-03", "2024-01", "2024-03", "2024-02"], dtype="datetime64[M]"),
        [("b", 1), ("a", 1), ("b", 1), ("a", 2)],
        np.array(["c", None, "c", 1], dtype=object),
    ],
    ids=["list", "array", "tensor", "bools", "dates", "tuples", "mixed"],
)
def test_labels_of_any_hashable_kind_group_equal_values(ax, labels):
    scatterplot(COORDS, labels, ax=ax)
    colors = drawn_colors(ax)
    assert colors[0] == colors[2] != colors[1]
    assert set(legend_colors(ax).values()) == set(colors)


def test_pandas_columns_are_labels(ax):
    pandas = pytest.importorskip("pandas")
    scatterplot(COORDS, pandas.Series(["b", "a", "b", "a"], index=[7, 8, 9, 10]), ax=ax)
    assert list(legend_colors(ax)) == ["a", "b"]


def test_nan_labels_form_one_group_at_the_end(ax):
    scatterplot(COORDS, np.array([math.nan, 2.0, math.nan, 1.0]), ax=ax)
    assert list(legend_colors(ax)) == ["1.0", "2.0", "nan"]
    colors = drawn_colors(ax)
    assert colors[0] == colors[2]


def test_labels_to_index_fixes_colours_and_legend_order(ax):
    colors = list(get_color_palette().values())
    order = {"oak": 0, "fir": 4, "ash": 2, "elm": 1}
    scatterplot(COORDS, ["fir", "oak", "fir", "ash"], labels_to_index=order, ax=ax)
    assert drawn_colors(ax) == [colors[4], colors[0], colors[4], colors[2]]
    assert list(legend_colors(ax)) == ["oak", "ash", "fir"]


def test_more_labels_than_house_colours_take_other_shades(ax):
    coords = np.random.default_rng(0).random((30, 2))
    scatterplot(coords, np.arange(30), ax=ax)
    assert drawn_colors(ax)[:10] == list(get_color_palette().values())
    assert len(set(drawn_colors(ax))) == 30


def test_colormap_may_be_a_list_of_colours(ax):
    scatterplot(COORDS, ["b", "a", "b", "a"], ["red", "#00ff00"], ax=ax)
    assert drawn_colors(ax) == ["#00ff00", "#ff0000", "#00ff00", "#ff0000"]


def test_qualitative_colormap_gives_its_first_colours(ax):
    scatterplot(COORDS, ["b", "a", "b", "c"], "tab10", ax=ax)
    tab10 = [to_hex(color) for color in matplotlib.colormaps["tab10"].colors]
    assert drawn_colors(ax) == [tab10[1], tab10[0], tab10[1], tab10[2]]


@pytest.mark.parametrize("colormap", ["viridis", matplotlib.colormaps["viridis"]], ids=["name", "object"])
def test_continuous_colormap_is_spread_over_the_labels(ax, colormap):
    scatterplot(COORDS, ["b", "a", "b", "c"], colormap, ax=ax)
    viridis = matplotlib.colormaps["viridis"]
    assert drawn_colors(ax) == [to_hex(viridis(value)) for value in (0.5, 0.0, 0.5, 1.0)]


def test_legend_can_be_left_out(ax):
    scatterplot(COORDS, ["a", "b", "a", "b"], legend=False, ax=ax)
    assert ax.get_legend() is None


def test_legend_options_reach_the_legend(ax):
    scatterplot(COORDS, ["a", "b", "a", "b"], legend_options={"title": "Tree", "fontsize": 7}, ax=ax)
    assert ax.get_legend().get_title().get_text() == "Tree"
    assert {text.get_fontsize() for text in ax.get_legend().get_texts()} == {7}


@pytest.mark.parametrize("bgcolor", ["#fcfcfc", "#101820"])
def test_legend_text_contrasts_with_the_background(ax, bgcolor):
    scatterplot(COORDS, ["a", "b", "a", "b"], bgcolor=bgcolor, legend_options={"title": "Tree"}, ax=ax)
    legend = ax.get_legend()
    for text in [*legend.get_texts(), legend.get_title()]:
        assert abs(lightness([text.get_color()]) - lightness([bgcolor])) > 60


def test_legend_of_a_new_figure_covers_no_point():
    rng = np.random.default_rng(0)
    ax = scatterplot(rng.random((500, 2)), rng.integers(0, 7, 500), figsize=(5, 5))
    ax.figure.draw_without_rendering()
    legend, figure = ax.get_legend().get_window_extent(), ax.figure.bbox
    points = ax.transData.transform(ax.collections[0].get_offsets())
    assert not any(legend.contains(*point) for point in points)
    assert figure.x0 <= legend.x0 < legend.x1 <= figure.x1


# --- without labels


def test_plain_points_are_petrol(ax):
    scatterplot(COORDS, ax=ax)
    assert set(drawn_colors(ax)) == {get_color_palette()["petrol"]}
    assert ax.get_legend() is None


def test_scatter_options_reach_the_points(ax):
    cmap = ListedColormap(["red", "lime"])
    scatterplot(COORDS, c=[0, 1, 1, 0], cmap=cmap, s=33, alpha=0.25, ax=ax)
    ax.figure.draw_without_rendering()
    assert drawn_colors(ax) == ["#ff0000", "#00ff00", "#00ff00", "#ff0000"]
    assert ax.collections[0].get_sizes().tolist() == [33]
    assert ax.collections[0].get_facecolors()[:, 3].tolist() == [0.25] * 4


@pytest.mark.parametrize(
    "values", [[0, 1, 2, 3], np.arange(4.0), torch.arange(4.0)], ids=["list", "array", "tensor"]
)
def test_numbers_take_the_house_colormap(ax, values):
    scatterplot(COORDS, c=values, ax=ax)
    ax.figure.draw_without_rendering()
    assert drawn_colors(ax) == [to_hex(get_colormap()(value / 3)) for value in range(4)]


def test_colormap_colours_numbers(ax):
    scatterplot(COORDS, colormap="viridis", c=[0, 1, 2, 3], ax=ax)
    assert ax.collections[0].get_cmap().name == "viridis"


@pytest.mark.parametrize("options", [{"c": "red"}, {"color": "red"}, {"c": ["red"] * 4}, {"facecolors": "red"}])
def test_colours_of_points_can_be_named(ax, options):
    scatterplot(COORDS, **options, ax=ax)
    assert set(drawn_colors(ax)) == {"#ff0000"}


def test_unfilled_markers_stay_visible(ax):
    scatterplot(COORDS, marker="x", ax=ax)
    assert ax.collections[0].get_linewidths()[0] > 0


# --- axes


@pytest.mark.parametrize(
    "coords",
    [
        COORDS,
        np.array(COORDS, dtype=np.float32),
        torch.tensor(COORDS, requires_grad=True),
        torch.tensor(COORDS, dtype=torch.bfloat16),
    ],
    ids=["list", "array", "tensor with gradient", "bfloat16"],
)
def test_coords_may_come_in_any_container(ax, coords):
    assert scatterplot(coords, ax=ax) is ax
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), COORDS)


def test_both_directions_have_the_same_scale_and_no_clutter():
    ax = scatterplot(np.random.default_rng(0).random((100, 2)) * [10, 1], figsize=(4, 6), bgcolor="#eeeeee")
    ax.figure.draw_without_rendering()
    origin, right, up = ax.transData.transform([[0, 0], [1, 0], [0, 1]])
    assert right[0] - origin[0] == pytest.approx(up[1] - origin[1])
    ticks = [*ax.xaxis.get_major_ticks(), *ax.yaxis.get_major_ticks()]
    assert not any(tick.tick1line.get_visible() or tick.label1.get_visible() for tick in ticks)
    assert not any(spine.get_visible() for spine in ax.spines.values())
    assert ax.figure.get_size_inches().tolist() == [4, 6]
    assert {to_hex(ax.get_facecolor()), to_hex(ax.figure.get_facecolor())} == {"#eeeeee"}


def test_axes_that_share_limits_can_be_drawn():
    figure = Figure()
    for ax in figure.subplots(1, 2, sharex=True, sharey=True):
        scatterplot(COORDS, ax=ax)
    figure.draw_without_rendering()


def test_many_points_are_drawn_smaller_and_fainter(ax):
    rng = np.random.default_rng(0)
    sizes, alphas = [], []
    for n in (100, 2_000, 40_000):
        scatterplot(rng.random((n, 2)), ax=ax)
        sizes.append(ax.collections[-1].get_sizes()[0])
        alphas.append(ax.collections[-1].get_alpha())
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 3
    assert alphas == sorted(alphas, reverse=True)
    assert 0.3 < alphas[-1] < alphas[0] <= 1


def test_no_points_give_an_empty_plot(ax):
    scatterplot(np.empty((0, 2)), [], ax=ax)
    assert len(ax.collections[0].get_offsets()) == 0


def test_inputs_are_left_alone(ax):
    coords, options, order = np.array(COORDS), {"title": "t"}, {"a": 1, "b": 0}
    before = coords.copy()
    scatterplot(coords, ["a", "b"] * 2, labels_to_index=order, legend_options=options, ax=ax)
    np.testing.assert_array_equal(coords, before)
    assert options == {"title": "t"}
    assert order == {"a": 1, "b": 0}


# --- errors


@pytest.mark.parametrize("coords", [np.ones(4), np.ones((4, 3)), np.ones((2, 2, 2)), []])
def test_coords_that_are_not_planar_name_their_shape(coords):
    with pytest.raises(ValueError, match=re.escape(f"(n, 2), positions in the plane, got {np.shape(coords)}")):
        scatterplot(coords)


def test_coords_that_are_not_finite_are_counted():
    with pytest.raises(ValueError, match="2 of 4 rows"):
        scatterplot([[0, 0], [math.nan, 1], [1, 1], [math.inf, math.nan]])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"labels": ["a", "b"]}, ValueError, "got 2 for 4 points"),
        ({"labels": [["a"], ["b"], ["c"], ["d"]]}, TypeError, "hashable, got .'a'. of type list"),
        ({"labels": list("abab"), "c": [1, 2, 3, 4]}, ValueError, "got labels and c="),
        ({"labels": list("abab"), "labels_to_index": {"a": 0}}, ValueError, "none for 'b'"),
        ({"labels": list("abab"), "labels_to_index": {"a": 0, "b": -1}}, ValueError, "got -1 for 'b'"),
        ({"labels": list("abab"), "colormap": "virids"}, ValueError, "Did you mean 'viridis'"),
        ({"labels": list("abab"), "colormap": ["red"]}, ValueError, "colormap must be one per class, got 1 for 2"),
        ({"labels": list("abab"), "legend": "right"}, ValueError, "True or False, got 'right'"),
        ({"labels": list("abab"), "legend_options": {"lok": 1}}, ValueError, "'lok'. Did you mean 'loc'"),
        ({"ax": np.array([None, None])}, TypeError, "got ndarray"),
    ],
)
def test_wrong_options_say_what_was_given(options, error, message):
    with pytest.raises(error, match=message):
        scatterplot(COORDS, **options)
    assert plt.get_fignums() == []  # nothing is left half drawn


@pytest.mark.parametrize("plot", [get_colormap, lambda: scatterplot(COORDS)], ids=["colormap", "scatterplot"])
def test_missing_matplotlib_is_named(monkeypatch, plot):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="pip install matplotlib datashader pandas"):
        plot()


def test_palette_needs_no_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert get_color_palette()["petrol"].startswith("#")

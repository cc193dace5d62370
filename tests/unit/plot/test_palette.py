"""Colours: apart to all eyes, visible on their background, even along the scale."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from paradime import plot
from paradime.plot._theme import THEMES
from paradime.utils.plotting import get_color_palette, get_colormap, scatterplot

# Machado, Oliveira and Fernandes (2009), full severity, on linear RGB
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "deuteranopia": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "tritanopia": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}
RGB_TO_XYZ = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]])
WHITE = np.array([0.95047, 1.0, 1.08883])


def to_lab(colors, vision="normal"):
    rgb = np.array([to_rgb(color) for color in colors])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.asarray(VISION[vision]).T, 0, 1)
    ratios = linear @ RGB_TO_XYZ.T / WHITE
    f = np.where(ratios > 216 / 24389, np.cbrt(ratios), (24389 / 27 * ratios + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def least_distance(colors, vision="normal"):
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(to_lab(colors, vision), 2))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("vision", VISION)
def test_colour_blind_people_can_tell_ten_classes_apart(theme, vision):
    # about 2 is just noticeable side by side; 15 is distinct at a distance
    assert least_distance(plot.palette(10, theme=theme), vision) > (15 if theme == "light" else 20)


@pytest.mark.parametrize("theme", THEMES)
def test_forty_classes_have_forty_colours_that_differ(theme):
    colors = plot.palette(40, theme=theme)
    assert colors[:10] == plot.palette(10, theme=theme)
    assert least_distance(colors) > 10


@pytest.mark.parametrize("theme", THEMES)
def test_colours_of_classes_and_of_unlabelled_points_stand_out_from_the_background(theme):
    look = THEMES[theme]
    (background,) = to_lab([look.background])
    lab = to_lab([*plot.palette(40, theme=theme), look.muted])
    assert np.linalg.norm(lab - background, axis=1).min() > 19
    assert least_distance([*plot.palette(8, theme=theme), look.muted]) > 14


def test_light_palette_is_the_house_palette():
    assert plot.palette() == list(get_color_palette().values())


@pytest.mark.parametrize(("theme", "sign"), [("light", -1), ("dark", 1)])
def test_lightness_of_the_colormap_is_even_and_high_numbers_stand_out(theme, sign):
    colors = plot.colormap(theme)(np.linspace(0, 1, 64))
    steps = sign * np.diff(to_lab(colors[:, :3])[:, 0])
    assert (steps > 0).all()
    assert steps.max() / steps.min() < 1.8
    (background,) = to_lab([THEMES[theme].background])
    assert np.linalg.norm(to_lab(colors[:1, :3]) - background) > 19


def test_house_colormap_of_other_plots_stays_as_it_was():
    assert get_colormap()(0.0)[:3] == pytest.approx(to_rgb("#c4ece4"), abs=1e-6)
    assert plot.colormap("light")(1.0) == pytest.approx(get_colormap()(1.0), abs=0.01)


def test_colours_repeat_beyond_sixty_classes():
    colors = plot.palette(70)
    assert len(set(colors[:60])) == 60
    assert colors[60:] == colors[:10]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.palette(-1), "n must be an integer of at least 0, got -1"),
        (lambda: plot.palette(3, theme="drak"), "got 'drak'.*Did you mean 'dark'"),
        (lambda: plot.colormap("sepia"), "'light', 'dark' or None, got 'sepia'"),
    ],
)
def test_wrong_options_of_colours_say_what_was_given(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("draw", [plot.embedding, scatterplot], ids=["embedding", "scatterplot"])
def test_listed_colormap_with_too_few_colours_is_refused(draw):
    labels = np.arange(12)
    name = "colors" if draw is plot.embedding else "colormap"
    with pytest.raises(ValueError, match=f"{name} must be one per class, got 10 for 12 classes"):
        draw(np.zeros((12, 2)), labels=labels, **{name: "tab10"}, ax=Figure().subplots())


def test_scatterplot_of_many_classes_has_the_colours_of_the_palette():
    ax = Figure().subplots()
    scatterplot(np.zeros((30, 2)), np.arange(30), ax=ax)
    assert [to_hex(color) for color in ax.collections[0].get_facecolors()] == plot.palette(30)


def test_scatterplot_takes_colours_by_label():
    ax = Figure().subplots()
    scatterplot(np.zeros((3, 2)), ["b", "a", "b"], colormap={"b": "#ff0000"}, ax=ax)
    assert [to_hex(color) for color in ax.collections[0].get_facecolors()] == [
        "#ff0000",
        plot.palette()[0],
        "#ff0000",
    ]

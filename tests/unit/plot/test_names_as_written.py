"""Names of users in pictures: drawn as they are written, whatever matplotlib takes them for."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from paradime import plot
from paradime.plot.histories import losses
from paradime.training.pictures import draw_losses
from paradime.utils.plotting import scatterplot

NAMES = ["from $5 to $10", r"$\frac$", "a$ b_$", r"back\slash \$", "_hidden", "x_1^2 & 50 %"]
Y = np.random.default_rng(0).normal(size=(20, 2))
LOSSES = [
    {"phase": "NAME", "epoch": 0, "loss": 2.0, "validation_loss": None},
    {"phase": "NAME", "epoch": 1, "loss": 1.0, "validation_loss": None},
]


def classes(name):
    return [name, "other"] * 10


def history(name):
    return {name: [3.0, 2.0], "second": [2.0, 1.0]}


PICTURES = {
    "classes": lambda name, ax: plot.embedding(Y, labels=classes(name), title=name, legend_title=name, ax=ax),
    "direct": lambda name, ax: plot.embedding(Y, labels=classes(name), legend="direct", ax=ax),
    "values": lambda name, ax: plot.embedding(Y, values=Y[:, 0], legend_title=name, ax=ax),
    "new points": lambda name, ax: plot.new_points(Y, Y, labels=classes(name), ax=ax),
    "quality": lambda name, ax: plot.quality({name: [0.8, 0.7], "other": [0.5, 0.4]}, title=name, ax=ax),
    "shepard": lambda name, ax: plot.shepard(Y, Y, title=name, ax=ax),
    "features": lambda name, ax: plot.importance(Y[:2], [name, "other"], title=name, ax=ax),
    "axes": lambda name, ax: plot.importance(Y[:2], ["a", "b"], series=[name, "other"], ax=ax),
    "scatterplot": lambda name, ax: scatterplot(Y, labels=classes(name), ax=ax),
    "live": lambda name, ax: draw_losses(ax, [{**record, "phase": name} for record in LOSSES]),
    "gallery": lambda name, ax: plot.gallery(
        {name: Y}, labels=classes(name), figure=ax.figure.add_subfigure(ax.get_gridspec()[0])
    ),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("picture", PICTURES)
def test_names_are_drawn_as_they_are_written(picture, name):
    figure = Figure(layout="constrained")
    ax = figure.subplots()
    PICTURES[picture](name, ax)
    figure.draw_without_rendering()
    drawn = [text for text in figure.findobj(Text) if name in text.get_text() and text.get_visible()]
    assert drawn
    assert not any(text.get_parse_math() or text.get_usetex() for text in drawn)


def test_characters_without_a_picture_are_spaces(tmp_path):
    figure = Figure(layout="constrained")
    plot.embedding(Y, labels=classes("a\x07b"), title="one\ntwo\x00", ax=figure.subplots())
    figure.savefig(tmp_path / "map.png")  # warnings are errors here
    assert figure.axes[0].get_title() == "one\ntwo "


def test_numbers_of_a_logarithmic_axis_are_still_mathematics():
    ax = losses([1000.0, 10.0, 1.0, 0.01], log=True, title="$", ax=Figure().subplots())
    ax.figure.draw_without_rendering()
    assert any(label.get_parse_math() and "$" in label.get_text() for label in ax.get_yticklabels())

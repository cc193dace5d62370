"""Embeddings side by side, and how they are made comparable."""

import itertools

import numpy as np
import pytest
import scipy.spatial
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA

from paradime import plot

DIGITS = load_digits()
Y, LABELS = PCA(2, random_state=0).fit_transform(DIGITS.data)[:300], DIGITS.target[:300]
ANGLE = 1.1
TURN = np.array([[np.cos(ANGLE), -np.sin(ANGLE)], [np.sin(ANGLE), np.cos(ANGLE)]])


@pytest.fixture
def figure():
    return Figure(figsize=(8, 4), layout="constrained")


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_what_was_turned_mirrored_scaled_and_moved_comes_back(scale):
    changed = scale * (Y * [1, -1]) @ TURN + 3 * scale
    np.testing.assert_allclose(plot.align(changed, Y), Y, atol=1e-9 * np.abs(Y).max())


def test_alignment_agrees_with_scipy():
    wine = PCA(3).fit_transform(load_wine().data)
    other = np.tanh(wine / 50) @ np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    fixed, fitted, disparity = scipy.spatial.procrustes(wine, other)
    aligned = plot.align(other, wine)
    size = np.linalg.norm(wine - wine.mean(axis=0))
    np.testing.assert_allclose((aligned - wine.mean(axis=0)) / size, fitted, atol=1e-9)
    assert ((aligned - wine) ** 2).sum() / size**2 == pytest.approx(disparity)
    assert np.abs(fixed).max() > 0


def test_mirroring_and_scaling_can_be_forbidden():
    mirrored = Y * [1, -1]
    turned = plot.align(mirrored, Y, reflect=False, scale=False)
    step = np.linalg.lstsq(mirrored - mirrored.mean(axis=0), turned - turned.mean(axis=0), rcond=None)[0]
    assert np.linalg.det(step) == pytest.approx(1)
    unscaled = plot.align(2 * Y, Y, scale=False)
    np.testing.assert_allclose(unscaled - unscaled.mean(axis=0), 2 * (Y - Y.mean(axis=0)), atol=1e-9)


def test_alignment_of_points_at_one_place_is_finite():
    assert np.isfinite(plot.align(np.ones((5, 2)), Y[:5])).all()
    assert np.isfinite(plot.align(Y[:5], np.ones((5, 2)))).all()


def positions(ax):
    return {tuple(np.round(place, 6)) for place in ax.collections[0].get_offsets().tolist()}


def test_gallery_aligns_with_the_reference_and_shares_one_legend(figure):
    drawn = plot.gallery(
        {"as it is": Y, "turned": 5 * Y @ TURN, "mirrored": Y * [1, -1]}, labels=LABELS, figure=figure
    )
    assert drawn is figure
    assert [ax.get_title() for ax in figure.axes] == ["as it is", "turned", "mirrored"]
    assert positions(figure.axes[0]) == positions(figure.axes[1]) == positions(figure.axes[2])
    assert all(ax.get_legend() is None for ax in figure.axes)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [str(digit) for digit in range(10)]
    assert [to_hex(handle.get_color()) for handle in legend.legend_handles] == plot.palette(10)


def test_reference_can_be_chosen_and_alignment_left_out(figure):
    maps = {"a": Y, "b": 5 * Y @ TURN}
    plot.gallery(maps, reference="b", figure=figure)
    np.testing.assert_allclose(np.ptp(figure.axes[0].collections[0].get_offsets()), np.ptp(maps["b"]))
    other = Figure()
    plot.gallery(maps, align=False, figure=other)
    assert positions(other.axes[0]) != positions(other.axes[1])


def test_numbers_have_one_colour_bar_and_one_scale(figure):
    plot.gallery({"a": Y, "b": -Y}, values=np.arange(300.0), legend_title="row", figure=figure)
    first, second, bar = figure.axes
    assert first.collections[0].get_clim() == second.collections[0].get_clim()
    assert bar.get_ylabel() == "row"


@pytest.mark.parametrize(
    ("n", "columns", "shape"), [(3, None, (1, 3)), (5, None, (2, 3)), (8, None, (2, 4)), (4, 2, (2, 2))]
)
def test_panels_fill_a_grid_without_overlap(n, columns, shape):
    figure = plot.gallery({str(i): Y for i in range(n)}, columns=columns, labels=LABELS, legend="none")
    figure.draw_without_rendering()
    boxes = [ax.get_window_extent() for ax in figure.axes]
    assert len(boxes) == n
    rows, cols = ({round(getattr(box, side)) for box in boxes} for side in ("y0", "x0"))
    assert (len(rows), len(cols)) == shape
    assert not any(
        a.x0 < b.x1 - 1 and b.x0 < a.x1 - 1 and a.y0 < b.y1 - 1 and b.y0 < a.y1 - 1
        for a, b in itertools.combinations(boxes, 2)
    )


def test_figure_without_layout_has_its_legend_inside():
    figure = Figure()
    plot.gallery({"a": Y, "b": Y}, labels=LABELS, figure=figure)
    figure.draw_without_rendering()
    assert not figure.legends
    assert figure.axes[1].get_legend() is not None


def test_dark_gallery_is_dark_all_over():
    figure = plot.gallery({"a": Y, "b": Y}, theme="dark", legend="direct", labels=LABELS)
    colors = {to_hex(part.get_facecolor()) for part in (figure, *figure.axes)}
    assert colors == {"#12181d"}
    assert len(figure.axes[1].texts) == 10


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.gallery({}), "got dict without entries"),
        (lambda: plot.gallery([Y, Y]), "mapping from title to positions, got list"),
        (lambda: plot.gallery({"a": Y, "b": Y[:5]}), "got 300 in 'a' and 5 in 'b'"),
        (lambda: plot.gallery({"umap": Y}, reference="umpa"), "Did you mean 'umap'"),
        (lambda: plot.gallery({"a": Y}, columns=0), "columns must be an integer of at least 1, got 0"),
        (lambda: plot.gallery({"a": Y[:, :1]}), r"embeddings\['a'\] must have shape \(n, 2\)"),
        (lambda: plot.align(Y, Y[:5]), r"got shapes \(300, 2\) and \(5, 2\)"),
        (
            lambda: plot.align(np.full((3, 2), np.nan), Y[:3]),
            "Y must be finite.*first in row 0",
        ),
    ],
)
def test_wrong_input_says_what_was_given(call, message):
    with pytest.raises(ValueError, match=message):
        call()

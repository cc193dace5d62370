"""Thumbnails are the images, whatever their layout, and stay within bounds."""

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from paradime.explorer import explore

POSITIONS = np.random.default_rng(0).standard_normal((60, 2))


def sprite(page, i):
    """The thumbnail of a row, cut out of its sheet by a library of its own."""
    images = page.described["images"]
    sheet = Image.open(io.BytesIO(page.blob(images["sheets"][i // images["perSheet"]])))
    k, w, h = i % images["perSheet"], images["width"], images["height"]
    left, top = (k % images["across"]) * w, (k // images["across"]) * h
    return np.asarray(sheet)[top : top + h, left : left + w]


def write(tmp_path, written, images, **options):
    options = {"embedding": POSITIONS, "path": tmp_path / "page.html", **options}
    return written(explore(images=images, **options).path)


def test_rows_of_pixels_become_images(tmp_path, written):
    X = load_digits().data[:60]
    page = write(tmp_path, written, (8, 8), X=X)
    assert np.abs(sprite(page, 37) - X[37].reshape(8, 8) / 16 * 255).max() <= 0.5


@pytest.mark.parametrize("layout", ["last", "first"])
def test_colours_are_kept_in_both_layouts(layout, tmp_path, written):
    images = np.random.default_rng(1).integers(0, 256, (60, 5, 7, 3)).astype(np.uint8)
    given = images if layout == "last" else images.transpose(0, 3, 1, 2)
    assert np.array_equal(sprite(write(tmp_path, written, given), 59), images[59])


def test_images_fill_several_sheets(tmp_path, written, monkeypatch):
    monkeypatch.setattr("paradime.explorer.packing._SHEET_SIDE", 20)
    images = np.random.default_rng(1).integers(0, 256, (60, 5, 7)).astype(np.uint8)
    page = write(tmp_path, written, images)
    assert len(page.described["images"]["sheets"]) == 8
    assert all(np.array_equal(sprite(page, i), images[i]) for i in range(60))


def test_large_images_become_thumbnails_of_block_means_and_the_page_says_so(tmp_path, written):
    images = np.zeros((60, 200, 100), dtype=np.uint8)
    images[:, :102, :] = 90
    page = write(tmp_path, written, images)
    assert (page.described["images"]["height"], page.described["images"]["width"]) == (66, 33)
    shown = sprite(page, 3)
    assert (shown[:34] == 90).all()
    assert (shown[34:] == 0).all()
    assert page.described["notes"] == ["images of 100 × 200 pixels are shown as thumbnails of 33 × 66"]


@pytest.mark.parametrize(
    ("images", "match"),
    [
        (
            (9, 9),
            r"images=\(9, 9\) must be the shape of an image whose pixels are a row of X, 81 values, got no X",
        ),
        (np.zeros((60, 8)), r"got float64 of shape \(60, 8\)"),
        (np.zeros((60, 8, 8, 4)), "drop an alpha channel"),
        (np.zeros((59, 8, 8)), "got 59 for 60 points"),
        (np.full((60, 8, 8), np.nan), "finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:All-NaN")
def test_images_that_do_not_fit_are_refused(images, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        explore(embedding=POSITIONS, images=images, path=tmp_path / "page.html")

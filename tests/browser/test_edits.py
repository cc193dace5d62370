"""Edits by hand in the explorer's page, and the map that follows them."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_iris

from paradime import ParametricMDS
from paradime.constraints import Edits
from paradime.explorer import explore

NAMES = [f"flower {i}" for i in range(150)]


@pytest.fixture(scope="module")
def flowers(tmp_path_factory):
    """A page of a map, the routine and the rows."""
    data = load_iris(as_frame=True).data.set_axis(NAMES, axis=0)
    routine = ParametricMDS(epochs=30, random_state=0).fit(data)
    path = tmp_path_factory.mktemp("pages") / "flowers.html"
    explore(routine, data, row_names=NAMES, path=path)
    return path, routine, data


@pytest.fixture
def page(browser, flowers):
    browser.open(flowers[0])
    yield browser
    assert browser.complaints() == []


def place_of(page, row):
    x, y = page.js(f"explorer.pixelMap()(explorer.state.x[{row}], explorer.state.y[{row}])")
    left, top = page.js("(r => [r.left, r.top])(document.getElementById('map').getBoundingClientRect())")
    return x + left, y + top


def mode(page, name):
    page.js(f"document.querySelector('[data-mode={name}]').click()")


def edits_of(page):
    return json.loads(page.js("explorer.editsFile()"))


def test_drag_download_update_and_see_what_moved(page, browser, flowers, tmp_path):
    _, routine, data = flowers
    folder = tmp_path / "downloads"
    page.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    group = list(range(10))
    page.js(f"explorer.select({group})")
    mode(page, "move")
    start, target = place_of(page, 4), (700, 120)
    page.drag([start, (650, 300), target])
    mode(page, "together")
    page.drag([place_of(page, 60), (500, 500), place_of(page, 140)])
    mode(page, "apart")
    page.drag([place_of(page, 20), place_of(page, 70)])
    assert page.js("Array.from(explorer.state.selected)") == group
    page.js("document.getElementById('download-edits').click()")
    limit = 2_000
    while not (folder / "edits.json").exists() and limit:
        page.js("new Promise((done) => setTimeout(done, 20))")
        limit -= 1
    before = routine.transform(data)
    # plotly shows the nearest of several points, so the grabbed one may be a neighbour in the group
    edits = Edits.read(folder / "edits.json")
    assert sorted(name for name, _ in edits.pins) == sorted(NAMES[:10])
    shifts = np.array([position for _, position in edits.pins]) - before[:10]
    assert np.abs(shifts - shifts[0]).max() < 1e-5
    assert len(edits.must_link) == len(edits.cannot_link) == 1
    updated = routine.update(data, constraints=folder / "edits.json", epochs=2)
    assert set(updated.drift_.adherence) == {"pin", "link"}
    written = explore(updated, data, moved_from=before, path=tmp_path / "moved.html")
    browser.open(written.path)
    assert browser.js("explorer.state.moved.shown")
    after = updated.transform(data)
    farthest = int(np.linalg.norm(after - before, axis=1).argmax())
    assert browser.js("explorer.state.moved.rows[0]") == farthest
    browser.js("document.getElementById('toggle-moved').click()")
    assert not browser.js("explorer.state.moved.shown")


def test_edits_are_undone_removed_and_replaced(page):
    mode(page, "move")
    page.drag([place_of(page, 3), (400, 300)])
    mode(page, "together")
    page.drag([place_of(page, 20), place_of(page, 70)])
    mode(page, "apart")
    page.drag([place_of(page, 20), place_of(page, 70)])
    told = edits_of(page)
    assert [pair["together"] for pair in told["pairs"]] == [False]
    assert told["rows"] == 150
    assert len(told["pins"]) == 1
    page.js("document.getElementById('undo').click()")
    assert edits_of(page)["pairs"] == []
    page.js("document.querySelector('#edit-list button').click()")
    assert edits_of(page)["pins"] == []
    assert page.js("document.getElementById('download-edits').disabled")


def test_keys_move_what_is_selected_and_pairs_are_made_by_number(page):
    before = page.js("[explorer.state.x[5], explorer.state.view[0][1] - explorer.state.view[0][0]]")
    page.js("explorer.select([5]); document.getElementById('map').focus()")
    page.press("m", 77)
    for _ in range(3):
        page.press("ArrowRight", 39)
    (pin,) = edits_of(page)["pins"]
    assert pin["row"] == NAMES[5]
    assert abs(pin["position"][0] - before[0] - 0.03 * before[1]) < 1e-5 * before[1]
    assert page.js("explorer.state.edits.length") == 1
    page.js(
        "(() => { const form = document.getElementById('pair-form');"
        " const [a, b] = form.querySelectorAll('input');"
        " a.value = 3; b.value = 3; form.querySelector('button').click();"
        " window.refused = form.querySelector('.error').textContent; b.value = 8;"
        " form.querySelector('button').click(); })()"
    )
    assert page.js("window.refused") == "Enter two different rows from 0 to 149."
    assert edits_of(page)["pairs"] == [{"rows": [NAMES[3], NAMES[8]], "together": True}]
    page.js("document.getElementById('map').focus()")
    page.press("u", 85)
    assert edits_of(page)["pairs"] == []


def test_points_are_dragged_by_touch_and_the_page_fits_a_phone(browser, flowers):
    browser.open(flowers[0], width=420, height=860)
    assert browser.js("document.documentElement.scrollWidth") <= 420
    assert browser.js("document.getElementById('map').clientWidth") == 420
    mode(browser, "move")
    x, y = place_of(browser, 3)
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x + 20, "y": y + 40}]),
        ("touchEnd", []),
    ):
        browser.send("Input.dispatchTouchEvent", type=kind, touchPoints=points)
    browser.wait("explorer.state.edits.length == 1")
    assert browser.complaints() == []

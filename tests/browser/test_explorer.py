"""The explorer's page in Chromium: what is on the map, what the model says, and what keys and the mouse do."""

import copy
import csv
import io

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from paradime import ParametricTSNE, ParametricUMAP
from paradime.constraints import AxisConstraint, BoundsConstraint, ConceptConstraint
from paradime.datasets import load_covertype
from paradime.explorer import explore
from paradime.models import ACTIVATIONS, FullyConnectedEmbeddingModel

EVIL = '<img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script>'


@pytest.fixture(scope="session")
def forest(tmp_path_factory):
    """A page of 600 cells of forest with columns of all kinds, the routine and the rows."""
    data = load_covertype()
    X = pd.DataFrame(StandardScaler(with_mean=False).fit_transform(data.data[:600]), columns=data.feature_names)
    routine = ParametricUMAP(epochs=2, init_epochs=1, batch_size=100, random_state=0).fit(X)
    columns = pd.DataFrame(
        {
            "name": [f"cell {i}" for i in range(600)],
            "visited": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(600), unit="D"),
            "depth": np.where(np.arange(600) % 4 == 0, np.nan, np.arange(600) / 7),
            EVIL: np.where(np.arange(600) % 2 == 0, EVIL, "tame, or so"),
        }
    )
    trees = [data.target_names[label - 1] for label in data.target[:600]]
    path = tmp_path_factory.mktemp("pages") / "forest.html"
    explore(routine, X, y=trees, columns=columns, title=EVIL, path=path, theme="light")
    return path, routine, X, trees


@pytest.fixture
def page(browser, forest):
    """The page of the forest, freshly opened."""
    browser.open(forest[0])
    yield browser
    assert browser.complaints() == []
    assert browser.requests() == []


@pytest.fixture
def any_page(browser, forest):
    """The page of the forest in whatever state a test has left it: for tests that only ask."""
    if browser.js("location.href") != forest[0].as_uri() or not browser.js("window.explorer?.ready"):
        browser.open(forest[0])
    return browser


def place_of(browser, row):
    """Where a row's point is in the window."""
    x, y = browser.js(f"explorer.pixelMap()(explorer.state.x[{row}], explorer.state.y[{row}])")
    left, top = browser.js("(r => [r.left, r.top])(document.getElementById('map').getBoundingClientRect())")
    return x + left, y + top


def text_of(browser, selector):
    return browser.js(f"document.querySelector({selector!r})?.innerText ?? null")


def is_painted(browser):
    """Whether plotly's canvas holds anything but paper: a copy of it does, as it is drawn."""
    return browser.js(
        """Plotly.toImage('plot', {format: 'png', width: 300, height: 300}).then(async (address) => {
             const image = new Image(); image.src = address; await image.decode();
             const canvas = document.createElement('canvas'); canvas.width = canvas.height = 300;
             const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);
             return pen.getImageData(0, 0, 300, 300).data.some((value) => value !== 0);
           })"""
    )


def test_points_are_drawn_and_the_text_of_data_stays_text(page):
    assert is_painted(page)
    assert page.js("window.hacked ?? 0") == 0
    assert text_of(page, "#title") == EVIL
    assert page.js("document.title") == EVIL
    page.js(f"explorer.setColor({EVIL!r})")
    page.wait("document.querySelectorAll('.class').length == 2")
    page.js("explorer.pick(0), explorer.select([0, 1, 2])")
    assert page.js("window.hacked ?? 0") == 0


def test_page_has_the_positions_of_the_routine(any_page, forest):
    _, routine, X, _ = forest
    x, y = any_page.js("[Array.from(explorer.state.x), Array.from(explorer.state.y)]")
    assert np.array_equal(np.column_stack([x, y]).astype(np.float32), routine.transform(X))


def test_network_in_the_page_places_new_rows_where_the_routine_does(any_page, forest):
    _, routine, X, _ = forest
    rng = np.random.default_rng(0)
    new = X.to_numpy()[rng.integers(0, 600, 40)] * rng.uniform(0.5, 1.5, (40, 10))
    new[0] *= 100  # far from all the data
    placed = np.array(any_page.js(f"{new.tolist()}.map((row) => Array.from(explorer.place(row)))"))
    expected = routine.transform(pd.DataFrame(new, columns=X.columns))
    assert np.abs(placed - expected).max() < 1e-4 * max(1, np.ptp(expected))


def test_activations_of_the_page_are_those_of_torch(any_page):
    values = np.linspace(-30, 30, 400)
    for name, activation in ACTIVATIONS.items():
        found = any_page.js(
            f"(() => {{ const network = explorer.state.network; const kept = network.layers;"
            f" network.layers = [{{ op: 'activate', name: {name!r} }}];"
            f" const placed = Array.from(explorer.place({values.tolist()}));"
            f" network.layers = kept; return placed; }})()"
        )
        expected = activation(torch.tensor(values, dtype=torch.float32).double())
        assert np.abs(np.array(found) - expected.numpy()).max() < 1e-6, name


def test_shortcuts_and_batch_normalisation_run_in_the_page(browser, tmp_path):
    X = load_digits().data[:150] / 16
    model = FullyConnectedEmbeddingModel(64, 2, [16, 16], normalization="batch", residual=True, activation="gelu")
    routine = ParametricUMAP(model=model, epochs=2, batch_size=50, random_state=0).fit(X)
    explore(routine, X, images=(8, 8), path=tmp_path / "m.html")
    browser.open(tmp_path / "m.html")
    placed = browser.js(f"{X.tolist()}.map((row) => Array.from(explorer.place(row)))")
    assert np.abs(np.array(placed) - routine.transform(X)).max() < 1e-4
    browser.mouse("moved", *place_of(browser, 3))
    browser.wait("document.querySelector('#card canvas.thumb')")
    inked = "Array.from(document.querySelector('#card canvas').getContext('2d').getImageData(0, 0, 8, 8).data)"
    browser.wait(f"{inked}.some((value) => value > 0 && value < 255)")
    row = browser.js("explorer.state.hovered")
    grey = np.array(browser.js(inked)).reshape(8, 8, 4)[..., 0]
    assert np.abs(grey - X[row].reshape(8, 8) * 255).max() <= 1


@pytest.mark.parametrize(
    ("metric", "d", "offset"), [("euclidean", 5, 1e8), ("cosine", 130, 1), ("correlation", 8, 3)]
)
def test_refined_maps_in_the_page_place_rows_as_the_routine_does(browser, tmp_path, metric, d, offset):
    rng = np.random.default_rng(0)
    X = offset + rng.normal(size=(200, 4)) @ rng.normal(size=(4, d))
    new = np.concatenate([X[:40] + 0.3 * rng.normal(size=(40, d)), 5 * X[:3] - 4 * offset])
    settings = {"epochs": 2, "init_epochs": 1, "perplexity": 10, "random_state": 0}
    routine = ParametricTSNE(refine=True, metric=metric, **settings).fit(X)
    page = explore(routine, X, path=tmp_path / "refined.html")
    assert page.what_if
    browser.open(page.path)
    for rows in (X, new):
        placed = np.array(browser.js(f"{rows.tolist()}.map((row) => Array.from(explorer.place(row)))"))
        assert np.abs(placed - routine.transform(rows)).max() < 1e-5 * np.abs(routine.embedding_).max()
    assert browser.complaints() == []


LEVELS = AxisConstraint(1, axis=0, order=True, exact=True)
BOX = BoundsConstraint(low=[None, 0], high=[None, 3], exact=True)


@pytest.mark.parametrize(
    ("constraints", "refine"),
    [
        ([LEVELS, BOX], False),
        ([LEVELS, BOX], True),
        ([BoundsConstraint(center=[1, 0], radius=2, exact=True)], False),
        ([BoundsConstraint(corners=[[0, 0], [4, 0], [0, 4]], exact=True)], True),
        ([BoundsConstraint(low=[0, None], high=[None, 1], exact=True)], False),
        ([ConceptConstraint(range(20), range(50, 90), exact=True)], False),
    ],
    ids=["axis and box", "refined axis and box", "disc", "refined polygon", "half-open box", "concepts"],
)
def test_rows_are_placed_with_exact_constraints_as_by_the_routine(browser, tmp_path, constraints, refine):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(120, 3)), rng.integers(0, 4, size=(120, 1))], axis=1)[:, [0, 3, 1, 2]]
    routine = ParametricTSNE(refine=refine, epochs=1, init_epochs=1, perplexity=10, random_state=0)
    for constraint in constraints:
        routine.add_constraint(copy.deepcopy(constraint))
    routine.fit(X)
    page = explore(routine, X, path=tmp_path / "exact.html")
    assert page.what_if
    browser.open(page.path)
    new = X[:30] + rng.normal(size=(30, 4)) * [1, 2, 1, 9]
    placed = np.array(browser.js(f"{new.tolist()}.map((row) => Array.from(explorer.place(row)))"))
    assert np.abs(placed - routine.transform(new)).max() < 1e-4
    assert browser.complaints() == []


def test_pointing_shows_the_row_and_clicking_starts_sliders(page, forest):
    _, routine, X, trees = forest
    page.mouse("moved", *place_of(page, 42))
    page.wait("explorer.state.hovered !== null")
    row = page.js("explorer.state.hovered")
    card = text_of(page, "#card")
    assert trees[row] in card
    assert f"cell {row}" in card
    page.click(*place_of(page, 42))
    page.wait("document.querySelectorAll('.slider').length == 10")
    order = page.js("explorer.state.features.order")
    page.js(
        "(() => { const range = document.querySelector('.slider input'); range.value = range.max;"
        " range.dispatchEvent(new Event('input')); })()"
    )
    changed = X.to_numpy()[row].copy()
    changed[order[0]] = page.js("Number(document.querySelector('.slider input').value)")
    expected = routine.transform(pd.DataFrame(changed[None], columns=X.columns))[0]
    assert np.abs(np.array(page.js("Array.from(explorer.state.trail.at(-1))")) - expected).max() < 1e-3
    assert "of 10)" in text_of(page, "#moved")
    page.js("document.getElementById('reset').click()")
    assert page.js("explorer.state.trail.length") == 1


def test_rows_from_text_are_placed_and_wrong_ones_are_explained(page, forest):
    _, routine, X, _ = forest
    turned = X.iloc[:2, ::-1]

    def paste(text):
        page.js(f"document.getElementById('paste').value = {text!r}; document.getElementById('place').click()")
        return page.js("document.getElementById('paste-told').textContent")

    assert paste(turned.to_csv(index=False)) == "2 placed on the map."
    placed = page.js("explorer.state.placed.map((at) => Array.from(at))")
    assert np.abs(np.array(placed) - routine.transform(X.iloc[:2])).max() < 1e-3
    assert paste("1;2;3") == "Row 1 must have 10 values, got 3."
    assert "Elevation must be a number, got “high”" in paste("high" + ",1" * 9)
    assert "lacks Aspect, Slope" in paste("Elevation,Hillshade_Noon\n1,2")


def test_box_selects_the_points_inside_and_csv_holds_their_rows(page, forest):
    _, _, X, trees = forest
    page.js("document.querySelector('[data-mode=box]').click()")
    page.drag([(200, 200), (300, 300), (620, 560)])
    page.wait("document.getElementById('selected-count')")
    rows = page.js("Array.from(explorer.state.selected)")
    places = np.array(
        page.js("Array.from(explorer.state.x, (x, i) => explorer.pixelMap()(x, explorer.state.y[i]))")
    )
    top = page.js("document.getElementById('map').getBoundingClientRect().top")
    inside = ((places >= [200, 200 - top]) & (places <= [620, 560 - top])).all(axis=1)
    assert rows == np.flatnonzero(inside).tolist()
    assert text_of(page, "#selected-count").startswith(f"{len(rows)} of 600 points")
    text = page.js(
        "explorer.csvOf(explorer.state.selected, explorer.state.x, explorer.state.y, explorer.state.columns)"
    )
    table = list(csv.DictReader(io.StringIO(text)))
    assert [int(line["row"]) for line in table] == rows
    assert [line["label"] for line in table] == [trees[row] for row in rows]
    assert [line[EVIL] for line in table] == [EVIL if row % 2 == 0 else "tame, or so" for row in rows]
    assert all((line["depth"] == "") == (row % 4 == 0) for line, row in zip(table, rows, strict=True))
    assert np.allclose([float(line["Elevation"]) for line in table], X["Elevation"].iloc[rows])
    assert table[0]["visited"].startswith("202")


def test_lasso_leaves_out_what_is_hidden(page, forest):
    trees = forest[3]
    page.js("document.querySelector('.class').click()")
    hidden = text_of(page, ".class span")
    page.js("document.querySelector('[data-mode=lasso]').click()")
    page.drag([(30, 120), (1050, 120), (1050, 880), (500, 885), (30, 880)])
    page.wait("document.getElementById('selected-count')")
    rows = page.js("Array.from(explorer.state.selected)")
    assert rows
    assert hidden not in {trees[row] for row in rows}
    assert page.js("document.querySelector('.class').getAttribute('aria-pressed')") == "false"


def test_search_finds_texts_classes_and_rows(page, forest):
    trees = forest[3]
    hits = lambda query: page.js(f"Array.from(explorer.hitsOf({query!r}))")  # noqa: E731
    assert hits("CELL 59") == [59, *range(590, 600)]
    assert hits("krumm") == [i for i, tree in enumerate(trees) if tree == "Krummholz"]
    assert hits("#17") == [17]
    assert hits("#600") == []
    page.js("document.getElementById('search').focus()")
    page.send("Input.insertText", text="cell 123")
    page.wait("document.getElementById('hits').innerText == '1 found'")
    page.press("Enter", 13)
    assert page.js("explorer.state.picked") == 123


def test_summary_compares_the_selection_with_all(page, forest):
    _, _, X, trees = forest
    page.js("explorer.select(Uint32Array.from({length: 150}, (_, i) => i))")
    told = text_of(page, "#selection")
    assert "150 of 600 points, 25 %" in told
    top = pd.Series(trees[:150]).value_counts()
    assert top.index[0] in told
    assert f"{100 * top.iloc[0] / 150:.0f} %" in told
    assert f"{X['Slope'][:150].mean():.4g} · all {X['Slope'].mean():.4g}" in told


def test_colour_by_numbers_has_a_range_and_missing_values_are_grey(page):
    page.js("explorer.setColor('depth')")
    page.wait("document.querySelector('.scale')")
    assert page.js("new Set([0, 4, 8].map((i) => explorer.state.colorOf(i))).size") == 1
    low, high = (
        float(value) for value in page.js("[...document.querySelectorAll('#legend input')].map((e) => e.value)")
    )
    known = np.arange(600)[np.arange(600) % 4 != 0] / 7
    assert known.min() <= low < np.quantile(known, 0.02)
    assert np.quantile(known, 0.98) < high <= known.max()


def test_keys_move_the_map_and_the_theme_changes(page):
    before = page.js("explorer.state.view")
    page.js("document.getElementById('map').focus()")
    for key, code in (("ArrowRight", 39), ("+", 187)):
        page.press(key, code)
    page.wait(
        "explorer.state.view[0][1] - explorer.state.view[0][0] < " + str(0.7 * (before[0][1] - before[0][0]))
    )
    page.press("l", 76)
    assert page.js("explorer.state.mode") == "lasso"
    page.press("Escape", 27)
    assert page.js("explorer.state.mode") == "pan"
    page.js("document.getElementById('theme').click()")
    assert page.js("document.documentElement.dataset.theme") == "dark"


@pytest.mark.parametrize("width", [1000, 1600])
def test_page_fits_usual_widths(browser, forest, width):
    browser.open(forest[0], width=width)
    browser.js("explorer.pick(0); explorer.select([0, 1, 2])")
    assert browser.js("document.documentElement.scrollWidth") <= width
    assert browser.js("document.querySelector('aside').scrollWidth <= document.querySelector('aside').clientWidth")
    assert browser.js("document.getElementById('map').clientWidth") > 0.6 * width


def test_a_single_point_and_columns_without_values_are_no_trouble(browser, tmp_path):
    columns = {"nothing": [float("nan")], "constant": [3.5], "who": [None]}
    page = explore(embedding=[[1, 2]], columns=columns, path=tmp_path / "m.html")
    browser.open(page.path)
    for name in columns:
        browser.js(f"explorer.setColor({name!r})")
        assert browser.js("explorer.state.groups.length") == 1
    browser.js("explorer.select([0]); explorer.pick(0)")
    assert "1 of 1 points" in text_of(browser, "#selection")
    assert browser.complaints() == []


def test_frame_of_a_notebook_shows_the_page_and_cannot_reach_the_notebook(browser, tmp_path):
    page = explore(embedding=np.random.default_rng(0).standard_normal((50, 2)), path=tmp_path / "m.html")
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!DOCTYPE html><meta charset=utf-8>{page._repr_html_()}", encoding="utf-8")
    browser.open(notebook, ready="document.querySelector('iframe')")
    with browser.inside_frame():
        browser.wait("window.explorer?.ready")
        assert browser.js("explorer.state.n") == 50
        with pytest.raises(RuntimeError, match="SecurityError"):
            browser.js("window.parent.document.title")

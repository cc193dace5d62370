"""What explore takes, refuses, and writes."""

import html
import re
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import paradime
from paradime import ParametricContrastive, ParametricUMAP
from paradime.dr import ParametricDR
from paradime.exceptions import NotTrainedError
from paradime.explain import feature_importance
from paradime.explorer import ExplorerPage, explore
from paradime.models import ConvolutionalModel
from paradime.reporting.material import read_material
from paradime.utils.frames import feature_names


def test_page_of_a_routine_holds_positions_features_labels_and_network(umap, wine, tmp_path, written):
    page = explore(umap, wine.data, y=wine.target, feature_names=wine.feature_names, path=tmp_path / "wine.html")
    assert page.what_if
    assert page.n_bytes == (tmp_path / "wine.html").stat().st_size
    found = written(page.path)
    positions = umap.transform(wine.data)
    assert np.array_equal(found.array(found.described["x"]), positions[:, 0])
    assert np.array_equal(found.array(found.described["y"]), positions[:, 1])
    assert found.values("label") == [str(label) for label in wine.target]
    assert np.array_equal(found.values("proline"), wine.data[:, wine.feature_names.index("proline")])
    assert found.described["color"] == "label"
    assert sorted(found.described["features"]["order"]) == list(range(13))


def test_three_lines_suffice_for_any_array(tmp_path, written):
    page = explore(embedding=[[0, 0], [1, 2], [2, 1]], path=str(tmp_path / "map.html"))
    assert written(page.path).described["color"] is None
    assert not page.what_if
    assert paradime.explore is explore


@pytest.mark.filterwarnings("ignore::paradime.exceptions.ScaleWarning")
def test_names_of_a_data_frame_name_the_features(wine, tmp_path, written):
    X = pd.DataFrame(wine.data, columns=wine.feature_names)
    umap = ParametricUMAP(epochs=1, batch_size=100, random_state=0).fit(X)
    found = written(explore(umap, X, columns=X[["alcohol"]], path=tmp_path / "wine.html").path)
    assert found.described["features"]["names"] == list(wine.feature_names)
    # what is both a feature and a column is listed once
    assert [column["name"] for column in found.described["columns"]].count("alcohol") == 1


CONTAINERS = {
    "array": lambda X: X,
    "numbered frame": pd.DataFrame,
    "numbered frame of Int64": lambda X: pd.DataFrame(X.round().astype(int)).astype("Int64"),
    "lists": lambda X: X.tolist(),
    "tensor": torch.from_numpy,
    "sparse matrix": scipy.sparse.csr_matrix,
    "sparse array": scipy.sparse.coo_array,
    "sparse tensor": lambda X: torch.from_numpy(X).to_sparse(),
    "sparse frame": lambda X: pd.DataFrame.sparse.from_spmatrix(scipy.sparse.csr_matrix(X)),
}


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_columns_without_names_are_called_alike_everywhere(make, wine, tmp_path, written):
    X = make(wine.data[:, :4])
    routine = ParametricContrastive(epochs=1, batch_size=100, random_state=0).fit(X)
    page = explore(routine, X, path=tmp_path / "wine.html")
    assert page.what_if
    found = written(page.path)
    expected = ["x0", "x1", "x2", "x3"]
    assert found.described["features"]["names"] == expected
    assert feature_importance(routine, X, method="gradient_x_input", n_samples=5).names == expected
    assert read_material(routine, X, None, None, None, 0).feature_names == expected
    assert np.allclose(found.values("x3"), wine.data[:, 3], atol=0.5)  # Int64 is rounded


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ([400, 500], ["400", "500"]),
        (["", "size"], ["x0", "size"]),
        (pd.MultiIndex.from_tuples([("leaf", "length"), ("leaf", "width")]), ["leaf_length", "leaf_width"]),
    ],
)
def test_names_that_are_no_texts_are_written_as_texts(columns, expected):
    assert feature_names(pd.DataFrame(np.eye(2), columns=columns), row_shape=(2,)) == expected


def test_sparse_rows_go_along_as_far_as_there_is_room(tmp_path, written, monkeypatch):
    X = scipy.sparse.random_array((300, 40), density=0.2, rng=0, format="csr")
    routine = ParametricContrastive(epochs=1, batch_size=100, random_state=0).fit(X)
    monkeypatch.setattr("paradime.explorer.features._MOST_FEATURE_BYTES", 40 * 4 * 50)
    page = explore(routine, X, path=tmp_path / "m.html")
    assert page.what_if
    assert page.notes == ("the page has the features of 50 of 300 points, evenly spaced",)
    features = written(page.path).described["features"]
    rows, data = (written(page.path).array(features[name]) for name in ("rows", "data"))
    assert np.array_equal(data.reshape(40, 50).T, X.toarray()[rows].astype(np.float32))


def test_labels_beside_a_column_of_their_name_are_told_apart(tmp_path, written):
    found = written(
        explore(embedding=np.eye(2), y=[3, 4], columns={"label": ["a", "b"]}, path=tmp_path / "m.html").path
    )
    assert found.values("label (y)") == ["3", "4"]
    assert found.values("label") == ["a", "b"]


EVIL = "</script><script>alert(1)</script><!--"


def test_no_text_of_the_data_ends_a_script_or_becomes_markup(tmp_path, written):
    columns = {EVIL: [EVIL, "plain"], "@@library@@": ["@@script@@", "\u2028"]}
    page = explore(embedding=np.eye(2), columns=columns, title=EVIL, path=tmp_path / "m.html")
    found = written(page.path)
    assert "alert(1)</script>" not in found.html
    assert found.described["title"] == EVIL
    assert found.values(EVIL) == [EVIL, "plain"]
    assert found.values("@@library@@") == ["@@script@@", "\u2028"]


def test_page_asks_for_nothing_from_outside(umap, wine, tmp_path):
    page = explore(umap, wine.data, path=tmp_path / "wine.html")
    text = re.sub(r'<script type="text/plain".*?</script>', "", page.path.read_text(encoding="utf-8"), flags=re.S)
    assert not re.findall(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", text)
    assert "default-src 'none'" in text


def test_notebook_shows_the_page_in_a_frame_without_its_origin(tmp_path):
    page = explore(embedding=np.eye(2), y=["<", '"'], path=tmp_path / "m.html")
    shown = page._repr_html_()
    (inner,) = re.findall(r'srcdoc="([^"]*)"', shown)
    assert html.unescape(inner) == page.path.read_text(encoding="utf-8")
    assert 'sandbox="allow-scripts allow-downloads"' in shown


def test_notebook_gets_a_link_to_a_large_page_and_a_word_about_one_that_is_gone(tmp_path):
    large = ExplorerPage(tmp_path / "a<b.html", n_points=9, n_bytes=90_000_000)
    assert "90 MB" in large._repr_html_()
    assert "a&lt;b.html" in large._repr_html_()
    assert "iframe" not in large._repr_html_()
    assert "does not exist any more" in ExplorerPage(tmp_path / "gone.html", n_points=9, n_bytes=9)._repr_html_()


def test_features_that_take_too_much_room_go_along_for_some_points(umap, wine, tmp_path, written, monkeypatch):
    monkeypatch.setattr("paradime.explorer.features._MOST_FEATURE_BYTES", 13 * 4 * 50)
    page = explore(umap, wine.data, path=tmp_path / "wine.html")
    assert page.what_if
    assert page.notes == ("the page has the features of 50 of 178 points, evenly spaced",)
    found = written(page.path)
    rows, data = (found.array(found.described["features"][name]) for name in ("rows", "data"))
    assert np.array_equal(data.reshape(13, 50).T, wine.data[rows].astype(np.float32))


def test_a_network_that_does_something_else_than_the_routine_stays_out_with_a_warning(
    umap, wine, tmp_path, written
):
    class Shifted:
        model = umap.model

        def transform(self, X):
            return umap.transform(X) + 1

    with pytest.warns(UserWarning, match="cannot embed new points: positions of the written network .* got 1;"):
        page = explore(Shifted(), wine.data, path=tmp_path / "wine.html")
    assert not page.what_if
    assert page.notes[0].startswith("new points cannot be embedded here: positions of the written network")
    assert written(page.path).described["network"] is None


def test_models_that_cannot_be_written_are_said_in_the_page(tmp_path):
    from sklearn.datasets import load_digits

    X = load_digits().data[:200]
    model = ConvolutionalModel((8, 8), 2, channels=[4], hidden_dims=[8])
    routine = ParametricUMAP(model=model, epochs=1, batch_size=50, random_state=0).fit(X)
    page = explore(routine, X, images=(8, 8), path=tmp_path / "digits.html")
    assert not page.what_if
    assert page.notes == (
        "new points cannot be embedded here: layers of type ConvolutionalModel cannot be written",
    )


def test_pipeline_is_explored_with_rows_as_it_takes_them(wine, tmp_path):
    pipeline = make_pipeline(StandardScaler(), ParametricUMAP(epochs=1, batch_size=50, random_state=0)).fit(
        wine.data
    )
    assert explore(pipeline, wine.data, path=tmp_path / "wine.html").what_if


def test_without_what_if_the_page_holds_no_network(umap, wine, tmp_path, written):
    page = explore(umap, wine.data, what_if=False, path=tmp_path / "wine.html")
    assert written(page.path).described["network"] is None
    assert page.notes == ()


def test_rows_with_texts_become_columns_of_given_positions(tmp_path, written):
    X = pd.DataFrame({"size": [1.5, 2.5], "name": ["oak", "fir"]})
    found = written(explore(embedding=np.eye(2), X=X, path=tmp_path / "m.html").path)
    assert found.values("name") == ["oak", "fir"]


def test_old_page_stays_if_a_new_one_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "m.html"
    explore(embedding=np.eye(2), path=path)
    before = path.read_bytes()

    def fail(source, target):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        explore(embedding=np.eye(2) + 1, path=path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_missing_plotly_is_named(tmp_path, monkeypatch):
    from paradime.explorer.page import _plotly

    _plotly.cache_clear()
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(ImportError, match=r"needs plotly, .*: pip install plotly$"):
        explore(embedding=np.eye(2), path=tmp_path / "m.html")


@pytest.mark.parametrize("shape", [(5,), (5, 1), (5, 3)])
def test_embeddings_of_other_than_two_dimensions_are_refused(shape, tmp_path):
    with pytest.raises(ValueError, match=r"maps of 2 dimensions, got an embedding of shape \(5"):
        explore(embedding=np.ones(shape), path=tmp_path / "m.html")


@pytest.mark.filterwarnings("ignore::paradime.exceptions.ScaleWarning")
def test_routine_of_three_dimensions_is_told_to_train_with_two(wine, tmp_path):
    routine = ParametricUMAP(n_components=3, epochs=1, random_state=0).fit(wine.data)
    with pytest.raises(ValueError, match="Train it with n_components=2"):
        explore(routine, wine.data, path=tmp_path / "m.html")


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({}, TypeError, "explore needs a routine and its rows"),
        ({"routine": "umap", "X": np.eye(2)}, TypeError, "must have a method transform, got str"),
        ({"embedding": [[0, np.nan], [1, 1]]}, ValueError, "contains NaN"),
        ({"embedding": [[0, 1e300], [1, 1]]}, ValueError, "beyond single precision"),
        (
            {"embedding": np.eye(2), "X": np.ones((3, 4))},
            ValueError,
            "X must have one row per point, got 3 rows for 2",
        ),
        (
            {"embedding": np.eye(2), "y": [1, 2, 3]},
            ValueError,
            r"y must have shape \(2,\), one per row, got \(3,\)",
        ),
        ({"embedding": np.eye(2), "theme": "blue"}, ValueError, "theme must be"),
        ({"embedding": np.eye(2), "y": ["a", "b"], "color": "labl"}, ValueError, "Did you mean 'label'"),
        ({"embedding": np.eye(2), "X": np.eye(2), "feature_names": ["a"]}, ValueError, "must be 2 names"),
    ],
)
def test_wrong_arguments_are_refused(options, error, match, tmp_path):
    with pytest.raises(error, match=match):
        explore(**options, path=tmp_path / "m.html")
    assert not (tmp_path / "m.html").exists()


def test_untrained_routine_is_refused(tmp_path):
    with pytest.raises(NotTrainedError):
        explore(ParametricDR(torch.nn.Linear(2, 2)), np.eye(2), path=tmp_path / "m.html")


@pytest.mark.parametrize(("name", "match"), [("", "got the folder"), ("no/m.html", "there is no folder")])
def test_paths_that_cannot_be_written_are_named(name, match, tmp_path):
    with pytest.raises(OSError, match=match):
        explore(embedding=np.eye(2), path=tmp_path / name)

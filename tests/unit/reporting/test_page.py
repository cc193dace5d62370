"""The page needs nothing from outside, shows texts as they are, and is written as a whole."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import paradime
from paradime import ParametricMDS
from paradime.exceptions import NotTrainedError

EVIL = "<script>alert(1)</script> $a_{ &amp; \"'@@style@@"


class Reader(HTMLParser):
    """Collects elements and attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def iris():
    X = load_iris(as_frame=True).data
    return ParametricMDS(epochs=3, random_state=0).fit(X), X


def test_page_refers_to_nothing_outside(good):
    page = Reader(good.html)
    assert len(page.links) >= 18
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert "script" not in page.tags
    assert not re.search(r"https?:|@import|url\(", good.html)
    assert "default-src 'none'" in good.html


def test_page_holds_each_picture_for_light_and_dark(good):
    assert good.html.count('class="only-light"') == good.html.count('class="only-dark"') == 9


def test_texts_of_the_data_are_escaped(iris, light_pictures):
    X = iris[1].set_axis([EVIL, "b", "c", "d"], axis=1).assign(**{EVIL: 1.0})
    with pytest.warns(UserWarning, match="constant"):
        routine = ParametricMDS(epochs=1, random_state=0).fit(X)
    y = np.array([EVIL, "\n$", "oak"])[load_iris().target]
    made = paradime.report(routine, X, y, title=EVIL)
    page = Reader(made.html)
    assert "script" not in page.tags
    assert EVIL in page.texts
    assert any("carry no information" in text and "alert(1)" in text for text in page.texts)


def test_report_says_what_data_are_like(no_pictures):
    rows = np.random.default_rng(0).normal(size=(80, 4))
    rows[:, 1] = 3.0
    rows[:, 2] *= 500
    rows[40:] = rows[:40]
    found = " ".join(paradime.report(torch.nn.Linear(4, 2), pd.DataFrame(rows, columns=list("abcd"))).concerns)
    assert "'b'" in found
    assert "Column 'c' makes up 99.9 % of the squared distance" in found
    assert "50% of the rows are duplicates" in found


def test_frame_has_a_row_per_score(good):
    frame = good.frame.set_index("metric")
    assert frame.loc["neighbours preserved", "seen"] == good.scores["neighbours preserved"].seen
    assert frame.loc["co-ranking area", "random"] == 0
    assert good.to_frame("polars")["metric"].to_list() == list(frame.index)
    with pytest.raises(ValueError, match="library"):
        good.to_frame("excel")


def test_notebook_gets_the_page_without_rights(good):
    shown = good._repr_html_()
    assert 'sandbox=""' in shown
    assert shown.count("<iframe") == 1
    assert "<img" not in shown


def test_page_is_written_as_a_whole_or_not_at_all(good, tmp_path, monkeypatch):
    path = good.save(tmp_path / "report.html")
    assert path.read_text(encoding="utf-8") == good.html

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match=r"report\.html"):
        good.save(path)
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text(encoding="utf-8") == good.html


def test_path_that_cannot_be_written_is_refused_before_measuring(iris, tmp_path, monkeypatch):
    monkeypatch.setattr("paradime.reporting.writing.measure", lambda *args, **kwargs: pytest.fail("measured"))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        paradime.report(*iris, path=tmp_path / "nowhere" / "a.html")
    with pytest.raises(IsADirectoryError, match="must name a file"):
        paradime.report(*iris, path=tmp_path)


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"k": 0}, ValueError, "k must be an integer of at least 1, got 0"),
        ({"n_samples": 1.5}, ValueError, "n_samples must be an integer"),
        ({"y": [1, 2]}, ValueError, r"y must have shape \(150,\)"),
        ({"y_new": [1]}, ValueError, "y_new needs X_new"),
        ({"y": [0] * 150, "X_new": [[1, 2, 3, 4]], "y_new": ["a"]}, ValueError, "numbers and strings"),
        ({"routine": 3}, TypeError, "trained routine"),
        ({"routine": ParametricMDS()}, NotTrainedError, "not trained"),
        ({"X": np.ones((3, 4))}, ValueError, "at least 5 rows, got 3"),
        ({"X": np.full((20, 4), np.nan)}, ValueError, "contains NaN"),
    ],
)
def test_what_does_not_fit_is_refused(iris, given, error, told):
    with pytest.raises(error, match=told):
        paradime.report(**{"routine": iris[0].model, "X": iris[1], **given})


def test_a_loaded_routine_is_told_of_with_its_training(tmp_path, blank_pictures):
    X = load_iris().data
    routine = ParametricMDS(epochs=3, random_state=0).fit(X)
    routine.save(tmp_path / "iris.paradime")
    loaded = paradime.load(tmp_path / "iris.paradime")
    pages = [paradime.report(one, X).html for one in (routine, loaded)]
    losses = [record["loss"] for record in loaded.history_ if record["phase"] == "stress"]
    for page in pages:
        assert f"3 epochs, loss {losses[0]:.4g} → {losses[-1]:.4g}" in page
        assert "Loss of each epoch" in page
    assert np.array_equal(loaded.transform(X), routine.transform(X))


def test_a_module_that_has_no_history_says_so(blank_pictures):
    X = load_iris().data
    made = paradime.report(torch.nn.Linear(4, 2), X.astype(np.float32))
    assert "has no history of its training" in made.html


@pytest.mark.parametrize(("out_dim", "told"), [(1, "Maps are left out"), (3, "the first two of 3 dimensions")])
def test_maps_of_other_dimensions_say_what_is_shown(iris, out_dim, told, light_pictures):
    routine = ParametricMDS(n_components=out_dim, epochs=2, random_state=0).fit(iris[1])
    assert told in paradime.report(routine, iris[1]).html


def test_a_pipeline_is_judged_on_the_rows_of_its_last_step(iris, no_pictures):
    X = iris[1]
    pipeline = make_pipeline(StandardScaler(), ParametricMDS(epochs=2, random_state=0)).fit(X)
    scaled = paradime.report(pipeline[-1], pipeline[0].transform(X))
    assert paradime.report(pipeline, X).scores == scaled.scores


def test_images_show_important_pixels(light_pictures):
    class Flat(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(64, 2)

        def forward(self, x):
            return self.layer(x.flatten(1))

    made = paradime.report(Flat(), load_digits().images[:100])
    assert "Important pixels" in made.html
    assert "rows of shape 8 × 8" in made.html

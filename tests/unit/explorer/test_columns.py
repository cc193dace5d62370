"""Columns of every kind are in the page as they were in the frame."""

import datetime
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from paradime.explorer import explore
from paradime.explorer.packing import smallest_integers

N = 100
POSITIONS = np.random.default_rng(0).standard_normal((N, 2))


def write(tmp_path, written, **columns):
    page = explore(embedding=POSITIONS, columns=columns, path=tmp_path / "page.html")
    return written(page.path)


FRAMES = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "dict": dict,
}


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_frames_of_any_library_give_the_same_columns(make, tmp_path, written):
    days = [datetime.datetime(2024, 1, 1) + datetime.timedelta(days=i) for i in range(N)]
    frame = make(
        {
            "city": ["Linz", "Graz"] * (N // 2),
            "size": np.linspace(-1, 1, N),
            "count": np.arange(N) * 7,
            "open": [True, False] * (N // 2),
            "day": np.array(days, dtype="datetime64[ms]"),
            "name": [f"house {i} <b>" for i in range(N)],
        }
    )
    page = written(explore(embedding=POSITIONS, columns=frame, path=tmp_path / "page.html").path)
    assert page.values("city") == ["Linz", "Graz"] * (N // 2)
    assert page.values("open") == ["true", "false"] * (N // 2)
    assert np.allclose(page.values("size"), np.linspace(-1, 1, N), atol=1e-7)
    assert np.array_equal(page.values("count"), np.arange(N) * 7)
    since = [(day - datetime.datetime(1970, 1, 1)).total_seconds() * 1000 for day in days]
    assert np.array_equal(page.values("day"), since)
    text = page.column("name")
    ends = page.array(text["ends"])
    assert bytes(page.array(text["data"])[ends[4] : ends[5]]).decode() == "house 5 <b>"


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_missing_values_stay_missing(make, tmp_path, written):
    frame = make({"kind": ["a", None] * (N // 2), "weight": [1.5, None] * (N // 2)})
    page = written(explore(embedding=POSITIONS, columns=frame, path=tmp_path / "page.html").path)
    assert page.values("kind") == ["a", None] * (N // 2)
    # a list of Python objects, in a dict, is no column of numbers
    weights = page.values("weight")
    assert weights[0] in (1.5, "1.5")
    assert weights[1] is None or math.isnan(weights[1])


def test_few_integers_are_classes_and_many_are_numbers(tmp_path, written):
    page = write(tmp_path, written, grade=np.arange(N) % 5, number=np.arange(N))
    assert page.column("grade")["kind"] == "category"
    assert page.column("number")["kind"] == "number"


def test_integers_as_labels_are_classes_however_many(tmp_path, written):
    page = written(explore(embedding=POSITIONS, y=np.arange(N), path=tmp_path / "page.html").path)
    assert page.values("label") == [str(i) for i in range(N)]


def test_long_texts_are_cut_and_the_page_says_so(tmp_path, written):
    page = write(tmp_path, written, story=[f"{i} " + "long " * 200 for i in range(N)])
    assert page.array(page.column("story")["ends"])[0] == 400
    assert page.described["notes"] == ["column 'story': 100 texts are cut after 400 characters"]


def test_infinite_values_are_shown_as_missing_and_the_page_says_so(tmp_path, written):
    page = write(tmp_path, written, rate=np.r_[np.inf, 1e300, np.linspace(0, 1, N - 2)])
    assert np.isnan(page.values("rate")).nonzero()[0].tolist() == [0, 1]
    assert page.described["notes"] == ["column 'rate': 2 values beyond single precision are shown as missing"]


def test_texts_that_are_too_large_are_left_out_with_a_warning(tmp_path, written, monkeypatch):
    monkeypatch.setattr("paradime.explorer.columns._MOST_TEXT_BYTES", 1000)
    with pytest.warns(UserWarning, match="column 'story' is left out: its texts may take"):
        page = write(tmp_path, written, story=[f"a story of house {i}" for i in range(N)], size=np.arange(N))
    assert [column["name"] for column in page.described["columns"]] == ["size"]


@pytest.mark.parametrize(
    ("low", "high", "kind"), [(0, 255, "u1"), (-1, 100, "i1"), (0, 256, "u2"), (-1, 1 << 15, "i4")]
)
def test_integers_take_as_few_bytes_as_hold_them(low, high, kind):
    packed = smallest_integers(np.array([low, high]))
    assert packed.dtype.str[1:] == kind
    assert packed.tolist() == [low, high]


def test_large_integers_keep_their_digits(tmp_path, written):
    ids = 10**12 + np.arange(N)
    assert np.array_equal(write(tmp_path, written, id=ids).values("id"), ids)


@pytest.mark.parametrize(
    ("columns", "error", "match"),
    [
        ({"age": [1, 2]}, ValueError, r"one value per point, got shape \(2,\) for 'age' and 100 points"),
        ({"age": np.ones((N, 2))}, ValueError, "one value per point"),
        (np.ones((N, 2)), TypeError, "data frame or a dict"),
        ("age", TypeError, "data frame or a dict"),
        (pd.DataFrame(np.ones((N, 2)), columns=["a", "a"]), ValueError, "'a' for columns 1 and 2"),
    ],
)
def test_columns_that_do_not_fit_are_refused(columns, error, match, tmp_path):
    with pytest.raises(error, match=match):
        explore(embedding=POSITIONS, columns=columns, path=tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_decimals_are_numbers(make, tmp_path, written):
    frame = make({"price": [Decimal("1.25"), None] * (N // 2)})
    page = written(explore(embedding=POSITIONS, columns=frame, path=tmp_path / "page.html").path)
    assert page.column("price")["kind"] == "number"
    assert page.values("price")[0] == 1.25
    assert math.isnan(page.values("price")[1])


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
def test_integers_with_gaps_are_classes_or_numbers_as_without(make, tmp_path, written):
    few = pd.array([3, None, 10, 2] * (N // 4), dtype="Int64")
    many = pd.array([None, *range(N - 1)], dtype="Int64")
    frame = pl.from_pandas(pd.DataFrame({"few": few, "many": many})) if make is pl.DataFrame else None
    frame = make({"few": few, "many": many}) if frame is None else frame
    page = written(explore(embedding=POSITIONS, columns=frame, path=tmp_path / "page.html").path)
    assert page.values("few") == ["3", None, "10", "2"] * (N // 4)
    assert page.column("few")["names"] == ["2", "3", "10", None]
    assert page.column("many")["integer"]
    assert math.isnan(page.values("many")[0])
    assert page.values("many")[1:].tolist() == list(range(N - 1))


DAYS = ["2024-01-01", None, "2024-03-01", "2024-02-01"] * (N // 4)


@pytest.mark.parametrize(
    "dates",
    [
        pd.to_datetime(pd.Series(DAYS)),
        pd.DatetimeIndex(pd.to_datetime(pd.Series(DAYS))),
        pd.array(DAYS, dtype="datetime64[ns, UTC]"),
        pd.PeriodIndex(DAYS, freq="D"),
        np.array([day or "NaT" for day in DAYS], dtype="datetime64[D]"),
        pl.Series(DAYS).str.to_date(),
        [None if day is None else datetime.date.fromisoformat(day) for day in DAYS],
        [pd.NaT if day is None else pd.Timestamp(day) for day in DAYS],
        np.ma.masked_array(
            np.array([day or "2000-01-01" for day in DAYS], dtype="datetime64[s]"), mask=[d is None for d in DAYS]
        ),
    ],
    ids=["series", "index", "zone", "period", "numpy", "polars", "list", "timestamps", "masked"],
)
def test_dates_of_any_container_are_dates_with_gaps(dates, tmp_path, written):
    page = write(tmp_path, written, day=dates)
    assert page.column("day")["date"]
    expected = np.array([day or "NaT" for day in DAYS], dtype="datetime64[ms]")
    assert np.array_equal(page.values("day").astype("datetime64[ms]"), expected, equal_nan=True)


def test_columns_are_read_alike_from_a_dict_and_a_frame(tmp_path, written):
    columns = {
        "flag": pd.array([True, None] * (N // 2), dtype="boolean"),
        "size": pd.array([1.5, None] * (N // 2), dtype="Float32"),
        "lasted": pd.to_timedelta([36, None] * (N // 2), unit="h"),
        "code": pd.array([2**60 + 1, None] * (N // 2), dtype="Int64"),
    }
    pages = [write(tmp_path, written, **columns), None]
    pages[1] = written(
        explore(embedding=POSITIONS, columns=pd.DataFrame(columns), path=tmp_path / "frame.html").path
    )
    for page in pages:
        assert page.values("flag")[:2] == ["true", None]
        assert page.values("size")[0] == 1.5
        assert page.values("lasted")[0] == 1.5
        # beyond what double precision holds, which is all that a page has
        assert page.values("code")[:2] == ["1152921504606846977", None]
        assert page.described["notes"] == ["column 'lasted': durations are shown in days"]


def test_categories_keep_their_order(tmp_path, written):
    sizes = pd.Categorical(["small", "large", None, "medium"] * (N // 4), ["small", "medium", "large", "huge"])
    page = write(tmp_path, written, size=sizes)
    assert page.column("size")["names"] == ["small", "medium", "large", None]


def test_large_whole_numbers_keep_their_digits_beside_a_gap(tmp_path, written):
    ids = pd.array([None, *(10**12 + np.arange(1, N))], dtype="Int64")
    assert write(tmp_path, written, id=ids).values("id")[1:].tolist() == (10**12 + np.arange(1, N)).tolist()


def test_masked_entries_are_missing(tmp_path, written):
    masked = np.ma.masked_array(np.arange(N), mask=np.arange(N) == 3)
    assert np.flatnonzero(np.isnan(write(tmp_path, written, count=masked).values("count"))).tolist() == [3]


ROWS = np.random.default_rng(0).normal(size=(N, 2))


@pytest.mark.parametrize("other", [list(range(N)), ["a", "b"] * (N // 2)])
def test_column_that_would_hide_a_feature_is_refused(other, tmp_path):
    with pytest.raises(ValueError, match=r"of a feature with other values, got 'x1'. Rename the column"):
        explore(embedding=POSITIONS, X=ROWS, columns={"x1": other}, path=tmp_path / "page.html")


def test_columns_may_repeat_features_and_are_shown_once(tmp_path, written):
    columns = {"size": ROWS[:, 1], "age": np.arange(N)}
    names = ["width", "size"]
    page = explore(embedding=POSITIONS, X=ROWS, columns=columns, feature_names=names, path=tmp_path / "page.html")
    shown = [column["name"] for column in written(page.path).described["columns"]]
    assert sorted(shown) == ["age", "size", "width"]


def test_labels_beside_a_feature_of_their_name_are_told_apart(tmp_path, written):
    y = pd.Series(["a", "b"] * (N // 2), name="x0")
    page = written(explore(embedding=POSITIONS, X=ROWS, y=y, path=tmp_path / "page.html").path)
    assert [column["name"] for column in page.described["columns"]] == ["x0 (y)", "x0", "x1"]


def test_names_of_columns_that_are_no_texts_become_texts(tmp_path, written):
    frame = pd.DataFrame({"a": range(N), 7: np.linspace(0, 1, N)})
    page = written(explore(embedding=POSITIONS, columns=frame, path=tmp_path / "page.html").path)
    assert [column["name"] for column in page.described["columns"]] == ["a", "7"]
    twice = frame.assign(**{"7": 1})
    with pytest.raises(ValueError, match="names of columns must differ, got '7'"):
        explore(embedding=POSITIONS, columns=twice, path=tmp_path / "page.html")

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from paradime.utils.targets import read_numbers, read_targets, read_targets_together

ORDER = ["low", "middle", "high"]


@pytest.mark.parametrize(
    ("y", "classes", "codes"),
    [
        pytest.param(np.array([1, 2, -1, 10], dtype=object), [1, 2, 10], [0, 1, -1, 2], id="integers as objects"),
        pytest.param([1, "a", None, 2], [1, 2, "a"], [0, 2, -1, 1], id="numbers among texts"),
        pytest.param([np.int64(3), np.int64(1)], [1, 3], [1, 0], id="numpy's integers in a list"),
        pytest.param(pd.Series([1, None, 10, 2], dtype="Int64"), [1, 2, 10], [0, -1, 2, 1], id="Int64"),
        pytest.param(pd.array([10, None, 2], dtype="Int64"), [2, 10], [1, -1, 0], id="pandas array"),
        pytest.param(pd.Series([1, None, 2], dtype="int64[pyarrow]"), [1, 2], [0, -1, 1], id="int64[pyarrow]"),
        pytest.param(pd.Series([True, None, False], dtype="boolean"), [False, True], [1, -1, 0], id="boolean"),
        pytest.param(pd.Series(["x", None, "a"], dtype="string"), ["a", "x"], [1, -1, 0], id="string"),
        pytest.param(pd.Series(["x", np.nan, "a"]), ["a", "x"], [1, -1, 0], id="texts in pandas"),
        pytest.param(pd.Index(["b", "a"]), ["a", "b"], [1, 0], id="index"),
        pytest.param(pd.DataFrame({"y": [5, 4]}), [4, 5], [1, 0], id="frame of one column"),
        pytest.param(pd.Categorical(["high", "low", None], ORDER), ["low", "high"], [1, 0, -1], id="categorical"),
        pytest.param(
            pd.Series([1, 3, None], dtype=pd.CategoricalDtype([3, 2, 1])),
            [3, 1],
            [1, 0, -1],
            id="categories of numbers",
        ),
        pytest.param(pl.Series([10, None, 3]), [3, 10], [1, -1, 0], id="polars"),
        pytest.param(
            pl.Series(["high", "low", None], dtype=pl.Enum(ORDER)), ["low", "high"], [1, 0, -1], id="enum"
        ),
        pytest.param(
            pl.Series(["b", "a", None], dtype=pl.Categorical), ["a", "b"], [1, 0, -1], id="polars categorical"
        ),
        pytest.param(pa.array([10, None, 3]), [3, 10], [1, -1, 0], id="arrow array"),
        pytest.param(pa.chunked_array([["a", None]]), ["a"], [0, -1], id="arrow column"),
        pytest.param(np.ma.masked_array([1, 2, 3], [0, 1, 0]), [1, 3], [0, -1, 1], id="masked array"),
        pytest.param(torch.tensor([10, 2, -1]), [2, 10], [1, 0, -1], id="tensor"),
        pytest.param(np.array([1, 255], dtype=np.uint8), [1, 255], [0, 1], id="bytes"),
        pytest.param([None, None], [], [-1, -1], id="all missing"),
        pytest.param([2**70, 1], [1, 2**70], [1, 0], id="integers beyond 64 bits"),
    ],
)
def test_classes_keep_type_and_order_and_missing_ones_have_no_class(y, classes, codes):
    found = read_targets(y)
    assert found.kind == "classes"
    assert found.classes.tolist() == classes
    assert [type(value) for value in found.classes.tolist()] == [type(value) for value in classes]
    assert found.codes.tolist() == codes
    assert found.missing.tolist() == [code == -1 for code in codes]


@pytest.mark.parametrize(
    ("y", "numbers"),
    [
        ([0.5, None, 2], [0.5, np.nan, 2]),
        ([decimal.Decimal("1.5"), None], [1.5, np.nan]),
        (pd.Series([1.5, None], dtype="Float64"), [1.5, np.nan]),
        (pl.Series([1.5, None]), [1.5, np.nan]),
        (np.ma.masked_array([1.0, 2.0], [0, 1]), [1, np.nan]),
        (torch.tensor([1.5, 2.0], dtype=torch.bfloat16), [1.5, 2]),
    ],
)
def test_floating_point_numbers_and_decimals_are_numbers(y, numbers):
    found = read_targets(y)
    assert found.kind == "numbers"
    np.testing.assert_array_equal(found.numbers, numbers)


@pytest.mark.parametrize(
    "y",
    [
        pd.Series(pd.to_datetime(["2020-01-01", None])),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        [datetime.date(2020, 1, 1), None],
        pl.Series([datetime.date(2020, 1, 1)]),
        pa.array([datetime.date(2020, 1, 1)]),
        pd.Series(pd.to_timedelta([1], unit="D")),
        pd.Series(pd.period_range("2020", periods=2)),
        pd.Series(pd.to_datetime(["2020-01-01"])).astype("category"),
    ],
    ids=lambda y: f"{type(y).__name__} {getattr(y, 'dtype', '')}",
)
def test_dates_are_refused_with_what_to_do(y):
    with pytest.raises(ValueError, match=r"y must be classes or numbers, got dates or times .*such as the year"):
        read_targets(y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[1], [2, 3]], "one class or number per row, got a value of type list"),
        (pd.DataFrame({"a": [1], "b": [2]}), "must be one column, got a data frame with 2"),
        (np.zeros((3, 2)), r"shape \(n,\), one per row, got \(3, 2\)"),
        ("abc", r"got \(\)"),
        (np.array([1j]), "complex"),
    ],
)
def test_what_is_no_column_of_targets_is_refused(y, message):
    with pytest.raises(ValueError, match=message):
        read_targets(y)


def test_columns_read_together_share_their_codes_and_the_first_one_decides_the_order():
    old, new = read_targets_together(
        ("y", pd.Categorical(["high", "low"], ORDER), 2), ("y_new", ["new", "low", None], 3)
    )
    assert old.classes.tolist() == new.classes.tolist() == ["low", "high", "new"]
    assert (old.codes.tolist(), new.codes.tolist()) == ([1, 0], [2, 0, -1])


def test_columns_of_unlike_kinds_are_not_read_together():
    with pytest.raises(ValueError, match="y and y_new must be of one kind, got classes and numbers"):
        read_targets_together(("y", [1, 2], 2), ("y_new", [0.5], 1))
    with pytest.raises(ValueError, match="got numbers and strings"):
        read_targets_together(("y", [1, 2], 2), ("y_new", ["1"], 1))


def test_numbers_may_be_integers_with_gaps():
    numbers = read_numbers(pd.Series([3, None, -1], dtype="Int64"))
    np.testing.assert_array_equal(numbers, [3, np.nan, -1])
    with pytest.raises(TypeError, match="values must be numbers, got 'a'"):
        read_numbers(["a"])


def test_dates_are_called_what_their_column_calls_them():
    periods = pd.Series(pd.period_range("2020", periods=3, freq="D"))
    for y in (periods, periods.to_frame()):
        with pytest.raises(ValueError, match=r"dates or times \(period\[D\]\)"):
            read_targets(y)
    with pytest.raises(ValueError, match=r"dates or times \(datetime64\[D\]\)"):
        read_targets(np.array(["2020-01-01"], dtype="datetime64[D]"))


def test_integers_with_gaps_are_classes_beside_integers():
    old, new = read_targets_together(("y", [0, 2, 5], 3), ("y_new", [5.0, np.nan, -1.0, 7.0], 4))
    assert (old.codes.tolist(), new.codes.tolist()) == ([0, 1, 2], [2, -1, -1, 3])
    assert new.classes.tolist() == [0, 2, 5, 7]
    for y in (["a", "b", "c"], [0, 2, 5]):
        with pytest.raises(ValueError, match="y and y_new must be of one kind, got classes and numbers"):
            read_targets_together(("y", y, 3), ("y_new", [0.5, np.nan], 2))

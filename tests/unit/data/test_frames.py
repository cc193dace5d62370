import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

from paradime import ParametricMDS
from paradime.data import Dataset
from paradime.utils.sparse import SparseRows

X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
MAKERS = {
    "pandas": lambda columns: pd.DataFrame(columns),
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
}


def columns(**further):
    return {**{name: X[:, i] for i, name in enumerate("abc")}, **further}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_frames_of_any_library_are_numbers_with_names(make):
    flags = np.arange(60) % 2 == 0
    dataset = Dataset(make(columns(flag=flags, whole=np.arange(60))))
    np.testing.assert_allclose(dataset["main"], np.column_stack([X, flags, np.arange(60)]))
    assert dataset.columns == {"main": ["a", "b", "c", "flag", "whole"]}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_fit_and_transform_take_frames_as_arrays(make):
    routine = ParametricMDS(epochs=2, random_state=0)
    expected = routine.fit_transform(X)
    np.testing.assert_array_equal(routine.fit_transform(make(columns())), expected)
    np.testing.assert_array_equal(routine.fit({"main": make(columns())}).transform(make(columns())), expected)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["red"] * 60, "strings"),
        (np.array(["2020-01-01"] * 60, "datetime64[ns]"), "dates or times"),
    ],
    ids=["strings", "datetime"],
)
def test_columns_without_numbers_are_refused_by_name_with_a_remedy(make, values, words):
    with pytest.raises(
        ValueError, match=f"column 'odd' must hold numbers, got {words} .type .*TabularEncoder, or drop"
    ):
        Dataset(make(columns(odd=values)))


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(columns(odd=pd.Categorical(["x", "y"] * 30))),
        pl.DataFrame(columns(odd=["x", "y"] * 30)).with_columns(pl.col("odd").cast(pl.Categorical)),
        pa.table(columns(odd=pa.array(["x", "y"] * 30).dictionary_encode())),
    ],
    ids=list(MAKERS),
)
def test_categories_are_refused_by_name(frame):
    with pytest.raises(ValueError, match="column 'odd' must hold numbers, got categories"):
        Dataset(frame)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(columns(odd=pd.array([1, 2, None] * 20, dtype="Int64"))),
        pd.DataFrame(columns(odd=pd.array([True, False, None] * 20, dtype="boolean"))),
        pl.DataFrame(columns(odd=[1.0, 2.0, None] * 20)),
        pa.table(columns(odd=pa.array([1, 2, None] * 20))),
    ],
    ids=["Int64", "boolean", "polars", "pyarrow"],
)
def test_missing_value_names_the_column_and_says_na(frame):
    with pytest.raises(ValueError, match="NA: column 'odd' has a missing value, first at row 2"):
        Dataset(frame)


def test_nullable_columns_without_missing_values_are_numbers():
    frame = pd.DataFrame(
        columns(a=pd.array(range(60), dtype="Int64"), b=pd.array([True, False] * 30, dtype="boolean"))
    )
    assert Dataset(frame)["main"][:3, :2].tolist() == [[0, 1], [1, 0], [2, 1]]


def test_names_of_several_types_are_refused():
    with pytest.raises(TypeError, match="string names"):
        Dataset(pd.DataFrame(X, columns=["a", "b", 3]))


def test_lazy_frame_is_to_be_collected():
    with pytest.raises(TypeError, match="collect"):
        Dataset(pl.DataFrame(columns()).lazy())


def test_frame_of_sparse_columns_stays_sparse():
    matrix = scipy.sparse.random_array((60, 9), density=0.2, rng=0)
    rows = Dataset(pd.DataFrame.sparse.from_spmatrix(matrix))["main"]
    assert isinstance(rows, SparseRows)
    np.testing.assert_allclose(rows[:], matrix.toarray().astype(np.float32))


def test_series_are_entries():
    dataset = Dataset({"main": pl.DataFrame(columns()), "labels": pl.Series([0, 1, 2] * 20)})
    assert dataset["labels"][:3].tolist() == [0, 1, 2]

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from paradime import ParametricContrastive
from paradime.preprocessing import TabularEncoder

pytestmark = pytest.mark.usefixtures("few_first_steps")

COLUMNS = {
    "size": [1.0, 4.0, None, 7.0] * 10,
    "colour": ["red", "blue", "red", None] * 10,
    "flag": [True, False] * 20,
}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "pyarrow"])
def test_numbers_are_standardised_and_categories_become_columns(make):
    encoder = TabularEncoder().fit(make(COLUMNS))
    assert encoder.get_feature_names_out().tolist() == [
        "size", "flag", "colour=blue", "colour=red", "colour=missing",
    ]  # fmt: skip
    filled = np.array([[1.0, 4.0, 4.0, 7.0] * 10, [1.0, 0.0] * 20]).T
    encoded = encoder.transform(make(COLUMNS))
    np.testing.assert_allclose(encoded[:, :2], StandardScaler().fit_transform(filled))
    assert encoded[:4, 2:].tolist() == [[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_numbers_are_kept_if_asked_for():
    assert TabularEncoder(numbers="keep").fit_transform(np.array([[1.0, 2.0], [3.0, 9.0]])).tolist() == [
        [1, 2],
        [3, 9],
    ]


def test_categories_that_were_not_seen_are_zeros_or_an_error():
    seen, new = pd.DataFrame({"c": ["a", "b"]}), pd.DataFrame({"c": ["z", "a"]})
    assert TabularEncoder().fit(seen).transform(new).tolist() == [[0, 0], [1, 0]]
    with pytest.raises(ValueError, match="unknown categories"):
        TabularEncoder(unknown="error").fit(seen).transform(new)


def test_missing_values_are_refused_by_name_if_asked_for():
    with pytest.raises(ValueError, match=r"column 'size' has a missing value .NA., first at row 2"):
        TabularEncoder(missing="error").fit(pd.DataFrame(COLUMNS))


def test_dates_other_columns_and_wrong_parameters_are_refused():
    with pytest.raises(ValueError, match="column 'when' must have numbers or categories, got dates"):
        TabularEncoder().fit(pd.DataFrame({"when": pd.to_datetime(["2020-01-01", "2020-01-02"])}))
    encoder = TabularEncoder().fit(pd.DataFrame(COLUMNS))
    with pytest.raises(ValueError, match="should match"):
        encoder.transform(pd.DataFrame(COLUMNS)[["colour", "size", "flag"]])
    with pytest.raises(ValueError, match="X has 2 features"):
        encoder.transform(pd.DataFrame(COLUMNS)[["colour", "size"]])
    with pytest.raises(ValueError, match="unknown must be one of"):
        TabularEncoder(unknown="drop").fit(pd.DataFrame(COLUMNS))


def test_it_stands_before_a_routine_in_a_pipeline():
    pipeline = make_pipeline(TabularEncoder(), ParametricContrastive(epochs=1, random_state=0))
    embedded = clone(pipeline).fit_transform(pl.DataFrame(COLUMNS))
    assert np.isfinite(embedded).all()
    # equal rows have the same encoding
    np.testing.assert_allclose(embedded[0], embedded[4], atol=1e-6)


@pytest.mark.parametrize(
    "make", [pd.DataFrame, pl.DataFrame, pa.table, None], ids=["pandas", "polars", "pyarrow", "array"]
)
def test_decimals_are_numbers(make):
    prices = [Decimal("1.25"), Decimal("2.50"), None, Decimal("3.75")]
    table = {"price": prices, "size": [1.0, 2.0, 3.0, 4.0]}
    given = np.array(list(zip(*table.values(), strict=True)), dtype=object) if make is None else make(table)
    encoded = TabularEncoder(numbers="keep").fit_transform(given)
    assert encoded.tolist() == [[1.25, 1.0], [2.5, 2.0], [2.5, 3.0], [3.75, 4.0]]


def test_masked_entries_are_filled_like_missing_ones():
    masked = np.ma.masked_array([[1.0, 2.0], [5.0, 9.0], [3.0, 4.0]], mask=[[0, 0], [0, 1], [0, 0]])
    assert TabularEncoder(numbers="keep").fit_transform(masked).tolist() == [[1, 2], [5, 3], [3, 4]]
    with pytest.raises(ValueError, match="first at row 1"):
        TabularEncoder(missing="error").fit(masked)


def test_columns_that_pandas_numbers_are_called_as_those_of_an_array():
    X = np.eye(3)
    encoder = TabularEncoder().fit(pd.DataFrame(X))
    assert encoder.get_feature_names_out().tolist() == ["x0", "x1", "x2"]
    assert np.array_equal(encoder.transform(X), encoder.transform(pd.DataFrame(X)))
    with pytest.raises(ValueError, match="'a' for columns 1 and 2"):
        encoder.fit(pd.DataFrame(X, columns=["a", "a", "b"]))


@pytest.mark.parametrize("kind", [object, "category"])
def test_missing_texts_are_missing_whatever_the_column_of_pandas_is(kind):
    column = pd.Series(["red", None, "blue", np.nan], dtype=kind)
    names = TabularEncoder().fit(pd.DataFrame({"colour": column})).get_feature_names_out()
    assert names.tolist() == ["colour=blue", "colour=red", "colour=missing"]

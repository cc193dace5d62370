import copy

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paradime.data import Dataset


def rows(n=12, d=3):
    return np.random.default_rng(0).normal(size=(n, d)).astype(np.float32)


# -- what data become ---------------------------------------------------------------------------------


def test_array_is_named_main_and_rows_are_numbered():
    dataset = Dataset(rows())
    assert list(dataset) == ["main", "indices"]
    assert len(dataset) == dataset.n_points == 12
    np.testing.assert_array_equal(dataset["main"], rows())
    assert dataset["indices"].tolist() == list(range(12))


WHOLE = np.random.default_rng(1).integers(0, 100, (12, 3))
KINDS = {
    "list": lambda: WHOLE.astype(float).tolist(),
    "tensor": lambda: torch.tensor(WHOLE, dtype=torch.float32),
    "tensor with gradient": lambda: torch.tensor(WHOLE, dtype=torch.float32, requires_grad=True),
    "float64": lambda: WHOLE.astype(np.float64),
    "float16": lambda: WHOLE.astype(np.float16),
    "int64": lambda: WHOLE.astype(np.int64),
    "int8": lambda: WHOLE.astype(np.int8),
    "uint8": lambda: WHOLE.astype(np.uint8),
    "uint16": lambda: WHOLE.astype(np.uint16),
    "uint64": lambda: WHOLE.astype(np.uint64),
    "longdouble": lambda: WHOLE.astype(np.longdouble),
    "big-endian float": lambda: WHOLE.astype(">f8"),
    "big-endian int": lambda: WHOLE.astype(">i4"),
    "Fortran order": lambda: np.asfortranarray(WHOLE.astype(np.float32)),
    "negative strides": lambda: np.ascontiguousarray(WHOLE[::-1, ::-1].astype(np.float32))[::-1, ::-1],
    "every other row and column": lambda: np.repeat(np.repeat(WHOLE, 2, 0), 2, 1).astype(np.float32)[::2, ::2],
    "objects": lambda: WHOLE.astype(object),
    "data frame": lambda: pd.DataFrame(WHOLE, columns=["a", "b", "c"]),
    "data frame of mixed numbers": lambda: pd.DataFrame(WHOLE, columns=["a", "b", "c"]).astype({"b": np.float32}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_data_of_any_kind_equal_single_precision_and_stay_as_they_are(kind):
    given = KINDS[kind]()
    before = copy.deepcopy(given)
    dataset = Dataset(given)
    assert torch.equal(dataset["main"].detach().to(torch.float32), torch.tensor(WHOLE, dtype=torch.float32))
    np.testing.assert_array_equal(
        np.asarray(torch.as_tensor(before).detach() if "tensor" in kind else before),
        np.asarray(torch.as_tensor(given).detach() if "tensor" in kind else given),
    )


def test_booleans_are_zeros_and_ones():
    given = WHOLE > 50
    assert torch.equal(Dataset(given)["main"].float(), torch.tensor(given, dtype=torch.float32))


def test_read_only_memory_is_read_without_a_warning(tmp_path):
    np.save(tmp_path / "data.npy", rows())
    mapped = np.load(tmp_path / "data.npy", mmap_mode="r")
    np.testing.assert_array_equal(Dataset(mapped)["main"], rows())
    frozen = rows()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(Dataset(frozen)["main"], rows())


def test_floats_become_single_precision_and_integers_keep_being_integers():
    dataset = Dataset({"main": rows().astype(np.float64), "labels": np.arange(12), "large": np.arange(12) + 2**40})
    assert dataset["main"].dtype == torch.float32
    assert dataset["labels"].dtype == torch.int32
    assert dataset["large"].tolist() == (np.arange(12) + 2**40).tolist()


def test_source_keeps_the_precision_in_which_data_came():
    far = rows().astype(np.float64) + 1e6
    dataset = Dataset(far)
    np.testing.assert_array_equal(dataset.source("main"), far)
    assert dataset.source("indices").tolist() == list(range(12))


# -- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "words"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_values_that_are_not_finite_are_named_with_the_first_place_and_advice(value, words, dtype):
    X = rows(10, 4).astype(dtype)
    X[6, 1] = X[3, 2] = X[8, 0] = value
    with pytest.raises(ValueError, match=rf"X contains {words}, first at row 3, column 2\. \w+.* drop"):
        Dataset(X)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9), st.integers(0, 3), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_single_value_that_is_not_finite_is_found_wherever_it_stands(row, column, value):
    X = rows(10, 4)
    X[row, column] = value
    with pytest.raises(ValueError, match=f"first at row {row}, column {column}"):
        Dataset({"main": rows(10, 4), "other": X})


def test_infinities_that_would_cancel_are_found():
    X = rows()
    X[1, 0], X[2, 0] = np.inf, -np.inf
    with pytest.raises(ValueError, match="contains infinity, first at row 1, column 0"):
        Dataset(X)


def test_large_values_whose_sum_overflows_are_data_like_any_other():
    X = np.full((10, 2), 3e38)
    X[0] = 2e38
    expected = torch.full((10, 2), 3e38)
    expected[0] = 2e38
    assert torch.equal(Dataset(X)["main"], expected)
    assert Dataset({"main": rows(10), "other": X.astype(np.float32)})["other"].isfinite().all()


@pytest.mark.parametrize("value", [1e39, -1e300])
def test_values_beyond_single_precision_are_named_with_their_column(value):
    X = rows().astype(np.float64)
    X[4, 2] = value
    with pytest.raises(ValueError, match=r"beyond single precision, .* at row 4, column 2\. Rescale the column"):
        Dataset(X)


REFUSED = {
    "none": (None, TypeError, "X must be an array with one row per data point, got NoneType"),
    "text": ("data.csv", TypeError, "must be an array with one row per data point, got str"),
    "number": (3.0, TypeError, "must be an array with one row per data point, got float"),
    "complex": (rows() + 1j, ValueError, "must be real, got complex numbers"),
    "ragged": ([[1.0, 2.0], [3.0]], ValueError, "X: expected rows of equal length, got a ragged"),
    "texts": ([["a", "b"], ["c", "d"]], TypeError, "X: expected numbers"),
    "mixed with text": (np.array([[1, "x"]], dtype=object), ValueError, "expected numbers, got 'x' in column 1"),
    "one dimension": (np.arange(5.0), ValueError, r"Expected 2D array for X, got shape \(5,\).*reshape"),
    "no rows": (np.empty((0, 3)), ValueError, r"has 0 sample\(s\)"),
    "no columns": (np.empty((3, 0)), ValueError, r"has 0 feature\(s\)"),
    "empty list": ([], ValueError, r"has 0 sample\(s\)"),
    "empty dict": ({}, ValueError, "at least one entry, got an empty dict"),
    "lengths": (
        {"main": rows(12), "labels": np.arange(11)},
        ValueError,
        "same number of rows, got {'main': 12, 'labels': 11}",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_data_is_refused_with_a_reason(kind):
    given, error, words = REFUSED[kind]
    with pytest.raises(error, match=words):
        Dataset(given)


def test_entry_that_is_refused_leaves_the_data_set_as_it_was():
    dataset = Dataset(rows())
    with pytest.raises(ValueError, match="'b' contains NaN"):
        dataset.add({"a": np.ones(12), "b": np.full(12, np.nan)})
    with pytest.raises(ValueError, match="same number of rows"):
        dataset.add({"a": np.ones(5)})
    assert list(dataset) == ["main", "indices"]


# -- access -------------------------------------------------------------------------------------------


def test_entries_are_added_and_replaced():
    dataset = Dataset(rows())
    dataset.add({"pos": np.zeros((12, 2))})
    dataset.add({"pos": np.ones((12, 2)), "labels": np.arange(12)})
    assert set(dataset) == {"main", "indices", "pos", "labels"}
    assert (dataset["pos"] == 1).all()
    assert (dataset.source("pos") == 1).all()


@pytest.mark.parametrize("chosen", [[3, 0, 7], np.array([3, 0, 7]), torch.tensor([3, 0, 7])])
def test_rows_are_those_asked_for_in_all_entries(chosen):
    result = Dataset({"main": rows(), "labels": np.arange(12) * 10}).rows(chosen)
    np.testing.assert_array_equal(result["main"], rows()[[3, 0, 7]])
    assert result["labels"].tolist() == [30, 0, 70]
    assert result["indices"].tolist() == [3, 0, 7]


def test_number_or_slice_gives_all_entries_at_these_rows():
    dataset = Dataset(rows())
    np.testing.assert_array_equal(dataset[2]["main"], rows()[2])
    np.testing.assert_array_equal(dataset[2:5]["main"], rows()[2:5])
    assert dataset[-1]["indices"] == 11


def test_unknown_entry_gets_a_suggestion():
    with pytest.raises(KeyError, match=r"no entry 'lables'\. Did you mean 'labels'\?"):
        Dataset({"main": rows(), "labels": np.arange(12)})["lables"]


def test_data_set_on_the_same_device_shares_its_entries():
    dataset = Dataset(rows())
    moved = dataset.to(torch.device("cpu"))
    assert moved["main"].data_ptr() == dataset["main"].data_ptr()
    moved.add({"new": np.ones(12)})
    assert "new" not in dataset


def test_identical_rows_warn_once_and_rows_that_only_start_alike_do_not():
    X = np.ones((5, 2))
    with pytest.warns(UserWarning, match="all 5 rows of X are identical"):
        Dataset(X)
    X[4] = 2
    Dataset(X)

"""The rows on data, for every preset and a composed routine, in fit and in transform."""

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from scipy.spatial.distance import pdist, squareform
from sklearn.exceptions import NotFittedError

from paradime import estimators
from paradime.neighbors import nearest_neighbors
from paradime.relations import NeighborBasedPDist
from paradime.training import Callback
from rows import rows

PRESETS = sorted(set(estimators.__all__) - {"Preset"})

pytestmark = [
    pytest.mark.usefixtures("few_first_steps"),
    # scikit-learn's own
    pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning"),
]


def changed(value, row=7, column=3):
    def change(X):
        X = X.astype(np.asarray(value).dtype if isinstance(value, str) else np.float64)
        X[row, column] = value
        return X

    return change


def as_objects(X):
    X = X.astype(object)
    X[4, 2] = "red"
    return X


def with_dates(X):
    return pd.DataFrame(X, columns=list("abcde")).assign(day=pd.Timestamp("2020-01-01"))


BAD = {
    "1": (changed(np.nan), ValueError, r"^X contains NaN, first at row 7, column 3\. Impute"),
    "2": (changed(-np.inf), ValueError, r"^X contains infinity, first at row 7, column 3\. Clip"),
    "3": (changed(1e39), ValueError, r"^X has a value beyond single precision, 1e\+39 at row 7, column 3"),
    "7": (lambda X: X[:0], ValueError, r"^X has 0 sample\(s\), at least 1"),
    "8": (lambda X: X[:, :0], ValueError, r"^X has 0 feature\(s\)"),
    "12": (lambda X: X[:, 0], ValueError, r"^Expected 2D array"),
    "12, three axes": (lambda X: X[:, :, None], ValueError, r"^Expected 2D array"),
    "13": (lambda X: [[1.0, 2.0], [3.0]], ValueError, r"^X: expected rows of equal length"),
    "13, None": (lambda X: None, TypeError, r"^X must be an array .*NoneType"),
    "13, string": (lambda X: "X", TypeError, r"^X must be an array .*str"),
    "14": (lambda X: X * 1j, ValueError, r"^Complex data not supported: X must be real"),
    "15": (as_objects, ValueError, r"^X: expected numbers, got 'red' in column 2"),
    "18": (with_dates, ValueError, r"^X: column 'day' must hold numbers, got dates"),
    "19": (lambda X: pd.DataFrame(X, columns=["a", 1, "b", 2, "c"]), TypeError, r"string"),
}

FINE = {
    "4": lambda X: X * 1e30,
    "5": lambda X: X * 1e-30,
    "10": lambda X: X[:4],
    "15": lambda X: X.astype(object),
    "16": lambda X: X.astype(np.float16),
    "17": scipy.sparse.csr_array,
    "20": lambda X: np.asfortranarray(X[::-1]),
    "21": lambda X: np.where(np.arange(5) == 2, 3.0, X),
    "22": lambda X: np.ones_like(X),
    "23": lambda X: np.where(np.arange(90)[:, None] < 45, X[0], X),
    "24": lambda X: np.where(np.arange(90)[:, None] < 45, X, X + 1e4),
    "25": lambda X: np.where(np.arange(90)[:, None] < 45, 0.0, X),
    "26": lambda X: np.where(np.arange(90)[:, None] == 0, 1e8, X),
}

NUMBERS = {row: FINE[row] for row in FINE if row not in ("15", "17", "20")}


@pytest.fixture(params=["memory", "file"])
def stored(request, tmp_path):
    """Makes rows what they are, and rows of a file, which are read when they are needed."""

    def store(X):
        if request.param == "memory":
            return X
        np.save(tmp_path / "rows.npy", np.ascontiguousarray(X))
        return tmp_path / "rows.npy"

    return store


# what an NPY file can hold, with the message for a file where it is another
IN_FILES = {
    **{row: BAD[row][2] for row in ("1", "2", "3", "7", "8", "12", "12, three axes")},
    "14": r"rows\.npy: must hold rows of real numbers, got complex128",
    "15": r"rows\.npy: must hold rows of real numbers, got object",
}


@pytest.mark.row(*rows(BAD))
@pytest.mark.parametrize(
    ("row", "stored"),
    [*((row, "memory") for row in BAD), *((row, "file") for row in IN_FILES)],
    indirect=["stored"],
)
def test_bad_rows_are_refused_and_leave_what_was_learned(row, make, fitted, stored, X):
    spoil, kind, message = BAD[row]
    before, bad = fitted.transform(X), stored(spoil(X))
    message = IN_FILES[row] if isinstance(bad, Path) else message
    with pytest.raises(kind, match=message):
        make().fit(bad)
    for method in ("transform", "fit", "partial_fit"):
        with pytest.raises(kind) as caught:
            getattr(fitted, method)(bad)
        assert not re.search(r"'main'|'X'|inhomogeneous", str(caught.value))
    np.testing.assert_array_equal(fitted.transform(X), before)


def assert_finite_or_clear(row, make, given, n):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            positions = make().fit(given).transform(given)
        except (ValueError, RuntimeError) as error:
            assert row in ("4", "10"), error  # noqa: PT017  the others must succeed
            assert re.search("precision|finite|perplexity|sample", str(error))  # noqa: PT017
        else:
            assert positions.shape == (n, 2)
            assert np.isfinite(positions).all()


@pytest.mark.row(*rows(FINE))
@pytest.mark.parametrize("row", FINE)
def test_unusual_rows_give_finite_positions_or_a_clear_error(row, make, X):
    unusual = FINE[row](X)
    assert_finite_or_clear(row, make, unusual, unusual.shape[0])


# files are read in the same way for all: one that looks for neighbours, one that does not, and a composed one
@pytest.mark.row(4, 5, 10, 16, 21, 22, 23, 24, 25, 26)
@pytest.mark.parametrize("row", NUMBERS)
@pytest.mark.parametrize("kind", ["ParametricMDS", "ParametricUMAP", "composed"], indirect=True)
@pytest.mark.parametrize("stored", ["file"], indirect=True)
def test_unusual_rows_of_a_file_do_so_too(row, make, stored, X):
    unusual = NUMBERS[row](X)
    assert_finite_or_clear(row, make, stored(unusual), len(unusual))


@pytest.mark.row(30, 31, 32)
def test_other_columns_and_what_is_not_fitted_are_refused(make, fitted, stored, X):
    with pytest.raises(NotFittedError, match=r"Call fit\(X\)"):
        make().transform(X)
    with pytest.raises(ValueError, match=r"X has 4 features, but .* is expecting 5 features"):
        fitted.transform(stored(X[:, :4]))
    named = make().fit(pd.DataFrame(X, columns=list("abcde")))
    with pytest.raises(ValueError, match="feature names should match"):
        named.transform(pd.DataFrame(X, columns=list("abced")))


def with_parameter(name, *without):
    """The presets that have a parameter."""
    return [one for one in PRESETS if name in getattr(estimators, one)().get_params() and one not in without]


@pytest.mark.row(6)
@pytest.mark.parametrize("kind", with_parameter("metric", "ParametricMDS"), indirect=True)
def test_an_offset_does_not_change_the_neighbors(make, X):
    rows = [set(zip(*make().fit(moved).graph_.nonzero(), strict=True)) for moved in (X, X + 1e5)]
    assert len(rows[0] & rows[1]) >= 0.99 * len(rows[0])


@pytest.mark.row(11)
@pytest.mark.parametrize("kind", with_parameter("perplexity"), indirect=True)
def test_a_perplexity_of_at_least_the_number_of_rows_names_both(make, X):
    with pytest.raises(ValueError, match=r"perplexity.*\b95\b.*\b90\b"):
        make(perplexity=95).fit(X)


def spoiled_distances(row, column, value):
    def spoil(dists):
        dists = dists.astype(np.asarray(value).dtype)
        dists[row, column] = value
        return dists

    return spoil


DISTANCES = {
    "27, not square": (lambda dists: dists[:, :-1], r"square matrix"),
    "27, asymmetric": (spoiled_distances(3, 4, 100.0), r"symmetric"),
    "27, complex": (lambda dists: dists * 1j, r"real|complex"),
    "27, negative": (spoiled_distances(3, 4, -1.0), r"negative|at least 0"),
    "27, diagonal": (spoiled_distances(5, 5, 2.0), r"diagonal|itself"),
    "27, NaN": (spoiled_distances(3, 4, np.nan), r"finite|NaN"),
    "27, other rows": (lambda dists: dists[:80, :80], r"\b90\b.*\b80\b|\b80\b.*\b90\b"),
}


@pytest.mark.row(*rows(DISTANCES))
@pytest.mark.parametrize("row", DISTANCES)
def test_distances_that_are_none_are_refused(row, kind, make, X):
    spoil, message = DISTANCES[row]
    with pytest.raises((ValueError, TypeError), match=message):
        with_neighbors(kind, make, spoil(squareform(pdist(X)))).fit(X)


@pytest.mark.row(28)
@pytest.mark.parametrize("index", [-2, 90])
def test_a_neighbor_out_of_range_is_refused_with_its_row(index, kind, make, X):
    indices, dists = (part.numpy().copy() for part in nearest_neighbors(X, 5))
    indices[6, 2] = index
    with pytest.raises(ValueError, match=rf"{index}.*row 6\b"):
        with_neighbors(kind, make, (indices, dists)).fit(X)


def with_neighbors(kind, make, given):
    """Makes a routine that is given neighbours."""
    if kind != "composed":
        # methods that look for none do so for a part of their loss
        more = {} if "metric" in make().get_params() and kind != "ParametricMDS" else {"density": True}
        return make(precomputed_knn=given, **more)
    return make(global_relations=NeighborBasedPDist(precomputed=given))


class _Interrupt(Callback):
    def on_batch_end(self, state):
        raise KeyboardInterrupt


@pytest.mark.row(44)
def test_a_first_fit_that_is_interrupted_leaves_a_usable_routine(make, X):
    routine = make()
    with pytest.raises(KeyboardInterrupt):
        routine.fit(X, callbacks=[_Interrupt()])
    assert np.isfinite(routine.transform(X)).all()
    assert np.isfinite(routine.fit(X).transform(X)).all()

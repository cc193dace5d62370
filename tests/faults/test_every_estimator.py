"""The rows on data, for every preset and a composed routine, in fit and in transform."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError

from paradime.training import Callback
from rows import rows

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


@pytest.mark.row(*rows(BAD))
@pytest.mark.parametrize("row", BAD)
def test_bad_rows_are_refused_and_leave_what_was_learned(row, make, X):
    spoil, kind, message = BAD[row]
    with pytest.raises(kind, match=message):
        make().fit(spoil(X))
    routine = make(epochs=3).fit(X)
    before = routine.transform(X)
    for method in ("transform", "fit", "partial_fit"):
        with pytest.raises(kind) as caught:
            getattr(routine, method)(spoil(X))
        assert not re.search(r"'main'|'X'|inhomogeneous", str(caught.value))
    np.testing.assert_array_equal(routine.transform(X), before)


@pytest.mark.row(*rows(FINE))
@pytest.mark.parametrize("row", FINE)
def test_unusual_rows_give_finite_positions_or_a_clear_error(row, make, X):
    rows = FINE[row](X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            positions = make().fit(rows).transform(rows)
        except (ValueError, RuntimeError) as error:
            assert row in ("4", "10"), error  # noqa: PT017  the others must succeed
            assert re.search("precision|finite|perplexity|sample", str(error))  # noqa: PT017
        else:
            assert positions.shape == (len(rows) if row != "17" else 90, 2)
            assert np.isfinite(positions).all()


@pytest.mark.row(30, 31, 32)
def test_other_columns_and_what_is_not_fitted_are_refused(make, X):
    with pytest.raises(NotFittedError, match=r"Call fit\(X\)"):
        make().transform(X)
    routine = make().fit(pd.DataFrame(X, columns=list("abcde")))
    with pytest.raises(ValueError, match=r"X has 4 features, but .* is expecting 5 features"):
        routine.transform(pd.DataFrame(X[:, :4], columns=list("abcd")).to_numpy())
    with pytest.raises(ValueError, match="feature names should match"):
        routine.transform(pd.DataFrame(X, columns=list("abced")))


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

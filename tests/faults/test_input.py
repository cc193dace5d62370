"""Bad and unusual input of further kinds: rows 16 to 31 of the fault matrix, as far as these are no arrays."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow
import pytest
import scipy.sparse
import torch
from sklearn.datasets import load_digits

import paradime
from paradime import ParametricContrastive, ParametricMDS, ParametricUMAP, metrics, plot
from paradime.explain import feature_importance
from paradime.models import ModelRecipe
from paradime.utils.plotting import scatterplot

pytestmark = pytest.mark.usefixtures("few_first_steps")


@pytest.fixture
def short():
    return ParametricMDS(epochs=1, random_state=0)


@pytest.mark.parametrize("method", ["fit", "train"])
def test_annotated_data_are_refused_with_what_takes_them(method, short, X):
    adata = pytest.importorskip("anndata").AnnData(X)
    with pytest.raises(TypeError, match=r"got AnnData\. Call paradime\.anndata\.embed\(adata, routine\)"):
        getattr(short, method)(adata)


@pytest.mark.row(17)
def test_sparse_is_trained_on_as_dense(X):
    X[np.abs(X) < 2] = 0
    short = ParametricContrastive(epochs=1, random_state=0)
    np.testing.assert_allclose(short.fit_transform(scipy.sparse.coo_array(X)), short.fit_transform(X), atol=1e-4)


@pytest.mark.row(18)
@pytest.mark.parametrize("method", ["fit", "transform"])
@pytest.mark.parametrize(
    "column",
    [
        pd.array([1, None] * 45, dtype="Int64"),
        pd.date_range("2020-01-01", periods=90),
        pd.Categorical(["x", "y"] * 45),
        ["text"] * 90,
    ],
    ids=["NA", "datetime", "categorical", "text"],
)
def test_columns_that_are_no_numbers_are_named(method, column, short, X):
    frame = pd.DataFrame(X, columns=list("abcde"))
    short.fit(frame)
    with pytest.raises(ValueError, match="column 'c'"):
        getattr(short, method)(frame.assign(c=column))


@pytest.mark.row(19)
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_names_of_several_types_are_a_type_error(method, short, X):
    short.fit(pd.DataFrame(X, columns=list("abcde")))
    with pytest.raises(TypeError, match="string names"):
        getattr(short, method)(pd.DataFrame(X, columns=["a", "b", "c", "d", 5]))


def messages_of(routine, X):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        embedded = routine.fit(X).transform(X)
    assert np.isfinite(embedded).all()
    return [str(warning.message) for warning in caught]


@pytest.mark.row(21)
@pytest.mark.parametrize("value", [0.0, 5.0])
@pytest.mark.parametrize("kind", [ParametricContrastive, ParametricUMAP], ids=lambda kind: kind.__name__)
def test_constant_columns_are_finite_with_one_warning(kind, value, X):
    X[:, 1] = X[:, 3] = value
    (message,) = messages_of(kind(epochs=1, batch_size=50, random_state=0), X)
    assert message.startswith("2 of 5 columns of X are constant ('x1', 'x3')")


def test_warnings_and_errors_name_the_columns_of_a_frame(short, X):
    X[:, 1] = 5.0
    (message,) = messages_of(short, pd.DataFrame(X, columns=list("abcde")))
    assert message.startswith("1 of 5 columns of X are constant ('b')")


def pa_table(X, columns):
    return pyarrow.table([pyarrow.array(column) for column in X.T], names=columns)


@pytest.mark.parametrize("method", ["fit", "train", "transform", "partial_fit"])
@pytest.mark.parametrize("make", [pd.DataFrame, pa_table], ids=["pandas", "pyarrow"])
def test_names_that_columns_share_are_refused(make, method, short, X):
    if method in ("transform", "partial_fit"):
        short.fit(pd.DataFrame(X, columns=list("abcde")))
    with pytest.raises(ValueError, match=r"names of columns must differ, got 'a' for columns 1 and 3"):
        getattr(short, method)(make(X, columns=list("abade")))


@pytest.mark.row(21)
def test_columns_of_zeros_are_usual_in_images_and_counts(short):
    X = load_digits().data[:200]
    assert (X == 0).all(axis=0).any()
    assert messages_of(short, X) == []
    assert messages_of(short, scipy.sparse.csr_array(X)) == []


@pytest.mark.row(22)
def test_sparse_rows_that_are_all_identical_warn(short):
    assert "identical" in messages_of(short, scipy.sparse.csr_array(np.tile([[1.0, 0, 2]], (40, 1))))[0]


@pytest.mark.row(25)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_sparse_rows_without_entries_are_finite(metric, X):
    X[:3] = 0
    routine = ParametricContrastive(metric=metric, epochs=1, random_state=0)
    assert np.isfinite(routine.fit_transform(scipy.sparse.csr_array(X))).all()


@pytest.mark.row(31)
@pytest.mark.parametrize("make", [pd.DataFrame, lambda X, columns: pl.DataFrame(X, schema=columns)])
def test_names_that_are_reordered_or_unseen_are_refused(make, short, X):
    short.fit(make(X, columns=list("abcde")))
    for names in ("bacde", "abcdf"):
        with pytest.raises(ValueError, match="feature names should match"):
            short.transform(make(X, columns=list(names)))


@pytest.mark.row(30)
def test_other_number_of_columns_of_sparse_data(short, X):
    short.fit(scipy.sparse.csr_array(X))
    with pytest.raises(ValueError, match=r"X has 4 features, but \w+ is expecting 5"):
        short.transform(scipy.sparse.csr_array(X[:, :4]))


@pytest.mark.row(12, 16)
def test_images_of_bytes_are_those_of_floats(X):
    images = load_digits().images[:150].astype(np.uint8)
    recipe = ModelRecipe("conv", options={"channels": [4], "hidden_dims": [8]})
    found = [
        ParametricContrastive(model=recipe, initialization=None, epochs=1, random_state=0)
        .fit(given)
        .transform(given)
        for given in (images, images.astype(np.float32), torch.tensor(images))
    ]
    assert found[0].shape == (150, 2)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


MASKED = {
    "numbers": lambda X: np.ma.masked_array(X, mask=np.zeros(X.shape, dtype=bool)),
    "integers": lambda X: np.ma.masked_array((100 * X).astype(int), mask=np.zeros(X.shape, dtype=bool)),
}


@pytest.mark.row(1)
@pytest.mark.parametrize("make", MASKED.values(), ids=MASKED)
def test_masked_entries_are_missing_values(make, short, X):
    masked = make(X)
    short.fit(masked)
    Y = short.transform(masked)
    np.testing.assert_array_equal(Y, short.transform(np.asarray(masked)))
    masked[7, 2] = np.ma.masked
    for call in (
        lambda: short.fit(masked),
        lambda: short.fit({"main": masked}),
        lambda: short.partial_fit(masked),
        lambda: short.transform(masked),
        lambda: short.embed(masked),
        lambda: paradime.report(short, masked),
        lambda: paradime.explore(short, masked),
        lambda: feature_importance(short, masked),
    ):
        with pytest.raises(ValueError, match="contains NaN, first at row 7, column 2"):
            call()
    for call in (
        lambda: metrics.trustworthiness(masked, Y),
        lambda: metrics.knn_accuracy(masked, np.arange(len(X)) % 3),
        lambda: metrics.fixed_fraction_recall(masked, Y),
        lambda: metrics.random_triplet_accuracy(masked, Y),
        lambda: metrics.class_mean_neighbors(masked, Y, np.arange(len(X)) % 3),
        lambda: plot.shepard(masked, Y),
        lambda: plot.embedding(masked[:, 1:3]),
        lambda: scatterplot(masked[:, 1:3]),
        lambda: plot.align(masked[:, 1:3], Y),
    ):
        with pytest.raises(ValueError, match="must be finite"):
            call()

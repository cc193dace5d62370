"""Columns that dominate distances are detected, without false alarms for ordinary data."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine, make_blobs
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from paradime import (
    ParametricAutoencoder,
    ParametricContrastive,
    ParametricLargeVis,
    ParametricMDS,
    ParametricPaCMAP,
    ParametricTSNE,
    ParametricUMAP,
)
from paradime.data.columns import described, outweighing_columns
from paradime.exceptions import ScaleWarning
from paradime.loss import GlobalStructureLoss
from paradime.utils.sparse import SparseRows

pytestmark = pytest.mark.usefixtures("few_first_steps")

WINE = load_wine(as_frame=True).data
RNG = np.random.default_rng(0)
COUNTS = RNG.poisson(RNG.lognormal(0, 3, 50) * RNG.lognormal(0, 0.4, (500, 1)), (500, 50))


def found_in(X, **options):
    return outweighing_columns(torch.as_tensor(np.array(X)), **options)


@pytest.mark.parametrize(
    ("X", "columns"),
    [
        (WINE, ["proline"]),
        (load_breast_cancer(as_frame=True).data, ["worst area", "mean area"]),
        (
            pd.DataFrame(np.eye(10)[RNG.integers(10, size=300)]).assign(income=RNG.lognormal(10, 0.5, 300)),
            ["income"],
        ),
    ],
    ids=["wine", "breast cancer", "indicators and incomes"],
)
def test_columns_that_decide_distances_are_found(X, columns):
    result = found_in(X)
    assert [X.columns[column] for column in result.columns] == columns
    assert 0.98 < result.share <= 1
    assert result.n_others == X.shape[1] - len(columns)


def centered_and_sorted(X):
    centered = np.asarray(X) - np.mean(np.asarray(X), axis=0)
    return centered[:, np.argsort(-centered.std(axis=0))]


@pytest.mark.parametrize("X", [WINE, load_breast_cancer().data], ids=["wine", "breast cancer"])
def test_centred_columns_that_are_correlated_are_no_components(X):
    assert found_in(centered_and_sorted(X)).columns[0] == 0


ORDINARY = {
    "iris": load_iris().data,
    "digits": load_digits().data,
    "diabetes": load_diabetes().data,
    "groups": make_blobs(500, 10, random_state=0)[0],
    "standardised wine": StandardScaler().fit_transform(WINE),
    "components of iris": PCA(4).fit_transform(load_iris().data),
    "components of wine, of which the first has 99.8 %": PCA(5).fit_transform(WINE),
    "components in single precision": PCA(13).fit_transform(WINE).astype(np.float32),
    "components of which the last are rounding": PCA(30).fit_transform(
        np.c_[WINE, WINE.to_numpy() @ np.ones((13, 17))]
    ),
    "a few rows of components": PCA(13).fit_transform(WINE)[::7],
    "components of other rows": PCA(5).fit(WINE[::2]).transform(WINE[1::2]),
    "components of many columns": PCA(100).fit_transform(
        RNG.standard_normal((100, 400)) * np.r_[1e3, np.ones(399)]
    ),
    "half of the components of the breast cancer data": PCA(5).fit_transform(load_breast_cancer().data)[::2],
    "counts, of which one is large": COUNTS,
    "columns with a single outlier": np.r_[RNG.standard_normal((300, 4)), [[0, 1e8, 0, 0]]],
    "one column": WINE[["proline"]],
    "constant columns beside one": np.c_[RNG.standard_normal(50), np.ones((50, 3))],
    "indicators": np.eye(10)[RNG.integers(10, size=300)],
    "few rows": WINE[:19],
    "rows that are all equal": np.ones((30, 3)),
}


@pytest.mark.parametrize("X", ORDINARY.values(), ids=ORDINARY)
def test_ordinary_data_are_left_alone(X):
    assert found_in(X) is None


def test_sparse_rows_are_looked_at_like_dense_ones():
    X = scipy.sparse.random_array((300, 30), density=0.3, rng=0).toarray() - 0.2
    X[:, 4] *= 1e4
    rows = SparseRows(scipy.sparse.csr_array(X))
    assert outweighing_columns(rows) == found_in(X)
    assert outweighing_columns(rows).columns == (4,)


def test_sentence_names_the_columns_and_rounds_the_share_down():
    assert described(found_in(WINE), list(WINE.columns)).startswith(
        "column 'proline' makes up 99.6 % of the squared"
    )
    result = found_in(load_breast_cancer().data)
    assert "columns 'x23' and 'x3' make up 99.1 %" in described(result, [f"x{i}" for i in range(30)])


KINDS = [
    ParametricUMAP,
    ParametricTSNE,
    ParametricMDS,
    ParametricContrastive,
    ParametricPaCMAP,
    ParametricLargeVis,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_presets_warn_once_with_column_share_and_remedy(kind):
    with pytest.warns(ScaleWarning) as caught:
        kind(epochs=3, random_state=0).fit(WINE)
    (message,) = [str(warning.message) for warning in caught]
    assert "column 'proline' makes up 99.6 %" in message
    assert "make_pipeline(StandardScaler(), routine)" in message
    assert "ScaleWarning" in message


def test_standardised_rows_and_what_compares_no_columns_are_quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error", ScaleWarning)
        make_pipeline(StandardScaler(), ParametricUMAP(epochs=1, random_state=0)).fit(WINE)
        ParametricAutoencoder(epochs=1, random_state=0).fit(WINE)
        ParametricContrastive(metric="cosine", epochs=1, random_state=0).fit(WINE)
        neighbors = ParametricUMAP(epochs=1, precomputed_knn=scipy.spatial.distance.cdist(WINE, WINE))
        neighbors.fit(WINE)
        ParametricUMAP(epochs=1, validation_fraction=0.2, random_state=0).fit(load_iris().data)


def test_held_out_rows_and_losses_add_no_warning_of_their_own():
    routine = ParametricUMAP(epochs=2, validation_fraction=0.2, random_state=0)
    routine.add_loss("structure", GlobalStructureLoss(), weight=0.1)
    with pytest.warns(ScaleWarning) as caught:
        routine.fit(WINE)
    assert len([warning for warning in caught if warning.category is ScaleWarning]) == 1


def test_a_filter_by_category_silences_it():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ScaleWarning)
        ParametricMDS(epochs=1, random_state=0).fit(WINE)


def test_few_of_many_columns_may_outweigh_the_others():
    wide = RNG.standard_normal((60, 300)) + 3
    assert found_in(wide) is None
    wide[:, 7] *= 1e4
    assert found_in(wide).columns == (7,)


@pytest.mark.parametrize("n_columns", [4, 6, 12])
@pytest.mark.parametrize("power", [1, 2])
def test_two_columns_that_outweigh_all_others_are_found_among_few(n_columns, power):
    X = 5 + RNG.standard_normal((100, n_columns)) * np.where(np.arange(n_columns) % (n_columns // 2) == 1, 1e3, 1)
    assert set(found_in(X, power=power).columns) == {1, 1 + n_columns // 2}


def test_what_outweighs_is_at_most_half_of_the_columns():
    X = 5 + RNG.standard_normal((100, 5)) * [1, 1, 1e3, 1e3, 1e3]
    assert found_in(X) is None


def test_sentence_lists_several_columns():
    X = 5 + RNG.standard_normal((100, 6)) * [1, 1, 1, 1e3, 1e3, 1e3]
    assert described(found_in(X), list("abcdef")).startswith("columns ")
    assert " and " in described(found_in(X), list("abcdef"))
    assert ", " in described(found_in(X), list("abcdef")).split(" and ")[0]

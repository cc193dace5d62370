"""What presets make of held-out rows."""

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.manifold import MDS
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from paradime.metrics import stress
from paradime.routines import (
    ParametricAutoencoder,
    ParametricContrastive,
    ParametricLargeVis,
    ParametricMDS,
    ParametricPaCMAP,
    ParametricTSNE,
    ParametricUMAP,
)


@pytest.fixture(scope="module")
def wine():
    """Scaled wine, every second row held out."""
    X = StandardScaler().fit_transform(load_wine().data)
    return X[::2], X[1::2]


def sammon_stress(X, embedded):
    wanted, got = pdist(X), pdist(embedded)
    return ((wanted - got) ** 2 / wanted).sum() / wanted.sum()


def spread_of_neighbors(X, embedded):
    """The mean distance of neighbours in the embedding, beside that of all points."""
    near = NearestNeighbors(n_neighbors=16).fit(X).kneighbors(X, return_distance=False)[:, 1:]
    return np.linalg.norm(embedded[:, None] - embedded[near], axis=2).mean() / pdist(embedded).mean()


# in the plane of principal components it is 0.62, by chance 0.1; each bound leaves room for other seeds
@pytest.mark.parametrize(
    ("preset", "settings", "least"),
    [
        (ParametricContrastive, {"epochs": 40}, 0.84),
        (ParametricContrastive, {"epochs": 40, "kind": "nce"}, 0.84),
        (ParametricContrastive, {"epochs": 40, "kind": "negative sampling"}, 0.84),
        (ParametricPaCMAP, {"epochs": 30}, 0.84),
        (ParametricPaCMAP, {"epochs": 30, "mid_near": "repel"}, 0.84),
        (ParametricLargeVis, {"epochs": 300}, 0.68),
        (ParametricTSNE, {"epochs": 100}, 0.82),
        (ParametricUMAP, {"epochs": 200, "batch_size": 60, "learning_rate": 0.01, "activation": "silu"}, 0.72),
    ],
)
def test_classes_of_held_out_digits_are_found_again(preset, settings, least, few_digits, held_out_accuracy):
    routine = preset(random_state=0, **settings).fit(few_digits[0])
    assert held_out_accuracy(routine, few_digits) > least


def test_stress_of_mds_is_that_of_smacof(wine):
    X, held_out = wine
    routine = ParametricMDS(random_state=0).fit(X)
    expected = MDS(2, n_init=4, init="random", random_state=0).fit_transform(X)
    assert stress(X, routine.transform(X)) < 1.05 * stress(X, expected)
    assert stress(held_out, routine.transform(held_out)) < 1.3 * stress(X, expected)


def test_held_out_stress_of_mds_is_lower_than_that_of_principal_components(wine):
    X, held_out = wine
    principal = PCA(2).fit(X)
    for linear, factor in ((False, 0.8), (True, 0.9)):
        routine = ParametricMDS(linear=linear, random_state=0).fit(X)
        assert stress(held_out, routine.transform(held_out)) < factor * stress(
            held_out, principal.transform(held_out)
        )


def test_linear_mds_is_a_linear_map(wine):
    X, held_out = wine
    routine = ParametricMDS(linear=True, epochs=5, random_state=0).fit(X)
    middle = routine.transform((held_out[:40] + held_out[40:80]) / 2)
    ends = routine.transform(held_out[:80])
    np.testing.assert_allclose(middle, (ends[:40] + ends[40:]) / 2, atol=1e-5)


def test_weighting_lowers_the_stress_that_it_stands_for(wine):
    X, _ = wine
    plain, sammon, elastic = (
        ParametricMDS(weighting=weighting, random_state=0).fit_transform(X)
        for weighting in ("none", "sammon", "elastic")
    )
    assert sammon_stress(X, sammon) < 0.99 * sammon_stress(X, plain)
    assert stress(X, plain) < 0.99 * stress(X, sammon)
    relative = [np.mean((pdist(one) / pdist(X) - 1) ** 2) for one in (plain, sammon, elastic)]
    assert relative[0] > relative[1] > relative[2]


def test_metric_of_mds_is_the_one_whose_distances_are_kept(wine):
    X, _ = wine
    embedded = {m: ParametricMDS(m, random_state=0).fit_transform(X) for m in ("euclidean", "manhattan")}
    for metric, distances in (("euclidean", pdist(X)), ("manhattan", pdist(X, "cityblock"))):
        assert abs(np.log(pdist(embedded[metric]).mean() / distances.mean())) < 0.1


def test_autoencoder_reconstructs_held_out_digits_better_than_principal_components(digits):
    X, X_new, *_ = digits
    routine = ParametricAutoencoder(epochs=40, random_state=0).fit(X)
    principal = PCA(2).fit(X)
    error = np.mean((routine.inverse_transform(routine.transform(X_new)) - X_new) ** 2)
    of_principal = np.mean((principal.inverse_transform(principal.transform(X_new)) - X_new) ** 2)
    assert error < 0.75 * of_principal


def test_larger_spectrum_attracts_more(few_digits):
    # with one negative: 100 times their number must be below the number of points
    X = few_digits[0]
    spreads = []
    for spectrum in (-1.0, 0.0, 1.0):
        routine = ParametricContrastive(
            kind="negative sampling", n_negatives=1, spectrum=spectrum, epochs=30, random_state=0
        )
        spreads.append(spread_of_neighbors(X, routine.fit_transform(X)))
    assert all(later < 0.9 * earlier for earlier, later in itertools.pairwise(spreads))


def test_negative_sampling_has_five_negatives_unless_said_otherwise():
    few = {kind: ParametricContrastive(kind=kind) for kind in ("infonce", "nce", "negative sampling")}
    assert {kind: routine.losses["embedding"].n_negatives for kind, routine in few.items()} == {
        "infonce": None,
        "nce": 5,
        "negative sampling": 5,
    }
    assert ParametricContrastive(kind="nce", n_negatives=9).losses["embedding"].n_negatives == 9


def test_larger_gamma_of_largevis_spreads_neighbors(iris):
    X, _ = iris
    near = [
        np.median(np.sort(np.linalg.norm(e[:, None] - e, axis=2))[:, 1:6])
        for gamma in (0.5, 8.0)
        for e in [ParametricLargeVis(10, gamma, epochs=150, random_state=0).fit_transform(X)]
    ]
    assert near[1] > 1.5 * near[0]


@pytest.mark.parametrize("similarity", ["cauchy", "cosine"])
def test_contrastive_embeddings_may_have_more_dimensions(similarity, few_digits, held_out_accuracy):
    routine = ParametricContrastive(
        similarity=similarity,
        temperature=0.2 if similarity == "cosine" else 1.0,
        out_dim=8,
        initialization=None,
        epochs=15,
        random_state=0,
    ).fit(few_digits[0])
    assert held_out_accuracy(routine, few_digits) > 0.87

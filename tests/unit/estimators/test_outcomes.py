"""What presets make of held-out rows."""

import functools

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.manifold import MDS
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from paradime import (
    ParametricAutoencoder,
    ParametricContrastive,
    ParametricLargeVis,
    ParametricMDS,
    ParametricPaCMAP,
)
from paradime.metrics import stress


@pytest.fixture(scope="module")
def wine():
    """Scaled wine, every second row held out."""
    X = StandardScaler().fit_transform(load_wine().data)
    return X[::2], X[1::2]


@pytest.fixture(scope="module")
def mds(wine):
    """Fits MDS to the wine, once for each seed and each setting."""

    @functools.cache
    def fit(seed, **settings):
        return ParametricMDS(random_state=seed, **{"epochs": 60, **settings}).fit(wine[0])

    return fit


def sammon_stress(X, embedded):
    wanted, got = pdist(X), pdist(embedded)
    return ((wanted - got) ** 2 / wanted).sum() / wanted.sum()


def spread_of_neighbors(X, embedded):
    """The mean distance of neighbours in the embedding, beside that of all points."""
    near = NearestNeighbors(n_neighbors=16).fit(X).kneighbors(X, return_distance=False)[:, 1:]
    return np.linalg.norm(embedded[:, None] - embedded[near], axis=2).mean() / pdist(embedded).mean()


# in the plane of principal components it is 0.67; the presets that are not here are in test_fit_outcomes.py
@pytest.mark.parametrize(
    ("preset", "settings"),
    [
        (ParametricContrastive, {"epochs": 15, "kind": "nce"}),
        (ParametricContrastive, {"epochs": 15, "kind": "negative sampling"}),
        (ParametricPaCMAP, {"epochs": 9}),
        (ParametricPaCMAP, {"epochs": 9, "mid_near": "repel"}),
        (ParametricLargeVis, {"epochs": 180, "batch_size": 50}),
    ],
)
def test_classes_of_held_out_digits_are_found_again(preset, settings, few_digits, held_out_accuracy, outcome):
    def measure(seed):
        routine = preset(random_state=seed, init_epochs=2, **settings).fit(few_digits[0])
        return {"accuracy": held_out_accuracy(routine)}

    outcome(measure, seeds=2, at_least={"accuracy": 0.72})


def test_stress_of_mds_is_that_of_smacof(wine, mds, outcome):
    X, held_out = wine
    expected = stress(X, MDS(2, n_init=4, init="random", random_state=0).fit_transform(X))

    def measure(seed):
        routine = mds(seed)
        return {
            "seen": stress(X, routine.transform(X)) / expected,
            "held out": stress(held_out, routine.transform(held_out)) / expected,
        }

    outcome(measure, at_most={"seen": 1.05, "held out": 1.3})


def test_held_out_stress_of_mds_is_lower_than_that_of_principal_components(wine, mds, outcome):
    X, held_out = wine
    of_principal = stress(held_out, PCA(2).fit(X).transform(held_out))

    def measure(seed):
        networks = {"network": mds(seed), "linear": mds(seed, linear=True, epochs=100)}
        return {name: stress(held_out, made.transform(held_out)) / of_principal for name, made in networks.items()}

    outcome(measure, at_most={"network": 0.8, "linear": 0.93})


def test_linear_mds_is_a_linear_map(wine, mds):
    _, held_out = wine
    routine = mds(0, linear=True, epochs=100)
    middle = routine.transform((held_out[:40] + held_out[40:80]) / 2)
    ends = routine.transform(held_out[:80])
    # sums of 13 products in single precision, of a size of some 10
    np.testing.assert_allclose(middle, (ends[:40] + ends[40:]) / 2, atol=1e-5)


def test_weighting_lowers_the_stress_that_it_stands_for(wine, mds, outcome):
    X, _ = wine

    def measure(seed):
        plain, sammon, elastic = (
            mds(seed, weighting=weighting).transform(X) for weighting in ("none", "sammon", "elastic")
        )
        relative = [np.mean((pdist(one) / pdist(X) - 1) ** 2) for one in (plain, sammon, elastic)]
        return {
            "Sammon's stress": sammon_stress(X, sammon) / sammon_stress(X, plain),
            "stress": stress(X, plain) / stress(X, sammon),
            "relative, sammon to none": relative[1] / relative[0],
            "relative, elastic to sammon": relative[2] / relative[1],
        }

    names = ("Sammon's stress", "stress", "relative, sammon to none", "relative, elastic to sammon")
    # a weighting that did nothing would leave all of them at 1
    outcome(measure, seeds=2, at_most=dict.fromkeys(names, 0.995))


def test_metric_of_mds_is_the_one_whose_distances_are_kept(wine, mds, outcome):
    X, _ = wine

    def measure(seed):
        lengths = {m: pdist(mds(seed, metric=m).transform(X)).mean() for m in ("euclidean", "manhattan")}
        return {
            "euclidean": lengths["euclidean"] / pdist(X).mean(),
            "manhattan": lengths["manhattan"] / pdist(X, "cityblock").mean(),
        }

    # Manhattan distances are three times as long as Euclidean ones
    outcome(measure, at_least={"euclidean": 0.9, "manhattan": 0.9}, at_most={"euclidean": 1.1, "manhattan": 1.1})


def test_autoencoder_reconstructs_held_out_digits_better_than_principal_components(few_digits, outcome):
    X, X_new, *_ = few_digits
    principal = PCA(2).fit(X)
    of_principal = np.mean((principal.inverse_transform(principal.transform(X_new)) - X_new) ** 2)

    def measure(seed):
        routine = ParametricAutoencoder(epochs=30, random_state=seed).fit(X)
        error = np.mean((routine.inverse_transform(routine.transform(X_new)) - X_new) ** 2)
        return {"error": error / of_principal}

    outcome(measure, at_most={"error": 0.92})


def test_larger_spectrum_attracts_more(few_digits, outcome):
    # with one negative: 100 times their number must be below the number of points
    X = few_digits[0]

    def measure(seed):
        repels, between, attracts = (
            spread_of_neighbors(
                X,
                ParametricContrastive(
                    kind="negative sampling",
                    n_negatives=1,
                    spectrum=spectrum,
                    epochs=15,
                    init_epochs=2,
                    random_state=seed,
                ).fit_transform(X),
            )
            for spectrum in (-1.0, 0.0, 1.0)
        )
        return {"from -1 to 0": between / repels, "from 0 to 1": attracts / between}

    outcome(measure, at_most={"from -1 to 0": 0.93, "from 0 to 1": 0.93})


def test_negative_sampling_has_five_negatives_unless_said_otherwise():
    few = {kind: ParametricContrastive(kind=kind) for kind in ("infonce", "nce", "negative sampling")}
    assert {kind: routine.losses["embedding"].n_negatives for kind, routine in few.items()} == {
        "infonce": None,
        "nce": 5,
        "negative sampling": 5,
    }
    assert ParametricContrastive(kind="nce", n_negatives=9).losses["embedding"].n_negatives == 9


def test_larger_gamma_of_largevis_spreads_neighbors(iris, outcome):
    X, _ = iris

    def measure(seed):
        small, large = (
            np.median(np.sort(np.linalg.norm(e[:, None] - e, axis=2))[:, 1:6])
            for gamma in (0.5, 8.0)
            for e in [ParametricLargeVis(10, gamma, epochs=50, init_epochs=2, random_state=seed).fit_transform(X)]
        )
        return {"distance": large / small}

    outcome(measure, seeds=2, at_least={"distance": 1.5})


@pytest.mark.parametrize("similarity", ["cauchy", "cosine"])
def test_contrastive_embeddings_may_have_more_dimensions(similarity, few_digits, held_out_accuracy, outcome):
    def measure(seed):
        routine = ParametricContrastive(
            similarity=similarity,
            temperature=0.2 if similarity == "cosine" else 1.0,
            n_components=8,
            initialization=None,
            epochs=10,
            random_state=seed,
        ).fit(few_digits[0])
        return {"accuracy": held_out_accuracy(routine)}

    # in the eight dimensions of a network that was not trained it is 0.49
    outcome(measure, seeds=2, at_least={"accuracy": 0.75})

import copy
import json
import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from paradime.metrics import (
    Estimate,
    continuity,
    coranking_curve,
    knn_accuracy,
    knn_recall,
    sammon_stress,
    shepard_correlation,
    silhouette,
    stress,
    trustworthiness,
)


def sampled_metrics():
    return {
        "trustworthiness": trustworthiness,
        "continuity": continuity,
        "knn_recall": knn_recall,
        "stress": lambda *a, **kw: stress(*a, rescale=True, **kw),
        "sammon_stress": lambda *a, **kw: sammon_stress(*a, rescale=True, **kw),
        "coranking area": lambda *a, **kw: coranking_curve(*a, **kw).area,
    }


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X, y = X[:900], y[:900]
    return X, PCA(n_components=2).fit_transform(X), y


def test_estimate_is_a_float_that_survives_copies_and_files():
    result = Estimate(0.25, standard_error=0.01, n_sampled=100)
    assert result + 1 == 1.25
    assert repr(result) == json.dumps(result) == "0.25"
    for again in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        assert (again, again.standard_error, again.n_sampled) == (0.25, 0.01, 100)


@pytest.mark.parametrize("name", sampled_metrics())
def test_all_rows_leave_no_error_and_equal_a_sample_of_all(digits, name):
    X, embedding, _ = digits
    metric = sampled_metrics()[name]
    exact = metric(X, embedding)
    assert exact.standard_error == 0
    assert exact.n_sampled == len(X)
    assert metric(X, embedding, n_samples=len(X)) == exact


def assert_spread_is_the_standard_error(result, exact):
    """Asserts that the spread of 48 estimates around the exact value matches their standard errors."""
    mean_error = np.mean([estimate.standard_error for estimate in result])
    offs = np.array([float(estimate) for estimate in result]) - float(exact)
    # 48 samples determine the spread to 10 to 15 %
    assert 0.5 * mean_error < offs.std() < 1.7 * mean_error
    assert abs(offs.mean()) < mean_error


@pytest.mark.parametrize("name", sampled_metrics())
def test_standard_error_is_the_spread_of_samples_around_the_exact_number(digits, name):
    X, embedding, _ = digits
    metric = sampled_metrics()[name]
    exact = metric(X, embedding)
    result = [metric(X, embedding, n_samples=100, random_state=seed) for seed in range(48)]
    assert_spread_is_the_standard_error(result, exact)
    assert result[0].n_sampled == 100


def test_standard_error_of_classes_and_pairs_is_their_spread(digits):
    X, embedding, y = digits
    for metric, exact in (
        (lambda seed: knn_accuracy(embedding, y, n_samples=100, random_state=seed), knn_accuracy(embedding, y)),
        (lambda seed: silhouette(embedding, y, n_samples=100, random_state=seed), silhouette(embedding, y)),
        (
            lambda seed: shepard_correlation(X, embedding, n_pairs=2_000, random_state=seed),
            shepard_correlation(X, embedding),
        ),
    ):
        assert_spread_is_the_standard_error([metric(seed) for seed in range(48)], exact)


def test_seed_decides_which_rows_are_drawn(digits):
    X, embedding, _ = digits
    draws = [trustworthiness(X, embedding, n_samples=100, random_state=seed) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_error_of_held_out_rows_is_that_of_more_such_rows(digits):
    _, embedding, y = digits
    result = knn_accuracy(embedding[:600], y[:600], test_embedding=embedding[600:], test_labels=y[600:])
    share = float(result)
    assert result.standard_error == pytest.approx(np.sqrt(share * (1 - share) / 299), rel=1e-6)


@pytest.mark.parametrize("n_samples", [1, 0, -3, 2.5, True, "all"])
def test_n_samples_must_be_an_integer_from_two_on(digits, n_samples):
    X, embedding, _ = digits
    with pytest.raises(ValueError, match=f"n_samples must be an integer of at least 2, got {n_samples!r}"):
        trustworthiness(X, embedding, n_samples=n_samples)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", sampled_metrics())
def test_samples_on_the_gpu_are_those_on_the_cpu(digits, name):
    X, embedding, _ = digits
    metric = sampled_metrics()[name]
    on_gpu = metric(torch.from_numpy(X).cuda(), torch.from_numpy(embedding).cuda(), n_samples=100)
    assert on_gpu == pytest.approx(metric(X, embedding, n_samples=100), abs=1e-9)

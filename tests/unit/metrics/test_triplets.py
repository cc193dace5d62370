"""Random triplets are those of a count over all triplets in plain Python, and samples estimate it."""

import itertools

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits

from paradime.metrics import random_triplet_accuracy


def counted(near, shown, *, held_out=False):
    """Returns the share of triplets in order, by the definition; equal distances in the map count as half."""
    values = []
    for i in range(len(near)):
        others = [j for j in range(near.shape[1]) if held_out or j != i]
        for j, k in itertools.combinations(others, 2):
            if near[i, j] != near[i, k]:
                agree = (near[i, j] < near[i, k]) == (shown[i, j] < shown[i, k])
                values.append(0.5 if shown[i, j] == shown[i, k] else float(agree))
    return np.mean(values), len(values)


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 4))
    return X, X[:, :2] + 0.3 * rng.normal(size=(30, 2))


def test_all_triplets_of_a_small_table_are_counted(points):
    X, Y = points
    expected, n_triplets = counted(cdist(X, X), cdist(Y, Y))
    accuracy = random_triplet_accuracy(X, Y)
    assert accuracy == pytest.approx(expected, abs=1e-12)
    assert (accuracy.n_sampled, accuracy.standard_error) == (n_triplets, 0)
    assert 0.6 < accuracy < 0.95


def test_held_out_rows_are_compared_with_training_rows(points):
    X, Y = points
    expected, n_triplets = counted(cdist(X[20:], X[:20]), cdist(Y[20:], Y[:20]), held_out=True)
    accuracy = random_triplet_accuracy(X[:20], Y[:20], test_X=X[20:], test_embedding=Y[20:])
    assert accuracy == pytest.approx(expected, abs=1e-12)
    assert accuracy.n_sampled == n_triplets == 10 * 190


@pytest.mark.parametrize("held_out", [False, True])
def test_a_sample_estimates_the_share_with_its_error(points, held_out):
    X, Y = points
    rows = (X[:20], Y[:20]) if held_out else (X, Y)
    new = {"test_X": X[20:], "test_embedding": Y[20:]} if held_out else {}
    whole = random_triplet_accuracy(*rows, **new)
    draws = [random_triplet_accuracy(*rows, **new, n_triplets=1_000, random_state=seed) for seed in range(40)]
    errors = [draw.standard_error for draw in draws]
    # the mean of 40 draws of fixed seeds: four of its standard errors
    assert np.mean(draws) == pytest.approx(whole, abs=4 * np.mean(errors) / 40**0.5)
    assert np.std(draws, ddof=1) == pytest.approx(np.mean(errors), rel=0.45)
    assert draws[0].n_sampled == 1_000


def test_equal_distances_in_the_data_are_left_out_and_those_in_the_map_count_as_half():
    X, Y = np.round(load_digits().data[:25] / 8)[:, 18:30], np.round(load_digits().data[:25, 20:22] / 8)
    near, shown = cdist(X, X), cdist(Y, Y)
    expected, n_triplets = counted(near, shown)
    accuracy = random_triplet_accuracy(X, Y)
    assert n_triplets < 25 * 24 * 23 / 2
    assert accuracy == pytest.approx(expected, abs=1e-12)
    assert accuracy.n_sampled == n_triplets


def test_scale_and_rotation_preserve_all_triplets_and_one_place_none(points):
    X, _ = points
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    assert random_triplet_accuracy(X, 5 * X @ turn + 100) == 1
    assert random_triplet_accuracy(X, np.ones((30, 2))) == 0.5
    assert random_triplet_accuracy(np.ones((30, 4)), X) == 0.5
    assert random_triplet_accuracy(X[:, :1], -X[:, :1]) == 1


def test_order_of_triplets_is_that_of_the_seed(points):
    X, Y = points
    first, same, other = (random_triplet_accuracy(X, Y, n_triplets=500, random_state=seed) for seed in (1, 1, 2))
    assert first == same != other
    tensors = random_triplet_accuracy(torch.tensor(X), torch.tensor(Y), n_triplets=500, random_state=1)
    assert tensors == first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_triplets": 1}, "n_triplets must be an integer of at least 2, got 1"),
        ({"n_triplets": 10.0}, r"n_triplets must be an integer of at least 2, got 10\.0"),
        ({"embedding": np.zeros((29, 2))}, "same number of rows, got 30 and 29"),
        ({"embedding": np.full((30, 2), np.nan)}, "embedding must be finite.*in 30 of 30 rows"),
        ({"test_X": np.zeros((3, 4))}, "must be given together, got no test_embedding"),
    ],
)
def test_wrong_input_is_refused(points, change, message):
    X, Y = points
    with pytest.raises(ValueError, match=message):
        random_triplet_accuracy(**{"X": X, "embedding": Y, **change})


def test_two_points_have_no_triplet(points):
    with pytest.raises(ValueError, match="triplets need more points, got 2 points"):
        random_triplet_accuracy(points[0][:2], points[1][:2])

"""Verdicts tell good maps from bad ones, by figures that are right."""

import numpy as np
import pytest
import sklearn.manifold
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

import paradime
from paradime.metrics import Estimate
from paradime.reporting.judging import compare
from paradime.routines import ParametricMDS

NEAR, NEW, FAR, WHERE = range(4)

pytestmark = pytest.mark.usefixtures("no_pictures")


def test_a_good_map_is_trusted_and_the_same_map_shuffled_is_not(good, garbage):
    assert good.verdicts[NEAR].level in ("good", "fair")
    assert good.verdicts[NEW].level in ("good", "fair")
    assert (garbage.verdicts[NEAR].level, garbage.verdicts[FAR].level) == ("none", "none")
    # each new row lies on the old row that is most like it, which is one neighbour of 15 that it keeps
    assert garbage.verdicts[NEW].level in ("poor", "none")
    assert garbage.verdicts[WHERE].level in ("poor", "none")
    assert garbage.summary.startswith("Do not trust this map")
    assert not good.summary.startswith("Do not")


def test_a_linear_map_shows_distances_as_well_as_a_linear_map(linear):
    assert linear.verdicts[FAR].level in ("good", "fair")
    figure = linear.figures["order of distances"]
    assert compare(figure.seen, figure.pca) == 0
    kept = linear.figures["neighbours kept"]
    assert kept.seen == pytest.approx(kept.pca, abs=0.005)
    assert kept.held_out == pytest.approx(kept.pca_held_out, abs=0.005)


def test_figures_are_those_of_other_libraries(digits, umap):
    X, X_new, y, y_new = digits
    made = paradime.report(umap, X, y, X_new, y_new, n_samples=len(X), k=10)
    Y, pca = umap.transform(X), PCA(2).fit_transform(X)
    trust, accuracy = made.figures["trustworthiness"], made.figures["kNN accuracy"]
    assert trust.seen == pytest.approx(sklearn.manifold.trustworthiness(X, Y, n_neighbors=10), abs=1e-4)
    assert trust.pca == pytest.approx(sklearn.manifold.trustworthiness(X, pca, n_neighbors=10), abs=1e-4)
    expected = KNeighborsClassifier(10).fit(Y, y).score(umap.transform(X_new), y_new)
    assert accuracy.held_out == pytest.approx(expected, abs=0.011)
    expected = KNeighborsClassifier(10).fit(X, y).score(X_new, y_new)
    assert accuracy.data_held_out == pytest.approx(expected, abs=0.011)
    assert made.figures["neighbours kept"].random == pytest.approx(10 / (len(X) - 1), abs=0.01)


def test_new_rows_from_elsewhere_are_told(digits, umap):
    X, X_new, _, _ = digits
    strange = np.random.default_rng(0).uniform(0, 16, size=X_new.shape)
    verdict = paradime.report(umap, X, None, strange).verdicts[NEW]
    assert verdict.level != "good"
    assert "unlike" in verdict.answer


def test_without_new_rows_their_question_is_left_open(digits, umap):
    verdict = paradime.report(umap, digits[0]).verdicts[NEW]
    assert verdict.level == "unknown"
    assert "X_new" in verdict.reasons[0]


def test_few_new_rows_are_no_verdict(digits, umap):
    verdict = paradime.report(umap, digits[0], None, digits[1][:1]).verdicts[NEW]
    assert (verdict.level, verdict.answer) == ("unknown", "Too few to tell")


def test_differences_within_two_standard_errors_count_as_none():
    a, b = (Estimate(value, standard_error=0.02, n_sampled=100) for value in (0.50, 0.55))
    assert compare(a, b) == 0
    assert compare(b, Estimate(0.4, n_sampled=100)) == 1
    assert compare(Estimate(0.4, n_sampled=100), b) == -1
    assert compare(b, Estimate(0.4, n_sampled=100), spread=0.1) == 0


def test_thirty_rows_are_judged_with_smaller_neighbourhoods():
    X = load_iris().data[::5]
    made = paradime.report(ParametricMDS(epochs=20, random_state=0).fit(X), X)
    assert "14" in made.figures["neighbours kept"].meaning
    assert made.verdicts[FAR].level in ("good", "fair")


def test_numbers_as_y_are_followed_through_the_map():
    X, y = load_diabetes(return_X_y=True)
    made = paradime.report(ParametricMDS(epochs=5, random_state=0).fit(X), X, y, X[:50], y[:50])
    figure = made.figures["direction of y"]
    assert 0.2 < figure.seen < 1
    assert figure.seen > figure.random
    assert "kNN accuracy" not in made.figures


def test_equal_seeds_give_equal_figures_and_answers(digits, umap, good):
    X, X_new, y, y_new = digits
    again = paradime.report(umap, X, y, X_new, y_new)
    assert (again.figures, again.verdicts) == (good.figures, good.verdicts)

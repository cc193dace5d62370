"""Verdicts tell good maps from bad ones, by scores that are right."""

import numpy as np
import pytest
import sklearn.manifold
import torch
from sklearn.datasets import load_diabetes, load_iris
from sklearn.neighbors import KNeighborsClassifier

import paradime
from paradime import ParametricMDS
from paradime.metrics import Estimate, class_mean_neighbors, random_triplet_accuracy
from paradime.reporting.judging import compare

NEAR, NEW, FAR, WHERE = range(4)

pytestmark = pytest.mark.usefixtures("no_pictures")


def test_a_good_map_is_trusted(judged, outcome):
    def measure(seed):
        made = judged(seed)
        kept, levels = made.scores["neighbours preserved"], [made.verdicts[which].level for which in (NEAR, NEW)]
        trusted = set(levels) <= {"good", "fair"} and not made.summary.startswith("Do not")
        return {
            "trusted": trusted,
            "ahead of PCA": kept.seen - kept.pca,
            "ahead of PCA, held out": kept.held_out - kept.pca_held_out,
            "ahead of a map at random": (made.frame["seen"] - made.frame["random"]).min(),
        }

    ahead = ("ahead of PCA", "ahead of PCA, held out", "ahead of a map at random")
    outcome(measure, seeds=2, at_least={"trusted": 0.99, **dict.fromkeys(ahead, 0.05)})


def test_a_map_whose_places_are_shuffled_is_not_trusted(garbage):
    assert (garbage.verdicts[NEAR].level, garbage.verdicts[FAR].level) == ("none", "none")
    # each new row lies on the old row that is most like it, which is one neighbour of 15 that it keeps
    assert garbage.verdicts[NEW].level in ("poor", "none")
    assert garbage.verdicts[WHERE].level in ("poor", "none")
    assert garbage.summary.startswith("Do not trust this map")


def test_a_linear_map_shows_distances_as_well_as_a_linear_map(linear):
    assert linear.verdicts[FAR].level in ("good", "fair")
    score = linear.scores["order of distances"]
    assert compare(score.seen, score.pca) == 0
    kept = linear.scores["neighbours preserved"]
    assert kept.seen == pytest.approx(kept.pca, abs=0.005)
    assert kept.held_out == pytest.approx(kept.pca_held_out, abs=0.005)


def test_scores_are_those_of_other_libraries(digits, plane, bent):
    X, X_new, y, y_new = digits
    made = paradime.report(bent, X, y, X_new, y_new, n_samples=len(X), k=10)
    Y, Y_new = (bent(torch.as_tensor(rows, dtype=torch.float32)).detach().numpy() for rows in (X, X_new))
    trust, accuracy = made.scores["trustworthiness"], made.scores["kNN accuracy"]
    # ties of whole-numbered pixels are ranked otherwise
    assert trust.seen == pytest.approx(sklearn.manifold.trustworthiness(X, Y, n_neighbors=10), abs=1e-4)
    assert trust.pca == pytest.approx(sklearn.manifold.trustworthiness(X, plane, n_neighbors=10), abs=1e-4)
    # two of 200 rows may be ties
    expected = KNeighborsClassifier(10).fit(Y, y).score(Y_new, y_new)
    assert accuracy.held_out == pytest.approx(expected, abs=0.011)
    expected = KNeighborsClassifier(10).fit(X, y).score(X_new, y_new)
    assert accuracy.data_held_out == pytest.approx(expected, abs=0.011)
    assert made.scores["neighbours preserved"].random == pytest.approx(10 / (len(X) - 1), abs=0.01)


def test_triplets_and_class_centres_are_those_of_the_metrics(digits, bent):
    X, X_new, y, y_new = digits
    made = paradime.report(bent, X, y, X_new, y_new, n_samples=len(X), k=10)
    Y, Y_new = (bent(torch.as_tensor(rows, dtype=torch.float32)).detach().numpy() for rows in (X, X_new))
    triplets, centers = made.scores["order of triplets"], made.scores["neighbours of class centres"]
    assert triplets.seen == pytest.approx(random_triplet_accuracy(X, Y), abs=4 * triplets.seen.standard_error)
    new = {"test_X": X_new, "test_embedding": Y_new}
    expected = random_triplet_accuracy(X, Y, **new)
    assert triplets.held_out == pytest.approx(expected, abs=4 * triplets.held_out.standard_error)
    assert triplets.random == pytest.approx(0.5, abs=0.05)
    assert centers.seen == class_mean_neighbors(X, Y, y)
    assert centers.held_out == class_mean_neighbors(X, Y, y, **new, test_labels=y_new)
    assert any(f"In {triplets.seen:.0%}" in reason for reason in made.verdicts[FAR].reasons)


def test_new_rows_from_elsewhere_are_told(digits, routine):
    X, X_new, _, _ = digits
    strange = np.random.default_rng(0).uniform(0, 16, size=X_new.shape)
    verdict = paradime.report(routine, X, None, strange).verdicts[NEW]
    assert verdict.level != "good"
    assert "unlike" in verdict.answer


def test_without_new_rows_their_question_is_left_open(digits, routine):
    verdict = paradime.report(routine, digits[0]).verdicts[NEW]
    assert verdict.level == "unknown"
    assert "X_new" in verdict.reasons[0]


def test_few_new_rows_are_no_verdict(digits, routine):
    verdict = paradime.report(routine, digits[0], None, digits[1][:1]).verdicts[NEW]
    assert (verdict.level, verdict.answer) == ("unknown", "Too few to tell")


def test_differences_within_two_standard_errors_count_as_none():
    a, b = (Estimate(value, standard_error=0.02, n_sampled=100) for value in (0.50, 0.55))
    assert compare(a, b) == 0
    assert compare(b, Estimate(0.4, n_sampled=100)) == 1
    assert compare(Estimate(0.4, n_sampled=100), b) == -1
    assert compare(b, Estimate(0.4, n_sampled=100), spread=0.1) == 0


def test_thirty_rows_are_judged_with_smaller_neighbourhoods(outcome):
    X = load_iris().data[::5]

    def measure(seed):
        made = paradime.report(ParametricMDS(epochs=20, random_state=seed).fit(X), X)
        assert "14" in made.scores["neighbours preserved"].meaning
        trusted = made.verdicts[FAR].level in ("good", "fair")
        return {"trusted": trusted, "order": made.scores["order of distances"].seen}

    outcome(measure, at_least={"trusted": 0.99, "order": 0.9})


def test_numbers_as_y_are_followed_through_the_map(outcome):
    X, y = load_diabetes(return_X_y=True)

    def measure(seed):
        made = paradime.report(ParametricMDS(epochs=5, random_state=seed).fit(X), X, y, X[:50], y[:50])
        assert "kNN accuracy" not in made.scores
        score = made.scores["direction of y"]
        assert score.seen < 1
        return {"seen": score.seen, "ahead of random": score.seen - score.random}

    outcome(measure, seeds=2, at_least={"seen": 0.2, "ahead of random": 0.1})


def test_equal_seeds_give_equal_scores_and_answers(digits, routine, good):
    X, X_new, y, y_new = digits
    again = paradime.report(routine, X, y, X_new, y_new)
    assert (again.scores, again.verdicts) == (good.scores, good.verdicts)

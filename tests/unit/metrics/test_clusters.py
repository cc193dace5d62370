import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

from paradime.metrics import centroid_correlation, silhouette


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_silhouette_is_that_of_scikit_learn(load):
    X, y = load(return_X_y=True)
    assert silhouette(X, y) == pytest.approx(silhouette_score(X, y), abs=1e-12)
    names = np.array(["fir", "oak", "elm"])[y]
    assert silhouette(X, names, chunk_size=7) == pytest.approx(silhouette_score(X, y), abs=1e-12)


def test_point_alone_in_its_class_counts_as_zero():
    X = np.array([[0.0], [1.0], [5.0], [6.0], [20.0]])
    assert silhouette(X, [0, 0, 1, 1, 2]) == pytest.approx(silhouette_score(X, [0, 0, 1, 1, 2]), abs=1e-12)


def test_all_points_in_one_place_have_silhouette_zero():
    assert silhouette(np.ones((6, 2)), [0, 1, 0, 1, 0, 1]) == 0


@pytest.mark.parametrize(
    ("labels", "settings", "message"),
    [
        ([1] * 6, {}, "at least 2 classes, got 1"),
        ([0, 1], {}, r"labels must have shape \(6,\)"),
        ([0, 1] * 3, {"test_embedding": [[0.0, 0.0]]}, "got no test_labels"),
        ([0, 1] * 3, {"test_embedding": [[0.0, 0.0]], "test_labels": [7]}, r"got \[7\] which no training row has"),
        ([0, 1] * 3, {"test_embedding": [[0.0]], "test_labels": [1]}, "same number of columns, got 2 and 1"),
    ],
)
def test_labels_that_do_not_fit_are_told(labels, settings, message):
    with pytest.raises(ValueError, match=message):
        silhouette(np.ones((6, 2)), labels, **settings)


def test_centroid_correlation_is_that_of_the_centres():
    X, y = load_digits(return_X_y=True)
    embedding = PCA(n_components=2).fit_transform(X)
    centers = [np.stack([rows[y == c].mean(0) for c in range(10)]) for rows in (X, embedding)]
    expected = np.corrcoef(*(pdist(part) for part in centers))[0, 1]
    assert centroid_correlation(X, embedding, y) == pytest.approx(expected, rel=1e-12)
    # far from the origin the sums of a class lose no digits
    assert centroid_correlation(X + 1e9, embedding, y) == pytest.approx(expected, abs=1e-5)


def test_centroid_correlation_falls_when_classes_change_places():
    X, y = load_digits(return_X_y=True)
    embedding = PCA(n_components=2).fit_transform(X)
    moved = embedding + 200 * np.random.default_rng(0).normal(size=(10, 2))[y]
    right = centroid_correlation(X, embedding, y, kind="spearman")
    assert centroid_correlation(X, moved, y, kind="spearman") < right - 0.3
    assert centroid_correlation(X, np.zeros((len(X), 2)), y) == 0


def test_two_classes_have_no_distances_to_compare():
    with pytest.raises(ValueError, match=r"at least 3 classes .* got 2"):
        centroid_correlation(np.eye(4), np.eye(4), [0, 0, 1, 1])

import numpy as np
import pytest
import scipy.sparse
import torch
from scipy.spatial.distance import cdist
from sklearn.datasets import load_iris
from sklearn.neighbors import NearestNeighbors, kneighbors_graph

from paradime import (
    ParametricContrastive,
    ParametricLargeVis,
    ParametricMDS,
    ParametricPaCMAP,
    ParametricTSNE,
    ParametricUMAP,
)
from paradime.dr import ParametricDR
from paradime.exceptions import SpecificationError
from paradime.relations import NeighborBasedPDist, Precomputed
from paradime.transforms import ConnectivityBasedRescale, PerplexityBasedRescale, Symmetrize

pytestmark = pytest.mark.usefixtures("few_first_steps")

X = load_iris().data + 0.001 * np.random.default_rng(0).normal(size=(150, 4))
DISTS, INDICES = NearestNeighbors(n_neighbors=61).fit(X).kneighbors(X)  # each point first
FORMS = {
    "pair with the points themselves": (INDICES, DISTS),
    "pair without": (INDICES[:, 1:], DISTS[:, 1:]),
    "sparse graph": kneighbors_graph(X, 60, mode="distance"),
    "all distances": cdist(X, X),
}
PRESETS = [
    (ParametricUMAP, {"batch_size": 100, "n_neighbors": 10}),
    (ParametricTSNE, {"perplexity": 10}),
    (ParametricContrastive, {}),
    (ParametricPaCMAP, {}),
    (ParametricLargeVis, {"perplexity": 10}),
]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_gives_the_neighbours_that_a_search_finds(form):
    searched = NeighborBasedPDist(10).compute_relations(X).data
    given = NeighborBasedPDist(10, precomputed=form).compute_relations(X).data
    np.testing.assert_array_equal(given[0], searched[0])
    np.testing.assert_allclose(given[1], searched[1], rtol=1e-5)


@pytest.mark.parametrize(("routine", "settings"), PRESETS, ids=lambda part: getattr(part, "__name__", ""))
def test_presets_take_neighbours_in_place_of_a_search(routine, settings, monkeypatch):
    preset = routine(epochs=3 if routine is ParametricPaCMAP else 1, random_state=0, **settings)
    searched = preset.fit(X).graph_
    monkeypatch.delattr("paradime.relations.neighbor.nearest_neighbors")
    given = preset.set_params(precomputed_knn=(INDICES, DISTS)).fit(X).graph_
    assert abs(searched - given).max() < 1e-5
    assert np.isfinite(preset.transform(X[:5])).all()


def test_distances_of_a_user_decide_what_is_near():
    by_last = np.abs(X[:, 3:] - X[:, 3:].T)
    graph = ParametricContrastive(epochs=1, precomputed_knn=by_last, random_state=0).fit(X).graph_
    assert by_last[graph.nonzero()].mean() < 0.5 * by_last[kneighbors_graph(X, 15).nonzero()].mean()


def with_entry(matrix, row, column, value):
    changed = matrix.copy()
    changed[row, column] = value
    return changed


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ((with_entry(INDICES, 6, 2, -1), DISTS), "-1.* in row 6"),
        ((with_entry(INDICES, 6, 2, 150), DISTS), "150.* in row 6"),
        ((INDICES, -DISTS - 1), "of at least 0"),
        (np.ones((150, 3)), r"square matrix .*\(150, 3\)"),
        (with_entry(cdist(X, X), 3, 4, -1.0), "negative.* row 3, column 4"),
        (with_entry(cdist(X, X), 3, 4, np.nan), "row 3, column 4"),
        (with_entry(cdist(X, X), 3, 4, 9.0), "must be symmetric.* row 3, column 4"),
        (cdist(X[:80], X[:80]), "150 in all, got 80"),
        (scipy.sparse.csr_array((150, 150)), "about as many"),
        ((INDICES, DISTS, 0, 0), "pair"),
        (np.exp(-cdist(X, X)), "0 between a point and itself, got 1 there.*similarities.*1 - S"),
        (np.corrcoef(X), "between a point and itself"),
        (cdist(X, X) + 0.1 * np.eye(150), r"got 0\.1 there.*fill_diagonal"),
        (scipy.sparse.csr_array(np.exp(-cdist(X, X))), "between a point and itself, got 1"),
        (cdist(X, X) * 1j, "real numbers.*complex"),
        (scipy.sparse.csr_array(kneighbors_graph(X, 60) * 1j), "real numbers.*complex"),
        (scipy.sparse.csr_array(-kneighbors_graph(X, 60)), "negative.*Pass distances"),
        (cdist(X, X) < 1, "got bool"),
        (np.where(cdist(X, X) > 5, np.inf, cdist(X, X)), "not finite.*large distance"),
        ((INDICES[:, :6], DISTS[:, :6]), "at least 15 other points per row, got 5.*lower n_neighbors"),
        (kneighbors_graph(X, 5, mode="distance"), "at least 15 other points per row, got 5"),
    ],
    ids=[
        "-1",
        "outside",
        "negative list",
        "not square",
        "negative",
        "NaN",
        "asymmetric",
        "fewer",
        "empty",
        "parts",
        "similarities",
        "correlations",
        "small diagonal",
        "graph of similarities",
        "complex",
        "complex graph",
        "negative graph",
        "which are near",
        "infinite",
        "too few",
        "too few in a graph",
    ],
)
def test_what_is_no_neighbours_is_refused(form, words):
    with pytest.raises(ValueError, match=words):
        ParametricContrastive(precomputed_knn=form).fit(X)


HOLLOW = np.exp(-cdist(X, X)) - np.eye(150)


@pytest.mark.parametrize(
    "form",
    [HOLLOW, scipy.sparse.csr_array(HOLLOW), (INDICES[:, 1:], np.exp(-DISTS[:, 1:]))],
    ids=["all", "graph", "pair"],
)
def test_similarities_without_a_diagonal_are_known_by_the_rows(form):
    with pytest.warns(UserWarning, match=r"rank correlation -.*look like similarities.*-log\(S\)"):
        NeighborBasedPDist(15, precomputed=form).compute_relations(X)


@pytest.mark.parametrize(
    "rows", [X, X + 1e6, scipy.sparse.csr_array(X), np.random.default_rng(0).normal(size=(150, 4))]
)
def test_distances_that_have_nothing_to_do_with_the_rows_or_much_are_no_similarities(rows):
    NeighborBasedPDist(15, precomputed=cdist(X, X)).compute_relations(rows)


def test_rounding_leaves_something_on_a_diagonal_of_distances():
    rounded = cdist(X, X) + 1e-3 * np.eye(150)
    NeighborBasedPDist(10, precomputed=rounded).compute_relations(X)


@pytest.mark.parametrize("transform", [PerplexityBasedRescale(5), ConnectivityBasedRescale(10)])
@pytest.mark.parametrize("layout", [np.asarray, scipy.sparse.csr_array, torch.from_numpy])
def test_precomputed_relations_are_distances_where_a_transform_takes_them_for_such(transform, layout):
    with pytest.raises(ValueError, match="0 between a point and itself, got 1"):
        Precomputed(layout(np.exp(-cdist(X, X))), transform).compute_relations()
    with pytest.raises(ValueError, match=r"negative.*Pass distances"):
        Precomputed(layout(-cdist(X, X)), transform).compute_relations()
    Precomputed(layout(cdist(X, X)), transform).compute_relations()
    Precomputed(layout(np.exp(-cdist(X, X))), Symmetrize()).compute_relations()


def test_presets_that_look_for_no_neighbours_say_so():
    with pytest.raises(ValueError, match="ParametricMDS looks for no neighbours"):
        ParametricMDS(precomputed_knn=(INDICES, DISTS)).fit(X)


def test_metric_precomputed_names_the_parameter_that_is_meant():
    with pytest.raises(ValueError, match="precomputed_knn"):
        ParametricContrastive(metric="precomputed").fit(X)


def test_text_holds_short_lists_and_names_the_place_of_long_ones():
    few = ParametricContrastive(n_neighbors=4, precomputed_knn=(INDICES[:, :5], DISTS[:, :5]))
    again = ParametricDR.from_spec(few.to_spec())
    np.testing.assert_array_equal(
        again.global_relations["rel"].compute_relations(X).to_square_array().data,
        few.global_relations["rel"].compute_relations(X).to_square_array().data,
    )
    with pytest.raises(
        SpecificationError, match=r"relations\[0\]\.options\.precomputed.*must have at most 10,000 numbers"
    ):
        ParametricContrastive(precomputed_knn=cdist(X, X)).to_spec()


@pytest.mark.parametrize(
    "form",
    [kneighbors_graph(X, 15), (INDICES[:, 1:], np.ones((150, 60))), 1 - np.eye(150)],
    ids=["graph", "pair", "all"],
)
def test_a_graph_that_only_tells_which_points_are_neighbours_is_warned_of(form):
    with pytest.warns(UserWarning, match=r'are all 1, .*not how near.*mode="distance"\) instead of'):
        NeighborBasedPDist(15, precomputed=form).compute_relations(X)

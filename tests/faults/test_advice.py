"""Messages that say rule and value, and give advice that can be followed."""

import logging

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from scipy.spatial.distance import euclidean
from sklearn.datasets import load_iris

from paradime import (
    ParametricAutoencoder,
    ParametricContrastive,
    ParametricLargeVis,
    ParametricMDS,
    ParametricPaCMAP,
    ParametricTSNE,
    ParametricUMAP,
    metrics,
)
from paradime.dr import ParametricDR
from paradime.exceptions import NotTrainedError, UnsupportedConfigurationError
from paradime.neighbors import nearest_neighbors
from paradime.relations import DifferentiablePDist, DistsFromTo, NeighborBasedPDist, PDist
from paradime.transforms import PerplexityBasedRescale

pytestmark = pytest.mark.usefixtures("few_first_steps")

X, y = (values[::3] for values in load_iris(return_X_y=True))
FEW = {"epochs": 3, "random_state": 0}
FORMS = {
    "array": lambda: X,
    "single precision": lambda: X.astype(np.float32).astype(np.float64),
    "list": lambda: X.tolist(),
    "frame": lambda: pd.DataFrame(X),
    "sparse": lambda: scipy.sparse.csr_array(X),
    "objects": lambda: X.astype(object),
    "graph": lambda: torch.tensor(X, requires_grad=True),
    "reversed memory": lambda: X[::-1][::-1],
}


class TestOwnMetrics:
    @pytest.mark.parametrize(
        ("metric", "message"),
        [
            (lambda a, b: float("nan"), r"got nan from <lambda>.*two NumPy arrays"),
            (lambda a, b: np.inf, r"got inf"),
            (lambda a, b: -1.0, r"got -1\.0"),
            (lambda a, b: None, r"got None"),
            (lambda a, b: "far", r"got 'far'"),
            (lambda a, b: a - b, r"got array"),
            (lambda a, b: 1 / 0, r"but <lambda> failed: ZeroDivisionError: division by zero"),
            (lambda a: 0.0, r"but <lambda> failed: TypeError"),
        ],
    )
    @pytest.mark.parametrize("relations", [PDist, NeighborBasedPDist])
    def test_of_rows_must_return_a_finite_distance(self, metric, message, relations):
        rule = "a metric must return a finite distance of at least 0 for two rows"
        with pytest.raises(ValueError, match=rf"(?s){rule}.*{message}"):
            relations(metric=metric).compute_relations(X)

    @pytest.mark.parametrize("metric", [euclidean, lambda a, b: torch.as_tensor(a - b).norm(), lambda a, b: 1])
    def test_of_rows_may_return_any_number(self, metric):
        PDist(metric=metric).compute_relations(X)
        NeighborBasedPDist(3, metric=metric).compute_relations(X)
        ParametricContrastive(**FEW, n_neighbors=5, metric=metric).fit(X)

    @pytest.mark.parametrize(
        ("metric", "message"),
        [
            (euclidean, r"but euclidean failed: ValueError: Input vector.*Write it with torch's functions"),
            (lambda a, b: 0.0, r"as a tensor, got 0\.0.*Write it with torch's functions"),
            (lambda a, b: (a - b).detach().numpy().sum(axis=-1), r"as a tensor, got array"),
        ],
    )
    def test_of_tensors_must_return_a_tensor(self, metric, message):
        batch = torch.tensor(X[:4])
        with pytest.raises(ValueError, match=rf"(?s)a metric must return one distance per pair.*{message}"):
            DifferentiablePDist(metric=metric).compute_relations(batch)
        with pytest.raises(ValueError, match=rf"(?s)a metric must return one distance per row.*{message}"):
            DistsFromTo(metric=metric).compute_relations(torch.stack([batch, batch]))
        with pytest.raises(ValueError, match=rf"(?s)a metric must return one distance per row.*{message}"):
            ParametricMDS(**FEW, metric=metric).fit(X)


class TestMetricsOfSparseRows:
    MEASURES = (
        "trustworthiness",
        "continuity",
        "knn_recall",
        "stress",
        "sammon_stress",
        "shepard_correlation",
        "fixed_fraction_recall",
        "random_triplet_accuracy",
    )

    @pytest.mark.parametrize("name", MEASURES)
    @pytest.mark.parametrize("form", [scipy.sparse.csr_array, scipy.sparse.coo_matrix])
    def test_are_those_of_dense_ones(self, name, form):
        measure, places = getattr(metrics, name), X[:, :2]
        options = {"test_X": X[:9], "test_embedding": places[:9]}
        assert measure(form(X), places) == measure(X, places)
        assert measure(form(X), places, **{**options, "test_X": form(X[:9])}) == measure(X, places, **options)

    def test_with_too_few_points_give_advice_that_can_be_followed(self):
        with pytest.raises(ValueError, match=r"n_neighbors=5 needs more points, got 2 points.*at least 3"):
            metrics.trustworthiness(X[:2], X[:2, :2])


@pytest.fixture(scope="module", name="routine")
def _routine():
    return ParametricAutoencoder(**FEW).fit(X)


class TestPlacesToDecode:
    def test_a_single_place_is_refused_with_the_remedy(self, routine):
        place = routine.transform(X)[0]
        with pytest.raises(ValueError, match=r"Expected 2D array, got shape \(2,\).*\.reshape\(1, -1\)"):
            routine.inverse_transform(place)
        assert routine.inverse_transform(place.reshape(1, -1)).shape == (1, 4)

    @pytest.mark.parametrize("shape", [(2, 3), (2, 4), (2, 2, 2)])
    def test_other_shapes_are_told_with_the_one_that_is_wanted(self, routine, shape):
        with pytest.raises(ValueError, match=r"as transform returns them, shape \(m, 2\), got shape \(2, "):
            routine.inverse_transform(np.ones(shape))


@pytest.mark.parametrize("method", ["transform", "apply", "embed", "score", "update", "export_torch"])
def test_what_is_not_trained_is_told_to_be_fitted(method):
    with pytest.raises(NotTrainedError, match=r"Call fit\(X\)"):
        getattr(ParametricMDS(), method)(X)


class TestEmptyTargets:
    @pytest.mark.parametrize("empty", [[], np.array([]), pd.Series([], dtype=float), torch.empty(0)])
    def test_are_refused_with_the_number_of_rows(self, empty):
        for call in (ParametricMDS(**FEW).fit, ParametricMDS(**FEW).partial_fit):
            with pytest.raises(
                ValueError, match=r"y must have one target a row, 50 in all, got none\. Leave y out"
            ):
                call(X, empty)

    def test_of_later_rows_are_refused(self):
        routine = ParametricMDS(**FEW).fit(X, y)
        for call in (routine.partial_fit, routine.update):
            with pytest.raises(ValueError, match=r"y must have shape \(50,\), one per row, got \(0,\)"):
                call(X, [])
        with pytest.raises(ValueError, match=r"y of validation_data must have shape \(9,\).*got \(0,\)"):
            routine.fit(X, y, validation_data=(X[:9], []))

    def test_and_short_ones_leave_what_was_learned(self):
        routine = ParametricMDS(**FEW).fit(X)
        embedded = routine.transform(X)
        with pytest.raises(ValueError, match=r"y must have shape \(50,\), one per row, got \(3,\)"):
            routine.fit(X, y[:3])
        np.testing.assert_array_equal(routine.transform(X), embedded)


class TestNearestNeighbors:
    @pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
    def test_takes_rows_in_any_container(self, form):
        indices, dists = nearest_neighbors(form(), 5)
        wanted = nearest_neighbors(torch.tensor(X), 5)
        torch.testing.assert_close(dists, wanted[1])
        assert indices.shape == (50, 5)

    def test_takes_whole_numbers(self):
        whole = (10 * X).astype(int)
        torch.testing.assert_close(
            nearest_neighbors(whole, 3)[1], nearest_neighbors(torch.tensor(whole * 1.0), 3)[1]
        )

    @pytest.mark.parametrize(
        ("rows", "k", "error", "message"),
        [
            (X[0], 2, ValueError, r"Expected 2D array, got shape \(4,\)"),
            (X * np.nan, 2, ValueError, r"X must be finite, got NaN or infinity, first in row 0"),
            (X, 2.0, TypeError, r"n_neighbors must be an integer, got 2\.0"),
            (X, "2", TypeError, r"n_neighbors must be an integer, got '2'"),
            (X, None, TypeError, r"n_neighbors must be an integer, got None"),
        ],
    )
    def test_refuses_what_it_cannot_search(self, rows, k, error, message):
        with pytest.raises(error, match=message):
            nearest_neighbors(rows, k)


class TestNeighborsThatWereGiven:
    @pytest.mark.parametrize("kind", [ParametricUMAP, ParametricContrastive])
    @pytest.mark.parametrize("method", ["update", "partial_fit", "fit"])
    def test_of_other_rows_are_refused_with_a_remedy_that_works(self, kind, method):
        near = tuple(part.numpy() for part in nearest_neighbors(X, 15))
        routine = kind(**FEW, precomputed_knn=near).fit(X)
        with pytest.raises(
            ValueError, match=r"one row per point, \d+ in all, got 50.*set_params\(precomputed_knn=None\)"
        ):
            getattr(routine, method)(X[:20])
        getattr(routine.set_params(precomputed_knn=None), method)(X[:30])

    def test_fewer_than_are_usual_are_told_with_what_may_be_lowered(self):
        near = tuple(part.numpy() for part in nearest_neighbors(X, 15))
        with pytest.warns(
            UserWarning,
            match=r"30 other points per row, got 15\. Pass more, or lower n_neighbors or the perplexity",
        ):
            ParametricTSNE(refine=False, **FEW, perplexity=10, precomputed_knn=near).fit(X)


class TestFewRows:
    @pytest.mark.parametrize(
        ("kind", "k"), [(ParametricUMAP, 15), (ParametricContrastive, 15), (ParametricPaCMAP, 10)]
    )
    def test_a_warning_names_what_asks_for_neighbors(self, kind, k):
        with pytest.warns(UserWarning, match=rf"^\w+ needs {k} neighbours, got 10 points with 9 others each"):
            kind(**FEW).fit(X[:10])

    @pytest.mark.parametrize("kind", [ParametricTSNE, ParametricLargeVis])
    @pytest.mark.parametrize("n", [30, 31])
    def test_a_perplexity_that_is_too_large_is_told_with_one_that_fits(self, kind, n):
        rows = np.random.default_rng(0).normal(size=(n, 4))
        message = rf"perplexity must be smaller than .* less 1, got perplexity 30 for {n} points\. .* about 10, or"
        with pytest.raises(ValueError, match=message):
            kind(**FEW, perplexity=30).fit(rows)
        kind(**FEW, perplexity=10).fit(rows)
        kind(**FEW, perplexity=29 if n == 31 else 28).fit(rows)

    def test_a_perplexity_for_too_few_neighbors_is_told_with_one_that_fits(self):
        with pytest.raises(
            ValueError, match=r"\(1, 20\) for 20 neighbours, got 30\. Set .* 6\.67, or .* 90 neigh"
        ):
            NeighborBasedPDist(20, transform=PerplexityBasedRescale(30)).compute_relations(X)


class Unwritable(torch.nn.Module):
    """Branches by the values of the rows, which no exporter can follow."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)

    def forward(self, rows):
        return self.layer(rows) if float(rows.sum()) > 0 else self.layer(-rows)


@pytest.mark.parametrize("method", ["export_onnx", "export_torch"])
def test_an_export_that_fails_says_why_in_a_line(method, tmp_path, capfd):
    if method == "export_onnx":
        pytest.importorskip("onnxscript")
    routine = ParametricMDS(**FEW, model=Unwritable()).fit(X)
    handler = logging.StreamHandler()
    logging.getLogger().addHandler(handler)
    try:
        with pytest.raises(
            UnsupportedConfigurationError, match=r"cannot be written.*: Could not guard on data"
        ) as error:
            getattr(routine, method)(tmp_path / "model")
    finally:
        logging.getLogger().removeHandler(handler)
    message = str(error.value)
    assert "\x1b" not in message
    assert "\n" not in message
    assert capfd.readouterr() == ("", "")
    assert not (tmp_path / "model").exists()


def test_a_composed_routine_refuses_metrics_that_fail_before_it_trains():
    routine = ParametricDR(global_relations=PDist(metric=lambda a, b: float("nan")), random_state=0)
    routine.add_data({"main": X})
    with pytest.raises(ValueError, match="a metric must return a finite distance"):
        routine.compute_global_relations()

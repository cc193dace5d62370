"""Rows in any unit are embedded as they are in another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn.datasets import load_iris

from paradime import ParametricAutoencoder, ParametricContrastive, ParametricMDS, estimators, routines
from paradime.dr import ParametricDR
from paradime.loss import ReconstructionLoss
from paradime.models import ModelRecipe

pytestmark = pytest.mark.usefixtures("few_first_steps")

X = load_iris().data[np.arange(150) % 3 != 0]  # 100 rows
PRESETS = ["MDS", "TSNE", "UMAP", "PaCMAP", "LargeVis", "Contrastive", "Autoencoder"]
# powers of two near 1e-30, 1e-12, 1e12 and 1e30, so that nothing is rounded
SCALES = [2.0**-100, 2.0**-40, 2.0**40, 2.0**100]
STRESS = """
model: {type: mlp, options: {standardize: true}}
relations:
  - {name: far and near, level: global, type: pdist}
  - {name: embedded, level: batch, type: pdistdiff}
losses:
  - name: stress
    type: relation
    func: mse
    keys: {rels: [far and near, embedded]}
    options: {normalize_sub: false}
training phases:
  - {epochs: 3, sampling: {type: item, options: {batch_size: 50}}, loss: {components: [stress]}}
"""


def embedded(name: str, rows: Any, **settings: Any) -> np.ndarray[Any, Any]:
    routine = getattr(estimators, f"Parametric{name}")(epochs=3, random_state=0, **settings)
    return np.asarray(routine.fit(rows).transform(rows), np.float64)


def assert_same(found: Any, expected: Any) -> None:
    # training amplifies the last bits, where a step rounds differently
    assert np.abs(found - expected).max() < 0.05 * np.std(expected)


@pytest.mark.parametrize("layout", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_does_not_depend_on_the_unit_of_the_rows(name: str, layout: Any) -> None:
    expected = embedded(name, layout(X))
    for scale in SCALES:
        unit = scale if name == "MDS" else 1.0  # its distances are those of the data
        assert_same(embedded(name, layout(X * scale)) / unit, expected)


@pytest.mark.parametrize("scale", [SCALES[0], SCALES[-1]])
@pytest.mark.parametrize("settings", [{"weighting": "sammon"}, {"metric": "manhattan"}, {"network": "centers"}])
def test_mds_has_the_unit_of_the_rows(settings: dict[str, Any], scale: float) -> None:
    assert_same(embedded("MDS", X * scale, **settings) / scale, embedded("MDS", X, **settings))


@pytest.mark.parametrize("scale", [SCALES[0], SCALES[-1]])
@pytest.mark.parametrize(
    ("name", "settings"),
    [("UMAP", {}), ("TSNE", {}), ("TSNE", {"objective": "blocks"}), ("UMAP", {"density": True})],
    ids=str,
)
def test_plain_networks_of_fit_do_not_depend_on_the_unit(
    name: str, settings: dict[str, Any], scale: float
) -> None:
    settings = {"network": "mlp", **settings}
    assert_same(embedded(name, X * scale, **settings), embedded(name, X, **settings))


@pytest.mark.parametrize("scale", [2.0**-40, 2.0**40])
@pytest.mark.parametrize("settings", [{}, {"network": "centers"}, {"density": True}], ids=str)
def test_mds_of_squared_distances_has_their_unit(settings: dict[str, Any], scale: float) -> None:
    settings = {"metric": "sqeuclidean", **settings}
    assert_same(embedded("MDS", X * scale, **settings) / scale**2, embedded("MDS", X, **settings))


@pytest.mark.parametrize("scale", [SCALES[0], SCALES[-1]])
@pytest.mark.parametrize("more", ["density", "structure", "classes", "numbers"])
def test_what_guides_mds_does_not_depend_on_the_unit(more: str, scale: float) -> None:
    y = {"classes": np.arange(len(X)) % 3, "numbers": X[:, 0]}.get(more)
    settings = {} if more in ("classes", "numbers") else {more: True}

    def guided(rows: Any) -> np.ndarray[Any, Any]:
        routine = ParametricMDS(epochs=3, random_state=0, **settings).fit(rows, y)
        return np.asarray(routine.transform(rows), np.float64)

    assert_same(guided(X * scale) / scale, guided(X))


@pytest.mark.parametrize("name", ["UMAP", "TSNE"])
def test_positions_of_train_are_those_of_the_data_as_in_version_1(name: str) -> None:
    routine = getattr(routines, f"Parametric{name}")(initialization="pca", epochs=1, init_epochs=1, random_state=0)
    routine.train(X)
    found = np.asarray(routine.dataset["pca"])
    np.testing.assert_allclose(
        found.std(axis=0), np.linalg.svd(X - X.mean(axis=0))[1][:2] / len(X) ** 0.5, rtol=1e-4
    )


def test_mds_of_cosine_distances_has_no_unit() -> None:
    expected = embedded("MDS", X, metric="cosine")
    for scale in SCALES:
        assert_same(embedded("MDS", X * scale, metric="cosine"), expected)


@pytest.mark.parametrize("scale", SCALES)
def test_a_composed_stress_has_the_unit_of_the_rows(scale: float) -> None:
    expected, found = (
        np.asarray(ParametricDR.from_spec(STRESS, random_state=0).fit(rows).transform(rows), np.float64)
        for rows in (X, X * scale)
    )
    assert_same(found / scale, expected)


@pytest.mark.parametrize("scale", [SCALES[0], SCALES[-1]])
def test_updates_hold_anchors_in_any_unit(scale: float) -> None:
    def updated(rows: Any) -> ParametricMDS:
        return ParametricMDS(epochs=3, random_state=0).fit(rows[:70]).update(rows[70:], anchors=20, epochs=2)

    expected, found = updated(X), updated(X * scale)
    assert found.drift_.mean == pytest.approx(expected.drift_.mean, rel=0.05)
    assert_same(np.asarray(found.transform(X * scale), np.float64) / scale, expected.transform(X))


@pytest.mark.parametrize("scale", [SCALES[0], SCALES[-1]])
def test_a_decoder_returns_rows_in_their_unit(scale: float) -> None:
    def decoded(rows: Any) -> np.ndarray[Any, Any]:
        routine = ParametricContrastive(epochs=2, decoder=True, random_state=0).fit(rows)
        return np.asarray(routine.inverse_transform(routine.transform(rows)), np.float64)

    assert_same(decoded(X * scale) / scale, decoded(X))


def test_squared_distances_beyond_single_precision_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must lie within single precision.*Rescale the columns"):
        ParametricMDS(metric="sqeuclidean", epochs=1).fit(X * 1e30)


@pytest.mark.parametrize("layout", [np.asarray, scipy.sparse.csr_array])
def test_rows_too_small_for_single_precision_are_refused(layout: Any) -> None:
    with pytest.raises(ValueError, match=r"values of at least 1e-36.*got none above 7\.9e-50.*Rescale"):
        ParametricMDS(epochs=1).fit(layout(X * 1e-50))


@pytest.mark.parametrize("layout", [np.asarray, scipy.sparse.csr_array, lambda rows: rows.astype(np.float32)])
@pytest.mark.parametrize("small", [1e-37, 1e-39, 1e-44])
def test_a_column_too_small_for_single_precision_is_warned_of(small: float, layout: Any) -> None:
    rows = layout(X * [1, 1, small, 1])
    with pytest.warns(
        UserWarning, match=r"column 'x2' must have values of at least 1e-36.*above 6\.\d*e-\d+.*Resc"
    ):
        routine = ParametricAutoencoder(epochs=2, random_state=0).fit(rows)
    assert np.isfinite(routine.inverse_transform(routine.transform(rows))).all()


def test_small_columns_are_named_as_in_the_data_frame() -> None:
    frame = pd.DataFrame(X, columns=load_iris().feature_names).assign(a=X[:, 0] * 1e-40, b=X[:, 1] * 1e-50)
    with pytest.warns(UserWarning, match=r"2 columns \('a', 'b'\) must have values of at least 1e-36"):
        ParametricMDS(epochs=1).fit(frame)


def test_columns_of_zeros_and_of_small_values_that_single_precision_holds_are_not_small() -> None:
    ParametricMDS(epochs=1).fit(np.c_[X, X[:, 0] * 1e-35, np.where(X[:, 0] > 5, 0, X[:, 1])])


def test_rows_of_zeros_beside_small_ones_are_no_fault() -> None:
    rows = np.where(np.arange(100)[:, None] < 5, 0.0, X * 1e-30)
    assert np.isfinite(ParametricMDS(epochs=1).fit_transform(rows)).all()


def test_mean_squared_errors_weigh_columns_alike_as_a_module_too() -> None:
    def trained(function: Any) -> Any:
        loss = ReconstructionLoss(function)
        recipe = ModelRecipe(decoder=True)
        routine = ParametricDR(model=recipe, losses=loss, random_state=0)
        routine.add_training_phase(epochs=2)
        return routine.fit(X * [1, 1, 1, 1e3]).transform(X * [1, 1, 1, 1e3])

    np.testing.assert_array_equal(trained(torch.nn.MSELoss()), trained(None))

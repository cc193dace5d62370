"""Axes whose ends are concepts, each given by a group of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import paradime
from paradime import ParametricMDS, ParametricTSNE, ParametricUMAP
from paradime.constraints import AxisConstraint, ConceptConstraint
from paradime.data import Dataset
from paradime.dr import ParametricDR
from paradime.exceptions import UnsupportedConfigurationError
from paradime.models import OutputLayers


def groups(n: int = 90, n_columns: int = 6, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns rows of three classes, of which class 2 lies apart from class 0 along the last column."""
    X = torch.randn(n, n_columns, generator=torch.Generator().manual_seed(seed))
    y = torch.arange(n) % 3
    X[:, 0] *= 4
    X[:, -1] += 3.0 * y
    return X, y


def attribute_of(constraint: ConceptConstraint, X: torch.Tensor) -> torch.Tensor:
    assert constraint.weights is not None
    assert constraint.center is not None
    return (X.double() - constraint.center) @ constraint.weights + 0.5


@pytest.mark.parametrize("n_columns", [6, 200])
@pytest.mark.parametrize("regularization", [0.1, 1.0])
def test_the_means_of_the_groups_lie_at_0_and_1(n_columns: int, regularization: float) -> None:
    X, y = groups(n_columns=n_columns)
    constraint = ConceptConstraint(0, 2, regularization=regularization)
    constraint.take_data(Dataset({"main": X, "labels": y}))
    attribute = attribute_of(constraint, X)
    assert float(attribute[y == 0].mean()) == pytest.approx(0, abs=1e-6)
    assert float(attribute[y == 2].mean()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("n_columns", [6, 96])
def test_the_direction_is_that_of_the_regularized_covariance_within_the_groups(n_columns: int) -> None:
    X, y = groups(30, n_columns)
    constraint = ConceptConstraint(0, 2, regularization=0.5)
    constraint.take_data(Dataset({"main": X, "labels": y}))
    within = torch.cat([X[y == code] - X[y == code].mean(dim=0) for code in (0, 2)]).double()
    regular = (within.T @ within / len(within) + within.square().mean() * torch.eye(n_columns)) / 2
    expected = torch.linalg.solve(regular, (X[y == 2].mean(dim=0) - X[y == 0].mean(dim=0)).double())
    assert constraint.weights is not None
    found = constraint.weights
    assert torch.allclose(found / found.norm(), expected / expected.norm(), atol=1e-5)


def test_groups_are_classes_indices_or_masks() -> None:
    X, y = groups()
    dataset = Dataset({"main": X, "labels": y})
    directions = []
    low, high = (y == 0), (y == 2)
    for pair in (
        (0, 2),
        (low.numpy(), high.numpy()),
        (low.nonzero()[:, 0].tolist(), high.nonzero()[:, 0].numpy()),
    ):
        constraint = ConceptConstraint(*pair)
        constraint.take_data(dataset)
        directions.append(constraint.weights)
    named = ConceptConstraint("small", "large")
    named.take_data(dataset, ["small", "middle", "large"])
    assert all(torch.equal(directions[0], other) for other in [*directions, named.weights])


@pytest.mark.parametrize("preset", [ParametricUMAP, ParametricTSNE])
def test_an_exact_axis_is_the_direction_for_new_rows_too(preset: Any, tmp_path: Any) -> None:
    X, y = groups()
    routine = preset(epochs=1, init_epochs=1, random_state=0)
    routine.add_constraint(ConceptConstraint(0, 2, axis=1, exact=True)).fit(X[:60], y[:60].numpy())
    constraint = routine.constraints["axis 1"]
    positions = routine.transform(X)
    r = np.corrcoef(positions[:, 1], attribute_of(constraint, X))[0, 1]
    assert r == pytest.approx(1, abs=1e-6)
    assert routine.adherence(X[60:])["axis 1"].score == pytest.approx(1)
    routine.save(tmp_path / "model")
    loaded = paradime.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.transform(X), positions)
    loaded.update(X[60:], y[60:].numpy(), old=X[:60], epochs=1)
    assert loaded.adherence(X)["axis 1"].score == pytest.approx(1)


def test_a_refined_map_has_the_axis_too() -> None:
    X, y = groups(80)
    routine = ParametricTSNE(refine=True, epochs=1, init_epochs=1, perplexity=5, random_state=0)
    routine.add_constraint(ConceptConstraint(0, 2, exact=True)).fit(X[:60], y[:60].numpy())
    assert routine.adherence(X)["axis 0"].score == pytest.approx(1)


def test_the_loss_pulls_the_axis_of_new_rows_towards_the_direction(outcome: Any) -> None:
    def measure(seed: int) -> dict[str, float]:
        X, y = groups(150, seed=seed)
        scores = []
        for share in (None, 0.5):
            routine = ParametricMDS(epochs=15, init_epochs=2, random_state=seed)
            constraint = ConceptConstraint((y[:100] == 0).numpy(), (y[:100] == 2).numpy())
            if share is not None:
                routine.add_constraint(constraint, share=share)
            routine.fit(X[:100])
            constraint.take_data(Dataset({"main": X[:100]}))
            place = torch.as_tensor(routine.transform(X[100:]))[:, 0].double()
            scores.append(float(torch.corrcoef(torch.stack([place, attribute_of(constraint, X[100:])]))[0, 1]))
        return {"correlation": scores[1], "gain": scores[1] - abs(scores[0])}

    outcome(measure, at_least={"correlation": 0.8, "gain": 0.1})


def test_the_loss_has_a_gradient() -> None:
    X, y = groups(20)
    constraint = ConceptConstraint(0, 2)
    constraint.take_data(Dataset({"main": X, "labels": y}))
    embedded = torch.randn(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    batch: Any = {"main": X}
    assert torch.autograd.gradcheck(lambda places: constraint.of_embedding(places, batch, {}), (embedded,))


def test_the_layer_leaves_the_gradient_to_the_rows() -> None:
    X = groups(12)[0].double().requires_grad_()
    layers = OutputLayers(
        [{"kind": "linear", "axis": 0, "weights": [0.5] * 6, "center": [0.1] * 6}], out_dim=2
    ).double()
    weight = torch.randn(6, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda rows: layers(rows @ weight, rows, 1.0), (X,))


def test_rows_far_from_zero_have_the_digits_of_the_axis() -> None:
    X, y = groups()
    far = X.double() + 1e7
    routine = ParametricMDS(epochs=1, random_state=0)
    routine.add_constraint(ConceptConstraint(0, 2, exact=True)).fit(far, y.numpy())
    constraint = routine.constraints["axis 0"]
    r = np.corrcoef(routine.embedding_[:, 0], attribute_of(constraint, far))[0, 1]
    assert r == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("exact", [True, False])
def test_a_specification_holds_the_groups(exact: bool) -> None:
    X, _ = groups()
    routine = ParametricUMAP(epochs=1, init_epochs=1).add_constraint(
        ConceptConstraint([0, 3], [2, 5], exact=exact)
    )
    spec = routine.to_spec(format="dict")
    made = ParametricDR.from_spec(spec, random_state=0)
    constraint = made.constraints["axis 0"]
    assert isinstance(constraint, ConceptConstraint)
    assert (constraint.low_group, constraint.high_group, constraint.exact) == ([0, 3], [2, 5], exact)
    assert made.fit(X).adherence(X)["axis 0"].n == len(X)


def test_an_exported_map_has_the_axis(tmp_path: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    X, y = groups()
    routine = ParametricUMAP(epochs=1, init_epochs=1, random_state=0)
    routine.add_constraint(ConceptConstraint(0, 2, exact=True)).fit(X, y.numpy()).export_onnx(
        tmp_path / "map.onnx"
    )
    session = onnxruntime.InferenceSession(tmp_path / "map.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: X.numpy()})
    np.testing.assert_allclose(found, routine.transform(X), atol=1e-4)


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        ([0, 1], [90], "high_group must name rows of the 90 that fit is given, got index 90"),
        (7, 1, "no class '7'|no rows"),
        ([0, 1], [1, 0], "must have different means"),
    ],
)
def test_groups_that_make_no_axis_are_refused(low: Any, high: Any, message: str) -> None:
    X, y = groups()
    with pytest.raises(ValueError, match=message):
        ParametricUMAP(epochs=1).add_constraint(ConceptConstraint(low, high)).fit(X, y.numpy())


def test_arguments_out_of_range_are_refused() -> None:
    for group in ([-1], [0.5], [], [[1]]):
        with pytest.raises(ValueError, match="low_group must be a class, row indices from 0, or a mask"):
            ConceptConstraint(group, [1])
    with pytest.raises(ValueError, match="regularization"):
        ConceptConstraint(0, 1, regularization=0)
    routine = ParametricUMAP().add_constraint(ConceptConstraint(0, 1, exact=True))
    with pytest.raises(UnsupportedConfigurationError, match="axis 0 cannot be 3 and"):
        routine.add_constraint(AxisConstraint(3, exact=True))
    with pytest.raises(ValueError, match="one number per column"):
        OutputLayers([{"kind": "linear", "axis": 0, "weights": [1.0], "center": []}], out_dim=2)

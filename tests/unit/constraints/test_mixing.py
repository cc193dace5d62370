"""Parity of neighbourhoods, and classes in one piece."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import paradime
from paradime import ParametricDR, ParametricMDS, metrics
from paradime.constraints import CohesionConstraint, Constraint, ParityConstraint

BOTH = pytest.mark.parametrize("kind", [ParityConstraint, CohesionConstraint])


def torn(n: int = 80) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows in four groups, and two classes of two distant groups each."""
    groups = torch.arange(n) % 4
    centers = torch.tensor([[0.0, 0, 0], [6.0, 0, 0], [12.0, 0, 0], [18.0, 0, 0]])
    return centers[groups] + torch.randn(n, 3, generator=torch.Generator().manual_seed(0)), groups % 2


@BOTH
def test_a_step_against_the_gradient_lowers_the_loss(kind: Any) -> None:
    X, classes = torn(24)
    constraint, positions = kind("g"), X[:, :2].double()
    batch: Any = {"g": classes}
    leaf = positions.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(constraint.of_embedding(leaf, batch, {}), leaf)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0
    # a small step down the gradient lowers the loss; widths that are taken as constant change little in it
    step = positions - 1e-3 * gradient / gradient.norm()
    assert constraint.of_embedding(step, batch, {}) < constraint.of_embedding(positions, batch, {})


@BOTH
def test_training_raises_the_adherence_of_new_rows(kind: Any, outcome: Any) -> None:
    X, classes = torn()

    def measure(seed: int) -> dict[str, float]:
        scores = []
        for share in (1e-6, 0.95):
            routine = ParametricMDS(epochs=30, random_state=seed).add_constraint(kind("g"), share=share)
            routine.fit({"main": X[:60], "g": classes[:60]})
            (found,) = routine.adherence({"main": X, "g": classes}).values()
            scores.append(found.score)
        return {"gain": scores[1] - scores[0]}

    outcome(measure, at_least={"gain": 0.1})


def test_parity_is_one_for_random_neighbors_and_zero_for_separate_classes() -> None:
    generator = np.random.default_rng(0)
    positions, labels = generator.normal(size=(2_000, 2)), generator.integers(0, 3, 2_000)
    assert metrics.class_parity(positions, labels) == pytest.approx(1, abs=0.03)
    assert metrics.class_parity(positions + 100 * labels[:, None], labels) == 0
    assert metrics.class_connectivity(positions + 100 * labels[:, None], labels) == 1


def test_points_without_a_class_are_left_out() -> None:
    line = [[0.0], [1.0], [1.5], [10.0], [11.0]]
    assert metrics.class_connectivity(line, ["a", "a", None, "b", "b"], n_neighbors=1) == 1
    assert metrics.class_parity(line, ["a", "a", None, "b", "b"], n_neighbors=1) == 0


def test_rows_without_a_class_have_no_part_in_the_loss() -> None:
    X, classes = torn(24)
    positions, without = X[:, :2], classes.clone()
    without[::5] = -1
    known = without >= 0
    all_rows: Any = {"g": without}
    labeled: Any = {"g": without[known]}
    constraint = ParityConstraint("g")
    found = constraint.of_embedding(positions, all_rows, {})
    assert float(found) == pytest.approx(float(constraint.of_embedding(positions[known], labeled, {})))


@BOTH
def test_batches_without_classes_to_compare_cost_nothing(kind: Any) -> None:
    leaf = torch.randn(6, 2).requires_grad_()
    batch: Any = {"g": torch.full((6,), -1)}
    value = kind("g").of_embedding(leaf, batch, {})
    (gradient,) = torch.autograd.grad(value, leaf)
    assert float(value.detach()) == 0
    assert gradient.abs().sum() == 0


@BOTH
def test_they_are_saved_and_specified(kind: Any, tmp_path: Any) -> None:
    X, classes = torn()
    routine = ParametricMDS(epochs=1, random_state=0).add_constraint(kind("g"), share=0.3)
    spec = routine.to_spec(format="dict")
    routine.fit({"main": X, "g": classes}).save(tmp_path / "model")
    loaded = paradime.load(tmp_path / "model")
    assert loaded.adherence({"main": X, "g": classes}) == routine.adherence()
    assert loaded.adherence(X) == {}
    (key,) = ParametricDR.from_spec(spec).constraints
    assert isinstance(ParametricDR.from_spec(spec).constraints[key], kind)


@BOTH
def test_numbers_are_refused_as_classes(kind: Any) -> None:
    X, _ = torn()
    constraint: Constraint = kind("g")
    with pytest.raises(ValueError, match="must have integers"):
        ParametricMDS(epochs=1).add_constraint(constraint).fit({"main": X, "g": X[:, 0]})


def test_the_number_of_neighbors_is_checked() -> None:
    with pytest.raises(ValueError, match="n_neighbors must be"):
        ParityConstraint(n_neighbors=0)
    with pytest.raises(ValueError, match="n_neighbors"):
        metrics.class_parity([[0.0], [1.0]], [0, 1], n_neighbors=2)

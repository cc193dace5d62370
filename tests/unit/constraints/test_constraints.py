"""Constraints as losses, how they are added, and their adherence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from paradime import ParametricMDS, ParametricUMAP
from paradime.constraints import AxisConstraint, BoundsConstraint, Constraint, Region
from paradime.data import Batch, Dataset
from paradime.exceptions import NotTrainedError, UnsupportedConfigurationError
from paradime.loss import GlobalStructureLoss


def data(n: int = 60, n_columns: int = 4) -> torch.Tensor:
    return torch.randn(n, n_columns, generator=torch.Generator().manual_seed(0))


def test_a_constraint_is_a_loss_with_a_key_of_its_own_and_a_share() -> None:
    routine = ParametricUMAP()
    routine.add_constraint(AxisConstraint(0)).add_constraint(AxisConstraint(1))
    routine.add_constraint(BoundsConstraint(low=[0, 0]), share=0.4, key="positive")
    assert list(routine.constraints) == ["axis 0", "axis 0 2", "positive"]
    shares = routine.training_phases[-1].loss_shares
    assert shares == {"axis 0": pytest.approx(0.096), "axis 0 2": pytest.approx(0.12), "positive": 0.4}


def test_what_is_no_constraint_is_refused() -> None:
    with pytest.raises(TypeError, match="must be a Constraint, got GlobalStructureLoss"):
        ParametricUMAP().add_constraint(GlobalStructureLoss())  # type: ignore[arg-type]


def test_adherence_is_measured_on_training_rows_and_on_others() -> None:
    X = data(80)
    routine = ParametricMDS(epochs=2, random_state=0).add_constraint(AxisConstraint(3), share=0.8).fit(X[:60])
    seen, held_out = routine.adherence()["axis 0"], routine.adherence(X[60:])["axis 0"]
    assert (seen.n, held_out.n) == (60, 20)
    for found, rows in ((seen, X[:60]), (held_out, X[60:])):
        r = np.corrcoef(routine.transform(rows)[:, 0], rows[:, 3])[0, 1]
        assert found.score == pytest.approx(abs(r), abs=1e-5)


def test_adherence_of_an_untrained_routine_is_refused() -> None:
    with pytest.raises(NotTrainedError):
        ParametricMDS().add_constraint(AxisConstraint(3)).adherence()


@pytest.mark.parametrize(
    ("constraint", "positions", "expected"),
    [
        (AxisConstraint(0), [[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]], 1.0),
        (AxisConstraint(0, sign="negative"), [[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]], 0.0),
        (AxisConstraint(0, order=True), [[0.0, 5.0], [1.0, 5.0], [99.0, 5.0]], 1.0),
        (AxisConstraint(0, axis=1), [[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]], 0.0),
        (BoundsConstraint(low=[0, 5], high=[1, 5.5]), [[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]], 2 / 3),
    ],
)
def test_the_score_of_known_positions(
    constraint: Constraint, positions: list[list[float]], expected: float
) -> None:
    rows = Dataset({"main": torch.tensor([[0.0, 1.0], [1.0, 2.0], [2.0, 5.0]])})
    found = constraint.adherence(torch.tensor(positions, dtype=torch.float64), rows)
    assert found is not None
    assert found.score == pytest.approx(expected)


def test_the_loss_of_bounds_is_the_squared_distance_outside() -> None:
    positions = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 0.5]], dtype=torch.float64, requires_grad=True)
    loss = BoundsConstraint(center=[0, 0], radius=1)
    value = loss.of_embedding(positions, Batch({}), {})
    size = positions.detach().var(dim=0, unbiased=False).sum()
    assert float(value.detach()) == pytest.approx(float(4 / 3 / size), rel=1e-5)
    (gradient,) = torch.autograd.grad(value, positions)
    assert gradient[1, 0] > 0
    assert gradient[[0, 2]].abs().sum() == 0


def test_bounds_as_a_loss_lead_rows_in(outcome: Any) -> None:
    X = data()

    def measure(seed: int) -> dict[str, float]:
        shares = []
        for is_bounded in (False, True):
            routine = ParametricMDS(epochs=30, random_state=seed)
            if is_bounded:
                routine.add_constraint(BoundsConstraint(low=[-1, -1], high=[1, 1]), share=0.8)
            positions = torch.tensor(routine.fit_transform(X))
            shares.append(Region(low=[-1, -1], high=[1, 1]).share_within(positions))
        return {"gain": shares[1] - shares[0]}

    outcome(measure, at_least={"gain": 0.4})


def test_bounds_of_another_number_of_dimensions_are_refused() -> None:
    routine = ParametricUMAP(epochs=1).add_constraint(BoundsConstraint(low=[0, 0, 0]))
    with pytest.raises(ValueError, match="one number per axis of the map, 2, got 3"):
        routine.fit(data())


@pytest.mark.parametrize("region", [{}, {"low": [0, 0], "radius": 1.0}, {"radius": 1.0}, {"center": [0, 0]}])
def test_a_region_is_exactly_one(region: dict[str, object]) -> None:
    with pytest.raises(UnsupportedConfigurationError, match="a region is a box"):
        Region(**region)  # type: ignore[arg-type]

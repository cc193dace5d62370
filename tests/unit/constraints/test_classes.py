"""Constraints on classes: regions, columns, sectors and hierarchies."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch

import paradime
from paradime import ParametricDR, ParametricMDS, ParametricUMAP
from paradime.constraints import (
    BoundsConstraint,
    ColumnsConstraint,
    Constraint,
    HierarchyConstraint,
    RegionConstraint,
    SectorsConstraint,
)
from paradime.data import Dataset
from paradime.exceptions import UnsupportedConfigurationError
from paradime.functional.hierarchy import hierarchy_loss, hierarchy_pairs
from paradime.functional.links import order_loss

pytestmark = pytest.mark.usefixtures("few_first_steps")

N_TRAIN = 60


def blobs(n_each: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    """Three groups of rows in turn, and their numbers."""
    groups = torch.arange(3 * n_each) % 3
    centers = torch.tensor([[0.0, 0, 0, 0], [8.0, 0, 0, 0], [0, 8.0, 0, 0]])
    return centers[groups] + torch.randn(3 * n_each, 4, generator=torch.Generator().manual_seed(0)), groups


def overlapping() -> tuple[torch.Tensor, torch.Tensor]:
    """Groups that a map without a constraint does not separate."""
    X, groups = blobs()
    return X * torch.tensor([0.25, 0.25, 2.0, 2.0]), groups


@functools.cache
def unconstrained(seed: int) -> torch.Tensor:
    """The positions of new rows in a map without a constraint."""
    X, _ = overlapping()
    routine = ParametricMDS(epochs=30, random_state=seed).fit(X[:N_TRAIN])
    return torch.as_tensor(routine.transform(X[N_TRAIN:])).double()


REGIONS = {0: {"low": [1, None]}, 1: {"center": [-3, 0], "radius": 2}}


def made() -> list[Constraint]:
    return [
        RegionConstraint(REGIONS),
        ColumnsConstraint("labels", axis=1, order=[1, 2, 0]),
        ColumnsConstraint("labels"),
        SectorsConstraint("labels", center=[1.0, 0.0]),
        HierarchyConstraint(["labels"]),
    ]


CONSTRAINTS = pytest.mark.parametrize("i", range(5), ids=["region", "columns", "free columns", "sectors", "tree"])


@CONSTRAINTS
def test_gradients_are_those_of_finite_differences(i: int) -> None:
    rows, groups = blobs(3)
    groups[4] = -1
    constraint = made()[i]
    constraint.take_data(Dataset({"main": rows, "labels": groups}))
    positions = (rows[:, [1, 0]].double() / 2 - 1).requires_grad_()
    batch: Any = {"labels": groups}

    def loss(embedded: torch.Tensor) -> torch.Tensor:
        # the loss of regions is relative to the size of the batch, through which no gradient goes
        size = embedded.detach().var(dim=0, unbiased=False).sum() if i == 0 else 1
        return constraint.of_embedding(embedded, batch, {}) * size

    assert torch.autograd.gradcheck(loss, (positions,), atol=1e-5)
    (gradient,) = torch.autograd.grad(loss(positions), positions)
    assert gradient.abs().sum() > 0


@CONSTRAINTS
def test_training_raises_the_adherence_of_new_rows(i: int, outcome: Any) -> None:
    X, groups = overlapping()
    new = Dataset({"main": X[N_TRAIN:], "labels": groups[N_TRAIN:]})

    def measure(seed: int) -> dict[str, float]:
        constraint = made()[i]
        routine = ParametricMDS(epochs=30, random_state=seed).add_constraint(constraint, share=0.9)
        routine.fit(X[:N_TRAIN], groups[:N_TRAIN])
        (found,) = routine.adherence(X[N_TRAIN:], groups[N_TRAIN:]).values()
        without = constraint.adherence(unconstrained(seed), new)
        assert without is not None
        return {"share of the errors": (1 - found.score) / (1 - without.score)}

    outcome(measure, at_most={"share of the errors": 0.3})


@CONSTRAINTS
def test_classes_are_saved_and_observed_by_an_update_of_the_loaded_routine(i: int, tmp_path: Any) -> None:
    X, groups = blobs()
    names = np.array(["0", "1", "2"])[groups]
    routine = ParametricMDS(epochs=2, random_state=0).add_constraint(made()[i], share=0.5)
    routine.fit(X[:60], names[:60]).save(tmp_path / "model")
    loaded = paradime.load(tmp_path / "model")
    assert loaded.adherence(X[60:], names[60:]) == routine.adherence(X[60:], names[60:])
    loaded.update(X[60:], names[60:], old={"main": X[:60], "labels": groups[:60]}, epochs=1)
    assert len(loaded.adherence(X, names)) == 1


@CONSTRAINTS
def test_a_specification_holds_constraints_on_classes(i: int) -> None:
    X, groups = blobs()
    routine = ParametricMDS().add_constraint(made()[i])
    again = ParametricDR.from_spec(routine.to_spec(), random_state=0)
    assert again.to_spec() == routine.to_spec()
    again.training_phases = [phase.replace(epochs=1) for phase in again.training_phases]
    assert len(again.fit({"main": X, "labels": groups}).adherence()) == 1


@CONSTRAINTS
def test_rows_without_classes_have_no_adherence(i: int) -> None:
    X, groups = blobs()
    routine = ParametricMDS(epochs=1, random_state=0).add_constraint(made()[i]).fit(X, groups)
    assert routine.adherence(X) == {}
    assert len(routine.adherence(X, groups)) == 1


@CONSTRAINTS
def test_entries_that_are_missing_or_no_integers_are_refused(i: int) -> None:
    X, groups = blobs()
    with pytest.raises(KeyError, match="no entry 'labels'"):
        ParametricMDS(epochs=1).add_constraint(made()[i]).fit(X)
    with pytest.raises(ValueError, match=r"must have integers, −1 for rows without a class, got 0\.5"):
        ParametricMDS(epochs=1).add_constraint(made()[i]).fit({"main": X, "labels": groups / 2})
    with pytest.raises(ValueError, match=r"one class per row, shape \(90,\), got \(90, 4\)"):
        ParametricMDS(epochs=1).add_constraint(made()[i]).fit({"main": X, "labels": X})


def test_classes_are_named_as_in_y() -> None:
    X, groups = blobs()
    names = np.array(["low", "high", "other"])[groups]
    regions = RegionConstraint({"high": {"low": [0, 0]}, "low": {"high": [0, 0]}})
    columns = ColumnsConstraint("labels", order=["other", "low"])
    routine = ParametricMDS(epochs=1).add_constraint(regions).add_constraint(columns).fit(X, names)
    assert {key: found.n for key, found in routine.adherence().items()} == {"region": 60, "columns": 60}
    with pytest.raises(ValueError, match="y has no class 'lowest'"):
        ParametricMDS(epochs=1).add_constraint(ColumnsConstraint("labels", order=["lowest", "high"])).fit(X, names)
    with pytest.raises(ValueError, match="integers of the entry if fit is given no y, got"):
        ParametricMDS(epochs=1).add_constraint(regions).fit({"main": X, "labels": groups})


def test_integer_classes_of_y_are_its_own() -> None:
    X, groups = blobs()
    constraint = RegionConstraint({30: {"low": [0, 0]}})
    ParametricMDS(epochs=1).add_constraint(constraint).fit(X, 10 * (1 + groups))
    assert constraint.codes is not None
    assert constraint.codes.tolist() == [2]


# -- scores --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        (RegionConstraint({0: {"high": [1, 0]}, 1: {"center": [5, 0], "radius": 1.5}}), 3 / 4),
        (RegionConstraint({2: {"low": [0, 0]}}), 1.0),
        (ColumnsConstraint("labels", order=[0, 1, 2]), 4 / 5),
        (ColumnsConstraint("labels", order=[2, 1, 0]), 1 / 5),
        (ColumnsConstraint("labels", order=[2, 0]), 0.0),
        (ColumnsConstraint("labels"), 4 / 5),
        (ColumnsConstraint("labels", axis=1, order=[0, 2]), 1.0),
        (SectorsConstraint("labels", order=[1, 2, 0, 7], center=[3, 0]), 1.0),
        (SectorsConstraint("labels", order=[0, 2, 1, 7], center=[3, 0]), 1 / 5),
        (HierarchyConstraint(["labels"]), 11 / 12),
    ],
)
def test_the_score_of_known_positions(constraint: Constraint, expected: float) -> None:
    rows = Dataset({"main": blobs(2)[0], "labels": torch.tensor([0, 0, 1, 1, 2, -1])})
    positions = torch.tensor([[0.0, 0], [1.0, 0], [5.0, 0], [9.0, 0], [10.0, 9], [3.0, 3]]).double()
    constraint.take_data(rows)
    found = constraint.adherence(positions, rows)
    assert found is not None
    assert found.score == pytest.approx(expected, abs=0.03 if "triplets" in found.measure else 1e-9)


def test_columns_in_a_wrong_order_do_not_count() -> None:
    rows = Dataset({"main": torch.eye(3), "labels": torch.arange(3)})
    positions = torch.tensor([[0.0], [1.0], [2.0]]).double()
    scores = []
    for order in ([0, 1, 2], [1, 0, 2], None):
        constraint = ColumnsConstraint("labels", order=order)
        constraint.take_data(rows)
        found = constraint.adherence(positions, rows)
        assert found is not None
        scores.append(found.score)
    assert scores == [1.0, pytest.approx(1 / 3), 1.0]


def test_columns_without_an_order_follow_the_means_of_the_data() -> None:
    rows = torch.tensor([[0.0, 1.0], [9.0, 1.0], [4.0, 1.0], [5.0, 2.0]])
    constraint = ColumnsConstraint("g")
    constraint.take_data(Dataset({"main": rows, "g": torch.tensor([0, 1, 2, 2])}))
    assert constraint.codes is not None
    assert constraint.codes.tolist() == [0, 2, 1]


@pytest.mark.parametrize("kind", [ColumnsConstraint, SectorsConstraint])
def test_columns_and_sectors_separate_in_a_given_order(kind: Any, outcome: Any) -> None:
    X, groups = blobs()
    order = [1, 2, 0]

    def measure(seed: int) -> dict[str, float]:
        routine = ParametricUMAP(epochs=10, random_state=seed)
        routine.add_constraint(kind("labels", order=order), share=0.8).fit(X, groups)
        (found,) = routine.adherence().values()
        means = np.array([routine.embedding_[groups == group, 0].mean() for group in order])
        gaps = np.diff(means) / routine.embedding_[:, 0].std()
        return {"score": found.score, "least gap": gaps.min()}

    at_least = {"score": 0.9}
    if kind is ColumnsConstraint:
        at_least["least gap"] = 0.5
    outcome(measure, at_least=at_least)


# -- hierarchies ---------------------------------------------------------------------------------------


def test_pairs_of_a_level_share_the_coarser_class() -> None:
    coarse, fine = torch.tensor([0, 0, 0, 1, -1]), torch.tensor([0, 0, 1, 2, 2])
    (near, far), (near_fine, far_fine) = hierarchy_pairs([coarse, fine])
    assert near.nonzero().tolist() == [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]
    assert far.nonzero().tolist() == [[0, 3], [1, 3], [2, 3], [3, 0], [3, 1], [3, 2]]
    assert near_fine.nonzero().tolist() == [[0, 1], [1, 0]]
    assert far_fine.nonzero().tolist() == [[0, 2], [1, 2], [2, 0], [2, 1]]


def test_the_loss_of_a_hierarchy_bounds_that_of_all_triplets() -> None:
    positions = blobs(5)[0].double()
    levels = [torch.arange(15) // 8, torch.arange(15) // 4]
    squares = torch.cdist(positions, positions).square()
    means = []
    for near, far in hierarchy_pairs(levels):
        each = [
            torch.stack([order_loss(squares[a, b], squares[a, c]) for c in far[a].nonzero()[:, 0]]).mean()
            for a, b in near.nonzero().tolist()
            if far[a].any()
        ]
        means.append(torch.stack(each).mean())
    exact = float(torch.stack(means).mean())
    bound = float(hierarchy_loss(positions, levels))
    assert exact <= bound < 2 * exact


def test_a_class_in_several_coarser_ones_is_refused() -> None:
    X, groups = blobs()
    entries = {"main": X, "family": torch.arange(90) % 2, "genus": groups}
    with pytest.raises(
        ValueError, match=r"each class of 'genus' must lie in one class of 'family', got class 0 in"
    ):
        ParametricMDS(epochs=1).add_constraint(HierarchyConstraint(["family", "genus"])).fit(entries)
    entries["family"] = torch.div(groups, 2, rounding_mode="floor")
    ParametricMDS(epochs=1).add_constraint(HierarchyConstraint(["family", "genus"])).fit(entries)


# -- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RegionConstraint({}), "regions must be a dict"),
        (lambda: RegionConstraint({0: {}}), "the region of class '0': a region is a box"),
        (lambda: RegionConstraint({0: {"lower": [0, 0]}}), "the region of class '0': .*lower"),
        (lambda: ColumnsConstraint("g", axis=-1), "axis must be the index of an axis from 0, got -1"),
        (lambda: ColumnsConstraint("g", order=[1]), "at least two different classes"),
        (lambda: SectorsConstraint("g", order=[1, 1]), "at least two different classes"),
        (lambda: SectorsConstraint("g", center=[1.0]), "center must be two numbers"),
        (lambda: HierarchyConstraint([]), "levels must be names of different entries"),
        (lambda: HierarchyConstraint(["g", "g"]), "levels must be names of different entries"),
    ],
)
def test_wrong_arguments_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_maps_of_other_dimensions_are_refused() -> None:
    X, groups = blobs()
    for constraint, message in (
        (RegionConstraint({0: {"low": [0]}}), "one number per axis of the map, 2, got 1"),
        (ColumnsConstraint("labels", axis=2), r"axis must lie in \[0, 2\), got 2"),
    ):
        with pytest.raises(ValueError, match=message):
            ParametricMDS(epochs=1).add_constraint(constraint).fit(X, groups)
    with pytest.raises(ValueError, match="sectors need a map of 2 dimensions, got 3"):
        ParametricMDS(n_components=3, epochs=1).add_constraint(SectorsConstraint("labels")).fit(X, groups)
    with pytest.raises(ValueError, match="must have at least two classes"):
        ParametricMDS(epochs=1).add_constraint(ColumnsConstraint("labels")).fit(X, torch.zeros(90).long())


def test_two_regions_of_one_class_are_refused() -> None:
    routine = ParametricMDS().add_constraint(RegionConstraint(REGIONS))
    with pytest.raises(UnsupportedConfigurationError, match="class '1' has a region in 'region' already"):
        routine.add_constraint(RegionConstraint({1: {"low": [0, 0]}}))
    routine.add_constraint(RegionConstraint({2: {"low": [0, 0]}})).add_constraint(BoundsConstraint(low=[0, 0]))

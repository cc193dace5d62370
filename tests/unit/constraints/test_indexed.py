"""Constraints on rows that are named by their indices: pairs, triplets and pins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import paradime
from paradime import ParametricDR, ParametricMDS, ParametricUMAP
from paradime.constraints import BoundsConstraint, Constraint, LinkConstraint, OrderConstraint, PinConstraint
from paradime.data import Dataset
from paradime.dr import TrainingPhase
from paradime.exceptions import UnsupportedConfigurationError
from paradime.functional.links import link_attraction, link_repulsion, probability_below
from paradime.loss import StressLoss


def data(n: int = 60) -> torch.Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(0))


def blobs(n_each: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    """Three groups of rows in turn, and their numbers."""
    groups = torch.arange(3 * n_each) % 3
    centers = torch.tensor([[0.0, 0, 0, 0], [8.0, 0, 0, 0], [0, 8.0, 0, 0]])
    return centers[groups] + data(3 * n_each), groups


def made() -> list[Constraint]:
    return [
        LinkConstraint(must_link=[[0, 1]], cannot_link=[[5, 2]]),
        OrderConstraint([[0, 1, 5], [7, 3, 2]]),
        PinConstraint([3, 9], [[2.0, 0.0], [0.0, 2.0]]),
    ]


CONSTRAINTS = pytest.mark.parametrize("i", range(3), ids=["link", "order", "pin"])


@CONSTRAINTS
def test_adherence_is_measured_on_the_rows_of_fit_alone(i: int) -> None:
    X = data(60)
    routine = ParametricMDS(epochs=2, random_state=0).add_constraint(made()[i]).fit(X)
    (key,) = routine.constraints
    assert routine.adherence()[key].n == 2
    assert routine.adherence(X)[key] == routine.adherence()[key]
    assert routine.adherence(X[1:]) == {}
    assert routine.adherence(X[:5]) == {}


@CONSTRAINTS
def test_the_rows_are_saved_and_observed_by_an_update_of_the_loaded_routine(i: int, tmp_path: Any) -> None:
    X = data(80)
    routine = ParametricMDS(epochs=2, random_state=0).add_constraint(made()[i], share=0.5).fit(X[:60])
    (key,) = routine.constraints
    routine.save(tmp_path / "model")
    loaded = paradime.load(tmp_path / "model")
    assert loaded.adherence(X[:60])[key].score == pytest.approx(routine.adherence()[key].score)
    kept = loaded.constraints[key].kept_rows.clone()
    loaded.update(X[60:], old=X[:60], epochs=1)
    torch.testing.assert_close(loaded.constraints[key].kept_rows, kept)
    assert loaded.adherence(X[:60])[key].n == 2


@CONSTRAINTS
def test_a_specification_holds_the_indices(i: int) -> None:
    routine = ParametricMDS().add_constraint(made()[i])
    made_again = ParametricDR.from_spec(routine.to_spec(), random_state=0)
    (key,) = routine.constraints
    argument = ["must_link", "triplets", "rows"][i]
    assert getattr(made_again.constraints[key], argument) == getattr(made()[i], argument)
    made_again.training_phases = [phase.replace(epochs=1) for phase in made_again.training_phases]
    assert made_again.fit(data()).adherence()[key].n == 2


@CONSTRAINTS
def test_indices_beyond_the_rows_are_refused_before_training(i: int) -> None:
    with pytest.raises(ValueError, match=r"indices from 0 to 2 of the data that fit is given, got [579]"):
        ParametricMDS(epochs=1).add_constraint(made()[i]).fit(data(3))


def test_indices_count_the_rows_before_any_are_held_out() -> None:
    X = data(60)
    routine = ParametricMDS(epochs=1, validation_fraction=0.3, random_state=0)
    routine.add_constraint(PinConstraint([50], [[0.0, 0.0]])).fit(X)
    kept = routine.constraints["pin"].kept_rows  # type: ignore[attr-defined]
    torch.testing.assert_close(kept, X[50:51])


def test_a_composed_routine_keeps_the_rows_when_it_is_updated() -> None:
    X = data(80)
    routine = ParametricDR(
        losses={"stress": StressLoss(), "order": OrderConstraint([[0, 1, 59]])},
        training_phases=[TrainingPhase(epochs=1, loss_keys=["stress", "order"], loss_weights=[1, 1])],
        random_state=0,
    )
    routine.fit(X[:60]).update(X[60:], epochs=1)
    torch.testing.assert_close(routine.constraints["order"].kept_rows, X[[0, 1, 59]])  # type: ignore[attr-defined]


def test_rows_are_kept_of_data_that_were_added_before_the_training() -> None:
    X = data(60)
    routine = ParametricMDS(epochs=1, random_state=0).add_constraint(OrderConstraint([[0, 1, 59]]))
    routine.add_data({"main": X})
    routine.train()
    assert routine.adherence()["order"].n == 1


def test_every_tuple_has_its_turn() -> None:
    X = data(20)
    triplets = [[i, i + 1, i + 2] for i in range(10)]
    constraint = OrderConstraint(triplets, max_triplets=4)
    constraint.take_data(Dataset(X))
    steps = [constraint.next_positions(torch.nn.Identity(), torch.device("cpu")) for _ in range(4)]
    assert sorted(torch.cat([chosen for *_, chosen in steps[:3]]).tolist()) == list(range(10))
    assert steps[3][2].tolist() == steps[0][2].tolist()
    for positions, _, chosen in steps:
        torch.testing.assert_close(positions, X[torch.tensor(triplets)[chosen]])


def test_gradients_are_those_of_finite_differences() -> None:
    positions = data(9).double().requires_grad_()
    groups = LinkConstraint(groups="g")
    batch: Any = {"g": torch.tensor([0, 0, 1, 1, 1, -1, 2, 0, 2])}
    assert torch.autograd.gradcheck(lambda rows: groups.of_embedding(rows, batch, {}), (positions,))
    for one, width in ((made()[0], 2), (made()[1], 3)):
        weights = torch.tensor([2.0, -1.0, 0.5]).double()[: 9 // width]
        assert torch.autograd.gradcheck(
            lambda rows, one=one, width=width, weights=weights: one.of_tuples(  # type: ignore[attr-defined]
                rows[: len(weights) * width].view(len(weights), width, 4), weights, torch.empty(0)
            ),
            (positions,),
        )


# -- links ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "positions", "expected"),
    [
        ({"must_link": [[0, 1]], "cannot_link": [[0, 2], [1, 2]]}, [[0.0], [1.0], [5.0]], 1.0),
        ({"must_link": [[0, 2]], "cannot_link": [[0, 1], [1, 2]]}, [[0.0], [1.0], [5.0]], 0.0),
        ({"must_link": [[0, 1]]}, [[0.0], [1.0], [5.0]], 5 / 6),  # among the three pairs, it counts half itself
        ({"cannot_link": [[0, 1]]}, [[0.0], [1.0], [5.0]], 1 / 6),
    ],
)
def test_the_score_of_links(settings: dict[str, Any], positions: list[list[float]], expected: float) -> None:
    constraint, rows = LinkConstraint(**settings), Dataset(data(3))
    constraint.take_data(rows)
    found = constraint.adherence(torch.tensor(positions, dtype=torch.float64), rows)
    assert found is not None
    assert found.score == pytest.approx(expected)


def test_the_score_of_groups_is_measured_on_any_rows() -> None:
    constraint = LinkConstraint(groups="g")
    positions = torch.tensor([[0.0], [1.0], [9.0], [10.0], [4.0]]).double()
    rows = Dataset({"main": data(5), "g": torch.tensor([3, 3, 1, 1, -1])})
    assert constraint.adherence(positions, rows) == constraint.adhered(1.0, 5)
    assert constraint.adherence(positions, Dataset(data(5))) is None
    assert constraint.adherence(positions[:2], rows.subset(slice(2))) is None


def test_links_attract_and_repel_in_the_unit_of_the_map() -> None:
    squares = torch.tensor([0.01, 1.0, 100.0])
    assert (link_attraction(squares).diff() > 0).all()
    assert (link_repulsion(squares).diff() < 0).all()
    assert float(link_repulsion(torch.zeros(()))) == pytest.approx(np.log(100), rel=1e-4)


def test_the_probability_counts_ties_half() -> None:
    assert probability_below(torch.tensor([1.0]), torch.tensor([1.0, 2.0, 0.0, 1.0])) == 0.5
    assert np.isnan(probability_below(torch.empty(0), torch.empty(0)))


def distance_between(positions: Any, groups: torch.Tensor) -> float:
    """The distance of groups 0 and 1 in spreads of the map."""
    positions = torch.as_tensor(positions)
    means = [positions[groups == group].mean(dim=0) for group in (0, 1)]
    return float((means[0] - means[1]).norm() / positions.var(dim=0).sum().sqrt())


@pytest.mark.parametrize("preset", [ParametricMDS, ParametricUMAP])
def test_must_links_join_groups_of_new_rows_too(preset: Any, outcome: Any) -> None:
    X, groups = blobs()
    pairs = [[i, i + 1] for i in range(0, 60, 3)]  # of groups 0 and 1

    def measure(seed: int) -> dict[str, float]:
        distances = []
        for is_linked in (False, True):
            routine = preset(epochs=20, random_state=seed)
            if is_linked:
                routine.add_constraint(LinkConstraint(pairs), share=0.8)
            routine.fit(X[:60])
            distances.append(distance_between(routine.transform(X[60:]), groups[60:]))
        return {"without": distances[0], "ratio": distances[1] / distances[0]}

    outcome(measure, at_least={"without": 0.4}, at_most={"ratio": 0.5})


def test_cannot_links_part_groups_of_new_rows_too(outcome: Any) -> None:
    X, groups = data(120), torch.arange(120) % 2
    X[:, :2] *= 3  # more than what the groups differ in
    X[:, 3] += 2 * groups
    pairs = [[i, i + 1] for i in range(0, 80, 2)]

    def measure(seed: int) -> dict[str, float]:
        distances = []
        for is_linked in (False, True):
            routine = ParametricMDS(epochs=50, random_state=seed)
            if is_linked:
                routine.add_constraint(LinkConstraint(cannot_link=pairs), share=0.8)
            routine.fit(X[:80])
            distances.append(distance_between(routine.transform(X[80:]), groups[80:]))
        return {"gain": distances[1] - distances[0]}

    outcome(measure, seeds=4, at_least={"gain": 0.15})


def test_groups_as_a_loss_draw_their_rows_together_for_new_rows_too(outcome: Any) -> None:
    X = data(120)
    groups = (X[:, 3] > 0).to(torch.int64)

    def measure(seed: int) -> dict[str, float]:
        scores = []
        for share in (0.01, 0.9):
            routine = ParametricMDS(epochs=30, random_state=seed)
            routine.add_constraint(LinkConstraint(groups="g"), share=share)
            routine.fit({"main": X[:80], "g": groups[:80]})
            scores.append(routine.adherence({"main": X[80:], "g": groups[80:]})["link"].score)
        return {"gain": scores[1] - scores[0]}

    outcome(measure, seeds=2, at_least={"gain": 0.25})


def test_links_spread_to_neighbours_whose_pairs_weigh_as_much_together() -> None:
    rows = torch.tensor([[0.0], [0.1], [5.0], [5.1], [9.0], [9.1]])
    constraint = LinkConstraint([[0, 2]], [[0, 4]], propagate=1)
    tuples, weights = constraint.index_tuples(Dataset(rows))
    assert tuples.tolist() == [[0, 2], [0, 4], [1, 2], [0, 3], [1, 4], [0, 5]]
    must, cannot = weights > 0, weights < 0
    assert float(weights[must].sum()) == pytest.approx(-float(weights[cannot].sum()))
    assert float(weights[[2, 3]].sum()) == pytest.approx(float(weights[0]))


def test_spread_links_that_contradict_given_ones_are_left_out() -> None:
    rows = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
    tuples, _ = LinkConstraint([[0, 2]], [[1, 2]], propagate=1).index_tuples(Dataset(rows))
    # not that 1 must be linked with 2, nor that 0, which must be, cannot
    assert tuples.tolist() == [[0, 2], [1, 2], [0, 3], [1, 3]]


def test_contradictory_links_are_refused_with_the_pair() -> None:
    with pytest.raises(UnsupportedConfigurationError, match="rows 3 and 1 cannot be linked, and must be"):
        LinkConstraint([[1, 3]], [[3, 1]])
    with pytest.raises(UnsupportedConfigurationError, match="must be through a chain of must-links"):
        LinkConstraint([[1, 3], [3, 5]], [[1, 5]])
    routine = ParametricMDS().add_constraint(LinkConstraint([[1, 3]]))
    with pytest.raises(UnsupportedConfigurationError, match="rows 1 and 3 cannot be linked"):
        routine.add_constraint(LinkConstraint(cannot_link=[[1, 3]]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "pairs .* or groups, got 0 and 0 pairs"),
        ({"must_link": [[0, 1]], "groups": "g"}, "pairs .* or groups, got 1 and 0 pairs"),
        ({"must_link": [[0, 1, 2]]}, "must_link must have 2 row indices each"),
        ({"must_link": [0, 1]}, "must_link must have 2 row indices each"),
        ({"cannot_link": [[0, 0.5]]}, "cannot_link must be row indices"),
        ({"cannot_link": [[0, -1]]}, "cannot_link must be row indices"),
        ({"cannot_link": [["a", "b"]]}, "cannot_link must be row indices"),
        ({"must_link": [[4, 4]]}, "must name 2 different rows"),
        ({"must_link": [[0, 1]], "propagate": -1}, "propagate must be"),
        ({"groups": "g", "propagate": 3}, "propagate must be"),
        ({"must_link": [[0, 1]], "max_pairs": 0}, "at least 1, got 0"),
    ],
)
def test_wrong_links_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LinkConstraint(**settings)


def test_pairs_are_taken_from_arrays_and_data_frames() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"first": [0, 2], "second": [1, 3]})
    assert LinkConstraint(frame).must_link == LinkConstraint(np.array([[0, 1], [2, 3]])).must_link


# -- triplets ------------------------------------------------------------------------------------------


def test_the_score_of_triplets() -> None:
    constraint, rows = OrderConstraint([[0, 1, 2], [2, 0, 1]]), Dataset(data(3))
    constraint.take_data(rows)
    positions = torch.tensor([[0.0], [1.0], [5.0]]).double()
    assert constraint.adherence(positions, rows) == constraint.adhered(0.5, 2)


def test_triplets_train_an_order_that_holds_for_new_rows_too(outcome: Any) -> None:
    X, groups = blobs()
    # of group 0, group 2 is nearer than in the data, and group 1 farther
    triplets = [[i, i + 2, i + 1] for i in range(0, 60, 3)]
    X[:, 1] *= 1.5  # in the data, group 1 is nearer

    def measure(seed: int) -> dict[str, float]:
        shares = []
        for is_ordered in (False, True):
            routine = ParametricMDS(epochs=30, random_state=seed)
            if is_ordered:
                routine.add_constraint(OrderConstraint(triplets), share=0.8)
            positions = torch.as_tensor(routine.fit(X[:60]).transform(X[60:]))
            first, second, third = (positions[groups[60:] == group] for group in (0, 1, 2))
            shares.append(float(((first - third).norm(dim=1) < (first - second).norm(dim=1)).float().mean()))
        return {"without": shares[0], "with": shares[1]}

    outcome(measure, at_least={"with": 0.9}, at_most={"without": 0.4})


def test_opposite_triplets_are_refused() -> None:
    with pytest.raises(UnsupportedConfigurationError, match="row 0 cannot be nearer to 1 than to 2"):
        OrderConstraint([[0, 1, 2], [0, 2, 1]])
    routine = ParametricMDS().add_constraint(OrderConstraint([[0, 1, 2]]))
    with pytest.raises(UnsupportedConfigurationError, match="row 0 cannot be nearer to 2 than to 1"):
        routine.add_constraint(OrderConstraint([[0, 2, 1]]))
    with pytest.raises(ValueError, match="at least one"):
        OrderConstraint([])


# -- pins ----------------------------------------------------------------------------------------------


def test_the_score_of_pins() -> None:
    constraint, rows = PinConstraint([0, 1], [[0.0, 0.0], [0.0, 1.0]]), Dataset(data(2))
    constraint.take_data(rows)
    positions = torch.tensor([[0.0, 0.0], [0.0, 2.0]]).double()  # whose spread is 1
    found = constraint.adherence(positions, rows)
    assert found is not None
    assert found.score == pytest.approx(0.5)
    far = constraint.adherence(torch.tensor([[9.0, 0.0], [0.0, 9.0]]).double(), rows)
    assert far is not None
    assert far.score == 0


def test_pins_lead_rows_to_their_positions_and_the_map_follows(outcome: Any) -> None:
    X, groups = blobs()
    corners = [[6.0, 6.0], [6.0, 6.0], [-6.0, -6.0], [-6.0, -6.0]]

    def measure(seed: int) -> dict[str, float]:
        pins = PinConstraint([0, 3, 1, 4], corners)
        routine = ParametricMDS(epochs=50, random_state=seed).add_constraint(pins, share=0.8).fit(X[:60])
        positions = torch.as_tensor(routine.transform(X[60:]))
        first, second = (float(positions[groups[60:] == group].mean()) for group in (0, 1))
        return {"score": routine.adherence()["pin"].score, "first": first, "second": second}

    outcome(measure, seeds=2, at_least={"score": 0.7, "first": 3.0}, at_most={"second": -3.0})


def test_pins_of_an_earlier_map_align_a_later_one(outcome: Any) -> None:
    X = data(90)

    def measure(seed: int) -> dict[str, float]:
        earlier = ParametricMDS(epochs=20, random_state=seed).fit(X[:60])
        shifts = []
        for pins in (None, PinConstraint.to_map(earlier, n=30)):
            later = ParametricMDS(epochs=20, random_state=1_000 + seed)
            if pins is not None:
                later.add_constraint(pins, share=0.8)
            later.fit(torch.cat([-X[60:], X[:60]]))
            shifts.append(float(abs(later.transform(X[60:]) - earlier.transform(X[60:])).mean()))
        return {"ratio": shifts[1] / shifts[0]}

    outcome(measure, at_most={"ratio": 0.5})


def test_pins_of_a_map_are_the_same_for_rows_that_are_given_again() -> None:
    X = data(60)
    routine = ParametricMDS(epochs=1, random_state=0).fit(X)
    without, given = PinConstraint.to_map(routine, n=30), PinConstraint.to_map(routine, X, n=30)
    for attribute in ("rows", "positions"):
        both = (torch.as_tensor(np.asarray(getattr(pins, attribute))) for pins in (without, given))
        torch.testing.assert_close(*both)


def test_a_loaded_routine_names_the_rows_that_pins_need(tmp_path: Any) -> None:
    ParametricMDS(epochs=1, random_state=0).fit(data()).save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"to_map\(routine, X\)"):
        PinConstraint.to_map(paradime.load(tmp_path / "model"))


def test_contradictory_pins_are_refused() -> None:
    with pytest.raises(UnsupportedConfigurationError, match="row 4 is pinned 2 times"):
        PinConstraint([4, 4], [[0.0, 0.0], [1.0, 1.0]])
    pin, disc = PinConstraint([4], [[3.0, 0.0]]), BoundsConstraint(center=[0, 0], radius=1, exact=True)
    for first, second in ((pin, disc), (disc, pin)):
        routine = ParametricMDS().add_constraint(first)
        with pytest.raises(UnsupportedConfigurationError, match=r"pin at \[3.0, 0.0\] lies outside of the exact"):
            routine.add_constraint(second)
    ParametricMDS().add_constraint(pin).add_constraint(BoundsConstraint(center=[0, 0], radius=4, exact=True))
    routine = ParametricMDS().add_constraint(pin)
    with pytest.raises(UnsupportedConfigurationError, match="row 4 is pinned 2 times"):
        routine.add_constraint(PinConstraint([4], [[0.0, 0.0]]))


@pytest.mark.parametrize(
    ("rows", "positions", "message"),
    [
        ([0, 1], [[0.0, 0.0]], r"one row per pin, shape \(2, out_dim\)"),
        ([0, 1], [0.0, 0.0], r"one row per pin, shape \(2, out_dim\)"),
        ([0.5, 1], [[0.0, 0.0], [1.0, 1.0]], "rows must be row indices"),
    ],
)
def test_wrong_pins_are_refused(rows: Any, positions: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PinConstraint(rows, positions)


def test_pins_of_another_number_of_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="as many dimensions as the positions of the pins"):
        ParametricMDS(epochs=1).add_constraint(PinConstraint([0], [[0.0, 0.0, 0.0]])).fit(data())


def test_contradictions_of_a_specification_are_found_before_training() -> None:
    routine = ParametricDR(
        losses={"a": OrderConstraint([[0, 1, 2]]), "b": OrderConstraint([[0, 2, 1]])},
        training_phases=[TrainingPhase(epochs=1, loss_keys=["a", "b"], loss_weights=[1, 1])],
    )
    with pytest.raises(UnsupportedConfigurationError, match="cannot be nearer"):
        routine.fit(data())

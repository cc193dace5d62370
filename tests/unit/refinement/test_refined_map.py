import pickle

import pytest
import torch

from paradime.refinement import (
    Attraction,
    FreePositions,
    RefinedMap,
    RefinedPlacement,
    neighbor_probabilities,
    scaled_start,
)
from paradime.relationdata import relation_factory


def rows(n=200, d=5, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def flat_map(n=200):
    X = rows(n)
    return X, RefinedMap.of(X, 10 * X[:, :2], perplexity=10)


def test_a_training_row_is_at_its_own_position():
    X, refined = flat_map()
    assert torch.equal(refined.place(X), 10 * X[:, :2])
    assert torch.equal(refined.place(X[[7, 3]]), 10 * X[[7, 3], :2])


def test_equal_rows_share_a_position():
    X = torch.cat((rows(20), rows(20)))
    refined = RefinedMap.of(X, torch.randn(40, 2, generator=torch.Generator().manual_seed(1)), 5)
    assert torch.equal(refined.positions[:20], refined.positions[20:])


def test_a_new_row_does_not_depend_on_those_beside_it():
    _, refined = flat_map()
    Q = rows(50, seed=1)
    together, alone = refined.place(Q), torch.cat([refined.place(row[None]) for row in Q])
    assert torch.allclose(together, alone, rtol=1e-7, atol=1e-7)


def test_a_new_row_is_placed_among_its_neighbours():
    island = torch.tensor([100.0, 0.0])
    X = torch.cat((rows(100), rows(100, seed=1) + 20))
    positions = torch.cat((rows(100, 2, seed=2), rows(100, 2, seed=3) + island))
    refined = RefinedMap.of(X, positions, perplexity=10)
    placed = refined.place(rows(30, seed=4) + 20)
    assert float((placed - island).norm(dim=1).max()) < 5


def test_gradients_reach_new_rows_and_training_rows_and_leave_values_as_they_are():
    X, refined = flat_map()
    asked = torch.cat((X[:3], rows(3, seed=1))).requires_grad_()
    placed = refined.place(asked, gradients=True)
    assert torch.allclose(placed, refined.place(asked.detach()))
    (gradient,) = torch.autograd.grad(placed.square().sum(), asked)
    assert bool((gradient.norm(dim=1) > 0).all())


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_few_rows_are_enough(n):
    X = rows(n)
    refined = RefinedMap.of(X, X[:, :2], perplexity=30)
    assert bool(refined.place(rows(5, seed=1)).isfinite().all())


def test_no_rows_have_no_positions():
    assert flat_map()[1].place(torch.empty(0, 5)).shape == (0, 2)


def test_added_rows_stay_where_they_were_placed_and_the_others_where_they_were():
    X, refined = flat_map()
    new = rows(20, seed=1)
    placed = refined.place(new)
    grown = refined.with_rows(new)
    assert torch.equal(grown.place(torch.cat((X, new))), torch.cat((refined.positions, placed)))


def test_the_state_is_read_again_and_a_damaged_one_refused():
    X, refined = flat_map()
    again = RefinedMap.from_state(refined.state())
    assert torch.equal(again.place(X + 0.1), refined.place(X + 0.1))
    damaged = {"positions": refined.positions[:5], "perplexity": torch.tensor(float("nan"))}
    for name, value in damaged.items():
        with pytest.raises(ValueError, match="do not fit to its rows"):
            RefinedMap.from_state({**refined.state(), name: value})


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation"])
@pytest.mark.parametrize(("n", "d", "offset"), [(2, 3, 0), (40, 5, 1e6), (400, 130, 0), (2_000, 6, 0)])
def test_one_graph_places_rows_as_the_map_does(metric, n, d, offset):
    X = rows(n, d).to(torch.float64) + offset
    X[1] = X[0]
    refined = RefinedMap.of(X, 10 * X[:, :2], perplexity=10, metric=metric)
    asked = torch.cat((X, rows(30, d, seed=1) + offset, 100 * rows(3, d, seed=2)))
    placed = RefinedPlacement.of(refined)(asked)
    assert torch.equal(placed[:n], refined.positions)
    assert torch.allclose(placed, refined.place(asked), rtol=1e-6, atol=1e-5)


def test_the_graph_takes_images():
    X = rows(60, 12)
    refined = RefinedMap.of(X.view(60, 3, 4), X[:, :2], perplexity=5)
    assert torch.equal(RefinedPlacement.of(refined)(X.view(60, 3, 4)), refined.positions)


def test_a_map_that_has_placed_rows_is_pickled_as_small_as_before():
    X, refined = flat_map()
    before = len(pickle.dumps(refined))
    placed = refined.place(X + 0.1)
    assert len(pickle.dumps(refined)) == before
    assert torch.equal(pickle.loads(pickle.dumps(refined)).place(X + 0.1), placed)


def test_free_positions_descend_the_divergence_to_two_separate_pairs():
    graph = relation_factory([[0.0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]])
    attraction = Attraction.of(neighbor_probabilities(graph, by_rows=False))
    start, _, _ = scaled_start(torch.tensor([[0.0, 0.0], [1.0, 1.0], [1.5, 0.0], [2.5, 1.0]]))
    free = FreePositions(start, attraction)
    before = free.divergence()
    for _ in range(100):
        free.step()
    Y = free.positions
    assert free.divergence() < before
    assert float((Y[0] - Y[1]).norm()) < float((Y[0] - Y[2]).norm()) / 3


def test_guidance_is_part_of_the_gradient():
    graph = relation_factory([[0.0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]])
    attraction = Attraction.of(neighbor_probabilities(graph, by_rows=False))
    goal = torch.tensor([[0.0, -3.0], [0.0, -3.0], [0.0, 3.0], [0.0, 3.0]])
    free = FreePositions(rows(4, 2), attraction, lambda Y: (Y - goal) * 0.25)
    for _ in range(100):
        free.step()
    assert bool((free.positions[:2, 1] < 0).all())
    assert bool((free.positions[2:, 1] > 0).all())


def test_the_perplexity_is_the_number_of_equal_neighbours():
    ring = torch.zeros(9, 9)
    for i in range(9):
        for step in (1, 2):
            ring[i, (i + step) % 9] = ring[(i + step) % 9, i] = 1
    probabilities = neighbor_probabilities(relation_factory(ring), by_rows=True)
    assert probabilities.sum() == pytest.approx(1)
    assert Attraction.of(probabilities).perplexity == pytest.approx(4, rel=1e-4)


def test_without_neighbours_nothing_can_be_refined():
    with pytest.raises(ValueError, match="no point has a neighbour"):
        neighbor_probabilities(relation_factory(torch.eye(4)), by_rows=True)


def test_a_start_keeps_the_shape_of_the_map_at_the_usual_density():
    Y = rows(400, 2) * 1e-3 + 50
    start, center, factor = scaled_start(Y)
    assert torch.allclose((Y - center) * factor, start)
    assert float(start.std()) == pytest.approx(0.12 * 20, rel=0.05)
    assert bool(scaled_start(torch.ones(5, 2))[0].isfinite().all())

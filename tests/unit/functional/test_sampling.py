import numpy as np
import pytest
import torch

from draws import assert_drawn_by
from paradime.functional import (
    cumulative_blocks,
    draw_from_blocks,
    draw_others,
    draw_others_of_batch,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn_by(weights, size, generator=None):
    return draw_from_blocks(weights, cumulative_blocks(weights), size, generator=generator)


def test_weights_are_respected():
    weights = torch.tensor([5.0, 0.0, 1.0, 0.25, 3.75, 0.0])
    drawn = drawn_by(weights, 50_000, generator=generator())
    counts = torch.bincount(drawn, minlength=6).numpy()
    assert_drawn_by(counts, weights)


@pytest.mark.parametrize("weights", [[0, 0, 1, 0], [1, 0, 0], [0, 0, 1]])
def test_entries_of_weight_zero_are_never_drawn(weights):
    drawn = drawn_by(torch.tensor(weights), 1000, generator=generator())
    assert set(drawn.tolist()) == {weights.index(1)}


@pytest.mark.parametrize("point", [0.0, 1 - 2**-53])
def test_ends_of_the_unit_interval_fall_on_entries_of_positive_weight(monkeypatch, point):
    monkeypatch.setattr(torch, "rand", lambda size, **kwargs: torch.full((size,), point, dtype=torch.float64))
    weights = torch.tensor([0.0, 0.3, 0.4, 0.0])
    assert drawn_by(weights, 1).tolist() == [1 if point == 0 else 2]


def test_scale_of_the_weights_does_not_matter():
    weights = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    one, other = (drawn_by(weights * scale, 100, generator=generator()) for scale in (2.0**-60, 2.0**60))
    assert torch.equal(one, other)


@pytest.mark.parametrize(
    "draw",
    [
        lambda g: drawn_by(torch.ones(50), 20, generator=g),
        lambda g: draw_others(torch.arange(20), 50, 3, generator=g),
    ],
)
def test_equal_generators_draw_equal_and_go_on(draw):
    one, other = generator(3), generator(3)
    first = draw(one)
    assert torch.equal(first, draw(other))
    assert not torch.equal(first, draw(one))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: drawn_by(torch.ones(50), 20),
        lambda: draw_others(torch.arange(20), 50, 3),
    ],
)
def test_without_a_generator_the_global_one_governs(draw):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        first = draw()
        torch.manual_seed(4)
        assert torch.equal(draw(), first)


def test_others_are_never_the_row_itself_and_all_equally_likely():
    n, rate = 6, 4000
    drawn = draw_others(torch.arange(n), n, rate, generator=generator(1))
    assert drawn.shape == (n, rate)
    for row, others in enumerate(drawn):
        counts = torch.bincount(others, minlength=n).numpy()
        assert_drawn_by(counts, np.arange(n) != row)


def test_of_two_points_the_other_is_drawn():
    drawn = draw_others(torch.tensor([0, 1, 1]), 2, 3)
    assert drawn.tolist() == [[1] * 3, [0] * 3, [0] * 3]


@pytest.mark.parametrize("m", [5, 16, 17, 100])
def test_weights_drawn_by_blocks_follow_their_weights_and_never_are_zero(m):
    weights = torch.rand(m, generator=generator(m))
    weights[::3] = 0
    drawn = draw_from_blocks(weights, cumulative_blocks(weights), 40_000, generator=generator())
    assert_drawn_by(torch.bincount(drawn, minlength=m), weights)


def test_weights_of_very_different_size_are_drawn_by_blocks_without_leaving_them():
    weights = torch.tensor([1e-30, 0.0] * 40 + [1e8] + [0.0, 1e-30] * 40)
    drawn = draw_from_blocks(weights, cumulative_blocks(weights), 5000, generator=generator())
    assert (weights[drawn] > 0).all()


def test_blocks_have_no_limit_on_the_number_of_weights():
    m = 2**24 + 100
    weights = torch.zeros(m)
    weights[-1] = weights[5] = 1
    drawn = draw_from_blocks(weights, cumulative_blocks(weights), 1000, generator=generator())
    assert set(drawn.tolist()) == {5, m - 1}


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [1.0, -1.0], [1.0, float("inf")], [float("nan"), 1.0]])
def test_blocks_refuse_weights_that_cannot_be_drawn_by(weights):
    with pytest.raises(ValueError, match="finite, not negative, and not all zero"):
        cumulative_blocks(torch.tensor(weights))


def test_negatives_of_a_batch_are_uniform_among_the_ends_of_other_edges_and_never_the_own_point():
    rows, cols, rate = torch.tensor([0, 2, 4, 0]), torch.tensor([1, 3, 5, 6]), 30_000
    drawn = draw_others_of_batch(rows, cols, 50, rate, generator=generator())
    for i in range(4):
        others = [int(p) for j in range(4) if j != i for p in (rows[j], cols[j]) if p != rows[i]]
        counts = torch.bincount(drawn[i], minlength=50).double()
        shares = torch.bincount(torch.tensor(others), minlength=50).double() / len(others)
        # a point that occurs in other edges is sometimes replaced by a draw from all points
        fails = (1 - len(others) / 6) ** 4
        chances = (1 - fails) * shares + fails / 49
        chances[rows[i]] = 0
        assert_drawn_by(counts, chances)


def test_negatives_of_a_batch_of_one_edge_are_drawn_from_all_other_points():
    drawn = draw_others_of_batch(torch.tensor([1]), torch.tensor([2]), 4, 500, generator=generator())
    assert set(drawn[0].tolist()) == {0, 2, 3}

import itertools

import numpy as np
import pytest
import scipy.special
import torch

from draws import assert_drawn_by
from paradime.functional import (
    cumulative_rows,
    draw_distinct_others,
    draw_from_rows,
    draw_others_by_weight,
    draw_others_of_batch,
    draw_run_of_rows,
    second_nearest_of_random,
    shuffled_rows,
)
from paradime.functional.sampling import cumulative_blocks

STARTS = torch.tensor([0, 3, 3, 4, 9])  # the second row is empty
WEIGHTS = torch.tensor([1.0, 2.0, 5.0, 4.0, 0.5, 0.1, 0.2, 0.1, 0.1])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("row", [0, 2, 3])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_entries_of_a_row_are_drawn_by_their_weights_at_any_scale(row, scale):
    weights = WEIGHTS.clone()
    # much larger weights in other rows have no influence
    first, end = int(STARTS[row]), int(STARTS[row + 1])
    weights[first:end] *= scale
    drawn = draw_from_rows(
        torch.full((20_000,), row), STARTS, cumulative_rows(STARTS, weights), generator=generator()
    )
    counts = torch.bincount(drawn, minlength=len(WEIGHTS)).numpy()
    assert counts[first:end].sum() == 20_000
    assert_drawn_by(counts[first:end], WEIGHTS[first:end])


@pytest.mark.parametrize("point", [0.0, 1 - 2**-53])
def test_ends_of_the_unit_interval_stay_within_their_row(point, monkeypatch):
    n = 100_000
    starts = torch.arange(0, 2 * n + 1, 2)
    monkeypatch.setattr(torch, "rand", lambda size, **kwargs: torch.full((size,), point, dtype=torch.float64))
    rows = torch.tensor([0, 1, n // 2, n - 1])
    drawn = draw_from_rows(rows, starts, cumulative_rows(starts, torch.rand(2 * n, generator=generator()) + 0.1))
    assert drawn.div(2, rounding_mode="floor").tolist() == rows.tolist()


def test_shuffled_rows_keep_their_entries_and_every_order_is_as_likely():
    cols = torch.arange(9, dtype=torch.int32)
    counts = {}
    for seed in range(300):
        result = shuffled_rows(STARTS, cols, generator=generator(seed))
        assert result.dtype == torch.int32
        parts = [sorted(result[a:b].tolist()) for a, b in itertools.pairwise(STARTS)]
        assert parts == [[0, 1, 2], [], [3], [4, 5, 6, 7, 8]]
        order = tuple(result[:3].tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert_drawn_by(list(counts.values()), np.ones(6))


@pytest.mark.parametrize("size", [1, 3, 5])
def test_runs_of_a_row_repeat_no_entry_while_there_are_others(size):
    rows = torch.tensor([0, 2, 3, 3, 0])
    drawn = draw_run_of_rows(rows, STARTS, size, generator=generator())
    for row, entries in zip(rows.tolist(), drawn.tolist(), strict=True):
        length = int(STARTS[row + 1] - STARTS[row])
        assert all(STARTS[row] <= entry < STARTS[row + 1] for entry in entries)
        counts = np.bincount(np.array(entries) - int(STARTS[row]), minlength=length)
        assert counts.max() - counts.min() <= 1


def test_runs_take_every_entry_equally_often():
    drawn = draw_run_of_rows(torch.full((5000,), 3), STARTS, 2, generator=generator())
    # without replacement, counts vary even less
    assert_drawn_by(torch.bincount(drawn.flatten() - 4), np.ones(5))


@pytest.mark.parametrize(("n", "size"), [(4, 3), (5, 2), (7, 6)])
def test_distinct_others_are_distinct_never_the_row_and_every_set_is_as_likely(n, size):
    rows = torch.full((20_000,), 2)
    drawn = draw_distinct_others(rows, n, size, generator=generator()).sort(dim=1).values
    assert (drawn.diff(dim=1) > 0).all()
    assert (drawn != 2).all()
    _, counts = torch.unique(drawn, dim=0, return_counts=True)
    assert len(counts) == scipy.special.comb(n - 1, size, exact=True)
    assert_drawn_by(counts, np.ones(len(counts)))


def test_others_are_drawn_by_weight_and_never_the_row():
    weights = torch.tensor([1.0, 4.0, 0.0, 2.0, 1.0])
    drawn = draw_others_by_weight(
        torch.tensor([0, 1]), weights, cumulative_blocks(weights), 20_000, generator=generator()
    )
    for row, others in enumerate(drawn):
        fails = float(weights[row] / weights.sum()) ** 4  # then all others are as likely
        chances = (1 - fails) * weights / (weights.sum() - weights[row]) + fails / 4
        chances[row] = 0
        assert_drawn_by(torch.bincount(others, minlength=5), chances)


def test_a_point_that_has_all_weight_draws_from_all_others():
    weights = torch.tensor([0.0, 1.0, 0.0])
    drawn = draw_others_by_weight(
        torch.tensor([1]), weights, cumulative_blocks(weights), 500, generator=generator()
    )
    assert set(drawn[0].tolist()) == {0, 2}


def test_negatives_of_points_with_several_pairs_are_ends_of_the_others_pairs():
    rows, cols = torch.tensor([0, 10, 20]), torch.tensor([[1, 2, 3], [11, 12, 13], [21, 22, 23]])
    drawn = draw_others_of_batch(rows, cols, 100, 4000, generator=generator())
    for i in range(3):
        ends = [10 * j + t for j in range(3) if j != i for t in range(4)]
        counts = torch.bincount(drawn[i], minlength=100).numpy()
        assert counts.sum() == counts[ends].sum()
        assert_drawn_by(counts[ends], np.ones(len(ends)))


# -- mid-near points -------------------------------------------------------------------------------


def test_mid_near_points_are_the_second_nearest_of_six():
    # among the points 1 … 12 on a line, the second nearest to 0 of six drawn without replacement
    X = torch.arange(13.0)[:, None]
    drawn = second_nearest_of_random(X, 3000, generator=generator())[0]
    counts = torch.bincount(drawn, minlength=13).numpy()
    chances = [(v - 1) * scipy.special.comb(12 - v, 4) / scipy.special.comb(12, 6) for v in range(13)]
    assert_drawn_by(counts, [0, 0, *chances[2:]])


@pytest.mark.parametrize(("n", "expected"), [(2, {1}), (3, {2}), (6, {2})])
def test_of_few_points_all_others_are_looked_at(n, expected):
    drawn = second_nearest_of_random(torch.arange(float(n))[:, None], 50, generator=generator())
    assert set(drawn[0].tolist()) == expected


def test_mid_near_points_have_the_ranks_of_a_second_nearest_whatever_the_blocks(monkeypatch):
    X = torch.randn(50, 4, generator=generator(1))
    default = second_nearest_of_random(X, 3, generator=generator())
    monkeypatch.setattr("paradime.functional.row_sampling._BLOCK_NUMBERS", 7 * 3 * 6 * 4)
    blocks = second_nearest_of_random(X, 3, generator=generator())
    assert default.shape == blocks.shape == (50, 3)
    for result in (default, blocks):
        ranks = torch.cdist(X, X).argsort(dim=1).argsort(dim=1).gather(1, result)
        # the nearest point and the four farthest are never the second nearest of six
        assert int(ranks.min()) >= 2
        assert int(ranks.max()) <= 45
    assert second_nearest_of_random(X, 0).shape == (50, 0)

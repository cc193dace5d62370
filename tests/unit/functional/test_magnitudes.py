"""The magnitude of numbers as a power of two."""

from __future__ import annotations

import pytest
import torch

from paradime.functional import data_distances, magnitude, magnitude_of_rows, second_nearest_of_random


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [1.0, 1.999, 2.0, 3e-38, 3e38, 1e-40])
def test_a_magnitude_is_the_power_of_two_below_the_largest_value(value: float, dtype: torch.dtype) -> None:
    X = torch.tensor([0.0, -value], dtype=dtype)
    result = magnitude(X)
    assert result.dtype == dtype
    assert 1 <= float(X.abs().max() / result) < 2
    assert torch.frexp(result).mantissa == 0.5
    assert torch.equal((X / result) * result, X)


def test_what_is_nothing_or_zero_has_magnitude_1() -> None:
    assert magnitude(torch.zeros(3)) == magnitude(torch.empty(0)) == 1
    assert magnitude_of_rows(torch.zeros(3)) == 1


def test_few_far_rows_do_not_decide_the_magnitude_of_rows() -> None:
    assert magnitude_of_rows(torch.tensor([1.0, 2.0, 1e30])) == 1
    assert magnitude_of_rows(torch.tensor([1e30, 2e30, 1.0])) > 1e29


@pytest.mark.parametrize("scale", [2.0**-100, 2.0**100])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
@pytest.mark.parametrize("dim", [3, 100])
def test_distances_of_data_are_the_same_in_any_unit(metric: str, dim: int, scale: float) -> None:
    X = torch.randn(20, dim, generator=torch.Generator().manual_seed(0))
    assert torch.equal(data_distances(X * scale, metric), data_distances(X, metric) * scale)


@pytest.mark.parametrize("scale", [2.0**-100, 2.0**100])
def test_cosine_distances_have_no_unit(scale: float) -> None:
    X = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(data_distances(X * scale, "cosine"), data_distances(X, "cosine"))


@pytest.mark.parametrize("scale", [2.0**-100, 2.0**100])
def test_mid_near_points_are_the_same_in_any_unit(scale: float) -> None:
    X = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    first, second = (
        second_nearest_of_random(rows, 5, generator=torch.Generator().manual_seed(0)) for rows in (X, X * scale)
    )
    assert torch.equal(first, second)

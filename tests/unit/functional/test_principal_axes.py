import numpy as np
import pytest
import torch
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA

from paradime.functional import axes_of_covariance, axes_of_rows, whitening_factors


@pytest.fixture
def rows():
    X = load_wine().data
    return torch.from_numpy((X - X.mean(axis=0)) / X.std(axis=0))


def test_both_ways_agree_with_another_implementation(rows):
    expected = PCA(5, svd_solver="full").fit(rows.numpy())
    deviations = np.sqrt(expected.explained_variance_ * (len(rows) - 1) / len(rows))
    for axes, result in (axes_of_covariance(rows.T @ rows / len(rows), 5), axes_of_rows(rows, 5)):
        np.testing.assert_allclose(result, deviations, rtol=1e-8)
        np.testing.assert_allclose((axes.numpy() * expected.components_).sum(axis=1) ** 2, 1, rtol=1e-8)
        assert (axes.max(dim=1).values >= axes.abs().max(dim=1).values).all()


def test_chunks_of_columns_do_not_matter(rows, monkeypatch):
    whole = axes_of_rows(rows, 4)
    monkeypatch.setattr("paradime.functional.spectral._CHUNK_ELEMENTS", 400)
    torch.testing.assert_close(axes_of_rows(rows, 4), whole)


def test_more_axes_than_rows_are_zero(rows):
    few = rows[:3] - rows[:3].mean(dim=0)
    axes, deviations = axes_of_rows(few, 6)
    assert (deviations[:2] > 0).all()
    assert not deviations[2:].any()
    assert not axes[2:].any()
    torch.testing.assert_close(few @ axes.T @ axes, few)  # and the others span the rows


def test_whitening_divides_by_a_power_of_the_deviation():
    s = torch.tensor([8.0, 2.0, 1.0], dtype=torch.float64)
    usual = s.square().mean().sqrt()
    for w in (0, 0.3, 1):
        torch.testing.assert_close(whitening_factors(s, w), 1 / (s**w * usual ** (1 - w)))


def test_components_that_hardly_vary_are_not_magnified():
    factors = whitening_factors(torch.tensor([1.0, 2e-5, 1e-8]), 1.0)
    usual = torch.tensor([1.0, 2e-5]).square().mean().sqrt()
    torch.testing.assert_close(factors, torch.stack([torch.tensor(1.0), 1 / usual, torch.tensor(0.0)]))


def test_nothing_that_varies_gives_zero():
    assert not whitening_factors(torch.zeros(3), 0.5).any()

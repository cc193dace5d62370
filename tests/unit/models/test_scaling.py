import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA

from paradime.models import InputScaling


def prepared(rows, *args, seed=0, **kwargs):
    scaling = InputScaling(rows.shape[1], *args, **kwargs)
    scaling.prepare(rows, torch.Generator().manual_seed(seed))
    return scaling


def scaled(rows, *args, **kwargs):
    return prepared(rows, *args, **kwargs)(rows)


def digits():
    return torch.from_numpy(load_digits().data).float()


def wine():
    return torch.from_numpy(load_wine().data).float()


# -- the map --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whitening", [0.0, 0.5, 1.0])
def test_components_are_principal_components_that_are_divided_by_a_power_of_their_deviation(whitening):
    # uniform columns have no outliers
    rows = torch.rand(4000, 4, generator=torch.manual_seed(0)) * torch.tensor([1.0, 5.0, 20.0, 3.0])
    components = PCA(4).fit_transform(rows.double().numpy())
    s = components.std(axis=0)
    expected = components / (s**whitening * np.sqrt((s**2).mean()) ** (1 - whitening))
    result = scaled(rows, whitening=whitening).numpy()
    np.testing.assert_allclose(np.abs(result), np.abs(expected), atol=2e-3)


def test_only_the_leading_components_are_kept():
    all_of_them, few = scaled(digits()), scaled(digits(), 10)
    assert few.shape == (1797, 10)
    leading = all_of_them[:, :10]  # which are larger beside the others
    torch.testing.assert_close(few, leading * (few.std(dim=0) / leading.std(dim=0)), rtol=1e-4, atol=1e-4)


def test_unprepared_layer_returns_the_leading_columns():
    rows = torch.randn(5, 4) * 1e6
    assert torch.equal(InputScaling(4)(rows), rows)
    assert torch.equal(InputScaling(4, 2)(rows), rows[:, :2])


def test_images_are_flattened():
    rows = torch.randn(50, 12)
    scaling = prepared(rows)
    assert torch.equal(scaling(rows.reshape(50, 3, 4)), scaling(rows))


def test_wide_rows_agree_with_the_covariance(monkeypatch):
    rows = digits()[:500]
    expected = scaled(rows, 10)
    monkeypatch.setattr("paradime.models.scaling._MOST_COLUMNS", 10)
    torch.testing.assert_close(scaled(rows, 10), expected, rtol=1e-3, atol=1e-3)


def test_rows_of_more_columns_than_there_are_rows_keep_their_distances():
    rows = torch.randn(30, 2500, generator=torch.manual_seed(0))
    result = scaled(rows, whitening=0.0)
    assert not result[:, 29:].any()
    ratio = torch.pdist(result) / torch.pdist(rows)
    assert ratio.std() / ratio.mean() < 0.02  # few values are far


# -- invariance -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [digits, wine])
@pytest.mark.parametrize(("scale", "offset"), [(1000, 5e4), (1e-12, 0), (1e12, 0)])
def test_scale_and_offset_of_the_data_do_not_matter(data, scale, offset):
    rows = data()
    torch.testing.assert_close(scaled(scale * rows + offset), scaled(rows), rtol=1e-3, atol=1e-3)


def test_data_far_from_the_origin_keep_what_their_type_holds():
    rows = torch.randint(0, 16, (500, 3), generator=torch.manual_seed(0)).float()
    torch.testing.assert_close(scaled(rows + 2**20), scaled(rows), rtol=1e-5, atol=1e-5)
    precise = rows.double() / 1000
    # the offset is subtracted before rounding
    torch.testing.assert_close(scaled(precise + 2**20), scaled(precise), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("column", [20, 0, 8])  # an ordinary one, one that is constant, one that is mostly zero
def test_an_outlier_leaves_the_other_rows_where_they_were(column):
    rows = digits()
    before = scaled(rows, whitening=0.0)
    rows[77, column] = 1e6
    after = scaled(rows, whitening=0.0)
    assert after[77].norm() < 200
    others = torch.arange(1797) != 77
    a, b = torch.pdist(before[others][:300]), torch.pdist(after[others][:300])
    assert ((a / b).log().abs() < 0.05).all()


def test_an_outlier_in_few_rows_is_softly_clipped():
    rows = torch.randn(200, 3, generator=torch.manual_seed(0))
    before = scaled(rows)
    rows[150, 1] = 1e6
    after = scaled(rows)
    others = torch.arange(200) != 150
    assert (torch.pdist(after[others]) / torch.pdist(before[others]) - 1).abs().max() < 0.15
    assert after[150].norm() < 100


def test_larger_outliers_stay_larger():
    rows = digits()
    scaling = prepared(rows)
    far = rows[:1].repeat(4, 1)
    far[:, 20] = torch.tensor([16.0, 1e2, 1e4, 1e8])
    distances = (scaling(far) - scaling(far[:1])).norm(dim=1)
    assert (distances.diff() > 1).all()
    assert distances[-1] < 200


def test_rare_values_count_where_nearly_all_are_zero():
    rows = torch.randn(1000, 3, generator=torch.manual_seed(0))
    rows[:, 2] = 0
    rows[:10, 2] = 3.0
    result = prepared(rows)
    moved = rows[500:501].clone()
    moved[0, 2] = 3.0
    assert (result(moved) - result(rows[500:501])).norm() > 1


# -- degenerate data ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 200])
@pytest.mark.parametrize("d", [1, 2, 800])
def test_few_rows_and_columns_are_scaled(n, d):
    rows = 50 + 10 * torch.randn(n, d, generator=torch.manual_seed(0))
    result = scaled(rows)
    assert result.shape == (n, min(d, 100))
    assert result.isfinite().all()
    if n > 1:
        assert 0.1 < result.square().sum(dim=0).max() / n < 100
    else:
        assert not result.any()


def test_rows_that_are_all_the_same_become_zero_and_so_does_any_other():
    scaling = prepared(torch.full((50, 4), 7.5))
    assert not scaling(torch.full((50, 4), 7.5)).any()
    assert not scaling(torch.randn(5, 4)).any()


def test_columns_of_one_value_are_left_out():
    rows = torch.randn(100, 3)
    rows[:, 1] = 4
    scaling = prepared(rows)
    other = rows.clone()
    other[:, 1] = -1e3
    assert torch.equal(scaling(other), scaling(rows))


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float16, torch.int64, torch.int32, torch.int16, torch.uint8]
)
def test_any_real_type_gives_what_single_precision_gives(dtype):
    rows = digits()
    result = scaled(rows.to(dtype))
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, scaled(rows), rtol=1e-3, atol=1e-3)


def test_data_are_left_as_they_are():
    rows = digits()
    scaled(rows)
    assert torch.equal(rows, digits())


def test_differences_beyond_single_precision_are_refused():
    rows = torch.rand(50, 3) * torch.tensor([1.0, 1e20, 3e38])
    with pytest.raises(ValueError, match=r"within single precision, got .* up to [\d.]+e\+38\. Rescale"):
        prepared(torch.cat([rows, -rows]))
    assert scaled(1e-2 * torch.cat([rows, -rows])).isfinite().all()


def test_values_that_are_not_finite_are_refused():
    rows = torch.ones(5, 3)
    rows[2, 1] = math.nan
    with pytest.raises(ValueError, match="rows must be finite to prepare a model"):
        InputScaling(3).prepare(rows)


# -- samples --------------------------------------------------------------------------------------------


def test_a_sample_of_many_rows_is_enough_and_its_generator_decides(monkeypatch):
    rows = torch.randn(5000, 4, generator=torch.manual_seed(0)) * torch.tensor([9.0, 6.0, 3.0, 1.0])
    whole = scaled(rows)
    monkeypatch.setattr("paradime.models.scaling._SAMPLE_ROWS", 2500)
    state = torch.get_rng_state()
    first, again, other = scaled(rows, seed=1), scaled(rows, seed=1), scaled(rows, seed=2)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.testing.assert_close(first, whole, rtol=0.4, atol=0.4)


def test_chunks_do_not_matter(monkeypatch):
    rows = digits()
    whole = scaled(rows)
    monkeypatch.setattr("paradime.models.scaling._CHUNK_ELEMENTS", 20_000)
    torch.testing.assert_close(scaled(rows), whole)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_dim": 0}, "in_dim must be an integer of at least 1, got 0"),
        ({"n_components": 0}, "n_components must be an integer of at least 1, got 0"),
        ({"whitening": 1.5}, r"whitening must lie in \[0, 1\], got 1.5"),
        ({"whitening": math.nan}, r"whitening must lie in \[0, 1\], got nan"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        InputScaling(**{"in_dim": 3, **arguments})


# -- columns that vary later ----------------------------------------------------------------------------


def with_constant(value=0.1, n_columns=1):
    rows = torch.randn(300, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return torch.cat([rows, torch.full((300, n_columns), value, dtype=torch.float64)], dim=1)


def later_of(rows, n_columns=1):
    later = rows.clone()
    later[:, 4:] = 100 + 20 * rows[:, :n_columns]
    return later


@pytest.mark.parametrize("value", [0.0, 0.1, 7.0])
def test_column_that_had_one_value_gets_a_component_of_its_own(value):
    rows = with_constant(value)
    scaling = prepared(rows)
    before = scaling(rows)
    later = later_of(rows)
    scaling.complete(later)
    torch.testing.assert_close(scaling(rows), before)
    result = scaling(later) - scaling(rows)
    assert (result.square().mean(dim=0).sqrt() > 0.01).sum() == 1
    assert result.square().mean(dim=0).max().sqrt() == pytest.approx(1, abs=0.1)
    weight = scaling.weight.clone()
    scaling.complete(10 * later)
    assert torch.equal(scaling.weight, weight)


def test_columns_share_the_last_components_where_none_is_free():
    rows = with_constant(n_columns=3)
    scaling = prepared(rows, 2)
    before = scaling(rows)
    scaling.complete(later_of(rows, 3))
    torch.testing.assert_close(scaling(rows), before)
    assert bool(scaling.weight[:, 4:].any(dim=0).all())


@pytest.mark.parametrize("value", [0.1, 1e9 + 0.3])
def test_column_that_stays_constant_stays_without_weight(value):
    rows = with_constant(value)
    scaling = prepared(rows)
    weight = scaling.weight.clone()
    scaling.complete(rows)
    assert torch.equal(scaling.weight, weight)


def test_another_constant_value_counts():
    scaling = prepared(with_constant(0.1))
    scaling.complete(with_constant(5.0))
    assert scaling.weight[:, 4].any()
    assert scaling(with_constant(5.0)).isfinite().all()


def test_a_standardisation_is_included_in_the_scaling():
    generator = torch.Generator().manual_seed(0)
    rows = 1e6 + torch.randn(300, 4, generator=generator, dtype=torch.float64) * torch.tensor([1, 50, 3, 0.1])
    rows[7, 1] += 5_000  # softly clipped
    mean, scale = rows.mean(dim=0), rows.std(dim=0)
    standardized = (rows - mean) / scale
    scaling = InputScaling(4)
    scaling.prepare(standardized)
    expected = scaling(standardized)
    scaling.precede(mean, scale)
    torch.testing.assert_close(scaling(rows), expected, atol=1e-3, rtol=1e-3)

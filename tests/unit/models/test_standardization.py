"""Standardisation of columns of any offset and unit, and its inverse."""

import numpy as np
import pytest
import scipy.sparse
import torch

from paradime.models import (
    CenterModel,
    ConvolutionalDecoder,
    ConvolutionalModel,
    EmbeddingModel,
    FullyConnectedDecoder,
    FullyConnectedEmbeddingModel,
    ModelRecipe,
    Preparable,
    Standardization,
    as_input,
    centers_rows,
    in_double_precision,
    needs_double,
)
from paradime.utils.sparse import SparseRows

ROWS = torch.from_numpy(np.random.default_rng(0).normal(size=(300, 4)))


def prepared(rows, shape=None):
    standardization = Standardization(shape or [rows.shape[1]])
    standardization.prepare(rows)
    return standardization


@pytest.mark.parametrize("offset", [0.0, -1e3, 1e7, 1e9, 1e12])
@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_columns_have_mean_0_and_size_1_whatever_their_offset_and_unit(offset, factor):
    rows = factor * (ROWS + offset)
    scaled = prepared(rows)(rows)
    assert scaled.dtype == torch.float32
    assert scaled.mean(dim=0).abs().max() < 0.02
    assert (scaled.std(dim=0) - 1).abs().max() < 0.05
    expected = prepared(ROWS)(ROWS)
    # up to the rounding of the rows in double precision
    assert (scaled - expected).abs().max() < 1e-5 + 1e-15 * abs(offset)


@pytest.mark.parametrize("offset", [0.0, 1e7, 1e9])
def test_inverse_returns_the_rows(offset):
    rows = ROWS * torch.tensor([1.0, 1e-3, 1e3, 1.0]) + offset
    standardization = prepared(rows)
    again = standardization.double().inverse(standardization(rows))
    torch.testing.assert_close(again, rows, rtol=1e-14, atol=1e-5)


def test_column_that_had_one_value_gets_its_scale_from_later_rows():
    rows = torch.cat([ROWS, torch.full((300, 1), 7.0, dtype=torch.float64)], dim=1)
    standardization = prepared(rows)
    before = standardization(rows)
    later = rows.clone()
    later[:, 4] = 100 + 20 * ROWS[:, 0]
    standardization.complete(later)
    assert torch.equal(standardization(rows), before)
    # the root mean square difference from 7
    assert float(standardization.scale[4]) == pytest.approx(np.hypot(93, 20), rel=0.05)
    standardization.complete(10 * later)
    assert float(standardization.scale[4]) == pytest.approx(np.hypot(93, 20), rel=0.05)


def test_a_column_of_one_value_becomes_zero_and_returns_as_it_was():
    rows = torch.cat([ROWS, torch.full((300, 1), 1e7 + 1 / 3, dtype=torch.float64)], dim=1)
    standardization = prepared(rows)
    assert standardization.scale[4] == 0
    other = rows[:2] + 5
    assert standardization(other)[:, 4].tolist() == [0, 0]
    assert standardization.double().inverse(torch.ones(1, 5).double())[0, 4] == pytest.approx(
        1e7 + 1 / 3, abs=1e-6
    )


def test_outliers_do_not_stretch_the_scale():
    rows = ROWS.clone()
    rows[7] = 1e6
    assert (prepared(rows).scale < 3 * prepared(ROWS).scale).all()


def test_a_column_that_is_nearly_always_zero_stays_within_bounds():
    rows = ROWS.clone()
    rows[:, 0] = 0
    rows[5, 0] = 16.0
    scaled = prepared(rows)(rows)
    assert scaled[:, 0].abs().max() < 10
    assert scaled[:, 0].max() > 1


def test_sparse_rows_are_scaled_as_dense_ones():
    dense = ROWS * (ROWS > 0.5)
    sparse = SparseRows(scipy.sparse.csr_array(dense.numpy()))
    torch.testing.assert_close(prepared(sparse).scale, prepared(dense).scale)
    torch.testing.assert_close(prepared(sparse).mean(), prepared(dense).mean())


def test_whole_numbers_are_centred_exactly():
    whole = torch.arange(300)[:, None]
    scaled = prepared(whole + 2**40)((whole + 2**40).double())
    torch.testing.assert_close(scaled, prepared(whole)(whole.double()))


def test_rows_that_are_not_finite_or_vary_beyond_single_precision_are_refused():
    for value in (torch.nan, 1e200):
        rows = ROWS.clone()
        rows[:150, 1] = value
        with pytest.raises(ValueError, match="must be finite, and vary within single precision"):
            prepared(rows)


def test_as_long_as_it_is_not_prepared_it_changes_nothing():
    standardization = Standardization([4])
    assert not standardization.prepared
    torch.testing.assert_close(standardization(ROWS), ROWS.float())
    torch.testing.assert_close(standardization.inverse(ROWS), ROWS)


# -- models ---------------------------------------------------------------------------------------


MODELS = {
    "mlp": lambda: FullyConnectedEmbeddingModel(4, standardize=True),
    "linear": lambda: FullyConnectedEmbeddingModel(4, hidden_dims=(), standardize=True),
    "conv": lambda: ConvolutionalModel((2, 2), channels=(8,), standardize=True),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_prepared_models_do_not_see_offset_and_unit(make):
    torch.manual_seed(0)
    model = make()
    assert isinstance(model, Preparable)
    assert not model.prepared
    model.prepare(ROWS)
    expected = model(ROWS)
    for factor, offset in ((1e3, 0), (1, 1e6), (1e-3, 1e9)):
        rows = factor * (ROWS + offset)
        model.prepare(rows)
        assert model.prepared
        torch.testing.assert_close(model(rows), expected, atol=1e-4, rtol=0)


def test_images_share_means_by_channel():
    images = torch.rand(50, 2, 6, 6) * torch.tensor([1.0, 100.0])[:, None, None]
    model = ConvolutionalModel((2, 6, 6), standardize=True)
    model.prepare(images)
    assert model.scaling.center.shape == (2, 1, 1)
    torch.testing.assert_close(
        model.scaling.mean().flatten().float(), images.mean(dim=(0, 2, 3)), rtol=1e-4, atol=0
    )
    torch.testing.assert_close(model(images), model(images.flatten(1)))


def test_models_standardise_only_if_they_are_told_to():
    for model in (FullyConnectedEmbeddingModel(4), FullyConnectedEmbeddingModel(4, standardize=False)):
        before = model(ROWS.float())
        names = set(model.state_dict())
        assert model.prepared
        model.prepare(ROWS)
        assert torch.equal(model(ROWS.float()), before)
        assert not any(name.startswith("scaling") for name in names)


def test_what_was_said_stays_and_what_was_not_is_decided_once():
    explicit, open_ = FullyConnectedEmbeddingModel(4, standardize=False), FullyConnectedEmbeddingModel(4)
    for model in (explicit, open_):
        model.decide_standardize(True)
        model.decide_standardize(False)
    assert (explicit.standardize, open_.standardize) == (False, True)
    assert (explicit.scaling is None, open_.scaling is None) == (True, False)


def test_loaded_weights_decide_what_was_open_and_nothing_else():
    trained, other = (FullyConnectedEmbeddingModel(4, 2, standardize=flag) for flag in (True, False))
    trained.prepare(100 * ROWS)
    fresh = FullyConnectedEmbeddingModel(4, 2)
    fresh.load_state_dict(trained.state_dict())
    assert fresh.standardize
    assert fresh.prepared
    torch.testing.assert_close(fresh.embed(100 * ROWS.float()), trained.embed(100 * ROWS.float()))
    with pytest.raises(RuntimeError, match=r"Make it with standardize=True"):
        other.load_state_dict(trained.state_dict())
    open_still = FullyConnectedEmbeddingModel(4, 2)
    open_still.load_state_dict(other.state_dict())
    assert open_still.standardize is None


def test_initial_weights_are_the_same_with_and_without():
    weights = []
    for standardize in (None, True):
        torch.manual_seed(0)
        weights.append(FullyConnectedEmbeddingModel(4, standardize=standardize).layers[0].weight)
    assert torch.equal(*weights)


def test_rows_of_another_width_are_refused():
    with pytest.raises(ValueError, match="rows must have 4 elements, got 3"):
        FullyConnectedEmbeddingModel(4, standardize=True).prepare(ROWS[:, :3])


@pytest.mark.parametrize("kind", ["mlp", "centers"])
@pytest.mark.parametrize("offset", [1.0, 1e7])
def test_far_rows_come_in_double_precision_and_near_ones_do_not(kind, offset):
    model = ModelRecipe(kind, options={"standardize": True} if kind == "mlp" else {}).make((4,), n_rows=300)
    assert centers_rows(model)
    model.prepare(ROWS + offset)
    assert needs_double(model) == (offset > 1)
    assert as_input(model, ROWS + offset).dtype == torch.float64
    assert as_input(torch.nn.Linear(4, 2), ROWS + offset).dtype == torch.float32


@pytest.mark.parametrize(
    "decoder",
    [FullyConnectedDecoder(2, (2, 2), standardize=True), ConvolutionalDecoder(2, (2, 2), standardize=True)],
)
def test_decoders_return_rows_in_the_units_of_the_data(decoder):
    rows = (ROWS * 1e4 + 1e7).reshape(300, 2, 2)
    decoder.prepare(rows)
    decoded = in_double_precision(decoder, torch.device("cpu"))(torch.randn(300, 2).double())
    assert decoded.shape == rows.shape
    assert (decoded - 1e7).abs().max() < 1e6
    standardized = decoder.as_standardized(rows)
    assert standardized.std() == pytest.approx(1, abs=0.05)
    assert standardized.shape == decoder.standardized(torch.randn(300, 2)).shape


@pytest.mark.parametrize("kind", ["mlp", "centers", "conv"])
def test_unit_multiplies_the_embedding_and_heads_do_not_see_it(kind):
    shape = (2, 2) if kind == "conv" else (4,)
    models = []
    for unit in (None, 1000.0):
        torch.manual_seed(0)
        recipe = ModelRecipe(kind, options={"unit": unit}, decoder=True, classifier={"n_classes": 3})
        models.append(recipe.make(shape, n_rows=100).eval())
    plain, scaled = models
    rows = ROWS.float().reshape(-1, *shape)
    torch.testing.assert_close(scaled(rows), 1000 * plain(rows))
    torch.testing.assert_close(scaled.classify(rows), plain.classify(rows))
    torch.testing.assert_close(scaled.decode(scaled.encode(rows)), plain.decode(plain.encode(rows)))


@pytest.mark.parametrize("unit", [0, -1.0, float("inf"), float("nan")])
def test_units_that_are_not_positive_are_refused(unit):
    for kind in (FullyConnectedEmbeddingModel, CenterModel):
        with pytest.raises(ValueError, match="unit must be a positive number"):
            kind(4, unit=unit)


def test_embedding_model_says_whether_its_decoder_standardises():
    encoder = torch.nn.Linear(4, 2)
    assert not EmbeddingModel(encoder).standardizes
    assert not EmbeddingModel(encoder, torch.nn.Linear(2, 4)).standardizes
    assert EmbeddingModel(encoder, FullyConnectedDecoder(2, (4,), standardize=True)).standardizes


def test_another_standardisation_is_included():
    generator = torch.Generator().manual_seed(0)
    rows = 1e6 + torch.randn(300, 3, generator=generator, dtype=torch.float64) * torch.tensor([1, 50, 0.1])
    mean, scale = rows.mean(dim=0), rows.std(dim=0)
    standardized = (rows - mean) / scale
    standardization = Standardization([3])
    standardization.prepare(standardized)
    expected = standardization(standardized)
    standardization.precede(mean, scale)
    torch.testing.assert_close(standardization(rows), expected, atol=1e-4, rtol=1e-4)
    back = standardization.double().inverse(expected.double())
    torch.testing.assert_close(back, rows, atol=1e-3, rtol=1e-6)

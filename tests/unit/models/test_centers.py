import copy
import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.utils._python_dispatch import TorchDispatchMode

from paradime.models import (
    CenterModel,
    FullyConnectedDecoder,
    ModelRecipe,
    Preparable,
    SoftAssignments,
    network_scale,
)


def digits(n=1797):
    return torch.from_numpy(load_digits().data[:n]).float()


def make_model(*args, seed=0, **kwargs):
    torch.manual_seed(seed)
    return CenterModel(*args, **kwargs)


def prepared(rows, *args, seed=0, **kwargs):
    model = make_model(rows.shape[1], *args, seed=seed, **kwargs)
    model.prepare(rows, torch.Generator().manual_seed(seed))
    return model


# -- soft assignments -----------------------------------------------------------------------------------


def test_shares_are_those_of_the_formula():
    rows = torch.randn(60, 3, dtype=torch.float64)
    layer = SoftAssignments(3, 12, sharpness=1.5).double()
    layer.prepare(rows)
    dists = np.linalg.norm(rows.numpy()[:, None] - layer.centers.numpy(), axis=2)
    h = np.sort(dists, axis=1)[:, 4].mean()
    assert float(layer.bandwidth) == pytest.approx(h)
    weights = np.exp(-6 * dists**2 / h**2)
    expected = weights / weights.sum(axis=1, keepdims=True) * np.sqrt(12)
    np.testing.assert_allclose(layer(rows).numpy(), expected, rtol=1e-6, atol=1e-12)


def test_centers_lie_where_the_data_do():
    rows = torch.randn(400, 2, generator=torch.manual_seed(0)) * 0.1 + (torch.arange(400) % 4)[:, None] * 10.0
    rows -= rows.mean(dim=0)
    layer = SoftAssignments(2, 16)
    layer.prepare(rows)
    dists = torch.cdist(rows, layer.centers)
    assert dists.min(dim=1).values.max() < 0.5
    assert dists.min(dim=0).values.max() < 0.5


def test_points_of_one_place_share_their_centers_and_others_do_not():
    places = torch.eye(3) * 5
    layer = SoftAssignments(3, 30)
    layer.prepare(places.repeat(20, 1))
    shares = layer(places)
    overlap = shares @ shares.T / shares.square().sum(dim=1)
    torch.testing.assert_close(overlap, torch.eye(3), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [torch.zeros(40, 3), torch.zeros(1, 3), torch.full((9, 3), 2.5)])
def test_rows_that_are_all_the_same_have_equal_shares(rows):
    layer = SoftAssignments(3, 16)
    layer.prepare(rows)
    torch.testing.assert_close(layer(rows), torch.full((len(rows), 16), 0.25))


def test_far_points_have_finite_shares():
    layer = SoftAssignments(2, 8)
    layer.prepare(torch.randn(100, 2))
    shares = layer(torch.tensor([[1e6, -1e6], [1e15, 0.0]]))
    torch.testing.assert_close(shares.sum(dim=1), torch.full((2,), math.sqrt(8)))


def test_gradient_of_the_shares_is_that_of_the_formula():
    layer = SoftAssignments(3, 6).double()
    layer.prepare(torch.randn(40, 3, dtype=torch.float64))
    X = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, [X])


@pytest.mark.parametrize("sharpness", [0, -1, math.inf, math.nan])
def test_sharpness_out_of_range_is_refused(sharpness):
    with pytest.raises(ValueError, match="sharpness must be a positive number"):
        CenterModel(3, sharpness=sharpness)


# -- size -----------------------------------------------------------------------------------------------


def test_size_follows_from_the_number_of_rows_unless_it_is_given():
    for n_rows in (None, 1, 1000, 5000, 10**6):
        widths, m = network_scale(n_rows or 10_000, 7)
        model = CenterModel(7, n_rows=n_rows)
        assert [layer.in_features for layer in model.layers] == [7 + m, *widths]
    model = CenterModel(7, 3, [4, 5], n_rows=1000, n_centers=6)
    assert [layer.in_features for layer in model.layers] == [13, 4, 5]
    assert model.layers[-1].out_features == 3


def test_size_grows_with_the_rows_within_limits():
    centers = [network_scale(n, 5)[1] for n in (1, 100, 1000, 4000, 10_000, 10**7)]
    assert centers == sorted(centers)
    assert (centers[0], centers[-1]) == (16, 2_000)
    assert sum(network_scale(10**5, 5)[0]) > sum(network_scale(100, 5)[0])


def test_without_centers_the_layers_see_the_scaled_rows():
    rows = digits(200)
    model = prepared(rows, n_centers=0)
    assert model.assignments is None
    assert torch.equal(model.features(rows), model.scaling(rows))


def test_arguments_are_kept_as_they_were_given():
    model = CenterModel(7)
    assert (model.hidden_dims, model.n_rows, model.n_centers) == (None, None, None)
    widths = (5, 6)
    assert CenterModel(7, hidden_dims=widths).hidden_dims is widths


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_dim": 0}, r"in_dim, hidden_dims and out_dim must be positive, got \[0, 2\]"),
        ({"out_dim": 0}, r"must be positive, got \[7, 0\]"),
        ({"hidden_dims": [5, -1]}, r"must be positive, got \[7, 5, -1, 2\]"),
        ({"n_rows": 0}, "n_rows must be at least 1, got 0"),
        ({"n_centers": -1}, "n_centers must not be negative, got -1"),
        ({"n_components": 0}, "n_components must be an integer of at least 1, got 0"),
        ({"whitening": -0.1}, r"whitening must lie in \[0, 1\], got -0.1"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"activation": "rleu"}, r"unknown activation 'rleu'. Did you mean 'relu'\?"),
        ({"normalization": "layr"}, r"unknown normalization 'layr'. Did you mean 'layer'\?"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CenterModel(**{"in_dim": 7, **arguments})


# -- preparation ----------------------------------------------------------------------------------------


def test_prepared_model_is_told_from_one_that_is_not():
    model = make_model(64)
    assert isinstance(model, Preparable)
    assert not model.prepared
    model.prepare(digits(300))
    assert model.prepared


def test_unprepared_model_embeds():
    assert make_model(64)(digits(5)).isfinite().all()


def test_same_generator_gives_the_same_model_and_leaves_the_global_one_alone():
    rows = digits()
    models = [prepared(rows, n_centers=20, seed=seed) for seed in (1, 1, 2)]
    centers = [model.assignments.centers for model in models]
    assert torch.equal(centers[0], centers[1])
    assert not torch.equal(centers[0], centers[2])
    state = torch.get_rng_state()
    models[0].prepare(rows, torch.Generator().manual_seed(3))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("n", [1, 2, 200])
@pytest.mark.parametrize("d", [1, 2, 800])
def test_few_rows_or_columns_are_no_hindrance(n, d):
    rows = 50 + 10 * torch.randn(n, d)
    assert prepared(rows, n_rows=n)(rows).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float64])
def test_integers_and_other_precisions_are_taken(dtype):
    rows = (digits(300) > 8).to(dtype)
    expected = prepared(rows.float(), n_centers=20)
    model = prepared(rows, n_centers=20)
    X = rows.to(torch.int64) if dtype == torch.bool else rows
    torch.testing.assert_close(model(X), expected(rows.float()))


# integers stay exact, so that k-means gives the same result
@pytest.mark.parametrize(("scale", "offset"), [(2.0**10, 2.0**16), (2.0**-20, 0)])
def test_scale_and_offset_of_the_data_do_not_matter(scale, offset):
    rows = digits()
    expected = prepared(rows, n_centers=20)
    model = prepared(scale * rows + offset, n_centers=20)
    torch.testing.assert_close(model(scale * rows + offset), expected(rows), rtol=5e-3, atol=5e-3)


def test_images_are_flattened():
    rows = digits(300)
    model = prepared(rows, n_centers=20)
    again = make_model(64, n_centers=20)
    again.prepare(rows.reshape(300, 8, 8), torch.Generator().manual_seed(0))
    torch.testing.assert_close(again(rows.reshape(300, 8, 8)), model(rows))


def test_without_rows_nothing_is_prepared():
    model = make_model(3)
    model.prepare(torch.empty(0, 3))
    assert not model.prepared


def test_rows_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"rows must have in_dim=3 elements, got 4. Make the model with in_dim=4"):
        make_model(3).prepare(torch.ones(5, 4))


def test_state_makes_a_fresh_model_the_same():
    rows = digits(300)
    model = prepared(rows, 3, [20], n_centers=10)
    other = make_model(64, 3, [20], n_centers=10, seed=9)
    assert not torch.equal(other(rows), model(rows))
    other.load_state_dict(model.state_dict())
    assert other.prepared
    assert torch.equal(other(rows), model(rows))
    assert torch.equal(copy.deepcopy(model)(rows), model(rows))
    fresh = make_model(64, 3, [20], n_centers=10)
    model.load_state_dict(fresh.state_dict())
    assert not model.prepared


# -- use ------------------------------------------------------------------------------------------------


def test_only_the_layers_are_trained():
    model = prepared(digits(300), n_centers=10)
    model(digits(50)).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert name == "alpha" or name.startswith("network."), name
        assert name == "alpha" or parameter.grad.abs().sum() > 0, name


def test_gradient_with_respect_to_the_points_is_right():
    rows = digits(300).double()
    model = prepared(rows, hidden_dims=[8], n_centers=10, activation="tanh").double()
    X = rows[:3, :].clone()
    X[0, 20] = 1e3  # a value that is softly clipped
    X.requires_grad_()
    assert torch.autograd.gradcheck(model, [X], eps=1e-5, atol=1e-4)


class NoWaiting(TorchDispatchMode):
    """Raises an error for operations that would synchronise with the device."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert not any(word in str(function) for word in ("_local_scalar_dense", "nonzero", "unique", "masked"))
        return function(*args, **(kwargs or {}))


def test_a_step_waits_for_nothing():
    rows = digits(100)
    model = prepared(rows, n_centers=10)
    with NoWaiting():
        model(rows).square().sum().backward()
        with pytest.raises(AssertionError):
            bool(model.alpha > 0)


def test_centers_help_to_tell_classes(outcome):
    rows, labels = digits(), torch.from_numpy(load_digits().target)

    def accuracy(n_centers, seed):
        model = prepared(rows[:1200], 10, (), n_centers=n_centers, seed=seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        for _ in range(60):
            loss = torch.nn.functional.cross_entropy(model(rows[:1200]), labels[:1200])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return (model(rows[1200:]).argmax(dim=1) == labels[1200:]).float().mean().item()

    def measure(seed):
        with_centers = accuracy(60, seed)
        return {"accuracy": with_centers, "gain": with_centers - accuracy(0, seed)}

    outcome(measure, seeds=2, at_least={"accuracy": 0.88, "gain": 0.005})


def test_features_keep_their_precision_where_layers_are_lowered():
    rows = digits(300) + 1e4
    model = prepared(rows, n_centers=10)
    expected = model.features(rows)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(model.features(rows), expected)
        assert model(rows).dtype == torch.bfloat16


def test_model_is_exported_with_what_was_fitted():
    rows = digits(300)
    model = prepared(rows, n_centers=10).eval()
    batch = torch.export.Dim("batch", min=2, max=4096)
    program = torch.export.export(model, (rows[:7],), dynamic_shapes={"X": {0: batch}})
    torch.testing.assert_close(program.module()(rows), model(rows))


# -- recipes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "recipe",
    [
        ModelRecipe("centers"),
        ModelRecipe("centers", out_dim=3, options={"hidden_dims": [5, 4], "n_centers": 0}, decoder=True),
        ModelRecipe("centers", options={"whitening": 0.0, "n_components": 20}, decoder={"dropout": 0.1}),
        ModelRecipe("centers", decoder=True, classifier={"n_classes": 3}),
    ],
    ids=repr,
)
def test_recipe_of_a_model_makes_a_model_of_the_same_form(recipe):
    torch.manual_seed(0)
    model = recipe.make((64,), n_rows=700)
    result = ModelRecipe.of(model)
    options = dict(result.options)
    assert (options.pop("in_dim"), options.pop("n_rows")) == (64, 700)
    assert options == dict(recipe.options)
    assert (result.out_dim, result.decoder) == (recipe.out_dim, recipe.decoder)
    torch.manual_seed(0)
    again = result.make((64,))
    state, other = model.state_dict(), again.state_dict()
    assert state.keys() == other.keys()
    assert all(torch.equal(state[name], other[name]) for name in state)
    assert ModelRecipe(
        **{"kind": result.spec().pop("type"), **{k: v for k, v in result.spec().items() if k != "type"}}
    )


def test_number_of_rows_reaches_models_that_take_it_and_no_others():
    assert ModelRecipe("centers").make((4,), n_rows=400).assignments.n_centers == 20
    assert ModelRecipe("centers", options={"n_rows": 600}).make((4,), n_rows=400).assignments.n_centers == 30
    assert ModelRecipe("centers").make((4,)).assignments.n_centers == 500
    assert ModelRecipe("mlp").make((4,), n_rows=400)(torch.ones(1, 4)).shape == (1, 2)


def test_decoder_mirrors_the_widths_that_follow_from_the_rows():
    for n_rows in (400, 8000):
        model = ModelRecipe("centers", decoder=True).make((4, 5), n_rows=n_rows)
        assert type(model.decoder) is FullyConnectedDecoder
        assert [layer.in_features for layer in model.decoder.layers] == [2, *network_scale(n_rows, 20)[0]]
        assert (model.decoder.activation, model.decoder.normalization) == ("relu", "layer")
        assert model.decode(model.embed(torch.randn(3, 4, 5))).shape == (3, 4, 5)

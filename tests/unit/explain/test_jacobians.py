import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_wine

from paradime import ParametricMDS, ParametricTSNE
from paradime.explain import distortion, jacobian
from paradime.models import CenterModel

pytestmark = pytest.mark.usefixtures("few_first_steps")


def linear(matrix):
    model = torch.nn.Linear(matrix.shape[1], matrix.shape[0])
    model.weight.data = torch.as_tensor(matrix, dtype=torch.float32)
    return model


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 20), torch.nn.Tanh(), torch.nn.Linear(20, 3))


def test_jacobian_is_that_of_automatic_differentiation_row_by_row():
    model, X = network(), np.random.default_rng(0).normal(size=(7, 6))
    rows = torch.as_tensor(X, dtype=torch.float32)
    expected = torch.func.vmap(torch.func.jacrev(model))(rows).detach().numpy()
    np.testing.assert_allclose(jacobian(model, X), expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore::paradime.exceptions.ScaleWarning")
def test_jacobian_of_a_center_routine_is_its_finite_difference():
    X = load_wine().data
    routine = ParametricTSNE(refine=False, epochs=2, random_state=0).fit(X)
    assert isinstance(routine.model, CenterModel)
    rows, step = X[:20].copy(), 1e-3 * X.std(axis=0)
    found = jacobian(routine, rows)
    # in double precision, where differences keep their digits
    model = routine.model.double()
    for column in range(13):
        moved = [rows.copy(), rows.copy()]
        moved[0][:, column] += step[column]
        moved[1][:, column] -= step[column]
        with torch.no_grad():
            high, low = (model(torch.from_numpy(part)).numpy() for part in moved)
        slope = (high - low) / (2 * step[column])
        # a kink of a rectified unit may lie between the two
        assert np.median(np.abs(found[:, :, column] - slope)) < 1e-3 * np.abs(slope).max()


def test_batches_and_dropout_do_not_matter():
    model = torch.nn.Sequential(
        torch.nn.Linear(6, 9), torch.nn.BatchNorm1d(9), torch.nn.Dropout(), torch.nn.Linear(9, 2)
    )
    model.train()
    X = np.random.default_rng(0).normal(size=(10, 6))
    alone = np.concatenate([jacobian(model, row[None]) for row in X])
    np.testing.assert_allclose(jacobian(model, X), alone, atol=1e-6)
    assert model.training
    assert float(model[1].num_batches_tracked) == 0


def test_images_are_flattened():
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
    X = load_digits().images[:4]
    found = jacobian(model, X)
    np.testing.assert_allclose(found, np.repeat(model[1].weight.detach().numpy()[None], 4, axis=0), atol=1e-6)


def test_stretch_of_a_linear_map_is_its_singular_values():
    matrix = np.random.default_rng(0).normal(size=(2, 6))
    found = distortion(linear(matrix), np.random.default_rng(1).normal(size=(9, 6)), scale="none")
    expected = np.linalg.svd(matrix, compute_uv=False)
    np.testing.assert_allclose(found.singular_values, np.tile(expected, (9, 1)), rtol=1e-5)
    np.testing.assert_allclose(found.area, np.prod(expected), rtol=1e-5)
    np.testing.assert_allclose(found.anisotropy, 1 - expected[1] / expected[0], rtol=1e-5)
    np.testing.assert_allclose(found.relative_area, 1)


def test_standard_deviations_make_units_irrelevant():
    rng = np.random.default_rng(0)
    X, matrix = rng.normal(size=(50, 4)), rng.normal(size=(2, 4))
    units = np.array([1.0, 1e3, 1e-2, 7.0])
    a = distortion(linear(matrix), X)
    b = distortion(linear(matrix / units), X * units)
    np.testing.assert_allclose(a.singular_values, b.singular_values, rtol=1e-4)
    np.testing.assert_allclose(a.stretch[0], np.linalg.svd(matrix * X.std(0), compute_uv=False)[0], rtol=1e-4)


def test_directions_that_do_not_occur_do_not_count():
    X = np.random.default_rng(0).normal(size=(50, 3))
    X[:, 2] = 0.1
    found = distortion(linear(np.array([[1.0, 0.0, 100.0], [0.0, 1.0, 0.0]])), X)
    assert found.scale[2] == 0
    assert found.stretch.max() < 2


def test_tear_shows_as_a_large_stretch():
    # the map of a line that jumps at 0
    torch.manual_seed(0)

    class Torn(torch.nn.Module):
        def forward(self, X):
            return torch.cat([X + 5 * torch.tanh(50 * X), 0 * X], dim=1)

    X = np.linspace(-1, 1, 201)[:, None]
    found = distortion(Torn(), X)
    assert abs(X[found.stretch.argmax(), 0]) < 0.01
    assert found.stretch.max() > 50 * np.median(found.stretch)


def test_map_of_one_place_is_finite():
    class Flat(torch.nn.Module):
        def forward(self, X):
            return X.new_zeros(len(X), 2) + 0 * X.sum()

    found = distortion(Flat(), np.random.default_rng(0).normal(size=(5, 3)))
    for part in (found.singular_values, found.area, found.relative_area):
        assert not part.any()
    assert (found.anisotropy == 1).all()


@pytest.mark.filterwarnings("ignore::paradime.exceptions.ScaleWarning")
def test_single_row_takes_its_scale_from_the_reference():
    X = load_wine().data
    routine = ParametricMDS(epochs=2, random_state=0).fit(X)
    alone, all_rows = distortion(routine, X[:1], reference=X), distortion(routine, X)
    np.testing.assert_allclose(alone.singular_values[0], all_rows.singular_values[0], rtol=1e-5)
    with pytest.raises(ValueError, match=r"at least 2 rows .* reference=X_train"):
        distortion(routine, X[:1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": "sd"}, "scale must be 'std', 'none' or one number per feature, got 'sd'"),
        ({"scale": [1.0, 2.0]}, "6 finite numbers of at least 0, one per feature, got 2"),
        ({"scale": [1.0, 2.0, -1.0, 1.0, 1.0, 1.0]}, "6 finite numbers of at least 0"),
        ({"reference": np.eye(3)}, r"reference must have rows of shape \(6,\), got \(3,\)"),
    ],
)
def test_scales_that_do_not_fit_are_told(settings, message):
    with pytest.raises(ValueError, match=message):
        distortion(network(), np.eye(6), **settings)

"""The network of prototypes, which holds a map."""

import numpy as np
import pytest
import torch

from paradime.models import CenterModel, EmbeddingModel, ModelRecipe, PrototypeModel


def two_islands(n=400, seed=0):
    """Rows around two centres, and a map of them that is linear on each, with a wide gap between."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(n, 5, generator=generator)
    rows[: n // 2, 0] += 12
    positions = rows[:, 1:3] * 3
    positions[: n // 2] += 100
    order = torch.randperm(n, generator=generator)
    return rows[order], positions[order]


def held(rows, positions, **settings):
    base = CenterModel(rows.shape[1], n_rows=len(rows), **settings)
    base.prepare(rows, torch.Generator().manual_seed(0))
    return PrototypeModel.holding(base, rows, positions, torch.Generator().manual_seed(0))


def test_it_holds_a_torn_map_and_places_new_rows_in_it():
    rows, positions = two_islands()
    model = held(rows, positions)
    new, expected = two_islands(seed=1)
    for X, Y in ((rows, positions), (new, expected)):
        with torch.no_grad():
            errors = (model(X) - Y).norm(dim=1)
        assert float(errors.median()) < 2  # of a gap of 141, and a width of 3


@pytest.mark.parametrize(("scale", "offset"), [(1e-3, 0.0), (1e3, 5.0), (1.0, 1e6)])
def test_the_map_does_not_depend_on_the_units_of_columns_together(scale, offset):
    rows, positions = two_islands()
    moved = rows.double() * scale + offset
    with torch.no_grad():
        first, second = held(rows, positions)(rows), held(moved, positions)(moved)
    assert float((first - second).norm(dim=1).median()) < 0.05


def test_rows_are_differentiable_and_do_not_depend_on_others():
    rows, positions = two_islands()
    model = held(rows, positions)
    X = rows[:6].clone().requires_grad_()
    Y = model(X)
    (gradient,) = torch.autograd.grad(Y.sum(), X)
    assert bool((gradient.norm(dim=1) > 0).all())
    with torch.no_grad():
        assert torch.allclose(Y, torch.cat([model(row[None]) for row in rows[:6]]), atol=1e-4)
    assert model.positions.requires_grad
    assert model.slopes.requires_grad


def test_few_equal_and_constant_rows_are_no_errors():
    for rows in (torch.zeros(5, 3), torch.arange(6.0).reshape(3, 2), torch.ones(1, 4)):
        model = held(rows, torch.zeros(len(rows), 2))
        with torch.no_grad():
            assert bool(model(rows).isfinite().all())


def test_of_a_recipe_it_begins_as_principal_components():
    rows, _ = two_islands()
    model = ModelRecipe("prototypes").make((5,), n_rows=len(rows))
    model.prepare(rows, torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = model(rows)[:, 0].numpy()
    first = np.linalg.svd(rows - rows.mean(0), full_matrices=False)[0][:, 0]
    assert abs(np.corrcoef(ours, first)[0, 1]) > 0.95


def test_its_description_makes_a_model_of_the_same_shapes():
    model = held(*two_islands())
    made = ModelRecipe.of(model).make((5,))
    made.load_state_dict(model.state_dict())
    rows = two_islands()[0]
    with torch.no_grad():
        assert torch.equal(made(rows), model(rows))
        assert torch.equal(EmbeddingModel(made).embed(rows), model(rows))


@pytest.mark.parametrize(
    "options", [{"n_prototypes": 0}, {"n_neighbors": 0}, {"in_dim": 0}, {"n_prototypes": 2.5}]
)
def test_numbers_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        PrototypeModel(**{"in_dim": 3, **options})

"""Metric MDS, written in the grammar, against a double loop over the pairs."""

import numpy as np
import pytest
import torch

from paradime.data import Batch, Dataset
from paradime.loss import RelationLoss
from paradime.relations import DifferentiablePDist, PDist
from paradime.transforms import ToSquareTensor


def naive_stress(points, embedded):
    """Mean of (δ − d)² over all ordered pairs, a diagonal of zeros included, one pair at a time."""
    n, total = len(points), 0.0
    for i in range(n):
        for j in range(n):
            if i != j:
                wanted = torch.sqrt(((points[i] - points[j]) ** 2).sum())
                found = torch.sqrt(((embedded[i] - embedded[j]) ** 2).sum())
                total = total + (wanted - found) ** 2
    return total / n**2


class Positions(torch.nn.Module):
    """A position for every row, as MDS without a map has them."""

    def __init__(self, start):
        super().__init__()
        self.positions = torch.nn.Parameter(start.clone())

    def forward(self, X):
        return self.positions + 0 * X.sum()


@pytest.mark.parametrize("rows", [list(range(14)), [9, 2, 11, 5]])
def test_stress_and_its_gradient_are_those_of_the_double_loop(rows):
    rng = np.random.default_rng(0)
    points, start = rng.normal(size=(14, 5)), torch.tensor(rng.normal(size=(len(rows), 2)), dtype=torch.float32)
    relations = {"rel": PDist().compute_relations(points)}
    batch = Batch(Dataset(points).rows(rows))
    model = Positions(start)
    loss = RelationLoss(torch.nn.functional.mse_loss, normalize_sub=False)
    within = {"rel": DifferentiablePDist(transform=ToSquareTensor())}
    stress = loss(model, relations, within, batch, torch.device("cpu"))
    stress.backward()

    embedded = start.double().requires_grad_()
    expected = naive_stress(torch.tensor(points)[rows], embedded)
    (gradient,) = torch.autograd.grad(expected, embedded)
    # single against double precision
    assert stress.item() == pytest.approx(expected.item(), rel=1e-5)
    np.testing.assert_allclose(model.positions.grad, gradient, rtol=1e-3, atol=1e-6)


def test_descending_the_stress_recovers_a_configuration_of_the_plane(outcome):
    loss = RelationLoss(torch.nn.functional.mse_loss, normalize_sub=False)
    within = {"rel": DifferentiablePDist()}

    def measure(seed):
        rng = np.random.default_rng(seed)
        points = rng.normal(size=(20, 2))
        relations, batch = {"rel": PDist().compute_relations(points)}, Dataset(points).rows(list(range(20)))
        # near the solution: from a random start, MDS may end in another minimum
        model = Positions(torch.tensor(points + 0.3 * rng.normal(size=points.shape), dtype=torch.float32))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        values = []
        for _ in range(150):
            optimizer.zero_grad()
            stress = loss(model, relations, within, batch, torch.device("cpu"))
            stress.backward()
            optimizer.step()
            values.append(stress.item())
        error = np.abs(torch.pdist(model.positions.detach()).numpy() - relations["rel"].data).max()
        return {"first": np.log10(values[0]), "last": np.log10(values[-1]), "error": error}

    outcome(measure, at_least={"first": -2}, at_most={"last": -4, "error": 0.05})

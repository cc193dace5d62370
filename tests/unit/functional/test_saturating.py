import pytest
import torch

import paradime.loss  # noqa: F401  names the loss functions
from paradime._registry import LOSS_FUNCTIONS
from paradime.functional import largevis_loss, saturating_attraction, saturating_repulsion


@pytest.mark.parametrize("strength", [0.5, 10.0, 10_000.0])
def test_attraction_and_repulsion_are_those_of_the_paper(strength):
    sq_dists = torch.tensor([0.0, 0.3, 2.0, 1e4], dtype=torch.float64)
    shifted = [float(d) + 1 for d in sq_dists]
    assert saturating_attraction(sq_dists, strength).tolist() == pytest.approx(
        [d / (strength + d) for d in shifted]
    )
    assert saturating_repulsion(sq_dists).tolist() == pytest.approx([1 / (1 + d) for d in shifted])


def test_gradients_of_saturating_losses_are_those_of_finite_differences():
    sq_dists = torch.tensor([0.0, 0.3, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(saturating_attraction, (sq_dists,))
    assert torch.autograd.gradcheck(saturating_repulsion, (sq_dists,))


def test_far_points_are_hardly_pulled_and_hardly_pushed():
    sq_dists = torch.tensor([0.0, 1e6], requires_grad=True)
    pull, push = (
        torch.autograd.grad(loss(sq_dists).sum(), sq_dists)[0]
        for loss in (saturating_attraction, saturating_repulsion)
    )
    assert pull[0] > 0 > push[0]
    assert pull[1] < 1e-9
    assert push[1] > -1e-9


@pytest.mark.parametrize("gamma", [1.0, 7.0])
def test_largevis_loss_is_the_weighted_log_likelihood(gamma):
    generator = torch.Generator().manual_seed(0)
    p, q = (torch.rand(50, generator=generator, dtype=torch.float64) for _ in range(2))
    expected = -(p * q.log() + gamma * (1 - p) * (1 - q).log()).mean()
    assert float(largevis_loss(p, q, gamma, epsilon=0)) == pytest.approx(float(expected))
    assert float(largevis_loss(p, q, gamma)) == pytest.approx(float(expected), rel=1e-2)


def test_largevis_loss_and_its_gradient_are_finite_where_negatives_coincide():
    points = torch.tensor([0.0, 1e-9, 1e-3, 1.0], requires_grad=True)
    similarities = 1 / (1 + points.square())
    for p in (torch.zeros(4), torch.ones(4)):
        loss = largevis_loss(p, similarities)
        (gradient,) = torch.autograd.grad(loss, points, retain_graph=True)
        assert bool(loss.isfinite())
        # at most the repulsion at distance √ε, which is γ/√ε
        assert float(gradient.abs().max()) <= 7 / 0.01 / 4


def test_largevis_loss_refuses_other_shapes_and_is_known_by_its_name():
    with pytest.raises(ValueError, match="same shape"):
        largevis_loss(torch.ones(2), torch.ones(3))
    assert LOSS_FUNCTIONS["largevis"] is largevis_loss

import pytest
import torch

from paradime.functional import soft_clip, usual_ranges

LOW, HIGH, REACH = torch.tensor([-1.0, -5.0]), torch.tensor([2.0, 0.0]), torch.tensor([1.0, 0.5])


def test_values_between_the_bounds_stay():
    X = torch.tensor([[-1.0, -5.0], [0.3, -2.0], [2.0, 0.0]])
    assert torch.equal(soft_clip(X, LOW, HIGH, REACH), X)


def test_values_beyond_go_on_by_the_logarithm():
    X = torch.tensor([[5.0, 3.0], [-4.0, -6.0]])
    expected = [[2 + torch.tensor(4.0).log(), 0.5 * torch.tensor(7.0).log()], [0, 0]]
    expected[1] = [-1 - torch.tensor(4.0).log(), -5 - 0.5 * torch.tensor(3.0).log()]
    torch.testing.assert_close(soft_clip(X, LOW, HIGH, REACH), torch.tensor(expected))


def test_larger_values_stay_larger():
    X = torch.linspace(-100, 100, 5001)[:, None].expand(-1, 2)
    assert (soft_clip(X, LOW, HIGH, REACH).diff(dim=0) > 0).all()


def test_without_bounds_nothing_changes_and_gradients_are_one():
    X = torch.tensor([[1e30, -1e30]], requires_grad=True)
    infinite = torch.full((2,), torch.inf)
    result = soft_clip(X, -infinite, infinite, torch.ones(2))
    result.sum().backward()
    assert torch.equal(result, X)
    assert torch.equal(X.grad, torch.ones(1, 2))


def test_gradient_is_that_of_the_formula():
    X = torch.tensor([[-9.0, -7.0], [0.5, -1.0], [8.0, 2.0]], dtype=torch.float64, requires_grad=True)
    bounds = [bound.double() for bound in (LOW, HIGH, REACH)]
    assert torch.autograd.gradcheck(lambda X: soft_clip(X, *bounds), [X])


@pytest.mark.parametrize(("n", "left_out"), [(1, 0), (2, 0), (4, 0), (5, 1), (40, 1), (200, 4), (1000, 24)])
def test_ranges_are_order_statistics(n, left_out):
    values = torch.randperm(n).float()
    lower, center, upper = usual_ranges(torch.stack([values, -values], dim=1)).unbind()
    assert lower.tolist() == [left_out, -(n - 1 - left_out)]
    assert upper.tolist() == [n - 1 - left_out, -left_out]
    assert center[0] == (n - 1) // 2


def test_one_outlier_does_not_enter_the_range():
    values = torch.arange(200.0)[:, None]
    before = usual_ranges(values)
    values[150] = 1e6
    assert (usual_ranges(values) - before).abs().max() <= 1

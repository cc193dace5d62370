import numpy as np
import pytest
import torch

from paradime.functional import class_weights, log_similarities, target_weights, weighted_contrast

LABELS = torch.tensor([0, 1, 0, -1, 2, 1, 0])


def points(n=7, d=2, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("similarity", ["cauchy", "cosine"])
def test_contrast_agrees_with_the_sum_over_anchors_and_positives(similarity):
    Z = points()
    X = Z.numpy()
    result = weighted_contrast(
        log_similarities(Z, similarity), class_weights(LABELS, dtype=Z.dtype), candidates=LABELS != -1
    )
    anchors = []
    for i in range(7):
        others = [j for j in range(7) if j != i and LABELS[j] != -1]
        if similarity == "cauchy":
            s = {j: 1 / (1 + ((X[i] - X[j]) ** 2).sum()) for j in others}
        else:
            s = {j: np.exp(X[i] @ X[j] / np.linalg.norm(X[i]) / np.linalg.norm(X[j])) for j in others}
        positives = [j for j in others if LABELS[j] == LABELS[i] != -1]
        if positives:
            anchors.append(-np.mean([np.log(s[j] / sum(s.values())) for j in positives]))
    assert len(anchors) == 5
    assert result.item() == pytest.approx(np.mean(anchors), rel=1e-10)


def test_weights_of_targets_agree_with_the_formula():
    y = torch.tensor([1.0, 2.0, 4.0, 4.5], dtype=torch.float64)
    weights = np.exp(-0.5 * ((y[:, None] - y) / (0.5 * y.std(correction=0))).numpy() ** 2)
    np.fill_diagonal(weights, 0)
    np.testing.assert_allclose(target_weights(y, 0.5), weights / weights.sum(axis=1, keepdims=True), rtol=1e-10)


@pytest.mark.parametrize("y", [[1e6, 1e6 + 1, 1e6 + 300], [0.0, 1e-6, 1.0], [0.0, 0.0, 1e6]])
def test_target_far_from_all_others_still_has_a_nearest(y):
    weights = target_weights(torch.tensor(y), 0.01)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3))
    assert weights[2, 1] >= 0.5
    assert weights.diagonal().sum() == 0


def test_equal_targets_weigh_the_same():
    torch.testing.assert_close(target_weights(torch.ones(4), 0.1), (1 - torch.eye(4)) / 3)


@pytest.mark.parametrize("similarity", ["cauchy", "cosine"])
def test_gradients_of_the_contrast_are_right(similarity):
    weights = class_weights(LABELS, dtype=torch.float64)

    def loss(Z):
        return weighted_contrast(log_similarities(Z, similarity) / 0.5, weights, candidates=LABELS != -1)

    assert torch.autograd.gradcheck(loss, points().requires_grad_())


@pytest.mark.parametrize("labels", [[-1, -1, -1], [0, 1, 2], [0, 1, -1]])
def test_no_anchor_means_zero_with_gradient_zero(labels):
    labels, Z = torch.tensor(labels), points(3).requires_grad_()
    value = weighted_contrast(
        log_similarities(Z, "cauchy"), class_weights(labels, dtype=Z.dtype), candidates=labels != -1
    )
    value.backward()
    assert value.item() == 0
    assert (Z.grad == 0).all()


def test_cosine_of_rows_of_zeros_is_zero_with_finite_gradient():
    Z = torch.zeros(3, 4, requires_grad=True)
    values = log_similarities(Z, "cosine")
    values.sum().backward()
    assert (values == 0).all()
    assert Z.grad.isfinite().all()

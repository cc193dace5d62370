import itertools

import pytest
import torch

from paradime.functional import euclidean_distances, squared_distances, triplet_hinge

LABELS = torch.tensor([0, 1, 0, -1, 2, 1, 0, 1, 3, -1])


def points(n=10, seed=0):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def distances(X):
    return euclidean_distances(squared_distances(X))


def by_hand(D, labels, margin, mining):
    """Applies the definitions to each triplet."""
    hinges = []
    rows = [i for i in range(len(D)) if labels[i] != -1]
    for a in rows:
        positives = [p for p in rows if p != a and labels[p] == labels[a]]
        negatives = [D[a, n].item() for n in rows if labels[n] != labels[a]]
        pairs = [D[a, p].item() for p in positives]
        if not positives or not negatives:
            continue
        if mining == "all":
            hinges += [p - n + margin for p, n in itertools.product(pairs, negatives)]
        elif mining == "hard":
            hinges.append(max(pairs) - min(negatives) + margin)
        else:
            chosen = [min((n for n in negatives if n > p), default=max(negatives)) for p in pairs]
            hinges += [p - n + margin for p, n in zip(pairs, chosen, strict=True)]
    return sum(max(0.0, hinge) for hinge in hinges) / max(1, len(hinges))


@pytest.mark.parametrize("mining", ["all", "semihard", "hard"])
@pytest.mark.parametrize("margin", [0.1, 1.0, 5.0])
def test_triplets_agree_with_the_definition_triplet_by_triplet(mining, margin):
    D = distances(points())
    result = triplet_hinge(D, LABELS, margin=margin, mining=mining)
    assert result.item() == pytest.approx(by_hand(D, LABELS.tolist(), margin, mining), rel=1e-10)


@pytest.mark.parametrize("mining", ["all", "semihard", "hard"])
def test_gradients_of_triplets_are_right(mining):
    def loss(X):
        return triplet_hinge(distances(X), LABELS, mining=mining)

    assert torch.autograd.gradcheck(loss, points().requires_grad_())


@pytest.mark.parametrize("mining", ["all", "semihard", "hard"])
@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2], [-1, -1, -1], [0, 0, -1], [0, 1, -1]])
def test_batches_without_triplets_are_zero_with_gradient_zero(mining, labels):
    X = points(3).requires_grad_()
    value = triplet_hinge(distances(X), torch.tensor(labels), mining=mining)
    value.backward()
    assert value.item() == 0
    assert (X.grad == 0).all()


def test_classes_that_are_apart_by_the_margin_cost_nothing():
    X = torch.tensor([[0.0], [0.5], [9.0], [9.5]])
    for mining in ("all", "semihard", "hard"):
        assert triplet_hinge(distances(X), torch.tensor([0, 0, 1, 1]), mining=mining).item() == 0


def test_all_triplets_of_a_large_batch_need_no_cube_of_memory():
    X = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(1000) % 10
    # all triplets at once would take 4 GB
    value = triplet_hinge(distances(X), labels, mining="all")
    some = triplet_hinge(distances(X[:300]), labels[:300], mining="all")
    assert value.item() == pytest.approx(some.item(), rel=0.1)


def test_distance_of_duplicates_has_gradient_zero():
    X = torch.ones(3, 2, requires_grad=True)
    distances(X).sum().backward()
    assert (X.grad == 0).all()

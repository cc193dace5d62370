import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from paradime.relationdata import FlatRelationTensor, TriangularRelationTensor
from paradime.relations import DifferentiablePDist, DistsFromTo, NeighborBasedPDist, PDist
from paradime.transforms import ModifiedCauchyTransform, Normalize, StudentTTransform, ToSquareTensor


def embedded(seed=0, n=6, dtype=torch.float64):
    return torch.tensor(np.random.default_rng(seed).normal(size=(n, 2)), dtype=dtype, requires_grad=True)


@pytest.mark.parametrize(
    ("kwargs", "metric"), [({}, "euclidean"), ({"p": 1}, "cityblock"), ({"metric": "cosine"}, "cosine")]
)
def test_distances_within_a_batch_are_those_of_scipy(kwargs, metric):
    found = DifferentiablePDist(**kwargs).compute_relations(embedded())
    assert isinstance(found, TriangularRelationTensor)
    np.testing.assert_allclose(found.data.detach(), pdist(embedded().detach(), metric), rtol=1e-9)


def test_tsne_relations_of_a_batch_are_the_formula():
    transform = [StudentTTransform(1.0), Normalize(), ToSquareTensor()]
    found = DifferentiablePDist(transform=transform).compute_relations(embedded()).data.detach()
    kernel = 1 / (1 + squareform(pdist(embedded().detach())) ** 2)
    np.fill_diagonal(kernel, 0)
    np.testing.assert_allclose(found, kernel / kernel.sum(), rtol=1e-9)


@pytest.mark.parametrize("transform", [StudentTTransform(1.0), StudentTTransform(2.5), ModifiedCauchyTransform()])
def test_gradients_reach_the_points(transform):
    within = DifferentiablePDist(transform=[transform, Normalize(), ToSquareTensor()])
    assert torch.autograd.gradcheck(lambda X: within.compute_relations(X).data, (embedded(),))
    pairs = torch.stack((embedded(0), embedded(1))).detach().requires_grad_()
    between = DistsFromTo(transform=transform)
    assert torch.autograd.gradcheck(lambda X: between.compute_relations(X).data, (pairs,))


@pytest.mark.parametrize("transform", [StudentTTransform(1.0), ModifiedCauchyTransform()])
def test_gradients_of_points_at_one_place_are_finite(transform):
    X = torch.zeros(4, 2, requires_grad=True)
    DifferentiablePDist(transform=transform).compute_relations(X).total().backward()
    assert X.grad.isfinite().all()
    pairs = torch.zeros(2, 3, 2, requires_grad=True)
    DistsFromTo(transform=transform).compute_relations(pairs).total().backward()
    assert pairs.grad.isfinite().all()


def test_parameter_of_a_transform_is_trained_along():
    alpha = torch.nn.Parameter(torch.tensor(1.0))
    DifferentiablePDist(transform=StudentTTransform(alpha)).compute_relations(embedded()).total().backward()
    assert float(alpha.grad) != 0


def test_batch_of_one_point_has_relations_to_no_other():
    found = DifferentiablePDist(transform=[StudentTTransform(1.0), Normalize()]).compute_relations(
        torch.ones(1, 2)
    )
    assert found.n_points == 1
    assert found.to_square().tolist() == [[0.0]]


def test_distances_of_pairs_go_from_each_point_to_its_partner():
    pairs = torch.stack((embedded(0), embedded(1))).detach()
    found = DistsFromTo().compute_relations(pairs)
    assert isinstance(found, FlatRelationTensor)
    np.testing.assert_allclose(found.data, np.linalg.norm(pairs[0] - pairs[1], axis=1))


def test_number_of_pairs_that_a_triangle_has_stays_flat():
    assert (
        type(DistsFromTo(transform=StudentTTransform(1.0)).compute_relations(torch.ones(2, 6, 2)))
        is FlatRelationTensor
    )


def test_metric_may_be_a_function_of_rows():
    def manhattan(A, B):
        return (A - B).abs().sum(dim=-1)

    np.testing.assert_allclose(
        DifferentiablePDist(metric=manhattan).compute_relations(embedded()).data.detach(),
        squareform(pdist(embedded().detach(), "cityblock")),
    )
    pairs = torch.stack((embedded(0), embedded(1)))
    expected = manhattan(*pairs.detach())
    np.testing.assert_allclose(DistsFromTo(metric=manhattan).compute_relations(pairs).data.detach(), expected)


def test_metric_that_compares_other_dimensions_than_the_last_is_refused_with_the_remedy():
    def along_rows(A, B):
        return (A - B).abs().sum(dim=1)

    with pytest.raises(ValueError, match=r"shape \(6, 6\), got \(6, 2\)\. .* with dim=-1"):
        DifferentiablePDist(metric=along_rows).compute_relations(embedded())


def test_points_in_place_of_pairs_are_refused():
    with pytest.raises(ValueError, match=r"X must have shape \(2, m, d\), got arrays of shapes"):
        DistsFromTo().compute_relations(torch.ones(5, 2))


def test_negative_order_is_refused():
    with pytest.raises(ValueError, match="p must not be negative, got -1"):
        DifferentiablePDist(p=-1)


def test_relations_say_where_they_can_be_used_and_what_they_need():
    assert DistsFromTo.needs == "pairs"
    assert DistsFromTo.levels == {"batch"}
    assert DifferentiablePDist.needs == "items"
    assert "batch" in DifferentiablePDist.levels
    for kind in (PDist, NeighborBasedPDist):
        assert kind.levels == {"global"}

"""Contrastive losses compared with plain loops, on single pairs and on whole batches."""

import math

import numpy as np
import pytest
import torch

import paradime.functional.contrastive
from paradime.functional import (
    info_nce_loss,
    info_nce_of_batch,
    log_noise_ratio,
    noise_contrastive_loss,
    noise_contrastive_of_batch,
    places_of_others,
)


def similarities(b=5, m=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    positives, negatives = (
        torch.rand(*shape, generator=generator, dtype=torch.float64) for shape in ((b,), (b, m))
    )
    return positives + 0.01, negatives + 0.01


def info_nce_by_loops(positives, negatives):
    terms = [-math.log(p / (p + sum(row))) for p, row in zip(positives, negatives, strict=True)]
    return sum(terms) / len(terms)


def noise_contrastive_by_loops(positives, negatives, c):
    terms = []
    for p, row in zip(positives, negatives, strict=True):
        terms.append(-math.log(p / (p + c)) - sum(math.log(1 - q / (q + c)) for q in row))
    return sum(terms) / len(terms)


def test_info_nce_is_that_of_plain_loops():
    positives, negatives = similarities()
    result = info_nce_loss(positives.log(), negatives.log())
    assert float(result) == pytest.approx(info_nce_by_loops(positives.tolist(), negatives.tolist()))


@pytest.mark.parametrize("c", [1e-3, 1.0, 20.0])
def test_noise_contrastive_loss_is_that_of_plain_loops(c):
    positives, negatives = similarities()
    result = noise_contrastive_loss(positives.log(), negatives.log(), math.log(c))
    assert float(result) == pytest.approx(noise_contrastive_by_loops(positives.tolist(), negatives.tolist(), c))


def test_negatives_at_minus_infinity_count_as_none():
    positives, negatives = (part.log() for part in similarities())
    hidden = negatives.clone()
    hidden[:, 2:] = -math.inf
    for loss in (info_nce_loss, lambda p, n: noise_contrastive_loss(p, n, 0.3)):
        assert float(loss(positives, hidden)) == pytest.approx(float(loss(positives, negatives[:, :2])))


@pytest.mark.parametrize("n_negatives", [5, 100])
@pytest.mark.parametrize("n_points", [1000, 60_000])
def test_spectrum_leads_from_the_normaliser_of_tsne_to_the_posterior_of_umap(n_points, n_negatives):
    n_pairs = n_points * (n_points - 1)
    of_tsne, of_umap = 100 * n_points, n_pairs / n_negatives
    for s in (-0.5, 0.0, 0.25, 1.0, 1.5):
        normaliser = of_tsne ** (1 - s) * of_umap**s
        expected = math.log(normaliser * n_negatives / n_pairs)
        assert log_noise_ratio(s, n_negatives, n_points) == pytest.approx(expected, abs=1e-9)
    assert log_noise_ratio(1.0, n_negatives, n_points) == 0


@pytest.mark.parametrize(
    ("b", "n_ends", "size"), [(2, 2, 2), (5, 2, 3), (5, 2, 8), (4, 3, 9), (7, 4, 24), (1, 2, 0)]
)
def test_ends_of_others_are_those_of_other_pairs_each_at_most_once(b, n_ends, size):
    places = places_of_others(b, n_ends, size)
    assert places.shape == (b, size)
    for i, row in enumerate(places.tolist()):
        assert len(set(row)) == size
        assert all(0 <= place < b * n_ends and place // n_ends != i for place in row)


def test_every_end_is_taken_equally_often_and_few_negatives_are_of_different_pairs():
    places = places_of_others(8, 2, 4)
    assert all(len(set(row)) == 4 for row in places.div(2, rounding_mode="floor").tolist())
    assert torch.bincount(places.flatten(), minlength=16).tolist() == [2] * 16


# -- whole batches ------------------------------------------------------------------------------------


def batch(b=7, k=1, d=2, seed=0, dtype=torch.float64, repeated=True):
    """Anchors and neighbours in which some points occur several times, always with the same position."""
    generator = torch.Generator().manual_seed(seed)
    positions = torch.randn(3 * b, d, generator=generator, dtype=dtype) * 2
    ids = torch.randperm(3 * b, generator=generator)[:b]
    others = torch.randint(3 * b - 1, (b, k), generator=generator)
    others += others >= ids[:, None]
    if repeated:
        others[0, 0], others[1, 0] = ids[2], ids[2]
    return positions, ids, others


def negatives_by_loops(positions, ids, others, i, temperature=1.0):
    """Similarities of a point to the points of all other pairs, except to itself."""
    ends = [end for j in range(len(ids)) if j != i for end in (int(ids[j]), *others[j].tolist())]
    return [
        (1 + float((positions[ids[i]] - positions[end]).square().sum())) ** (-1 / temperature)
        for end in ends
        if end != int(ids[i])
    ]


def by_loops(positions, ids, others, c=None, temperature=1.0):
    terms = []
    for i in range(len(ids)):
        negatives = negatives_by_loops(positions, ids, others, i, temperature)
        for end in others[i].tolist():
            positive = (1 + float((positions[ids[i]] - positions[end]).square().sum())) ** (-1 / temperature)
            one = [positive], [negatives]
            terms.append(info_nce_by_loops(*one) if c is None else noise_contrastive_by_loops(*one, c))
    return sum(terms) / len(terms)


@pytest.mark.parametrize("d", [1, 2, 5, 12])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("c", [None, 0.05, 1.0])
def test_loss_of_a_batch_is_that_of_plain_loops(d, k, c, monkeypatch):
    # several chunks of rows, of which the last is shorter
    monkeypatch.setitem(paradime.functional.contrastive._AT_ONCE, "cpu", 3 * 7 * (1 + k))
    positions, ids, others = batch(k=k, d=d)
    points = positions[ids], positions[others], ids, others
    if c is None:
        result = info_nce_of_batch(*points)
    else:
        result = noise_contrastive_of_batch(*points, torch.tensor(math.log(c)))
    assert float(result) == pytest.approx(by_loops(positions, ids, others, c), rel=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 2.0, 3.0])
@pytest.mark.parametrize("d", [2, 12])
def test_loss_and_gradients_of_a_batch_follow_the_temperature(temperature, d, monkeypatch):
    monkeypatch.setitem(paradime.functional.contrastive._AT_ONCE, "cpu", 3 * 7 * 3)
    positions, ids, others = batch(k=2, d=d)
    result = info_nce_of_batch(positions[ids], positions[others], ids, others, temperature)
    assert float(result) == pytest.approx(by_loops(positions, ids, others, temperature=temperature), rel=1e-6)
    anchors, neighbors = positions[ids].requires_grad_(), positions[others].requires_grad_()
    assert torch.autograd.gradcheck(
        lambda a, n: info_nce_of_batch(a, n, ids, others, temperature), (anchors, neighbors)
    )


@pytest.mark.parametrize("d", [1, 2, 12])
@pytest.mark.parametrize("k", [1, 3])
def test_gradients_of_a_batch_are_those_of_finite_differences(d, k, monkeypatch):
    monkeypatch.setitem(paradime.functional.contrastive._AT_ONCE, "cpu", 2 * 4 * (1 + k))
    positions, ids, others = batch(4, k, d)
    anchors, neighbors = positions[ids].requires_grad_(), positions[others].requires_grad_()
    assert torch.autograd.gradcheck(lambda a, n: info_nce_of_batch(a, n, ids, others), (anchors, neighbors))
    log_noise = torch.tensor(-0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda a, n, c: noise_contrastive_of_batch(a, n, ids, others, c), (anchors, neighbors, log_noise)
    )


def test_points_that_coincide_have_finite_gradients_and_repel_nothing():
    anchors = torch.ones(4, 2, requires_grad=True)
    neighbors = torch.ones(4, 1, 2, requires_grad=True)
    ids, others = torch.arange(4), torch.arange(4, 8)[:, None]
    for loss in (
        info_nce_of_batch(anchors, neighbors, ids, others),
        noise_contrastive_of_batch(anchors, neighbors, ids, others, torch.tensor(0.0)),
    ):
        gradients = torch.autograd.grad(loss, (anchors, neighbors))
        assert all((gradient == 0).all() for gradient in gradients)


@pytest.mark.parametrize("d", [2, 12])
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e5])
def test_loss_and_gradient_keep_their_precision_far_from_the_origin(offset, d):
    positions, ids, others = batch(30, d=d, dtype=torch.float32)
    result = []
    for moved in ((positions + offset), (positions + offset).double()):
        moved.requires_grad_()
        loss = info_nce_of_batch(moved[ids], moved[others], ids, others)
        loss.backward()
        result.append((float(loss.detach()), moved.grad))
    assert result[0][0] == pytest.approx(result[1][0], rel=1e-4)
    scale = float(result[1][1].abs().max())
    np.testing.assert_allclose(result[0][1], result[1][1], rtol=1e-2, atol=2e-3 * scale)


def test_a_batch_of_one_pair_has_no_negatives():
    anchors, neighbors = torch.zeros(1, 2), torch.ones(1, 1, 2)
    ids, others = torch.tensor([0]), torch.tensor([[1]])
    assert float(info_nce_of_batch(anchors, neighbors, ids, others)) == 0
    # the rest is the attraction, log(1 + c (1 + d²))
    result = noise_contrastive_of_batch(anchors, neighbors, ids, others, torch.tensor(0.0))
    assert float(result) == pytest.approx(math.log(4))

"""The contrastive loss on batches: values by loops, what is trained along, what is learned."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from paradime._registry import LOSSES
from paradime.data import Batch, ContrastivePairs, Dataset, NearMidFarPairs, NegSampledEdgeDataset
from paradime.dr import ParametricDR
from paradime.loss import AttractionLoss, ContrastiveLoss, RepulsionLoss, Trial
from paradime.relationdata import relation_factory
from paradime.relations import NeighborBasedPDist
from paradime.training import TrainingPhase
from paradime.transforms import ConnectivityBasedRescale, LocalScaling, Symmetrize

CPU = torch.device("cpu")
N = 20


def dataset():
    return Dataset(torch.randn(N, 3, generator=torch.Generator().manual_seed(0)))


def graph():
    dists = torch.cdist(dataset()["main"], dataset()["main"])
    return relation_factory((dists < dists.median()).float().fill_diagonal_(0))


def model():
    torch.manual_seed(0)
    return torch.nn.Linear(3, 2)


def batch_of(kind, size=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    if kind == "edges":
        return NegSampledEdgeDataset(dataset(), graph(), 3).sample(size, generator=generator)
    plan = ContrastivePairs() if kind == "pairs" else NearMidFarPairs(n_near=3, n_mid=2, n_far=4)
    return next(plan.make(dataset(), {"rel": graph()}, batch_size=size).epoch(generator))


def similarity(x, y, loss):
    if loss.similarity == "cosine":
        return math.exp(float(torch.nn.functional.cosine_similarity(x, y, dim=0)) / loss.temperature)
    return (1 + float((x - y).square().sum())) ** (-1 / loss.temperature)


def all_by_loops(loss, batch, noise=None):
    """All others of the batch as negatives, from the entries of the batch alone."""
    embedded = model()(dataset()["main"]).detach()
    wanted = batch["rel"] == 1
    rows, cols = batch["row"][wanted].tolist(), batch["col"][wanted].tolist()
    # anchors come with all their pairs one after another, and an edge is an anchor with one pair
    k = sum(batch._pairs.kinds.get(kind, 0) for kind in ("near", "mid"))
    groups = [(rows[i], cols[i : i + k]) for i in range(0, len(rows), k)]
    terms = []
    for i, (row, near) in enumerate(groups):
        ends = [end for j, (other, its) in enumerate(groups) if j != i for end in (other, *its) if end != row]
        negatives = [similarity(embedded[row], embedded[end], loss) for end in ends]
        for end in near:
            q = similarity(embedded[row], embedded[end], loss)
            if noise is None:
                terms.append(-math.log(q / (q + sum(negatives))))
            else:
                terms.append(-math.log(q / (q + noise)) - sum(math.log(noise / (p + noise)) for p in negatives))
    return sum(terms) / len(terms)


def value(loss, batch):
    return loss(model(), {}, {}, batch, CPU)


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.5}, {"similarity": "cosine", "temperature": 0.2}])
@pytest.mark.parametrize("kind", ["pairs", "edges", "near mid far"])
def test_info_nce_of_a_batch_is_that_of_loops(kind, settings):
    loss, batch = ContrastiveLoss(**settings), batch_of(kind)
    assert float(value(loss, batch).detach()) == pytest.approx(all_by_loops(loss, batch), rel=1e-4)


@pytest.mark.parametrize("spectrum", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("settings", [{}, {"similarity": "cosine", "temperature": 0.5}])
def test_negative_sampling_of_a_batch_is_that_of_loops_with_the_fixed_normaliser(settings, spectrum):
    loss, batch = ContrastiveLoss("negative sampling", spectrum=spectrum, **settings), batch_of("pairs")
    loss.check_setup(Trial(model(), {}, {}, Batch(dataset().rows([0, 1])), CPU, dataset()))
    m = 2 * (8 - 1)
    noise = (100 * m / (N - 1)) ** (1 - spectrum)
    assert float(value(loss, batch).detach()) == pytest.approx(all_by_loops(loss, batch, noise), rel=1e-4)


def test_few_negatives_are_ends_of_other_pairs_and_teach_the_same_on_average():
    everything = ContrastiveLoss("negative sampling", similarity="cosine")
    few = ContrastiveLoss("negative sampling", similarity="cosine", n_negatives=3)
    attraction, sums = 0.0, torch.zeros(2)
    for seed in range(300):
        batch = batch_of("pairs", seed=seed)
        ends = batch.encode_pairs(model(), None, "main", CPU)
        cosines = torch.nn.functional.cosine_similarity(*ends, dim=-1)
        attraction = torch.nn.functional.softplus(-cosines).mean()
        sums += torch.stack([value(loss, batch) - attraction for loss in (everything, few)]).detach()
    # the term of a negative is the same on average, and there are 14 or 3 of them
    assert float(sums[0] / 14) == pytest.approx(float(sums[1] / 3), rel=0.02)


def test_more_negatives_than_there_are_mean_all():
    batch = batch_of("pairs")
    assert torch.equal(value(ContrastiveLoss(n_negatives=1000), batch), value(ContrastiveLoss(), batch))


def test_losses_of_a_batch_are_deterministic():
    batch = batch_of("pairs")
    assert torch.equal(value(ContrastiveLoss(n_negatives=2), batch), value(ContrastiveLoss(n_negatives=2), batch))


@pytest.mark.parametrize("n_negatives", [None, 4])
@pytest.mark.parametrize("kind", ["infonce", "nce", "negative sampling"])
@pytest.mark.parametrize("similarity", ["cauchy", "cosine"])
def test_gradients_are_finite_where_all_points_coincide(kind, n_negatives, similarity):
    collapsed = model()
    torch.nn.init.zeros_(collapsed.weight)
    torch.nn.init.zeros_(collapsed.bias)
    loss = ContrastiveLoss(kind, n_negatives, similarity=similarity)
    loss(collapsed, {}, {}, batch_of("pairs"), CPU).backward()
    assert all(bool(p.grad.isfinite().all()) for p in (*collapsed.parameters(), *loss.parameters()))


@pytest.mark.parametrize("n_negatives", [None, 4])
def test_normaliser_has_the_gradient_of_finite_differences(n_negatives):
    loss, batch, step = ContrastiveLoss("nce", n_negatives), batch_of("pairs"), 1e-2
    value(loss, batch).backward()
    values = []
    for shift in (step, -2 * step):
        loss.log_normalizer.data += shift
        values.append(float(value(loss, batch).detach()))
    assert float(loss.log_normalizer.grad) == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-2)


def test_only_noise_contrastive_estimation_has_a_parameter():
    assert [len(list(ContrastiveLoss(kind).parameters())) for kind in ("infonce", "nce", "negative sampling")] == [
        0,
        1,
        0,
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "info nce"}, "unknown kind 'info nce'. Did you mean 'infonce'"),
        ({"similarity": "cosin"}, "unknown similarity 'cosin'. Did you mean 'cosine'"),
        ({"temperature": 0.0}, "temperature must be a positive number, got 0.0"),
        ({"n_negatives": 0}, "n_negatives must be an integer of at least 1, or None for all of the batch, got 0"),
        ({"spectrum": math.inf}, "spectrum must be a finite number, 0 for t-SNE, 1 for UMAP, got inf"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ContrastiveLoss(**settings)


def test_loss_is_known_by_its_name_and_needs_pairs():
    assert LOSSES["contrastive"] is ContrastiveLoss
    assert ContrastiveLoss().needs({}) == "pairs"


# -- attraction and repulsion ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "number", "term"),
    [
        (AttractionLoss(), 0, lambda d: d / (10 + d)),
        (AttractionLoss("mid"), 1, lambda d: d / (10_000 + d)),
        (AttractionLoss("mid", 3.0), 1, lambda d: d / (3 + d)),
        (RepulsionLoss(), 2, lambda d: 1 / (1 + d)),
        (RepulsionLoss("mid"), 1, lambda d: 1 / (1 + d)),
    ],
)
def test_losses_of_pairs_are_sums_over_the_pairs_of_a_point(loss, number, term):
    batch = batch_of("near mid far")
    embedded = model()(dataset()["main"]).detach()
    wanted = batch["kind"] == number
    shifted = (embedded[batch["row"][wanted]] - embedded[batch["col"][wanted]]).square().sum(dim=1) + 1
    assert float(value(loss, batch).detach()) == pytest.approx(float(term(shifted).sum()) / 8, rel=1e-5)


def test_edges_are_near_pairs_and_their_negatives_far_ones():
    batch = batch_of("edges")
    shifted = model()(batch["from_to_data"]).diff(dim=0)[0].square().sum(dim=1).detach() + 1
    near, far = shifted[batch["rel"] == 1], shifted[batch["rel"] == 0]
    assert float(value(AttractionLoss(), batch).detach()) == pytest.approx(float((near / (10 + near)).mean()))
    assert float(value(RepulsionLoss(), batch).detach()) == pytest.approx(3 * float((1 / (1 + far)).mean()))


def test_losses_of_mid_near_pairs_say_what_they_need():
    assert AttractionLoss("mid").needs({}) in NearMidFarPairs.provides
    assert RepulsionLoss("mid").needs({}) not in ContrastivePairs.provides
    assert AttractionLoss().needs({}) in ContrastivePairs.provides


def test_unknown_pairs_and_strengths_are_refused():
    with pytest.raises(ValueError, match=r"unknown kind of pairs 'far'\. "):
        AttractionLoss("far")
    with pytest.raises(ValueError, match=r"unknown kind of pairs 'near'\. "):
        RepulsionLoss("near")
    with pytest.raises(ValueError, match="strength must be a positive number, got 0"):
        AttractionLoss(strength=0)


# -- outcomes ------------------------------------------------------------------------------------------


def held_out_accuracy(routine, split):
    X, X_new, y, y_new = split
    codes = [routine.transform(part) for part in (X, X_new)]
    return KNeighborsClassifier(10).fit(codes[0], y).score(codes[1], y_new)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split((X / 16).astype(np.float32), y, random_state=0, stratify=y)


def routine_of(digits, losses, relations, phases):
    routine = ParametricDR(global_relations=relations, losses=losses, random_state=0)
    for phase in phases:
        routine.add_training_phase(phase)
    routine.train(digits[0])
    return routine


def test_contrastive_pairs_teach_the_digits(digits):
    neighbors = NeighborBasedPDist(transform=[ConnectivityBasedRescale(15), Symmetrize(subtract_product=True)])
    phase = TrainingPhase(epochs=15, batch_size=100, batches_per_epoch=80, sampling=ContrastivePairs())
    routine = routine_of(digits, ContrastiveLoss(), neighbors, [phase])
    assert held_out_accuracy(routine, digits) > 0.85


def test_normaliser_is_trained_along(digits):
    loss = ContrastiveLoss("nce", n_negatives=5)
    phase = TrainingPhase(epochs=5, batch_size=100, sampling=ContrastivePairs())
    before = float(loss.log_normalizer.detach())
    routine_of(digits, loss, NeighborBasedPDist(15), [phase])
    assert abs(float(loss.log_normalizer.detach()) - before) > 0.05


def test_three_stages_of_pacmap_teach_the_digits(digits):
    losses = {"near": AttractionLoss(), "mid": AttractionLoss("mid"), "far": RepulsionLoss()}
    phases = [
        TrainingPhase(
            epochs=epochs,
            batch_size=50,
            sampling=NearMidFarPairs(far="batch"),
            loss_keys=list(losses),
            loss_weights=weights,
        )
        for epochs, weights in ((5, (2, 100, 1)), (5, (3, 3, 1)), (15, (1, 0, 1)))
    ]
    routine = routine_of(digits, losses, NeighborBasedPDist(transform=LocalScaling()), phases)
    assert held_out_accuracy(routine, digits) > 0.85


def test_spectrum_trades_repulsion_for_attraction(digits):
    extents = []
    for spectrum in (-0.5, 1.5):
        phase = TrainingPhase(epochs=6, batch_size=50, batches_per_epoch=40, sampling=ContrastivePairs())
        loss = ContrastiveLoss("negative sampling", n_negatives=5, spectrum=spectrum)
        routine = routine_of(digits, loss, NeighborBasedPDist(15, transform=Symmetrize()), [phase])
        extents.append(float(routine.transform(digits[0]).std()))
    assert extents[0] > 1.5 * extents[1]

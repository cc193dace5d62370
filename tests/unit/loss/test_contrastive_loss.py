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
    few = ContrastiveLoss("negative sampling", similarity="cosine", n_negatives=4)
    encoder, terms = model(), []
    for seed in range(100):
        batch = batch_of("pairs", seed=seed)
        ends = batch.encode_pairs(encoder, None, "main", CPU)
        attraction = torch.nn.functional.softplus(-torch.nn.functional.cosine_similarity(*ends, dim=-1)).mean()
        # of one negative: there are 14 or 4 of them
        terms.append(
            [float((value(loss, batch) - attraction).detach() / n) for loss, n in ((everything, 14), (few, 4))]
        )
    of_all, of_few = np.transpose(terms)
    difference = of_few - of_all
    error = difference.std(ddof=1) / 10
    assert error < 0.02 * of_all.mean()
    assert abs(difference.mean()) < 5 * error


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


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split((X[:1000] / 16).astype(np.float32), y[:1000], random_state=0, stratify=y[:1000])


def routine_of(digits, losses, relations, phases, seed):
    routine = ParametricDR(global_relations=relations, losses=losses, random_state=seed)
    for phase in phases:
        routine.add_training_phase(phase)
    routine.train(digits[0])
    return routine


def held_out_accuracy(routine, split):
    X, X_new, y, y_new = split
    codes = [routine.embed(part).detach().numpy() for part in (X, X_new)]
    return KNeighborsClassifier(10).fit(codes[0], y).score(codes[1], y_new)


def test_contrastive_pairs_teach_the_digits(digits, outcome):
    neighbors = NeighborBasedPDist(transform=[ConnectivityBasedRescale(15), Symmetrize(subtract_product=True)])
    phase = TrainingPhase(epochs=10, batch_size=100, batches_per_epoch=40, sampling=ContrastivePairs())

    def measure(seed):
        routine = routine_of(digits, ContrastiveLoss(), neighbors, [phase], seed)
        return {"accuracy": held_out_accuracy(routine, digits)}

    outcome(measure, at_least={"accuracy": 0.75})


def test_normaliser_is_trained_along(digits, outcome):
    phase = TrainingPhase(epochs=5, batch_size=100, sampling=ContrastivePairs())

    def measure(seed):
        loss = ContrastiveLoss("nce", n_negatives=5)
        before = float(loss.log_normalizer.detach())
        routine_of(digits, loss, NeighborBasedPDist(15), [phase], seed)
        return {"change": abs(float(loss.log_normalizer.detach()) - before)}

    outcome(measure, seeds=2, at_least={"change": 0.01})


def test_three_stages_of_pacmap_teach_the_digits(digits, outcome):
    losses = {"near": AttractionLoss(), "mid": AttractionLoss("mid"), "far": RepulsionLoss()}
    phases = [
        TrainingPhase(
            epochs=epochs,
            batch_size=50,
            sampling=NearMidFarPairs(far="batch"),
            loss_keys=list(losses),
            loss_weights=weights,
        )
        for epochs, weights in ((5, (2, 100, 1)), (5, (3, 3, 1)), (10, (1, 0, 1)))
    ]

    def measure(seed):
        routine = routine_of(digits, losses, NeighborBasedPDist(transform=LocalScaling()), phases, seed)
        return {"accuracy": held_out_accuracy(routine, digits)}

    outcome(measure, seeds=2, at_least={"accuracy": 0.75})


def test_spectrum_trades_repulsion_for_attraction(digits, outcome):
    def extent(spectrum, seed):
        phase = TrainingPhase(epochs=5, batch_size=50, batches_per_epoch=30, sampling=ContrastivePairs())
        loss = ContrastiveLoss("negative sampling", n_negatives=5, spectrum=spectrum)
        routine = routine_of(digits, loss, NeighborBasedPDist(15, transform=Symmetrize()), [phase], seed)
        return float(routine.transform(digits[0]).std())

    outcome(lambda seed: {"ratio": extent(-0.5, seed) / extent(1.5, seed)}, seeds=2, at_least={"ratio": 1.15})

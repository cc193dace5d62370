"""What holds for every loss that guides an embedding."""

import copy
import inspect

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from paradime._registry import LOSS_FUNCTIONS, LOSSES
from paradime.data import Batch, Dataset, NegSampledEdgeDataset
from paradime.loss import (
    AnchorLoss,
    ClassificationLoss,
    CorrelationLoss,
    DensityLoss,
    GlobalStructureLoss,
    IndependenceLoss,
    PositionLoss,
    ReconstructionLoss,
    RegressionLoss,
    SmoothnessLoss,
    StressLoss,
    SupervisedContrastiveLoss,
    Trial,
    TripletLoss,
)
from paradime.models import Model
from paradime.relationdata import relation_factory

CPU = torch.device("cpu")
N = 30
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(N, 3)).astype(np.float32)
DATA = {
    "main": ROWS,
    "labels": np.where(np.arange(N) % 5 == 0, -1, np.arange(N) % 3),
    "value": ROWS[:, 0] + 0.1 * RNG.normal(size=N),
    "group": np.arange(N) % 2 * 7,
    "hour": np.arange(N),
    "radius": RNG.normal(size=N),
}
DATASET = Dataset(DATA)
SQUARE = np.exp(-((ROWS[:, None] - ROWS) ** 2).sum(-1)) * (1 - np.eye(N))
RELATIONS = {"rel": relation_factory(SQUARE), "sparse": relation_factory(SQUARE).to_sparse_array()}

GUIDING = {
    "correlation": lambda: CorrelationLoss("value"),
    "correlation of ranks": lambda: CorrelationLoss(2, 1, "rank", "negative"),
    "correlation to a level": lambda: CorrelationLoss("value", target=1.0),
    "independence": lambda: IndependenceLoss("group"),
    "independence of a number": lambda: IndependenceLoss("value"),
    "linear independence": lambda: IndependenceLoss("group", "correlation"),
    "triplet": lambda: TripletLoss(),
    "all triplets": lambda: TripletLoss(mining="all"),
    "hard triplets": lambda: TripletLoss(mining="hard"),
    "supervised contrastive": lambda: SupervisedContrastiveLoss(),
    "contrast by cosine": lambda: SupervisedContrastiveLoss(similarity="cosine"),
    "contrast by a target": lambda: SupervisedContrastiveLoss("value"),
    "smoothness": lambda: SmoothnessLoss("hour"),
    "smoothness on a graph": lambda: SmoothnessLoss(relation_key="rel"),
    "anchor": lambda: AnchorLoss(ROWS[:5] + 1, np.ones((5, 2))),
    "stress": lambda: StressLoss(),
    "stress of relations": lambda: StressLoss("cosine", "elastic", False, relation_key="rel"),
    "density": lambda: DensityLoss(),
    "global structure": lambda: GlobalStructureLoss("manhattan"),
    "regression": lambda: RegressionLoss(target_key="value", regression_method="predict"),
    "classification": lambda: ClassificationLoss(),
}
NEW = {
    "correlation",
    "independence",
    "triplet",
    "supervised contrastive",
    "smoothness",
    "anchor",
    "stress",
    "density",
    "global structure",
    "regression",
}


class Affine(Model):
    """Embeds, scores classes and predicts by one affine map."""

    def __init__(self, scale=1.0, shift=0.0):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.nn.Parameter(scale * torch.randn(3, 3, generator=generator))
        self.shift = torch.nn.Parameter(torch.full((3,), shift))

    def embed(self, X):
        return X @ self.weight[:, :2] + self.shift[:2]

    def classify(self, X):
        return X @ self.weight + self.shift

    def predict(self, X):
        return X @ self.weight[:, :1]


def value_and_gradients(loss, model, batch, relations=RELATIONS):
    value = loss(model, relations, {}, batch, CPU)
    value.backward()
    return value.item(), [p.grad for p in model.parameters() if p.grad is not None]


def check(loss, dataset=DATASET, model=None):
    batch = Batch(dataset.rows([0, 1]))
    loss.check_setup(Trial(model or Affine(), RELATIONS, {}, batch, CPU, dataset))


# -- registry and arguments ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(NEW))
def test_grammar_names_arguments_of_the_constructor_and_the_name_comes_last(name):
    kind = LOSSES[name]
    arguments = list(inspect.signature(kind).parameters)
    assert {a for names in kind.spec_arguments.values() for a in names} <= set(arguments)
    assert arguments[-1] == "name"
    assert all(f"        {argument}: " in kind.__doc__ for argument in arguments)


@pytest.mark.parametrize("name", GUIDING)
def test_arguments_are_kept_under_their_names_unchanged(name):
    given = inspect.signature(type(GUIDING[name]())).parameters
    sentinel = {
        "anchors": ROWS[:5].tolist(),
        "positions": ROWS[:5, :2].tolist(),
        "attribute": "value",
        "time_key": "hour",
        "data_key": "other",
    }
    arguments = {k: sentinel.get(k, p.default) for k, p in given.items() if k != "name"}
    loss = type(GUIDING[name]())(**arguments)
    assert all(getattr(loss, k) is v for k, v in arguments.items())


@pytest.mark.parametrize("kind", [PositionLoss, ReconstructionLoss, ClassificationLoss, RegressionLoss])
def test_no_loss_function_is_kept_as_none(kind):
    assert kind().loss_function is None


def test_loss_functions_for_numbers_are_known_by_name():
    found, wanted = torch.tensor([0.0, 3.0]), torch.tensor([0.0, 1.0])
    assert LOSS_FUNCTIONS["mae"](found, wanted).item() == 1
    assert LOSS_FUNCTIONS["huber"](found, wanted).item() == 0.75
    expected = (np.log(2) + np.log1p(np.exp(-3.0))) / 2
    assert LOSS_FUNCTIONS["bce"](found, wanted).item() == pytest.approx(expected)


# -- batches of every kind ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", GUIDING)
@pytest.mark.parametrize("size", [2, 3, 30])
def test_loss_of_a_batch_is_finite_and_teaches(name, size):
    model = Affine()
    value, gradients = value_and_gradients(GUIDING[name](), model, Batch(DATASET.rows(np.arange(size))))
    assert np.isfinite(value)
    assert all(g.isfinite().all() for g in gradients)
    if size == 30:
        assert sum(g.abs().sum().item() for g in gradients) > 0


@pytest.mark.parametrize("name", GUIDING)
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1e6])
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_constant_tiny_and_huge_embeddings_stay_finite(name, scale, shift):
    value, gradients = value_and_gradients(
        GUIDING[name](), Affine(scale, shift), Batch(DATASET.rows(np.arange(N)))
    )
    assert np.isfinite(value)
    assert all(g.isfinite().all() for g in gradients)


@pytest.mark.parametrize("name", GUIDING)
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1e6])
def test_duplicated_tiny_and_huge_data_stay_finite(name, scale):
    data = {k: v * scale if v.dtype.kind == "f" else v for k, v in DATA.items()}
    data["main"] = np.repeat(data["main"][::2], 2, axis=0) + np.arange(N)[:, None] * 1e-30
    data["main"][0] += scale + 1
    value, gradients = value_and_gradients(GUIDING[name](), Affine(), Batch(Dataset(data).rows(np.arange(N))))
    assert np.isfinite(value)
    assert all(g.isfinite().all() for g in gradients)


@pytest.mark.parametrize("name", GUIDING)
@pytest.mark.parametrize("static", [False, True])
def test_batches_of_edges_are_those_of_their_distinct_rows(name, static):
    edges = NegSampledEdgeDataset(DATASET, RELATIONS["rel"], 2)
    edges._static = static  # as on CUDA
    batch = edges.sample(6, generator=torch.Generator().manual_seed(0))
    rows = Batch(DATASET.rows(torch.cat((batch["row"], batch["col"])).unique()))
    expected = GUIDING[name]()(Affine(), RELATIONS, {}, rows, CPU)
    torch.testing.assert_close(GUIDING[name]()(Affine(), RELATIONS, {}, batch, CPU), expected)


@pytest.mark.parametrize("name", GUIDING)
def test_plain_dicts_are_batches_and_a_checked_loss_gives_the_same(name):
    batch = DATASET.rows(np.arange(12))
    first, second = GUIDING[name](), GUIDING[name]()
    check(second)
    expected = first(Affine(), RELATIONS, {}, batch, CPU)
    torch.testing.assert_close(second(Affine(), RELATIONS, {}, Batch(batch), CPU), expected)
    assert copy.deepcopy(second)(Affine(), RELATIONS, {}, batch, CPU) == expected


class NoWaiting(TorchDispatchMode):
    """Refuses what has a result that the host needs."""

    waiting = ("_local_scalar_dense", "nonzero", "unique", "masked_select", "is_nonzero", "equal.default")

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert not any(word in str(function) for word in self.waiting), f"{function} would wait for the device"
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", GUIDING)
def test_a_step_waits_for_nothing(name):
    loss, model, batch = GUIDING[name](), Affine(), Batch(DATASET.rows(np.arange(N)))
    check(loss)
    with NoWaiting():
        loss(model, RELATIONS, {}, batch, CPU).backward()

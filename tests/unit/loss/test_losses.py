import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from paradime._registry import LOSS_FUNCTIONS, LOSSES
from paradime.data import Batch, Dataset, NegSampledEdgeDataset
from paradime.exceptions import RelationsNotComputedError, UnsupportedConfigurationError
from paradime.loss import (
    ClassificationLoss,
    CompoundLoss,
    Loss,
    PositionLoss,
    ReconstructionLoss,
    RelationLoss,
    Trial,
    cross_entropy_loss,
    kullback_leibler_div,
)
from paradime.models import Model
from paradime.relationdata import relation_factory
from paradime.relations import DifferentiablePDist, DistsFromTo
from paradime.transforms import ModifiedCauchyTransform, Normalize, StudentTTransform, ToFlatTensor, ToSquareTensor

CPU = torch.device("cpu")
N = 10


class TwoHeads(Model):
    """Embeds, decodes and classifies; counts the calls."""

    def __init__(self):
        super().__init__()
        self.trunk, self.back, self.head = torch.nn.Linear(3, 2), torch.nn.Linear(2, 3), torch.nn.Linear(3, 4)
        self.calls = []

    def embed(self, X):
        self.calls.append("embed")
        return self.trunk(X)

    def decode(self, X):
        return self.back(X)

    def classify(self, X):
        return self.head(X)


@pytest.fixture
def model():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return TwoHeads()


def value(loss):
    return loss.detach().item()


def points(seed=0):
    return np.random.default_rng(seed).normal(size=(N, 3)).astype(np.float32)


def data():
    return {"main": points(), "pos": points(1)[:, :2], "labels": np.arange(N) % 4}


DATASET = Dataset(data())


def try_out(loss, model, global_relations, batch_relations, batch, dataset=None):
    loss.check_setup(Trial(model, global_relations, batch_relations, batch, CPU, dataset or DATASET))


def batch_of(*rows):
    return Batch(DATASET.rows(list(rows)))


def global_relations():
    kernel = np.exp(-squareform(pdist(points())))
    np.fill_diagonal(kernel, 0)
    return {"rel": relation_factory(kernel / kernel.sum())}


def embedding(model, batch):
    return model.trunk(batch["main"]).detach().numpy()


# -- losses against plain formulas --------------------------------------------------------------------


@pytest.mark.parametrize("normalize_sub", [True, False])
def test_relation_loss_compares_the_block_of_the_batch_with_its_embedding(model, normalize_sub):
    batch, relations = batch_of(7, 2, 5, 0), global_relations()
    found = DifferentiablePDist(transform=[StudentTTransform(1.0), Normalize(), ToSquareTensor()])
    loss = RelationLoss(kullback_leibler_div, normalize_sub=normalize_sub)
    p = relations["rel"].data[np.ix_([7, 2, 5, 0], [7, 2, 5, 0])]
    p = p / p.sum() if normalize_sub else p
    q = 1 / (1 + squareform(pdist(embedding(model, batch))) ** 2)
    np.fill_diagonal(q, 0)
    q /= q.sum()
    others = ~np.eye(4, dtype=bool)
    expected = (p[others] * (np.log(p[others] + 1e-7) - np.log(q[others] + 1e-7))).sum() / 4
    assert value(loss(model, relations, {"rel": found}, batch, CPU)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    "convert", ["to_sparse_array", "to_neighbor_tuple", "to_triangular_tensor", "to_square_tensor"]
)
def test_relation_loss_is_the_same_in_every_layout_of_the_global_relations(model, convert):
    loss, batch_relations = RelationLoss(torch.nn.MSELoss()), {"rel": DifferentiablePDist()}
    expected = loss(model, global_relations(), batch_relations, batch_of(1, 5, 3), CPU)
    converted = {"rel": getattr(global_relations()["rel"], convert)()}
    found = loss(model, converted, batch_relations, batch_of(1, 5, 3), CPU)
    assert value(found) == pytest.approx(value(expected), rel=1e-6)


def test_relation_loss_reads_the_keys_it_is_given(model):
    loss = RelationLoss(torch.nn.MSELoss(), "mine", "yours", embedding_method="forward")
    relations, within = {"mine": global_relations()["rel"]}, {"yours": DifferentiablePDist()}
    assert value(loss(model, relations, within, batch_of(0, 1), CPU)) > 0


def test_block_without_relations_stays_zero_when_normalised(model):
    relations = {"rel": relation_factory(np.zeros((N, N)))}
    seen = []

    def look(p, q):
        seen.append(p)
        return q.sum()

    RelationLoss(look)(model, relations, {"rel": DifferentiablePDist()}, batch_of(0, 1, 2), CPU)
    assert (seen[0] == 0).all()


def test_relation_loss_of_pairs_pulls_edges_and_pushes_negatives(model):
    ring = np.roll(np.eye(N), 1, axis=1)
    edges = NegSampledEdgeDataset(data(), relation_factory(ring + ring.T), neg_sampling_rate=3)
    batch = edges.sample(6, generator=torch.Generator().manual_seed(0))
    transform = ModifiedCauchyTransform(a=1.5, b=0.9)
    found = RelationLoss(cross_entropy_loss)(model, {}, {"rel": DistsFromTo(transform=transform)}, batch, CPU)
    ends = model.trunk(batch["from_to_data"]).detach().numpy()
    q = 1 / (1 + 1.5 * np.linalg.norm(ends[0] - ends[1], axis=1) ** 1.8)
    p = np.tile([1, 0, 0, 0], 6)
    expected = -np.mean(p * np.log(q + 1e-7) + (1 - p) * np.log(1 - q + 1e-7))
    assert value(found) == pytest.approx(expected, rel=1e-4)
    assert model.calls == ["embed"]


def test_position_loss_is_the_mean_squared_error_of_the_positions(model):
    batch = batch_of(3, 8, 1)
    expected = np.mean((embedding(model, batch) - batch["pos"].numpy()) ** 2)
    assert value(PositionLoss()(model, {}, {}, batch, CPU)) == pytest.approx(expected, rel=1e-5)


def test_classification_loss_is_the_cross_entropy_of_the_labels(model):
    batch = batch_of(3, 8, 1)
    scores = model.head(batch["main"]).detach().numpy()
    logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    expected = -np.mean(logs[np.arange(3), batch["labels"]])
    assert value(ClassificationLoss()(model, {}, {}, batch, CPU)) == pytest.approx(expected, rel=1e-5)


def test_reconstruction_loss_is_the_mean_squared_error_of_the_decoded_code(model):
    batch = batch_of(3, 8, 1)
    decoded = model.back(model.trunk(batch["main"])).detach().numpy()
    expected = np.mean((decoded - batch["main"].numpy()) ** 2)
    assert value(ReconstructionLoss()(model, {}, {}, batch, CPU)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", [PositionLoss, ClassificationLoss, ReconstructionLoss])
def test_another_loss_function_is_used(model, kind):
    loss = kind(lambda found, wanted: (found.sum() * 0) + 7)
    assert value(loss(model, {}, {}, batch_of(0, 1), CPU)) == 7


@pytest.mark.parametrize(
    "loss",
    [PositionLoss(), ClassificationLoss(), ReconstructionLoss(), RelationLoss(torch.nn.MSELoss())],
)
def test_plain_dict_of_tensors_is_a_batch_too(model, loss):
    batch = batch_of(4, 2, 6)
    args = model, global_relations(), {"rel": DifferentiablePDist()}
    expected = value(loss(*args, batch, CPU))
    assert value(loss(*args, dict(batch), CPU)) == expected


def test_losses_that_ask_for_the_same_embedding_share_one_encoding(model):
    within = {"rel": DifferentiablePDist()}
    total = CompoundLoss(
        [PositionLoss(), RelationLoss(torch.nn.MSELoss()), ReconstructionLoss(encoding_method="embed")]
    )
    total(model, global_relations(), within, batch_of(0, 1, 2), CPU)
    assert model.calls == ["embed"]


# -- what is checked before training ------------------------------------------------------------------


class Transposed(Model):
    def embed(self, X):
        return X[:1, :2]

    def classify(self, X):
        return X[:1]

    def decode(self, X):
        return X[:, :1]

    def encode(self, X):
        return X


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (PositionLoss(), r"embedding must have shape \(3, 2\), got \(1, 2\).*'pos'"),
        (RelationLoss(torch.nn.MSELoss()), r"must have shape \(3, any\), got \(1, 2\)"),
        (ClassificationLoss(), r"class scores must have shape \(3, any\), got \(1, 3\)"),
        (ReconstructionLoss(), r"reconstruction must have shape \(3, 3\), got \(3, 1\)"),
    ],
)
def test_output_of_the_wrong_shape_is_refused_with_both_shapes(loss, words):
    with pytest.raises(ValueError, match=words):
        try_out(loss, Transposed(), global_relations(), {"rel": DifferentiablePDist()}, batch_of(0, 1, 2))


def test_output_that_is_no_tensor_is_refused():
    class Pair(Model):
        def embed(self, X):
            return X, X

    with pytest.raises(ValueError, match="embedding must be a tensor, got tuple"):
        try_out(PositionLoss(), Pair(), {}, {}, batch_of(0, 1))


def test_labels_that_are_no_class_numbers_are_refused(model):
    halves = Dataset({**data(), "labels": np.arange(N) / 2})
    with pytest.raises(ValueError, match=r"labels 'labels' must be integers, got torch\.float32"):
        try_out(ClassificationLoss(), model, {}, {}, batch_of(0, 1), halves)


@pytest.mark.parametrize("outside", [-2, 4])
def test_labels_outside_the_scores_are_refused_wherever_they_stand(model, outside):
    labels = np.arange(N) % 4
    labels[-1] = outside
    dataset = Dataset({**data(), "labels": labels})
    with pytest.raises(
        ValueError, match=rf"lie in \[0, 4\).*got labels from {min(0, outside)} to {max(3, outside)}"
    ):
        try_out(ClassificationLoss(), model, {}, {}, batch_of(0, 1), dataset)
    ignoring = ClassificationLoss(torch.nn.CrossEntropyLoss(ignore_index=outside))
    try_out(ignoring, model, {}, {}, batch_of(0, 1), dataset)


def test_global_relations_that_are_not_there_are_named_with_a_suggestion(model):
    loss = RelationLoss(torch.nn.MSELoss(), "rle")
    with pytest.raises(RelationsNotComputedError, match=r"global relations 'rle'\. Did you mean 'rel'\?"):
        try_out(loss, model, global_relations(), {"rel": DifferentiablePDist()}, batch_of(0, 1))


def test_batch_relations_that_are_not_there_are_named_with_a_suggestion(model):
    loss = RelationLoss(torch.nn.MSELoss(), batch_relation_key="rle")
    arguments = model, global_relations(), {"rel": DifferentiablePDist()}, batch_of(0, 1), CPU
    for call in (lambda: try_out(loss, *arguments[:-1]), lambda: loss(*arguments)):
        with pytest.raises(UnsupportedConfigurationError, match=r"batch relations 'rle'\. Did you mean 'rel'\?"):
            call()


def test_relations_in_a_flat_layout_do_not_fit_a_square_block(model):
    flat = DifferentiablePDist(transform=ToFlatTensor())
    loss = RelationLoss(kullback_leibler_div)
    with pytest.raises(ValueError, match=r"got \(3, 3\) and \(3,\).*ToSquareTensor"):
        loss(model, global_relations(), {"rel": flat}, batch_of(0, 1, 2), CPU)


def test_a_setup_that_works_passes_the_check_and_leaves_no_trace(model):
    loss = CompoundLoss([PositionLoss(), ClassificationLoss(), RelationLoss(torch.nn.MSELoss())])
    try_out(loss, model, global_relations(), {"rel": DifferentiablePDist()}, batch_of(0, 1))
    loss.checkpoint()
    assert loss.history == [0.0]


def test_loss_needs_pairs_if_its_batch_relations_do():
    loss = RelationLoss(torch.nn.MSELoss())
    assert loss.needs({"rel": DistsFromTo()}) == "pairs"
    assert loss.needs({"rel": DifferentiablePDist()}) == "items"
    assert PositionLoss().needs({}) == "items"


# -- history ------------------------------------------------------------------------------------------


class Constant(Loss):
    """Gives what it is told to."""

    def __init__(self, value, name=None):
        super().__init__(name)
        self.value = value

    def forward(self, model, global_relations, batch_relations, batch, device):
        return torch.tensor(self.value) * batch["main"].sum()


ONE = Batch({"main": torch.ones(1)})


def run(loss, epochs=1, batches=1):
    for _ in range(epochs):
        for _ in range(batches):
            loss(None, {}, {}, ONE, CPU)
        loss.checkpoint()


def test_history_is_the_sum_over_the_batches_of_each_epoch():
    loss = Constant(2.0)
    run(loss, epochs=2, batches=3)
    run(loss, batches=1)
    assert loss.history == [6, 6, 2]


def test_epoch_without_batches_counts_zero():
    loss = Constant(2.0)
    loss.checkpoint()
    assert loss.history == [0]


def test_history_holds_no_graph():
    loss = Constant(2.0)
    value = loss(None, {}, {}, Batch({"main": torch.ones(1, requires_grad=True)}), CPU)
    assert value.requires_grad
    assert not loss._accumulated.requires_grad


def test_compound_loss_is_the_weighted_sum():
    loss = CompoundLoss([Constant(2.0), Constant(3.0)], weights=[10, 1])
    assert value(loss(None, {}, {}, ONE, CPU)) == 23
    assert value(CompoundLoss([Constant(2.0), Constant(3.0)])(None, {}, {}, ONE, CPU)) == 5
    assert value(CompoundLoss([Constant(2.0)], [3])(None, {}, {}, ONE, CPU)) == 6


def test_detailed_history_has_one_weighted_row_a_component():
    loss = CompoundLoss([Constant(2.0, "a"), Constant(3.0, "b")], weights=[10, 1])
    run(loss, epochs=2, batches=2)
    run(loss, batches=1)
    np.testing.assert_array_equal(loss.detailed_history(), [[40, 40, 20], [6, 6, 3]])
    assert loss.component_names() == ["a", "b"]
    assert loss.history == [46, 46, 23]
    np.testing.assert_allclose(loss.detailed_history().sum(axis=0), loss.history)


def test_compound_losses_nest():
    inner = CompoundLoss([Constant(2.0), Constant(3.0)], weights=[1, 2], name="inner")
    outer = CompoundLoss([inner, Constant(5.0)], weights=[10, 1])
    run(outer, epochs=2)
    assert outer.history == [85, 85]
    np.testing.assert_array_equal(outer.detailed_history(), [[80, 80], [5, 5]])
    np.testing.assert_array_equal(inner.detailed_history(), [[2, 2], [6, 6]])
    assert inner.history == [8, 8]


def test_loss_used_in_two_sums_keeps_a_history_in_each():
    shared = Constant(2.0, "shared")
    first, second = CompoundLoss([shared, Constant(1.0)], [10, 1]), CompoundLoss([shared], [100])
    run(first, epochs=3)
    run(second, epochs=1)
    np.testing.assert_array_equal(first.detailed_history(), [[20, 20, 20], [1, 1, 1]])
    np.testing.assert_array_equal(second.detailed_history(), [[200]])


def test_gradients_reach_the_model_and_parameters_of_losses(model):
    class Scaled(Loss):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(2.0))

        def forward(self, model, global_relations, batch_relations, batch, device):
            return self.scale * model.embed(batch["main"]).square().sum()

    loss = CompoundLoss([Scaled(), PositionLoss()])
    loss(model, {}, {}, batch_of(0, 1), CPU).backward()
    assert all(parameter.grad is not None for parameter in loss.parameters())
    assert len(list(loss.parameters())) == 1
    assert model.trunk.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("weights", [[1.0], [1, 2, 3], [1.0, float("nan")], [float("inf"), 1]])
def test_weights_that_do_not_fit_are_refused_with_the_components(weights):
    with pytest.raises(ValueError, match=r"one finite number per loss, got .* for 2 losses \['a', 'b'\]"):
        CompoundLoss([Constant(1.0, "a"), Constant(1.0, "b")], weights)


def test_compound_loss_without_components_is_refused():
    with pytest.raises(ValueError, match="at least one loss, got none"):
        CompoundLoss([])


def test_loss_without_forward_says_what_to_write():
    with pytest.raises(NotImplementedError, match=r"Loss has no forward\(\). Write it"):
        Loss()(None, {}, {}, ONE, CPU)


def test_loss_is_named_after_its_class_unless_told_otherwise():
    assert PositionLoss().name == "PositionLoss"
    assert PositionLoss(name="init").name == "init"


def test_grammar_knows_the_losses_and_their_functions():
    own = {"relation", "classification", "reconstruction", "position"}
    assert own <= set(LOSSES)
    found = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    assert value(LOSS_FUNCTIONS["mse"](found, torch.zeros(2, 2))) == pytest.approx(1.25)
    assert LOSS_FUNCTIONS["kl div"] is kullback_leibler_div
    assert LOSS_FUNCTIONS["umap cross entropy"] is cross_entropy_loss
    expected = torch.nn.CrossEntropyLoss()(found, torch.tensor([0, 1]))
    assert torch.equal(LOSS_FUNCTIONS["cross entropy"](found, torch.tensor([0, 1])), expected)

"""A fixed projection of wide rows is computed once, and changes nothing but the time."""

import pickle

import numpy as np
import pytest
import scipy.sparse
import torch
from sklearn.metrics.pairwise import haversine_distances

from paradime import ParametricContrastive, ParametricTSNE, ParametricUMAP
from paradime.data import Dataset
from paradime.data.batch import Batch
from paradime.data.pairs import batch_of_pairs
from paradime.functional import soft_clip, soft_clip_few
from paradime.loss import CorrelationLoss, Loss
from paradime.models import CenterModel, EmbeddingModel, InputScaling, projection_for
from paradime.utils.sparse import SparseRows

pytestmark = pytest.mark.usefixtures("few_first_steps")
N, WIDE = 120, 900
COUNTS = scipy.sparse.csr_array(scipy.sparse.random(N, WIDE, density=0.05, random_state=0, format="csr")) * 10
SHORT = {"random_state": 0, "hidden_dims": (20,)}


@pytest.fixture
def scaled_rows(monkeypatch):
    """Counts the rows that the first layer has processed."""
    seen = []
    for name in ("forward", "project"):
        real = getattr(InputScaling, name)

        def counted(self, X, real=real):
            # rows that are scaled already are not counted
            seen.append(0 if type(X) is not torch.Tensor else len(X))
            return real(self, X)

        monkeypatch.setattr(InputScaling, name, counted)
    return seen


@pytest.fixture
def repeated(monkeypatch):
    """Disables the precomputed projection."""

    def repeat():
        monkeypatch.setattr("paradime.data.dataset.projection_for", lambda model, rows: None)

    return repeat


@pytest.fixture
def model():
    made = CenterModel(WIDE, n_rows=N, n_centers=8)
    made.prepare(SparseRows(COUNTS), torch.Generator().manual_seed(0))
    return made


@pytest.mark.parametrize("X", [COUNTS, COUNTS.toarray()], ids=["sparse", "dense"])
@pytest.mark.parametrize(
    "routine",
    [
        ParametricContrastive(epochs=6, batch_size=30, **SHORT),
        ParametricUMAP(n_neighbors=10, epochs=6, batch_size=30, **SHORT),
        ParametricTSNE(refine=False, perplexity=5, epochs=6, batch_size=30, decoder=True, **SHORT),
    ],
    ids=lambda model: type(model).__name__,
)
def test_rows_are_projected_once_however_many_steps_there_are(routine, X, scaled_rows):
    routine.fit(X)
    # a sample for the centres, the projection, and a few rows for checks
    assert N < sum(scaled_rows) <= 2 * N + 30


def test_held_out_rows_are_projected_once_too(scaled_rows):
    made = ParametricContrastive(epochs=10, batch_size=30, validation_fraction=0.2, **SHORT).fit(COUNTS)
    assert len(made.history_) > 10
    # one projection for the loss and one for the neighbours, each
    assert sum(scaled_rows) <= 4 * N


def test_held_out_neighbours_are_measured_by_the_metric_of_the_training():
    rng = np.random.default_rng(0)
    places = np.stack([rng.uniform(-1.5, 1.5, 200), rng.uniform(-3, 3, 200)], axis=1)
    from paradime.relations import NeighborBasedPDist
    from paradime.training.validation import metric_of, nearest_training_rows

    assert metric_of({"rel": NeighborBasedPDist(5, metric="haversine")}) == "haversine"
    assert metric_of({"rel": NeighborBasedPDist(5, metric="l1")}) == "manhattan"
    assert metric_of({"rel": NeighborBasedPDist(5, metric="mahalanobis")}) == "euclidean"
    held_out, training = Dataset({"main": places[:20]}), Dataset({"main": places[20:]})
    near = nearest_training_rows(held_out, training, 3, data_key="main", metric="haversine")
    expected = haversine_distances(places[:20], places[20:]).argsort(axis=1)[:, :3]
    np.testing.assert_array_equal(near, expected)


def test_steps_are_those_that_repeat_the_projection(repeated):
    made = ParametricContrastive(epochs=2, init_epochs=1, batch_size=60, **SHORT)
    once = made.fit(COUNTS).transform(COUNTS)
    repeated()
    again = made.fit(COUNTS).transform(COUNTS)
    np.testing.assert_allclose(once, again, atol=1e-3 * np.ptp(again))


def test_a_loss_of_a_user_that_embeds_the_rows_itself_gets_the_same(repeated):
    class Size(Loss):
        def forward(self, model, global_relations, batch_relations, batch, device):
            rows = batch["main"].to(device)
            assert rows.shape[1:] == (WIDE,)
            return model.embed(rows).square().mean()

    losses = []
    for _ in range(2):
        made = ParametricContrastive(epochs=1, init_epochs=1, batch_size=60, **SHORT)
        made.add_loss("size", Size(), weight=0.5).add_loss("follow", CorrelationLoss(3), weight=0.5)
        losses.append(made.fit(COUNTS).history_[-1]["losses"])
        repeated()
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)


def test_nothing_is_kept_after_the_training(model):
    routine = ParametricContrastive(epochs=1, batch_size=60, **SHORT).fit(COUNTS)
    assert routine.dataset.projections == {}
    again = pickle.loads(pickle.dumps(routine))
    np.testing.assert_array_equal(again.transform(COUNTS), routine.transform(COUNTS))


def test_single_rows_and_many_are_embedded_alike_and_differentiably(model):
    rows = torch.from_numpy(COUNTS.toarray()).to(torch.float32)
    routine = ParametricContrastive(epochs=1, batch_size=60, **SHORT).fit(rows)
    together = routine.transform(rows)
    np.testing.assert_array_equal(np.vstack([routine.transform(rows[i : i + 1]) for i in range(5)]), together[:5])
    wanted = rows[:5].clone().requires_grad_()
    embedded = routine.embed(wanted)
    np.testing.assert_allclose(embedded.detach(), together[:5], atol=1e-5)
    embedded.sum().backward()
    assert wanted.grad.abs().max() > 0


def projected(model):
    dataset = Dataset({"main": COUNTS})
    dataset.project("main", model, {})
    return dataset


def batch_of(dataset, rows):
    indices = torch.as_tensor(rows)
    return Batch(dataset.rows(indices), projections=dataset.projections)


def test_batches_hand_the_projection_to_the_model_that_it_is_of_and_rows_to_others(model):
    dataset, rows, cpu = projected(model), [5, 3, 80], torch.device("cpu")
    expected = model(dataset["main"][rows].to(torch.float32))
    torch.testing.assert_close(batch_of(dataset, rows).encode(model, "embed", "main", cpu), expected)
    whole = EmbeddingModel(model)
    torch.testing.assert_close(batch_of(dataset, rows).encode(whole, "embed", "main", cpu), expected)
    other = torch.nn.Linear(WIDE, 2)
    assert batch_of(dataset, rows).encode(other, None, "main", cpu).shape == (3, 2)
    prepared_anew = CenterModel(WIDE, n_rows=N, n_centers=8)
    prepared_anew.prepare(dataset["main"])
    prepared_anew.load_state_dict(model.state_dict())
    torch.testing.assert_close(batch_of(dataset, rows).encode(prepared_anew, "embed", "main", cpu), expected)


def test_rows_that_a_loss_puts_into_a_batch_are_what_the_model_sees(model):
    dataset, cpu = projected(model), torch.device("cpu")
    batch = batch_of(dataset, [5, 3])
    batch["main"] = dataset["main"][[8, 9]].to(torch.float32)
    torch.testing.assert_close(batch.encode(model, "embed", "main", cpu), model(batch["main"]))
    batch = batch_of(dataset, [5, 3])
    batch["indices"] = torch.tensor([0, 1])
    torch.testing.assert_close(
        batch.encode(model, "embed", "main", cpu), model(dataset["main"][[5, 3]].to(torch.float32))
    )


@pytest.mark.parametrize("static", [False, True])
def test_pairs_are_encoded_from_the_projection(static, model):
    dataset, cpu = projected(model), torch.device("cpu")
    firsts, others = torch.tensor([4, 7]), torch.tensor([[1, 2, 3], [4, 4, 110]])
    batch = batch_of_pairs(dataset, firsts, others, {"near": 1, "far": 2}, static=static)
    result = batch.encode_pairs(model, "embed", "main", cpu)
    everyone = model(dataset["main"][:].to(torch.float32))
    expected = torch.stack((everyone[firsts.repeat_interleave(3)], everyone[others.reshape(-1)]))
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-4)


def test_a_projection_is_made_anew_for_other_rows_and_weights(model):
    dataset, projections = Dataset({"main": COUNTS}), {}
    dataset.project("main", model, projections)
    first = dataset.projections["main"]
    dataset.project("main", model, projections)
    assert dataset.projections["main"] is first
    model.prepare(dataset["main"])
    dataset.project("main", model, projections)
    assert dataset.projections["main"] is not first
    second = dataset.projections["main"]
    Dataset({"main": COUNTS * 2}).project("main", model, projections)
    assert projections["main"] is not second


def test_narrow_rows_and_other_models_have_no_projection():
    rows = torch.randn(30, 40)
    narrow = CenterModel(40, n_rows=30)
    narrow.prepare(rows)
    assert projection_for(narrow, rows) is None
    assert projection_for(torch.nn.Linear(WIDE, 2), SparseRows(COUNTS)) is None


def test_few_far_values_are_softly_clipped_as_all_are():
    generator = torch.Generator().manual_seed(0)
    X = 3 * torch.randn(50, 7, generator=generator, dtype=torch.float64)
    bounds = -torch.ones(7, dtype=torch.float64), torch.arange(7, dtype=torch.float64), torch.rand(7) + 0.5
    torch.testing.assert_close(soft_clip_few(X, *bounds), soft_clip(X, *bounds))
    infinite = torch.full((7,), torch.inf, dtype=torch.float64)
    torch.testing.assert_close(soft_clip_few(X, -infinite, infinite, torch.ones(7)), X)

"""The divergence from a sparse target is computed of its pairs alone, and is that of the full block."""

import numpy as np
import pytest
import scipy.sparse
import torch

from paradime.data import Batch
from paradime.dr import ParametricDR
from paradime.loss import RelationLoss, kullback_leibler_div
from paradime.relationdata import NeighborRelationTuple, SparseRelationArray
from paradime.relations import DifferentiablePDist, Precomputed, Relations
from paradime.transforms import Functional, Normalize, NormalizeRows, StudentTTransform, Symmetrize, ToSquareTensor

N = 40


def graph(seed=0, density=0.15):
    rng = np.random.default_rng(seed)
    matrix = rng.random((N, N)) * (rng.random((N, N)) < density)
    np.fill_diagonal(matrix, 0)
    return Normalize()(Symmetrize()(scipy.sparse.csr_array(matrix.astype(np.float32))))


def neighbor_graph():
    rng = np.random.default_rng(1)
    others = [rng.permutation(np.delete(np.arange(N), i))[:5] for i in range(N)]
    values = rng.random((N, 5)).astype(np.float32)
    return Normalize()(Symmetrize(subtract_product=True)(NeighborRelationTuple((np.stack(others), values))))


def with_diagonal():
    matrix = graph().data + 0.01 * scipy.sparse.eye_array(N, dtype=np.float32).tocsr()
    return Symmetrize()(scipy.sparse.csr_array(matrix))


T_SNE = [StudentTTransform(1.0), Normalize()]
BATCH_RELATIONS = {
    "square": [*T_SNE, ToSquareTensor()],
    "triangular": T_SNE,
    "not symmetric": [*T_SNE, NormalizeRows()],
    "trained along": [StudentTTransform(torch.tensor(2.5)), Normalize()],
    "function": [Functional(lambda dists: 1 / (1 + dists))],
}
GRAPHS = {
    "sparse": graph,
    "of neighbours": neighbor_graph,
    "with a diagonal": with_diagonal,
    "not symmetric": lambda: SparseRelationArray(scipy.sparse.triu(graph().data).tocsr()),
    "hardly any": lambda: graph(density=0.002),
    "none": lambda: graph(density=0),
}


def outcome(loss_function, relations, transforms, size, normalize_sub, dim=2):
    """Loss and gradient; a function around the divergence hides it, so that the full block is compared."""
    generator = torch.Generator().manual_seed(size)
    points = torch.randn(N, dim, generator=generator)
    indices = torch.randperm(N, generator=generator)[:size]
    model = torch.nn.Linear(dim, dim)
    torch.nn.init.eye_(model.weight)
    loss = RelationLoss(loss_function, normalize_sub=normalize_sub)
    batch = Batch({"main": points[indices], "indices": indices})
    batch_relations = {"rel": DifferentiablePDist(transform=transforms)}
    value = loss(model, {"rel": relations}, batch_relations, batch, torch.device("cpu"))
    value.backward()
    return value.detach(), model.weight.grad


@pytest.mark.parametrize("normalize_sub", [True, False])
@pytest.mark.parametrize("size", [2, 17, 18])
@pytest.mark.parametrize("transforms", BATCH_RELATIONS)
@pytest.mark.parametrize("kind", GRAPHS)
def test_loss_and_gradient_are_those_of_the_full_block(kind, transforms, size, normalize_sub):
    arguments = GRAPHS[kind](), BATCH_RELATIONS[transforms], size, normalize_sub
    found, gradient = outcome(kullback_leibler_div, *arguments)
    expected, expected_gradient = outcome(lambda p, q: kullback_leibler_div(p, q), *arguments)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-3, atol=1e-6)


def test_many_dimensions_give_the_same_as_few():
    arguments = graph(), BATCH_RELATIONS["square"], 18, True, 12
    found, gradient = outcome(kullback_leibler_div, *arguments)
    expected, expected_gradient = outcome(lambda p, q: kullback_leibler_div(p, q), *arguments)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("kind", ["sparse", "of neighbours"])
def test_symmetric_graphs_need_no_block(kind, monkeypatch):
    def refuse(self, indices):
        raise AssertionError("a dense block was made")

    monkeypatch.setattr(SparseRelationArray, "sub", refuse)
    value, _ = outcome(kullback_leibler_div, GRAPHS[kind](), BATCH_RELATIONS["square"], 18, True)
    assert float(value) > 0


@pytest.mark.parametrize("kind", GRAPHS)
def test_pairs_are_the_blocks_entries_once_or_are_not_offered(kind):
    relations = GRAPHS[kind]()
    indices = torch.randperm(N, generator=torch.Generator().manual_seed(0))[:15]
    stored = relations.sub_pairs(indices)
    if kind in ("with a diagonal", "not symmetric"):
        assert stored is None
        return
    rows, cols, values = stored
    block = torch.zeros(15, 15).index_put_((rows, cols), values, accumulate=True)
    torch.testing.assert_close(block + block.T, relations.sub(indices))
    assert len(rows) == int((relations.sub(indices) != 0).sum()) // 2


def test_batch_relations_of_another_number_of_points_are_refused():
    class Wrong(Relations):
        def compute_relations(self, X=None, **kwargs):
            return self.apply_transforms(torch.ones(3, 3))

    loss = RelationLoss(kullback_leibler_div)
    batch = Batch({"main": torch.ones(5, 2), "indices": torch.arange(5)})
    with pytest.raises(ValueError, match="must have the same shape"):
        loss(torch.nn.Linear(2, 2), {"rel": graph()}, {"rel": Wrong()}, batch, torch.device("cpu"))


@pytest.mark.parametrize("kind", GRAPHS)
def test_pairs_of_a_whole_pass_are_those_of_its_batches_one_by_one(kind):
    relations = GRAPHS[kind]()
    order = torch.randperm(N, generator=torch.Generator().manual_seed(1))
    batches = [order[:11], order[11:12], order[12:30]]  # some points are in none
    found = relations.sub_pairs_of(batches)
    expected = [relations.sub_pairs(batch) for batch in batches]
    if found is None:
        assert expected == [None, None, None]
        return
    for (rows, cols, values), (other_rows, other_cols, other_values) in zip(found, expected, strict=True):
        here, there = torch.argsort(N * rows + cols), torch.argsort(N * other_rows + other_cols)
        assert torch.equal(rows[here], other_rows[there])
        assert torch.equal(cols[here], other_cols[there])
        assert torch.equal(values[here], other_values[there])


def test_training_reads_a_pass_at_once_if_most_of_it_is_used_and_learns_the_same(monkeypatch):
    calls = {"sub_pairs": 0, "sub_pairs_of": 0}
    for name in calls:
        original = getattr(SparseRelationArray, name)

        def counting(self, rows, name=name, original=original):
            calls[name] += 1
            return original(self, rows)

        monkeypatch.setattr(SparseRelationArray, name, counting)

    def history():
        routine = ParametricDR(
            global_relations=Precomputed(graph().data, transform=Symmetrize()),
            batch_relations=DifferentiablePDist(transform=BATCH_RELATIONS["square"]),
            losses=RelationLoss(kullback_leibler_div),
            random_state=0,
        )
        routine.add_training_phase(epochs=2, batch_size=10)
        routine.add_training_phase(epochs=1, batch_size=10, batches_per_epoch=1)
        routine.train(torch.randn(N, 3, generator=torch.Generator().manual_seed(0)))
        return routine.training_phases[0].loss.history

    whole = history()
    assert calls == {"sub_pairs": 1, "sub_pairs_of": 2}
    monkeypatch.setattr(SparseRelationArray, "sub_pairs_of", lambda self, batches: None)
    assert history() == pytest.approx(whole, rel=1e-5)

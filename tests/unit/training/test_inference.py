"""What becomes of a row does not depend on the rows beside it."""

import copy

import numpy as np
import pytest
import scipy.sparse
import torch

from paradime.models import (
    CenterModel,
    ConvolutionalModel,
    EmbeddingModel,
    FullyConnected,
    FullyConnectedDecoder,
    FullyConnectedEmbeddingModel,
    in_double_precision,
    resolve_method,
)
from paradime.training import apply_to_rows
from paradime.utils.sparse import SparseRows

CPU = torch.device("cpu")
N = 300


def rows_of(dim):
    return 3 * torch.rand(N, dim, generator=torch.Generator().manual_seed(0))


def with_centers(dim, n_rows):
    model = CenterModel(dim, n_rows=n_rows)
    model.prepare(rows_of(dim), torch.Generator().manual_seed(0))
    return model


def with_parts(dim):
    encoder = FullyConnectedEmbeddingModel(dim, 2, (100, 50), normalization="batch", dropout=0.1)
    return EmbeddingModel(encoder, FullyConnectedDecoder(2, (dim,)), FullyConnected(2, 3))


def of_layers(dim):
    return torch.nn.Sequential(torch.nn.Linear(dim, 33), torch.nn.Tanh(), torch.nn.Linear(33, 1))


# in single precision, the last bits that these models compute differ by the place in the batch
MODELS = {
    "one dimension": (lambda: FullyConnectedEmbeddingModel(3, 1, activation="silu"), 3, None),
    "two dimensions": (lambda: FullyConnectedEmbeddingModel(10, 2), 10, "embed"),
    "centers": (lambda: with_centers(10, 500), 10, "embed"),
    "more centres": (lambda: with_centers(7, 9000), 7, "encode"),
    "convolutions": (lambda: ConvolutionalModel((8, 8)), 64, "embed"),
    "layers of torch": (lambda: of_layers(5), 5, "embed"),
    "classifier": (lambda: with_parts(6), 6, "classify"),
    "decoder": (lambda: with_parts(2), 2, "decode"),
}


@pytest.fixture(params=MODELS)
def case(request):
    """A model, rows for it, and the method that takes them."""
    make, dim, method = MODELS[request.param]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make().train(), rows_of(dim), method


def assert_same_rows(found, expected):
    # a sum next to the middle between two numbers may be rounded either way, which happens once in millions
    torch.testing.assert_close(found, expected, rtol=2e-7, atol=0)
    assert (found != expected).float().mean() < 1e-3


@pytest.mark.parametrize("threads", [1, 2])
def test_row_is_the_same_in_any_batch(case, threads):
    torch.set_num_threads(threads)
    model, rows, method = case
    together = apply_to_rows(model, rows, method, CPU)
    order = torch.randperm(N, generator=torch.Generator().manual_seed(1))
    assert_same_rows(apply_to_rows(model, rows[order], method, CPU), together[order])
    for size in (1, 2, 7, 16, 33):
        n = min(N, 16 * size)
        parts = [apply_to_rows(model, part, method, CPU) for part in rows[:n].split(size)]
        assert_same_rows(torch.cat(parts), together[:n])


def test_values_are_those_of_the_model_to_single_precision(case):
    model, rows, method = case
    found = apply_to_rows(model, rows, method, CPU)
    with torch.no_grad():
        expected = resolve_method(model.eval(), method)(rows)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_model_stays_as_it_was(case):
    model, rows, method = case
    before, modes = copy.deepcopy(model.state_dict()), [part.training for part in model.modules()]
    apply_to_rows(model, rows, method, CPU)
    assert [part.training for part in model.modules()] == modes
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_gradients_flow_to_the_weights_and_the_rows(case):
    model, rows, method = case
    rows = rows.clone().requires_grad_()
    found = apply_to_rows(model, rows, method, CPU, gradients=True)
    assert torch.equal(found.detach(), apply_to_rows(model, rows.detach(), method, CPU))
    found.sum().backward()
    assert rows.grad.dtype == torch.float32
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_no_gradients_are_kept_unless_asked_for(case):
    model, rows, method = case
    found = apply_to_rows(model, rows.clone().requires_grad_(), method, CPU)
    assert not found.requires_grad
    assert not found.is_inference()


def test_large_data_are_embedded_in_chunks():
    model = FullyConnectedEmbeddingModel(10, 2)
    rows = torch.rand(2500, 10)
    together = apply_to_rows(model, rows, "embed", CPU)
    assert_same_rows(torch.cat([apply_to_rows(model, part, "embed", CPU) for part in rows.split(999)]), together)


def test_sparse_rows_are_embedded_as_dense_ones():
    model, rows = with_centers(10, 500), rows_of(10)
    rows = rows * (rows > 2)
    sparse = SparseRows(scipy.sparse.csr_array(rows.numpy()))
    assert_same_rows(apply_to_rows(model, sparse, "embed", CPU), apply_to_rows(model, rows, "embed", CPU))


def test_device_without_double_precision_leaves_it_to_the_cpu():
    model, rows = FullyConnectedEmbeddingModel(10, 2), rows_of(10)
    found = apply_to_rows(model, rows, "embed", torch.device("mps"))
    assert torch.equal(found, apply_to_rows(model, rows, "embed", CPU))


class Seeing(torch.nn.Linear):
    """A class of a user's, which tells what it gets."""

    def forward(self, X):
        self.seen = X.dtype, self.training
        return super().forward(X)


def test_model_of_another_class_is_called_as_it_is():
    model, rows = Seeing(3, 2), rows_of(3)
    found = apply_to_rows(model, rows, None, CPU)
    assert model.seen == (torch.float32, False)
    assert model.training
    np.testing.assert_allclose(found, model(rows).detach(), rtol=1e-5)


@pytest.mark.parametrize(
    "model",
    [Seeing(3, 2), torch.nn.Sequential(Seeing(3, 2)), EmbeddingModel(Seeing(3, 2)), torch.nn.RNN(3, 2)],
    ids=lambda model: type(model).__name__,
)
def test_foreign_parts_are_not_copied(model):
    assert in_double_precision(model, CPU) is None


def test_model_whose_method_was_replaced_is_called_as_it_is():
    model, rows = FullyConnectedEmbeddingModel(3, 2), rows_of(3)
    model.embed = lambda X: X[:, :2].float()
    assert in_double_precision(model, CPU) is None
    assert torch.equal(apply_to_rows(model, rows, "embed", CPU), rows[:, :2])


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_model_of_another_precision_embeds_rows_of_single_precision(dtype):
    model = FullyConnectedEmbeddingModel(3, 2).to(dtype)
    assert apply_to_rows(model, rows_of(3), "embed", CPU).shape == (N, 2)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_rows_get_the_same_results_whatever_the_number_of_threads(sparse):
    X = torch.randn(5000, 4, generator=torch.Generator().manual_seed(0))
    rows = SparseRows(scipy.sparse.csr_array(X.numpy())) if sparse else X
    model, before = FullyConnectedEmbeddingModel(4, 2), torch.get_num_threads()
    found = []
    for n_threads in (1, 3):
        torch.set_num_threads(n_threads)
        found.append(apply_to_rows(model, rows, "embed", CPU))
        torch.set_num_threads(before)
    assert torch.equal(*found)


def test_hooks_of_a_model_see_the_rows_in_order():
    X = torch.arange(5000.0)[:, None]
    model, before, seen = torch.nn.Sequential(torch.nn.Linear(1, 2)), torch.get_num_threads(), []
    model[0].register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    torch.set_num_threads(3)
    apply_to_rows(model, X, None, CPU)
    torch.set_num_threads(before)
    assert torch.equal(torch.cat(seen), X.double())

"""Parts of a computation run in threads of their own, on one thread of torch each."""

import contextvars
import threading
import warnings

import pytest
import torch

from paradime.functional.calibration import connectivity_weights, perplexity_weights
from paradime.neighbors.blocks import BlocksBackend
from paradime.neighbors.exact import ExactBackend
from paradime.utils.parallel import parallel_map, part_size

CPU = torch.device("cpu")


def in_parallel(function, parts, device):
    with parallel_map(len(parts), device) as apply:
        return list(apply(function, parts))


def with_threads(n_threads, function):
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        return function()
    finally:
        torch.set_num_threads(before)


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_every_part_is_computed_once_on_one_thread_of_torch(three_threads):
    parts, n_threads = [], set()

    def compute(part):
        parts.append(part)
        n_threads.add(torch.get_num_threads())

    def double(part):
        compute(part)
        return 2 * part

    assert in_parallel(double, range(20), CPU) == list(range(0, 40, 2))
    assert sorted(parts) == list(range(20))
    assert n_threads == {1}
    assert torch.get_num_threads() == 3


def test_parts_are_computed_at_the_same_time(three_threads):
    together = threading.Barrier(3, timeout=60)  # is broken unless three threads meet
    in_parallel(lambda part: together.wait(), range(3), CPU)


@pytest.mark.parametrize(("n_threads", "n_parts"), [(1, 5), (3, 1)], ids=["one thread", "one part"])
def test_the_callers_thread_computes_where_there_is_nothing_to_share(n_threads, n_parts):
    found = set()

    def compute(part):
        found.add((threading.get_ident(), torch.get_num_threads()))

    with_threads(n_threads, lambda: in_parallel(compute, range(n_parts), CPU))
    assert found == {(threading.get_ident(), n_threads)}


def test_an_error_is_raised_and_threads_are_restored(three_threads):
    def fail(part):
        raise ZeroDivisionError(str(part))

    with pytest.raises(ZeroDivisionError, match="0"):
        in_parallel(fail, range(100), CPU)
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_modes_and_context_of_the_caller_hold_in_all_parts(mode, three_threads):
    variable = contextvars.ContextVar("variable")
    variable.set("set")
    found = set()

    def compute(part):
        found.add((torch.is_grad_enabled(), torch.is_inference_mode_enabled(), variable.get(None)))

    with mode():
        in_parallel(compute, range(6), CPU)
        assert found == {(torch.is_grad_enabled(), torch.is_inference_mode_enabled(), "set")}


def test_a_warning_of_a_part_reaches_the_caller(three_threads):
    with pytest.warns(UserWarning, match="of a part"):
        in_parallel(lambda part: warnings.warn("of a part", stacklevel=2), range(3), CPU)


def test_blocks_of_all_threads_have_the_size_of_one():
    assert with_threads(1, lambda: part_size(1 << 22, CPU)) == 1 << 22
    assert with_threads(2, lambda: part_size(1 << 22, CPU)) == 1 << 21
    assert with_threads(64, lambda: part_size(1 << 22, CPU)) > 1 << 16  # a part that is worth the calls
    assert with_threads(64, lambda: part_size(1000, CPU)) == 1000
    assert with_threads(64, lambda: part_size(1 << 22, torch.device("cuda"))) == 1 << 22


@pytest.mark.parametrize("columns", [5, 200])
def test_exact_neighbors_do_not_depend_on_the_number_of_threads(columns):
    X = torch.randn(3000, columns, generator=torch.Generator().manual_seed(0))
    one, three = (with_threads(n, lambda: ExactBackend().search(X, 10, metric="euclidean")) for n in (1, 3))
    assert torch.equal(one[0], three[0])
    torch.testing.assert_close(one[1], three[1], rtol=1e-5, atol=0)


def test_approximate_neighbors_hardly_depend_on_the_number_of_threads():
    X = torch.randn(3000, 200, generator=torch.Generator().manual_seed(0))
    one, three = (with_threads(n, lambda: BlocksBackend().search(X, 10, metric="euclidean")) for n in (1, 3))
    assert (one[0] == three[0]).float().mean() > 0.98


@pytest.mark.parametrize("calibrate", [perplexity_weights, connectivity_weights])
def test_calibration_does_not_depend_on_the_number_of_threads(calibrate):
    dists = torch.rand(2000, 30, generator=torch.Generator().manual_seed(0)).sort(dim=1).values
    found = [with_threads(n, lambda: calibrate(dists, 10.0)) for n in (1, 3)]
    for one, three in zip(*found, strict=True):
        torch.testing.assert_close(one, three, rtol=1e-3, atol=1e-6)

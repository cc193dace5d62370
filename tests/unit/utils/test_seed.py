import random

import numpy as np
import pytest
import torch

from paradime.utils.seed import generator_of, seed_all, seeded


@pytest.fixture(autouse=True)
def restored():
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    torch.set_rng_state(states[2])


def draw():
    return random.random(), np.random.random(), torch.rand(1).item()  # noqa: NPY002


def test_seed_governs_python_numpy_and_torch():
    seed_all(7)
    first = draw()
    assert all(a != b for a, b in zip(draw(), first, strict=True))
    seed_all(7)
    assert draw() == first
    seed_all(8)
    assert all(a != b for a, b in zip(draw(), first, strict=True))


def test_generator_that_is_returned_is_torchs_global_one():
    generator = seed_all(3)
    first = torch.rand(2, generator=generator)
    seed_all(3)
    assert torch.equal(torch.rand(2), first)


def test_block_is_seeded_and_the_global_generator_goes_on_as_if_nothing_had_been():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    with seeded(5):
        first = torch.nn.Linear(3, 2).weight
    assert torch.equal(torch.rand(1), expected)
    with seeded(5):
        assert torch.equal(torch.nn.Linear(3, 2).weight, first)


def test_global_generator_is_restored_after_an_error():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    with pytest.raises(RuntimeError, match="shape"), seeded(5):
        torch.rand(3).view(2)
    assert torch.equal(torch.rand(1), expected)


def test_no_seed_leaves_the_global_generator_in_charge():
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    with seeded(None):
        assert torch.equal(torch.rand(2), expected)


def test_only_the_device_that_is_trained_on_is_seeded(monkeypatch):
    # its state is restored; that of other devices would stay changed, and what is queued for them would pile up
    called = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", called.append)
    monkeypatch.setattr(torch.cuda, "manual_seed", called.append)
    with seeded(5, torch.device("cpu")):
        assert torch.initial_seed() == 5
    assert called == []


def test_a_generator_of_numpy_goes_on_where_it_is():
    given = np.random.default_rng(0)
    assert generator_of(given) is given


def test_equal_seeds_make_equal_generators_and_none_other_ones():
    assert generator_of(5).integers(2**62) == generator_of(np.int64(5)).integers(2**62)
    assert generator_of(None).integers(2**62) != generator_of(None).integers(2**62)

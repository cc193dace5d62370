"""Small steps compute on one thread, whatever the machine does; large ones keep the threads of the user."""

import numpy as np
import pytest
import torch

from paradime import ParametricMDS, ParametricTSNE
from paradime.refinement import FreePositions
from paradime.training import Callback
from paradime.training.execution import StepThreads, work_per_row

pytestmark = pytest.mark.usefixtures("few_first_steps")

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


class Threads(Callback):
    def __init__(self):
        self.in_steps, self.between = set(), set()

    def on_batch_end(self, state):
        self.in_steps.add(torch.get_num_threads())

    def on_epoch_end(self, state):
        self.between.add(torch.get_num_threads())


@pytest.mark.parametrize(("hidden_dims", "n_threads"), [((10,), 1), ((2000, 2000), 3)], ids=["small", "large"])
def test_steps_of_a_training_have_threads_by_their_size(hidden_dims, n_threads):
    threads = Threads()
    X = np.random.default_rng(0).normal(size=(60, 4))
    ParametricMDS(epochs=1, init_epochs=1, hidden_dims=hidden_dims, callbacks=[threads], random_state=0).fit(X)
    assert threads.in_steps == {n_threads}
    assert threads.between == {3}
    assert torch.get_num_threads() == 3


def test_positions_of_few_rows_are_refined_on_one_thread(monkeypatch):
    in_steps, step = set(), FreePositions.step

    def watched(positions):
        in_steps.add(torch.get_num_threads())
        return step(positions)

    monkeypatch.setattr(FreePositions, "step", watched)
    X = np.random.default_rng(0).normal(size=(100, 4))
    ParametricTSNE(refine=True, epochs=1, init_epochs=1, perplexity=10, random_state=0).fit(X)
    assert in_steps == {1}
    assert torch.get_num_threads() == 3


def test_the_number_of_threads_is_restored_after_an_error():
    def fail():
        with StepThreads(CPU, 10) as threads:
            threads.choose(1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert torch.get_num_threads() == 3


def test_steps_on_another_device_and_of_unknown_work_keep_all_threads():
    for device, work in (
        (torch.device("cuda"), 10),
        (CPU, work_per_row(torch.nn.Conv1d(1, 1, 3), torch.ones(5, 9))),
    ):
        with StepThreads(device, work) as threads:
            threads.choose(1)
            assert torch.get_num_threads() == 3

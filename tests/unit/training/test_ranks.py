"""Several processes that train one model: each encodes a share of every batch, and all take the same steps."""

import multiprocessing
import signal
import textwrap
import warnings

import numpy as np
import pytest
import torch

from paradime.exceptions import RankLostError
from paradime.models import CenterModel
from paradime.neighbors import nearest_neighbors
from paradime.training import find_checkpoint
from paradime.training.sharing import encoding_shares
from paradime.utils.ranks import Ranks, current_ranks, together

N = 301  # a share has one row more than the other

JOIN = """
torch.distributed.init_process_group("gloo", init_method="file://" + str(group), rank=rank, world_size=2)
try:
    result = run()
except Exception as error:
    result = type(error).__name__ + ": " + str(error)
sender.send(result)
"""


@pytest.fixture
def on_two(forked, tmp_path):
    """Runs a function, defined as ``run()`` by code, in two processes; returns what it returns in each."""
    started = []

    def start(code, **names):
        processes, receivers = [], []
        for rank in range(2):
            receiver, sender = multiprocessing.Pipe(duplex=False)
            named = {**names, "rank": rank, "group": tmp_path / f"group-{len(started)}", "sender": sender}
            processes.append(forked(textwrap.dedent(code) + JOIN, **named))
            receivers.append(receiver)
        started.extend(processes)
        return processes, receivers

    def run(code, **names):
        processes, receivers = start(code, **names)
        results = [receiver.recv() if receiver.poll(120) else "no answer" for receiver in receivers]
        for process in processes:
            process.join(30)
        return results

    run.start = start
    yield run
    for process in started:
        process.kill()


METHODS = """
import numpy as np, torch, paradime
from paradime.training import Callback

class FirstGradient(Callback):
    def __init__(self): self.value = None
    def on_batch_end(self, state):
        if self.value is None:
            gradients = [p.grad.flatten() for p in state.model.parameters() if p.grad is not None]
            self.value = torch.cat(gradients).numpy().copy()

class Composed:
    def __new__(cls, **settings):
        from paradime import loss, relations
        class Stretch(loss.Loss):
            # how much the embedding changes with the rows: a gradient by the rows within a loss
            def forward(self, model, global_relations, batch_relations, batch, device):
                rows = batch["main"].clone().requires_grad_(True)
                embedded = model.embed(rows)
                (slopes,) = torch.autograd.grad(embedded.square().sum(), rows, create_graph=True)
                return slopes.square().sum() / len(rows) + 1e-3 * sum(p.square().sum() for p in model.parameters())
        routine = paradime.ParametricDR(hidden_dims=(20,), losses=Stretch(), random_state=0)
        routine.add_training_phase(epochs=1, batch_size=100)
        return routine

def routines():
    common = {"epochs": 3, "initialization": None, "hidden_dims": (20,), "random_state": 0}
    names = ["UMAP", "TSNE", "MDS", "Contrastive", "PaCMAP", "LargeVis", "Autoencoder"]
    made = {name: getattr(paradime, "Parametric" + name)(**common) for name in names}
    made["blocks"] = paradime.ParametricTSNE(objective="blocks", **common)
    made["decoder"] = paradime.ParametricUMAP(decoder=True, classifier=True, density=True, structure=True, **common)
    made["composed"] = Composed()
    return made

def run():
    gradients = {}
    for name, routine in routines().items():
        first = FirstGradient()
        targets = {"y": y} if name == "decoder" else {}
        routine.fit(X, callbacks=[first], **targets)
        gradients[name] = first.value
    return gradients
"""


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(N, 6)).astype("float32")


def test_gradients_of_two_processes_are_those_of_one(on_two, X):
    y, names = np.arange(N) % 3, {}
    exec(METHODS, names)  # noqa: S102  the same code as in the processes
    names.update(X=X, y=y)
    alone = names["run"]()
    for gradients in on_two(METHODS, X=X, y=y):
        assert isinstance(gradients, dict), gradients
        assert gradients.keys() == alone.keys()
        for name, gradient in gradients.items():
            largest = np.abs(alone[name]).max()
            assert np.abs(gradient - alone[name]).max() <= 1e-6 * largest, name

"""Several processes that train one model: each encodes a share of every batch, and all take the same steps."""

import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

import paradime
from paradime.exceptions import RankLostError
from paradime.models import CenterModel
from paradime.neighbors import nearest_neighbors
from paradime.training import Checkpoints, find_checkpoint
from paradime.training.sharing import encoding_shares
from paradime.utils.ranks import Ranks, current_ranks, together

N = 301  # a share has one row more than the other

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
                decay = sum(p.square().sum() for p in model.parameters())
                return slopes.square().sum() / len(rows) + 1e-3 * decay
        routine = paradime.ParametricDR(hidden_dims=(20,), losses=Stretch(), random_state=0)
        routine.add_training_phase(epochs=1, batch_size=100)
        return routine

def routines():
    common = {"epochs": 3, "initialization": None, "hidden_dims": (20,), "random_state": 0}
    names = ["UMAP", "TSNE", "MDS", "Contrastive", "PaCMAP", "LargeVis", "Autoencoder"]
    made = {name: getattr(paradime, "Parametric" + name)(**common) for name in names}
    made["blocks"] = paradime.ParametricTSNE(objective="blocks", **common)
    further = {name: True for name in ("decoder", "classifier", "density", "structure")}
    made["decoder"] = paradime.ParametricUMAP(**further, **common)
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
    exec(METHODS, names)
    names.update(X=X, y=y)
    alone = names["run"]()
    for gradients in on_two(METHODS, X=X, y=y):
        assert isinstance(gradients, dict), gradients
        assert gradients.keys() == alone.keys()
        for name, gradient in gradients.items():
            largest = np.abs(alone[name]).max()
            assert np.abs(gradient - alone[name]).max() <= 1e-6 * largest, name


def assert_same_map(positions, others):
    """Sums of two processes round otherwise; without a gradient, the map's origin then drifts."""
    centered = (one - one.mean(axis=0) for one in (positions, others))
    np.testing.assert_allclose(*centered, atol=1e-2 * others.std())


FIT = """
import numpy as np, paradime
from paradime.training import Callback

class Count(Callback):
    def __init__(self): self.steps = 0
    def on_batch_end(self, state): self.steps += 1

class Write(Count):
    on_all_ranks = False

def run():
    calls = [Count(), Write()]
    routine = paradime.ParametricUMAP(**settings).fit(X, callbacks=calls)
    weights = torch.cat([p.detach().flatten() for p in routine.model.parameters()]).numpy()
    return weights, routine.transform(X), [one.steps for one in calls]
"""

SETTINGS = {"epochs": 2, "batch_size": 64, "hidden_dims": (20,)}


def test_both_processes_learn_the_same_weights_with_and_without_a_seed(on_two, X):
    for random_state in (0, None):
        first, second = on_two(FIT, X=X, settings={**SETTINGS, "random_state": random_state})
        for of_first, of_second in zip(first[:2], second[:2], strict=True):
            np.testing.assert_array_equal(of_first, of_second)


def test_only_the_first_process_calls_callbacks_that_write(on_two, X):
    (*_, of_first), (*_, of_second) = on_two(FIT, X=X, settings={**SETTINGS, "random_state": 0})
    assert of_first[0] == of_first[1] == of_second[0] > 0
    assert of_second[1] == 0


def test_the_first_process_decides_when_a_phase_ends(on_two, X):
    code = """
    import paradime
    from paradime.training import Callback

    class Stop(Callback):
        def on_epoch_end(self, state):
            state.stop = rank == 0 and state.epoch == 1

    def run():
        mds = paradime.ParametricMDS(epochs=5, initialization=None, random_state=0)
        return len(mds.fit(X, callbacks=[Stop()]).history_)
    """
    assert on_two(code, X=X) == [2, 2]


def test_other_rows_in_one_process_are_refused_in_both(on_two, X):
    code = """
    import paradime

    def run():
        return paradime.ParametricMDS(epochs=1, random_state=0).fit(X[: len(X) - rank])
    """
    for result in on_two(code, X=X):
        assert result.startswith("ValueError: processes that train together need the same data, got 'main'"), (
            result
        )


def test_samplers_with_random_numbers_of_their_own_are_refused(on_two, X):
    code = """
    import paradime
    from paradime.data import ItemSampler

    def run():
        draw = ItemSampler.epoch

        def disturbed(self, generator=None):
            torch.rand(1 + rank, generator=generator)
            return draw(self, generator)

        ItemSampler.epoch = disturbed
        return paradime.ParametricMDS(epochs=2, initialization=None, random_state=0).fit(X)
    """
    for result in on_two(code, X=X):
        assert "have drawn different batches" in result


def test_searches_share_the_queries(on_two, X):
    code = """
    from paradime.neighbors import nearest_neighbors
    from paradime.utils.ranks import together

    def run():
        with together():
            found = [nearest_neighbors(X, 7, backend=backend) for backend in backends]
            return [(indices.numpy(), dists.numpy()) for indices, dists in found]
    """
    backends = ["exact", "blocks", "faiss"]
    alone = [nearest_neighbors(X, 7, backend=backend) for backend in backends]
    for results in on_two(code, X=X, backends=backends):
        for (indices, dists), (expected, expected_dists) in zip(results, alone, strict=True):
            np.testing.assert_array_equal(indices, expected)
            np.testing.assert_allclose(dists, expected_dists, rtol=1e-6)


def test_the_search_of_rows_on_disk_shares_the_queries_and_samples_are_the_same(on_two, X, tmp_path):
    pytest.importorskip("faiss")
    code = """
    import torch
    from paradime.dr.streaming import sample_of
    from paradime.neighbors import NeighborCache, nearest_neighbors, on_disk, search
    from paradime.sources import open_rows
    from paradime.utils.ranks import together

    def run():
        search.EXACT_UP_TO, queries = 100, []
        query = on_disk.query
        on_disk.query = lambda index, rows, k: queries.append(len(rows)) or query(index, rows, k)
        torch.manual_seed(rank)
        with together(), NeighborCache(folder=folder).active():
            found = nearest_neighbors(open_rows(path), 7)
            sample, _ = sample_of(open_rows(path), None, 20, None)
        with together(), NeighborCache(folder=folder if rank else folder / "own").active():
            again = nearest_neighbors(open_rows(path), 7)  # one has it, the other not: both search
        same = all(torch.equal(a, b) for a, b in zip(found, again))
        return [part.numpy() for part in found], sample.numpy(), queries[-1], same
    """
    np.save(tmp_path / "rows.npy", X)
    first, second = on_two(code, path=tmp_path / "rows.npy", folder=tmp_path / "cache")
    assert isinstance(first, tuple), first
    for one, other in zip([*first[0], first[1]], [*second[0], second[1]], strict=True):
        np.testing.assert_array_equal(one, other)
    assert (first[2], second[2]) == (N // 2, N - N // 2)
    assert first[3]
    assert second[3]
    exact, _ = nearest_neighbors(X, 7, backend="exact")
    assert (first[0][0] == exact.numpy()).mean() > 0.97
    assert len(list((tmp_path / "cache").glob("*.neighbors"))) == 1


@pytest.mark.row(59)
def test_a_killed_process_ends_the_other_and_the_training_goes_on_alone(on_two, X, tmp_path):
    code = """
    import os, signal, paradime
    from paradime.training import Callback, Checkpoints

    class Kill(Callback):
        def on_epoch_begin(self, state):
            if rank == 1 and state.epoch == 2:
                os.kill(os.getpid(), signal.SIGKILL)

    def run():
        mds = paradime.ParametricMDS(**settings)
        return mds.fit(X, callbacks=[Kill(), Checkpoints(folder)])
    """
    settings = {"epochs": 4, "initialization": None, "random_state": 0}
    (first, second), (receiver, _) = on_two.start(code, X=X, settings=settings, folder=str(tmp_path / "run"))
    second.join(60)
    assert second.exitcode == -signal.SIGKILL
    assert receiver.poll(60)
    message = receiver.recv()
    assert message.startswith("RankLostError: process 0 of 2 cannot exchange data")
    assert "resume_from" in message
    first.join(30)
    assert find_checkpoint(tmp_path / "run") is not None
    resumed = paradime.ParametricMDS(**settings).fit(X, resume_from=tmp_path / "run")
    whole = paradime.ParametricMDS(**settings).fit(X)
    assert_same_map(resumed.transform(X), whole.transform(X))


def test_a_training_of_one_process_is_resumed_by_two(on_two, X, tmp_path):
    code = """
    import paradime

    def run():
        mds = paradime.ParametricMDS(**settings)
        return mds.fit(X, resume_from=folder if rank == 0 else folder + "-of-another-machine").transform(X)
    """
    settings, folder = {"epochs": 4, "initialization": None, "random_state": 0}, str(tmp_path / "run")
    whole = paradime.ParametricMDS(**settings).fit(X, callbacks=[Checkpoints(folder, keep=9)])
    half = sorted((tmp_path / "run").iterdir())[1]
    for other in (tmp_path / "run").iterdir():
        if other > half:
            other.unlink()
    for positions in on_two(code, X=X, settings=settings, folder=folder):
        assert_same_map(positions, whole.transform(X))


def test_the_command_fit_writes_and_prints_in_the_first_process_only(tmp_path, X):
    np.save(tmp_path / "rows.npy", X)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [
        "-m",
        "paradime",
        "fit",
        "rows.npy",
        "--method",
        "mds",
        "--set",
        "epochs=1",
        "--out",
        "model.paradime",
        "--embedding",
        "map.csv",
    ]
    done = subprocess.run([*launch, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("fitted ParametricMDS to 301 rows") == 1
    assert done.stderr.count("wrote the model") == 1
    assert len((tmp_path / "map.csv").read_text().splitlines()) == N + 1
    assert paradime.load(tmp_path / "model.paradime").n_features_in_ == X.shape[1]


def test_models_with_batch_normalisation_encode_all_rows_with_a_warning():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    with pytest.warns(UserWarning, match="model Sequential has batch normalisation"):
        assert encoding_shares(model, Ranks(0, 2)) is model


def test_a_process_alone_computes_all():
    model = CenterModel(3, n_rows=10)
    rows = torch.ones(5, 3, requires_grad=True)
    with warnings.catch_warnings(), together() as ranks:
        warnings.simplefilter("error")
        assert ranks == current_ranks() == Ranks()
        assert encoding_shares(model, ranks) is model
        assert ranks.split(rows) is rows
        assert ranks.gather(rows, 5) is rows
        assert ranks.of_all(3) == [3]
        with pytest.raises(RankLostError):
            raise RankLostError("one line")

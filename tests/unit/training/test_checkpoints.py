"""A training that goes on from a checkpoint takes the same steps as one that was never interrupted."""

import dataclasses
import json
import pickle
import struct
from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris, load_wine
from sklearn.preprocessing import StandardScaler

from paradime import (
    ParametricContrastive,
    ParametricMDS,
    ParametricPaCMAP,
    ParametricTSNE,
    ParametricUMAP,
)
from paradime.data import Batch, Sampling
from paradime.dr import ParametricDR
from paradime.exceptions import ModelFileError
from paradime.loss import Loss
from paradime.models import ModelRecipe
from paradime.training import (
    Callback,
    Checkpoints,
    EarlyStopping,
    History,
    LivePlot,
    Snapshots,
    find_checkpoint,
    read_checkpoint,
)
from paradime.training._trees import _KIND, assemble
from paradime.utils.seed import seed_all


class StopAt(Callback):
    """Presses Ctrl-C after so many steps."""

    def __init__(self, steps):
        self.steps = steps  # a setting, which checkpoints leave as it is

    def on_batch_end(self, state):
        self.steps -= 1
        if not self.steps:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def X():
    return StandardScaler().fit_transform(load_wine().data)


def losses_of(routine):
    return [(record["phase"], record["epoch"], record["loss"], record["losses"]) for record in routine.history_]


def interrupted(make, X, folder, steps, y=None, **settings):
    """Fits, is interrupted after so many steps, and goes on in a new routine."""
    with pytest.raises(KeyboardInterrupt):
        make().fit(X, y, callbacks=[Checkpoints(folder, **settings), StopAt(steps)])
    return make().fit(X, y, resume_from=folder)


def assert_same(one, other, X):
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    for name, part in other.model.state_dict().items():
        assert torch.equal(one.model.state_dict()[name], part), name
    assert losses_of(one) == losses_of(other)
    for first, second in zip(one.training_phases, other.training_phases, strict=True):
        assert first.loss.history == second.loss.history
        np.testing.assert_array_equal(first.loss.weight_history(), second.loss.weight_history())


class CountSteps(Callback):
    def __init__(self):
        self._at_ends = []

    def on_phase_end(self, state):
        self._at_ends.append(state.n_steps)


SHORT = {"batch_size": 40, "epochs": 3, "random_state": 0}
# presets, with settings; items, edges, pairs, and triples of near, mid and far points
PRESETS = {
    "tsne blocks": (ParametricTSNE, {"init_epochs": 1, "objective": "blocks", "perplexity": 10}),
    "tsne pairs": (ParametricTSNE, {"init_epochs": 1, "perplexity": 10}),
    "umap": (ParametricUMAP, {"init_epochs": 1, "batch_size": 10, "negative_sampling_rate": 3}),
    "contrastive": (ParametricContrastive, {"init_epochs": 1}),
    "pacmap": (ParametricPaCMAP, {"epochs": 6, "init_epochs": 1}),
}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_go_on_to_the_same_bits(name, X, tmp_path):
    preset, settings = PRESETS[name]

    def make():
        return preset(**{**SHORT, **settings})

    count = CountSteps()
    whole = make().fit(X, callbacks=[count])
    *_, begin, end = count._at_ends
    # within the first phase, at the end of a phase, and in the last epoch of the last one
    for steps in (2, begin, end - 1):
        assert_same(interrupted(make, X, tmp_path / str(steps), steps), whole, X)


def test_a_training_interrupted_twice_goes_on_to_the_same_bits(X, tmp_path):
    def make():
        return ParametricTSNE(refine=False, **SHORT, init_epochs=1, perplexity=10)

    with pytest.raises(KeyboardInterrupt):
        make().fit(X, callbacks=[Checkpoints(tmp_path), StopAt(33)])
    with pytest.raises(KeyboardInterrupt):
        make().fit(X, callbacks=[Checkpoints(tmp_path), StopAt(6)], resume_from=tmp_path)
    assert_same(make().fit(X, resume_from=tmp_path), make().fit(X), X)


def test_balanced_weights_go_on_to_the_same_bits(X, tmp_path):
    y = load_wine().target

    def make():
        parts = {"decoder": True, "classifier": True, "density": True, "structure": True}
        return ParametricTSNE(refine=False, **SHORT, init_epochs=1, perplexity=10, **parts)

    one, other = interrupted(make, X, tmp_path, 42, y), make().fit(X, y)
    assert_same(one, other, X)
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    np.testing.assert_array_equal(
        one.inverse_transform(one.transform(X)), other.inverse_transform(one.transform(X))
    )


def test_schedule_stopping_and_held_out_rows_go_on_to_the_same_bits(X, tmp_path):
    def make():
        return ParametricTSNE(
            refine=False,
            **{**SHORT, "epochs": 8},
            perplexity=10,
            init_epochs=1,
            schedule="one cycle",
            clip_norm=1.0,
            validation_fraction=0.2,
            early_stopping=EarlyStopping(monitor="validation_loss", patience=3, restore_best=True),
        )

    one, other = interrupted(make, X, tmp_path, 46), make().fit(X)
    assert_same(one, other, X)
    assert [r["validation_loss"] for r in one.history_] == [r["validation_loss"] for r in other.history_]


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW, torch.optim.RMSprop])
def test_state_of_optimizers_is_kept(optimizer, X, tmp_path):
    def make():
        routine = ParametricDR(in_dim=13, losses=Squares(), random_state=0)
        extra = {"momentum": 0.9} if optimizer is torch.optim.SGD else {}
        routine.add_training_phase(epochs=4, batch_size=40, optimizer=optimizer, **extra)
        return routine

    assert_same(interrupted(make, X, tmp_path, 9), make().fit(X), X)


class Squares(Loss):
    def forward(self, model, global_relations, batch_relations, batch, device):
        return (model(batch["main"].to(device)).square().sum(dim=1) - 1).square().mean()


class Remembering(Loss):
    """Depends on steps that were taken, on a buffer, on a parameter of its own, and on NumPy's generator."""

    state_attributes = ("steps", "recent")

    def __init__(self):
        super().__init__()
        self.steps = 0
        self.recent = []
        self.scale = torch.nn.Parameter(torch.tensor(1.0))
        self.register_buffer("mean", torch.zeros(2))

    def forward(self, model, global_relations, batch_relations, batch, device):
        embedded = model(batch["main"].to(device))
        self.steps += 1
        self.recent = [*self.recent[-3:], np.random.random()]  # noqa: NPY002
        self.mean = 0.9 * self.mean + 0.1 * embedded.detach().mean(dim=0)
        target = self.scale + sum(self.recent) + 0.01 * self.steps
        return ((embedded - self.mean).square().sum(dim=1) - target).square().mean()


def test_what_losses_remember_is_kept(X, tmp_path):
    state = np.random.get_state()  # noqa: NPY002

    def make():
        np.random.seed(3)  # noqa: NPY002
        routine = ParametricDR(in_dim=13, losses={"a": Remembering(), "b": Squares()}, random_state=0)
        routine.add_training_phase(name="first", epochs=2, batch_size=40, loss_keys=["a", "b"])
        routine.add_training_phase(
            name="second", epochs=3, batch_size=40, loss_keys=["b", "a"], loss_weights=[1, (1, 2)]
        )
        return routine

    try:
        whole = make().fit(X)
        for steps in (3, 5, 13):
            one = interrupted(make, X, tmp_path / str(steps), steps)
            assert_same(one, whole, X)
            assert one.losses["a"].steps == whole.losses["a"].steps == 25
            assert torch.equal(one.losses["a"].scale, whole.losses["a"].scale)
            assert one.losses["a"].history == whole.losses["a"].history
    finally:
        np.random.set_state(state)  # noqa: NPY002


def dropping(**settings):
    recipe = ModelRecipe("mlp", options={"hidden_dims": [20], "dropout": 0.3})
    return ParametricMDS(model=recipe, epochs=5, batch_size=40, **settings)


def test_dropout_goes_on_to_the_same_bits_within_an_epoch(X, tmp_path):
    def make():
        return dropping(random_state=3)

    one = interrupted(make, X, tmp_path, 12)
    content = read_checkpoint(find_checkpoint(tmp_path))
    assert content["state"]["n_batches_done"] > 0
    assert_same(one, make().fit(X), X)


def test_without_a_random_state_the_global_generator_is_kept_at_the_end_of_epochs(X, tmp_path):
    seed_all(5)
    whole = dropping().fit(X)
    after = torch.rand(3)
    seed_all(5)
    with pytest.raises(KeyboardInterrupt):
        dropping().fit(X, callbacks=[Checkpoints(tmp_path), StopAt(43)])
    seed_all(99)
    again = dropping().fit(X, resume_from=tmp_path)
    assert_same(again, whole, X)
    assert torch.equal(torch.rand(3), after)
    assert read_checkpoint(find_checkpoint(tmp_path))["state"]["n_batches_done"] == 0


def test_a_finished_training_can_be_loaded_and_takes_no_step(X, tmp_path):
    class Count(Callback):
        steps = 0

        def on_batch_end(self, state):
            type(self).steps += 1

    whole = ParametricMDS(epochs=3, random_state=0).fit(X, callbacks=[Checkpoints(tmp_path)])
    again = ParametricMDS(epochs=3, random_state=0).fit(X, callbacks=[Count()], resume_from=tmp_path)
    assert Count.steps == 0
    assert_same(again, whole, X)


def test_training_by_train_goes_on_too(X, tmp_path):
    def make():
        return ParametricTSNE(refine=False, epochs=3, init_epochs=1, batch_size=40, random_state=0, perplexity=10)

    whole = make()
    whole.train(X)
    with pytest.raises(KeyboardInterrupt):
        make().train(X, callbacks=[Checkpoints(tmp_path), StopAt(9)])
    again = make()
    again.train(X, resume_from=tmp_path)
    assert_same(again, whole, X)


def test_callbacks_go_on_with_what_they_remember(X, tmp_path):
    class Sum(Callback):
        state_attributes = ("total", "seen")

        def __init__(self, factor=1):
            self.factor = factor
            self.total = 0.0
            self.seen = []
            self.calls = 0

        def on_epoch_end(self, state):
            self.total += self.factor * state.epoch_loss
            self.seen.append(state.epoch)
            self.calls += 1

    def make():
        return ParametricMDS(epochs=4, batch_size=40, initialization=None, random_state=0)

    whole, first, second = Sum(), Sum(), Sum(factor=7)
    make().fit(X, callbacks=[whole])
    with pytest.raises(KeyboardInterrupt):
        make().fit(X, callbacks=[Checkpoints(tmp_path), first, StopAt(12)])
    make().fit(X, callbacks=[Checkpoints(tmp_path), second, StopAt(99)], resume_from=tmp_path)
    assert first.seen == [0, 1]
    assert second.seen == whole.seen == [0, 1, 2, 3]
    assert second.total > first.total > 0
    # what is not named stays as it is
    assert (second.factor, second.calls) == (7, 2)


def test_callbacks_of_the_library_go_on_with_what_they_hold(X, tmp_path, monkeypatch):
    def callbacks():
        return [Snapshots(20, every=1), LivePlot(str(tmp_path / "losses.png"), n_points=20), History()]

    drawn = []
    monkeypatch.setattr("paradime.training.live_plot.draw_losses", lambda ax, records: drawn.append(len(records)))
    whole, again = callbacks(), callbacks()
    mds().fit(X, callbacks=whole)
    with pytest.raises(KeyboardInterrupt):
        mds().fit(X, callbacks=[*callbacks(), Checkpoints(tmp_path / "run"), StopAt(12)])
    drawn.clear()
    mds().fit(X, callbacks=[*again, Checkpoints(tmp_path / "run"), StopAt(99)], resume_from=tmp_path / "run")
    assert drawn == [3, 4, 5, 5]
    np.testing.assert_array_equal(again[0].frames, whole[0].frames)
    assert again[0].epochs == whole[0].epochs
    assert [record["loss"] for record in again[2].records] == [record["loss"] for record in whole[2].records]


def test_a_sampler_with_a_state_goes_on_from_it(X, tmp_path):
    @dataclasses.dataclass(frozen=True)
    class InTurn(Sampling):
        provides: ClassVar = frozenset({"items"})

        def make(self, dataset, global_relations, *, batch_size, batches_per_epoch=-1):
            return InTurnSampler(dataset)

    class InTurnSampler:
        provides = frozenset({"items"})

        def __init__(self, dataset):
            self.dataset, self.n_epochs = dataset, 0

        def __len__(self):
            return 2

        def epoch(self, generator):
            first, self.n_epochs = 10 * self.n_epochs, self.n_epochs + 1
            for start in (first, first + 5):
                yield Batch(self.dataset.rows(torch.arange(start, start + 5)))

        def state_dict(self):
            return {"n_epochs": self.n_epochs}

        def load_state_dict(self, state):
            self.n_epochs = state["n_epochs"]

    def make():
        routine = ParametricDR(in_dim=13, losses=Squares(), random_state=0)
        routine.add_training_phase(epochs=5, sampling=InTurn())
        return routine

    assert_same(interrupted(make, X, tmp_path, 7), make().fit(X), X)


# -- files --------------------------------------------------------------------------------------------


def mds(**settings):
    return ParametricMDS(**{"epochs": 5, "batch_size": 40, "initialization": None, "random_state": 0, **settings})


def steps_in(folder):
    return sorted(int(path.stem.split("-")[1]) for path in folder.iterdir())


def test_files_are_written_as_asked(X, tmp_path):
    mds().fit(X, callbacks=[Checkpoints(tmp_path / "a"), Checkpoints(tmp_path / "b", every_epochs=2, keep=5)])
    n = len(range(0, len(X), 40))
    assert steps_in(tmp_path / "a") == [4 * n, 5 * n]
    assert steps_in(tmp_path / "b") == [2 * n, 4 * n]


def test_by_time_files_are_written_within_epochs(X, tmp_path):
    mds().fit(X, callbacks=[Checkpoints(tmp_path, every_seconds=0, keep=3)])
    n = len(range(0, len(X), 40))
    steps = steps_in(tmp_path)
    assert steps == [5 * n - 2, 5 * n - 1, 5 * n]
    again = mds().fit(X, resume_from=tmp_path / f"checkpoint-{steps[0]:09d}.safetensors")
    assert_same(again, mds().fit(X), X)


def test_a_folder_of_another_training_is_refused_before_any_step(X, tmp_path):
    mds().fit(X, callbacks=[Checkpoints(tmp_path)])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=r"another training.*resume_from.*overwrite=True"):
        mds(epochs=2).fit(X, callbacks=[Checkpoints(tmp_path)])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    mds(epochs=2).fit(X, callbacks=[Checkpoints(tmp_path, overwrite=True, keep=9)])
    assert len(steps_in(tmp_path)) == 2


def test_a_script_that_is_run_again_goes_on_or_begins(X, tmp_path):
    folder, whole = tmp_path / "new", mds().fit(X)
    with pytest.raises(KeyboardInterrupt):
        mds().fit(X, callbacks=[Checkpoints(folder), StopAt(7)], resume_from=folder)
    again = mds().fit(X, callbacks=[Checkpoints(folder)], resume_from=folder)
    assert_same(again, whole, X)


def test_a_checkpoint_that_is_not_there(X, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        mds().fit(X, resume_from=tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        mds().fit(X, resume_from=tmp_path)


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"every_epochs": 0}, "every_epochs"), ({"every_seconds": -1}, "every_seconds"), ({"keep": 0}, "keep")],
)
def test_settings_out_of_range(settings, name, tmp_path):
    with pytest.raises(ValueError, match=name):
        Checkpoints(tmp_path, **settings)


@pytest.fixture
def checkpoint(X, tmp_path):
    mds().fit(X, callbacks=[Checkpoints(tmp_path)])
    return find_checkpoint(tmp_path)


def test_other_data_are_refused(X, checkpoint):
    changed = X.copy()
    changed[100, 3] += 1e-3
    with pytest.raises(ValueError, match=r"data\.main\.checksum"):
        mds().fit(changed, resume_from=checkpoint)
    with pytest.raises(ValueError, match=r"data\.main\.shape\[0\] is 177, in the checkpoint 178"):
        mds().fit(X[1:], resume_from=checkpoint)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 9}, "epochs is 9, in the checkpoint 5"),
        ({"random_state": 1}, "random_state is 1, in the checkpoint 0"),
        ({"hidden_dims": [7]}, "hidden_dims"),
        ({"learning_rate": 0.5}, r"learning_rate is 0\.5"),
        ({"decoder": True}, "decoder is True, in the checkpoint False"),
    ],
)
def test_other_parameters_are_refused_by_name(settings, message, X, checkpoint):
    with pytest.raises(ValueError, match=message):
        mds(**settings).fit(X, resume_from=checkpoint)


def test_another_model_is_refused(X, checkpoint):
    with pytest.raises(ValueError, match=r"model\.class is 'Linear'"):
        mds(model=torch.nn.Linear(13, 2)).fit(X, resume_from=checkpoint)


def test_a_refused_checkpoint_leaves_what_was_learned(X, tmp_path):
    routine = mds().fit(X)
    before = routine.transform(X)
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"no checkpoint")
    with pytest.raises(ModelFileError):
        routine.fit(X, resume_from=bad)
    np.testing.assert_array_equal(routine.transform(X), before)


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.9, 0.999])
def test_a_file_cut_short_is_refused_with_its_path(share, X, checkpoint):
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelFileError, match=checkpoint.name):
        mds().fit(X, resume_from=checkpoint)


class Evil:
    def __reduce__(self):
        return print, ("executed",)


def test_other_files_are_refused_and_not_executed(X, tmp_path, capsys):
    path = tmp_path / "checkpoint-000000001.safetensors"
    torch.save(torch.ones(3), tmp_path / "weights.pt")
    pickled = pickle.dumps(Evil())
    for content in (pickled, b"", b"\0" * 100, b"\xff" * 4096, (tmp_path / "weights.pt").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match=path.name):
            mds().fit(X, resume_from=path)
    assert "executed" not in capsys.readouterr().out


def rewritten(path, change):
    """Changes the text in a checkpoint."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    text = json.loads(header["__metadata__"]["paradime checkpoint"])
    change(text)
    header["__metadata__"]["paradime checkpoint"] = json.dumps(text)
    encoded = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + content[8 + length :])


def test_a_newer_format_is_named(X, checkpoint):
    rewritten(checkpoint, lambda text: text.update(format=99, paradime="77.0"))
    with pytest.raises(ValueError, match=r"written by ParaDime 77\.0, this is") as caught:
        mds().fit(X, resume_from=checkpoint)
    assert not isinstance(caught.value, ModelFileError)


def test_an_earlier_format_is_refused_with_what_to_do(X, checkpoint):
    rewritten(checkpoint, lambda text: text.update(format=1, paradime="2.0.0"))
    with pytest.raises(ValueError, match=r"format 1, written by ParaDime 2\.0\.0.*reads format 2.*begin anew"):
        mds().fit(X, resume_from=checkpoint)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.pop("state"),
        lambda text: text.update(format="1"),
        lambda text: text.update(state={"@": "dict", "value": [["n_steps", -1]]}),
        lambda text: text.update(state={"@": "tensor", "value": "not there"}),
        lambda text: text.update(description=3),
    ],
)
def test_a_damaged_text_is_refused(change, X, checkpoint):
    rewritten(checkpoint, change)
    with pytest.raises(ModelFileError, match=checkpoint.name):
        mds().fit(X, resume_from=checkpoint)


def test_flipped_bits_are_refused_or_harmless(X, checkpoint):
    content, rng = checkpoint.read_bytes(), np.random.default_rng(0)
    (length,) = struct.unpack("<Q", content[:8])
    for _ in range(200):
        flipped = bytearray(content)
        flipped[rng.integers(8 + length)] ^= 1 << rng.integers(8)
        checkpoint.write_bytes(flipped)
        try:
            read_checkpoint(checkpoint)
        except ValueError as error:
            assert checkpoint.name in str(error)  # noqa: PT017


@pytest.mark.parametrize("kind", ["dict", "deque"])
def test_malformed_part_of_a_file_is_refused(kind):
    # what a flipped bit makes of a pair, or of a length
    form = {_KIND: kind, "value": [["a", 1, 2]], "maxlen": -1}
    with pytest.raises(TypeError, match=f"malformed {kind}"):
        assemble(form, {}, None)


def test_a_state_that_cannot_be_stored_is_named(X, tmp_path):
    class Odd(Callback):
        def state_dict(self):
            return {"sink": print}

    with pytest.raises(TypeError, match=r"callbacks.*sink"):
        mds().fit(X, callbacks=[Checkpoints(tmp_path), Odd()])


def test_relations_that_come_out_differently_are_told(X, checkpoint, monkeypatch):
    monkeypatch.setattr("paradime.dr.preparation.describe_relations", lambda relations: {"rel": "other"})
    with pytest.warns(UserWarning, match="not those of the training that was interrupted"):
        mds().fit(X, resume_from=checkpoint)


def test_files_hold_no_data(tmp_path):
    X = load_iris().data.astype(np.float32) * np.float32(1.2345678)
    mds(network="mlp", batch_size=150).fit(X, callbacks=[Checkpoints(tmp_path)])
    assert X[17].tobytes() not in find_checkpoint(tmp_path).read_bytes()


def test_a_generator_that_stands_where_it_stood_gives_the_same_seed(X, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        mds(random_state=np.random.default_rng(4)).fit(X, callbacks=[Checkpoints(tmp_path), StopAt(7)])
    again = mds(random_state=np.random.default_rng(4)).fit(X, resume_from=tmp_path)
    assert_same(again, mds(random_state=np.random.default_rng(4)).fit(X), X)


def test_a_checkpoint_of_other_data_leaves_the_data_of_a_trained_routine(tmp_path):
    X = np.random.default_rng(0).normal(size=(80, 4))
    ParametricMDS(epochs=3, random_state=0).fit(X, callbacks=[Checkpoints(tmp_path, every_epochs=1)])
    routine = ParametricMDS(epochs=3, random_state=0).fit(X)
    before = routine.transform(X)
    with pytest.raises(ValueError, match="the checkpoint is of another training"):
        routine.train(X[:40] + 1, resume_from=tmp_path)
    np.testing.assert_array_equal(routine.embedding_, before)

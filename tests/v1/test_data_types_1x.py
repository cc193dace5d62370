"""The types of numbers in data sets and batches: tensors keep theirs, arrays are converted as `to_torch` says."""

import numpy as np
import pytest
import torch

import paradime.loss
import paradime.routines
import paradime.utils
from paradime.dr import DerivedData, ParametricDR, TrainingPhase

X = np.random.default_rng(0).normal(size=(60, 4))
Y = np.arange(60) % 3
KINDS = [torch.int64, torch.int32, torch.uint8, torch.bool, torch.float64, torch.float32, torch.float16]


class Look(paradime.loss.Loss):
    """Remembers the types of a batch, and lets points lie at the origin."""

    def __init__(self):
        super().__init__()
        self.seen = {}

    def forward(self, model, global_relations, batch_relations, batch, device):
        self.seen = {key: batch[key].dtype for key in batch}
        return model(batch["main"].to(device)).square().mean()


def train(data, loss=None, **settings):
    paradime.utils.seed.seed_all(0)
    loss = Look() if loss is None else loss
    routine = ParametricDR(**{"in_dim": 4, "losses": loss, **settings})
    routine.add_training_phase(epochs=2, batch_size=20)
    routine.train(data)
    return routine


@pytest.mark.parametrize("dtype", KINDS, ids=str)
def test_tensors_keep_their_type(dtype):
    loss = Look()
    routine = train({"main": X, "more": torch.tensor(Y).to(dtype)}, loss)
    assert loss.seen["more"] == dtype
    torch.testing.assert_close(routine.dataset["more"], torch.tensor(Y).to(dtype))


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(np.int64, torch.int32), (np.uint8, torch.int32), (np.float64, torch.float32), (np.float16, torch.float32)],
    ids=str,
)
def test_arrays_become_single_precision(kind, dtype):
    loss = Look()
    train({"main": X, "more": Y.astype(kind)}, loss)
    assert loss.seen["more"] == dtype


def test_users_cross_entropy_takes_labels_of_a_tensor():
    class Classify(paradime.loss.Loss):
        def forward(self, model, global_relations, batch_relations, batch, device):
            return torch.nn.functional.cross_entropy(model(batch["main"].to(device)), batch["labels"].to(device))

    routine = train({"main": X, "labels": torch.tensor(Y)}, Classify(), out_dim=3)
    first, last = routine.losses["loss"].history
    assert last < first


def test_added_and_derived_tensors_keep_their_type():
    routine = ParametricDR(in_dim=4, losses=Look())
    routine.add_data({"main": X, "labels": torch.tensor(Y)})
    routine.add_data(
        {
            "double": DerivedData(lambda rows: torch.as_tensor(rows)[:, :2].double()),
            "array": DerivedData(lambda rows: np.asarray(rows, dtype=np.float64)[:, :2]),
        }
    )
    routine.compute_derived_data()
    found = {key: routine.dataset[key].dtype for key in ("labels", "double", "array")}
    assert found == {"labels": torch.int64, "double": torch.float64, "array": torch.float32}


class TestModelsInput:
    """What the model embeds has the type that the model computes in."""

    @pytest.mark.parametrize("dtype", KINDS, ids=str)
    def test_is_the_models_whatever_type_it_was_passed_in(self, dtype):
        whole = torch.tensor(np.random.default_rng(0).integers(0, 2, size=(60, 4)))
        expected = train(whole.to(torch.float32))
        for data in (whole.to(dtype), {"main": whole.to(dtype)}):
            loss = Look()
            routine = train(data, loss)
            assert loss.seen["main"] == torch.float32
            torch.testing.assert_close(routine.apply(whole.to(dtype)), expected.apply(whole))

    def test_is_double_for_a_model_in_double_precision(self):
        model = torch.nn.Linear(4, 2).double()
        for data in (torch.tensor(X), X):
            loss = Look()
            routine = train(data, loss, model=model)
            assert loss.seen["main"] == torch.float64
            assert routine.apply(X).dtype == torch.float64

    @pytest.mark.parametrize("kind", [np.array, torch.tensor])
    def test_stays_whole_for_a_table_of_embeddings(self, kind):
        table = torch.nn.Sequential(torch.nn.Embedding(5, 3), torch.nn.Flatten(), torch.nn.Linear(12, 2))
        words = kind(np.random.default_rng(0).integers(0, 5, size=(60, 4)))
        routine = train({"main": words}, Look(), model=table)
        assert routine.apply(words).shape == (60, 2)

    def test_is_converted_under_any_key(self):
        tsne = paradime.routines.ParametricTSNE(
            in_dim=4, perplexity=5, epochs=1, init_epochs=1, batch_size=30, data_key="pixels", random_state=0
        )
        tsne.train({"pixels": torch.tensor(X), "labels": torch.tensor(Y)})
        other = paradime.routines.ParametricTSNE(
            in_dim=4, perplexity=5, epochs=1, init_epochs=1, batch_size=30, random_state=0
        )
        other.train(X)
        torch.testing.assert_close(tsne.apply(X), other.apply(X))

    def test_is_refused_where_numbers_do_not_fit(self):
        data = torch.tensor(X)
        data[3, 2] = 1e300
        with pytest.raises(ValueError, match=r"beyond single precision, 1e\+300 at row 3, column 2"):
            train(data)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64], ids=str)
def test_positions_of_any_type_are_learned(dtype):
    positions = (10 * torch.tensor(X[:, :2])).to(dtype)
    routine = train({"main": X, "pos": positions}, paradime.loss.PositionLoss())
    first, last = routine.losses["loss"].history
    assert last < first


def test_losses_of_several_types_are_summed():
    routine = ParametricDR(
        in_dim=4, losses={"look": Look(), "position": paradime.loss.PositionLoss()}, random_state=0
    )
    routine.add_training_phase(
        TrainingPhase(epochs=2, batch_size=20, loss_keys=["look", "position"], loss_weights=[1, 2])
    )
    routine.train({"main": X, "pos": torch.tensor(X[:, :2])})
    assert routine.training_phases[0].loss.detailed_history().shape == (2, 2)


@pytest.mark.parametrize("shares", [None, {"look": 0.5, "position": 0.5}])
def test_types_do_not_matter_for_balanced_weights(shares):
    routine = ParametricDR(
        in_dim=4, losses={"look": Look(), "position": paradime.loss.PositionLoss()}, random_state=0
    )
    routine.add_training_phase(
        epochs=2, batch_size=20, loss_keys=["look", "position"], loss_weights="balanced", loss_shares=shares
    )
    routine.train({"main": X, "pos": torch.tensor(X[:, :2])})
    assert routine.trained


def test_held_out_rows_are_converted_too():
    routine = ParametricDR(in_dim=4, losses=Look(), random_state=0)
    routine.add_training_phase(epochs=2, batch_size=20)
    routine.train(torch.tensor(X), validation_data=torch.tensor(X[:20]))
    assert all(record["validation_loss"] is not None for record in routine.history_)

import pytest
import torch

from paradime.data import Batch
from paradime.data.batch import PairPositions
from paradime.exceptions import UnsupportedConfigurationError

CPU = torch.device("cpu")


class Counting(torch.nn.Module):
    """Doubles its input, and counts calls and rows."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def forward(self, X):
        self.calls.append(("forward", len(X)))
        return 2 * X

    def encode(self, X):
        self.calls.append(("encode", len(X)))
        return 3 * X


def test_entries_are_made_when_first_asked_for_and_once():
    calls = []

    def make():
        calls.append(1)
        return torch.ones(2)

    batch = Batch({"main": torch.zeros(2, 1), "late": make})
    assert "late" in batch
    assert set(batch) == {"main", "late"}
    assert calls == []
    assert batch["late"] is batch["late"]
    assert calls == [1]


def test_rows_are_encoded_once_however_many_losses_ask():
    model, batch = Counting(), Batch({"main": torch.ones(3, 2), "other": torch.zeros(3, 2)})
    first = batch.encode(model, "embed", "main", CPU)
    assert batch.encode(model, "embed", "main", CPU) is first
    assert model.calls == [("forward", 3)]
    assert (first == 2).all()


def test_other_methods_entries_and_models_are_encoded_anew():
    model, batch = Counting(), Batch({"main": torch.ones(3, 2), "other": torch.zeros(3, 2)})
    batch.encode(model, "forward", "main", CPU)
    assert (batch.encode(model, "encode", "main", CPU) == 3).all()
    assert (batch.encode(model, "forward", "other", CPU) == 0).all()
    assert (batch.encode(torch.nn.Identity(), "forward", "main", CPU) == 1).all()
    assert model.calls == [("forward", 3), ("encode", 3), ("forward", 3)]


def test_entry_that_was_replaced_is_encoded_anew():
    model, batch = Counting(), Batch({"main": torch.ones(3, 2)})
    batch.encode(model, "forward", "main", CPU)
    batch["main"] = torch.zeros(3, 2)
    assert (batch.encode(model, "forward", "main", CPU) == 0).all()


def test_ends_of_pairs_are_picked_from_rows_that_are_encoded_once():
    model = Counting()
    positions = torch.tensor([[0, 0, 2, 1], [1, 2, 0, 1]])
    batch = Batch({"main": torch.tensor([[1.0], [2.0], [3.0]])}, pairs=PairPositions(positions))
    ends = batch.encode_pairs(model, "embed", "main", CPU)
    assert ends.squeeze(2).tolist() == [[2, 2, 6, 4], [4, 6, 2, 4]]
    batch.encode_pairs(model, "embed", "main", CPU)
    assert model.calls == [("forward", 3)]


def test_gradients_of_pairs_reach_every_row_as_often_as_it_occurs():
    weight = torch.nn.Linear(1, 1, bias=False)
    positions = torch.tensor([[0, 0], [1, 2]])
    batch = Batch({"main": torch.tensor([[1.0], [10.0], [100.0]])}, pairs=PairPositions(positions))
    batch.encode_pairs(weight, "embed", "main", CPU).sum().backward()
    assert weight.weight.grad.item() == 2 * 1 + 10 + 100


def test_batch_of_items_holds_no_pairs_and_says_how_to_get_them():
    with pytest.raises(UnsupportedConfigurationError, match=r"without pairs.*sampling='negative_edge'"):
        Batch({"main": torch.ones(2, 1)}).encode_pairs(Counting(), "embed", "main", CPU)


def test_unknown_entry_gets_a_suggestion():
    with pytest.raises(KeyError, match=r"the batch has no entry 'mian'\. Did you mean 'main'\?"):
        Batch({"main": torch.ones(2)})["mian"]


def test_entries_can_be_removed():
    batch = Batch({"main": torch.ones(2), "pos": torch.ones(2)})
    del batch["pos"]
    assert list(batch) == ["main"]
    assert len(batch) == 1

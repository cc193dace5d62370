"""One encoding for several losses, and no other change to what losses see."""

import copy
import pickle
import warnings

import pytest
import torch

from paradime.data import Batch
from paradime.loss import CompoundLoss, Loss, PositionLoss
from paradime.models import Model, SharedEncodings


class Counting(Model):
    def __init__(self, layer=None):
        super().__init__()
        self.layer = layer or torch.nn.Linear(3, 2)
        self.calls = 0

    def embed(self, X):
        self.calls += 1
        return self.layer(X)


class UserLoss(Loss):
    """What users write: the model is called directly."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, model, global_relations, batch_relations, batch, device):
        return self.function(model, batch["main"].to(device))


def batch():
    generator = torch.Generator().manual_seed(0)
    return Batch({"main": torch.randn(5, 3, generator=generator), "pos": torch.zeros(5, 2)})


def size(model, X):
    return model.embed(X).square().mean()


def run(model, *losses):
    value = CompoundLoss(list(losses))(model, {}, {}, batch(), torch.device("cpu"))
    value.backward()
    return float(value.detach())


def separately(model, *functions):
    rows = batch()["main"]
    value = sum(function(model, rows) for function in functions)
    value.backward()
    return float(value.detach())


def gradients(model):
    return [parameter.grad.clone() for parameter in model.parameters()]


def test_losses_of_users_and_of_the_library_share_one_encoding_with_the_same_values_and_gradients():
    model = Counting()
    shared = run(model, UserLoss(size), UserLoss(lambda m, X: m(X).abs().sum()), PositionLoss())
    assert model.calls == 1
    found = gradients(model)
    model.zero_grad()
    expected = separately(model, size, lambda m, X: m(X).abs().sum(), size)
    assert shared == pytest.approx(expected)
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(found, gradients(model), strict=True))


def test_a_loss_that_encodes_twice_gets_two_draws_of_a_dropout():
    model = Counting(torch.nn.Dropout(0.5))
    seen = []

    def two_views(m, X):
        seen.append(not torch.equal(m.embed(X), m.embed(X)))
        return m.embed(X).sum()

    with SharedEncodings(model) as shared:
        rows = torch.ones(20, 3)
        for _ in range(2):
            shared.begin_loss()
            two_views(shared.model, rows)
    assert seen == [True, True]


def test_what_a_loss_does_to_an_embedding_in_place_stays_with_it():
    def centred(m, X):
        embedded = m.embed(X)
        embedded -= embedded.mean(dim=0)
        return embedded.square().sum()

    model = Counting()
    found = run(model, UserLoss(size), UserLoss(centred), UserLoss(size))
    assert found == pytest.approx(separately(model, size, centred, size))


def test_encodings_without_gradients_or_in_another_mode_are_not_handed_on():
    model = Counting(torch.nn.Dropout(0.5))

    def without_gradient(m, X):
        with torch.no_grad():
            return m.embed(X).sum()

    def evaluated(m, X):
        m.eval()
        try:
            return m.embed(X)
        finally:
            m.train()

    rows = torch.ones(4, 3, requires_grad=True)
    with SharedEncodings(model) as shared:
        without_gradient(shared.model, rows)
        shared.begin_loss()
        assert shared.model.embed(rows).requires_grad
        shared.begin_loss()
        assert torch.equal(evaluated(shared.model, rows), rows)


def test_rows_that_changed_are_encoded_again():
    model, rows = Counting(torch.nn.Identity()), torch.ones(2, 3)
    with SharedEncodings(model) as shared:
        shared.model.embed(rows)
        rows += 1
        shared.begin_loss()
        assert torch.equal(shared.model.embed(rows), rows)


def test_the_model_stays_as_it_is_while_losses_are_computed():
    model = Counting()
    own = model.encode = lambda X: X  # an attribute of the instance
    names = set(vars(model))

    def looking(m, X):
        assert set(vars(model)) == names
        assert "embed" not in vars(m)
        return m.encode(X).sum() + m.embed(X).sum()

    run(model, UserLoss(looking), UserLoss(looking))
    assert (model.calls, set(vars(model))) == (1, names)
    assert model.encode is own


def test_what_losses_get_passes_for_the_model():
    model = Counting()
    model.unit = 3.0

    def checking(m, X):
        assert isinstance(m, Counting)
        assert type(m).__name__ == "Counting"
        assert list(map(id, m.parameters())) == list(map(id, model.parameters()))
        assert list(m.state_dict()) == list(model.state_dict())
        assert (m.unit, m.layer, m.training) == (3.0, model.layer, True)
        m.note = "of a loss"
        return m(X).sum()

    run(model, UserLoss(checking), UserLoss(checking))
    assert model.note == "of a loss"


def test_a_loss_may_keep_what_it_gets():
    class Keeping(Loss):
        def forward(self, model, global_relations, batch_relations, batch, device):
            self.model = model
            return model.embed(batch["main"]).sum()

    model, loss = Counting(), Keeping()
    run(model, loss, UserLoss(size))
    rows = batch()["main"]
    assert torch.equal(loss.model.embed(rows), model.embed(rows))
    assert model.calls == 3  # nothing is remembered after the step
    for copied in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss.model))):
        found = getattr(copied, "model", copied)
        assert type(found) is Counting
        assert torch.equal(found.embed(rows), model.embed(rows))


def test_models_that_have_no_views_are_handed_over_as_they_are():
    class Final(torch.nn.Linear):
        def __init_subclass__(cls):
            raise TypeError("no subclasses")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch's, for scripts
        scripted = torch.jit.script(torch.nn.Linear(3, 2))
    for model in (Final(3, 2), scripted):
        seen = []
        run(model, UserLoss(lambda m, X, seen=seen: seen.append(m) or m(X).sum()))
        assert seen == [model]


def test_hooks_run_for_every_call():
    model, calls = Counting(), []
    model.register_forward_hook(lambda *_: calls.append(1))
    run(model, UserLoss(lambda m, X: m(X).sum()), UserLoss(lambda m, X: m(X).sum()))
    assert len(calls) == 2
    assert model.calls == 1

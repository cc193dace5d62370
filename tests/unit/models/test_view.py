"""A view passes for its model, and changes what some methods do for those alone who have it."""

import copy
import gc
import weakref

import torch

from paradime.models import Model, view_of, viewed


class Body(Model):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)
        self.seen = []

    def embed(self, X):
        self.seen.append("embed")
        return self.layer(X)

    def classify(self, X):
        return self(X) + 1


def doubled(name, method):
    return lambda X: 2 * method(X)


def tripled(name, method):
    return lambda X: 3 * method(X)


ROWS = torch.ones(4, 3)


def test_methods_that_call_others_call_those_of_the_view():
    model = Body()
    view = view_of(model, ["embed"], doubled)
    assert torch.equal(view.classify(ROWS), 2 * model.embed(ROWS) + 1)
    assert torch.equal(view(ROWS), 2 * model(ROWS))  # forward of Model embeds
    assert torch.equal(model.classify(ROWS), model.embed(ROWS) + 1)


def test_views_of_views_wrap_once_more():
    model = Body()
    view = view_of(view_of(model, ["embed", "forward"], doubled), ["embed", "decode"], tripled)
    assert viewed(view) is model
    assert viewed(model) is model
    assert torch.equal(view.embed(ROWS), 6 * model.embed(ROWS))
    assert torch.equal(view(ROWS), 12 * model(ROWS))


def test_what_is_set_of_a_view_is_set_of_the_model():
    model = Body()
    view = view_of(model, ["embed"], doubled)
    view.note, view.layer = 1, torch.nn.Linear(3, 5)
    view.eval()
    view.register_buffer("count", torch.ones(1))
    assert (model.note, model.layer.out_features, model.training, float(model.count)) == (1, 5, False, 1)
    view.embed = lambda X: X
    assert torch.equal(view.embed(ROWS), 2 * ROWS)
    del view.note
    assert not hasattr(model, "note")


def test_attributes_of_the_instance_that_are_methods_are_wrapped():
    model = Body()
    model.embed = lambda X: X
    assert torch.equal(view_of(model, ["embed"], doubled).embed(ROWS), 2 * ROWS)


def test_gradients_and_hooks_are_those_of_the_model():
    model, calls = Body(), []
    model.register_forward_hook(lambda module, *_: calls.append(isinstance(module, Body)))
    view_of(model, ["forward"], doubled)(ROWS).sum().backward()
    assert calls == [True]
    assert model.layer.weight.grad is not None


def test_copies_are_of_the_model():
    model = Body()
    copied = copy.deepcopy(view_of(model, ["embed"], doubled))
    assert type(copied) is Body
    assert copied.layer is not model.layer


def test_class_tells_the_methods_of_the_model():
    view = view_of(Body(), ["embed", "forward"], doubled)
    assert type(view).embed is Body.embed
    assert type(view).forward is Model.forward
    assert (type(view).__name__, type(view).__module__) == ("Body", __name__)


def test_views_need_no_garbage_collector():
    model = Body()
    gc.disable()
    try:
        view = view_of(model, ["embed"], doubled)
        view(ROWS)
        gone = weakref.ref(view)
        del view
        assert gone() is None
    finally:
        gc.enable()

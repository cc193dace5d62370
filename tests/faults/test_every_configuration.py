"""The rows on configuration, for every preset and a composed routine."""

import re

import numpy as np
import pytest
import torch

from paradime import ParametricDR
from paradime.exceptions import SpecificationError, TrainingDivergedError
from paradime.models import EmbeddingModel
from paradime.spec import validate_spec
from paradime.training import Callback

pytestmark = pytest.mark.usefixtures("few_first_steps")


# what a message may say instead
ALSO = {"negative_sampling_rate": "neg_sampling_rate"}


@pytest.mark.row(33)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", -1),
        ("learning_rate", -0.5),
        ("learning_rate", float("nan")),
        ("batch_size", 0),
        ("n_components", 0),
        ("hidden_dims", [0]),
        ("random_state", -7),
        ("device", "gpu"),
        ("on_interrupt", "stop"),
        ("validation_fraction", 1.5),
        ("n_neighbors", 0),
        ("perplexity", -3),
        ("negative_sampling_rate", -1),
        ("metric", "no such metric"),
        ("initialization", "no such way"),
        ("activation", "no such function"),
        ("clip_norm", -1.0),
        ("schedule", "no such schedule"),
        ("loss_shares", {"no such loss": 0.5}),
    ],
)
def test_parameters_out_of_range_are_named_with_their_value(name, value, kind, make, fitted, X):
    routine = make()
    if kind == "composed" and name in ("epochs", "learning_rate"):
        with pytest.raises(ValueError, match=rf"{name}.*{value}"):
            make(**{name: value})
        return
    if name not in routine.get_params():
        return  # the parameter belongs to other methods
    shown = next(iter(value)) if isinstance(value, (dict, list)) else value
    with pytest.raises(ValueError, match=rf"({name}|{ALSO.get(name, name)}).*{shown}"):
        make(**{name: value}).fit(X)


def mappings(entry, path=()):
    """Yields every mapping of a specification, with its place."""
    if isinstance(entry, dict):
        yield path, entry
        for key, value in entry.items():
            yield from mappings(value, (*path, key))
    elif isinstance(entry, list):
        for i, value in enumerate(entry):
            yield from mappings(value, (*path, i))


@pytest.mark.row(34)
def test_unknown_keys_of_a_specification_are_named(fitted):
    count = 0
    for path, _ in mappings(fitted.to_spec(format="dict")):
        spec = fitted.to_spec(format="dict")
        place = spec
        for key in path:
            place = place[key]
        if path[-1:] == ("function_options",):
            continue  # the function itself takes or refuses them
        place["nosuchkey"] = 1
        with pytest.raises(SpecificationError, match="nosuchkey"):
            ParametricDR.from_spec(spec)
        count += 1
    assert count > 3


@pytest.mark.row(35)
@pytest.mark.parametrize("number", ["1e-3", "1E-3", "1.0e-3", "+1e-3"])
def test_exponents_in_a_specification_are_numbers(number, fitted):
    text = re.sub(r"(learning_rate|lr): [0-9.e-]+", rf"\1: {number}", fitted.to_spec(format="yaml"))
    assert number in text
    assert ParametricDR.from_spec(text).training_phases[-1].learning_rate == 1e-3


@pytest.mark.row(36, 37, 38)
@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("losses: []\n", r"line \d+.*duplicate"),
        ("? {a: 1}\n: 2\n", r"line \d+|key"),
        ("more: !!python/object/apply:os.system ['false']\n", r"line \d+.*tag|!!python|python/object"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nmore: &d [*d]\n", "alias|more|a:"),
        ("# " + "x" * 1_000_000 + "\n", "1000000|1,000,000"),
    ],
    ids=["duplicate", "mapping", "tag", "aliases", "length"],
)
def test_hostile_lines_in_a_specification_are_refused(more, message, fitted):
    text = fitted.to_spec(format="yaml")
    validate_spec(text)
    for read in (validate_spec, ParametricDR.from_spec):
        with pytest.raises(SpecificationError, match=message):
            read(text + more)


class Flat(torch.nn.Linear):
    """A network whose positions have one axis too few."""

    def forward(self, X):
        return super().forward(X)[:, 0]


class Normed(torch.nn.Sequential):
    """A network with batch normalisation, which fails on a batch of one row."""

    def __init__(self):
        super().__init__(torch.nn.Linear(5, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))


def embedding_with(network, kind):
    """Makes a model of a network; that of an autoencoder has a decoder."""
    return EmbeddingModel(network, torch.nn.Linear(2, 5)) if kind == "ParametricAutoencoder" else network


@pytest.mark.row(39)
def test_a_model_with_an_output_of_another_shape_is_refused_with_both(kind, make, fitted, X):
    before = fitted.transform(X)
    with pytest.raises(ValueError, match=r"must have shape \(\d+, (2|any)\).*got \(\d+,\)"):
        make(model=embedding_with(Flat(5, 3), kind)).fit(X)
    np.testing.assert_array_equal(fitted.transform(X), before)


@pytest.mark.row(40)
def test_a_last_batch_of_one_row_joins_the_batch_before(kind, make, X):
    settings = {} if kind == "composed" else {"batch_size": 30}
    routine = make(model=embedding_with(Normed(), kind), **settings).fit(np.vstack([X, X[:1] + 0.1]))
    assert np.isfinite(routine.transform(X)).all()


@pytest.mark.row(41)
def test_batches_larger_than_the_data_are_all_rows(kind, make, X):
    phase = {"epochs": 1} if kind == "composed" else {"batch_size": 10_000}
    routine = make(**phase).fit(X[:20])
    assert np.isfinite(routine.transform(X)).all()


class Failing(Callback):
    def on_batch_end(self, state):
        raise RuntimeError("stopped")


@pytest.mark.row(42)
def test_a_callback_that_raises_in_the_first_training_leaves_a_usable_routine(make, X):
    routine = make()
    with pytest.raises(RuntimeError, match="stopped"):
        routine.fit(X, callbacks=[Failing()])
    assert np.isfinite(routine.transform(X)).all()
    assert np.isfinite(routine.fit(X).transform(X)).all()


@pytest.mark.row(43)
def test_a_learning_rate_far_too_high_is_an_error_or_finite(make, X):
    routine = make(learning_rate=1e30, epochs=4)
    try:
        positions = routine.fit(X).transform(X)
    except (TrainingDivergedError, ValueError) as error:
        assert re.search("learning.rate", str(error))  # noqa: PT017  either may happen
    else:
        assert np.isfinite(positions).all()

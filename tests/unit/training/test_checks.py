"""What cannot work is said before relations are computed, and before the first phase trains."""

import numpy as np
import pytest
import torch

from paradime.dr import ParametricDR
from paradime.exceptions import LossNotDeterminedError, RelationsNotComputedError, UnsupportedConfigurationError
from paradime.loss import PositionLoss, RelationLoss, kullback_leibler_div
from paradime.relations import DistsFromTo, PDist


class Unreachable(PDist):
    """Relations that must not be computed."""

    def compute_relations(self, X=None, **kwargs):
        pytest.fail("relations were computed for a training that cannot work")


X = np.random.default_rng(0).normal(size=(30, 4))
DATA = {"main": X, "pos": X[:, :2]}


def routine(**settings):
    made = ParametricDR(
        model=torch.nn.Linear(4, 2),
        losses={"init": PositionLoss(), "embedding": RelationLoss(kullback_leibler_div)},
        global_relations=Unreachable(),
        batch_relations=DistsFromTo(),
    )
    made.add_training_phase(name="first", loss_keys=["init"])
    made.add_training_phase(name="second", **settings)
    return made


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"loss_keys": ["embeding"]}, LossNotDeterminedError, "'second'.*'embeding'.*Did you mean 'embedding'"),
        ({"loss_keys": ["embedding"]}, UnsupportedConfigurationError, "'second'.*compares pairs.*'standard'"),
        (
            {"loss_keys": ["embedding"], "sampling": "negative_edge", "edge_rel_key": "rle"},
            RelationsNotComputedError,
            "'second'.*'rle'.*Did you mean 'rel'",
        ),
    ],
)
def test_later_phase_that_cannot_work_is_refused_before_anything_is_computed(settings, error, words):
    made = routine(**settings)
    before = made.model.weight.detach().clone()
    with pytest.raises(error, match=words):
        made.train(DATA)
    assert torch.equal(made.model.weight, before)


def test_later_phase_whose_output_does_not_fit_is_refused_before_the_first_trains():
    losses = {"init": PositionLoss(), "wide": PositionLoss(position_key="wide")}
    made = ParametricDR(model=torch.nn.Linear(4, 2), losses=losses)
    made.add_training_phase(loss_keys=["init"])
    made.add_training_phase(loss_keys=["wide"])
    before = made.model.weight.detach().clone()
    with pytest.raises(ValueError, match=r"must have shape \(2, 3\), got \(2, 2\)"):
        made.train({**DATA, "wide": X[:, :3]})
    assert torch.equal(made.model.weight, before)


def test_model_that_does_not_take_the_rows_is_named_with_their_shape():
    made = ParametricDR(model=torch.nn.Linear(9, 2), losses={"loss": PositionLoss()})
    made.add_training_phase(name="only")
    with pytest.raises(ValueError, match=r"'only': model Linear fails on rows of shape \{'main': \(4,\)"):
        made.train(DATA)

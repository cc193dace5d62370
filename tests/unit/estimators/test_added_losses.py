"""Losses that users add to presets."""

import numpy as np
import pytest
from sklearn.base import clone

from paradime import ParametricMDS, ParametricPaCMAP
from paradime.loss import CorrelationLoss, PositionLoss

pytestmark = pytest.mark.usefixtures("few_first_steps")


def correlation(routine, X, column):
    return abs(np.corrcoef(routine.transform(X)[:, 0], X[:, column])[0, 1])


def test_added_loss_guides_every_preset(preset, short, iris, outcome):
    X, _ = iris

    # the second column is the one that principal components know least of
    def measure(seed):
        guided = short(preset, epochs=12, random_state=seed).add_loss("guide", CorrelationLoss(1), share=0.5)
        return {"correlation": correlation(guided.fit(X), X, 1)}

    # without the loss it is 0.49 at most, in the mean of a preset
    outcome(measure, seeds=2, at_least={"correlation": 0.75})


def test_larger_weight_guides_more(short, iris, outcome):
    X, _ = iris

    def measure(seed):
        low, middle, high = (
            correlation(
                short(ParametricMDS, epochs=12, random_state=seed)
                .add_loss("guide", CorrelationLoss(1), weight)
                .fit(X),
                X,
                1,
            )
            for weight in (0.001, 0.03, 0.1)
        )
        return {"low to middle": middle - low, "middle to high": high - middle}

    # a weight that did nothing would make no difference
    outcome(measure, seeds=5, at_least={"low to middle": 0.03, "middle to high": 0.2})


def test_added_loss_stays_over_fits_and_in_clones(preset, short, iris):
    X, _ = iris
    routine = short(preset).add_loss("guide", CorrelationLoss(1), share=0.2)
    first = routine.fit_transform(X)
    assert [phase.loss_keys.count("guide") for phase in routine.training_phases][-1] == 1
    np.testing.assert_array_equal(routine.fit_transform(X), first)
    assert [phase.loss_keys.count("guide") for phase in routine.training_phases][-1] == 1
    np.testing.assert_array_equal(clone(routine).fit_transform(X), first)


def test_losses_of_a_clone_are_its_own(preset, short, iris):
    routine = short(preset).add_loss("guide", CorrelationLoss(1), share=0.2).fit(iris[0])
    history = list(routine.losses["guide"].history)
    clone(routine).fit(iris[0])
    assert list(routine.losses["guide"].history) == history


def test_phase_that_teaches_positions_gets_no_further_loss(preset, short):
    # a loss with a share of the gradient, which some presets have, asks others for a share, too
    routine = short(preset, structure=False).add_loss("guide", CorrelationLoss(1))
    init, *others = routine.training_phases
    (key,) = init.loss_keys
    assert isinstance(routine.losses[key], PositionLoss)
    assert all("guide" in phase.loss_keys for phase in others)


def test_stages_of_pacmap_keep_their_changing_weights_beside_a_share(short, iris):
    routine = short(ParametricPaCMAP, epochs=9, decoder=True, loss_shares={"reconstruction": 0.2})
    routine.add_loss("guide", CorrelationLoss(1), share=0.25)
    first, second, third = routine.training_phases[1:]
    assert first.loss_keys == ["near", "mid", "far", "reconstruction", "guide"]
    assert first.loss_weights[:3] == [2, (1000, 3), 1] or first.loss_weights[:3] == [2, [1000, 3], 1]
    assert third.loss_keys == ["near", "far", "reconstruction", "guide"]
    for phase in (first, second, third):
        assert phase.loss_shares == pytest.approx({"reconstruction": 0.15, "guide": 0.25})
    first = routine.fit(iris[0]).training_phases[1]
    near, mid, _far, *_ = first.loss.weight_history()
    # whatever the balance does, it does to all three
    assert mid[0] / near[0] > 100
    assert mid[-1] / near[-1] < mid[0] / near[0] / 2


def test_weight_of_a_loss_may_change_over_each_stage(short, iris):
    routine = short(ParametricPaCMAP, epochs=6).add_loss("guide", CorrelationLoss(1), weight=[0.0, 2.0])
    routine.fit(iris[0])
    for phase in routine.training_phases[1:]:
        assert tuple(phase.loss_weights[-1]) == (0.0, 2.0)


def test_weight_beside_shares_is_refused_with_the_remedy(short, iris):
    routine = short(ParametricMDS, decoder=True)
    with pytest.raises(ValueError, match=r"needs a share instead of a weight, add_loss\(…, share=0\.2\)"):
        routine.add_loss("guide", CorrelationLoss(1), weight=2.0)
    # and nothing is left behind
    assert "guide" not in routine.fit(iris[0]).losses


def test_key_of_a_presets_own_loss_is_refused(preset, short):
    key = next(iter(short(preset).losses))
    with pytest.raises(ValueError, match=rf"there is a loss '{key}' already. Choose another name"):
        short(preset).add_loss(key, CorrelationLoss(1))


def test_added_share_takes_from_all_others_alike(short):
    routine = short(ParametricMDS, decoder=True, structure=True).add_loss("guide", CorrelationLoss(1), share=0.5)
    shares = routine.training_phases[-1].loss_shares
    before = short(ParametricMDS, decoder=True, structure=True).training_phases[-1].loss_shares
    assert shares == pytest.approx({**{key: share / 2 for key, share in before.items()}, "guide": 0.5})

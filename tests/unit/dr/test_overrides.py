import pytest

from paradime.dr.overrides import AddedLoss
from paradime.exceptions import UnsupportedConfigurationError
from paradime.loss import CorrelationLoss, GlobalStructureLoss, PositionLoss
from paradime.training import TrainingPhase


def phases(**settings):
    return [TrainingPhase("init", loss_keys=["pos"]), TrainingPhase("main", loss_keys=["a", "b"], **settings)]


def losses():
    return {"pos": PositionLoss(), "a": GlobalStructureLoss(), "b": GlobalStructureLoss()}


def extended(added, **settings):
    own, among = losses(), phases(**settings)
    added.apply(own, among)
    assert own[added.key] is added.loss
    assert among[0].loss_keys == ["pos"]
    return among[1]


def test_weight_stands_beside_those_of_the_others():
    assert list(extended(AddedLoss("c", CorrelationLoss(0))).loss_weights) == [1, 1, 1]
    assert list(extended(AddedLoss("c", CorrelationLoss(0), 4.0), loss_weights=[2, 3]).loss_weights) == [2, 3, 4]


def test_changing_weight_is_kept():
    phase = extended(AddedLoss("c", CorrelationLoss(0), (0.0, 4.0)), loss_weights=[2, (1, 5)])
    assert [tuple(w) if isinstance(w, (list, tuple)) else w for w in phase.loss_weights] == [2, (1, 5), (0, 4)]


def test_share_leaves_the_weights_of_the_others_as_they_are():
    phase = extended(AddedLoss("c", CorrelationLoss(0), share=0.25), loss_weights=[2, 3])
    assert list(phase.loss_weights[:2]) == [2, 3]
    assert phase.loss_shares == {"c": 0.25}


def test_share_beside_balanced_losses_shrinks_all_of_them():
    phase = extended(AddedLoss("c", CorrelationLoss(0), share=0.2), loss_weights="balanced")
    assert phase.loss_weights == "balanced"
    assert phase.loss_shares == pytest.approx({"a": 0.4, "b": 0.4, "c": 0.2})


def test_weight_beside_balanced_losses_is_refused():
    with pytest.raises(UnsupportedConfigurationError, match="needs a share instead of a weight"):
        AddedLoss("c", CorrelationLoss(0), 2.0).apply(losses(), phases(loss_weights="balanced"))


def test_refused_loss_leaves_nothing_behind():
    own, among = losses(), phases(loss_weights="balanced")
    with pytest.raises(UnsupportedConfigurationError):
        AddedLoss("c", CorrelationLoss(0), 2.0).apply(own, among)
    assert "c" not in own
    assert among[1].loss_keys == ["a", "b"]


def test_phase_may_be_named():
    own, among = losses(), phases()
    AddedLoss("c", CorrelationLoss(0), phases=["init"]).apply(own, among)
    assert [phase.loss_keys for phase in among] == [["pos", "c"], ["a", "b"]]


def test_unknown_phase_is_corrected():
    with pytest.raises(UnsupportedConfigurationError, match=r"no training phase 'mian'\. Did you mean 'main'"):
        AddedLoss("c", CorrelationLoss(0), phases=["mian"]).apply(losses(), phases())


def test_taken_key_is_refused():
    with pytest.raises(UnsupportedConfigurationError, match="a loss 'a' already"):
        AddedLoss("a", CorrelationLoss(0)).apply(losses(), phases())


def test_no_phase_to_add_to_is_an_error():
    with pytest.raises(UnsupportedConfigurationError, match="no training phase to add loss 'c' to"):
        AddedLoss("c", CorrelationLoss(0)).apply(losses(), phases()[:1])


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_share_lies_within_its_range(share):
    with pytest.raises(ValueError, match=rf"share must lie in \(0, 1\), got {share}"):
        AddedLoss("c", CorrelationLoss(0), share=share)


def test_weight_and_share_exclude_each_other():
    with pytest.raises(ValueError, match="takes a weight or a share, got both"):
        AddedLoss("c", CorrelationLoss(0), 1.0, 0.2)


def test_what_is_no_loss_is_refused():
    with pytest.raises(TypeError, match=r"^loss must be a Loss, got <function .*>\. The key comes first: "):
        AddedLoss("c", lambda: None)


def test_a_loss_without_its_key_is_refused():
    with pytest.raises(TypeError, match=r"^key must be a string, got 3\. The key comes first: add_loss"):
        AddedLoss(3, CorrelationLoss(0))

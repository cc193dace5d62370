"""Maps follow edits: pins and pairs of a file, or constraints, and the rest stays."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from paradime import ParametricMDS, ParametricTSNE
from paradime.constraints import AxisConstraint, Edits, LinkConstraint, PinConstraint

X = load_iris().data


@pytest.fixture(scope="module")
def fitted():
    return ParametricMDS(epochs=20, random_state=0).fit(X)


def pinned_and_linked(routine):
    """Constraints: ten flowers far from where they are, a pair together and one apart."""
    positions = routine.transform(X)
    spread = positions.std(axis=0).max()
    pins = PinConstraint(list(range(10)), positions[:10] + np.array([0, 3 * spread]))
    return [pins, LinkConstraint(must_link=[[20, 120]], cannot_link=[[60, 61]])], positions


def test_edited_rows_are_trained_once_and_the_constraints_are_those_of_the_update(fitted):
    routine = copy.deepcopy(fitted)
    constraints, _ = pinned_and_linked(routine)
    routine.update(X, constraints=constraints, epochs=1)
    assert len(routine.dataset) == routine.n_samples_seen_ == 150
    assert set(routine.drift_.adherence) == {"pin", "link"}
    assert routine.drift_.median_of_others > 0
    assert routine.constraints == {}


def test_a_loaded_routine_takes_the_edited_rows_for_its_own(fitted, tmp_path):
    from paradime.persistence import load

    fitted.save(tmp_path / "m.paradime")
    routine = load(tmp_path / "m.paradime")
    routine.update(X, constraints=PinConstraint([3], [[5.0, 5.0]]), epochs=1)
    routine.save(tmp_path / "again.paradime")
    assert load(tmp_path / "again.paradime").drift_ == routine.drift_


def test_refined_maps_follow_pins_exactly_and_pairs_in_their_unit():
    routine = ParametricTSNE(refine=True, epochs=2, init_epochs=1, perplexity=10, random_state=0).fit(X)
    constraints, _ = pinned_and_linked(routine)
    routine.update(X, constraints=constraints, epochs=2)
    after = routine.transform(X)
    assert np.allclose(after[:10], constraints[0].positions, atol=1e-4)
    assert routine.drift_.adherence["pin"] > 0.999
    unit = routine.model.unit or 1.0
    assert np.linalg.norm(after[20] - after[120]) < 1.05 * unit
    assert np.linalg.norm(after[60] - after[61]) > 2.95 * unit
    assert np.array_equal(routine.transform(X), after)


def test_names_are_those_of_the_index_of_a_data_frame(fitted):
    frame = pd.DataFrame(X, index=[f"f{i}" for i in range(150)])
    edits = Edits(pins=(("f7", (1.0, 2.0)),))
    routine = copy.deepcopy(fitted)
    assert routine.update(frame.to_numpy(), constraints=[PinConstraint([7], [[1.0, 2.0]])], epochs=1).drift_
    assert edits.constraints(n_rows=150, row_names=frame.index)[0].rows == [7]
    with pytest.raises(ValueError, match="the rows have no names"):
        routine.update(X, constraints=edits)
    with pytest.raises(ValueError, match="no row 'f7'"):
        edits.constraints(row_names=["a", "b"])


def test_what_cannot_be_imposed_is_refused_and_the_routine_stays(fitted):
    routine = copy.deepcopy(fitted)
    before = routine.transform(X)
    with pytest.raises(ValueError, match="cannot be exact"):
        routine.update(X, constraints=[AxisConstraint(0, exact=True)])
    with pytest.raises(TypeError, match="must be the path of a file of edits"):
        routine.update(X, constraints=3)
    with pytest.raises(ValueError, match="constraint_share"):
        routine.update(X, constraints=[PinConstraint([0], [[0.0, 0.0]])], constraint_share=1.5)
    with pytest.raises(ValueError, match=r"indices from 0 to 149"):
        routine.update(X, constraints=[PinConstraint([150], [[0.0, 0.0]])])
    assert np.array_equal(routine.transform(X), before)


@pytest.mark.parametrize(
    ("method", "n_pins", "epochs", "least"),
    [("mds", 50, 60, 0.8), ("mds", 10, 150, 0.5), ("tsne", 10, 60, 0.7)],
    ids=["a class, distances", "a part of a class, distances", "a part of a class, neighbours"],
)
def test_the_map_goes_where_rows_are_pinned_and_the_rest_stays(outcome, method, n_pins, epochs, least):
    def measure(seed):
        # pinned rows of a refined map are at their pins by construction
        of_network = {"init_epochs": 2, "perplexity": 10, "refine": False}
        settings = {"mds": (ParametricMDS, {}), "tsne": (ParametricTSNE, of_network)}
        kind, further = settings[method]
        routine = kind(epochs=30, random_state=seed, **further).fit(X)
        positions = routine.transform(X)
        shift = np.array([0, 3 * positions.std(axis=0).max()])
        pins = PinConstraint(list(range(n_pins)), positions[:n_pins] + shift)
        drift = routine.update(X, constraints=[pins], epochs=epochs).drift_
        return {"adherence": drift.adherence["pin"], "movement of others": drift.median_of_others}

    outcome(measure, seeds=2, at_least={"adherence": least}, at_most={"movement of others": 0.3})


def test_pins_are_trained_for_enough_steps_and_have_most_of_what_pairs_leave(fitted):
    from paradime.dr.editing import ImposedConstraints
    from paradime.dr.updating import held_phases

    routine = copy.deepcopy(fitted)
    blocks, (pins, pairs) = routine._components, pinned_and_linked(routine)[0]
    cases = [
        ([pins], {"anchors": 0.9}, 2_000),
        ([pins, pairs], {"anchors": 0.63, "link": 0.3}, 2_000),
        ([pairs], {"link": 0.3}, 1),
    ]
    for constraints, expected, steps in cases:
        imposed = ImposedConstraints.of(routine, constraints, 0.3, routine.dataset)
        with held_phases(blocks, None, None, None, imposed):
            (phase,) = blocks.main_phases()
            assert dict(phase.loss_shares) == pytest.approx(expected)
            assert phase.budget(150).epochs * 2 >= steps


def test_shares_that_leave_nothing_are_refused(fitted):
    routine = copy.deepcopy(fitted)
    constraints, _ = pinned_and_linked(routine)
    with pytest.raises(ValueError, match=r"must sum to less than 1, got 0\.7 and 0\.3"):
        routine.update(X, constraints=constraints, share=0.7)

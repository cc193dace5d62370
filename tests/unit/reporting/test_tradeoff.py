"""What a constraint costs, and its adherence in reports."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import paradime
from paradime import ParametricMDS, ParametricTSNE
from paradime.constraints import AxisConstraint, BoundsConstraint

pytestmark = pytest.mark.usefixtures("few_first_steps")


def data(n: int = 80) -> torch.Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(0))


def test_maps_of_several_shares_start_from_one_and_adhere_the_more_the_larger_the_share(outcome: Any) -> None:
    X = data()

    def measure(seed: int) -> dict[str, float]:
        routine = ParametricMDS(epochs=15, random_state=seed)
        found = paradime.tradeoff(routine, X, AxisConstraint(3), [0.8, 0.2], epochs=30)
        return {
            "gain of a small share": found.adherence[1] - found.adherence[0],
            "gain of a large share": found.adherence[2] - found.adherence[1],
            "gain for new rows": found.adherence_new[2] - found.adherence_new[0],
            "neighbors": found.preserved[2] - found.preserved[0],
        }

    gains = {"gain of a small share": 0.2, "gain of a large share": 0.05, "gain for new rows": 0.2}
    outcome(measure, at_least=gains, at_most={"neighbors": -0.05})


def test_maps_of_several_shares_have_records_and_leave_the_routine_as_it_is() -> None:
    routine = ParametricMDS(epochs=1, random_state=0)
    found = paradime.tradeoff(routine, data(), AxisConstraint(3), [0.8, 0.2], epochs=1)
    assert found.shares == (0.0, 0.2, 0.8)
    assert [len(one.constraints) for one in found.routines] == [0, 1, 1]
    assert not routine.__sklearn_is_fitted__()
    assert [sorted(record) for record in found.records()] == [
        ["adherence", "adherence_new", "preserved", "preserved_new", "share"]
    ] * 3


def test_scores_are_those_of_the_maps() -> None:
    X = data()
    found = paradime.tradeoff(
        ParametricMDS(epochs=5, random_state=0), X[:60], AxisConstraint(3), [0.5], X_new=X[60:]
    )
    for i, routine in enumerate(found.routines):
        positions = routine.transform(X)
        for rows, scores in ((slice(60), found.adherence), (slice(60, None), found.adherence_new)):
            r = np.corrcoef(positions[rows, 0], X[rows, 3])[0, 1]
            assert scores[i] == pytest.approx(abs(r), abs=1e-4)


def test_named_entries_and_targets_are_split_with_the_rows() -> None:
    X = data()
    entries = {"main": X, "age": X[:, 0] + 1}
    found = paradime.tradeoff(
        ParametricTSNE(refine=False, epochs=1, perplexity=5, random_state=0),
        entries,
        AxisConstraint("age"),
        [0.5],
        y=[0, 1] * 40,
    )
    assert np.isfinite(found.adherence_new).all()
    assert found.routines[0].n_samples_seen_ == 64


def test_the_plot_has_a_point_per_map() -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    X = data(40)
    found = paradime.tradeoff(ParametricMDS(epochs=1, random_state=0), X, AxisConstraint(3), [0.5], epochs=1)
    ax = found.plot()
    assert [len(line.get_xdata()) for line in ax.lines] == [2, 2]
    assert "correlation of the axis" in ax.get_xlabel()
    pyplot.close("all")


@pytest.mark.parametrize("shares", [[], [0.0], [1.0], [0.2, 1.5]])
def test_shares_out_of_range_are_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="numbers in"):
        paradime.tradeoff(ParametricMDS(), data(), AxisConstraint(3), shares)


def test_an_exact_constraint_has_no_shares_to_compare() -> None:
    with pytest.raises(ValueError, match="exact=True has no share"):
        paradime.tradeoff(ParametricMDS(), data(), AxisConstraint(3, exact=True))


def test_a_report_has_the_adherence_of_training_rows_and_new_ones() -> None:
    pytest.importorskip("matplotlib")
    X = data()
    routine: Any = ParametricMDS(epochs=2, random_state=0)
    routine.add_constraint(AxisConstraint(3, exact=True)).add_constraint(BoundsConstraint(low=[-9, None]))
    routine.add_constraint(AxisConstraint("age", axis=1))
    routine.fit({"main": X[:60], "age": X[:60, 0]})
    page = paradime.report(routine, X[:60], X_new=X[60:])
    assert "Adherence to constraints" in page.html
    assert (
        "correlation of the axis with the attribute: 1.000 for 60 training rows, 1.000 for 20 new rows"
        in page.html
    )
    assert any("'axis 1' was not measured" in concern for concern in page.concerns)
    plain = paradime.report(ParametricMDS(epochs=1, random_state=0).fit(X), X)
    assert "Adherence to constraints" not in plain.html

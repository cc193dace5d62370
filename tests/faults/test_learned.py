"""What was learned stays usable when a later call fails; nothing that is not finite comes out."""

import numpy as np
import pytest
import torch

from paradime.training import Callback

pytestmark = pytest.mark.usefixtures("few_first_steps")

EVENTS = ["epoch_end", "batch_end", "train_end"]


class Failing(Callback):
    def __init__(self, event, error):
        setattr(self, f"on_{event}", self.fail)
        self.error = error

    def fail(self, state):
        raise self.error


@pytest.mark.row(42, 44)
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("error", [RuntimeError("stopped"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_a_second_fit_that_fails_leaves_the_first(make, event, error, X):
    routine = make().fit(X)
    before = routine.transform(X)
    with pytest.raises(type(error)):
        routine.fit(X[:, :3] + 1, callbacks=[Failing(event, error)])
    np.testing.assert_array_equal(routine.transform(X), before)
    assert routine.n_features_in_ == 5
    routine.fit(X[:, :3])
    assert routine.transform(X[:, :3]).shape == (90, 2)


@pytest.mark.row(42)
def test_a_refined_map_outlives_a_second_fit_that_fails(make_tsne, X):
    tsne = make_tsne(refine=True).fit(X)
    before = tsne.transform(X + 0.1)
    with pytest.raises(RuntimeError, match="stopped"):
        tsne.fit(X[:, :3], callbacks=[Failing("batch_end", RuntimeError("stopped"))])
    np.testing.assert_array_equal(tsne.transform(X + 0.1), before)


@pytest.mark.row(9)
def test_a_fit_to_a_single_row_leaves_what_was_learned(make, X):
    routine = make().fit(X)
    before = routine.transform(X[:1])
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=r"at least 2 samples, got 1 sample"):
            getattr(routine, method)(X[:1])
    np.testing.assert_array_equal(routine.transform(X[:1]), before)


@pytest.mark.row(29)
def test_parts_with_targets_that_the_first_had_not_are_refused(make, X):
    routine = make().fit(X)
    before = routine.transform(X)
    for y in (np.arange(90) % 3, np.arange(7)):
        with pytest.raises(ValueError, match="y must be left out of partial_fit"):
            routine.partial_fit(X, y)
    np.testing.assert_array_equal(routine.transform(X), before)


@pytest.mark.row(29)
def test_targets_of_a_part_of_another_length_are_refused(make, X):
    routine = make().fit(X, np.arange(90) % 3)
    with pytest.raises(ValueError, match=r"shape \(90,\), one per row, got \(7,\)"):
        routine.partial_fit(X, np.arange(7) % 3)


@pytest.mark.row(43)
@pytest.mark.parametrize("method", ["transform", "apply", "embed", "score"])
def test_weights_so_large_that_positions_are_infinite_are_an_error(make, method, X):
    routine = make().fit(X)
    with torch.no_grad():
        for weight in routine.model.parameters():
            weight.mul_(1e30)
    with pytest.raises(ValueError, match=r"position of row \d+ must be finite, got .*learning_rate"):
        getattr(routine, method)(X)


@pytest.mark.row(4)
def test_rows_so_large_that_positions_are_infinite_are_an_error_or_finite(make, X):
    routine = make().fit(X * 1e-30)
    try:
        positions = routine.transform(X * 1e37)
    except ValueError as error:
        assert "must be finite" in str(error)  # noqa: PT017  either may happen
    else:
        assert np.isfinite(positions).all()

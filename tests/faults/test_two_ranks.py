"""Bad input and failures where two processes train together: both end, each with a clear error."""

import numpy as np
import pytest

FIT = """
import numpy as np, paradime
from paradime.training import Callback

class Fails(Callback):
    def on_batch_end(self, state):
        if rank == 1 and fails == "callback":
            raise RuntimeError("stopped")

def run():
    rows, targets = X.copy(), None
    if fails == "NaN" or (fails == "NaN in one" and rank == 1):
        rows[7, 3] = np.nan
    if fails == "targets":
        targets = np.arange(len(rows) - 1) % 3
    return paradime.ParametricMDS(epochs=3, batch_size=20, random_state=0).fit(rows, targets, callbacks=[Fails()])
"""
NAN = "ValueError: X contains NaN, first at row 7, column 3."
LOST = "RankLostError: process 0 of 2 cannot exchange data with the others"


@pytest.mark.row(1, 29, 42, 59)
@pytest.mark.parametrize(
    ("fails", "first", "second"),
    [
        ("NaN", NAN, NAN),
        ("NaN in one", LOST, NAN),
        ("targets", "ValueError: y must have", "ValueError: y must have"),
        ("callback", LOST, "RuntimeError: stopped"),
    ],
)
def test_both_processes_end_with_a_clear_error(fails, first, second, on_two):
    X = np.random.default_rng(0).normal(size=(60, 5))
    results = on_two(FIT, X=X, fails=fails)
    for result, expected in zip(results, (first, second), strict=True):
        assert result.startswith(expected), result

"""Random small data sets of all scales; tools/fuzz_data.py tries many more of them."""

import runpy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

FUZZ = runpy.run_path(str(Path(__file__).resolve().parents[2] / "tools" / "fuzz_data.py"))

pytestmark = pytest.mark.usefixtures("few_first_steps")


@pytest.mark.row(4, 5)
@settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(FUZZ["CASES"])
def test_positions_are_finite_or_an_error_says_why(case):
    FUZZ["outcome_of"](case)

"""Runs ``check_estimator(Preset())`` of scikit-learn for every preset, trained at full length as for a user.

    python tools/check_estimators.py                         # all presets; takes minutes
    python tools/check_estimators.py ParametricMDS           # one of them, or several

The suite runs the same checks with short trainings. Prints, for each preset, how many checks passed, the time, and
which warnings a user sees; the exit code is 1 if a check failed.
"""

from __future__ import annotations

import argparse
import collections
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from sklearn.utils.estimator_checks import check_estimator

import paradime.estimators
from paradime._registry import did_you_mean
from paradime.dr import ParametricDR
from paradime.loss import GlobalStructureLoss
from paradime.training import TrainingPhase


def composed() -> ParametricDR:
    """Returns a routine that is no preset."""
    return ParametricDR(losses=GlobalStructureLoss(), training_phases=[TrainingPhase()])


PRESETS = [name for name in paradime.estimators.__all__ if name.startswith("Parametric")]
ESTIMATORS: dict[str, Callable[[], Any]] = {
    **{name: getattr(paradime.estimators, name) for name in PRESETS},
    "ParametricDR": composed,
}


def check(name: str) -> bool:
    """Prints what the checks of an estimator find; returns whether none failed."""
    start = time.monotonic()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        results = check_estimator(ESTIMATORS[name](), on_fail=None, on_skip=None)
    counts = collections.Counter(result["status"] for result in results)
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    print(f"{name}: {told}, {time.monotonic() - start:.0f} s", flush=True)
    for result in results:
        if result["status"] != "passed":
            print(f"    {result['status']}: {result['check_name']}: {str(result['exception']).strip()[:200]}")
    for message, count in collections.Counter(str(warning.message) for warning in seen).items():
        print(f"    warned {count} times: {message}", flush=True)
    return counts["failed"] == 0


def _known(name: str) -> str:
    if name not in ESTIMATORS:
        raise argparse.ArgumentTypeError(f"unknown estimator {name!r}. {did_you_mean(name, ESTIMATORS)}")
    return name


def main(words: Sequence[str] | None = None) -> int:
    """Checks the estimators that the command line names, or all; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", type=_known, metavar="NAME", help=", ".join(ESTIMATORS))
    passed = [check(name) for name in parser.parse_args(words).names or ESTIMATORS]
    return int(not all(passed))


if __name__ == "__main__":
    sys.exit(main())

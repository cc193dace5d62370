#!/usr/bin/env python
"""Fits estimators to small random data sets of all scales: positions must be finite, or there is a clear error.

The data have 2 to 60 rows, 1 to 20 columns, scales of 1e-12 to 1e12, offsets up to 1e8, duplicates, constant
columns, and several dtypes. An error is clear if ParaDime raises it, as a ValueError or TrainingDivergedError.
Cases that fail are printed and can be repeated, since a case holds all that it depends on.

Usage: python tools/fuzz_data.py --cases 10000
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import functools
import importlib
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import paradime
from paradime import estimators
from paradime.dr import ParametricDR
from paradime.exceptions import TrainingDivergedError
from paradime.loss import StressLoss
from paradime.training import TrainingPhase

SOURCE = Path(paradime.__file__).parent
PRESETS = sorted(set(estimators.__all__) - {"Preset"})
DTYPES = ["float64", "float32", "float16", "int64", "int16", "uint8", "bool", ">f8"]


@dataclasses.dataclass(frozen=True)
class Case:
    """A data set, and the estimator that is fitted to it."""

    estimator: str
    n: int
    d: int
    scale: int
    offset: float
    dtype: str
    copies: float
    constant: float
    seed: int

    def rows(self) -> np.ndarray[Any, Any]:
        """Makes the rows, shape (n, d)."""
        random = np.random.default_rng(self.seed)
        rows = random.normal(size=(self.n, self.d)) * 10.0**self.scale + self.offset
        rows = np.where(random.random(self.d) < self.constant, rows[0], rows)
        copied = random.random(self.n) < self.copies
        rows[copied] = rows[0]
        kind = np.dtype(self.dtype)
        if kind.kind in "iu":
            limits = np.iinfo(kind)
            rows = np.clip(rows, float(limits.min), float(limits.max) / 2)
        with np.errstate(over="ignore"):
            return rows.astype(kind)

    def make(self) -> Any:
        """Makes the estimator, whose training is short."""
        if self.estimator == "composed":
            return ParametricDR(losses=StressLoss(), training_phases=[TrainingPhase(epochs=2)], random_state=0)
        return getattr(estimators, self.estimator)(epochs=3, random_state=0)


CASES = st.builds(
    Case,
    estimator=st.sampled_from([*PRESETS, "composed"]),
    n=st.integers(2, 60),
    d=st.integers(1, 20),
    scale=st.integers(-12, 12),
    offset=st.sampled_from([0.0, 0.0, 1.0, -1e2, 1e4, -1e6, 1e8]),
    dtype=st.sampled_from(DTYPES),
    copies=st.sampled_from([0.0, 0.0, 0.3, 0.9, 1.0]),
    constant=st.sampled_from([0.0, 0.0, 0.3, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)


def outcome_of(case: Case) -> str:
    """Fits, and embeds the rows; returns ``"finite"``, or what is clear about the error.

    Raises:
        AssertionError: If positions are not finite, or the input was changed.
        Exception: Whatever is no clear error.
    """
    rows = case.rows()
    before = rows.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            positions = case.make().fit(rows).transform(rows)
        except (ValueError, TrainingDivergedError) as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            if not Path(last.filename).is_relative_to(SOURCE):
                raise
            return f"{type(error).__name__}: {''.join(c if not c.isdigit() else '0' for c in str(error))[:60]}"
    assert np.isfinite(positions).all(), f"{case}: positions are not finite"
    assert positions.shape == (case.n, 2)
    np.testing.assert_array_equal(rows, before)
    return "finite"


def main() -> None:
    """Runs the cases and prints how many ended how."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for preset in ("contrastive", "tsne", "umap"):  # initial positions take most of a short training
        importlib.import_module(f"paradime.estimators.{preset}").INIT_BATCHES = 2
    counts: collections.Counter[str] = collections.Counter()
    failures: list[str] = []

    def check(case: Case) -> None:
        try:
            counts[outcome_of(case)] += 1
        except Exception as error:  # any other error is what is searched for
            failures.append(f"{case}: {type(error).__name__}: {str(error)[:200]}")
            print(failures[-1], flush=True)
        if (sum(counts.values()) + len(failures)) % 500 == 0:
            print(f"{sum(counts.values()) + len(failures)} cases, {len(failures)} failures", flush=True)

    how = settings(
        max_examples=arguments.cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    functools.reduce(lambda function, wrap: wrap(function), [given(CASES), seed(arguments.seed), how], check)()
    for outcome, count in counts.most_common():
        print(f"{count:6} {outcome}")
    print(f"{sum(counts.values()) + len(failures)} cases, {len(failures)} failures")
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    main()

"""Wide rows: what a fit of sparse rows with very many columns costs, beside one of their singular vectors.

    python benchmarks/bench_wide.py

With ``--repeated``, each step repeats the projection that is otherwise computed once, on the smaller data alone.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
import torch
from _common import Figure, write_results
from sklearn.decomposition import TruncatedSVD

from paradime import ParametricContrastive
from paradime.data import dataset
from paradime.models import CenterModel, projection_for
from paradime.utils.sparse import SparseRows

EPOCHS, WORDS = 12, 200
SHAPES = ((500, 20_000), (1_500, 200_000))


def documents(n: int, dim: int) -> scipy.sparse.csr_array:
    """Makes documents of ten topics, each of 200 different words."""
    rng = np.random.default_rng(0)
    topics = rng.gamma(0.3, size=(10, dim))
    topics /= topics.sum(axis=1, keepdims=True)
    weights = rng.dirichlet(np.full(10, 0.2), size=n) @ topics
    columns = [rng.choice(dim, WORDS, replace=False, p=row / row.sum()) for row in weights]
    rows = np.repeat(np.arange(n), WORDS)
    values = np.ones(n * WORDS, dtype=np.float32)
    return scipy.sparse.csr_array((values, (rows, np.concatenate(columns))), shape=(n, dim))


def seconds_of(function: Callable[[], Any]) -> tuple[float, Any]:
    """Returns the seconds of a call, and its result."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def bench(n: int, dim: int) -> list[Figure]:
    """Measures fit and transform of one shape."""
    X, name = documents(n, dim), f"{n:,} × {dim:,}, {EPOCHS} epochs"
    routine = ParametricContrastive(epochs=EPOCHS, random_state=0)
    fit, _ = seconds_of(lambda: routine.fit(X))
    transform, _ = seconds_of(lambda: routine.transform(X))
    rows = SparseRows(X)
    network = CenterModel(dim, n_rows=n)
    prepare, _ = seconds_of(lambda: network.prepare(rows, torch.Generator().manual_seed(0)))
    project, _ = seconds_of(lambda: projection_for(network, rows))
    reduce, reduced = seconds_of(lambda: TruncatedSVD(100, random_state=0).fit_transform(X))
    narrow, _ = seconds_of(lambda: ParametricContrastive(epochs=EPOCHS, random_state=0).fit(reduced))
    return [
        Figure(f"{name}: seconds of fit", fit),
        Figure(
            f"{name}: fit beyond that of 100 columns, in times of the projection's preparation and use",
            (fit - narrow) / (prepare + project),
            target=2,
        ),
        Figure(f"{name}: seconds of singular vectors and a fit of these", reduce + narrow),
        Figure(f"{name}: seconds of transform", transform),
    ]


def no_projection(*_: Any) -> None:
    """Stands in for the projection, so that each step makes its own."""


def main() -> None:
    """Measures, prints, and writes ``results/wide.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--repeated", action="store_true", help="repeat the projection in every step, and print only"
    )
    repeated = parser.parse_args().repeated
    warnings.simplefilter("ignore", UserWarning)  # columns that no document has
    ParametricContrastive(epochs=1, random_state=0).fit(documents(60, 400))  # what is loaded once does not count
    if repeated:
        dataset.projection_for = no_projection  # type: ignore[assignment]
        print(*bench(*SHAPES[0]), sep="\n")
        return
    figures = [figure for shape in SHAPES for figure in bench(*shape)]
    print(*figures, sep="\n")
    print(write_results("wide", figures))


if __name__ == "__main__":
    main()

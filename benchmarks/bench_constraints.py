"""Measures constraints on digits: how far rows adhere to each, without and with it, and what it costs.

    python benchmarks/bench_constraints.py                # prints a table in Markdown
    python benchmarks/bench_constraints.py --images docs/images/constraints.png

Rows are split into 1,497 to fit and 300 held out; the routine is ParametricTSNE, not refined, 60 epochs, one seed.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from paradime import ParametricTSNE, metrics
from paradime.constraints import (
    AxisConstraint,
    BoundsConstraint,
    CohesionConstraint,
    ColumnsConstraint,
    Constraint,
    HierarchyConstraint,
    LinkConstraint,
    OrderConstraint,
    ParityConstraint,
    PinConstraint,
    RegionConstraint,
    SectorsConstraint,
)

N_HELD_OUT, EPOCHS, NEIGHBORS = 300, 60, 15
REGIONS = {
    str(digit): {"center": [12 * (digit % 5) - 24, 14 * (digit // 5) - 7], "radius": 5} for digit in range(10)
}


def digits() -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the entries of the rows to fit and of those held out."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order][:, X.std(axis=0) > 0] / 16, y[order]
    entries = {
        "main": np.c_[X, X.mean(axis=1)],  # the last column is the ink
        "digit": y,
        "family": y // 5,
        "half": (y % 2).astype(int),
        "batch": (np.arange(len(X)) % 3 == 0).astype(int),
    }
    entries["shifted"] = entries["main"] + 0.3 * entries["batch"][:, None] * (np.arange(62) % 3 == 0)
    parts = slice(N_HELD_OUT, None), slice(N_HELD_OUT)
    return tuple({name: values[part] for name, values in entries.items()} for part in parts)  # type: ignore[return-value]


def constraints(train: dict[str, Any]) -> dict[str, tuple[Callable[[], Constraint], float | None]]:
    """Returns each constraint as it is made, and its gradient share, by its name in the table."""
    ink, y = train["main"].shape[1] - 1, train["digit"]
    generator = np.random.default_rng(0)
    same = np.array([generator.choice(np.flatnonzero(y == y[i]), 2, replace=False) for i in range(300)])
    others = np.array([[generator.choice(np.flatnonzero(y == a)) for a in (1, 7)] for _ in range(100)])
    triplets = np.array(
        [[generator.choice(np.flatnonzero(y == a)) for a in (3, 5, 8)] for _ in range(300)]
    )  # a 3 is nearer to a 5 than to an 8
    pinned = [int(np.flatnonzero(y == digit)[0]) for digit in range(10)]
    ring = [[20 * np.cos(0.2 * np.pi * i), 20 * np.sin(0.2 * np.pi * i)] for i in range(10)]
    return {
        "AxisConstraint(ink)": (lambda: AxisConstraint(ink), 0.4),
        "AxisConstraint(ink, exact=True)": (lambda: AxisConstraint(ink, exact=True), None),
        'ColumnsConstraint("half")': (lambda: ColumnsConstraint("half"), 0.4),
        'SectorsConstraint("family")': (lambda: SectorsConstraint("family"), 0.4),
        "LinkConstraint(must_link, cannot_link)": (lambda: LinkConstraint(same, others), 0.4),
        "OrderConstraint(triplets)": (lambda: OrderConstraint(triplets), 0.4),
        "PinConstraint(rows, positions)": (lambda: PinConstraint(pinned, ring), 0.4),
        "BoundsConstraint(disc, exact=True)": (
            lambda: BoundsConstraint(center=[0, 0], radius=20, exact=True),
            None,
        ),
        "RegionConstraint(regions)": (lambda: RegionConstraint(REGIONS, label_key="digit"), 0.4),
        'HierarchyConstraint(["family", "digit"])': (lambda: HierarchyConstraint(["family", "digit"]), 0.4),
        'ParityConstraint("half")': (lambda: ParityConstraint("half"), 0.6),
        'CohesionConstraint("family")': (lambda: CohesionConstraint("family"), 0.6),
    }


def fitted(constraint: Constraint | None, share: float | None, train: dict[str, Any], **settings: Any) -> Any:
    """Returns a trained routine."""
    routine = ParametricTSNE(refine=False, epochs=EPOCHS, random_state=0, **settings)
    if constraint is not None:
        routine.add_constraint(constraint, share=share)
    return routine.fit(train)


def preserved(
    routine: Any, train: dict[str, Any], new: dict[str, Any], entry: str = "main"
) -> tuple[float, float]:
    """Returns the share of neighbours preserved, of training rows and of new ones."""
    maps = routine.transform(train[entry]), routine.transform(new[entry])
    seen = metrics.knn_recall(train[entry], maps[0], n_neighbors=NEIGHBORS)
    held_out = metrics.knn_recall(
        train[entry], maps[0], n_neighbors=NEIGHBORS, test_X=new[entry], test_embedding=maps[1]
    )
    return float(seen), float(held_out)


def score(constraint: Constraint, routine: Any, rows: dict[str, Any]) -> str:
    """Returns the adherence of rows as text; a dash if they do not show it."""
    import torch

    from paradime.data import Dataset

    positions = torch.as_tensor(routine.transform(rows["main"])).double()
    found = constraint.adherence(positions, Dataset(rows))
    return "–" if found is None else f"{found.score:.2f}"


def table(maps: dict[str, Any]) -> str:
    """Trains all maps, and returns the table."""
    train, new = digits()
    free = fitted(None, None, train)
    maps["without"] = (free, train["digit"])
    before = preserved(free, train, new)
    lines = [
        "| constraint | score | without, seen / held out | with | neighbours preserved, seen / held out |",
        "|---|---|---|---|---|",
        f"| none | | | | {before[0]:.2f} / {before[1]:.2f} |",
    ]
    for name, (make, share) in constraints(train).items():
        routine = fitted(make(), share, train)
        (constraint,) = routine.constraints.values()
        maps[name] = (routine, train["digit"])
        shown = " / ".join(score(constraint, free, rows) for rows in (train, new))
        now = " / ".join(score(constraint, routine, rows) for rows in (train, new))
        after = preserved(routine, train, new)
        said = name if share is None else f"{name}, share {share:g}"
        lines.append(f"| `{said}` | {constraint.measure} | {shown} | {now} | {after[0]:.2f} / {after[1]:.2f} |")
    return "\n".join([*lines, "", *factor(maps, train, new)])


def factor(maps: dict[str, Any], train: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Returns a table of a batch effect, without and with ``neighbors_given``."""
    lines = ["| | 10-NN accuracy of the batch, seen / held out | of the digit |", "|---|---|---|"]
    for given in (None, "batch"):
        rows = {"main": train["shifted"], "batch": train["batch"]}
        routine = ParametricTSNE(refine=False, epochs=EPOCHS, random_state=0, neighbors_given=given).fit(rows)
        maps[f"neighbors_given={given!r}"] = (routine, train["batch"])
        seen, held_out = routine.transform(train["shifted"]), routine.transform(new["shifted"])
        cells = []
        for what in ("batch", "digit"):
            ours = float(metrics.knn_accuracy(seen, train[what]))
            new_rows = metrics.knn_accuracy(seen, train[what], test_embedding=held_out, test_labels=new[what])
            cells.append(f"{ours:.2f} / {float(new_rows):.2f}")
        lines.append(f"| `neighbors_given={given!r}` | {' | '.join(cells)} |")
    return lines


def draw(maps: dict[str, Any], path: str) -> None:
    """Writes a picture of all maps, coloured by digit or batch."""
    import matplotlib.pyplot as plt

    from paradime import plot

    columns = 4
    figure, axes = plt.subplots(-(-len(maps) // columns), columns, figsize=(16, 16), layout="constrained")
    for ax, (name, (routine, labels)) in zip(axes.flat, maps.items(), strict=False):
        plot.embedding(routine.embedding_, labels=labels, ax=ax, title=name, legend="none")
    for ax in axes.flat[len(maps) :]:
        ax.set_axis_off()
    figure.savefig(path, dpi=60)


def main() -> None:
    """Prints the tables, and draws the maps if asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", help="a PNG file for a picture of all maps")
    images = parser.parse_args().images
    maps: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        print(table(maps))
        if images:
            draw(maps, images)


if __name__ == "__main__":
    main()

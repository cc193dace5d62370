"""Trains any specification on forest cover data, or on a table of yours, and draws the map.

The picture shows the same map twice, on the left coloured by one column of the data, on the right by the kind of
forest. With ``guided.yaml`` the colour changes from left to right, because this specification lets the x-axis
follow the column "Hillshade_Noon"; with a specification of ``specs/`` the axes have no meaning, and only nearness
counts.

    python examples/from_spec.py examples/guided.yaml --out out/guided
    python examples/from_spec.py examples/specs/pacmap.yaml --color Elevation --out out/pacmap
    python examples/from_spec.py my.yaml --data my.csv --color price --out out/mine

writes ``map.png`` and the positions, ``embedding.csv``. A specification may name every column of the table as an
entry of the data, such as the attribute of a correlation loss; ``main`` is all of them, standardised, and
``labels`` the kind of forest.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from sklearn.preprocessing import StandardScaler

import paradime
from paradime.training import ProgressBar
from paradime.utils.plotting import scatterplot

mpl.use("Agg")
import matplotlib.pyplot as plt

GUIDED = Path(__file__).with_name("guided.yaml")


def read_table(path: Path | None) -> tuple[dict[str, np.ndarray], list[str] | None]:
    """Returns the columns of a table by name, and a label a row: of a CSV file, or of the forest cover sample."""
    if path is not None:
        with path.open(encoding="utf-8") as file:
            names = file.readline().strip().split(",")
            values = np.loadtxt(file, delimiter=",", ndmin=2)
        return dict(zip(names, values.T, strict=True)), None
    forest = paradime.datasets.load_covertype()
    kinds = [forest.target_names[number - 1] for number in forest.target]
    return dict(zip(forest.feature_names, forest.data.T, strict=True)), kinds


def draw(embedding: np.ndarray, color: str, values: np.ndarray, kinds: list[str] | None, path: Path) -> None:
    """Draws the map coloured by a column, and beside it by kind, if kinds are known."""
    fig, axes = plt.subplots(
        1, 1 if kinds is None else 2, figsize=(7 if kinds is None else 13, 6), layout="constrained", squeeze=False
    )
    left = axes[0, 0]
    low, high = np.percentile(values, [2, 98])  # a few extreme values would leave one colour to all others
    scatterplot(embedding, c=values, vmin=low, vmax=high, ax=left)
    across, upwards = paradime.metrics.axis_correlation(embedding, values)
    left.set_title(f"{color}: |r| = {across:.2f} with x, {upwards:.2f} with y", fontsize=13)
    bar = fig.colorbar(left.collections[-1], ax=left, shrink=0.7, aspect=30, extend="both")
    bar.outline.set_visible(False)
    bar.solids.set_alpha(1)
    if kinds is not None:
        right = axes[0, 1]
        scatterplot(
            embedding, labels=kinds, ax=right, legend_options={"loc": "center left", "bbox_to_anchor": (1, 0.5)}
        )
        accuracy = paradime.metrics.knn_accuracy(embedding, np.unique(kinds, return_inverse=True)[1])
        right.set_title(f"kind of forest: told by 10 neighbours in {accuracy:.0%}", fontsize=13)
    fig.savefig(path, dpi=110)
    plt.close(fig)


def run(
    spec: Path = GUIDED,
    out: Path = Path("out/from_spec"),
    *,
    data: Path | None = None,
    color: str | None = None,
    rows: int | None = None,
    seed: int = 42,
) -> dict[str, Any]:
    """Trains the specification, draws the map, and returns the |correlation| of the column with either axis."""
    table, kinds = read_table(data)
    table = {name: column[:rows] for name, column in table.items()}
    kinds = None if kinds is None else kinds[:rows]
    if color is None:
        color = "Hillshade_Noon" if data is None else next(iter(table))
    if color not in table:
        raise SystemExit(f"--color must be a column of the table, {', '.join(table)}; got {color}.")
    X = StandardScaler().fit_transform(np.column_stack(list(table.values())))
    entries = {"main": X, **dict(zip(table, X.T, strict=True))}
    if kinds is not None:
        entries["labels"] = np.unique(kinds, return_inverse=True)[1]

    # all that is special about the method stands in the specification
    routine = paradime.dr.ParametricDR.from_spec(spec, random_state=seed)
    routine.train(entries, callbacks=[ProgressBar(spec.stem)])
    embedding = routine.apply(X, "embed").numpy()

    out.mkdir(parents=True, exist_ok=True)
    np.savetxt(out / "embedding.csv", embedding, delimiter=",", fmt="%.6g", header="x,y", comments="")
    draw(embedding, color, table[color], kinds, out / "map.png")
    return {"color": color, "correlations": paradime.metrics.axis_correlation(embedding, table[color])}


def main() -> dict[str, Any]:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "spec", type=Path, nargs="?", default=GUIDED, help="a specification (default: guided.yaml)"
    )
    parser.add_argument("--out", type=Path, default=Path("out/from_spec"), help="folder to write to")
    parser.add_argument("--data", type=Path, help="CSV of numbers with a line of names (default: forest cover)")
    parser.add_argument("--color", help="the column that colours the map (default: Hillshade_Noon, or the first)")
    parser.add_argument("--rows", type=int, help="use the first rows only")
    parser.add_argument("--seed", type=int, default=42, help="seed of all random numbers (default: 42)")
    args = parser.parse_args()
    torch.set_num_threads(1)  # a second thread gains little for a network this small
    found = run(args.spec, args.out, data=args.data, color=args.color, rows=args.rows, seed=args.seed)
    across, upwards = found["correlations"]
    print(f"{found['color']}: |r| = {across:.2f} with x, {upwards:.2f} with y. See {args.out / 'map.png'}")
    return found


if __name__ == "__main__":
    main()

"""Writes ``docs/benchmarks.md`` from ``benchmarks/results/*.json``.

Usage: ``python benchmarks/make_table.py``; ``--check`` only says whether the page is up to date, by the exit code.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from _results import PRODUCT, RESULTS, ratio, reached, read_results

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
# the order of the page; results of other names follow
TOPICS = {
    "guided": "The guided example",
    "neighbors": "Neighbours",
    "graph": "Graphs: calibration, symmetrisation, edges",
    "step": "A training step",
    "wide": "Wide rows",
    "guiding": "Guiding losses with a share of the gradient",
    "parts": "Transform and import",
    "memory": "Memory and growth",
    "estimator": "Estimator",
    "saving": "Saving and loading",
    "reference_rows": "Training rows that a refined map keeps",
    "checkpoints": "Checkpoints",
    "ranks": "Several processes",
    "metrics": "Metrics and explanations",
    "peers": "Other libraries, same machine, same data",
}
HEAD = """\
# Benchmarks

Made from `benchmarks/results/*.json` by `benchmarks/make_table.py`; the results are made by

    make bench                          # what needs no large data; other libraries on 6,000 rows
    make bench DATA=FOLDER              # everything: FOLDER holds covertype.npz and fashion_mnist.npz
    make bench DATA=FOLDER ONLY="step parts"

- Seeds are fixed. Each `benchmarks/bench_<topic>.py` can be run on its own; its docstring says what it
  measures.
- Other libraries run in environments of their own, which the benchmark creates with pinned versions.
- **to target** and **to previous** are ratios, and **below 1 is better** than the target or the previous run,
  for every metric: value / reference where lower is better, else reference / value.
- `python benchmarks/bench_versions.py --old COMMIT` compares two versions in alternating rounds.
- The previous run is the one committed before. The time of a product of two matrices measures how fast the machine
  was in either run: times are comparable as far as these products agree.
"""


BOUNDS = """\
## Bottlenecks

Measured with torch.profiler, cProfile and timers around single operations, on two cores.

- **The guided step** consists of some 150 small torch operations. The network's forward and backward pass take
  longest, then the pairs of the pass (each stored entry of the graph's upper half is read), then the distances in
  the circular layout. Two threads gain little on arrays of this size. Reading the next batch's pairs
  in a second thread gained nothing: the thread waits for the interpreter too often.
- **Exact neighbours of 7,000 rows, k = 600**: half of the time is the selection of 600 of 7,000 distances a row
  (`torch.topk`; NumPy's `partition` and `argpartition`, with and without packed indices, take longer).
- **Neighbours of many rows with few columns**: faiss scans its lists row by row.
- **Spectral positions of 581,012 points**: some 480 products of the graph with a vector, each bound by memory.
  Products by two threads are twice as fast in isolation, but not next to the threads of the eigenvalue solver.
- **Fits by default settings at 581,012 rows**: the phase that learns initial positions takes 29,000 steps of 100
  rows.
"""


def shown(value: float | None, unit: str = "") -> str:
    """Returns a number with three significant digits, and its unit; a dash if there is none.

    Example:
        >>> shown(1234567.8, "rows/s"), shown(0.98765), shown(None)
        ('1,230,000 rows/s', '0.988', '–')
    """
    if value is None:
        return "–"
    digits = float(f"{value:.3g}")
    text = f"{digits:,.0f}" if abs(digits) >= 1000 else f"{digits:.3g}"
    return f"{text} {unit}".rstrip()


def row(figure: Mapping[str, Any]) -> str:
    """Returns a figure as a row of the table."""
    value, target, better = figure["value"], figure["target"], figure["better"]
    sign = "≤" if better == "lower" else "≥"
    verdict = {True: " ✓", False: " ✗", None: ""}[reached(figure)]
    previous = figure["previous"]
    cells = [
        figure["name"],
        shown(value, figure["unit"]),
        "–" if target is None else f"{sign} {shown(target, figure['unit'])}",
        shown(ratio(value, target, better)) + verdict,
        shown(ratio(value, previous["value"] if previous else None, better)),
        figure["note"],
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells).rstrip() + " |"


def products(figures: list[Mapping[str, Any]]) -> str:
    """Returns the product times at which figures and their previous values were measured."""

    def span(values: list[float | None]) -> str:
        known = sorted({f"{value:.3f}" for value in values if value is not None})
        return " to ".join(dict.fromkeys((known[0], known[-1]))) + " s" if known else "not known"

    now = span([figure["product seconds"] for figure in figures])
    old = [figure["previous"]["product seconds"] for figure in figures if figure["previous"]]
    before = f"; in the previous run {span(old)}" if old else ""
    return f"A product of two 2048 × 2048 float32 matrices took {now}{before}."


def machine(described: Mapping[str, Any]) -> str:
    """Returns the machine and the versions as a sentence."""
    hardware = f"{described['processor']}, {described['cores']} cores, {described['threads']} threads"
    left_out = {"processor", "cores", "threads", PRODUCT}
    versions = ", ".join(f"{name} {value}" for name, value in described.items() if name not in left_out)
    return f"{hardware}; {versions}."


def section(title: str, results: Mapping[str, Any]) -> str:
    """Returns the table of a topic."""
    lines = [
        f"## {title}",
        "",
        f"{machine(results['machine'])} {products(results['figures'])}",
        "",
        "| | value | target | to target | to previous | |",
        "|---|---|---|---|---|---|",
        *(row(figure) for figure in results["figures"]),
    ]
    return "\n".join(lines) + "\n"


def page(folder: Path = RESULTS) -> str:
    """Returns the whole page, from the results in a folder."""
    files = {path.stem: path for path in sorted(folder.glob("*.json"))}
    names = [name for name in TOPICS if name in files] + [name for name in files if name not in TOPICS]
    sections = [
        section(TOPICS.get(name, name.capitalize()), read_results(files[name].read_text(encoding="utf-8")))
        for name in names
    ]
    return "\n".join([HEAD, *sections, BOUNDS])


def main() -> int:
    """Writes or checks the page."""
    text = page()
    if "--check" in sys.argv[1:]:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    print("\n".join(line for line in text.splitlines() if line.startswith(("## ", "| "))))
    return 0


if __name__ == "__main__":
    sys.exit(main())

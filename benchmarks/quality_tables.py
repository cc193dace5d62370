"""Records of the quality benchmark: reading and writing their file, tables, and pictures."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _results import RESULTS
from quality_data import CACHE, NAMES, Data
from quality_metrics import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PATH", "draw", "forget_records", "markdown", "read_records", "write_record"]

PATH = RESULTS / "quality" / "records.json"  # a folder of its own: make_table.py reads all files of results/
Record = Mapping[str, Any]
TITLES = {
    "umap_learn": "umap-learn 0.5.12",
    "pacmap": "PaCMAP 0.9.1",
    "opentsne": "openTSNE 1.0.4",
    "torchdr": "TorchDR 0.5, UMAP",
    "paradime_umap": "ParaDime, UMAP",
    "paradime_tsne": "ParaDime, t-SNE",
    "paradime_refined": "ParaDime, t-SNE, refined",
    "paradime_contrastive": "ParaDime, contrastive",
    "paradime_pacmap": "ParaDime, PaCMAP",
}
PEERS = ("umap_learn", "pacmap", "opentsne", "torchdr")
HEADINGS = {
    "digits": "Digits, 1,497 × 64",
    "covertype_sample": "Covertype, sample, 6,000 × 10",
    "pbmc68k": "Blood cells, 600 × 50",
    "hierarchy": "Nested clusters, 12,000 × 30",
    "wordnet": "WordNet's glosses by MiniLM, 18,000 × 384",
    "fashion_mnist": "Fashion-MNIST, 60,000 × 50",
    "covertype": "Covertype, 571,012 × 10",
}
COLUMNS = {"seconds": 1, "cpu_seconds": 1, **dict.fromkeys(METRICS, 3)}  # with the number of decimals
# the metrics by which presets are compared, and with which libraries
COMPARED = {"knn_held_out": PEERS, "preserved_seen": ("umap_learn",), "centroids": PEERS, "lost_rate": PEERS}
# names of metrics in records that were written before they were renamed
RENAMED = {"kept_seen": "preserved_seen", "kept_held_out": "preserved_held_out", "fog": "lost_rate"}


def read_records() -> list[dict[str, Any]]:
    """Returns all records with today's names of metrics, or none if there is no file."""
    if not PATH.exists():
        return []
    records: list[dict[str, Any]] = json.loads(PATH.read_text(encoding="utf-8"))["records"]
    return [{RENAMED.get(key, key): value for key, value in record.items()} for record in records]


def _key(record: Record) -> tuple[Any, ...]:
    return record["dataset"], record["method"], record["seed"]


def write_record(record: Record, machine: Mapping[str, Any]) -> None:
    """Writes a record into the file; it replaces one of the same method, data set and seed."""
    with _locked():
        records: dict[Any, Record] = {_key(old): old for old in read_records()}
        # if stored positions were measured again, the record lacks what describes the run
        of_run = {k: v for k, v in records.get(_key(record), {}).items() if k in ("load", "product seconds")}
        records[_key(record)] = {**of_run, **record}
        _store(records.values(), machine)


def forget_records(methods: Sequence[str], machine: Mapping[str, Any]) -> None:
    """Removes the records of some methods from the file, such as those of a trial."""
    with _locked():
        _store([old for old in read_records() if old["method"] not in methods], machine)


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """Locks the file for other processes."""
    for folder in (CACHE, PATH.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _store(records: Iterable[Record], machine: Mapping[str, Any]) -> None:
    """Writes all records in the order of the tables; the file is replaced as a whole."""
    ordered = list(records)
    order = [*TITLES, *sorted({r["method"] for r in ordered} - set(TITLES))]
    ordered.sort(key=lambda r: (NAMES.index(r["dataset"]), order.index(r["method"]), r["seed"]))
    stored = {"machine": machine, "records": [_rounded(r) for r in ordered]}
    fresh = PATH.with_suffix(".json.new")
    fresh.write_text(json.dumps(stored, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(fresh, PATH)


def _rounded(record: Record) -> dict[str, Any]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in record.items()}


def markdown(results: Iterable[Record]) -> str:
    """Returns a Markdown table per data set: means over the seeds, with largest minus smallest."""
    records = list(results)
    names = [name for name in NAMES if any(r["dataset"] == name for r in records)]
    return "\n".join(_section(name, [r for r in records if r["dataset"] == name]) for name in names)


def _section(name: str, records: Sequence[Record]) -> str:
    methods = list(dict.fromkeys(record["method"] for record in records))
    rows = {method: [r for r in records if r["method"] == method] for method in methods}
    # metrics that were added later are not in all records
    columns = {column: digits for column, digits in COLUMNS.items() if any(column in r for r in records)}
    lines = [
        f"### {HEADINGS[name]}",
        "",
        "| | " + " | ".join(column.replace("_", " ") for column in columns) + " |",
        "|" + "---|" * (len(columns) + 1),
        *(_row(TITLES.get(method, method), runs, columns) for method, runs in rows.items()),
        "",
        _products(records),
        "",
        *_ratios(rows),
    ]
    return "\n".join(lines) + "\n"


def _products(records: Sequence[Record]) -> str:
    values = sorted(f"{r['product seconds']:.3f}" for r in records if "product seconds" in r)
    span = " to ".join(dict.fromkeys((values[0], values[-1]))) + " s" if values else "a time that is not known"
    return f"Before the fits, a product of two 2048 × 2048 float32 matrices took {span}."


def _row(title: str, records: Sequence[Record], columns: Mapping[str, int]) -> str:
    notes = [r["note"] for r in records if "note" in r]
    cells = [_cell(records, name, digits) for name, digits in columns.items()]
    if notes:
        cells[0] = notes[0].replace("|", "\\|")
    return f"| {title} | " + " | ".join(cells) + " |"


def _cell(records: Sequence[Record], name: str, digits: int) -> str:
    values = [r[name] for r in records if name in r]
    if not values:
        return "–"
    spread = f" ± {max(values) - min(values):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{spread}"


def _mean(records: Sequence[Record], name: str) -> float | None:
    values = [r[name] for r in records if name in r]
    return float(np.mean(values)) if values else None


def _ratios(rows: Mapping[str, Sequence[Record]]) -> list[str]:
    """Returns a line per method of ParaDime: ratios of its metrics to those of the best peer."""
    lines = []
    for method in (method for method in rows if method not in PEERS):
        comparisons = []
        for name, peers in COMPARED.items():
            ours = _mean(rows[method], name)
            theirs = [value for peer in peers if (value := _mean(rows.get(peer, []), name)) is not None]
            if ours is None or not theirs:
                continue
            whose = "umap-learn" if len(peers) == 1 else "best peer"
            if METRICS[name]:
                comparisons.append(f"{name.replace('_', ' ')} / {whose} {ours / max(theirs):.3f}")
            else:
                comparisons.append(f"{name.replace('_', ' ')} {ours:.3f}, lowest peer {min(theirs):.3f}")
        if comparisons:
            lines.append(f"- {TITLES.get(method, method)}: " + "; ".join(comparisons))
    return [*lines, ""] if lines else []


def draw(data: Data, records: Iterable[Record], folder: Path, n_drawn: int = 20_000) -> Path | None:
    """Draws all methods' positions of seed 0 side by side, held-out rows darker.

    Args:
        data: The data.
        records: The records; methods whose positions are stored are drawn.
        folder: The folder of the picture.
        n_drawn: Largest number of training rows to draw, the same ones for every method.

    Returns:
        The path, or ``None`` if there is nothing to draw.
    """
    from matplotlib.figure import Figure

    methods = dict.fromkeys(r["method"] for r in records if r["dataset"] == data.name and "note" not in r)
    runs = {method: CACHE / method / data.name / "0" for method in methods}
    runs = {method: run for method, run in runs.items() if (run / "test_embedding.npy").exists()}
    if not runs:
        return None
    figure = Figure(figsize=(5 * len(runs), 5.4), layout="constrained")
    for ax, (method, run) in zip(figure.subplots(1, len(runs), squeeze=False)[0], runs.items(), strict=True):
        _draw_one(ax, data, run, n_drawn)
        ax.set_title(TITLES.get(method, method))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{data.name}.png"
    figure.savefig(path, dpi=110)
    return path


def _draw_one(ax: Axes, data: Data, run: Path, n_drawn: int) -> None:
    from paradime.utils.plotting import scatterplot

    colors = {label: i for i, label in enumerate(np.unique(data.train_labels).tolist())}
    held_out = {"s": 7.0, "alpha": 0.9, "edgecolors": "#22313a", "linewidths": 0.3}
    for name, labels, n, style in (
        ("embedding", data.train_labels, n_drawn, {"s": 4.0, "alpha": 0.25}),
        ("test_embedding", data.test_labels, n_drawn // 10, held_out),
    ):
        drawn = np.random.default_rng(0).permutation(len(labels))[:n]
        positions = np.load(run / f"{name}.npy")[drawn]
        shown: dict[str, Any] = {"labels": labels[drawn].tolist(), "labels_to_index": colors, **style}
        scatterplot(positions, legend=False, ax=ax, **shown)

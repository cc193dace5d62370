"""The figures of a report: of the map, of a linear map, and of maps at random; and figures in words."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from paradime.explain._rows import draw
from paradime.metrics import (
    CorankingCurve,
    Estimate,
    axis_alignment,
    centroid_correlation,
    coranking_curve,
    evaluate,
    knn_accuracy,
    shepard_correlation,
)
from paradime.reporting.material import Labels, Material, linear_map
from paradime.types import AnyArray

__all__ = ["Measured", "Score", "measure", "number", "percent", "with_error"]

_N_PAIRS, _FEW_PAIRS = 30_000, 5_000
_MOST_CLASSES = 500
_CURVE_ELEMENTS = 1_500_000  # rows are sorted, which is slow
_SHUFFLES, _FEW_SHUFFLES, _SHUFFLED_ROWS, _FEW_ROWS = 10, 3, 200, 1_000

_MEANINGS = {
    "neighbours preserved": "share of a point's {k} nearest in the data that are among its {k} nearest in the map",
    "trustworthiness": "1 if no neighbour in the map is false; a false one costs the more, the farther it is in "
    "the data",
    "continuity": "1 if no neighbour in the data is lost; a lost one costs the more, the farther it is in the map",
    "co-ranking area": "neighbours preserved at all sizes of neighbourhoods; 0 is chance, 1 is perfect",
    "kNN accuracy": "share of points whose class is that of most of their {k} nearest",
    "direction of y": "correlation of y with the direction of the map that follows it best",
    "order of distances": "rank correlation of distances in the map with those in the data",
    "distances of class centres": "correlation of distances between centres of classes in the map with those in "
    "the data",
}


_NEIGHBORHOODS = {
    "knn_recall": "neighbours preserved",
    "trustworthiness": "trustworthiness",
    "continuity": "continuity",
}
"""Metrics of :func:`~paradime.metrics.evaluate`, and their names in reports."""


@dataclasses.dataclass(frozen=True)
class Score:
    """A figure of the map beside the same of other maps of the same rows.

    Attributes:
        name: What is measured.
        meaning: What the figure says. All are better if larger, and 1 is best.
        seen: Of rows that the routine was trained with.
        held_out: Of new rows among those, or ``None``.
        pca: Of a linear map (PCA) of as many dimensions, seen rows.
        pca_held_out: Of new rows in it, or ``None``.
        random: Of the map with its places shuffled among the rows: the mean of several, with their standard
            deviation as ``standard_error``; ``None`` if not measured.
        data: Of the data themselves, where it is not 1; seen rows.
        data_held_out: The same of new rows.
    """

    name: str
    meaning: str
    seen: Estimate
    held_out: Estimate | None
    pca: Estimate
    pca_held_out: Estimate | None
    random: Estimate | None
    data: Estimate | None = None
    data_held_out: Estimate | None = None


@dataclasses.dataclass(frozen=True)
class Measured:
    """All figures, and what they were measured with.

    Attributes:
        figures: The figures by name.
        curves: Co-ranking curves by the name of the map, for a picture.
        k: The size of neighbourhoods.
        n_rows: How many rows were measured.
        linear: Places of the old rows in the linear map, shape (n, p).
    """

    figures: dict[str, Score]
    curves: dict[str, CorankingCurve]
    k: int
    n_rows: int
    linear: torch.Tensor


@dataclasses.dataclass(frozen=True)
class _View:
    """Places of old and new rows in one map."""

    old: torch.Tensor
    new: torch.Tensor | None


def measure(material: Material, *, k: int, n_samples: int, random_state: Any) -> Measured:
    """Measures the map, a linear map, and maps at random.

    Args:
        material: The rows and their places.
        k: Size of neighbourhoods, below half of the number of rows.
        n_samples: How many rows to measure, each among all that were kept.
        random_state: Seed of the draws.
    """
    if material.new is not None:
        some = draw(len(material.new), n_samples, random_state)
        material = dataclasses.replace(material, new=material.new.of_rows(some))
    old, new = material.old, material.new
    own = _View(old.places, None if new is None else new.places)
    pca = _View(*linear_map(material))
    data = old.flat, None if new is None else new.flat
    drawn = {"n_samples": n_samples, "random_state": random_state}
    found: dict[str, Score] = {}

    def add(name: str, function: Callable[..., Any], few: dict[str, Any], **options: Any) -> None:
        """Measures by a function of data and places."""

        def of(view: _View, held_out: bool = False) -> Estimate | None:
            if not held_out:
                return _estimate(function(data[0], view.old, **options))
            if view.new is None:
                return None
            unsampled = {key: value for key, value in options.items() if key != "n_samples"}
            return _estimate(function(data[0], view.old, test_X=data[1], test_embedding=view.new, **unsampled))

        chance = _shuffled(lambda places: function(data[0], places, **{**options, **few}), own.old, random_state)
        found[name] = _figure(name, k, of, own, pca, chance)

    _add_neighborhoods(found, data, own, pca, k, drawn)
    curves = _curves(data, own, pca, min(n_samples, max(20, _CURVE_ELEMENTS // len(old))), random_state)
    found["co-ranking area"] = Score(
        "co-ranking area",
        _MEANINGS["co-ranking area"],
        curves["this map"].area,
        curves["new rows"].area if "new rows" in curves else None,
        curves["PCA"].area,
        None,
        Estimate(0.0, n_sampled=len(old)),
    )
    pairs = {"n_pairs": _N_PAIRS, "random_state": random_state}
    add("order of distances", shepard_correlation, {"n_pairs": _FEW_PAIRS}, **pairs)
    if old.labels is not None:
        _add_labelled(found, material, own, pca, k, drawn)
    n_measured = min(n_samples, len(old))
    return Measured(found, curves, k, n_measured, pca.old)


def _add_neighborhoods(
    found: dict[str, Score],
    data: tuple[torch.Tensor, torch.Tensor | None],
    own: _View,
    pca: _View,
    k: int,
    drawn: dict[str, Any],
) -> None:
    """Adds how neighbourhoods are preserved; the distances of each map are computed once for all scores."""

    def of(view: _View, held_out: bool = False) -> dict[str, Estimate]:
        if not held_out:
            return evaluate(data[0], view.old, n_neighbors=k, **drawn)
        if view.new is None:
            return {}
        return evaluate(data[0], view.old, n_neighbors=k, test_X=data[1], test_embedding=view.new)

    n_rows = len(own.old) if len(own.old) <= _FEW_ROWS else _SHUFFLED_ROWS
    shuffled = [
        evaluate(data[0], places, n_neighbors=k, **{**drawn, "n_samples": n_rows})
        for places in _shuffled_places(own.old, drawn["random_state"])
    ]
    seen, new, linear, new_linear = of(own), of(own, True), of(pca), of(pca, True)
    for metric, name in _NEIGHBORHOODS.items():
        chance = _chance([scores[metric] for scores in shuffled])
        meaning = _MEANINGS[name].format(k=k)
        found[name] = Score(
            name, meaning, seen[metric], new.get(metric), linear[metric], new_linear.get(metric), chance
        )


def _figure(
    name: str, k: int, of: Callable[..., Estimate | None], own: _View, pca: _View, chance: Estimate | None
) -> Score:
    seen, linear = of(own), of(pca)
    assert seen is not None
    assert linear is not None
    meaning = _MEANINGS[name].format(k=k)
    return Score(name, meaning, seen, of(own, True), linear, of(pca, True), chance)


def _shuffled(function: Callable[[torch.Tensor], float], places: torch.Tensor, random_state: Any) -> Estimate:
    """Measures maps in which the places belong to other rows; the error is their standard deviation."""
    return _chance([function(shuffled) for shuffled in _shuffled_places(places, random_state)])


def _shuffled_places(places: torch.Tensor, random_state: Any) -> Iterator[torch.Tensor]:
    rng = np.random.default_rng(random_state)
    for _ in range(_SHUFFLES if len(places) <= _FEW_ROWS else _FEW_SHUFFLES):
        yield places[torch.from_numpy(rng.permutation(len(places)))]


def _chance(values: Sequence[float]) -> Estimate:
    numbers = np.asarray(values, dtype=float)
    return Estimate(float(numbers.mean()), standard_error=float(numbers.std(ddof=1)), n_sampled=len(values))


def _curves(
    data: tuple[torch.Tensor, torch.Tensor | None], own: _View, pca: _View, n_samples: int, random_state: Any
) -> dict[str, CorankingCurve]:
    options = {"n_samples": n_samples, "random_state": random_state}
    found = {"this map": coranking_curve(data[0], own.old, **options)}
    if own.new is not None and data[1] is not None:
        some = slice(None, n_samples)
        found["new rows"] = coranking_curve(
            data[0], own.old, test_X=data[1][some], test_embedding=own.new[some], random_state=random_state
        )
    return {**found, "PCA": coranking_curve(data[0], pca.old, **options)}


def _add_labelled(
    found: dict[str, Score], material: Material, own: _View, pca: _View, k: int, drawn: dict[str, Any]
) -> None:
    """Adds figures of what ``y`` says."""
    old, new = material.old, material.new
    labels, new_labels = old.labels, None if new is None else new.labels
    assert labels is not None
    if labels.codes is None:
        _add_direction(found, labels, new_labels, own, pca, drawn["random_state"])
        return
    known = np.flatnonzero(labels.codes >= 0)
    codes = labels.codes[known]
    n_classes = len(np.unique(codes))
    if n_classes < 2 or len(known) <= k:
        return
    keep = torch.from_numpy(known)
    # classes that the old rows lack can be found by no neighbour
    tested = None if new_labels is None or new_labels.codes is None else np.isin(new_labels.codes, codes)
    chosen = None if tested is None or not tested.any() else torch.from_numpy(np.flatnonzero(tested))
    test_codes = None if chosen is None else new_labels.codes[chosen.numpy()]  # type: ignore[union-attr,index]
    data = _View(old.flat, None if new is None else new.flat)

    def accuracy(view: _View, held_out: bool = False) -> Estimate | None:
        if held_out and (chosen is None or view.new is None):
            return None
        test = {"test_embedding": view.new[chosen], "test_labels": test_codes} if held_out else drawn  # type: ignore[index]
        return knn_accuracy(view.old[keep], codes, n_neighbors=k, **test)

    chance = _shuffled(
        lambda places: knn_accuracy(places, codes, n_neighbors=k, n_samples=_SHUFFLED_ROWS),
        own.old[keep],
        drawn["random_state"],
    )
    figure = _figure("kNN accuracy", k, accuracy, own, pca, chance)
    found[figure.name] = dataclasses.replace(figure, data=accuracy(data), data_held_out=accuracy(data, True))
    if 3 <= n_classes <= _MOST_CLASSES:
        _add_centers(found, (codes, test_codes), (data, own, pca), (keep, chosen), drawn["random_state"])


def _add_centers(
    found: dict[str, Score],
    codes: tuple[AnyArray, AnyArray | None],
    views: tuple[_View, _View, _View],
    keep: tuple[torch.Tensor, torch.Tensor | None],
    random_state: Any,
) -> None:
    """Adds how distances between centres of classes agree; views are the data, the map, and a linear map."""
    data, own, pca = views
    old, chosen = data.old[keep[0]], keep[1]

    def centers(view: _View, held_out: bool = False) -> Estimate | None:
        test: dict[str, Any] = {}
        if held_out:
            if chosen is None or view.new is None or data.new is None or len(np.unique(codes[1])) < 2:  # type: ignore[arg-type]
                return None
            test = {"test_X": data.new[chosen], "test_embedding": view.new[chosen], "test_labels": codes[1]}
        return _estimate(centroid_correlation(old, view.old[keep[0]], codes[0], **test))

    chance = _shuffled(lambda places: centroid_correlation(old, places, codes[0]), own.old[keep[0]], random_state)
    name = "distances of class centres"
    found[name] = _figure(name, 0, centers, own, pca, chance)


def _add_direction(
    found: dict[str, Score], labels: Labels, new_labels: Labels | None, own: _View, pca: _View, random_state: Any
) -> None:
    """Adds how the map follows ``y`` if it is numbers."""
    keep, values = _known_numbers(labels)
    if len(values) < 3:
        return
    chosen, tested = (None, None) if new_labels is None else _known_numbers(new_labels)

    def strength(view: _View, held_out: bool = False) -> Estimate | None:
        old = view.old[keep]
        if not held_out:
            return _estimate(float(axis_alignment(old, values).strength[0]))
        if tested is None or view.new is None or len(tested) < 2:
            return None
        made = axis_alignment(old, values, test_embedding=view.new[chosen], test_attributes=tested)
        return _estimate(float(made.strength[0]))

    chance = _shuffled(lambda places: axis_alignment(places, values).strength[0], own.old[keep], random_state)
    found["direction of y"] = _figure("direction of y", 0, strength, own, pca, chance)


def _known_numbers(labels: Labels) -> tuple[torch.Tensor, AnyArray]:
    """Which rows have a number, and the numbers."""
    assert labels.numbers is not None
    known = np.flatnonzero(np.isfinite(labels.numbers))
    return torch.from_numpy(known), labels.numbers[known]


def _estimate(value: float) -> Estimate:
    """Figures without an error get one that is not known."""
    return value if isinstance(value, Estimate) else Estimate(value, standard_error=math.nan, n_sampled=0)


def percent(value: float) -> str:
    """Returns a share in percent, with a digit more where it is small.

    Example:
        >>> percent(0.523), percent(0.0123), percent(0.0), percent(0.99996), percent(0.00001)
        ('52%', '1.2%', '0%', '100%', '<0.1%')
    """
    share = 100 * float(value)
    if share == 0 or share >= 9.95:
        return f"{share:.0f}%"
    return f"{share:.1f}%" if share >= 0.05 else "<0.1%" if share > 0 else f"{share:.1f}%"


def number(value: float | None, digits: int = 3) -> str:
    """Returns a number with a fixed number of digits, or a dash where there is none.

    Example:
        >>> number(0.12345), number(None), number(float("nan"))
        ('0.123', '–', '–')
    """
    return "–" if value is None or math.isnan(value) else f"{float(value):.{digits}f}"


def with_error(value: Estimate, as_percent: bool = False) -> str:
    """Returns a figure with its standard error, where it has one.

    Example:
        >>> with_error(Estimate(0.5, standard_error=0.02, n_sampled=9), as_percent=True)
        '50% ± 2.0%'
        >>> with_error(Estimate(0.5, n_sampled=9))
        '0.50'
    """
    error = value.standard_error
    told = percent(value) if as_percent else f"{float(value):.2f}"
    if math.isnan(error) or error == 0:
        return told
    return f"{told} ± {percent(error)}" if as_percent else f"{told} ± {max(error, 0.001):.3f}"

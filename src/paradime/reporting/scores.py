"""The scores of a report: of the map, of PCA, and of permuted positions."""

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
    class_mean_neighbors,
    coranking_curve,
    evaluate,
    knn_accuracy,
    random_triplet_accuracy,
    shepard_correlation,
)
from paradime.reporting.material import Labels, Material, linear_map
from paradime.types import AnyArray
from paradime.utils.seed import generator_of

__all__ = ["Measured", "Score", "measure"]

_N_PAIRS, _FEW_PAIRS = 30_000, 5_000
_N_TRIPLETS, _FEW_TRIPLETS = 15_000, 5_000
_MOST_CLASSES = 500
_CURVE_ELEMENTS = 1_500_000  # rows are sorted, which is slow
_SHUFFLES, _FEW_SHUFFLES, _SHUFFLED_ROWS, _FEW_ROWS = 10, 3, 200, 1_000

_MEANINGS = {
    "neighbours preserved": "share of the {k} nearest in the data that are among the {k} nearest in the map",
    "trustworthiness": "1 if no neighbour in the map is false; penalties grow with its distance rank in the data",
    "continuity": "1 if no neighbour in the data is missing; penalties grow with its distance rank in the map",
    "co-ranking area": "neighbours preserved, over all sizes of neighbourhoods; 0 is chance, 1 is perfect",
    "kNN accuracy": "share of points that are classified correctly by their {k} nearest",
    "direction of y": "correlation of y with the direction of the map that follows it best",
    "order of distances": "rank correlation of distances in the map and in the data",
    "order of triplets": "share of random triplets in which the same of two points is nearer in map and data",
    "distances of class centres": "correlation of distances between class centres in the map and in the data",
    "neighbours of class centres": "share of the nearest class centres in the data that are nearest in the map",
}


_NEIGHBORHOODS = {
    "knn_recall": "neighbours preserved",
    "trustworthiness": "trustworthiness",
    "continuity": "continuity",
}
"""Metrics of :func:`~paradime.metrics.evaluate`, and their names in reports."""


@dataclasses.dataclass(frozen=True)
class Score:
    """A score of the map with the scores of baselines for the same rows.

    Attributes:
        name: The name of the score.
        meaning: A short description. Higher values are better, and 1 is best.
        seen: The value for training rows.
        held_out: The value for new rows among the training rows, or ``None``.
        pca: The value of PCA with the same number of dimensions, for training rows.
        pca_held_out: The value of PCA for new rows, or ``None``.
        random: The mean over several permutations of the positions, with their standard deviation as
            ``standard_error``; ``None`` if not measured.
        data: The value in the data, if it is not 1, for training rows.
        data_held_out: The same for new rows.
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
    """All scores, with the settings of the measurement.

    Attributes:
        scores: The scores by name.
        curves: Co-ranking curves by the name of the map, for a picture.
        k: The size of neighbourhoods.
        n_rows: The number of rows that were measured.
        linear: Positions of the training rows by PCA, shape (n, p).
    """

    scores: dict[str, Score]
    curves: dict[str, CorankingCurve]
    k: int
    n_rows: int
    linear: torch.Tensor


@dataclasses.dataclass(frozen=True)
class _View:
    """Positions of training and new rows in one map."""

    old: torch.Tensor
    new: torch.Tensor | None


def measure(material: Material, *, k: int, n_samples: int, random_state: Any) -> Measured:
    """Measures the map, PCA, and permuted positions.

    Args:
        material: The rows and their positions.
        k: Size of neighbourhoods, below half of the number of rows.
        n_samples: Number of rows to measure, each among all rows of the material.
        random_state: Seed of the draws.
    """
    if material.new is not None:
        sample = draw(len(material.new), n_samples, random_state)
        material = dataclasses.replace(material, new=material.new.of_rows(sample))
    old, new = material.old, material.new
    own = _View(old.positions, None if new is None else new.positions)
    pca = _View(*linear_map(material))
    data = old.flat, None if new is None else new.flat
    drawn = {"n_samples": n_samples, "random_state": random_state}
    scores: dict[str, Score] = {}

    def add(name: str, function: Callable[..., Any], few: dict[str, Any], **options: Any) -> None:
        """Adds a score that is a function of data and positions."""

        def of(view: _View, held_out: bool = False) -> Estimate | None:
            if not held_out:
                return _estimate(function(data[0], view.old, **options))
            if view.new is None:
                return None
            unsampled = {key: value for key, value in options.items() if key != "n_samples"}
            return _estimate(function(data[0], view.old, test_X=data[1], test_embedding=view.new, **unsampled))

        chance = _shuffled(
            lambda positions: function(data[0], positions, **{**options, **few}), own.old, random_state
        )
        scores[name] = _score(name, k, of, own, pca, chance)

    _add_neighborhoods(scores, data, own, pca, k, drawn)
    curves = _curves(data, own, pca, min(n_samples, max(20, _CURVE_ELEMENTS // len(old))), random_state)
    scores["co-ranking area"] = Score(
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
    triplets = {"n_triplets": _N_TRIPLETS, "random_state": random_state}
    add("order of triplets", random_triplet_accuracy, {"n_triplets": _FEW_TRIPLETS}, **triplets)
    if old.labels is not None:
        _add_labelled(scores, material, own, pca, k, drawn)
    n_measured = min(n_samples, len(old))
    return Measured(scores, curves, k, n_measured, pca.old)


def _add_neighborhoods(
    scores: dict[str, Score],
    data: tuple[torch.Tensor, torch.Tensor | None],
    own: _View,
    pca: _View,
    k: int,
    drawn: dict[str, Any],
) -> None:
    """Adds scores of neighbourhoods; the distances of each map are computed once for all of them."""

    def of(view: _View, held_out: bool = False) -> dict[str, Estimate]:
        if not held_out:
            return evaluate(data[0], view.old, n_neighbors=k, **drawn)
        if view.new is None:
            return {}
        return evaluate(data[0], view.old, n_neighbors=k, test_X=data[1], test_embedding=view.new)

    n_rows = len(own.old) if len(own.old) <= _FEW_ROWS else _SHUFFLED_ROWS
    shuffled = [
        evaluate(data[0], positions, n_neighbors=k, **{**drawn, "n_samples": n_rows})
        for positions in _permuted(own.old, drawn["random_state"])
    ]
    seen, new, linear, new_linear = of(own), of(own, True), of(pca), of(pca, True)
    for metric, name in _NEIGHBORHOODS.items():
        chance = _chance([values[metric] for values in shuffled])
        meaning = _MEANINGS[name].format(k=k)
        scores[name] = Score(
            name, meaning, seen[metric], new.get(metric), linear[metric], new_linear.get(metric), chance
        )


def _score(
    name: str, k: int, of: Callable[..., Estimate | None], own: _View, pca: _View, chance: Estimate | None
) -> Score:
    seen, linear = of(own), of(pca)
    assert seen is not None
    assert linear is not None
    meaning = _MEANINGS[name].format(k=k)
    return Score(name, meaning, seen, of(own, True), linear, of(pca, True), chance)


def _shuffled(function: Callable[[torch.Tensor], float], positions: torch.Tensor, random_state: Any) -> Estimate:
    """Returns the mean of a score over permuted positions; the error is the standard deviation."""
    return _chance([function(permuted) for permuted in _permuted(positions, random_state)])


def _permuted(positions: torch.Tensor, random_state: Any) -> Iterator[torch.Tensor]:
    rng = generator_of(random_state)
    for _ in range(_SHUFFLES if len(positions) <= _FEW_ROWS else _FEW_SHUFFLES):
        yield positions[torch.from_numpy(rng.permutation(len(positions)))]


def _chance(values: Sequence[float]) -> Estimate:
    numbers = np.asarray(values, dtype=float)
    return Estimate(float(numbers.mean()), standard_error=float(numbers.std(ddof=1)), n_sampled=len(values))


def _curves(
    data: tuple[torch.Tensor, torch.Tensor | None], own: _View, pca: _View, n_samples: int, random_state: Any
) -> dict[str, CorankingCurve]:
    options = {"n_samples": n_samples, "random_state": random_state}
    curves = {"this map": coranking_curve(data[0], own.old, **options)}
    if own.new is not None and data[1] is not None:
        test_X, test_embedding = data[1][:n_samples], own.new[:n_samples]
        curves["new rows"] = coranking_curve(
            data[0], own.old, test_X=test_X, test_embedding=test_embedding, random_state=random_state
        )
    return {**curves, "PCA": coranking_curve(data[0], pca.old, **options)}


def _add_labelled(
    scores: dict[str, Score], material: Material, own: _View, pca: _View, k: int, drawn: dict[str, Any]
) -> None:
    """Adds scores of the labels."""
    old, new = material.old, material.new
    labels, new_labels = old.labels, None if new is None else new.labels
    assert labels is not None
    if labels.codes is None:
        _add_direction(scores, labels, new_labels, own, pca, drawn["random_state"])
        return
    known = np.flatnonzero(labels.codes >= 0)
    codes = labels.codes[known]
    n_classes = len(np.unique(codes))
    if n_classes < 2 or len(known) <= k:
        return
    keep = torch.from_numpy(known)
    # no neighbour has a class that the training rows lack
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
        lambda positions: knn_accuracy(positions, codes, n_neighbors=k, n_samples=_SHUFFLED_ROWS),
        own.old[keep],
        drawn["random_state"],
    )
    score = _score("kNN accuracy", k, accuracy, own, pca, chance)
    scores[score.name] = dataclasses.replace(score, data=accuracy(data), data_held_out=accuracy(data, True))
    if 3 <= n_classes <= _MOST_CLASSES:
        _add_centers(scores, (codes, test_codes), (data, own, pca), (keep, chosen), drawn["random_state"])


def _add_centers(
    scores: dict[str, Score],
    codes: tuple[AnyArray, AnyArray | None],
    views: tuple[_View, _View, _View],
    keep: tuple[torch.Tensor, torch.Tensor | None],
    random_state: Any,
) -> None:
    """Adds the scores of class centres, their distances and neighbours; views are the data, the map and PCA."""
    data, own, pca = views
    old, chosen = data.old[keep[0]], keep[1]

    def add(name: str, function: Callable[..., float]) -> None:
        def centers(view: _View, held_out: bool = False) -> Estimate | None:
            test: dict[str, Any] = {}
            if held_out:
                if chosen is None or view.new is None or data.new is None or len(np.unique(codes[1])) < 2:  # type: ignore[arg-type]
                    return None
                test = {"test_X": data.new[chosen], "test_embedding": view.new[chosen], "test_labels": codes[1]}
            return _estimate(function(old, view.old[keep[0]], codes[0], **test))

        chance = _shuffled(lambda positions: function(old, positions, codes[0]), own.old[keep[0]], random_state)
        scores[name] = _score(name, 0, centers, own, pca, chance)

    add("distances of class centres", centroid_correlation)
    add("neighbours of class centres", class_mean_neighbors)


def _add_direction(
    scores: dict[str, Score], labels: Labels, new_labels: Labels | None, own: _View, pca: _View, random_state: Any
) -> None:
    """Adds the correlation of a numeric ``y`` with a direction of the map."""
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
        alignment = axis_alignment(old, values, test_embedding=view.new[chosen], test_attributes=tested)
        return _estimate(float(alignment.strength[0]))

    chance = _shuffled(
        lambda positions: axis_alignment(positions, values).strength[0], own.old[keep], random_state
    )
    scores["direction of y"] = _score("direction of y", 0, strength, own, pca, chance)


def _known_numbers(labels: Labels) -> tuple[torch.Tensor, AnyArray]:
    """Returns the rows with a number, and their numbers."""
    assert labels.numbers is not None
    known = np.flatnonzero(np.isfinite(labels.numbers))
    return torch.from_numpy(known), labels.numbers[known]


def _estimate(value: float) -> Estimate:
    """Returns an estimate; a plain number gets an unknown standard error."""
    return value if isinstance(value, Estimate) else Estimate(value, standard_error=math.nan, n_sampled=0)

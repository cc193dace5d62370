"""Measures of single points and features: errors, stretch, novelty, importance."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from paradime.explain import (
    FeatureImportance,
    NeighborhoodError,
    NoveltyDetector,
    NoveltyScores,
    distortion,
    feature_importance,
    neighborhood_error,
)
from paradime.explain._rows import draw
from paradime.metrics import Estimate
from paradime.metrics._comparison import as_comparison
from paradime.metrics.overlap import preserved_at
from paradime.reporting.material import Material, Points

__all__ = ["Details", "look_closer"]

_MOST_SHOWN, _EXPLAINED_ROWS, _REFERENCE_ROWS = 2_000, 100, 2_000
_NOVELTY_NEIGHBORS, _NOVEL = 10, 0.99
_WORST_CLASSES, _FEWEST_OF_CLASS = 3, 10
_STEPS, _REPEATS, _INCOMPLETE = 64, 2, 0.25  # beyond this error, contributions do not sum to positions


@dataclasses.dataclass(frozen=True)
class Details:
    """Measures of single points and features.

    Attributes:
        shown: The points that pictures show, m of those in the material.
        shown_rows: Their indices, shape (m,).
        errors: The neighbourhood error of each, among these points.
        stretch: The local enlargement of areas, relative to the median, shape (m,), or ``None``.
        lost: Share of points none of whose nearest neighbours are preserved.
        lost_in_linear: The same by PCA.
        lost_at_random: The same with permuted positions.
        preserved_mean: Mean share of neighbours preserved, among the points shown.
        worst_classes: Classes with fewer neighbours preserved than the mean, by two standard errors.
        stretch_range: 10th and 90th percentile of the stretch, or ``None`` if it is 0 or unknown.
        importance: Importance of the features; correlated ones count as one.
        novelty: Novelty of the new rows, or ``None``.
        notes: Reasons for what could not be computed.
    """

    shown: Points
    shown_rows: NDArray[np.int64]
    errors: NeighborhoodError
    stretch: NDArray[np.float64] | None
    lost: Estimate
    lost_in_linear: Estimate
    lost_at_random: float
    preserved_mean: float
    worst_classes: tuple[tuple[str, float], ...]
    stretch_range: tuple[float, float] | None
    importance: FeatureImportance
    novelty: NoveltyScores | None
    notes: tuple[str, ...]

    @property
    def novel_share(self) -> float:
        """Share of new rows with a novelty above 99 % of the training rows."""
        return 0.0 if self.novelty is None else float((self.novelty.novelty > _NOVEL).mean())

    @property
    def misplaced_share(self) -> float | None:
        """Share of new rows that are farther from similar rows than 99 % of the training rows."""
        return None if self.novelty is None else float((self.novelty.misplaced > _NOVEL).mean())


def look_closer(material: Material, linear: torch.Tensor, *, k: int, random_state: Any) -> Details:
    """Computes measures of single points and features.

    Args:
        material: The rows and their positions.
        linear: Positions of the training rows by PCA, shape (n, p).
        k: Size of neighbourhoods, below half of the number of rows.
        random_state: Seed of the draws.
    """
    drawn = draw(len(material.old), _MOST_SHOWN, random_state)
    shown, notes = material.old.of_rows(drawn), list[str]()
    errors = neighborhood_error(shown.flat, shown.positions, n_neighbors=k)
    in_linear = as_comparison(shown.flat, linear[torch.from_numpy(drawn)])
    (preserved_in_linear,) = in_linear.row_values(preserved_at([k]))
    stretch = _stretch(material, shown, notes)
    return Details(
        shown=shown,
        shown_rows=drawn,
        errors=errors,
        stretch=stretch,
        lost=_share(errors.preserved == 0),
        lost_in_linear=_share(preserved_in_linear[:, 0].numpy() == 0),
        # the probability that a random draw of k others contains none of the k nearest
        lost_at_random=(1 - k / (len(shown) - 1)) ** k,
        preserved_mean=float(errors.preserved.mean()),
        worst_classes=_worst_classes(shown, errors.preserved),
        stretch_range=_range(stretch),
        importance=_importance(material, notes, random_state),
        novelty=_novelty(material, random_state),
        notes=tuple(notes),
    )


def _share(mask: NDArray[np.bool_]) -> Estimate:
    share = float(mask.mean())
    return Estimate(share, standard_error=math.sqrt(share * (1 - share) / len(mask)), n_sampled=len(mask))


def _range(stretch: NDArray[np.float64] | None) -> tuple[float, float] | None:
    if stretch is None:
        return None
    low, high = np.percentile(stretch, [10, 90])
    return (float(low), float(high)) if low > 0 else None


def _worst_classes(shown: Points, preserved: NDArray[np.float64]) -> tuple[tuple[str, float], ...]:
    """Returns classes with fewer neighbours preserved than the mean, by two standard errors, worst first."""
    if shown.labels is None or shown.labels.codes is None:
        return ()
    codes, mean, classes = shown.labels.codes, preserved.mean(), []
    for code in np.unique(codes[codes >= 0]):
        own = preserved[codes == code]
        if len(own) >= _FEWEST_OF_CLASS and own.mean() + 2 * own.std(ddof=1) / math.sqrt(len(own)) < mean:
            classes.append((shown.labels.names[int(code)], float(own.mean())))
    return tuple(sorted(classes, key=lambda pair: pair[1])[:_WORST_CLASSES])


def _stretch(material: Material, shown: Points, notes: list[str]) -> NDArray[np.float64] | None:
    try:
        areas = distortion(material.model, shown.rows.numpy(), reference=material.old.rows.numpy()).relative_area
    except (RuntimeError, NotImplementedError, MemoryError) as error:  # models without gradients
        notes.append(f"Local stretch was left out: {error}")
        return None
    return np.asarray(areas)


def _importance(material: Material, notes: list[str], random_state: Any) -> FeatureImportance:
    """Computes importance by integrated gradients, or by permutation if these are not available or inexact."""
    rows = material.old.rows.numpy()
    options: dict[str, Any] = {
        "feature_names": material.feature_names,
        "n_samples": _EXPLAINED_ROWS,
        "random_state": random_state,
        "group_collinear": True,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the completeness error is checked below
            importance = feature_importance(material.model, rows, n_steps=_STEPS, **options)
        if (importance.completeness_error or 0.0) <= _INCOMPLETE:
            return importance
        notes.append("Importance is by permutation, since integrated gradients are not exact for this model.")
    except ImportError:
        notes.append("Importance is by permutation, since Captum is missing.")
    except (RuntimeError, NotImplementedError):  # models without gradients
        notes.append("Importance is by permutation, since the model has no gradients.")
    return feature_importance(material.model, rows, method="permutation", n_repeats=_REPEATS, **options)


def _novelty(material: Material, random_state: Any) -> NoveltyScores | None:
    if material.new is None:
        return None
    old = material.old.rows.numpy()
    k = min(_NOVELTY_NEIGHBORS, len(old) - 2)
    detector = NoveltyDetector(
        material.model, n_neighbors=k, n_reference=_REFERENCE_ROWS, random_state=random_state
    )
    return detector.fit(old).score(material.new.rows.numpy())

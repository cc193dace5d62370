"""Verdicts: answers to the questions of a report, by comparing scores with baselines."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from paradime.metrics import Estimate
from paradime.reporting.describing import percent, with_error
from paradime.reporting.details import Details
from paradime.reporting.scores import Measured, Score

__all__ = ["NEW_ROWS", "Level", "Verdict", "compare", "headline", "judge"]

Level = Literal["good", "fair", "poor", "none", "unknown"]

NEW_ROWS = "Are new rows embedded correctly?"
"""The question on new rows."""

_SHOWN = 0.005  # smaller differences are not visible with two digits
_FEWEST = 5  # rows for a standard error


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The answer to a question about the map.

    Attributes:
        question: The question.
        level: ``"good"``, ``"fair"``, ``"poor"`` (worse than PCA), ``"none"`` (no better than permuted
            positions), or ``"unknown"``.
        answer: A short answer.
        reasons: Sentences with the scores that lead to the answer.
        score: The decisive score, or ``None``.
    """

    question: str
    level: Level
    answer: str
    reasons: tuple[str, ...]
    score: Score | None = None


def compare(a: Estimate, b: Estimate, *, spread: float = 0.0) -> int:
    """Compares two values of a metric.

    Args:
        a: A value.
        b: Another value.
        spread: The standard deviation of the metric over permuted positions.

    Returns:
        1 or −1 if they differ by more than two standard errors and visibly with two digits, else 0.

    Example:
        >>> tall, small = (Estimate(value, standard_error=0.1, n_sampled=50) for value in (0.9, 0.8))
        >>> compare(tall, small), compare(tall, Estimate(0.2, n_sampled=50))
        (0, 1)
    """
    errors = [0.0 if math.isnan(error) else error for error in (a.standard_error, b.standard_error)]
    tolerance = max(_SHOWN, 2 * math.hypot(*errors, spread))
    difference = float(a) - float(b)
    return 0 if abs(difference) <= tolerance else int(math.copysign(1, difference))


def judge(measured: Measured, details: Details) -> list[Verdict]:
    """Answers the four questions of a report.

    No answer depends on fixed thresholds for a metric: the map is compared with PCA and with permuted positions of
    the same rows, and more than half of its neighbours should be correct.
    """
    return [
        _neighbors(measured),
        _new_rows(measured, details),
        _distances(measured),
        _unreliable(measured, details),
    ]


def headline(verdicts: list[Verdict]) -> str:
    """Returns a summary of verdicts in one sentence."""
    near, new, far, _ = (verdict.level for verdict in verdicts)
    if near == far == "none":
        return "Do not trust this map: it is no better than permuted positions."
    preserved = verdicts[0].score
    assert preserved is not None
    clauses = [
        "Neighbours in this map are mostly reliable, but PCA preserves more of them"
        if near == "fair" and preserved.seen > 0.5
        else {
            "good": "Neighbours in this map are mostly reliable",
            "fair": "Groups in this map are more reliable than single neighbours",
            "poor": "This map preserves neighbourhoods less well than PCA",
            "none": "Neighbours in this map are meaningless",
        }[near],
        {
            "good": "distances are reliable",
            "fair": "long distances are a rough guide",
            "poor": "long distances are hardly reliable",
            "none": "long distances are meaningless",
        }[far],
    ]
    on_new_rows = {
        "good": "new rows are embedded correctly",
        "fair": "new rows are embedded less exactly",
        "poor": "PCA embeds new rows better",
        "none": "positions of new rows are meaningless",
    }.get(new)
    return "; ".join([*clauses, on_new_rows] if on_new_rows else clauses) + "."


def _spread(score: Score) -> float:
    spread = 0.0 if score.random is None else score.random.standard_error
    return 0.0 if math.isnan(spread) else spread


def _neighbors(measured: Measured) -> Verdict:
    preserved, trust = measured.scores["neighbours preserved"], measured.scores["trustworthiness"]
    assert preserved.random is not None
    assert trust.random is not None
    k, spread, is_majority = measured.k, _spread(preserved), preserved.seen > 0.5
    level: Level
    if compare(preserved.seen, preserved.random, spread=spread) <= 0:
        level, answer = "none", "No: no more than with permuted positions"
    elif compare(preserved.seen, preserved.pca, spread=spread) < 0:
        level = "fair" if is_majority else "poor"
        answer = "Mostly, but PCA preserves more of them" if is_majority else "Less often than by PCA"
    else:
        level = "good" if is_majority else "fair"
        answer = "Mostly" if is_majority else "In part"
    reasons = [
        f"Of the {k} nearest points in the map, {preserved.seen * k:.1f} are among the {k} nearest in the data: "
        f"{with_error(preserved.seen, True)}, {'more' if is_majority else 'less'} than half. PCA preserves "
        f"{percent(preserved.pca)}, permuted positions {percent(preserved.random)}."
    ]
    if level != "none":
        nearly = 1 - trust.seen < trust.seen - trust.random
        what = "mostly close to these" if nearly else "often distant in the data"
        reasons.append(
            f"The others are {what}: trustworthiness {with_error(trust.seen)}, where 1 is perfect; PCA has "
            f"{trust.pca:.2f}, permuted positions {trust.random:.2f}."
        )
    classes = measured.scores.get("kNN accuracy")
    if classes is not None and classes.data is not None:
        reasons.append(
            f"Nearest neighbours in the map classify {with_error(classes.seen, True)} of the points correctly, "
            f"those in the data {percent(classes.data)}."
        )
    return Verdict("Are neighbours in the map neighbours in the data?", level, answer, tuple(reasons), preserved)


def _new_rows(measured: Measured, details: Details) -> Verdict:
    preserved, k = measured.scores["neighbours preserved"], measured.k
    if preserved.held_out is None or preserved.pca_held_out is None or preserved.random is None:
        reason = "No new rows were given. Pass rows that were held out of the training as X_new."
        return Verdict(NEW_ROWS, "unknown", "Not measured", (reason,))
    if preserved.held_out.n_sampled < _FEWEST:
        reason = (
            f"At least {_FEWEST} new rows are needed, got {preserved.held_out.n_sampled}. Pass more, better 500."
        )
        return Verdict(NEW_ROWS, "unknown", "Too few to tell", (reason,))
    new, linear, spread = preserved.held_out, preserved.pca_held_out, _spread(preserved)
    lost, ahead = preserved.seen - new, new - linear
    level: Level
    if compare(new, preserved.random, spread=spread) <= 0:
        level, answer = "none", "No: no better than permuted positions"
    elif compare(new, linear, spread=spread) < 0:
        level = "fair" if new > 0.5 else "poor"
        answer = "Mostly, but better by PCA" if new > 0.5 else "Less well than by PCA"
    elif compare(preserved.seen, new, spread=spread) <= 0:
        level, answer = "good", "Yes, as well as the training rows"
    elif lost <= ahead:
        level, answer = "good", "Yes, nearly as well as the training rows"
    else:
        level, answer = "fair", "Less well than the training rows"
    reasons = [
        f"Of the {k} nearest training rows in the data, {with_error(new, True)} are among the {k} nearest in the "
        f"map; for training rows it is {percent(preserved.seen)}. For new rows, PCA preserves {percent(linear)}, "
        f"permuted positions {percent(preserved.random)}."
    ]
    classes = measured.scores.get("kNN accuracy")
    if classes is not None and classes.held_out is not None and classes.data_held_out is not None:
        reasons.append(
            f"Neighbours in the map classify {with_error(classes.held_out, True)} of them correctly, neighbours "
            f"in the data {percent(classes.data_held_out)}."
        )
    if details.novelty is not None:
        novel, n = details.novel_share, len(details.novelty.novelty)
        reasons.append(
            f"{percent(novel)} of {n:,} new rows are more isolated than 99% of the training rows; 1% are expected."
        )
        if novel - 0.01 > 2 * math.sqrt(0.01 * 0.99 / n):
            level = "fair" if level == "good" else level
            answer += "; but some are unlike all training rows"
    return Verdict(NEW_ROWS, level, answer, tuple(reasons), preserved)


def _distances(measured: Measured) -> Verdict:
    order = measured.scores["order of distances"]
    assert order.random is not None
    spread, explained = _spread(order), order.seen**2
    level: Level
    if compare(order.seen, order.random, spread=spread) <= 0:
        level, answer = "none", "No: no more than with permuted positions"
    elif explained > 0.5 and compare(order.seen, order.pca, spread=spread) >= 0:
        level, answer = "good", "Yes, at least as much as by PCA"
    elif explained > 0.5:
        level, answer = "fair", "Roughly; PCA preserves them better"
    elif order.pca - order.seen < order.seen - order.random:
        level, answer = "fair", "Only roughly"
    else:
        level, answer = "poor", "Hardly: PCA preserves them better"
    reasons = [
        f"The rank correlation of distances in the map and in the data is {with_error(order.seen)}, which "
        f"explains {percent(explained)} of the variance of ranks. PCA has {order.pca:.2f}, permuted positions "
        f"{order.random:.2f}."
    ]
    triplets = measured.scores["order of triplets"]
    assert triplets.random is not None
    reasons.append(
        f"In {with_error(triplets.seen, True)} of random triplets, the nearer of two points is the nearer one "
        f"in the map (PCA {percent(triplets.pca)}, permuted positions {percent(triplets.random)})."
    )
    centers = measured.scores.get("distances of class centres")
    if centers is not None and centers.random is not None:
        reasons.append(
            f"The correlation of distances between the centres of classes is {centers.seen:.2f} (PCA "
            f"{centers.pca:.2f}, permuted positions {centers.random:.2f} ± {_spread(centers):.2f})."
        )
    if level != "good":
        reasons.append(
            "A wide gap does not imply that groups are very different, nor a large group that its rows vary."
        )
    return Verdict("Are distances between groups meaningful?", level, answer, tuple(reasons), order)


def _unreliable(measured: Measured, details: Details) -> Verdict:
    k, lost, linear = measured.k, details.lost, details.lost_in_linear
    level: Level
    if compare(lost, Estimate(0.0, n_sampled=1)) <= 0:
        level, answer = "good", "Nowhere in particular"
    elif compare(lost, linear) < 0:
        level, answer = "fair", f"At {percent(lost)} of the points"
    elif lost >= details.lost_at_random:
        level, answer = "none", "Everywhere"
    else:
        level, answer = "poor", f"At {percent(lost)} of the points"
    reasons = [
        f"None of the {k} nearest neighbours in the data is among the {k} nearest in the map for "
        f"{with_error(lost, True)} of the points (PCA {percent(linear)}, permuted positions "
        f"{percent(details.lost_at_random)}). The pictures of false and missing neighbours show where."
    ]
    if details.worst_classes:
        classes = ", ".join(f"{name} ({percent(value)})" for name, value in details.worst_classes)
        reasons.append(
            f"Fewer neighbours than the mean of {percent(details.preserved_mean)} are preserved in the classes "
            f"{classes}."
        )
    if details.stretch_range is not None:
        low, high = details.stretch_range
        reasons.append(
            f"The scale of the map varies: areas are enlarged {high / low:.1f} times as much at the most "
            "stretched tenth of the points as at the least stretched tenth (1.0 by PCA). Density in the map is "
            "not density in the data."
            if high / low > 1 + _SHOWN
            else "The map has the same scale everywhere."
        )
    if details.misplaced_share is not None:
        reasons.append(
            f"{percent(details.misplaced_share)} of the new rows are farther from similar rows than 99% of the "
            "training rows; 1% are expected."
        )
    return Verdict("Where is the map unreliable?", level, answer, tuple(reasons))

"""Verdicts: what the figures say in words, and why."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from paradime.metrics import Estimate
from paradime.reporting.details import Details
from paradime.reporting.scores import Measured, Score, percent, with_error

__all__ = ["Level", "Verdict", "compare", "headline", "judge"]

Level = Literal["good", "fair", "poor", "none", "unknown"]

_SHOWN = 0.005  # what two digits show as equal
_FEWEST = 5  # rows, whose spread says how sure a figure is


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The answer to a question about the map.

    Attributes:
        question: The question.
        level: ``"good"``, ``"fair"``, ``"poor"`` (less than a linear map), ``"none"`` (no more than at random), or
            ``"unknown"``.
        answer: The answer in a few words.
        reasons: Sentences that say why, with the figures.
        figure: The figure that decides, or ``None``.
    """

    question: str
    level: Level
    answer: str
    reasons: tuple[str, ...]
    figure: Score | None = None


def compare(a: Estimate, b: Estimate, *, spread: float = 0.0) -> int:
    """Tells which of two figures is larger.

    Args:
        a: A figure.
        b: Another one.
        spread: By how much the figure varies between maps at random of the same rows.

    Returns:
        1 or −1 if they differ by more than two standard errors, and show as different with two digits, else 0.

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

    Nothing is held against numbers of our own choice: a map is compared with the same rows in a map at random and
    in a linear map, and asked whether what it says is more often true than false.
    """
    return [
        _neighbors(measured),
        _new_points(measured, details),
        _distances(measured),
        _places(measured, details),
    ]


def headline(verdicts: list[Verdict]) -> str:
    """Sums up verdicts in one sentence."""
    near, new, far, _ = (verdict.level for verdict in verdicts)
    if near == far == "none":
        return "Do not trust this map: it shows no more of the data than a map at random."
    kept = verdicts[0].figure
    assert kept is not None
    parts = [
        "Neighbours in this map can mostly be trusted, though a linear map shows more of them"
        if near == "fair" and kept.seen > 0.5
        else {
            "good": "Neighbours in this map can mostly be trusted",
            "fair": "Groups in this map can be trusted more than single neighbours",
            "poor": "This map shows neighbourhoods less well than a plain linear map",
            "none": "Neighbours in this map mean nothing",
        }[near],
        {
            "good": "distances can be read off it",
            "fair": "long distances are a rough guide",
            "poor": "long distances say little",
            "none": "long distances mean nothing",
        }[far],
    ]
    told = {
        "good": "new points land where they belong",
        "fair": "new points land less exactly",
        "poor": "new points would land better in a linear map",
        "none": "places of new points mean nothing",
    }.get(new)
    return "; ".join([*parts, told] if told else parts) + "."


def _spread(figure: Score) -> float:
    found = 0.0 if figure.random is None else figure.random.standard_error
    return 0.0 if math.isnan(found) else found


def _neighbors(measured: Measured) -> Verdict:
    kept, trust, k = measured.figures["neighbours preserved"], measured.figures["trustworthiness"], measured.k
    assert kept.random is not None
    assert trust.random is not None
    spread = _spread(kept)
    is_majority = kept.seen > 0.5
    level: Level
    if compare(kept.seen, kept.random, spread=spread) <= 0:
        level, answer = "none", "No: no more than in a map at random"
    elif compare(kept.seen, kept.pca, spread=spread) < 0:
        level = "fair" if is_majority else "poor"
        answer = "Mostly, but more of them in a linear map" if is_majority else "Less often than in a linear map"
    else:
        level = "good" if is_majority else "fair"
        answer = "Mostly" if is_majority else "In part"
    reasons = [
        f"Of the {k} points nearest to a point in the map, {kept.seen * k:.1f} are among its {k} nearest in the "
        f"data: "
        f"{with_error(kept.seen, True)}, {'more' if is_majority else 'less'} than half. A linear map (PCA) has "
        f"{percent(kept.pca)}, a map at random {percent(kept.random)}."
    ]
    if level != "none":
        nearly = 1 - trust.seen < trust.seen - trust.random
        what = "mostly near misses" if nearly else "often far away in the data"
        reasons.append(
            f"Those that are not are {what}: trustworthiness {with_error(trust.seen)}, where 1 is perfect; PCA "
            f"has "
            f"{trust.pca:.2f}, a map at random {trust.random:.2f}."
        )
    classes = measured.figures.get("kNN accuracy")
    if classes is not None and classes.data is not None:
        reasons.append(
            f"The nearest neighbours tell the class of {with_error(classes.seen, True)} of the points in the "
            f"map, of "
            f"{percent(classes.data)} in the data."
        )
    return Verdict("Are neighbours in the map neighbours in the data?", level, answer, tuple(reasons), kept)


def _new_points(measured: Measured, details: Details) -> Verdict:
    question = "Do new points land where they belong?"
    kept, k = measured.figures["neighbours preserved"], measured.k
    if kept.held_out is None or kept.pca_held_out is None or kept.random is None:
        reason = "No rows were given that the map has not seen. Pass some that were kept back, as X_new."
        return Verdict(question, "unknown", "Not measured", (reason,))
    if kept.held_out.n_sampled < _FEWEST:
        reason = (
            f"There are {kept.held_out.n_sampled} new rows, too few to tell. Pass {_FEWEST} or more, better 500."
        )
        return Verdict(question, "unknown", "Too few to tell", (reason,))
    new, linear, spread = kept.held_out, kept.pca_held_out, _spread(kept)
    lost, ahead = kept.seen - new, new - linear
    level: Level
    if compare(new, kept.random, spread=spread) <= 0:
        level, answer = "none", "No: no better than at random"
    elif compare(new, linear, spread=spread) < 0:
        level = "fair" if new > 0.5 else "poor"
        answer = "Mostly, but better in a linear map" if new > 0.5 else "Less well than in a linear map"
    elif compare(kept.seen, new, spread=spread) <= 0:
        level, answer = "good", "Yes, as well as the rows of the training"
    elif lost <= ahead:
        level, answer = "good", "Yes, nearly as well as the rows of the training"
    else:
        level, answer = "fair", "Less well than the rows of the training"
    reasons = [
        f"Of their {k} nearest rows in the data, new points have {with_error(new, True)} among the {k} nearest "
        f"in the "
        f"map; the rows of the training have {percent(kept.seen)}. New points in a linear map have "
        f"{percent(linear)}, "
        f"at random {percent(kept.random)}."
    ]
    classes = measured.figures.get("kNN accuracy")
    if classes is not None and classes.held_out is not None and classes.data_held_out is not None:
        reasons.append(
            f"Their neighbours in the map tell the class of {with_error(classes.held_out, True)} of them, those "
            f"in the "
            f"data of {percent(classes.data_held_out)}."
        )
    if details.novelty is not None:
        strange, n = details.strange_share, len(details.novelty.novelty)
        reasons.append(
            f"{percent(strange)} of {n:,} new points are less like the training rows than 99% of these are; 1% "
            f"are to "
            "be expected."
        )
        if strange - 0.01 > 2 * math.sqrt(0.01 * 0.99 / n):
            level = "fair" if level == "good" else level
            answer += "; but some are unlike all of these"
    return Verdict(question, level, answer, tuple(reasons), kept)


def _distances(measured: Measured) -> Verdict:
    order = measured.figures["order of distances"]
    assert order.random is not None
    spread, explained = _spread(order), order.seen**2
    level: Level
    if compare(order.seen, order.random, spread=spread) <= 0:
        level, answer = "none", "No: no more than in a map at random"
    elif explained > 0.5 and compare(order.seen, order.pca, spread=spread) >= 0:
        level, answer = "good", "Yes, at least as much as in a linear map"
    elif explained > 0.5:
        level, answer = "fair", "Roughly; a linear map shows them better"
    elif order.pca - order.seen < order.seen - order.random:
        level, answer = "fair", "Only roughly"
    else:
        level, answer = "poor", "Little: a linear map shows them better"
    reasons = [
        f"The order of distances in the map has a correlation of {with_error(order.seen)} with that in the "
        f"data: it "
        f"accounts for {percent(explained)} of it. PCA has {order.pca:.2f}, a map at random {order.random:.2f}."
    ]
    centers = measured.figures.get("distances of class centres")
    if centers is not None and centers.random is not None:
        reasons.append(
            f"Distances between the centres of classes have a correlation of {centers.seen:.2f} with those in "
            f"the data "
            f"(PCA {centers.pca:.2f}, at random {centers.random:.2f} ± {_spread(centers):.2f})."
        )
    if level != "good":
        reasons.append(
            "Do not conclude from a wide gap that groups are very different, or from a large group that it "
            "varies much."
        )
    return Verdict("Do distances between groups mean anything?", level, answer, tuple(reasons), order)


def _places(measured: Measured, details: Details) -> Verdict:
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
        f"{with_error(lost, True)} of the points have none of their {k} nearest in the data among the {k} "
        f"nearest in "
        f"the map (PCA {percent(linear)}, at random {percent(details.lost_at_random)}). The pictures of false "
        f"and lost "
        "neighbours show where."
    ]
    if details.worst_classes:
        told = ", ".join(f"{name} ({percent(value)})" for name, value in details.worst_classes)
        reasons.append(
            f"Fewer neighbours than usual, {percent(details.kept_mean)}, are kept in the classes {told}."
        )
    if details.stretch_range is not None:
        low, high = details.stretch_range
        reasons.append(
            f"The map does not have one scale: a small area is enlarged {high / low:.1f} times as much at the "
            f"most "
            "stretched tenth of the points as at the least stretched tenth (1.0 in a linear map). Density in "
            "the map is "
            "not density in the data."
            if high / low > 1 + _SHOWN
            else "The map has the same scale everywhere."
        )
    if details.misplaced_share is not None:
        reasons.append(
            f"{percent(details.misplaced_share)} of the new points lie farther from the rows like them than 99% "
            f"of the "
            "training rows do; 1% are to be expected."
        )
    return Verdict("Where should it not be trusted?", level, answer, tuple(reasons))

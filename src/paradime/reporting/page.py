"""The page of a report: one self-contained HTML file."""

from __future__ import annotations

import dataclasses
import functools
import math
from html import escape
from importlib import resources

from paradime.metrics import Estimate
from paradime.reporting.describing import Facts, number
from paradime.reporting.judging import NEW_ROWS, Verdict
from paradime.reporting.pictures import Picture
from paradime.reporting.scores import Score

__all__ = ["Contents", "render"]


@dataclasses.dataclass(frozen=True)
class Contents:
    """The contents of the page as plain text, which is escaped here.

    Attributes:
        title: The title.
        subtitle: Routine, numbers of rows and dimensions, and date.
        summary: One sentence.
        verdicts: The answers.
        pictures: The pictures.
        scores: All scores.
        constraints: The adherence to each constraint.
        data: Facts about the data.
        routine: Facts about the routine.
        specification: The specification of the routine.
        concerns: Possible problems.
        method: Sentences on how the scores were measured.
    """

    title: str
    subtitle: str
    summary: str
    verdicts: list[Verdict]
    pictures: list[Picture]
    scores: list[Score]
    constraints: Facts
    data: Facts
    routine: Facts
    specification: str
    concerns: list[str]
    method: list[str]


def render(contents: Contents) -> str:
    """Returns the page as HTML."""
    sections = {
        "title": escape(contents.title),
        "style": _asset("style.css"),
        "subtitle": escape(contents.subtitle),
        "summary": escape(contents.summary),
        "verdicts": "".join(_verdict(verdict) for verdict in contents.verdicts),
        "pictures": "".join(_picture(picture) for picture in contents.pictures),
        "scores": _table(contents.scores),
        "concerns": _section("Possible problems", _items(contents.concerns)) if contents.concerns else "",
        "constraints": _constraints(contents.constraints),
        "data": _facts(contents.data),
        "routine": _facts(contents.routine),
        "specification": escape(contents.specification),
        "method": _items(contents.method),
    }
    # split at the placeholders, since texts of the data might look like a placeholder
    pieces = _asset("page.html").split("@@")
    return "".join(sections[piece] if i % 2 else piece for i, piece in enumerate(pieces))


def _section(title: str, content: str) -> str:
    return f'<section class="concerns"><h2>{escape(title)}</h2>{content}</section>'


def _constraints(facts: Facts) -> str:
    if not facts.values:
        return ""
    return f"<section><h2>Adherence to constraints, from 0 to 1</h2>{_facts(facts)}</section>"


def _items(texts: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def _verdict(verdict: Verdict) -> str:
    reasons = "".join(f"<p>{escape(reason)}</p>" for reason in verdict.reasons)
    scale = "" if verdict.score is None else _scale(verdict.score, held_out_first=verdict.question == NEW_ROWS)
    return (
        f'<article class="verdict {verdict.level}"><h3>{escape(verdict.question)}</h3>'
        f'<p class="answer"><span class="mark" aria-hidden="true"></span>{escape(verdict.answer)}</p>'
        f"{scale}{reasons}</article>"
    )


def _scale(score: Score, *, held_out_first: bool) -> str:
    """Returns a scale from 0 to 1 with the score of the map and the baselines."""
    marks: list[tuple[str, str, Estimate | None]] = [
        ("random", "permuted positions", score.random),
        ("pca", "PCA", score.pca_held_out if held_out_first else score.pca),
        ("map", "training rows", score.seen),
    ]
    if held_out_first:
        marks.append(("new", "new rows", score.held_out))
    known = [(kind, name, value) for kind, name, value in marks if value is not None and not math.isnan(value)]
    dots = "".join(
        f'<i class="{kind}" style="left:{100 * min(1.0, max(0.0, value)):.1f}%"></i>' for kind, _, value in known
    )
    legend = "".join(
        f'<span><i class="{kind}"></i>{escape(name)} {number(value, 2)}</span>' for kind, name, value in known
    )
    return (
        f'<div class="scale"><p class="what">{escape(score.name)}, from 0 to 1</p><div class="line">{dots}</div>'
        f'<p class="legend">{legend}</p></div>'
    )


def _picture(picture: Picture) -> str:
    images = "".join(
        f'<img class="only-{theme}" alt="{escape(picture.title)}" src="data:image/png;base64,{data}">'
        for theme, data in picture.images.items()
    )
    caption = f"<b>{escape(picture.title)}</b> {escape(picture.caption)}"
    return f"<figure><figcaption>{caption}</figcaption>{images}</figure>"


def _table(scores: list[Score]) -> str:
    has_new = any(score.held_out is not None for score in scores)
    heads = ["", "this map", *(["new rows"] if has_new else []), "PCA", *(["PCA, new rows"] if has_new else [])]
    heads += ["permuted positions", "in the data"]
    rows = ["<tr>" + "".join(f'<th scope="col">{escape(head)}</th>' for head in heads) + "</tr>"]
    for score in scores:
        cells = [_cell(score.seen), *([_cell(score.held_out)] if has_new else []), _cell(score.pca)]
        cells += [*([_cell(score.pca_held_out)] if has_new else []), _cell(score.random), _cell(score.data)]
        name = f"<b>{escape(score.name)}</b><small>{escape(score.meaning)}</small>"
        rows.append(f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>')
    return f'<div class="wide"><table class="scores">{"".join(rows)}</table></div>'


def _cell(value: Estimate | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    error = value.standard_error
    return number(value) + (
        "" if math.isnan(error) or error == 0 else f"<small>± {number(max(error, 0.001))}</small>"
    )


def _facts(facts: Facts) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.values)
    return f"<dl>{rows}</dl>"


@functools.cache
def _asset(name: str) -> str:
    return resources.files("paradime.reporting").joinpath(name).read_text(encoding="utf-8")

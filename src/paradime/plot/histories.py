"""Plots of losses over the epochs of a training."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime._registry import did_you_mean
from paradime.plot._legend import draw_line_legend
from paradime.plot._palette import palette
from paradime.plot._points import size_in_points
from paradime.plot._text import draw_as_written, draw_title
from paradime.plot._theme import Theme, ThemeName, frame, open_axes, require_matplotlib
from paradime.types import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PhaseCurves", "losses", "read_curves"]

# beyond this ratio of the largest to the smallest loss, a linear axis hides the small ones
_LOG_RATIO = 20.0
_FEW_EPOCHS = 12


def losses(
    history: Any,
    *,
    components: bool = True,
    phases: str | Sequence[str] | None = None,
    log: bool | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    theme: ThemeName | None = None,
    figsize: tuple[float, float] = (8, 4.5),
) -> Axes:
    """Draws the loss of each epoch, and the weighted losses of its components.

    Phases are separated by lines. Their losses differ, so that curves are not connected. Components are drawn with
    their weights, as they contribute to the sum. Losses of held-out rows are dashed.

    Args:
        history: A trained routine, its ``history_``, one number per epoch, or several of these by name.
        components: Whether to draw components in addition to their sum.
        phases: The name or names of the phases to draw; by default all. Other phases may be on another scale.
        log: Whether the axis is logarithmic; by default if losses are positive and differ by a factor of at
            least 20.
        title: The title.
        ax: Axes to draw into; by default those of a new figure.
        theme: ``"light"``, ``"dark"``, or ``None`` for the one that matches the axes.
        figsize: Width and height of a new figure in inches.

    Returns:
        The axes.

    Raises:
        ImportError: If matplotlib is missing.
        TypeError: If the type of ``history`` is not supported.
        ValueError: If there are no epochs, or ``log`` is true and losses are not positive.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = losses([8.0, 4.0, 2.0, 1.5], ax=Figure().subplots())
        >>> ax.lines[0].get_ydata().tolist()
        [8.0, 4.0, 2.0, 1.5]
    """
    require_matplotlib()
    from matplotlib.ticker import MaxNLocator

    drawn = _selected(read_curves(history), phases)
    is_log = _choose_log(drawn, components, log)
    ax, look = open_axes(ax, theme, figsize)
    names = list(dict.fromkeys(name for phase in drawn for name in phase.components if _is_sum(phase)))
    colors = dict(zip(names, palette(len(names) + 1, theme=look.name)[1:], strict=True))
    start = 0
    for phase in drawn:
        _draw_phase(ax, phase, start, look, colors if components else {})
        start += len(phase.loss)
    if is_log:
        ax.set_yscale("log")
    frame(ax, look, grid="y")
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss (sum over the batches)" if hasattr(history, "training_phases") else "loss")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _mark_phases(ax, drawn, look)
    _draw_legend(ax, drawn, names, look)
    draw_title(ax, title, look.ink, pad=20 if len(drawn) > 1 else 6)
    return ax


def _selected(phases: list[PhaseCurves], names: str | Sequence[str] | None) -> list[PhaseCurves]:
    if names is None:
        return phases
    wanted, known = [names] if isinstance(names, str) else list(names), [phase.name for phase in phases]
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        hint = did_you_mean(unknown[0], known) if unknown else "Leave phases out for all."
        raise ValueError(f"phases must be among {known}, got {wanted}. {hint}")
    return [phase for phase in phases if phase.name in wanted]


def _is_sum(phase: PhaseCurves) -> bool:
    """Returns whether the components differ from the loss."""
    return len(phase.components) > 1 or not _known(phase.loss)


def _known(values: FloatArray) -> bool:
    return bool(np.isfinite(values).any())


def _shown(phase: PhaseCurves, components: bool) -> list[FloatArray]:
    shown = list(phase.components.values()) if components and _is_sum(phase) else []
    return [phase.loss, phase.validation, *shown]


def _choose_log(phases: Sequence[PhaseCurves], components: bool, log: bool | None) -> bool:
    values = np.concatenate([curve for phase in phases for curve in _shown(phase, components)])
    values = values[np.isfinite(values)]
    if log and (values <= 0).any():
        raise ValueError(
            f"log=True needs losses > 0, got {values.min():.4g}. Leave log out, or try components=False."
        )
    if log is not None or not len(values):
        return bool(log)
    return bool(values.min() > 0 and values.max() > _LOG_RATIO * values.min())


def _draw_phase(ax: Axes, phase: PhaseCurves, start: int, look: Theme, colors: dict[str, str]) -> None:
    epochs = start + 1 + np.arange(len(phase.loss))
    marker = "o" if len(epochs) <= _FEW_EPOCHS else None
    options: dict[str, Any] = {"marker": marker, "markersize": 3.5, "solid_capstyle": "round"}
    for name, values in phase.components.items():
        if name in colors and _is_sum(phase):
            ax.plot(epochs, values, color=colors[name], linewidth=1.6, gid=f"part:{name}", **options)
    if _known(phase.loss):
        ax.plot(epochs, phase.loss, color=look.ink, linewidth=2.0, gid="loss", zorder=3, **options)
    measured = np.flatnonzero(np.isfinite(phase.validation))
    if len(measured):
        dots = "o" if len(measured) <= _FEW_EPOCHS else None
        ax.plot(
            epochs[measured],
            phase.validation[measured],
            color=look.ink,
            linewidth=1.6,
            linestyle=(0, (4, 2)),
            marker=dots,
            markersize=3.5,
            gid="validation",
        )


def _mark_phases(ax: Axes, phases: Sequence[PhaseCurves], look: Theme) -> None:
    if len(phases) < 2:
        return
    total, start = sum(len(phase.loss) for phase in phases), 0
    width, _ = size_in_points(ax)
    level, end = 0, 0.0
    ax.set_xlim(0.5 - 0.01 * total, total + 0.5 + 0.01 * total)
    for phase in phases:
        if start:
            ax.axvline(start + 0.5, color=look.muted, linewidth=1.0, zorder=0.5)
        left = width * start / total
        level = level + 1 if left < end else 0  # a name that would overlap the last one is written above it
        end = max(end if level else 0.0, left + 5.5 * len(phase.name))
        name = ax.annotate(
            phase.name,
            (start + 0.5, 1.0),
            xycoords=ax.get_xaxis_transform(),
            xytext=(3, 3 + 11 * level),
            textcoords="offset points",
            fontsize=9,
            color=look.ink,
            alpha=0.8,
        )
        draw_as_written(name)
        start += len(phase.loss)


def _draw_legend(ax: Axes, phases: Sequence[PhaseCurves], names: Sequence[str], look: Theme) -> None:
    drawn = {line.get_gid(): line for line in reversed(ax.lines)}
    texts = {f"part:{name}": _with_weight(name, phases) for name in names if f"part:{name}" in drawn}
    texts = {"loss": "sum" if texts else "loss", **texts, "validation": "held-out rows"}
    handles = [drawn[key] for key in texts if key in drawn]
    if len(handles) < 2:
        return
    for handle in handles:
        handle.set_label(texts[str(handle.get_gid())])
    figure = ax.get_figure(root=True)
    # next to the curves if the layout makes space
    beside = figure is not None and figure.get_layout_engine() is not None
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1)} if beside else {"loc": "upper right"}
    draw_line_legend(ax, handles, look, **place)


def _with_weight(name: str, phases: Sequence[PhaseCurves]) -> str:
    """Returns a component's name with its weight, or its first and last weight."""
    weights = [phase.weights[name] for phase in phases if name in phase.weights]
    values = np.concatenate(weights) if weights else np.ones(1)
    first, last = float(values[0]), float(values[-1])
    if math.isclose(float(values.min()), float(values.max()), rel_tol=1e-9):
        return name if first == 1 else f"{name} (weight {first:.3g})"
    return f"{name} (weight {first:.3g} to {last:.3g})"


@dataclasses.dataclass(frozen=True)
class PhaseCurves:
    """The curves of a phase.

    Args:
        name: The name of the phase.
        loss: The loss per epoch.
        components: The weighted losses of the components, by name.
        weights: Their weights at the end of each epoch, by name.
        validation: Losses of held-out rows; NaN if not measured.
    """

    name: str
    loss: FloatArray
    components: Mapping[str, FloatArray] = dataclasses.field(default_factory=dict)
    weights: Mapping[str, FloatArray] = dataclasses.field(default_factory=dict)
    validation: FloatArray = dataclasses.field(default_factory=lambda: np.empty(0))


def read_curves(source: Any) -> list[PhaseCurves]:
    """Reads the curves of all phases with epochs.

    Args:
        source: A trained routine, its ``history_``, an object with such ``records``, one number per epoch, or
            several of these by name.

    Raises:
        TypeError: If the type of ``source`` is not supported.
        ValueError: If there are no epochs.
    """
    curves = [phase for phase in _read(source) if len(phase.loss)]
    if not curves:
        raise ValueError("there is no epoch to draw. Train the routine first: fit(X).")
    return curves


def _read(source: Any) -> list[PhaseCurves]:
    records = getattr(source, "history_", getattr(source, "records", None))
    if records:
        return _of_records(records)
    if hasattr(source, "training_phases"):
        phases = [phase for phase in source.training_phases if getattr(phase, "loss", None) is not None]
        return [_of_phase(phase, i) for i, phase in enumerate(phases)]
    if isinstance(source, Mapping):
        curves = {str(name): _numbers(values, str(name)) for name, values in source.items()}
        if len({len(values) for values in curves.values()}) > 1:
            lengths = {name: len(values) for name, values in curves.items()}
            raise ValueError(f"curves must have one number per epoch, got lengths {lengths}.")
        empty = np.full(len(next(iter(curves.values()), ())), np.nan)
        return [PhaseCurves("", empty, curves)]
    if isinstance(source, (Sequence, np.ndarray)) and not isinstance(source, str):
        if len(source) and all(isinstance(record, Mapping) for record in source):
            return _of_records(list(source))
        return [PhaseCurves("", _numbers(source, "losses"))]
    raise TypeError(
        f"expected a trained routine, its history_, or numbers, got {type(source).__name__}. "
        "Pass the result of fit, or one number per epoch."
    )


def _of_phase(phase: Any, i: int) -> PhaseCurves:
    loss = phase.loss
    components, weights = {}, {}
    if hasattr(loss, "weight_history"):
        # the keys are the user's names of the components in this phase
        keys = list(getattr(phase, "loss_keys", None) or loss.component_names())
        components = dict(zip(keys, np.asarray(loss.detailed_history(), dtype=float), strict=False))
        weights = dict(zip(keys, np.asarray(loss.weight_history(), dtype=float), strict=False))
    return PhaseCurves(phase.name or f"phase {i + 1}", _numbers(loss.history, "history"), components, weights)


def _of_records(records: Sequence[Mapping[str, Any]]) -> list[PhaseCurves]:
    runs: list[list[Mapping[str, Any]]] = []
    for record in records:
        last = runs[-1][-1] if runs else None
        # a phase that is run again starts a new curve
        same = last is not None and last["phase"] == record["phase"] and last["epoch"] < record["epoch"]
        if same:
            runs[-1].append(record)
        else:
            runs.append([record])
    return [_of_run(run, i) for i, run in enumerate(runs)]


def _of_run(run: Sequence[Mapping[str, Any]], i: int) -> PhaseCurves:
    def column(name: str) -> dict[str, FloatArray]:
        keys = dict.fromkeys(key for record in run for key in record.get(name) or {})
        return {key: _numbers([(record.get(name) or {}).get(key) for record in run], key) for key in keys}

    return PhaseCurves(
        str(run[0]["phase"] or f"phase {i + 1}"),
        _numbers([record["loss"] for record in run], "loss"),
        column("losses"),
        column("weights"),
        _numbers([record.get("validation_loss") for record in run], "validation_loss"),
    )


def _numbers(values: Any, name: str) -> FloatArray:
    listed = list(values)
    if not all(value is None or isinstance(value, (numbers.Real, np.number)) for value in listed):
        raise TypeError(f"{name} must be one number per epoch, got {listed[:3]}.")
    return np.array([np.nan if value is None else float(value) for value in listed])

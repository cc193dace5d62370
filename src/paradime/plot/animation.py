"""Animation of a training, with one frame per snapshot of the embedding."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paradime.plot._labels import Classes, Values, check_positions, read_coloring
from paradime.plot._legend import LegendPlace, class_handles, draw_colorbar, draw_legend
from paradime.plot._points import Look, check_colors, draw_points, drawing_order
from paradime.plot._text import draw_title
from paradime.plot._theme import ThemeName, check_axes, hide_scales, new_figure, open_axes
from paradime.plot.alignment import align as aligned
from paradime.plot.maps import check_options
from paradime.types import FloatArray
from paradime.utils.arguments import check_within
from paradime.utils.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.animation import AbstractMovieWriter
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["animate"]

_SUFFIXES = (".gif", ".mp4", ".html")
_MAX_PAUSE = 30
_DPI = 100


def animate(
    frames: Any,
    path: str | os.PathLike[str] = "training.gif",
    *,
    labels: Any = None,
    values: Any = None,
    names: Mapping[Any, str] | Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
    align: bool = True,
    fps: float = 10,
    hold: float = 1.5,
    legend: LegendPlace = "auto",
    legend_title: str | None = None,
    colors: Any = None,
    percentiles: tuple[float, float] = (2, 98),
    size: float | None = None,
    alpha: float | None = None,
    random_state: int = 0,
    theme: ThemeName | None = None,
    figsize: tuple[float, float] = (6.5, 5.2),
) -> Path:
    """Writes an animation of a changing embedding, such as during its training.

    Args:
        frames: Positions, shape (frames, n, 2); or an object with ``frames`` and the epoch of each as
            ``epochs``, such as ``paradime.training.Snapshots``.
        path: The file to write. The suffix sets the format: ``.gif``, ``.mp4`` (which needs ffmpeg), or ``.html``,
            one page with controls. An existing file is replaced atomically.
        labels: One class per point; see :func:`embedding`.
        values: One number per point.
        names: Names of the classes.
        titles: One title per frame; by default the epochs, if they are known.
        align: Whether to align all frames with the last, see :func:`align`.
        fps: Frames per second, > 0.
        hold: Duration of the last frame in seconds, in [0, 30].
        legend: As in :func:`embedding`, except ``"direct"``.
        legend_title: The title of the legend or colour bar.
        colors: As in :func:`embedding`.
        percentiles: As in :func:`embedding`.
        size: As in :func:`embedding`.
        alpha: As in :func:`embedding`.
        random_state: Seed of the order of drawing.
        theme: ``"light"``, ``"dark"``, or ``None``.
        figsize: Width and height in inches, of 100 pixels.

    Returns:
        The path.

    Raises:
        ImportError: If matplotlib is missing.
        OSError: If the file cannot be written, or ffmpeg is needed but missing.
        TypeError: If positions are not numbers.
        ValueError: If frames have another shape or are not finite, or an option is unknown or out of range.

    Example:
        >>> path = getfixture("tmp_path") / "growing.gif"
        >>> Y = np.random.default_rng(0).normal(size=(20, 2))
        >>> animate([Y, 2 * Y, 3 * Y], path, labels=Y[:, 0] > 0).name
        'growing.gif'
    """
    target = Path(path)
    films = _read_frames(frames, align)
    captions = _read_titles(titles, getattr(frames, "epochs", None), len(films))
    check_options(legend=legend, renderer="points", size=size, alpha=alpha)
    _check(target, fps=fps, hold=hold, legend=legend)
    coloring = read_coloring(labels, values, names, films.shape[1], percentiles)
    check_colors(colors, coloring)
    figure = new_figure(theme, figsize)
    try:
        ax, shown = open_axes(figure.subplots(), theme, figsize)
        look = Look(shown, colors, size, alpha, random_state)
        hide_scales(ax)
        drawn = draw_points(ax, films[-1], coloring, look)
        _fit(ax, films)
        if coloring is not None and legend != "none":
            _explain_colors(ax, coloring, look, films.shape[1], legend, legend_title, figsize[1])
        caption = draw_title(ax, captions[0], look.theme.ink, fontsize=11, loc="left")
        order = drawing_order(coloring, films.shape[1], random_state)

        def show(frame: int) -> None:
            drawn.set_offsets(films[frame][order])
            caption.set_text(captions[frame])

        # the final embedding is shown longer
        _write(figure, show, [*range(len(films)), *[len(films) - 1] * round(hold * fps)], target, fps)
    finally:
        _close(figure)
    return target


def _explain_colors(
    ax: Axes, coloring: Classes | Values, look: Look, n_points: int, legend: str, title: str | None, height: float
) -> None:
    if not isinstance(coloring, Classes):
        draw_colorbar(ax, coloring, look, title=title)
        return
    place = "inside" if legend == "inside" else "beside"
    handles = class_handles(coloring, look, n_points)
    draw_legend(ax, handles, look.theme, place=place, title=title, height=60 * height)


def _read_frames(frames: Any, align: bool) -> FloatArray:
    listed = getattr(frames, "frames", frames)
    films = [check_positions(frame, f"frames[{i}]") for i, frame in enumerate(listed)]
    if not films:
        raise ValueError("frames must hold at least one frame, got none. Train with the callback Snapshots first.")
    sizes = {len(film) for film in films}
    if len(sizes) > 1 or 0 in sizes:
        raise ValueError(f"frames must hold the same points, at least one, got {sorted(sizes)} points.")
    if align:
        films = [*(aligned(film, films[-1]) for film in films[:-1]), films[-1]]
    return np.stack(films)


def _read_titles(titles: Sequence[str] | None, epochs: Any, n_frames: int) -> list[str]:
    if titles is None:
        known = epochs is not None and len(epochs) == n_frames
        return [f"epoch {epoch}" for epoch in epochs] if known else [""] * n_frames
    if len(titles) != n_frames:
        raise ValueError(f"titles must be one per frame, got {len(titles)} for {n_frames} frames.")
    return [str(title) for title in titles]


def _check(target: Path, *, fps: float, hold: float, legend: str) -> None:
    if legend == "direct":
        raise ValueError(
            "legend must be 'beside', 'inside' or 'none', got 'direct': names that move are unreadable."
        )
    check_within("fps", fps, "(0, 100]", remedy="Try 10.")
    check_within("hold", hold, f"[0, {_MAX_PAUSE}]", remedy="It is in seconds; try 1.5.")
    if target.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"path must end in {', '.join(_SUFFIXES)}, got {str(target)!r}. Name it training.gif.")
    if target.suffix.lower() == ".mp4" and shutil.which("ffmpeg") is None:
        raise OSError(f"{str(target)!r} needs ffmpeg, which is not installed. Write a .gif or .html file instead.")
    if not target.absolute().parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(target.absolute().parent)!r}. Create it first.")


def _fit(ax: Any, films: FloatArray) -> None:
    """Sets limits that contain the whole last frame, and nearly all points of the others."""
    check_axes(ax)
    last_low, last_high = films[-1].min(axis=0), films[-1].max(axis=0)
    low, high = np.percentile(films.reshape(-1, 2), [0.5, 99.5], axis=0)
    low, high = np.minimum(low, last_low), np.maximum(high, last_high)
    pad = 0.04 * float((high - low).max()) or 0.5
    ax.set_xlim(low[0] - pad, high[0] + pad, auto=True)
    ax.set_ylim(low[1] - pad, high[1] + pad, auto=True)


def _write(figure: Figure, show: Callable[[int], None], sequence: list[int], target: Path, fps: float) -> None:
    # compute the layout once, so that frames do not jump
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    writer = _writer(target.suffix.lower(), fps)
    # writers choose the format by the suffix, and some write several files
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / f"film{target.suffix.lower()}"
        with writer.saving(figure, str(film), _DPI):
            for frame in sequence:
                show(frame)
                writer.grab_frame()
        with atomic_write(target) as temporary:
            shutil.copyfile(film, temporary)


def _writer(suffix: str, fps: float) -> AbstractMovieWriter:
    from matplotlib import animation

    if suffix == ".gif":
        return animation.PillowWriter(fps=fps)  # type: ignore[arg-type]
    if suffix == ".mp4":
        return animation.FFMpegWriter(fps=fps)  # type: ignore[arg-type]
    # matplotlib's default limit would cut large pages silently
    return animation.HTMLWriter(fps=fps, embed_frames=True, embed_limit=1000)  # type: ignore[arg-type]


def _close(figure: Figure) -> None:
    import matplotlib.pyplot as plt

    plt.close(figure)

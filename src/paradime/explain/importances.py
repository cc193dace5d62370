"""Feature importance: which features decide where points lie."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from paradime.explain._attribution import gradient_x_input, integrated_gradients, permuted
from paradime.explain._collinear import COLLINEAR, collinear_groups, names_of_groups, summed_by, with_singles
from paradime.explain._embedder import Embedder, embedder_of
from paradime.explain._rows import as_rows, count_of, draw, first_of
from paradime.utils.autograd import recording_gradients
from paradime.utils.convert import as_numpy
from paradime.utils.frames import feature_names as names_of
from paradime.utils.sparse import is_sparse

__all__ = ["FeatureImportance", "feature_importance"]

_METHODS = ("integrated_gradients", "gradient_x_input", "permutation")
_STEPS, _TRIED_ROWS = (64, 128, 256, 512), 32
_COMPLETE, _INCOMPLETE = 0.05, 0.25  # completeness errors to aim at, and to warn of
_MOST_POOLED = 5_000  # of sparse rows, which become dense
_MOST_TOLD = 4


@dataclasses.dataclass(frozen=True)
class FeatureImportance:
    """What features contribute to the places of rows.

    Attributes:
        names: Names of the features.
        axes: The axes of the embedding that are explained.
        values: Mean absolute contribution to each axis, in units of the embedding, shape (n_features, n_axes).
        standard_errors: Standard errors of ``values``, as those of more such rows, shape (n_features, n_axes).
        signed: Mean contribution, shape (n_features, n_axes): positive where the feature moves rows up the axis.
        overall: Mean length of the contribution over all axes, shape (n_features,). It does not change when the
            embedding is rotated, and is what to look at where single axes mean nothing.
        attributions: Contributions to the place of each row, shape (m, n_features, n_axes).
        rows: Which rows of the data these are, shape (m,).
        row_shape: Shape of a row; ``attributions[i, :, 0].reshape(row_shape)`` is a picture of an image's pixels.
        method: How contributions were computed.
        completeness_error: Of integrated gradients: how far contributions of a row are from adding up to its
            place, relative to the mean way from the baseline. Above 0.05, raise ``n_steps``. ``None`` otherwise.
        groups: Features that go together, by what :meth:`grouped` calls them: of a group, any two have an absolute
            correlation of 0.95 or more in the background. What single ones contribute is arbitrary, and may
            cancel. They are not sought in fewer than 20 rows, among more than 2,000 features, nor among pixels.
    """

    names: list[str]
    axes: tuple[int, ...]
    values: NDArray[np.float64]
    standard_errors: NDArray[np.float64]
    signed: NDArray[np.float64]
    overall: NDArray[np.float64]
    attributions: NDArray[np.float32]
    rows: NDArray[np.int64]
    row_shape: tuple[int, ...]
    method: str
    completeness_error: float | None
    groups: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    _collinear: tuple[tuple[int, ...], ...] = dataclasses.field(default=(), repr=False)
    _together: FeatureImportance | None = dataclasses.field(default=None, repr=False)

    def grouped(self) -> FeatureImportance:
        """Returns importance with each group of collinear features as one, and all others as they are.

        Contributions of a group are the sums of those of its features; in permutation, its features are swapped
        together. A group is called by its first feature: ``"radius + area"``, ``"radius + 2 alike"``.

        Example:
            >>> x = np.linspace(-1, 1, 40)
            >>> X = np.stack([x, x**2, 2 * x], axis=1)
            >>> linear = torch.nn.Linear(3, 1)
            >>> _ = linear.weight.data.copy_(torch.tensor([[4.0, 1.0, 0.5]]))
            >>> found = feature_importance(linear, X, method="gradient_x_input")
            >>> [(name, round(value, 2)) for name, value in found.grouped().top()]
            [('x0 + x2', 2.56), ('x1', 0.27)]
        """
        if not self._collinear:
            return self
        if self._together is not None:
            return dataclasses.replace(self._together, groups=self.groups)
        groups = with_singles(self._collinear, len(self.names))
        attributions = summed_by(groups, torch.from_numpy(self.attributions))
        values = attributions.abs().mean(dim=0, dtype=torch.float64)
        names = names_of_groups(groups, self.names)
        made = _summary(attributions, values, names, self.axes, self.rows, self.method, self.completeness_error)
        return dataclasses.replace(made, groups=self.groups)

    @property
    def shares(self) -> NDArray[np.float64]:
        """Each feature's share in ``values`` of an axis, shape (n_features, n_axes); 0 where all values are 0."""
        total = self.values.sum(axis=0)
        return self.values / np.where(total > 0, total, 1)

    def top(self, n: int = 10, *, axis: int | None = None) -> list[tuple[str, float]]:
        """Returns the most important features, with their importance, largest first.

        Args:
            n: How many.
            axis: For which of the explained axes; by ``overall`` if ``None``.

        Raises:
            ValueError: If the axis was not explained.
        """
        if axis is not None and axis not in self.axes:
            raise ValueError(f"axis must be among the explained ones, {self.axes}, got {axis}.")
        found = self.overall if axis is None else self.values[:, self.axes.index(axis)]
        return [(self.names[i], float(found[i])) for i in np.argsort(-found, kind="stable")[:n]]


@recording_gradients()
def feature_importance(
    routine: Any,
    X: Any,
    *,
    method: Literal["integrated_gradients", "gradient_x_input", "permutation"] = "integrated_gradients",
    axis: int | None = None,
    baseline: Any = "mean",
    background: Any = None,
    feature_names: Sequence[Any] | None = None,
    n_samples: int | None = 1000,
    n_steps: int | None = None,
    n_repeats: int = 5,
    random_state: Any = 0,
    group_collinear: bool = False,
) -> FeatureImportance:
    """Measures how much each feature contributes to the places of rows.

    Args:
        routine: A trained routine, or a torch module that embeds rows.
        X: Rows to explain, shape (m, …): an array, tensor, or data frame.
        method: ``"integrated_gradients"`` follows the way from the baseline to a row, so that contributions add up
            to the way its place goes. ``"gradient_x_input"`` takes the gradient at the row times its difference
            from the baseline; quick, and true near the row only. ``"permutation"`` gives the row values of other
            rows; it needs no gradients, and stays among values that occur, but misses what several features say
            alike.
        axis: The axis of the embedding to explain; all if ``None``.
        baseline: What rows are compared with: ``"mean"`` or ``"median"`` of the background, ``"zeros"``, or a row,
            shape (…). Permutation has no use for it.
        background: Rows of which mean, median and other values are taken, shape (n, …); ``X`` itself if ``None``.
            To explain few rows, pass the training data.
        feature_names: One name a feature; by default those of the data frame, those that the routine knows, or
            ``"x0"``, ``"x1"``, ….
        n_samples: How many rows to explain, drawn at random; all if ``None``.
        n_steps: Places on the way of integrated gradients; if ``None``, as many of 64, 128, 256 and 512 as a few
            rows need for a ``completeness_error`` below 0.05. Networks with centres bend sharply, and need many.
        n_repeats: Other values for each row and feature, in permutation.
        random_state: Seed of the draws.
        group_collinear: Whether features that go together count as one, see :meth:`FeatureImportance.grouped`. If
            not, there is a warning where what they contribute mostly cancels.

    Returns:
        A :class:`FeatureImportance`.

    Raises:
        TypeError: If ``routine`` is neither routine nor module, or ``X`` is no array of numbers.
        NotTrainedError: If the routine is not trained.
        ValueError: If rows do not fit the routine or are not finite, or an argument is out of range.
        ImportError: If Captum is missing, for integrated gradients.

    Example:
        >>> linear = torch.nn.Linear(3, 2)
        >>> _ = linear.weight.data.copy_(torch.tensor([[1.0, 0.0, 0.0], [0.0, -2.0, 0.0]]))
        >>> found = feature_importance(linear, np.eye(3), baseline="zeros", feature_names=["a", "b", "c"])
        >>> found.signed.round(3)
        array([[ 0.333,  0.   ],
               [ 0.   , -0.667],
               [ 0.   ,  0.   ]])
        >>> found.top(1)[0][0]
        'b'
    """
    _check(method, n_steps=1 if n_steps is None else n_steps, n_repeats=n_repeats)
    drawn = draw(count_of(X), n_samples, random_state)
    rows = as_rows(X, drawn=drawn, routine=routine)
    pool = _pooled(*(("X", X) if background is None else ("background", background)), random_state, routine)
    if rows.shape[1:] != pool.shape[1:]:
        raise ValueError(
            f"background must have rows of shape {tuple(rows.shape[1:])}, got {tuple(pool.shape[1:])}. "
            "Pass rows such as those of the training."
        )
    embedder = embedder_of(routine, first_of(X), rows[:1])
    axes = _axes(axis, embedder.out_dim)
    row_shape = tuple(rows.shape[1:])
    names = names_of(X, routine, row_shape=row_shape, given=feature_names)
    error = None
    collinear, together = collinear_groups(pool), None
    if method == "permutation":
        if len(pool) < 2:
            raise ValueError("permutation needs other rows, got 1. Pass the training data: background=X_train.")
        rng = np.random.default_rng(random_state)
        features = with_singles((), rows[0].numel())
        attributions, values = permuted(embedder, rows, pool, axes, n_repeats, rng, features)
        if collinear:
            parts = with_singles(collinear, rows[0].numel())
            ones = [part[0] for part in parts]
            moves, moved = attributions[:, ones], values[ones]
            at = [i for i, part in enumerate(parts) if len(part) > 1]
            moves[:, at], moved[at] = permuted(embedder, rows, pool, axes, n_repeats, rng, collinear)
            together = _summary(moves, moved, names_of_groups(parts, names), axes, drawn, method, None)
    else:
        start = _baseline(baseline, pool, row_shape, is_own=background is None)
        if method == "integrated_gradients":
            steps = _enough_steps(embedder, rows, start, axes) if n_steps is None else int(n_steps)
            attributions = integrated_gradients(embedder, rows, start, axes, steps)
            error = _completeness_error(embedder, rows, start, axes, attributions)
            _warn_if_incomplete(error, steps)
        else:
            attributions = gradient_x_input(embedder, rows, start, axes)
        values = attributions.abs().mean(dim=0, dtype=torch.float64)
    found = _summary(attributions.to(torch.float32), values, names, axes, drawn, method, error)
    groups = names_of_groups(collinear, names)
    found = dataclasses.replace(
        found,
        row_shape=row_shape,
        groups={group: [names[i] for i in members] for group, members in zip(groups, collinear, strict=True)},
        _collinear=collinear,
        _together=together,
    )
    if group_collinear:
        return found.grouped()
    _warn_if_cancelling(found)
    return found


def _warn_if_cancelling(found: FeatureImportance) -> None:
    """Warns of collinear features that seem to decide, and whose contributions are taken back by the others."""
    together = found.grouped().overall
    parts = with_singles(found._collinear, len(found.names))
    alone = {i: float(found.overall[list(part)].max()) for i, part in enumerate(parts) if len(part) > 1}
    # those that would lead the list, with more than twice what the group contributes
    misleading = [i for i, most in alone.items() if most > max(2 * together[i], together.max())]
    if not misleading:
        return
    worst = max(misleading, key=lambda i: alone[i] - together[i])
    members = parts[worst]
    told = [f"{found.names[feature]!r} {found.overall[feature]:.3g}" for feature in members]
    shown = ", ".join(told[:_MOST_TOLD]) + (", …" if len(told) > _MOST_TOLD else "")
    warnings.warn(
        f"collinear features (correlation of {COLLINEAR:g} or more) contribute {shown}, which mostly cancel: "
        f"together they contribute {together[worst]:.3g}. Pass group_collinear=True, or read grouped().",
        stacklevel=3,
    )


def _summary(
    attributions: torch.Tensor,
    values: torch.Tensor,
    names: list[str],
    axes: tuple[int, ...],
    rows: NDArray[Any],
    method: str,
    error: float | None,
) -> FeatureImportance:
    m = len(attributions)
    spread = attributions.abs().std(dim=0) / np.sqrt(m) if m > 1 else torch.full(attributions.shape[1:], torch.nan)
    return FeatureImportance(
        names=names,
        axes=axes,
        values=as_numpy(values.to(torch.float64)),
        standard_errors=as_numpy(spread.to(torch.float64)),
        signed=as_numpy(attributions.mean(dim=0, dtype=torch.float64)),
        overall=as_numpy(attributions.norm(dim=2).mean(dim=0, dtype=torch.float64)),
        attributions=as_numpy(attributions),
        rows=rows.astype(np.int64),
        row_shape=(len(names),),
        method=method,
        completeness_error=error,
    )


def _check(method: Any, **numbers: Any) -> None:
    if method not in _METHODS:
        raise ValueError(f"method must be one of {_METHODS}, got {method!r}. 'permutation' suits any model.")
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{name} must be an integer from 1 on, got {value!r}.")


def _axes(axis: Any, out_dim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(out_dim))
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)) or not 0 <= axis < out_dim:
        raise ValueError(f"axis must be an integer in [0, {out_dim - 1}], got {axis!r}. None explains all axes.")
    return (int(axis),)


def _pooled(name: str, background: Any, random_state: Any, routine: Any) -> torch.Tensor:
    drawn = draw(count_of(background), _MOST_POOLED, random_state) if is_sparse(background) else None
    return as_rows(background, name=name, drawn=drawn, routine=routine)


def _baseline(baseline: Any, pool: torch.Tensor, row_shape: tuple[int, ...], *, is_own: bool) -> torch.Tensor:
    """Returns the row that rows are compared with, shape (…)."""
    if isinstance(baseline, str):
        if baseline not in ("mean", "median", "zeros"):
            raise ValueError(f"baseline must be 'mean', 'median', 'zeros' or a row, got {baseline!r}.")
        if baseline == "zeros":
            return pool.new_zeros(row_shape)
        if len(pool) == 1 and is_own:
            raise ValueError(
                f"baseline={baseline!r} needs other rows than the one to explain. Pass the training data: "
                "background=X_train, or baseline='zeros'."
            )
        if baseline == "median":
            return pool.flatten(1).quantile(0.5, dim=0).view(row_shape)
        return pool.mean(dim=0, dtype=torch.float64).to(pool.dtype)
    row = torch.as_tensor(np.asarray(baseline, dtype=np.float64)).to(pool.dtype)
    if tuple(row.shape) != row_shape or not bool(row.isfinite().all()):
        raise ValueError(f"baseline must be a finite row of shape {row_shape}, got shape {tuple(row.shape)}.")
    return row


def _enough_steps(embedder: Embedder, rows: torch.Tensor, start: torch.Tensor, axes: tuple[int, ...]) -> int:
    """Doubles the steps until contributions of a few rows add up."""
    few = rows[:: max(1, len(rows) // _TRIED_ROWS)][:_TRIED_ROWS]
    for steps in _STEPS[:-1]:
        found = integrated_gradients(embedder, few, start, axes, steps)
        if _completeness_error(embedder, few, start, axes, found) < _COMPLETE:
            return steps
    return _STEPS[-1]


def _warn_if_incomplete(error: float, steps: int) -> None:
    if error > _INCOMPLETE:
        warnings.warn(
            f"integrated gradients of {steps} steps miss {error:.0%} of the way from the baseline: the map bends "
            "too sharply. Raise n_steps, or pass method='permutation'.",
            stacklevel=3,
        )


def _completeness_error(
    embedder: Embedder, rows: torch.Tensor, start: torch.Tensor, axes: tuple[int, ...], attributions: torch.Tensor
) -> float:
    """Mean gap between what contributions add up to and the way that places go, relative to these ways."""
    ways = (embedder.embed(rows) - embedder.embed(start[None]))[:, list(axes)]
    size = ways.abs().mean()
    gap = (attributions.sum(dim=1) - ways).abs().mean()
    return float(gap / size) if size > 0 else 0.0

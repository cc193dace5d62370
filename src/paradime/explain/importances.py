"""Importance of features for the positions of rows."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from paradime.explain._attribution import gradient_x_input, integrated_with_error, permuted
from paradime.explain._collinear import COLLINEAR, collinear_groups, names_of_groups, summed_by, with_singles
from paradime.explain._embedder import Embedder, embedder_of
from paradime.explain._rows import as_rows, count_of, draw, first_of
from paradime.models import is_torn
from paradime.utils.arguments import check_integer, is_integer
from paradime.utils.autograd import recording_gradients
from paradime.utils.convert import as_numpy
from paradime.utils.frames import feature_names as names_of
from paradime.utils.seed import generator_of
from paradime.utils.sparse import is_sparse

__all__ = ["FeatureImportance", "feature_importance"]

_METHODS = ("auto", "integrated_gradients", "gradient_x_input", "permutation")
_MOST_POOLED = 5_000  # sparse rows, which become dense
_MOST_LISTED = 4


@dataclasses.dataclass(frozen=True)
class FeatureImportance:
    """Contributions of features to the positions of rows.

    Attributes:
        names: Names of the features.
        axes: The axes of the embedding that are explained.
        values: Mean absolute contribution to each axis, in units of the embedding, shape (n_features, n_axes).
        standard_errors: Standard errors of ``values`` with respect to other rows, shape (n_features, n_axes).
        signed: Mean contribution, shape (n_features, n_axes): positive if the feature moves rows up the axis.
        overall: Mean length of the contribution over all axes, shape (n_features,). It is invariant to rotation;
            use it if single axes have no meaning.
        attributions: Contributions to the position of each row, shape (m, n_features, n_axes).
        rows: Indices of these rows in the data, shape (m,).
        row_shape: Shape of a row; for images, ``attributions[i, :, 0].reshape(row_shape)`` is a picture.
        method: The method.
        completeness_error: For integrated gradients, the mean difference between the sum of a row's contributions
            and its displacement from the baseline, relative to the mean displacement. Above 0.05, raise
            ``n_steps``. ``None`` for other methods.
        groups: Collinear features by the name of the group in :meth:`grouped`: any two features of a group have an
            absolute correlation of 0.95 or more in the background. Their single contributions are arbitrary, and
            may cancel. Groups are not determined with fewer than 20 rows, more than 2,000 features, or pixels.
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
        """Returns the importance with each group of collinear features as one feature.

        Contributions of a group are the sums of those of its features; permutation swaps its features
        together. Groups are named ``"radius + area"`` or ``"radius + 2 alike"``.

        Example:
            >>> x = np.linspace(-1, 1, 40)
            >>> X = np.stack([x, x**2, 2 * x], axis=1)
            >>> linear = torch.nn.Linear(3, 1)
            >>> _ = linear.weight.data.copy_(torch.tensor([[4.0, 1.0, 0.5]]))
            >>> importance = feature_importance(linear, X, method="gradient_x_input")
            >>> [(name, round(value, 2)) for name, value in importance.grouped().top()]
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
        summary = _summary(attributions, values, names, self.axes, self.rows, self.method, self.completeness_error)
        return dataclasses.replace(summary, groups=self.groups)

    @property
    def shares(self) -> NDArray[np.float64]:
        """Each feature's share in ``values`` of an axis, shape (n_features, n_axes); 0 if all values are 0."""
        total = self.values.sum(axis=0)
        return self.values / np.where(total > 0, total, 1)

    def top(self, n: int = 10, *, axis: int | None = None) -> list[tuple[str, float]]:
        """Returns the most important features with their importance, in descending order.

        Args:
            n: The number of features.
            axis: The axis of the importance; ``None`` means ``overall``.

        Raises:
            ValueError: If the axis was not explained.
        """
        if axis is not None and axis not in self.axes:
            raise ValueError(f"axis must be among the explained ones, {self.axes}, got {axis}.")
        values = self.overall if axis is None else self.values[:, self.axes.index(axis)]
        return [(self.names[i], float(values[i])) for i in np.argsort(-values, kind="stable")[:n]]


@recording_gradients()
def feature_importance(
    routine: Any,
    X: Any,
    *,
    method: Literal["auto", "integrated_gradients", "gradient_x_input", "permutation"] = "auto",
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
    """Measures how much each feature contributes to the positions of rows.

    Args:
        routine: A trained routine, or a torch module that embeds rows.
        X: Rows to explain, shape (m, …): an array, tensor, or data frame.
        method: ``"integrated_gradients"`` integrates along the line from the baseline to a row; contributions sum
            to the displacement of the position. ``"gradient_x_input"`` multiplies the gradient at the row by its
            difference from the baseline; it is quick, but exact only near the row. ``"permutation"`` replaces
            values by those of other rows; it needs no gradients and only uses values that occur, but
            underestimates redundant features. ``"auto"`` for integrated gradients, or for permutation where the
            network holds a refined map (:class:`~paradime.models.PrototypeModel`), which jumps along such lines.
        axis: The axis of the embedding to explain; all if ``None``.
        baseline: The row to compare with: ``"mean"`` or ``"median"`` of the background, ``"zeros"``, or a row,
            shape (…). Permutation does not use it.
        background: Rows for the mean, the median and the other values, shape (n, …); by default ``X``.
            To explain few rows, pass the training data.
        feature_names: One name per feature; by default those of the data frame or the routine, or
            ``"x0"``, ``"x1"``, ….
        n_samples: Number of rows to explain, drawn at random; all if ``None``.
        n_steps: Number of points on the line for integrated gradients; by default the smallest of 64, 128, 256 and
            512 for which a sample of rows has a ``completeness_error`` below 0.05. Networks with centres need
            many.
        n_repeats: Number of other values per row and feature, in permutation.
        random_state: Seed of the draws.
        group_collinear: Whether collinear features count as one, see :meth:`FeatureImportance.grouped`. If
            not, there is a warning if their contributions mostly cancel.

    Returns:
        A :class:`FeatureImportance`.

    Raises:
        TypeError: If ``routine`` is neither routine nor module, or ``X`` is not an array of numbers.
        NotTrainedError: If the routine is not trained.
        ValueError: If rows do not fit the routine or are not finite, or an argument is out of range.
        ImportError: If Captum is missing, for integrated gradients.

    Example:
        >>> linear = torch.nn.Linear(3, 2)
        >>> _ = linear.weight.data.copy_(torch.tensor([[1.0, 0.0, 0.0], [0.0, -2.0, 0.0]]))
        >>> importance = feature_importance(linear, np.eye(3), baseline="zeros", feature_names=["a", "b", "c"])
        >>> importance.signed.round(3)
        array([[ 0.333,  0.   ],
               [ 0.   , -0.667],
               [ 0.   ,  0.   ]])
        >>> importance.top(1)[0][0]
        'b'
    """
    _check(method, n_steps=1 if n_steps is None else n_steps, n_repeats=n_repeats)
    drawn = draw(count_of(X), n_samples, random_state)
    rows = as_rows(X, drawn=drawn, routine=routine)
    pool = _pooled(X, background, rows, random_state, routine)
    embedder = embedder_of(routine, first_of(X), rows[:1])
    if method == "auto":
        method = "permutation" if is_torn(embedder.module) else "integrated_gradients"
    axes = _axes(axis, embedder.out_dim)
    row_shape = tuple(rows.shape[1:])
    names = names_of(X, routine, row_shape=row_shape, given=feature_names)
    collinear = collinear_groups(pool)
    error = together = None
    if method == "permutation":
        groups = with_singles(collinear, rows[0].numel())
        (attributions, values), grouped = _permuted(embedder, rows, pool, axes, n_repeats, random_state, groups)
        if collinear:
            together = _summary(*grouped, names_of_groups(groups, names), axes, drawn, method, None)
    else:
        start = _baseline(baseline, pool, row_shape, is_own=background is None)
        if method == "integrated_gradients":
            attributions, error = integrated_with_error(embedder, rows, start, axes, n_steps)
        else:
            attributions = gradient_x_input(embedder, rows, start, axes)
        values = attributions.abs().mean(dim=0, dtype=torch.float64)
    group_names = names_of_groups(collinear, names)
    importance = dataclasses.replace(
        _summary(attributions.to(torch.float32), values, names, axes, drawn, method, error),
        row_shape=row_shape,
        groups={name: [names[i] for i in group] for name, group in zip(group_names, collinear, strict=True)},
        _collinear=collinear,
        _together=together,
    )
    if group_collinear:
        return importance.grouped()
    _warn_if_cancelling(importance)
    return importance


def _permuted(
    embedder: Embedder,
    rows: torch.Tensor,
    pool: torch.Tensor,
    axes: tuple[int, ...],
    n_repeats: int,
    random_state: Any,
    groups: Sequence[tuple[int, ...]],
) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """Returns attributions and mean magnitudes of single features, and those of groups of features.

    Features that are a group by themselves are permuted once.
    """
    if len(pool) < 2:
        raise ValueError("permutation needs other rows, got 1. Pass the training data: background=X_train.")
    rng = generator_of(random_state)
    singles = permuted(embedder, rows, pool, axes, n_repeats, rng, with_singles((), rows[0].numel()))
    firsts = [group[0] for group in groups]
    signed, moved = (of_features[..., firsts, :] for of_features in singles)
    at = [i for i, group in enumerate(groups) if len(group) > 1]
    if at:
        signed[:, at], moved[at] = permuted(embedder, rows, pool, axes, n_repeats, rng, [groups[i] for i in at])
    return singles, (signed, moved)


def _warn_if_cancelling(importance: FeatureImportance) -> None:
    """Warns of collinear features that seem important, but whose contributions cancel in the group."""
    together = importance.grouped().overall
    groups = with_singles(importance._collinear, len(importance.names))
    alone = {i: float(importance.overall[list(group)].max()) for i, group in enumerate(groups) if len(group) > 1}
    # features with more than twice the importance of their group, and more than that of any group
    misleading = [i for i, most in alone.items() if most > max(2 * together[i], together.max())]
    if not misleading:
        return
    worst = max(misleading, key=lambda i: alone[i] - together[i])
    listed = [f"{importance.names[i]!r} {importance.overall[i]:.3g}" for i in groups[worst]]
    shown = ", ".join(listed[:_MOST_LISTED]) + (", …" if len(listed) > _MOST_LISTED else "")
    warnings.warn(
        f"collinear features (correlation of {COLLINEAR:g} or more) contribute {shown}, which mostly cancel: "
        f"together they contribute {together[worst]:.3g}. Pass group_collinear=True, or read grouped().",
        stacklevel=4,  # through the decorator, to the caller
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
        check_integer(name, value)


def _axes(axis: Any, out_dim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(out_dim))
    if not is_integer(axis) or not 0 <= axis < out_dim:
        raise ValueError(f"axis must be an integer in [0, {out_dim - 1}], got {axis!r}. None explains all axes.")
    return (int(axis),)


def _pooled(X: Any, background: Any, rows: torch.Tensor, random_state: Any, routine: Any) -> torch.Tensor:
    name, background = ("X", X) if background is None else ("background", background)
    drawn = draw(count_of(background), _MOST_POOLED, random_state) if is_sparse(background) else None
    pool = as_rows(background, name=name, drawn=drawn, routine=routine)
    if rows.shape[1:] != pool.shape[1:]:
        raise ValueError(
            f"background must have rows of shape {tuple(rows.shape[1:])}, got {tuple(pool.shape[1:])}. "
            "Pass rows like the training rows."
        )
    return pool


def _baseline(baseline: Any, pool: torch.Tensor, row_shape: tuple[int, ...], *, is_own: bool) -> torch.Tensor:
    """Returns the baseline, shape (…)."""
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

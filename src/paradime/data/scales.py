"""Columns whose units make them outweigh all others in distances."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from paradime.exceptions import ScaleWarning
from paradime.utils.convert import as_tensor
from paradime.utils.frames import default_names
from paradime.utils.sparse import SparseRows

__all__ = [
    "Outweighing",
    "described",
    "outweighing_columns",
    "power_of",
    "warn_of_outweighing_columns",
]

_SHARE = 0.98  # of a distance, which counts as nearly all of it
_N_PAIRS, _MOST_NUMBERS = 1_000, 1 << 24
_FEWEST_ROWS = 20
_MOST = 10  # columns that count as few, at most half of those that vary
_CENTERED = 0.5  # standard deviations that the mean of a component may lie off 0, in part of its rows
_UNCORRELATED = (
    0.02  # mean squared correlation of components of other rows; by chance, it is 1/n, and a few times that
)
_TIMES_CHANCE = 10
_ROUNDING = 100  # times the precision of the largest deviation, up to which components are rounding errors
_POWERS: dict[str | None, int] = {
    **dict.fromkeys((None, "euclidean", "sqeuclidean", "l2"), 2),
    **dict.fromkeys(("manhattan", "cityblock", "taxicab", "l1"), 1),
}


@dataclasses.dataclass(frozen=True)
class Outweighing:
    """Columns that decide distances.

    Attributes:
        columns: Their numbers, the weightiest first.
        share: Which share of the distance between two rows they make up, the median over pairs.
        n_others: How many other columns vary.
    """

    columns: tuple[int, ...]
    share: float
    n_others: int


def power_of(metric: Any) -> int | None:
    """Returns to which power differences of columns add up to a metric; ``None`` if they do not.

    Example:
        >>> power_of(None), power_of("manhattan"), power_of("cosine")
        (2, 1, None)
    """
    return _POWERS.get(metric) if metric is None or isinstance(metric, str) else None


def outweighing_columns(rows: Any, *, power: int = 2) -> Outweighing | None:
    """Returns the columns that decide distances nearly alone: 98 % of a distance, in most of 1,000 random pairs.

    Up to half of the columns that vary may do so together, at most 10. A pair of rows counts as much as any other,
    so that outliers do not matter. Columns that share a unit are left alone: principal components (centred,
    uncorrelated, and each varies less than the one before) and counts (whole numbers from 0 on, with zeros in
    most columns); and so are fewer than 20 rows. Whoever warns of units, or standardises because of them, goes by
    this rule.

    Args:
        rows: Shape (n, d), dense or :class:`~paradime.utils.sparse.SparseRows`, finite.
        power: To which power differences add up to the distance: 2 for Euclidean, 1 for Manhattan distances.

    Returns:
        The columns; ``None`` if no few columns decide.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> incomes_and_ages = rng.normal([30_000, 40], [9_000, 12], (100, 2))
        >>> found = outweighing_columns(incomes_and_ages)
        >>> found.columns, round(found.share, 3)
        ((0,), 1.0)
    """
    if rows.ndim != 2 or len(rows) < _FEWEST_ROWS or rows.shape[1] < 2:
        return None
    rows = rows if isinstance(rows, SparseRows) else as_tensor(rows)
    n_pairs = max(50, min(_N_PAIRS, _MOST_NUMBERS // rows.shape[1]))
    first, second = _pairs_of(rows, n_pairs)
    differences = (first - second).abs()
    # rows that are equal have no distance to share
    largest = differences.amax(dim=1, keepdim=True)
    differences = (differences / largest)[largest[:, 0] > 0] ** power
    n_varying = int((differences > 0).any(dim=0).sum()) if len(differences) else 0
    if n_varying < 2:
        return None
    shares = differences / differences.sum(dim=1, keepdim=True)
    order = shares.mean(dim=0).argsort(descending=True, stable=True)
    most = min(_MOST, n_varying // 2)
    joint = shares[:, order[:most]].cumsum(dim=1).median(dim=0).values
    enough = (joint >= _SHARE).nonzero().flatten()
    if not len(enough) or _share_a_unit(torch.cat((first, second)), int(order[0]), rows):
        return None
    n_columns = int(enough[0]) + 1
    columns = tuple(int(column) for column in order[:n_columns])
    return Outweighing(columns, float(joint[n_columns - 1]), n_varying - n_columns)


def warn_of_outweighing_columns(
    name: str, rows: Any, *, columns: Sequence[str] | None = None, power: int = 2, stacklevel: int = 2
) -> None:
    """Warns, with what to do, where few columns decide distances; see :func:`outweighing_columns`.

    Args:
        name: What to call the data in the message.
        rows: Shape (n, d).
        columns: Names of the columns; by default ``x0``, ``x1``, ….
        power: To which power differences add up to the distance.
        stacklevel: Whose code the warning names, see :func:`warnings.warn`.
    """
    found = outweighing_columns(rows, power=power)
    if found is None:
        return
    scaler = "StandardScaler(with_mean=False)" if isinstance(rows, SparseRows) else "StandardScaler()"
    warnings.warn(
        f"data {name!r}: {described(found, columns or default_names(rows.shape[1]), power=power)} If columns have "
        f"different units, standardise them: sklearn.pipeline.make_pipeline({scaler}, routine). If it is meant to "
        "be so: warnings.simplefilter('ignore', paradime.exceptions.ScaleWarning).",
        ScaleWarning,
        stacklevel=stacklevel + 1,
    )


def described(found: Outweighing, names: Sequence[str], *, power: int = 2) -> str:
    """Returns a sentence that says which columns outweigh the others, and by how much."""
    *first, last = (repr(names[column]) for column in found.columns)
    shown = f"{', '.join(first)} and {last}" if first else last
    verbs = f"column {shown} makes" if len(found.columns) == 1 else f"columns {shown} make"
    # rounded down: others count a little
    percent = np.floor(found.share * 1000) / 10
    what = "squared distance" if power == 2 else "distance"
    others = (
        "the other column hardly counts" if found.n_others == 1 else f"the other {found.n_others} hardly count"
    )
    return f"{verbs} up {percent:g} % of the {what} between two rows (the median of random pairs), and {others}."


def _pairs_of(rows: Any, n_pairs: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of random pairs, the same in each call, each shape (n_pairs, d), float64, on the CPU."""
    rng = np.random.default_rng(0)
    n = len(rows)
    first = rng.integers(n, size=n_pairs)
    second = (first + rng.integers(1, n, size=n_pairs)) % n
    parts = (rows[torch.from_numpy(chosen).to(rows.device)] for chosen in (first, second))
    one, other = (part.detach().to("cpu", torch.float64) for part in parts)
    return one, other


def _share_a_unit(some: torch.Tensor, weightiest: int, rows: Any) -> bool:
    return _are_components(some, weightiest, rows) or _are_counts(some)


def _are_components(some: torch.Tensor, weightiest: int, rows: Any) -> bool:
    """Whether columns look like principal components: around 0, uncorrelated, and each varies less than the last.

    Args:
        some: Some of the rows, in double precision, which may be among them several times; shape (m, d).
        weightiest: The column that makes up most of the distances.
        rows: All rows.
    """
    deviations = some.std(dim=0, correction=0)
    precision = torch.finfo(rows.dtype).eps if rows.dtype.is_floating_point else 0.0
    # the components of columns that depend on each other end in rounding errors
    varying = deviations > _ROUNDING * precision * deviations.max()
    means, deviations = some.mean(dim=0)[varying].abs(), deviations[varying]
    # those of part of the rows are nearly so
    descend = deviations[1:] <= 1.25 * deviations[:-1]
    if weightiest != 0 or not bool((means <= _CENTERED * deviations).all() and descend.all()):
        return False
    chance = _TIMES_CHANCE / min(len(rows), len(some))
    return _mean_square_correlation(some[:, varying]) <= _UNCORRELATED + chance


def _mean_square_correlation(X: torch.Tensor) -> float:
    """The mean square of the correlations between columns that vary, shape (m, d); 0 of fewer than two."""
    m, d = X.shape
    if d < 2:
        return 0.0
    Z = (X - X.mean(dim=0)) / X.std(dim=0, correction=0)
    # ‖ZᵀZ‖ = ‖ZZᵀ‖, of which the smaller is made; each column has the correlation 1 with itself
    products = Z.T @ Z if d <= m else Z @ Z.T
    return (float((products / m).square().sum()) - d) / (d * (d - 1))


def _are_counts(rows: torch.Tensor) -> bool:
    """Whether columns look like counts: whole numbers from 0 on, of which most have zeros and more than a one."""
    if not bool((rows >= 0).all() and (rows == rows.round()).all()):
        return False
    lowest, highest = rows.aminmax(dim=0)
    varying = lowest < highest
    return bool(2 * ((lowest == 0) & (highest > 1)).sum() > varying.sum())

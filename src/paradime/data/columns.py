"""Columns of rows: whose units make them dominate distances, and whose offsets single precision loses."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from paradime.exceptions import ScaleWarning
from paradime.models.scaling import is_far_from_zero
from paradime.utils.frames import default_names
from paradime.utils.rows import Rows, rows_of

__all__ = [
    "Extremes",
    "Outweighing",
    "described",
    "largest_values",
    "lie_far_from_zero",
    "outweighing_columns",
    "power_of",
    "warn_of_outweighing_columns",
    "zeros_are_usual",
]

_SHARE = 0.98  # share of a distance from which columns count as dominating
_N_PAIRS, _MOST_NUMBERS = 1_000, 1 << 24
_FEWEST_ROWS = 20
_MOST = 10  # largest number of dominating columns; also at most half of the varying ones
_CENTERED = 0.5  # largest mean of a principal component in a sample, in standard deviations
# largest mean squared correlation of principal components in a sample, and the multiple of 1/n, which is expected
# by chance, to add to it
_UNCORRELATED = 0.02
_TIMES_CHANCE = 10
_ROUNDING = 100  # components below this multiple of the rounding error of the largest deviation are ignored
_POWERS: dict[str | None, int] = {
    **dict.fromkeys((None, "euclidean", "sqeuclidean", "l2"), 2),
    **dict.fromkeys(("manhattan", "cityblock", "taxicab", "l1"), 1),
}
Extremes = tuple[torch.Tensor, torch.Tensor]  # minimum and maximum of each column, shape (d,) each


@dataclasses.dataclass(frozen=True)
class Outweighing:
    """Columns that dominate distances.

    Attributes:
        columns: Their indices, by decreasing share.
        share: Their share of the distance between two rows, the median over pairs.
        n_others: Number of other columns that vary.
    """

    columns: tuple[int, ...]
    share: float
    n_others: int


def power_of(metric: Any) -> int | None:
    """Returns the power p of a metric that is a sum of |difference|^p over columns, or its root; else ``None``.

    Example:
        >>> power_of(None), power_of("manhattan"), power_of("cosine")
        (2, 1, None)
    """
    return _POWERS.get(metric) if metric is None or isinstance(metric, str) else None


def outweighing_columns(rows: Any, *, power: int = 2) -> Outweighing | None:
    """Returns the few columns that make up 98 % of the distance in most of 1,000 random pairs of rows.

    They are at most 10 columns, and at most half of those that vary. All pairs have the same weight, so that
    outliers have no influence. The result is ``None`` for columns that share a unit, which are principal
    components (centred, uncorrelated, with decreasing variance) and counts (integers ≥ 0, with zeros in most
    columns), and for fewer than 20 rows. Warnings about units, and standardisation because of them, use this rule.

    Args:
        rows: Rows of any form, shape (n, d), finite.
        power: Power of the differences: 2 for Euclidean, 1 for Manhattan distances.

    Returns:
        The columns; ``None`` if no few columns dominate.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> incomes_and_ages = rng.normal([30_000, 40], [9_000, 12], (100, 2))
        >>> outweighing = outweighing_columns(incomes_and_ages)
        >>> outweighing.columns, round(outweighing.share, 3)
        ((0,), 1.0)
    """
    rows = rows_of(rows)
    if rows.ndim != 2 or len(rows) < _FEWEST_ROWS or rows.shape[1] < 2:
        return None
    n_pairs = max(50, min(_N_PAIRS, _MOST_NUMBERS // rows.shape[1]))
    first, second = _pairs_of(rows, n_pairs)
    differences = (first - second).abs()
    # pairs of equal rows are left out
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
    """Warns if few columns dominate distances; see :func:`outweighing_columns`.

    Args:
        name: How the message calls the data, such as ``"X"``.
        rows: Shape (n, d).
        columns: Names of the columns; by default ``x0``, ``x1``, ….
        power: Power of the differences.
        stacklevel: As for :func:`warnings.warn`.
    """
    outweighing = outweighing_columns(rows, power=power)
    if outweighing is None:
        return
    # scikit-learn does not subtract means from sparse matrices
    scaler = "StandardScaler(with_mean=False)" if rows_of(rows).is_sparse else "StandardScaler()"
    sentence = described(outweighing, columns or default_names(rows.shape[1]), power=power)
    warnings.warn(
        f"{name}: {sentence} If columns have different units, standardise them: "
        f"sklearn.pipeline.make_pipeline({scaler}, routine). If this is intended: "
        "warnings.simplefilter('ignore', paradime.exceptions.ScaleWarning).",
        ScaleWarning,
        stacklevel=stacklevel + 1,
    )


def described(outweighing: Outweighing, names: Sequence[str], *, power: int = 2) -> str:
    """Returns a sentence about the dominating columns and their share."""
    *first, last = (repr(names[column]) for column in outweighing.columns)
    shown = f"{', '.join(first)} and {last}" if first else last
    subject = f"column {shown} makes" if len(outweighing.columns) == 1 else f"columns {shown} make"
    # rounded down, because other columns contribute a little
    percent = np.floor(outweighing.share * 1000) / 10
    distance = "squared distance" if power == 2 else "distance"
    n = outweighing.n_others
    others = "the other column hardly counts" if n == 1 else f"the other {n} hardly count"
    share = f"{percent:g} % of the {distance} between two rows (the median of random pairs)"
    return f"{subject} up {share}, and {others}."


def _pairs_of(rows: Rows, n_pairs: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the rows of random pairs with a fixed seed, each shape (n_pairs, d), float64, on the CPU."""
    rng = np.random.default_rng(0)
    n = len(rows)
    first = rng.integers(n, size=n_pairs)
    second = (first + rng.integers(1, n, size=n_pairs)) % n

    def taken(indices: NDArray[np.int64]) -> torch.Tensor:
        return rows[torch.from_numpy(indices)].detach().to("cpu", torch.float64)

    return taken(first), taken(second)


def _share_a_unit(sample: torch.Tensor, dominant: int, rows: Rows) -> bool:
    return _are_components(sample, dominant, rows) or _are_counts(sample)


def _are_components(sample: torch.Tensor, dominant: int, rows: Rows) -> bool:
    """Returns whether columns look like principal components: centred, uncorrelated, with decreasing variance.

    Args:
        sample: Rows drawn with replacement, in double precision, shape (m, d).
        dominant: The column with the largest share of distances.
        rows: All rows.
    """
    deviations = sample.std(dim=0, correction=0)
    precision = torch.finfo(rows.dtype).eps if rows.dtype.is_floating_point else 0.0
    # the last components of linearly dependent columns are rounding errors
    varying = deviations > _ROUNDING * precision * deviations.max()
    means, deviations = sample.mean(dim=0)[varying].abs(), deviations[varying]
    # with a tolerance, because the components may come from more rows than the sample
    descend = deviations[1:] <= 1.25 * deviations[:-1]
    if dominant != 0 or not bool((means <= _CENTERED * deviations).all() and descend.all()):
        return False
    chance = _TIMES_CHANCE / min(len(rows), len(sample))
    return _mean_square_correlation(sample[:, varying]) <= _UNCORRELATED + chance


def _mean_square_correlation(X: torch.Tensor) -> float:
    """Returns the mean square of the correlations between columns, shape (m, d); 0 for fewer than two columns."""
    m, d = X.shape
    if d < 2:
        return 0.0
    Z = (X - X.mean(dim=0)) / X.std(dim=0, correction=0)
    # the smaller of ZᵀZ and ZZᵀ, which have the same norm; each column has correlation 1 with itself
    products = Z.T @ Z if d <= m else Z @ Z.T
    return (float((products / m).square().sum()) - d) / (d * (d - 1))


def _are_counts(rows: torch.Tensor) -> bool:
    """Returns whether columns look like counts: integers ≥ 0, with zeros and values above 1 in most columns."""
    if not bool((rows >= 0).all() and (rows == rows.round()).all()):
        return False
    lowest, highest = rows.aminmax(dim=0)
    varying = lowest < highest
    return bool(2 * ((lowest == 0) & (highest > 1)).sum() > varying.sum())


def largest_values(extremes: Extremes) -> torch.Tensor:
    """Returns the largest absolute value of each column, float64."""
    return torch.maximum(*(bound.to(torch.float64).abs() for bound in extremes))


def lie_far_from_zero(rows: Any) -> bool:
    """Returns whether single precision loses digits of a column whose offset is large relative to its scale.

    Args:
        rows: Rows of any form, shape (n, …).
    """
    if rows.dtype not in (torch.float64, torch.int64, torch.int32) or len(rows) < 2:
        return False
    return is_far_from_zero(*rows_of(rows).mean_and_deviation())


def zeros_are_usual(rows: Any, varying: torch.Tensor) -> bool:
    """Returns whether most of the columns in the mask ``varying``, shape (d,), have a zero."""
    return bool(2 * (rows_of(rows).columns_with_zeros() & varying).sum() > varying.sum())

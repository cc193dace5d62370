"""What data must be like, checked before anything is computed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from paradime.data.columns import Extremes, constant_columns, largest_values, zeros_are_usual
from paradime.models import as_input, centers_rows, needs_double
from paradime.models.base import computed_type
from paradime.utils.autograd import without_graph
from paradime.utils.convert import as_tensor, row_major, to_torch
from paradime.utils.frames import column_names, default_names, frame_values, is_frame
from paradime.utils.sparse import SparseRows, is_sparse

__all__ = [
    "checked_rows",
    "column_names",
    "judge_small_columns",
    "rows_for_model",
    "single_precision",
    "warn_of_lost_digits",
    "warn_of_what_does_not_vary",
]

_SMALLEST = 1e-36  # of values in single precision: those a tenth and a hundredth as large are normal numbers, too
_FEWEST_STEPS = 1_000  # of a column between its least and its largest value, in the precision it comes in


def checked_rows(name: str, values: Any, *, keep_graph: bool = False, may_miss: bool = False) -> Any:
    """Returns numbers with one row a data point, in the precision they came in.

    Args:
        name: What to call the data in messages.
        values: An array, tensor, data frame (of pandas, polars, PyArrow), sparse matrix, or nested lists.
        keep_graph: Whether gradients of what is computed of the rows reach a tensor that was given; else its
            numbers are taken alone.
        may_miss: Whether NaN is taken, where a row has no number.

    Returns:
        A tensor of shape (n, …) that shares memory with ``values`` where possible; a
        :class:`~paradime.utils.sparse.SparseRows` of what is sparse.

    Raises:
        TypeError: If it is no array of numbers.
        ValueError: If it has no rows or columns, is complex or ragged, or contains NaN or infinity; or if a column
            of a data frame holds no numbers, or misses one.
    """
    if values is None or isinstance(values, (str, bytes, int, float)):
        raise TypeError(f"data {name!r} must be an array with one row a data point, got {type(values).__name__}.")
    if hasattr(values, "obsm"):  # asked without an import of anndata
        raise TypeError(
            f"data {name!r} must be an array with one row a data point, got {type(values).__name__}. Call "
            "paradime.anndata.embed(adata, routine), or pass adata.X."
        )
    if is_frame(values):
        values = frame_values(name, values, may_miss=may_miss)
    try:
        tensor = _sparse(values) if is_sparse(values) else as_tensor(values)
    except TypeError as error:
        raise TypeError(f"data {name!r}: {error}") from None
    except ValueError as error:
        raise ValueError(f"data {name!r}: {error}") from None
    if isinstance(tensor, torch.Tensor) and not keep_graph:
        tensor = without_graph(tensor)
    if tensor.is_complex():
        raise ValueError(
            f"Complex data not supported: data {name!r} has complex numbers, which are not supported. "
            "Pass real and imaginary parts as columns."
        )
    if tensor.ndim == 0 or len(tensor) == 0:
        raise ValueError(f"data {name!r} has 0 sample(s), at least 1 is needed.")
    if tensor.numel() == 0:
        raise ValueError(
            f"data {name!r} has 0 feature(s) (shape={tuple(tensor.shape)}) while a minimum of 1 is required."
        )
    if isinstance(tensor, SparseRows):
        _refuse_non_finite_entries(name, tensor)
    elif tensor.is_floating_point():
        _refuse_non_finite(name, tensor, may_miss=may_miss)
    return tensor if isinstance(tensor, SparseRows) else row_major(tensor)


def _sparse(values: Any) -> SparseRows:
    return values if isinstance(values, SparseRows) else SparseRows(values)


def single_precision(name: str, tensor: Any) -> Any:
    """Returns the numbers as float32 or int32, as ``to_torch`` does; sparse ones as float32.

    Raises:
        ValueError: If a finite number does not fit into single precision.
    """
    if isinstance(tensor, SparseRows):
        converted_rows = tensor.to(torch.float32)
        beyond = ~converted_rows.values.isfinite()
        if bool(beyond.any()):
            place, value = _first_entry(beyond, tensor)
            raise ValueError(_too_large(name, value, place))
        return converted_rows
    # in row-major order, so that results do not depend on how the data lie in memory
    converted = to_torch(tensor).contiguous()
    # the sum is finite where all numbers are, and is made without a temporary
    if tensor.dtype == torch.float64 and not bool(converted.sum(dtype=torch.float64).isfinite()):
        beyond = converted.isinf()  # NaN, where it is allowed, stands for no number
        if bool(beyond.any()):
            place, value = _first(beyond, tensor)
            raise ValueError(_too_large(name, value, place))
    return converted


def judge_small_columns(
    name: str, extremes: Extremes, *, columns: Sequence[str] | None = None, stacklevel: int = 2
) -> None:
    """Warns, once, of columns so small that single precision takes them for 0, or loses their digits.

    Args:
        name: What to call the data in messages.
        extremes: See :func:`~paradime.data.columns.column_extremes`.
        columns: Names of the columns; by default ``x0``, ``x1``, ….
        stacklevel: Whose code the warning names, see :func:`warnings.warn`.

    Raises:
        ValueError: If all columns that are not 0 are so small.
    """
    largest = largest_values(extremes)
    vanishes = (largest > 0) & (largest < _SMALLEST)
    if not bool(vanishes.any()):
        return
    limit = f"{_SMALLEST:.1g} in size, below which single precision loses digits"
    if float(largest.max()) < _SMALLEST:
        raise ValueError(
            f"data {name!r} must have values of at least {limit}, got none above {float(largest.max()):.3g}. "
            "Rescale the columns."
        )
    places = vanishes.nonzero().squeeze(1)
    shown = _shown(places, columns or default_names(len(largest)))
    what = f"column {shown}" if len(places) == 1 else f"{len(places)} columns ({shown})"
    warnings.warn(
        f"data {name!r}: {what} must have values of at least {limit}, got none above "
        f"{float(largest[places].max()):.3g}: the networks hardly see them. Rescale or drop them.",
        stacklevel=stacklevel + 1,
    )


def rows_for_model(name: str, rows: Any, model: torch.nn.Module | None) -> Any:
    """Returns checked rows in the type in which a model computes; see :func:`~paradime.models.as_input`.

    A model that centres rows far from zero gets them in double precision.

    Raises:
        ValueError: If a finite number does not fit into that type.
    """
    if centers_rows(model) and needs_double(model):
        single_precision(name, rows)  # refuses what is beyond it
        return rows.to(torch.float64).contiguous()
    if model is not None and centers_rows(model) and computed_type(model) == torch.float32:
        return single_precision(name, rows).to(torch.float32)
    made = as_input(model, rows)
    if made.dtype == torch.float32:
        return single_precision(name, rows).to(torch.float32)
    return made.contiguous()


def _too_large(name: str, value: float, place: str) -> str:
    return f"data {name!r} has a value beyond single precision, {value:g} at {place}. Rescale the column."


def warn_of_what_does_not_vary(
    name: str, rows: Any, *, columns: Sequence[str] | None = None, stacklevel: int = 2
) -> None:
    """Warns, once, if all rows are identical, or else if columns hold the same value in all rows.

    Columns of zeros are not told of where zeros are usual, as in images and counts: where most of the other
    columns hold some, too.

    Args:
        name: What to call the data in messages.
        rows: A tensor of shape (n, …), or sparse rows.
        columns: Names of the columns; by default ``x0``, ``x1``, ….
        stacklevel: Whose code the warning names, see :func:`warnings.warn`.
    """
    if len(rows) < 2:
        return
    constant = constant_columns(rows)
    if bool(constant.all()):
        message = f"all {len(rows)} rows of data {name!r} are identical: there is nothing to learn."
        if _rounds_integers(rows[0]):
            message += _about_rounding(rows.dtype)
    elif rows.ndim == 2 and bool(constant.any()):
        zero = constant & (rows[0] == 0)
        if bool(zero.any()) and zeros_are_usual(rows, ~constant):
            constant = constant & ~zero
        if not bool(constant.any()):
            return
        places = constant.nonzero().squeeze(1)
        shown = _shown(places, columns or default_names(len(constant)))
        message = (
            f"{len(places)} of {len(constant)} columns of data {name!r} are constant ({shown}): they tell "
            "nothing, and may be dropped."
        )
        if _rounds_integers(rows[0][constant]):
            message += _about_rounding(rows.dtype)
    else:
        return
    warnings.warn(message, stacklevel=stacklevel + 1)


def warn_of_lost_digits(
    name: str,
    extremes: Extremes,
    dtype: torch.dtype,
    remedy: str,
    *,
    columns: Sequence[str] | None = None,
    stacklevel: int = 2,
) -> None:
    """Warns, once, if columns lie so far from zero that a precision tells few of their values apart.

    Args:
        name: What to call the data in messages.
        extremes: See :func:`~paradime.data.columns.column_extremes`.
        dtype: The precision. Integers are computed with in double precision, which holds those up to 2**53.
        remedy: What the user can do, a sentence.
        columns: Names of the columns; by default ``x0``, ``x1``, ….
        stacklevel: Whose code the warning names, see :func:`warnings.warn`.
    """
    is_whole = not dtype.is_floating_point
    precision = torch.float64 if is_whole else dtype
    if precision not in _DIGITS or dtype == torch.bool:
        return
    eps = torch.finfo(precision).eps
    low, high = extremes
    largest = largest_values(extremes)
    # differences of integers are exact, unless they overflow, and then the columns span many steps
    lengths = torch.maximum((high - low).to(torch.float64), high.to(torch.float64) - low.to(torch.float64))
    loses = (high > low) & (largest > (2 / eps if is_whole else 0))
    steps = torch.where(loses, lengths / (largest * eps), torch.inf)
    place = int(steps.argmin())
    if float(steps[place]) < _FEWEST_STEPS:
        column = (columns or default_names(len(low)))[place]
        warnings.warn(
            f"data {name!r} lie so far from zero that {_DIGITS[precision]} precision tells only some "
            f"{max(1, round(float(steps[place])))} values apart within the range of column {column!r}. {remedy}",
            stacklevel=stacklevel + 1,
        )


_DIGITS = {torch.float32: "single", torch.float64: "double"}


def _about_rounding(dtype: torch.dtype) -> str:
    return (
        f" Integers as large as these are rounded in {_DIGITS[dtype]} precision; if they differed before, "
        "subtract the offset before the numbers are stored in this precision."
    )


def _rounds_integers(row: torch.Tensor) -> bool:
    return row.dtype in _DIGITS and bool((row.abs() > 2 / torch.finfo(row.dtype).eps).any())


def _shown(places: torch.Tensor, columns: Sequence[str]) -> str:
    """The names of the first five of some columns."""
    return ", ".join(repr(columns[int(place)]) for place in places[:5]) + (", …" if len(places) > 5 else "")


def _refuse_non_finite(name: str, tensor: torch.Tensor, *, may_miss: bool) -> None:
    # the sum is finite for nearly all finite data: one pass without a temporary
    if bool(tensor.sum(dtype=torch.float64).isfinite()):
        return
    for found, what, remedy in (
        (tensor.isnan(), "NaN", "Impute such values or drop the rows"),
        (tensor.isinf(), "infinity", "Clip or drop such values"),
    ):
        if bool(found.any()) and not (may_miss and what == "NaN"):
            place, _ = _first(found, tensor)
            raise ValueError(f"data {name!r} contains {what}, first at {place}. {remedy}.")


def _refuse_non_finite_entries(name: str, rows: SparseRows) -> None:
    for found, what in ((rows.values.isnan(), "NaN"), (rows.values.isinf(), "infinity")):
        if bool(found.any()):
            place, _ = _first_entry(found, rows)
            raise ValueError(f"data {name!r} contains {what}, first at {place}. Impute or drop such values.")


def _first_entry(found: torch.Tensor, rows: SparseRows) -> tuple[str, float]:
    """The place and the value of the first of some stored numbers."""
    entry = int(found.nonzero()[0])
    place = f"row {rows.row_of(entry)}, column {int(rows.column_of(torch.tensor(entry)))}"
    return place, float(rows.values[entry])


def _first(found: torch.Tensor, tensor: torch.Tensor) -> tuple[str, float]:
    place = tuple(int(i) for i in found.nonzero()[0])
    words = f"row {place[0]}" + (f", column {place[1]}" if len(place) > 1 else "")
    return words, float(np.asarray(tensor[place].cpu()))

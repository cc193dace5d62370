"""Checks of input data, and conversion to the precision of a model."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch

from paradime.data.columns import Extremes, largest_values, zeros_are_usual
from paradime.models import as_input, centers_rows, needs_double
from paradime.models.base import computed_type
from paradime.utils.convert import row_major
from paradime.utils.frames import column_names, default_names, frame_values, is_frame
from paradime.utils.rows import Rows, rows_of

__all__ = [
    "checked_rows",
    "column_names",
    "judge_small_columns",
    "rows_for_model",
    "single_precision",
    "warn_of_lost_digits",
    "warn_of_what_does_not_vary",
]

_SMALLEST = 1e-36  # in single precision, a hundredth of this is still a normal number
_FEWEST_STEPS = 1_000  # smallest number of representable values within the range of a column


def checked_rows(name: str, values: Any, *, keep_graph: bool = False, may_miss: bool = False) -> Any:
    """Checks an array with one row per data point, and returns it in its precision.

    Args:
        name: How messages call the data, such as ``"X"``.
        values: An array, tensor, data frame (of pandas, polars, PyArrow), sparse matrix, or nested lists.
        keep_graph: Whether the result of a tensor stays connected to its autograd graph.
        may_miss: Whether NaN is allowed, for missing values.

    Returns:
        A tensor of shape (n, …) that shares memory with ``values`` if possible; sparse input is returned as
        :class:`~paradime.utils.sparse.SparseRows`, and :class:`~paradime.utils.rows.Rows` as they are.

    Raises:
        TypeError: If the values are not an array of numbers.
        ValueError: If there are no rows or columns, or the values are complex or ragged, or contain NaN or
            infinity; or if a column of a data frame is not numeric, or has missing values.
    """
    if values is None or isinstance(values, (str, bytes, int, float)):
        raise TypeError(
            f"{name} must be an array with one row per data point, got {type(values).__name__}. "
            "Pass an array, tensor, data frame or sparse matrix."
        )
    if hasattr(values, "obsm"):  # recognises an AnnData without importing anndata
        raise TypeError(
            f"{name} must be an array with one row per data point, got {type(values).__name__}. Call "
            "paradime.anndata.embed(adata, routine), or pass adata.X."
        )
    if is_frame(values):
        values = frame_values(name, values, may_miss=may_miss)
    try:
        rows = rows_of(values)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    rows = rows if keep_graph else rows.detach()
    if rows.is_complex():
        raise ValueError(
            f"Complex data not supported: {name} must be real, got complex numbers. "
            "Pass real and imaginary parts as columns."
        )
    if rows.ndim == 0 or len(rows) == 0:
        raise ValueError(f"{name} has 0 sample(s), at least 1 is needed. Pass rows.")
    if rows.numel() == 0:
        raise ValueError(f"{name} has 0 feature(s) (shape={tuple(rows.shape)}) while a minimum of 1 is required.")
    if rows.is_floating_point():
        _refuse_non_finite(name, rows, may_miss=may_miss)
    return row_major(rows.dense()) if rows.in_memory else rows


def single_precision(name: str, values: Any) -> Any:
    """Converts a tensor to float32 or int32, like ``to_torch``; rows of other forms to float32.

    Raises:
        ValueError: If a finite number does not fit into single precision.
    """
    rows = rows_of(values)
    converted = rows.single()
    if rows.dtype == torch.float64 and not converted.surely_finite():
        # NaN may be allowed, for missing values
        beyond = rows.first_where(lambda block: block.to(torch.float32).isinf())
        if beyond is not None:
            position, value = beyond
            raise ValueError(
                f"{name} has a value beyond single precision, {value:g} at {_described(position)}. Rescale "
                "the column."
            )
    return converted.stored


def judge_small_columns(
    name: str, extremes: Extremes, *, columns: Sequence[str] | None = None, stacklevel: int = 2
) -> None:
    """Warns once of columns so small that single precision loses their digits.

    Args:
        name: How messages call the data, such as ``"X"``.
        extremes: See :meth:`~paradime.utils.rows.Rows.extremes`.
        columns: Names of the columns; by default ``x0``, ``x1``, ….
        stacklevel: As for :func:`warnings.warn`.

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
            f"{name} must have values of at least {limit}, got none above {float(largest.max()):.3g}. "
            "Rescale the columns."
        )
    small = vanishes.nonzero().squeeze(1)
    shown = _shown(small, columns or default_names(len(largest)))
    subject = f"column {shown}" if len(small) == 1 else f"{len(small)} columns ({shown})"
    warnings.warn(
        f"{name}: {subject} must have values of at least {limit}, got none above "
        f"{float(largest[small].max()):.3g}, so that the network can hardly use them. Rescale or drop them.",
        stacklevel=stacklevel + 1,
    )


def rows_for_model(name: str, rows: Any, model: torch.nn.Module | None) -> Any:
    """Converts checked rows to the dtype of a model; see :func:`~paradime.models.as_input`.

    If a model centres its input, rows far from zero are converted to double precision.

    Raises:
        ValueError: If a finite number does not fit into this dtype.
    """
    if centers_rows(model) and needs_double(model):
        single_precision(name, rows)  # raises an error for numbers beyond single precision
        return rows.to(torch.float64).contiguous()
    if model is not None and centers_rows(model) and computed_type(model) == torch.float32:
        return single_precision(name, rows).to(torch.float32)
    converted = as_input(model, rows)
    if converted.dtype == torch.float32:
        return single_precision(name, rows).to(torch.float32)
    return converted.contiguous()


def warn_of_what_does_not_vary(
    name: str, rows: Any, *, columns: Sequence[str] | None = None, stacklevel: int = 2
) -> None:
    """Warns once if all rows are identical, or else if columns are constant.

    Columns of zeros are ignored if most of the other columns have zeros too, as in images and counts.

    Args:
        name: How messages call the data, such as ``"X"``.
        rows: Rows of any form, shape (n, …).
        columns: Names of the columns; by default ``x0``, ``x1``, ….
        stacklevel: As for :func:`warnings.warn`.
    """
    if len(rows) < 2:
        return
    constant = rows_of(rows).constant_columns()
    if bool(constant.all()):
        message = f"all {len(rows)} rows of {name} are identical: there is nothing to learn."
        if _rounds_integers(rows[0]):
            message += _about_rounding(rows.dtype)
    elif rows.ndim == 2 and bool(constant.any()):
        zero = constant & (rows[0] == 0)
        if bool(zero.any()) and zeros_are_usual(rows, ~constant):
            constant = constant & ~zero
        if not bool(constant.any()):
            return
        indices = constant.nonzero().squeeze(1)
        shown = _shown(indices, columns or default_names(len(constant)))
        message = (
            f"{len(indices)} of {len(constant)} columns of {name} are constant ({shown}): they contain no "
            "information, and may be dropped."
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
    """Warns once if columns are so far from zero that a precision distinguishes few of their values.

    Args:
        name: How messages call the data, such as ``"X"``.
        extremes: See :meth:`~paradime.utils.rows.Rows.extremes`.
        dtype: The precision. Integers are converted to double precision, which is exact up to 2**53.
        remedy: A sentence with the remedy.
        columns: Names of the columns; by default ``x0``, ``x1``, ….
        stacklevel: As for :func:`warnings.warn`.
    """
    is_whole = not dtype.is_floating_point
    precision = torch.float64 if is_whole else dtype
    if precision not in _DIGITS or dtype == torch.bool:
        return
    eps = torch.finfo(precision).eps
    low, high = extremes
    largest = largest_values(extremes)
    # differences of integers are exact unless they overflow; then the float64 difference is the larger one
    lengths = torch.maximum((high - low).to(torch.float64), high.to(torch.float64) - low.to(torch.float64))
    loses = (high > low) & (largest > (2 / eps if is_whole else 0))
    steps = torch.where(loses, lengths / (largest * eps), torch.inf)
    coarsest = int(steps.argmin())
    if float(steps[coarsest]) < _FEWEST_STEPS:
        column = (columns or default_names(len(low)))[coarsest]
        warnings.warn(
            f"{name} is so far from zero that {_DIGITS[precision]} precision distinguishes only about "
            f"{max(1, round(float(steps[coarsest])))} values within the range of column {column!r}. {remedy}",
            stacklevel=stacklevel + 1,
        )


_DIGITS = {torch.float32: "single", torch.float64: "double"}


def _about_rounding(dtype: torch.dtype) -> str:
    return (
        f" Integers of this size are rounded in {_DIGITS[dtype]} precision; if they differed before, "
        "subtract the offset before the numbers are stored in this precision."
    )


def _rounds_integers(row: torch.Tensor) -> bool:
    return row.dtype in _DIGITS and bool((row.abs() > 2 / torch.finfo(row.dtype).eps).any())


def _shown(indices: torch.Tensor, columns: Sequence[str]) -> str:
    """Returns the names of the first five of the given columns."""
    return ", ".join(repr(columns[int(index)]) for index in indices[:5]) + (", …" if len(indices) > 5 else "")


def _refuse_non_finite(name: str, rows: Rows, *, may_miss: bool) -> None:
    if rows.surely_finite():
        return
    for condition, description, remedy in (
        (torch.isnan, "NaN", "Impute these values or drop the rows"),
        (torch.isinf, "infinity", "Clip or drop these values"),
    ):
        found = None if may_miss and description == "NaN" else rows.first_where(condition)
        if found is not None:
            raise ValueError(f"{name} contains {description}, first at {_described(found[0])}. {remedy}.")


def _described(index: tuple[int, ...]) -> str:
    """Returns the position of an entry in words."""
    return f"row {index[0]}" + (f", column {index[1]}" if len(index) > 1 else "")

"""Use of a model that is trained, and looks at one while it is trained that leave no trace."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch

from paradime.data.validation import checked_rows, rows_for_model
from paradime.models import Standardization, as_input, in_double_precision, projected_rows, resolve_method
from paradime.utils.convert import joined_rows
from paradime.utils.parallel import parallel_map
from paradime.utils.seed import seeded

__all__ = ["apply_in_chunks", "apply_to_rows", "embed_rows", "evaluating", "in_evaluation_mode"]

_ON_DATA = (None, "forward", "embed", "encode", "classify")  # other methods, such as decode, take other rows
_RESULTS = {
    **dict.fromkeys((None, "forward", "embed"), "position"),
    "encode": "encoding",
    "decode": "reconstruction",
    "classify": "scores",
}
_HALVINGS = 3  # of chunks that do not fit into the memory of a device
_CHUNK_ELEMENTS = 1 << 22  # of the input; this limits the memory of hidden layers
_CHUNK_ROWS = {
    "cpu": 1 << 10,
    "cuda": 1 << 15,
}  # hidden layers of so many rows stay in the cache, or fill the device


@contextlib.contextmanager
def in_evaluation_mode(model: torch.nn.Module) -> Iterator[None]:
    """Within the block, a model is in evaluation mode; afterwards each part is in the mode in which it was."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, was_training in modes.items():
            module.training = was_training


def apply_to_rows(
    model: torch.nn.Module, rows: Any, method: str | None, device: torch.device, *, gradients: bool = False
) -> torch.Tensor:
    """Applies a method of a model to rows in chunks, in evaluation mode.

    Networks of ParaDime's, and of layers of torch's, compute in double precision, and the result is rounded:
    what becomes of a row does not depend on the rows beside it. Rows that are decoded far from zero, where single
    precision would lose their digits, are not rounded. Models of other classes are called as they are.

    Args:
        model: The model; its modes stay.
        rows: A tensor of shape (m, …), or sparse rows.
        method: The name of the method; the model itself is called if ``None``.
        device: Where to compute. A device without double precision, such as MPS, leaves it to the CPU.
        gradients: Whether gradients flow to the model and to the rows.

    Returns:
        What the method makes of the rows, on the CPU, shape (m, …).

    Raises:
        torch.OutOfMemoryError: If chunks of an eighth of the usual size do not fit into the device's memory.

    Example:
        >>> model, rows = torch.nn.Linear(3, 2), torch.ones(5, 3)
        >>> torch.allclose(apply_to_rows(model, rows, None, torch.device("cpu")), model(rows), atol=1e-6)
        True
    """
    step = max(1, _CHUNK_ELEMENTS // max(1, math.prod(rows.shape[1:])))
    for attempt in range(_HALVINGS + 1):
        try:
            with contextlib.nullcontext() if gradients else torch.no_grad():
                return _applied(model, rows, method, device, max(1, step >> attempt), gradients=gradients)
        except torch.OutOfMemoryError as error:
            full = error
    raise torch.OutOfMemoryError(
        f"{len(rows)} rows of shape {tuple(rows.shape[1:])} must fit into the memory of {device} in chunks of "
        f"{max(1, step >> _HALVINGS)}, the last of {_HALVINGS + 1} sizes tried. Pass fewer rows at a time, "
        'close what else uses the device, or set device="cpu".'
    ) from full


def _applied(
    model: torch.nn.Module, rows: Any, method: str | None, device: torch.device, step: int, *, gradients: bool
) -> torch.Tensor:
    """Applies a method in chunks of at most so many rows; see :func:`apply_to_rows`."""
    place = device if device.type in _CHUNK_ROWS else torch.device("cpu")
    precise = in_double_precision(model, place)
    if precise is None:
        function = resolve_method(model, method)
        with in_evaluation_mode(model):
            return torch.cat([function(as_input(model, chunk.to(device))).cpu() for chunk in rows.split(step)])
    function = resolve_method(precise, method)
    wide = projected_rows if method in _ON_DATA and not gradients else _as_they_are
    rounded = _as_it_is if method == "decode" and _decodes_far(model) else _rounded
    step = min(step, _CHUNK_ROWS[place.type])
    starts = range(0, max(1, len(rows)), step)

    def result_from(start: int) -> torch.Tensor:
        chunk = rows[start : start + step].to(place)
        return rounded(function(wide(precise, _doubled(as_input(precise, chunk))))).cpu()

    if gradients or len(starts) == 1 or _has_hooks(precise):
        return torch.cat([result_from(start) for start in starts])
    with parallel_map(len(starts), place) as apply:
        return joined_rows(apply(result_from, starts), len(rows))


def _has_hooks(model: torch.nn.Module) -> bool:
    """Whether a user's functions are called with what layers compute; these expect chunk after chunk."""
    return any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def _as_they_are(model: torch.nn.Module, rows: Any) -> Any:  # noqa: ARG001  in the place of projected_rows
    return rows


def _doubled(rows: Any) -> Any:
    # integers are indices of an embedding table, and stay integers
    return rows.to(torch.float64) if rows.is_floating_point() else rows


def _decodes_far(model: torch.nn.Module) -> bool:
    """Whether single precision would lose the digits of rows that are decoded."""
    scaling = getattr(getattr(model, "decoder", None), "scaling", None)
    return isinstance(scaling, Standardization) and scaling.is_far


def _as_it_is(result: torch.Tensor) -> torch.Tensor:
    return result


def _rounded(result: torch.Tensor) -> torch.Tensor:
    return result.to(torch.float32) if result.dtype == torch.float64 else result


def apply_in_chunks(
    model: torch.nn.Module,
    X: Any,
    *,
    method: str | None,
    device: torch.device,
    row_shape: tuple[int, ...] | None,
    owner: str,
    single: bool = False,
    gradients: bool = False,
    place: Callable[..., torch.Tensor] | None = None,
) -> torch.Tensor:
    """Applies a method of a model to points, as :func:`apply_to_rows` does, once they are checked.

    Args:
        model: The model; its mode is restored afterwards.
        X: Points, shape (m, …).
        method: The name of the method; the model itself is called if ``None``.
        device: Where to compute.
        row_shape: The shape that each row must have, or ``None`` if it is not known.
        owner: The name of the routine, for messages.
        single: Whether ``X`` may also be a single point, shape (…).
        gradients: Whether the result is differentiable.
        place: What is made of the checked rows in place of that; it takes them and ``gradients``.

    Returns:
        What the method makes of the points, on the CPU, shape (m, …); shape (…) of a single point.

    Raises:
        TypeError: If ``X`` is no array of numbers.
        ValueError: If ``X`` is not finite, or its rows have another shape; or if what becomes of a row is not
            finite.
    """
    rows = rows_for_model("X", checked_rows("X", X, keep_graph=gradients), model)
    is_single = single and _is_single(rows, row_shape if method in _ON_DATA else None)
    if is_single:
        rows = rows[None]
    if method in _ON_DATA and row_shape is not None and tuple(rows.shape[1:]) != row_shape:
        if len(row_shape) == 1 and rows.ndim == 2:
            raise ValueError(
                f"X has {rows.shape[1]} features, but {owner} is expecting {row_shape[0]} features as input."
            )
        if len(row_shape) == 1:
            raise ValueError(
                f"Expected 2D array, got shape {tuple(rows.shape)}. "
                "Reshape your data: .reshape(1, -1) for a single sample."
            )
        raise ValueError(
            f"X has rows of shape {tuple(rows.shape[1:])}, but {owner} is expecting {row_shape}. Reshape them."
        )
    if place is not None:
        made = place(rows, gradients=gradients)
    else:
        made = apply_to_rows(model, rows, method, device, gradients=gradients)
    _refuse_non_finite(made, method, owner)
    return made[0] if is_single else made


def _refuse_non_finite(made: torch.Tensor, method: str | None, owner: str) -> None:
    """Raises ValueError if a row becomes something that is not finite; scores of classes may be infinite."""
    what = _RESULTS.get(method)
    if what is None or not made.is_floating_point():
        return
    wrong = made.detach().isnan() if method == "classify" else ~made.detach().isfinite()
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0, 0])
        raise ValueError(
            f"the {what} of row {row} must be finite, got {made.detach()[row].tolist()}: the row, or the weights "
            f"of this {owner}, are too large for single precision. Compare the row with those of the training; if "
            "others fail, too, fit again with a lower learning_rate."
        )


def _is_single(rows: Any, row_shape: tuple[int, ...] | None) -> bool:
    """Whether these are the numbers of one point."""
    return rows.ndim == 1 if row_shape is None else tuple(rows.shape) == row_shape


@contextlib.contextmanager
def evaluating(model: torch.nn.Module, device: torch.device | None = None) -> Iterator[None]:
    """Within the block, the model is in evaluation mode, no gradients are computed, and torch's seed is 0.

    Afterwards each part is in the mode in which it was, and torch's generators are where they were, so that
    training goes on as if nobody had looked.

    Args:
        model: The model.
        device: A device whose generator is meant beside that of the CPU.

    Example:
        >>> model = torch.nn.Dropout()
        >>> with evaluating(model):
        ...     model(torch.ones(3))
        tensor([1., 1., 1.])
        >>> model.training
        True
    """
    with in_evaluation_mode(model), torch.no_grad(), seeded(0, device):
        yield


def embed_rows(model: torch.nn.Module, rows: Any, device: torch.device) -> torch.Tensor:
    """Embeds rows in chunks; call it within :func:`evaluating`.

    Args:
        model: The model.
        rows: A tensor of shape (m, …), or sparse rows.
        device: Where to compute.

    Returns:
        The embedding on the CPU, shape (m, out_dim).
    """
    return apply_to_rows(model, rows, "embed", device).to(torch.float32)

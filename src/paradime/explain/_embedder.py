"""The embedding function of a routine or a model, for evaluation and differentiation."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch

from paradime.models import needs_double, resolve_method
from paradime.training import apply_to_rows
from paradime.utils.autograd import recording_gradients

__all__ = ["Embedder", "embedder_of"]

_CHUNK_ELEMENTS, _CHUNK_ROWS = 1 << 20, 1 << 15  # of input; bound the memory of hidden layers


@dataclasses.dataclass(frozen=True)
class Embedder:
    """A model as a function of rows.

    Attributes:
        module: The model.
        function: Embeds a batch of rows, shape (b, …) to (b, out_dim).
        device: The device of the model.
        dtype: The dtype in which it takes rows.
        out_dim: Number of dimensions of the embedding.
    """

    module: torch.nn.Module
    function: Callable[[torch.Tensor], Any]
    device: torch.device
    dtype: torch.dtype
    out_dim: int = 0

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Embeds a batch differentiably."""
        return self.function(rows)  # type: ignore[no-any-return]

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Puts the model into evaluation mode within the block."""
        was_training = self.module.training
        self.module.eval()
        try:
            with recording_gradients():
                yield
        finally:
            self.module.train(was_training)

    def chunks(self, rows: torch.Tensor, *, copies: int = 1) -> Iterator[torch.Tensor]:
        """Yields chunks of rows for the model; ``copies`` of a chunk fit into memory."""
        step = max(1, min(_CHUNK_ELEMENTS // max(1, rows[0].numel() * copies), _CHUNK_ROWS // copies))
        for chunk in torch.split(rows, step):
            yield chunk.to(self.device, self.dtype)

    def embed(self, rows: torch.Tensor) -> torch.Tensor:
        """Embeds rows without gradients, shape (m, …) to (m, out_dim), on the CPU."""
        if self.dtype == torch.float32 or needs_double(self.module):
            # as in transform: the result for a row does not depend on other rows
            return apply_to_rows(self.module, rows.to(self.dtype), "embed", self.device)
        with self.evaluating(), torch.no_grad():
            return torch.cat([self(chunk).cpu() for chunk in self.chunks(rows)])


def embedder_of(routine: Any, first: Any, first_row: torch.Tensor) -> Embedder:
    """Returns the function that embeds rows.

    Args:
        routine: A trained routine, or a torch module.
        first: The first row in the user's container, shape (1, …), which the routine checks.
        first_row: The same as a tensor.

    Raises:
        TypeError: If ``routine`` is neither a routine nor a module.
        NotTrainedError: If the routine is not trained.
        ValueError: If the rows do not fit, or the model does not embed each row as one point.
    """
    if isinstance(routine, torch.nn.Module):
        module = routine
    else:
        if not (hasattr(routine, "embed") and hasattr(routine, "transform")):
            raise TypeError(
                f"expected a trained routine or a torch module, got {type(routine).__name__}. For a pipeline, "
                "pass the last step, and transformed data: pipeline[:-1].transform(X)."
            )
        routine.transform(first)  # raises an error if the routine is not trained or rows do not fit
        module = routine.model
    tensors = [t for t in (*module.parameters(), *module.buffers()) if t.is_floating_point()]
    device, dtype = (tensors[0].device, tensors[0].dtype) if tensors else (torch.device("cpu"), torch.float32)
    dtype = torch.float64 if needs_double(module) else dtype
    embedder = Embedder(module, resolve_method(module, "embed"), device, dtype)
    position = _embedded_first(embedder, first_row)
    if not isinstance(position, torch.Tensor) or position.ndim != 2 or len(position) != 1:
        shape = tuple(position.shape) if isinstance(position, torch.Tensor) else type(position).__name__
        raise ValueError(
            f"the model must embed one row as a tensor of shape (1, out_dim), got {shape}. "
            "Give it an embed method that returns only the positions."
        )
    return dataclasses.replace(embedder, out_dim=position.shape[1])


def _embedded_first(embedder: Embedder, first_row: torch.Tensor) -> Any:
    with embedder.evaluating(), torch.no_grad():
        try:
            return embedder(first_row.to(embedder.device, embedder.dtype))
        except RuntimeError as error:  # torch refuses the shape
            raise ValueError(
                f"the model cannot embed rows of shape {tuple(first_row.shape[1:])}: {error}. "
                "Pass rows like the training rows."
            ) from error

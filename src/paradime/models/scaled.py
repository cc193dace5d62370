"""What models have in common that see principal components of the columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from paradime.models.base import Model, checked_unit
from paradime.models.outputs import Conditioned
from paradime.models.scaling import InputScaling, row_chunks
from paradime.utils.rows import Rows, rows_of

__all__ = ["ScaledModel"]


class ScaledModel(Conditioned, Model):
    """A model whose first layer is an :class:`~paradime.models.InputScaling`; the base of such models.

    Args:
        in_dim: Number of columns of the data, at least 1.
        out_dim: Number of dimensions of the embedding, at least 1.
        n_components: Largest number of principal components, at least 1.
        whitening: Degree of whitening of the principal components, in [0, 1].
        unit: The unit of the embedding, positive, or ``None``.
        outputs: Conditions that positions satisfy exactly.

    Attributes:
        scaling: The first layer.
        alpha: A scalar parameter, initially 1, for use in transforms such as
            ``StudentTTransform(alpha=model.alpha)``.
    """

    prepares_sparse = True

    _is_prepared: torch.Tensor

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        n_components: int,
        whitening: float,
        unit: float | None,
        outputs: Sequence[Mapping[str, object]],
    ) -> None:
        super().__init__()
        self.in_dim, self.out_dim = in_dim, out_dim
        self.n_components, self.unit = n_components, checked_unit(unit)
        self._begin_outputs(outputs)
        self.scaling = InputScaling(in_dim, n_components, whitening=whitening)
        self.alpha = torch.nn.Parameter(torch.tensor(1.0))
        # a buffer, so that a model with the loaded state of a prepared model is prepared
        self.register_buffer("_is_prepared", torch.tensor(False))

    @property
    def prepared(self) -> bool:
        """Whether the model was prepared, or loaded from the state of a prepared one."""
        return bool(self._is_prepared)

    @torch.no_grad()
    def complete(self, rows: torch.Tensor | Rows, generator: torch.Generator | None = None) -> None:
        """Fits the scaling of columns that were constant so far to further rows; arguments as ``prepare``."""
        if len(rows) > 0:
            self.scaling.complete(self._checked_columns(rows), generator)

    def _checked_columns(self, rows: torch.Tensor | Rows) -> Rows:
        rows = rows_of(rows).detach().flat()
        if rows.shape[1] != self.in_dim:
            raise ValueError(
                f"rows must have in_dim={self.in_dim} elements, got {rows.shape[1]}. Make the model with "
                f"in_dim={rows.shape[1]}."
            )
        return rows.to(torch.uint8) if rows.dtype == torch.bool else rows

    def _drawn(self, n: int, n_sampled: int, generator: torch.Generator | None) -> torch.Tensor:
        """Draws indices of some of n rows, or of all, in random order."""
        device = "cpu" if generator is None else generator.device
        return torch.randperm(n, generator=generator, device=device)[:n_sampled]

    def _scaled(self, rows: torch.Tensor | Rows, drawn: torch.Tensor) -> torch.Tensor:
        """Returns some of the rows, scaled."""
        chunks, device = row_chunks(drawn.to(rows.device), self.in_dim), self.scaling.center.device
        return torch.cat([self.scaling.project(rows[chunk].to(device)) for chunk in chunks])

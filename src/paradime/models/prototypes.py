"""A network that holds a map: k-means centres of the data, each with a position and an affine map of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import torch

from paradime._registry import MODELS
from paradime.functional import neighbor_weights, place_by_neighbors
from paradime.functional.clustering import k_means
from paradime.models._options import checked_integers
from paradime.models.scaled import ScaledModel
from paradime.utils.arguments import check_integer
from paradime.utils.rows import Rows

__all__ = ["PrototypeModel"]

_ROWS_PER_PROTOTYPE, _FEWEST, _MOST = 10, 16, 2_000
_USUAL_ROWS = 10_000
_SAMPLE_PER_PROTOTYPE = 50
_FITTED_TO = 80  # rows near a prototype, to which its affine map is fitted
_PENALTY = 0.05  # of a large affine map, relative to the spread of these rows
_PER_NEIGHBOR = 1 / 3  # the effective number of prototypes that place a row
_CHUNK_ELEMENTS = 1 << 22


@MODELS.register("prototypes")
class PrototypeModel(ScaledModel):
    """Places rows by their nearest prototypes: k-means centres of the data, each with an affine map of its own.

    Prototype j, at c_j among the scaled rows, predicts the position p_j + A_j (x − c_j). A row is placed where
    most of its nearest prototypes' predictions agree, see :func:`~paradime.functional.place_by_neighbors`, so that
    rows near each other can be on different islands of a map, which a smooth function would have to connect.

    Routines with ``refine=True`` put such a model in the place of a :class:`~paradime.models.CenterModel` once
    positions are refined. Positions and affine maps are then fitted to these by weighted ridge regression,
    without a gradient step. Made of a recipe, the model begins as a projection to principal components, and is
    trained as any other. It does not extrapolate: rows far from all prototypes are placed near the nearest ones.

    Args:
        in_dim: Number of columns of the data, at least 1.
        out_dim: Number of dimensions of the embedding, at least 1.
        n_rows: Number of rows of the data, which routines pass; it determines ``n_prototypes`` if this is
            ``None``. ``None`` counts as 10,000.
        n_prototypes: Number of prototypes, at least 1. If ``None``, one for 10 rows, from 16 to 2,000.
        n_components: Largest number of principal components, at least 1.
        n_neighbors: How many prototypes place a row, at least 1.
        unit: Factor between the predictions of the parameters and the embedding, positive; 1 if ``None``.
        outputs: Conditions that positions satisfy exactly, see :class:`~paradime.models.OutputLayers`.

    Attributes:
        scaling: The first layer, an :class:`~paradime.models.InputScaling` without whitening.
        prototypes: The c_j, shape (n_prototypes, n_components).
        positions: The p_j, in ``unit``, shape (n_prototypes, out_dim).
        slopes: The A_j, in ``unit``, shape (n_prototypes, out_dim, n_components).

    Raises:
        ValueError: If a number is out of range.

    Source: Moody & Darken, "Fast Learning in Networks of Locally-Tuned Processing Units", 1989, for units around
    k-means centres; Cleveland, "Robust Locally Weighted Regression and Smoothing Scatterplots", 1979, for robust
    weights of local regressions.

    Example:
        >>> rows = torch.randn(500, 10)
        >>> model = PrototypeModel(10, n_rows=500)
        >>> model.prepare(rows)
        >>> model(rows).shape, len(model.prototypes)
        (torch.Size([500, 2]), 50)
    """

    is_torn: ClassVar[bool] = True

    prototypes: torch.Tensor

    def __init__(
        self,
        in_dim: int,
        out_dim: int = 2,
        *,
        n_rows: int | None = None,
        n_prototypes: int | None = None,
        n_components: int = 100,
        n_neighbors: int = 12,
        unit: float | None = None,
        outputs: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        in_dim, out_dim = checked_integers(in_dim=in_dim, out_dim=out_dim)
        for name, size in (("in_dim", in_dim), ("out_dim", out_dim), ("n_neighbors", n_neighbors)):
            check_integer(name, size)
        m = _number_for(_USUAL_ROWS if n_rows is None else n_rows) if n_prototypes is None else n_prototypes
        check_integer("n_prototypes", m)
        super().__init__(in_dim, out_dim, n_components=n_components, whitening=0.0, unit=unit, outputs=outputs)
        self.n_rows, self.n_prototypes, self.n_neighbors = n_rows, n_prototypes, n_neighbors
        p = self.scaling.out_dim
        self.register_buffer("prototypes", torch.randn(m, p))
        self.positions = torch.nn.Parameter(torch.zeros(m, out_dim))
        self.slopes = torch.nn.Parameter(torch.zeros(m, out_dim, p))
        self._project()

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Embeds rows, shape (b, in_dim) to (b, out_dim); rows of more axes with in_dim elements are flattened."""
        if torch.is_autocast_enabled(X.device.type):
            # distances need the full precision of the input
            with torch.autocast(X.device.type, enabled=False):
                return self._satisfying(self._placed(X), X)
        return self._satisfying(self._placed(X), X)

    def _placed(self, X: torch.Tensor) -> torch.Tensor:
        scaled = self.scaling(X)
        near, squares = _nearest(scaled, self.prototypes, self.n_neighbors)
        offsets = scaled[:, None] - self.prototypes[near]
        moved = torch.matmul(self.slopes[near], offsets[:, :, :, None]).squeeze(3)
        predicted = (self.positions[near] + moved) * (1.0 if self.unit is None else self.unit)
        return place_by_neighbors(neighbor_weights(squares, _PER_NEIGHBOR * near.shape[1]), predicted)

    @torch.no_grad()
    def prepare(self, rows: torch.Tensor | Rows, generator: torch.Generator | None = None) -> None:
        """Fits the scaling and the prototypes to the training rows; the embedding is that of their components.

        Args:
            rows: Training rows, shape (n, …), with in_dim elements per row, of any real type and form.
                If there are none, the model is not changed.
            generator: Draws samples of the rows; torch's global generator if ``None``.

        Raises:
            ValueError: If rows have another number of elements, or are not finite.
        """
        if len(rows) == 0:
            return
        rows = self._checked_columns(rows)
        self.scaling.prepare(rows, generator)
        sample = self._scaled(
            rows, self._drawn(len(rows), _SAMPLE_PER_PROTOTYPE * len(self.prototypes), generator)
        )
        self.prototypes.copy_(k_means(sample, len(self.prototypes)))
        self._project()
        self._is_prepared.fill_(True)

    @torch.no_grad()
    def _project(self) -> None:
        """Lets the embedding be the leading principal components."""
        d = min(self.out_dim, self.prototypes.shape[1])
        self.positions.zero_()[:, :d] = self.prototypes[:, :d]
        self.slopes.zero_()[:, range(d), range(d)] = 1.0

    @classmethod
    @torch.no_grad()
    def holding(
        cls,
        model: ScaledModel,
        rows: torch.Tensor | Rows,
        positions: torch.Tensor,
        generator: torch.Generator | None = None,
    ) -> Self:
        """Makes a model that holds a map.

        Args:
            model: The model whose scaling and conditions it has.
            rows: Rows, shape (n, …), n at least 1.
            positions: Their positions, shape (n, out_dim), in units of the kernel 1/(1 + d²).
            generator: Draws a sample of the rows; torch's global generator if ``None``.
        """
        m = _number_for(len(rows))
        # with conditions, their unit stays; otherwise parameters are about as large as those of other layers
        spread = float(positions.std(dim=0, correction=0).norm()) / math.sqrt(model.out_dim)
        unit = model.unit if model.output_layers is not None or not spread > 0 else spread
        made = cls(
            model.in_dim,
            model.out_dim,
            n_prototypes=m,
            n_components=model.n_components,
            unit=unit,
            outputs=model.outputs,
        ).to(model.scaling.center.device)
        made.load_state_dict(
            {name: part for name, part in model.state_dict().items() if name in _shared(made)}, strict=False
        )
        rows = made._checked_columns(rows)
        drawn = made._drawn(len(rows), _SAMPLE_PER_PROTOTYPE * m, generator)
        made._fit(made._unwhitened(made._scaled(rows, drawn)), positions.to(drawn.device)[drawn])
        return made

    def _unwhitened(self, sample: torch.Tensor) -> torch.Tensor:
        """Gives the scaled rows the proportions of the data, of which neighbours are; returns them."""
        norms = self.scaling.weight.norm(dim=1)
        factors = torch.where(norms > 0, 1 / norms, 0)
        size = (sample * factors).square().mean().sqrt()
        factors = factors / torch.where(size > 0, size, 1)
        self.scaling.weight.mul_(factors[:, None])
        self.scaling.bias.mul_(factors)
        return sample * factors

    def _fit(self, rows: torch.Tensor, positions: torch.Tensor) -> None:
        """Fits prototypes, positions and affine maps to scaled rows in random order and their positions."""
        self.prototypes.copy_(k_means(rows, len(self.prototypes)))
        unit = 1.0 if self.unit is None else self.unit
        positions = positions.to(rows)
        step = max(1, _CHUNK_ELEMENTS // (_FITTED_TO * rows.shape[1]))
        for part in torch.split(torch.arange(len(self.prototypes), device=rows.device), step):
            here, slopes = _affine_maps(self.prototypes[part], rows, positions)
            self.positions[part], self.slopes[part] = here / unit, slopes / unit


def _shared(model: torch.nn.Module) -> set[str]:
    """Returns the names of the state that a model has in common with the one it replaces."""
    return {
        name for name in model.state_dict() if name.startswith(("scaling.", "output_layers.", "alpha", "_is_pre"))
    }


def _number_for(n_rows: int) -> int:
    return max(min(n_rows // _ROWS_PER_PROTOTYPE, _MOST), _FEWEST)


def _nearest(rows: torch.Tensor, prototypes: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the indices of the k nearest prototypes of rows, and squared distances, ascending; shape (b, k).

    The distances are differentiable with respect to the rows.
    """
    with torch.no_grad():
        products = torch.addmm(prototypes.square().sum(dim=1), rows, prototypes.T, alpha=-2)
        near = products.topk(min(k, len(prototypes)), dim=1, largest=False).indices
    squares = (rows[:, None] - prototypes[near]).square().sum(dim=2)
    order = squares.detach().argsort(dim=1)  # products round, and weights need ascending distances
    return near.gather(1, order), squares.gather(1, order)


def _affine_maps(
    centers: torch.Tensor, rows: torch.Tensor, positions: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Fits an affine map to the positions of rows near each centre, those of the island where most of them are.

    Args:
        centers: Shape (m, p).
        rows: Shape (n, p).
        positions: Shape (n, d).

    Returns:
        Positions at the centres, shape (m, d), and slopes, shape (m, d, p).
    """
    near, squares = _nearest(centers, rows, _FITTED_TO)
    weights = neighbor_weights(squares, _PER_NEIGHBOR * near.shape[1])
    there = positions[near]
    mode = place_by_neighbors(weights, there)
    weights = weights / (1 + (there - mode[:, None]).square().sum(dim=2))
    weights = (weights / weights.sum(dim=1, keepdim=True))[:, :, None]
    offsets = rows[near] - centers[:, None]
    mean_offset, mean_there = ((weights * part).sum(dim=1, keepdim=True) for part in (offsets, there))
    inputs, outputs = (weights.sqrt() * part for part in (offsets - mean_offset, there - mean_there))
    # ridge regression in its dual form: there are fewer rows than columns, or about as many
    products = inputs @ inputs.transpose(1, 2)
    spread = products.diagonal(dim1=1, dim2=2).sum(dim=1)
    penalty = torch.where(spread > 0, _PENALTY * spread, 1)[:, None, None] * torch.eye(near.shape[1]).to(rows)
    slopes = torch.linalg.solve(products + penalty, outputs).transpose(1, 2) @ inputs
    return (mean_there - (slopes @ mean_offset.transpose(1, 2)).transpose(1, 2)).squeeze(1), slopes

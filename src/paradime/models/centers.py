"""A network on scaled rows and their soft assignments to k-means centres of the data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch

from paradime._registry import MODELS
from paradime.functional.clustering import k_means
from paradime.models._options import checked_integers, checked_widths
from paradime.models.base import in_unit
from paradime.models.layers import FullyConnected
from paradime.models.scaled import ScaledModel
from paradime.models.scaling import Contrast
from paradime.utils.arguments import check_integer, check_positive
from paradime.utils.rows import Rows

__all__ = ["CenterModel", "SoftAssignments", "network_scale"]

_USUAL_ROWS = 10_000
_ROWS_PER_CENTER = 20
_FEWEST_CENTERS, _USUAL_CENTERS = 16, 500
_ROWS_PER_FURTHER_CENTER, _MOST_CENTERS = 300, 2_000  # for large data
_MANY_ROWS = 5_000
_SAMPLE_PER_CENTER = 50
_NEAREST = 5
_LEAST = 1e-3  # smallest bandwidth, relative to the points' norm; closer centres differ by rounding only
_CHUNK_ELEMENTS = 1 << 22


class SoftAssignments(torch.nn.Module):
    """Soft assignments to centres: softmax over j of −4 · sharpness · |x − c_j|² / h², times √m.

    The centres c_j are k-means centres of the training data, and the bandwidth h is the mean distance of the
    data to the fifth nearest centre. The layer has no trained parameters; until :meth:`prepare` is called, the
    centres are random.

    Args:
        in_dim: Number of columns, at least 1.
        n_centers: The number m of centres, at least 1.
        sharpness: Decay of the assignments with the distance, positive.

    Attributes:
        centers: The centres c_j, shape (n_centers, in_dim).
        bandwidth: The bandwidth h, a scalar.

    Raises:
        ValueError: If an argument is out of range.

    Source: Moody & Darken, "Fast Learning in Networks of Locally-Tuned Processing Units", 1989: units around
    k-means centres with normalised responses.

    Example:
        >>> assignments = SoftAssignments(2, 4)
        >>> assignments.prepare(torch.randn(100, 2))
        >>> assignments(torch.randn(3, 2)).sum(dim=1).round(decimals=3)
        tensor([2., 2., 2.])
    """

    centers: torch.Tensor
    bandwidth: torch.Tensor

    def __init__(self, in_dim: int, n_centers: int, *, sharpness: float = 16.0) -> None:
        super().__init__()
        check_integer("n_centers", n_centers)
        check_positive("sharpness", sharpness, remedy="2.0 suits most data.")
        self.in_dim = in_dim
        self.n_centers = n_centers
        self.sharpness = sharpness
        self.register_buffer("centers", torch.randn(n_centers, in_dim))
        # the typical distance of the random centres
        self.register_buffer("bandwidth", torch.full((), math.sqrt(2 * in_dim)))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Computes assignments, shape (b, in_dim) to (b, n_centers)."""
        # |x|² is the same for all centres and cancels in the softmax: the rest is linear in x
        weight = self.centers * (8 * self.sharpness / self.bandwidth.square())
        bias = (weight * self.centers).sum(dim=1) / -2
        logits = torch.nn.functional.linear(X, weight, bias)
        return torch.softmax(logits, dim=1) * math.sqrt(self.n_centers)

    @torch.no_grad()
    def prepare(self, rows: torch.Tensor) -> None:
        """Fits the centres to rows that are centred and in random order, shape (n, in_dim), n at least 1."""
        centers = k_means(rows, self.n_centers).to(rows.dtype)
        self.centers.copy_(centers)
        bandwidth = self._distances_to_near_center(rows, centers).mean()
        least = _LEAST * rows.square().sum(dim=1).mean().sqrt()
        bandwidth = torch.maximum(bandwidth, least)
        # if all rows are equal, they have equal assignments to all centres
        self.bandwidth.copy_(torch.where(bandwidth > 0, bandwidth, 1))

    def _distances_to_near_center(self, rows: torch.Tensor, centers: torch.Tensor) -> torch.Tensor:
        """Distances to the fifth nearest centre, or to the farthest of fewer centres, shape (n,)."""
        sq_norms, k = centers.square().sum(dim=1), min(_NEAREST, len(centers))
        distances = []
        for chunk in torch.split(rows, max(1, _CHUNK_ELEMENTS // len(centers))):
            relative = torch.addmm(sq_norms, chunk, centers.T, alpha=-2)
            kth = relative.topk(k, dim=1, largest=False).values[:, -1]
            distances.append((kth + chunk.square().sum(dim=1)).clamp_min_(0).sqrt_())
        return torch.cat(distances)


def network_scale(n_rows: int, in_dim: int) -> tuple[tuple[int, ...], int]:  # noqa: ARG001  part of the rule's form
    """Returns the default size of a network: the widths of its hidden layers, and its number of centres.

    Args:
        n_rows: Number of rows, at least 1.
        in_dim: Number of columns, at least 1.

    Returns:
        Three layers of 100 units for less than 5,000 rows, else of 300 units; and one centre per 20 rows, clipped
        to [16, 500], or one per 300 rows, up to 2,000, if this is more. Neither depends on the number of columns.

    Example:
        >>> network_scale(1_797, 64), network_scale(70_000, 784)
        (((100, 100, 100), 89), ((300, 300, 300), 500))
        >>> network_scale(581_012, 10)
        ((300, 300, 300), 1936)
    """
    width = 100 if n_rows < _MANY_ROWS else 300
    usual = min(max(n_rows // _ROWS_PER_CENTER, _FEWEST_CENTERS), _USUAL_CENTERS)
    return (width,) * 3, max(usual, min(n_rows // _ROWS_PER_FURTHER_CENTER, _MOST_CENTERS))


@MODELS.register("centers")
class CenterModel(ScaledModel):
    """Fully connected layers on scaled principal components and soft assignments to centres of the data.

    The input of the layers consists of principal components of about unit size, whatever the scale and offset of
    the columns, see :class:`~paradime.models.InputScaling`, and of soft assignments to k-means centres of the
    training data, see :class:`~paradime.models.SoftAssignments`. Both are fitted by :meth:`prepare`, which
    routines call before training, and are then fixed. A model that was not prepared uses unscaled rows and random
    centres. Rows of several axes, such as images, are flattened.

    Args:
        in_dim: Number of columns of the data, at least 1.
        out_dim: Number of dimensions of the embedding, at least 1.
        hidden_dims: Widths of the hidden layers; an empty sequence gives a linear map. If ``None``, they follow
            from the number of rows, see :func:`~paradime.models.network_scale`.
        n_rows: Number of rows of the data, which routines pass; it determines ``hidden_dims`` and ``n_centers``
            if these are ``None``. ``None`` counts as 10,000.
        n_centers: Number of centres, or 0 for none. If ``None``, it follows from the number of rows.
        n_components: Largest number of principal components, at least 1.
        sharpness: Decay of the assignments with the distance to the centres, positive.
        whitening: Degree of whitening of the principal components, in [0, 1]: 0 keeps the proportions of their
            standard deviations, 1 makes all equal.
        activation: The name of the activation; see :data:`~paradime.models.ACTIVATIONS`.
        normalization: Normalisation after each hidden linear layer: ``"batch"``, ``"layer"``, or ``None``.
        dropout: Probability with which a hidden unit is dropped in training, in [0, 1).
        residual: Whether hidden layers that are as wide as their input add their input to their output.
        unit: Factor between the output of the layers and the embedding, positive. If ``None``, training chooses
            it for the losses, such as the scale of the data for losses on distances.
        outputs: Conditions that positions satisfy exactly, see :class:`~paradime.models.OutputLayers`; constraints
            with ``exact=True`` add theirs.

    Attributes:
        scaling: The first layer, an :class:`~paradime.models.InputScaling`.
        assignments: The :class:`~paradime.models.SoftAssignments`, or ``None``.
        network: The :class:`~paradime.models.FullyConnected` layers, with the chosen widths.
        alpha: A scalar parameter, initially 1, for use in transforms such as
            ``StudentTTransform(alpha=model.alpha)``.

    Raises:
        ValueError: If a number is out of range, or a name unknown.

    Source: Moody & Darken, "Fast Learning in Networks of Locally-Tuned Processing Units", 1989: units around
    k-means centres; Ba et al., "Layer Normalization", 2016.

    Example:
        >>> rows = 1e4 + 100 * torch.randn(500, 10)
        >>> model = CenterModel(10, n_rows=500)
        >>> model.prepare(rows)
        >>> model(rows).shape, model.assignments.n_centers
        (torch.Size([500, 2]), 25)
    """

    prepares_contrast = True

    def __init__(
        self,
        in_dim: int,
        out_dim: int = 2,
        hidden_dims: int | Sequence[int] | None = None,
        *,
        n_rows: int | None = None,
        n_centers: int | None = None,
        n_components: int = 100,
        sharpness: float = 16.0,
        whitening: float = 0.5,
        activation: str = "relu",
        normalization: Literal["batch", "layer"] | None = "layer",
        dropout: float = 0.0,
        residual: bool = False,
        unit: float | None = None,
        outputs: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        in_dim, out_dim = checked_integers(in_dim=in_dim, out_dim=out_dim)
        hidden_dims = None if hidden_dims is None else checked_widths("hidden_dims", hidden_dims)
        widths, m = _checked_scale(in_dim, out_dim, hidden_dims, n_rows, n_centers)
        super().__init__(
            in_dim, out_dim, n_components=n_components, whitening=whitening, unit=unit, outputs=outputs
        )
        self.hidden_dims = hidden_dims
        self.n_rows = n_rows
        self.n_centers = n_centers
        self.sharpness = sharpness
        self.whitening = whitening
        self.activation = activation
        self.normalization = normalization
        self.dropout = dropout
        self.residual = residual
        p = self.scaling.out_dim
        self.assignments = SoftAssignments(p, m, sharpness=sharpness) if m else None
        self.network = FullyConnected(
            p + m,
            out_dim,
            widths,
            activation=activation,
            normalization=normalization,
            dropout=dropout,
            residual=residual,
        )

    @property
    def layers(self) -> torch.nn.ModuleList:
        """The linear layers."""
        return self.network.layers

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Embeds rows, shape (b, in_dim) to (b, out_dim); rows of more axes with in_dim elements are flattened."""
        return self._satisfying(in_unit(self.network(self.features(X)), self.unit), X)

    def features(self, X: torch.Tensor) -> torch.Tensor:
        """Returns the input of the layers, shape (b, …) to (b, n_components + n_centers)."""
        if torch.is_autocast_enabled(X.device.type):
            # centring needs the full precision of the input
            with torch.autocast(X.device.type, enabled=False):
                return self._features(X)
        return self._features(X)

    def _features(self, X: torch.Tensor) -> torch.Tensor:
        scaled = self.scaling(X)
        if self.assignments is None:
            return scaled  # type: ignore[no-any-return]
        return torch.cat([scaled, self.assignments(scaled)], dim=1)

    @torch.no_grad()
    def prepare(
        self, rows: torch.Tensor | Rows, generator: torch.Generator | None = None, contrast: Contrast | None = None
    ) -> None:
        """Fits the scaling and the centres to the training rows, and replaces an earlier fit.

        Args:
            rows: Training rows, shape (n, …), with in_dim elements per row, of any real type and form.
                If there are none, the model is not changed.
            generator: Draws samples of the rows; torch's global generator if ``None``.
            contrast: A linear map that rows go through first, see :meth:`InputScaling.prepare`.

        Raises:
            ValueError: If rows have another number of elements, or are not finite.
        """
        if len(rows) == 0:
            return
        rows = self._checked_columns(rows)
        self.scaling.prepare(rows, generator, contrast)
        if self.assignments is not None:
            drawn = self._drawn(len(rows), _SAMPLE_PER_CENTER * self.assignments.n_centers, generator)
            self.assignments.prepare(self._scaled(rows, drawn))
        self._is_prepared.fill_(True)


def _checked_scale(
    in_dim: int, out_dim: int, hidden_dims: Sequence[int] | None, n_rows: int | None, n_centers: int | None
) -> tuple[list[int], int]:
    """Returns the widths of the hidden layers and the number of centres, with defaults for missing ones."""
    checked_integers(**{name: n for name, n in (("n_rows", n_rows), ("n_centers", n_centers)) if n is not None})
    widths = [] if hidden_dims is None else list(hidden_dims)
    if in_dim < 1 or out_dim < 1 or any(width < 1 for width in widths):
        raise ValueError(
            f"in_dim, hidden_dims and out_dim must be positive, got {[in_dim, *widths, out_dim]}. "
            "Pass positive integers."
        )
    if n_rows is not None and n_rows < 1:
        raise ValueError(f"n_rows must be at least 1, got {n_rows}. Omit it: it follows from the data.")
    if n_centers is not None and n_centers < 0:
        raise ValueError(f"n_centers must not be negative, got {n_centers}. 0 leaves the centres out.")
    default_widths, default_centers = network_scale(_USUAL_ROWS if n_rows is None else n_rows, in_dim)
    m = default_centers if n_centers is None else n_centers
    return list(default_widths) if hidden_dims is None else widths, m

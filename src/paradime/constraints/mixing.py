"""Constraints on the classes of neighbours: parity of a sensitive attribute, and classes that stay whole."""

from __future__ import annotations

import torch

from paradime._registry import LOSSES
from paradime.constraints.base import Adherence, Constraint
from paradime.constraints.classes import class_codes, codes_of
from paradime.data import Batch, Dataset
from paradime.functional import squared_distances
from paradime.loss.base import GlobalRelations, Trial
from paradime.metrics import class_connectivity, class_parity
from paradime.utils.arguments import check_integer

__all__ = ["CohesionConstraint", "ParityConstraint"]

_LEAST_ROWS = 3  # of a class in a batch
_WIDTH = 0.2  # of the kernel by which rows of a class are joined, in units of the map's extent


class _OfClasses(Constraint):
    """A constraint on an entry of classes."""

    label_key: str

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        class_codes(self.name, trial.dataset, self.label_key)


@LOSSES.register("parity constraint")
class ParityConstraint(_OfClasses):
    """Every neighbourhood mixes the classes of an attribute as all rows do.

    The loss is the mean squared difference between the shares of the classes around each row and those of the
    batch, Σ_c (p_i(c) − p(c))², relative to its value if all neighbours were of the row's own class. Rows around a
    row are weighted by 1 / (1 + (d/s)²), where s is the distance to the ``n_neighbors``-th nearest in the batch.

    Args:
        label_key: The entry with the classes as integers, such as a sensitive attribute; rows with −1 are ignored.
        n_neighbors: The number of neighbours among all rows that are to mix, at least 1.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the constraint in histories.

    Raises:
        ValueError: If ``n_neighbors`` is out of range; before training, if classes are not integers.

    Source: the aim is that of demographic parity, Dwork et al., "Fairness through awareness", 2012, for
        neighbourhoods.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from paradime import ParametricMDS
        >>> X, y = load_iris(return_X_y=True)
        >>> routine = ParametricMDS(epochs=2, random_state=0).add_constraint(ParityConstraint("species"))
        >>> 0 <= routine.fit({"main": X, "species": y}).adherence()["parity"].score <= 1
        True
    """

    measure = "1 if neighbours are of any class as all rows are, 0 if all are of the same class"

    def __init__(
        self,
        label_key: str = "labels",
        n_neighbors: int = 30,
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        self.label_key = label_key
        self.n_neighbors = check_integer("n_neighbors", n_neighbors, remedy="30 suits most data.")

    def of_embedding(
        self,
        embedded: torch.Tensor,
        batch: Batch,
        global_relations: GlobalRelations,
    ) -> torch.Tensor:
        """Returns the loss of embedded rows, shape (b, out_dim) to ()."""
        labels = codes_of(batch[self.label_key]).to(embedded.device)
        known = (labels >= 0).nonzero().squeeze(1)
        if len(known) < _LEAST_ROWS:
            return 0 * embedded.sum()
        positions, codes = embedded[known], torch.unique(labels[known], return_inverse=True)[1]
        members = torch.nn.functional.one_hot(codes).to(embedded.dtype)
        squares = squared_distances(positions)
        k = min(self.n_neighbors, len(known) - 1)
        widths = squares.detach().kthvalue(k + 1, dim=1).values.clamp_min(torch.finfo(squares.dtype).tiny)
        weights = (1 / (1 + squares / widths[:, None])) * (1 - torch.eye(len(known), device=embedded.device))
        around = weights @ members / weights.sum(dim=1, keepdim=True)
        shares = members.mean(dim=0)
        differences = (around - shares).square().sum(dim=1).mean()
        apart = (members - shares).square().sum(dim=1).mean()
        return differences / torch.where(apart > 0, apart, 1)

    def adherence(self, positions: torch.Tensor, dataset: Dataset) -> Adherence | None:
        """Returns the parity of the classes; see :func:`~paradime.metrics.class_parity`."""
        if self.label_key not in dataset:
            return None
        labels = class_codes(self.name, dataset, self.label_key).to(positions.device)
        known = (labels >= 0).nonzero().squeeze(1)
        if len(known) < 2 * _LEAST_ROWS or len(torch.unique(labels[known])) < 2:
            return None
        k = min(self.n_neighbors, len(known) - 1)
        return self.adhered(class_parity(positions[known], labels[known], n_neighbors=k), len(known))


@LOSSES.register("cohesion constraint")
class CohesionConstraint(_OfClasses):
    """Each class stays in one piece.

    For each class of a batch, rows are joined by 1 / (1 + (d/s)²), where s is a fifth of the map's extent. The
    loss is 1 − λ₂, averaged over classes, where λ₂ is the second smallest eigenvalue of the normalised Laplacian
    of these weights: it is near 0 for a class that is torn into parts, and 1 for one whose rows are near each
    other.

    Args:
        label_key: The entry with the classes as integers; rows with −1 are ignored.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the constraint in histories.

    Raises:
        ValueError: Before training, if classes are not integers.

    Source: Fiedler, "Algebraic connectivity of graphs", 1973, for λ₂; Luecken et al., "Benchmarking atlas-level
        data integration in single-cell genomics", 2022, for the score.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from paradime import ParametricMDS
        >>> X, y = load_iris(return_X_y=True)
        >>> routine = ParametricMDS(epochs=2, random_state=0).add_constraint(CohesionConstraint())
        >>> 0 <= routine.fit(X, y).adherence()["cohesion"].score <= 1
        True
    """

    measure = "mean share of a class that is connected by neighbours of the class"

    def __init__(
        self,
        label_key: str = "labels",
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        self.label_key = label_key

    def of_embedding(
        self,
        embedded: torch.Tensor,
        batch: Batch,
        global_relations: GlobalRelations,
    ) -> torch.Tensor:
        """Returns the loss of embedded rows, shape (b, out_dim) to ()."""
        labels = codes_of(batch[self.label_key]).to(embedded.device)
        variance = embedded.detach().var(dim=0, unbiased=False).sum()
        width = _WIDTH**2 * torch.where(variance > 0, variance, 1)
        losses = [
            1 - _connectivity(embedded[labels == label], width)
            for label in torch.unique(labels[labels >= 0])
            if int((labels == label).sum()) >= _LEAST_ROWS
        ]
        return torch.stack(losses).mean() if losses else 0 * embedded.sum()

    def adherence(self, positions: torch.Tensor, dataset: Dataset) -> Adherence | None:
        """Returns the connectivity of the classes; see :func:`~paradime.metrics.class_connectivity`."""
        if self.label_key not in dataset:
            return None
        labels = class_codes(self.name, dataset, self.label_key).to(positions.device)
        known = (labels >= 0).nonzero().squeeze(1)
        if len(known) < 2 * _LEAST_ROWS:
            return None
        return self.adhered(class_connectivity(positions[known], labels[known]), len(known))


def _connectivity(positions: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
    """Returns the second smallest eigenvalue of the normalised Laplacian, at most 1."""
    n = len(positions)
    weights = (1 / (1 + squared_distances(positions) / width)) * (1 - torch.eye(n, device=positions.device))
    scale = weights.sum(dim=1).rsqrt()
    laplacian = torch.eye(n, device=positions.device) - scale[:, None] * weights * scale
    values: torch.Tensor = torch.linalg.eigvalsh(laplacian)
    return values[1].clamp_max(1)

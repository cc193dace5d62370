"""What positions are refined by: the neighbours and the further losses of a training phase."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse

from paradime.exceptions import UnsupportedConfigurationError
from paradime.functional import kullback_leibler_div
from paradime.loss import ContrastiveLoss, Loss, RelationLoss
from paradime.relationdata import RelationData
from paradime.relations import DifferentiablePDist, Relations
from paradime.training import TrainingPhase
from paradime.transforms import StudentTTransform

__all__ = ["Objective", "find_objective", "neighbor_probabilities"]


@dataclasses.dataclass(frozen=True)
class Objective:
    """A phase whose objective free positions can follow.

    Attributes:
        phase: The phase.
        relation_key: The global relations whose edges attract.
        by_rows: Whether each row has the same part in the objective, or each edge.
        key: The loss that attracts.
    """

    phase: TrainingPhase
    relation_key: str
    by_rows: bool
    key: str

    def guiding_weights(self, records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """Returns the weights of the phase's other losses, relative to the one that attracts, by key.

        Args:
            records: The history of the training, whose last weights these are.
        """
        own = [record["weights"] for record in records if record["phase"] == self.phase.name]
        weights = own[-1] if own else {}
        others = [key for key in self.phase.loss_keys if key != self.key]
        first = weights.get(self.key, 1.0)
        return {key: weights.get(key, 1.0) / first for key in others} if first > 0 else {}


def find_objective(
    phases: Sequence[TrainingPhase],
    losses: Mapping[str, Loss],
    batch_relations: Mapping[str, Relations],
    owner: str,
) -> Objective:
    """Returns the last phase that trains t-SNE's divergence, or InfoNCE with Cauchy similarities.

    Args:
        phases: Training phases.
        losses: Losses by key.
        batch_relations: Relations between embedded points, by key.
        owner: The name of the routine, for messages.

    Raises:
        UnsupportedConfigurationError: If there is none.
    """
    for phase in reversed(phases):
        for key in phase.loss_keys:
            attracting = _attracting(losses.get(key), phase, batch_relations)
            if attracting is not None:
                return Objective(phase, *attracting, key)
    raise UnsupportedConfigurationError(
        f"refine=True needs a phase that trains t-SNE's divergence or InfoNCE with Cauchy similarities, and this "
        f"{owner} has none. ParametricTSNE has one with alpha=1, ParametricContrastive with kind='infonce' or "
        "'nce', similarity='cauchy' and temperature=1. Set these, or refine=False."
    )


def _attracting(
    loss: Loss | None, phase: TrainingPhase, batch_relations: Mapping[str, Relations]
) -> tuple[str, bool] | None:
    """Returns the relations whose edges a loss attracts, and whether by rows; ``None`` for other losses."""
    if isinstance(loss, ContrastiveLoss):
        keys = phase.plan().relation_keys()
        is_like = loss.similarity == "cauchy" and loss.temperature == 1 and loss.kind in ("infonce", "nce")
        by_rows = getattr(phase.plan(), "anchors", "edges") == "rows"
        return (keys[0], by_rows) if is_like and len(keys) == 1 else None
    if isinstance(loss, RelationLoss) and loss.loss_function is kullback_leibler_div:
        relations = batch_relations.get(loss.batch_relation_key)
        kernels = getattr(relations, "transform", None) or []
        is_like = isinstance(relations, DifferentiablePDist) and any(
            isinstance(kernel, StudentTTransform) and kernel.alpha == 1 for kernel in kernels
        )
        return (loss.global_relation_key, False) if is_like else None
    return None


def neighbor_probabilities(relations: RelationData, *, by_rows: bool) -> scipy.sparse.csr_array:
    """Returns the probabilities with which points are neighbours: symmetric, without a diagonal, of the sum 1.

    Args:
        relations: Weights of edges, at least 0.
        by_rows: Whether the weights of each row are first divided by their sum.

    Raises:
        ValueError: If there are no edges.

    Example:
        >>> from paradime.relationdata import relation_factory
        >>> graph = relation_factory([[0.0, 3.0, 1.0], [3.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> neighbor_probabilities(graph, by_rows=False).toarray().round(3).tolist()
        [[0.0, 0.375, 0.125], [0.375, 0.0, 0.0], [0.125, 0.0, 0.0]]
    """
    edges = scipy.sparse.coo_array(relations.to_sparse_array().data, dtype=np.float64)
    apart = edges.row != edges.col
    places = edges.row[apart], edges.col[apart]
    graph = scipy.sparse.csr_array((edges.data[apart], places), shape=edges.shape)
    if by_rows:
        sums = graph.sum(axis=1)
        factors = np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0)
        graph.data *= factors.repeat(np.diff(graph.indptr))
    both = scipy.sparse.csr_array(graph + graph.T)
    both.eliminate_zeros()
    total = both.sum()
    if not total > 0:
        raise ValueError(
            "positions cannot be refined: no point has a neighbour. Set refine=False, or pass distinct rows."
        )
    both.data /= total
    return both

"""Attraction and repulsion of pairs, as in PaCMAP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch

from paradime._registry import LOSSES
from paradime.data import Batch
from paradime.functional import saturating_attraction, saturating_repulsion
from paradime.loss.base import BatchRelations, GlobalRelations, as_batch
from paradime.loss.embedding import EmbeddingLoss
from paradime.utils.arguments import check_choice, check_positive

__all__ = ["AttractionLoss", "RepulsionLoss"]

_STRENGTHS = {"near": 10.0, "mid": 10_000.0}
_REPELLED = ("far", "mid")


class _PairLoss(EmbeddingLoss):
    """A function of distances, summed over each point's pairs of one kind, and averaged over points.

    PaCMAP's loss is a sum over all pairs. Division by the number of points in the batch, instead of the number of
    pairs, makes the weights of the paper applicable for any number of pairs.
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "data": ("data_key",),
        "methods": ("embedding_method",),
    }

    kind: str

    def _of_distances(self, sq_dists: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def forward(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        firsts, others = as_batch(batch).encode_pairs(
            model, self.embedding_method, self.data_key, device, kinds=(self.kind,)
        )
        sq_dists = (firsts - others).square().flatten(2).sum(dim=2)
        return self._of_distances(sq_dists).sum() / len(sq_dists)

    def needs(self, batch_relations: BatchRelations) -> str:
        return "mid pairs" if self.kind == "mid" else "pairs"


@LOSSES.register("attraction")
class AttractionLoss(_PairLoss):
    """Attracts the points of near or mid-near pairs, d̃/(s + d̃) with d̃ = d² + 1.

    The loss is summed over the pairs of each point and averaged over points, so that the weights of the paper's
    phases can be used as loss weights (2, then 3, then 1 for near pairs; 1000 falling to 3, then 3, then 0 for
    mid-near pairs; 1 for far pairs).

    Args:
        kind: The kind of pairs: ``"near"``, or ``"mid"`` of :class:`~paradime.data.NearMidFarPairs`.
        strength: s > 0; beyond a distance of about √s, the attraction is weak. By default 10 for near pairs and
            10,000 for mid-near pairs.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the loss in histories.

    Raises:
        ValueError: If ``kind`` is unknown, or ``strength`` not positive.

    Source: Wang et al., "Understanding how dimension reduction tools work: PaCMAP", 2021, eq. 1.
    """

    def __init__(
        self,
        kind: Literal["near", "mid"] = "near",
        strength: float | None = None,
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        check_choice("kind of pairs", kind, _STRENGTHS)
        if strength is not None:
            check_positive("strength", strength)
        self.kind = kind
        self.strength = strength

    def _of_distances(self, sq_dists: torch.Tensor) -> torch.Tensor:
        return saturating_attraction(sq_dists, _STRENGTHS[self.kind] if self.strength is None else self.strength)


@LOSSES.register("repulsion")
class RepulsionLoss(_PairLoss):
    """Repels the points of far or mid-near pairs, 1/(1 + d̃) with d̃ = d² + 1.

    The loss is summed over the pairs of each point and averaged over points, as in :class:`AttractionLoss`.
    Mid-near pairs are hard negatives: they separate points that a parametric model would blur.

    Args:
        kind: The kind of pairs: ``"far"``, or ``"mid"`` of :class:`~paradime.data.NearMidFarPairs`.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the loss in histories.

    Raises:
        ValueError: If ``kind`` is unknown.

    Source: Wang et al., "Understanding how dimension reduction tools work: PaCMAP", 2021, eq. 1; for mid-near
    pairs Huang, Wang, Rudin, "Navigating the effect of parametrization for dimensionality reduction", 2024.
    """

    def __init__(
        self,
        kind: Literal["far", "mid"] = "far",
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        check_choice("kind of pairs", kind, _REPELLED)
        self.kind = kind

    def _of_distances(self, sq_dists: torch.Tensor) -> torch.Tensor:
        return saturating_repulsion(sq_dists)

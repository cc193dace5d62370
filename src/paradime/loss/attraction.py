"""Attraction and repulsion of the pairs of PaCMAP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch

from paradime._registry import LOSSES
from paradime.data import Batch
from paradime.functional import saturating_attraction, saturating_repulsion
from paradime.loss.base import BatchRelations, GlobalRelations, as_batch
from paradime.loss.embedding import EmbeddingLoss, check_choice, check_positive

__all__ = ["AttractionLoss", "RepulsionLoss"]

_STRENGTHS = {"near": 10.0, "mid": 10_000.0}
_REPELLED = ("far", "mid")


class _PairLoss(EmbeddingLoss):
    """The sum of a function of distances over the pairs of each point that are of a kind, its mean over points.

    PaCMAP's loss is a sum over all pairs. Divided by the number of points in the batch, and not by that of pairs,
    the paper's weights of near, mid-near and far pairs mean what they mean there, whatever the numbers of pairs.
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "data": ("data_key",),
        "methods": ("embedding_method",),
    }

    kind: str

    def _of(self, sq_dists: torch.Tensor) -> torch.Tensor:
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
        return self._of(sq_dists).sum() / len(sq_dists)

    def needs(self, batch_relations: BatchRelations) -> str:
        return "mid pairs" if self.kind == "mid" else "pairs"


@LOSSES.register("attraction")
class AttractionLoss(_PairLoss):
    """Pulls the points of near or mid-near pairs together, d̃/(s + d̃) with d̃ = d² + 1.

    Summed over the pairs of each point, and the mean over points: the weights of the paper's phases (2, then 3,
    then 1 for near pairs; 1000 falling to 3, then 3, then 0 for mid-near ones; 1 for far ones) are weights of the
    losses as they stand.

    Args:
        kind: Which pairs: ``"near"``, or ``"mid"`` of :class:`~paradime.data.NearMidFarPairs`.
        strength: s > 0; pairs beyond a distance of about √s are hardly pulled. 10 for near pairs and 10,000 for
            mid-near ones if ``None``.
        data_key: The entry that is embedded.
        embedding_method: The method of the model that embeds.
        name: The loss's name in histories.

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

    def _of(self, sq_dists: torch.Tensor) -> torch.Tensor:
        return saturating_attraction(sq_dists, _STRENGTHS[self.kind] if self.strength is None else self.strength)


@LOSSES.register("repulsion")
class RepulsionLoss(_PairLoss):
    """Pushes the points of far pairs apart, or of mid-near ones, 1/(1 + d̃) with d̃ = d² + 1.

    Summed over the pairs of each point, and the mean over points, as :class:`AttractionLoss`. Mid-near pairs are
    negatives that are hard to tell from neighbours: they sharpen what a parametric model blurs.

    Args:
        kind: Which pairs: ``"far"``, or ``"mid"`` of :class:`~paradime.data.NearMidFarPairs`.
        data_key: The entry that is embedded.
        embedding_method: The method of the model that embeds.
        name: The loss's name in histories.

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

    def _of(self, sq_dists: torch.Tensor) -> torch.Tensor:
        return saturating_repulsion(sq_dists)

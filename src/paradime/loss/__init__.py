"""Losses: of relations, positions, classes, reconstructions, or anything else; and their weighted sums."""

from paradime._registry import LOSS_FUNCTIONS
from paradime.functional import cross_entropy_loss, kullback_leibler_div
from paradime.loss.base import Loss, Trial
from paradime.loss.compound import CompoundLoss
from paradime.loss.position import PositionLoss
from paradime.loss.reconstruction import ReconstructionLoss
from paradime.loss.relation import RelationLoss
from paradime.loss.supervised import ClassificationLoss

__all__ = [
    "ClassificationLoss",
    "CompoundLoss",
    "Loss",
    "PositionLoss",
    "ReconstructionLoss",
    "RelationLoss",
    "Trial",
    "cross_entropy_loss",
    "kullback_leibler_div",
]

LOSS_FUNCTIONS.add("kl div", kullback_leibler_div)
LOSS_FUNCTIONS.add("umap cross entropy", cross_entropy_loss)

"""Losses of relations, positions, classes, reconstructions and embeddings, and their weighted sums."""

from paradime._registry import LOSS_FUNCTIONS
from paradime.functional import cross_entropy_loss, kullback_leibler_div, largevis_loss
from paradime.loss.attraction import AttractionLoss, RepulsionLoss
from paradime.loss.attributes import Attribute, CorrelationLoss, IndependenceLoss
from paradime.loss.base import Loss, Trial, trained_state
from paradime.loss.compound import CompoundLoss
from paradime.loss.contrastive import ContrastiveLoss
from paradime.loss.density import DensityLoss
from paradime.loss.embedding import EmbeddingLoss
from paradime.loss.position import AnchorLoss, PositionLoss
from paradime.loss.reconstruction import ReconstructionLoss
from paradime.loss.relation import RelationLoss
from paradime.loss.smoothness import SmoothnessLoss
from paradime.loss.stress import GlobalStructureLoss, StressLoss
from paradime.loss.supervised import ClassificationLoss, RegressionLoss
from paradime.loss.supervised_contrastive import SupervisedContrastiveLoss, TripletLoss

__all__ = [
    "AnchorLoss",
    "AttractionLoss",
    "Attribute",
    "ClassificationLoss",
    "CompoundLoss",
    "ContrastiveLoss",
    "CorrelationLoss",
    "DensityLoss",
    "EmbeddingLoss",
    "GlobalStructureLoss",
    "IndependenceLoss",
    "Loss",
    "PositionLoss",
    "ReconstructionLoss",
    "RegressionLoss",
    "RelationLoss",
    "RepulsionLoss",
    "SmoothnessLoss",
    "StressLoss",
    "SupervisedContrastiveLoss",
    "Trial",
    "TripletLoss",
    "cross_entropy_loss",
    "kullback_leibler_div",
    "largevis_loss",
    "trained_state",
]

LOSS_FUNCTIONS.add("kl div", kullback_leibler_div)
LOSS_FUNCTIONS.add("umap cross entropy", cross_entropy_loss)
LOSS_FUNCTIONS.add("largevis", largevis_loss)

"""Relations between points of the whole data set (global), or of an embedded batch."""

from paradime.relations.base import Relations, Transform
from paradime.relations.conditional import ConditionalNeighbors
from paradime.relations.differentiable import DifferentiablePDist, DistsFromTo
from paradime.relations.neighbor import NeighborBasedPDist
from paradime.relations.pairwise import PDist, Precomputed

__all__ = [
    "ConditionalNeighbors",
    "DifferentiablePDist",
    "DistsFromTo",
    "NeighborBasedPDist",
    "PDist",
    "Precomputed",
    "Relations",
    "Transform",
]

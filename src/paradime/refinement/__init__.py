"""Positions that move freely after a network was trained, and the place of new rows among them."""

from paradime.refinement.graph import RefinedPlacement
from paradime.refinement.guidance import Guidance
from paradime.refinement.objective import Objective, find_objective, neighbor_probabilities
from paradime.refinement.positions import MOST_DIMENSIONS, Attraction, FreePositions, scaled_start
from paradime.refinement.reference import ReferenceRows
from paradime.refinement.refined_map import RefinedMap

__all__ = [
    "MOST_DIMENSIONS",
    "Attraction",
    "FreePositions",
    "Guidance",
    "Objective",
    "ReferenceRows",
    "RefinedMap",
    "RefinedPlacement",
    "find_objective",
    "neighbor_probabilities",
    "scaled_start",
]

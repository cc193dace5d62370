"""Constraints: what is imposed on an embedding, where, and how hard."""

from paradime.constraints.axis import AxisConstraint
from paradime.constraints.base import Adherence, Constraint
from paradime.constraints.bounds import BoundsConstraint, Region
from paradime.constraints.columns import ColumnsConstraint
from paradime.constraints.concept import ConceptConstraint
from paradime.constraints.edits import Edits
from paradime.constraints.hierarchy import HierarchyConstraint
from paradime.constraints.mixing import CohesionConstraint, ParityConstraint
from paradime.constraints.pairs import LinkConstraint
from paradime.constraints.pins import PinConstraint
from paradime.constraints.regions import RegionConstraint
from paradime.constraints.sectors import SectorsConstraint
from paradime.constraints.triplets import OrderConstraint

__all__ = [
    "Adherence",
    "AxisConstraint",
    "BoundsConstraint",
    "CohesionConstraint",
    "ColumnsConstraint",
    "ConceptConstraint",
    "Constraint",
    "Edits",
    "HierarchyConstraint",
    "LinkConstraint",
    "OrderConstraint",
    "ParityConstraint",
    "PinConstraint",
    "Region",
    "RegionConstraint",
    "SectorsConstraint",
]

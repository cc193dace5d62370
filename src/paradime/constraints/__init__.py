"""Constraints: what is imposed on an embedding, where, and how hard."""

from paradime.constraints.axis import AxisConstraint
from paradime.constraints.base import Adherence, Constraint
from paradime.constraints.bounds import BoundsConstraint, Region
from paradime.constraints.mixing import CohesionConstraint, ParityConstraint

__all__ = [
    "Adherence",
    "AxisConstraint",
    "BoundsConstraint",
    "CohesionConstraint",
    "Constraint",
    "ParityConstraint",
    "Region",
]

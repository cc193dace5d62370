"""Nearest neighbours: backends behind one protocol, and their measured recall."""

from paradime.neighbors.backend import NeighborBackend
from paradime.neighbors.recall import measured_recall
from paradime.neighbors.search import BACKENDS, choose_backend, nearest_neighbors

__all__ = ["BACKENDS", "NeighborBackend", "choose_backend", "measured_recall", "nearest_neighbors"]

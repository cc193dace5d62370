"""Nearest-neighbour search: backends with one protocol, their choice, measured recall, and a cache."""

from paradime.neighbors.backend import NeighborBackend
from paradime.neighbors.cache import NeighborCache
from paradime.neighbors.choice import BACKENDS, check_search, choose_backend
from paradime.neighbors.given import given_neighbors, neighbors_of_distances, neighbors_of_graph
from paradime.neighbors.search import measured_recall, nearest_neighbors

__all__ = [
    "BACKENDS",
    "NeighborBackend",
    "NeighborCache",
    "check_search",
    "choose_backend",
    "given_neighbors",
    "measured_recall",
    "nearest_neighbors",
    "neighbors_of_distances",
    "neighbors_of_graph",
]

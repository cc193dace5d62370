"""Pure tensor maths: no state, no classes; everything follows the device and dtype of its input."""

from paradime.functional.calibration import connectivity_weights, perplexity_weights
from paradime.functional.circular import circular_index, circular_squared_distances, circular_total
from paradime.functional.distances import (
    condensed_distances,
    condensed_index,
    condensed_size,
    condensed_to_square,
    paired_distances,
    points_of_condensed,
    square_to_condensed,
    squared_distances,
)
from paradime.functional.divergences import cross_entropy_loss, kullback_leibler_div, kullback_leibler_of_pairs
from paradime.functional.kernels import find_ab, modified_cauchy, student_t
from paradime.functional.sampling import (
    cumulative_blocks,
    draw_from_blocks,
    draw_others,
    draw_others_of_batch,
)
from paradime.functional.spectral import spectral_positions

__all__ = [
    "circular_index",
    "circular_squared_distances",
    "circular_total",
    "condensed_distances",
    "condensed_index",
    "condensed_size",
    "condensed_to_square",
    "connectivity_weights",
    "cross_entropy_loss",
    "cumulative_blocks",
    "draw_from_blocks",
    "draw_others",
    "draw_others_of_batch",
    "find_ab",
    "kullback_leibler_div",
    "kullback_leibler_of_pairs",
    "modified_cauchy",
    "paired_distances",
    "perplexity_weights",
    "points_of_condensed",
    "spectral_positions",
    "square_to_condensed",
    "squared_distances",
    "student_t",
]

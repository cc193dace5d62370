"""Pure tensor functions without state, whose results have the device and dtype of their input."""

from paradime.functional.attraction import cauchy_attraction, cauchy_divergence
from paradime.functional.calibration import connectivity_weights, perplexity_weights
from paradime.functional.circular import circular_index, circular_squared_distances, circular_total
from paradime.functional.clustering import k_means, nearest_center
from paradime.functional.contrastive import (
    info_nce_loss,
    log_noise_ratio,
    noise_contrastive_loss,
    places_of_others,
)
from paradime.functional.contrastive_batch import info_nce_of_batch, noise_contrastive_of_batch
from paradime.functional.correlation import average_rank, pearson, soft_rank, standardized
from paradime.functional.dependence import centered_alignment, gaussian_kernel, typical_square
from paradime.functional.distances import (
    condensed_distances,
    condensed_index,
    condensed_size,
    condensed_to_square,
    paired_distances,
    pairwise_distances,
    points_of_condensed,
    square_to_condensed,
    squared_distances,
)
from paradime.functional.divergences import (
    cross_entropy_loss,
    kullback_leibler_div,
    kullback_leibler_of_pairs,
    largevis_loss,
)
from paradime.functional.kernels import (
    find_ab,
    log_radii,
    modified_cauchy,
    saturating_attraction,
    saturating_repulsion,
    student_t,
)
from paradime.functional.magnitudes import magnitude, magnitude_of_rows
from paradime.functional.placement import neighbor_weights, place_by_neighbors
from paradime.functional.principal_axes import axes_of_covariance, axes_of_rows, whitening_factors
from paradime.functional.repulsion import CauchySums, cauchy_sums
from paradime.functional.row_sampling import (
    cumulative_rows,
    draw_from_rows,
    draw_run_of_rows,
    second_nearest_of_random,
    shuffled_rows,
)
from paradime.functional.sampling import (
    cumulative_blocks,
    draw_distinct_others,
    draw_from_blocks,
    draw_others,
    draw_others_by_weight,
    draw_others_of_batch,
)
from paradime.functional.smoothness import dirichlet_energy, nearness
from paradime.functional.soft_clipping import soft_clip, soft_clip_few, usual_bounds, usual_ranges
from paradime.functional.spectral import spectral_positions
from paradime.functional.stress import (
    STRESS_WEIGHTINGS,
    condensed_of_square,
    data_distances,
    weighted_stress,
)
from paradime.functional.supervision import class_weights, log_similarities, target_weights, weighted_contrast
from paradime.functional.triplets import TRIPLET_MINING, euclidean_distances, triplet_hinge

__all__ = [
    "STRESS_WEIGHTINGS",
    "TRIPLET_MINING",
    "CauchySums",
    "average_rank",
    "axes_of_covariance",
    "axes_of_rows",
    "cauchy_attraction",
    "cauchy_divergence",
    "cauchy_sums",
    "centered_alignment",
    "circular_index",
    "circular_squared_distances",
    "circular_total",
    "class_weights",
    "condensed_distances",
    "condensed_index",
    "condensed_of_square",
    "condensed_size",
    "condensed_to_square",
    "connectivity_weights",
    "cross_entropy_loss",
    "cumulative_blocks",
    "cumulative_rows",
    "data_distances",
    "dirichlet_energy",
    "draw_distinct_others",
    "draw_from_blocks",
    "draw_from_rows",
    "draw_others",
    "draw_others_by_weight",
    "draw_others_of_batch",
    "draw_run_of_rows",
    "euclidean_distances",
    "find_ab",
    "gaussian_kernel",
    "info_nce_loss",
    "info_nce_of_batch",
    "k_means",
    "kullback_leibler_div",
    "kullback_leibler_of_pairs",
    "largevis_loss",
    "log_noise_ratio",
    "log_radii",
    "log_similarities",
    "magnitude",
    "magnitude_of_rows",
    "modified_cauchy",
    "nearest_center",
    "nearness",
    "neighbor_weights",
    "noise_contrastive_loss",
    "noise_contrastive_of_batch",
    "paired_distances",
    "pairwise_distances",
    "pearson",
    "perplexity_weights",
    "place_by_neighbors",
    "places_of_others",
    "points_of_condensed",
    "saturating_attraction",
    "saturating_repulsion",
    "second_nearest_of_random",
    "shuffled_rows",
    "soft_clip",
    "soft_clip_few",
    "soft_rank",
    "spectral_positions",
    "square_to_condensed",
    "squared_distances",
    "standardized",
    "student_t",
    "target_weights",
    "triplet_hinge",
    "typical_square",
    "usual_bounds",
    "usual_ranges",
    "weighted_contrast",
    "weighted_stress",
    "whitening_factors",
]

"""Rescaling of relations with a parameter that is fitted for each point."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from paradime._registry import TRANSFORMS, did_you_mean
from paradime.functional import connectivity_weights, perplexity_weights
from paradime.relationdata import RelationData
from paradime.transforms.base import RelationTransform
from paradime.types import FloatArray
from paradime.utils.arguments import shown
from paradime.utils.convert import as_numpy, as_tensor
from paradime.utils.logging import report

__all__ = ["AdaptiveNeighborhoodRescale", "ConnectivityBasedRescale", "PerplexityBasedRescale"]

log = logging.getLogger(__name__)

_USUAL_PERPLEXITY = 30.0
_LEAST_PERPLEXITY, _FEWEST_NEIGHBORS = 2.0, 3  # of a part of the neighbours
_FEWEST_POINTS = 3  # a single neighbour has a perplexity of 1, whatever the width
_SOLVER_SETTINGS = frozenset(
    {"args", "method", "bracket", "fprime", "fprime2", "x0", "x1", "xtol", "rtol", "maxiter", "options"}
)


class AdaptiveNeighborhoodRescale(RelationTransform):
    """Applies a kernel with a parameter that is fitted for each point.

    Relations in a dense layout are converted to neighbours: each point's relations to all others.

    Args:
        kernel: Takes one point's relations to others, a NumPy array of shape (k,), and its parameter; returns
            shape (k,).
        find_param: Takes one point's relations to others, shape (k,), the result of
            ``_get_comparison_constant()`` of a subclass (``None`` here), and ``kwargs``; returns its parameter.
        verbose: Whether to log progress.
        **kwargs: Passed to ``find_param``, such as settings of ``scipy.optimize.root_scalar``.

    Attributes:
        kwargs: The arguments passed to ``find_param``.
        param_values: The fitted parameters, shape (n,), after the transform was applied.

    Source: Hinterreiter et al., "ParaDime", 2023, section 4.1.

    Example:
        >>> rescale = AdaptiveNeighborhoodRescale(lambda d, scale: d / scale, lambda d, _: d.mean())
        >>> rescale(([[1, 2], [0, 2], [0, 1]], [[1.0, 3.0], [2.0, 2.0], [1.0, 1.0]])).data[1]
        array([[0.5, 1.5],
               [1. , 1. ],
               [1. , 1. ]])
    """

    extra_options: ClassVar[frozenset[str] | None] = None
    """Accepted names in ``kwargs``; all names if ``None``."""

    def __init__(
        self,
        kernel: Callable[..., Any],
        find_param: Callable[..., Any],
        verbose: bool = False,
        **kwargs: Any,
    ) -> None:
        for name, function in (("kernel", kernel), ("find_param", find_param)):
            if not callable(function):
                raise TypeError(
                    f"{name} must be a function of the distances of one row, got {shown(function)}. "
                    "PerplexityBasedRescale and ConnectivityBasedRescale bring functions along."
                )
        self.kernel = kernel
        self.find_param = find_param
        self.verbose = verbose
        self.kwargs = kwargs
        self.param_values: FloatArray | None = None

    # version 1 has these methods, and subclasses override both
    def _get_comparison_constant(self) -> float | None:
        """Returns the constant that ``find_param`` gets as its second argument."""
        return None

    def _set_root_scalar_defaults(self) -> None:
        """Sets defaults in ``kwargs``; called before the parameters are fitted."""

    def transform(self, reldata: RelationData) -> RelationData:
        report(log, "Calculating probabilities.", verbose=self.verbose)
        self._set_root_scalar_defaults()
        return reldata.map_rows(self._rescale)

    def _rescale(self, rows: torch.Tensor) -> torch.Tensor:
        """Returns the rescaled rows, shape (n, k), and stores the parameters."""
        rescaled, params = np.zeros(rows.shape), np.zeros(len(rows))
        # a loop over rows, because the user's functions take one row
        for i, row in enumerate(as_numpy(rows)):
            stored = np.isfinite(row)
            params[i] = self.find_param(row[stored], self._get_comparison_constant(), **self.kwargs)
            rescaled[i, stored] = self.kernel(row[stored], params[i])
        self.param_values = params
        return as_tensor(rescaled).to(rows)


@TRANSFORMS.register("perplexity")
class PerplexityBasedRescale(AdaptiveNeighborhoodRescale):
    """Converts distances to Gaussian probabilities of equal perplexity, as in t-SNE.

    With w = exp(−β d²), β is chosen for each point such that its normalised weights have an entropy of
    log₂(perplexity). All points are solved together, at any scale of the data.

    Args:
        perplexity: Effective number of neighbours, in (1, k) for relations to k neighbours; ``"auto"`` for 30, or
            for (k + 2) / 3 if this is less, which is a third of the points if each is related to all others.
        verbose: Whether to log progress.
        **kwargs: Settings of a root search (``bracket=…``), accepted for scripts of version 1 and ignored.

    Attributes:
        betas: The fitted β, shape (n,); also ``param_values``.

    Raises:
        ValueError: If the perplexity is out of range.

    Source: van der Maaten and Hinton, "Visualizing data using t-SNE", 2008, eq. 1.

    Example:
        >>> transform = PerplexityBasedRescale(perplexity=2)
        >>> weights = transform(([[1, 2, 3], [0, 2, 3], [1, 3, 0], [2, 1, 0]], [[1.0, 2.0, 3.0]] * 4))
        >>> weights.data[1].sum(axis=1)
        array([1., 1., 1., 1.])
    """

    extra_options = _SOLVER_SETTINGS

    def __init__(self, perplexity: float | Literal["auto"] = 30, verbose: bool = False, **kwargs: Any) -> None:
        _check_solver_settings(kwargs)
        super().__init__(_gaussian, _find_beta, verbose, **kwargs)
        value: Any = perplexity
        if value != "auto" and (isinstance(value, str) or not 1 < value < math.inf):
            raise ValueError(
                f"perplexity must be greater than 1 and finite, or 'auto', got {perplexity!r}. 30 suits most data."
            )
        self.perplexity = perplexity

    def _get_comparison_constant(self) -> float:
        return self._perplexity_of(None)

    def _perplexity_of(self, n_neighbors: int | None) -> float:
        """Returns the perplexity for relations to ``n_neighbors`` neighbours; ``None`` stands for many."""
        if self.perplexity != "auto":
            return self.perplexity
        return _USUAL_PERPLEXITY if n_neighbors is None else min(_USUAL_PERPLEXITY, (n_neighbors + 2) / 3)

    def neighbors_wanted(self) -> int | None:
        return math.floor(3 * self._perplexity_of(None))

    def neighbors_needed(self) -> int | None:
        # with few points, all others are neighbours
        return 1 if self.perplexity == "auto" else math.ceil(self.perplexity)

    def check_points(self, n_points: int) -> None:
        if self.perplexity == "auto":
            if n_points < _FEWEST_POINTS:
                raise ValueError(
                    f"a perplexity needs at least {_FEWEST_POINTS} points, got {n_points} sample(s). "
                    "Pass more rows."
                )
        elif self.perplexity >= n_points - 1:
            raise ValueError(
                f"perplexity must be smaller than the number of points less 1, got perplexity {self.perplexity:g} "
                f"for {n_points} points. Lower it to at most about {max(2, n_points // 3)}, or set it to 'auto'."
            )

    def of_share(self, share: float) -> tuple[RelationTransform, float]:
        # the weights of a row sum to 1, and so do those of all parts together
        perplexity = max(_LEAST_PERPLEXITY, share * self._perplexity_of(None))
        return type(self)(perplexity, verbose=self.verbose, **self.kwargs), share

    @property
    def betas(self) -> FloatArray | None:
        """The fitted β, shape (n,), or ``None`` before the first use."""
        return self.param_values

    def _rescale(self, rows: torch.Tensor) -> torch.Tensor:
        if (self.kernel, self.find_param) != (_gaussian, _find_beta):
            return super()._rescale(rows)  # a subclass has functions of its own
        _refuse_negative(rows)
        # divided by a power of two, which is exact, so that squares neither overflow nor underflow
        unit = math.ldexp(1.0, math.frexp(_largest_finite(rows))[1])
        weights, betas = perplexity_weights(rows.div_(unit).square_(), self._perplexity_of(rows.shape[1]))
        self.param_values = as_numpy(betas).astype(np.float64) / unit**2
        return weights


@TRANSFORMS.register("connect", "connectivity")
class ConnectivityBasedRescale(AdaptiveNeighborhoodRescale):
    """Converts distances to fuzzy memberships of equal sum, as in UMAP.

    With w = exp(−(d − d_min)/σ), σ is chosen for each point such that its weights sum to log₂(n_neighbors).
    All points are solved together, at any scale of the data.

    Args:
        n_neighbors: Local connectivity, > 2.
        verbose: Whether to log progress.
        **kwargs: Settings of a root search (``bracket=…``), accepted for scripts of version 1 and ignored.

    Attributes:
        sigmas: The fitted σ, shape (n,); also ``param_values``.

    Raises:
        ValueError: If ``n_neighbors`` is out of range.

    Source: McInnes, Healy, Melville, "UMAP", 2018, algorithm 3.
    """

    extra_options = _SOLVER_SETTINGS

    def __init__(self, n_neighbors: float = 15, verbose: bool = False, **kwargs: Any) -> None:
        _check_solver_settings(kwargs)
        super().__init__(_exponential, _find_sigma, verbose, **kwargs)
        if not 2 < n_neighbors < math.inf:
            raise ValueError(
                f"n_neighbors must be greater than 2 and finite, got {n_neighbors}. 15 suits most data."
            )
        self.n_neighbors = n_neighbors

    def _get_comparison_constant(self) -> float:
        return self.n_neighbors

    def neighbors_wanted(self) -> int | None:
        return math.ceil(self.n_neighbors)

    def of_share(self, share: float) -> tuple[RelationTransform, float]:
        n_neighbors = max(_FEWEST_NEIGHBORS, math.ceil(share * self.n_neighbors))
        return type(self)(n_neighbors, verbose=self.verbose, **self.kwargs), 1.0

    @property
    def sigmas(self) -> FloatArray | None:
        """The fitted σ, shape (n,), or ``None`` before the first use."""
        return self.param_values

    def _rescale(self, rows: torch.Tensor) -> torch.Tensor:
        if (self.kernel, self.find_param) != (_exponential, _find_sigma):
            return super()._rescale(rows)  # a subclass has functions of its own
        _refuse_negative(rows)
        weights, sigmas = connectivity_weights(rows, self.n_neighbors)
        self.param_values = as_numpy(sigmas)
        return weights


def _gaussian(dists: FloatArray, beta: float) -> FloatArray:
    # relative to the smallest distance, so that not all weights underflow for a large β
    weights: FloatArray = np.exp(-beta * (dists**2 - dists.min() ** 2))
    weights /= weights.sum()
    return weights


def _find_beta(dists: FloatArray, perplexity: float, **_: Any) -> float:
    return float(perplexity_weights(as_tensor(dists**2)[None], perplexity)[1])


def _exponential(dists: FloatArray, sigma: float) -> FloatArray:
    weights: FloatArray = np.exp(-(dists - dists.min()) / sigma)
    return weights


def _find_sigma(dists: FloatArray, n_neighbors: float, **_: Any) -> float:
    return float(connectivity_weights(as_tensor(dists)[None], n_neighbors)[1])


def _refuse_negative(dists: torch.Tensor) -> None:
    # checking the minimum is fast; a mask is needed only if it is negative or NaN
    if dists.numel() and not float(dists.min()) >= 0 and bool((dists < 0).any()):
        row = int((dists < 0).any(dim=1).nonzero()[0])
        raise ValueError(
            f"distances must not be negative, got {float(dists[row].min()):g} in row {row}. Pass distances, not "
            "similarities or their logarithms."
        )


def _largest_finite(dists: torch.Tensor) -> float:
    """Returns the largest finite entry, 0 if there is none."""
    largest = float(dists.max()) if dists.numel() else 0.0
    return largest if math.isfinite(largest) else float(dists.nan_to_num(nan=0, posinf=0).max())


def _check_solver_settings(settings: dict[str, Any]) -> None:
    """Raises a TypeError for names that are not settings of ``scipy.optimize.root_scalar``."""
    for name in set(settings) - _SOLVER_SETTINGS:
        known = ("perplexity", "n_neighbors", "verbose", *_SOLVER_SETTINGS)
        raise TypeError(f"unexpected argument {name!r}. {did_you_mean(name, known)}")

"""The constraint that classes lie in regions of the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from paradime._registry import LOSSES
from paradime.constraints.base import Adherence, Constraint
from paradime.constraints.bounds import Region
from paradime.constraints.classes import ClassesOfConstraint, class_codes, codes_of
from paradime.data import Batch, Dataset
from paradime.exceptions import UnsupportedConfigurationError
from paradime.loss.base import GlobalRelations, Trial

__all__ = ["RegionConstraint"]


@LOSSES.register("region constraint")
class RegionConstraint(ClassesOfConstraint):
    """Classes lie in regions of the map: each in a box, a disc or a convex polygon.

    The loss is the mean squared distance of rows from the region of their class, relative to the variance of the
    batch. Rows of other classes are free. Regions are in the unit of the map, see
    :class:`~paradime.constraints.BoundsConstraint`.

    Args:
        regions: The region of each class, as a dict of the arguments of :class:`~paradime.constraints.Region`,
            such as ``{"low": [0, None]}`` or ``{"center": [0, 0], "radius": 2}``. Classes are those of ``y``, or
            the integers of the entry; their names may be strings.
        label_key: The entry with one integer per row, −1 for rows without a class; the one of ``y`` by default.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the constraint in histories.

    Raises:
        UnsupportedConfigurationError: If a description is not that of a region, or none is given.
        ValueError: Before training, if a class is not known, the entry has no integers, or the map has other
            dimensions than a region.
        KeyError: Before training, if the entry does not exist.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from paradime import ParametricMDS
        >>> X, y = load_iris(return_X_y=True)
        >>> left_and_right = RegionConstraint({0: {"high": [-1, None]}, 2: {"low": [1, None]}})
        >>> routine = ParametricMDS(epochs=30, random_state=0).add_constraint(left_and_right, share=0.5)
        >>> routine.fit(X, y).adherence()["region"].n
        100
    """

    measure = "share of rows within the region of their class"

    def __init__(
        self,
        regions: Mapping[Any, Mapping[str, Any]],
        label_key: str = "labels",
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(label_key, data_key, embedding_method, name)
        if not isinstance(regions, Mapping) or not regions:
            raise UnsupportedConfigurationError(
                f"regions must be a dict of classes and their regions, got {regions!r}. Pass one class at least."
            )
        self.regions = {str(one): dict(description) for one, description in regions.items()}
        self.label_key = label_key
        self._regions = [_region(one, description) for one, description in self.regions.items()]

    def class_names(self) -> Sequence[Any]:
        return list(self.regions)

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        """Returns the mean squared excess, relative to the variance of the batch; shape (b, out_dim) to ()."""
        places = self.places_of(codes_of(batch[self.label_key])).to(embedded.device)
        squares = [
            torch.where(places == place, region.excess(embedded).square(), 0)
            for place, region in enumerate(self._regions)
        ]
        size = embedded.detach().var(dim=0, unbiased=False).sum()
        n = (places >= 0).sum().clamp_min(1)
        return torch.stack(squares).sum() / (n * torch.where(size > 0, size, 1))

    def adherence(self, positions: torch.Tensor, dataset: Dataset) -> Adherence | None:
        """Returns the share of the rows of these classes that are within; ``None`` without the entry."""
        if self.label_key not in dataset:
            return None
        places = self.places_of(class_codes(self.name, dataset, self.label_key)).cpu()
        counts = [int((places == place).sum()) for place in range(len(self._regions))]
        if not sum(counts):
            return None
        within = [
            region.share_within(positions[places == place]) * count if count else 0.0
            for place, (region, count) in enumerate(zip(self._regions, counts, strict=True))
        ]
        return self.adhered(sum(within) / sum(counts), sum(counts))

    def check_setup(self, trial: Trial) -> None:
        """Raises ValueError if the map has other dimensions than a region."""
        super().check_setup(trial)
        n_dims = trial.encode(self.embedding_method, self.data_key).shape[1]
        for one, region in zip(self.regions, self._regions, strict=True):
            if region.n_dims != n_dims:
                raise ValueError(
                    f"constraint {self.name!r}: the region of class {one!r} must have one number per axis of the "
                    f"map, {n_dims}, got {region.n_dims}."
                )

    def check_beside(self, others: Mapping[str, Constraint]) -> None:
        """Raises an error if another constraint has another region for a class."""
        for key, other in others.items():
            if not isinstance(other, RegionConstraint) or other.label_key != self.label_key:
                continue
            both = [one for one in self.regions if one in other.regions]
            if both:
                raise UnsupportedConfigurationError(
                    f"class {both[0]!r} has a region in {key!r} already. Leave one of them out."
                )


def _region(one: str, description: Mapping[str, Any]) -> Region:
    try:
        return Region(**description)
    except (TypeError, ValueError) as error:
        raise UnsupportedConfigurationError(f"the region of class {one!r}: {error}") from error

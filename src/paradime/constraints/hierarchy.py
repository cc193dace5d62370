"""The constraint that a hierarchy of classes shows in the map."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import ClassVar

import torch

from paradime._registry import LOSSES
from paradime.constraints.base import Adherence, Constraint
from paradime.constraints.classes import class_codes, codes_of
from paradime.data import Batch, Dataset
from paradime.functional.hierarchy import hierarchy_loss, hierarchy_pairs
from paradime.loss.base import GlobalRelations, Trial
from paradime.loss.embedding import sample_of_rows

__all__ = ["HierarchyConstraint"]

_TRIPLETS = 10_000  # per level, by which adherence is measured


@LOSSES.register("hierarchy constraint")
class HierarchyConstraint(Constraint):
    """Rows that share a fine class are nearer than rows that share a coarse class alone, at all levels.

    The loss is the mean of −log(s(a, b)/(s(a, b) + m(a))) over all pairs (a, b) of one class in the batch, and
    over levels, with Cauchy similarities s = 1/(1 + d²) in the map's unit. m(a) is the mean similarity of a to
    rows of its coarser class that are of other classes; at the coarsest level, to rows of all other classes. It
    bounds the mean loss of all triplets (a, b, c) from above, uses them all, and costs as much as the pairs of the
    batch.

    Args:
        levels: Names of entries with one integer per row, from coarse to fine, −1 for rows without a class, such
            as ``["family", "genus", "species"]``.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the constraint in histories.

    Raises:
        ValueError: If there are no levels, or one of them twice; before training, if an entry has no integers, or
            a class lies in several coarser ones.
        KeyError: Before training, if an entry does not exist.

    Source: van der Maaten, Weinberger, "Stochastic triplet embedding", 2012, for the triplets; Zhang, Xu, Hu,
        Wang, "Use all the labels: a hierarchical multi-label contrastive learning framework", 2022, for the
        levels.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from paradime import ParametricMDS
        >>> X, species = load_iris(return_X_y=True)
        >>> data = {"main": X, "group": species > 0, "species": species}
        >>> tree = HierarchyConstraint(["group", "species"])
        >>> routine = ParametricMDS(epochs=30, random_state=0).add_constraint(tree, share=0.5)
        >>> routine.fit(data).adherence()["hierarchy"].score > 0.8
        True
    """

    measure = "share of triplets in which the row of the finer class is nearer"
    in_unit: ClassVar[bool] = True

    def __init__(
        self,
        levels: Sequence[str],
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        self.levels = [levels] if isinstance(levels, str) else list(levels)
        if len(set(self.levels)) < max(1, len(self.levels)):
            raise ValueError(f"levels must be names of different entries, from coarse to fine, got {self.levels}.")

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        """Returns the mean over pairs and levels, shape (b, out_dim) to ()."""
        return hierarchy_loss(embedded, [codes_of(batch[key]).to(embedded.device) for key in self.levels])

    def adherence(self, positions: torch.Tensor, dataset: Dataset) -> Adherence | None:
        """Measures triplets that are drawn at every level; ``None`` without the entries, or without triplets."""
        if any(key not in dataset for key in self.levels):
            return None
        chosen = sample_of_rows(dataset).cpu()
        codes = [class_codes(self.name, dataset, key).cpu()[chosen] for key in self.levels]
        distances = torch.cdist(positions[chosen], positions[chosen])
        generator = torch.Generator().manual_seed(0)
        right = []
        for near, far in hierarchy_pairs(codes):
            rows = (near.any(dim=1) & far.any(dim=1)).nonzero()[:, 0]
            if not len(rows):
                continue
            each = max(1, _TRIPLETS // len(rows))
            first, second = (
                torch.multinomial(mask[rows].double(), each, replacement=True, generator=generator)
                for mask in (near, far)
            )
            own = distances[rows]
            right.append((own.gather(1, first) < own.gather(1, second)).reshape(-1))
        if not right:
            return None
        return self.adhered(float(torch.cat(right).double().mean()), sum(map(len, right)))

    def check_setup(self, trial: Trial) -> None:
        """Raises ValueError if a class lies in several coarser ones."""
        super().check_setup(trial)
        codes = [class_codes(self.name, trial.dataset, key) for key in self.levels]
        named = list(zip(self.levels, codes, strict=True))
        for (coarse, above), (fine, below) in itertools.pairwise(named):
            known = (above >= 0) & (below >= 0)
            pairs = torch.unique(torch.stack([below[known], above[known]], dim=1), dim=0)
            several, counts = torch.unique(pairs[:, 0], return_counts=True)
            if bool((counts > 1).any()):
                code = int(several[counts > 1][0])
                parents = pairs[pairs[:, 0] == code, 1].tolist()
                raise ValueError(
                    f"constraint {self.name!r}: each class of {fine!r} must lie in one class of {coarse!r}, got "
                    f"class {code} in {parents}. Name the levels from coarse to fine, and number the classes anew."
                )

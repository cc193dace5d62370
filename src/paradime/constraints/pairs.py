"""The constraint that pairs of rows lie together or apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from paradime._registry import LOSSES
from paradime.constraints.base import Adherence, Constraint
from paradime.constraints.classes import class_codes, codes_of
from paradime.constraints.indexed import IndexedConstraint, index_table
from paradime.constraints.propagation import propagated, refuse_contradiction
from paradime.data import Batch, Dataset
from paradime.exceptions import UnsupportedConfigurationError
from paradime.functional import squared_distances
from paradime.functional.links import link_attraction, link_repulsion, probability_below
from paradime.loss.base import BatchRelations, GlobalRelations, Trial
from paradime.loss.embedding import EmbeddingLoss, sample_of_rows
from paradime.types import TensorLike

__all__ = ["LinkConstraint"]

# distances in the unit of the map, where neighbours are about 1 apart
_TOGETHER, _APART = 1.0, 3.0


@LOSSES.register("link constraint")
class LinkConstraint(IndexedConstraint):
    """Pairs of rows that must be linked lie together, those that cannot be linked lie apart.

    The loss is the mean of −log s over pairs that must be linked, plus the mean of −log(1 − s) over those that
    cannot, with Cauchy similarities s = 1/(1 + d²) and distances d in the map's unit. In this unit neighbours are
    about 1 apart in t-SNE's and UMAP's maps, and all rows in those of MDS. Pairs are therefore drawn to where
    neighbours are, or driven out from there, at any size of the map, and a pair that is far off pulls no harder
    than others.

    Args:
        must_link: Pairs of rows that lie together: indices of rows in what ``fit`` is given, from 0, shape (m, 2);
            also a data frame of two columns.
        cannot_link: Pairs of rows that lie apart, likewise.
        groups: An entry with an integer per row, in place of pairs: rows of one group must be linked, those of
            different groups cannot be; −1 for rows without a group. Adherence is measured on new rows, too.
        propagate: To how many nearest neighbours of both rows each pair spreads: (a, b) to (a', b) and (a, b') for
            the neighbours a' of a and b' of b. They weigh as much together as the pair itself. Pairs that
            contradict the given ones are left out.
        max_pairs: The largest number of pairs per step, at least 1; successive steps use different ones.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the constraint in histories.

    Raises:
        ValueError: If pairs are not shaped (m, 2) or no indices, a setting is out of range; before training, if
            there are not so many rows, or groups are no integers.
        UnsupportedConfigurationError: If not either pairs or groups are given, or a pair must be linked, also
            through others, and cannot be.
        KeyError: Before training, if the entry of groups does not exist.

    Source: Wagstaff, Cardie, Rogers, Schrödl, "Constrained k-means clustering with background knowledge", 2001,
        for the pairs; van der Maaten, "Learning a parametric embedding by preserving local structure", 2009, for
        the similarities.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from paradime import ParametricMDS
        >>> links = LinkConstraint(must_link=[[0, 149], [1, 148]], cannot_link=[[50, 70]])
        >>> routine = ParametricMDS(epochs=30, random_state=0).add_constraint(links, share=0.5)
        >>> adherence = routine.fit(load_iris().data).adherence()["link"]
        >>> adherence.n, 0 <= adherence.score <= 1
        (3, True)
    """

    measure = "probability that a must-link pair is nearer than a cannot-link pair, or a random one"

    def __init__(
        self,
        must_link: TensorLike | None = None,
        cannot_link: TensorLike | None = None,
        groups: str | None = None,
        propagate: int = 0,
        max_pairs: int = 512,
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(max_pairs, data_key, embedding_method, name)
        self.must_link = None if must_link is None else index_table("must_link", must_link, 2)
        self.cannot_link = None if cannot_link is None else index_table("cannot_link", cannot_link, 2)
        self.groups, self.propagate, self.max_pairs = groups, int(propagate), int(max_pairs)
        must, cannot = self._pairs
        if bool(must or cannot) == (groups is not None):
            raise UnsupportedConfigurationError(
                f"links are pairs (must_link, cannot_link) or groups, got {len(must)} and {len(cannot)} pairs and "
                f"groups={groups!r}. Pass either."
            )
        if propagate < 0 or (propagate and groups is not None):
            raise ValueError(
                f"propagate must be the number of neighbours that pairs spread to, at least 0, and 0 with groups, "
                f"got {propagate} with groups={groups!r}."
            )
        refuse_contradiction(must, cannot)

    @property
    def _pairs(self) -> tuple[list[list[int]], list[list[int]]]:
        return self.must_link or [], self.cannot_link or []

    def check_beside(self, others: Mapping[str, Constraint]) -> None:
        """Raises an error if pairs of both contradict each other."""
        must, cannot = self._pairs
        for other in others.values():
            if isinstance(other, LinkConstraint):
                refuse_contradiction(must + other._pairs[0], cannot + other._pairs[1])

    def take_data(self, dataset: Dataset, classes: Sequence[Any] | None = None) -> None:
        """Keeps the rows of the pairs."""
        if self.groups is None:
            super().take_data(dataset)

    def index_tuples(self, dataset: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
        kinds = [torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2) for pairs in self._pairs]
        further = [torch.empty(0, 2, dtype=torch.int64)] * 2
        if self.propagate:
            rows = dataset.in_need(self.data_key)
            rows = rows.flatten(1) if isinstance(rows, torch.Tensor) else rows
            further = list(propagated(*self._pairs, rows, self.propagate))
        n_all = sum(map(len, (*kinds, *further)))
        weights = []
        for pairs, spread, sign in zip(kinds, further, (1, -1), strict=True):
            own = torch.ones(len(pairs)), torch.full((len(spread),), 1 / max(1, 2 * self.propagate))
            total = float(own[0].sum() + own[1].sum())
            # the mean over all pairs is then the sum of the means of both kinds
            weights.append([sign * part * n_all / max(total, 1e-9) for part in own])
        tuples = torch.cat([kinds[0], kinds[1], further[0], further[1]])
        return tuples, torch.cat([weights[0][0], weights[1][0], weights[0][1], weights[1][1]])

    def forward(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        parent = IndexedConstraint if self.groups is None else EmbeddingLoss
        return parent.forward(self, model, global_relations, batch_relations, batch, device)

    def of_tuples(self, positions: torch.Tensor, weights: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        """Returns the mean over pairs, which attract where the weight is positive, shape (c, 2, out_dim) to ()."""
        squares = (positions[:, 0] - positions[:, 1]).square().sum(dim=1)
        each = torch.where(weights > 0, link_attraction(squares), link_repulsion(squares))
        return (weights.abs() * each).mean()

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        """Returns the loss of all pairs of the batch by their groups, shape (b, out_dim) to ()."""
        assert self.groups is not None
        same, apart = _pairs_of(codes_of(batch[self.groups]).to(embedded.device))
        squares = squared_distances(embedded)
        return _mean(link_attraction(squares), same) + _mean(link_repulsion(squares), apart)

    def adherence(self, positions: torch.Tensor, dataset: Dataset) -> Adherence | None:
        """Measures pairs of the rows of ``fit``, or groups on any rows."""
        if self.groups is None:
            return super().adherence(positions, dataset)
        if self.groups not in dataset:
            return None
        chosen = sample_of_rows(dataset).cpu()
        same, apart = _pairs_of(class_codes(self.name, dataset, self.groups).cpu()[chosen])
        distances = torch.cdist(positions[chosen], positions[chosen])
        if not (bool(same.any()) and bool(apart.any())):
            return None
        return self.adhered(probability_below(distances[same], distances[apart]), len(chosen))

    def settle(self, positions: torch.Tensor, unit: float) -> torch.Tensor:
        """Moves pairs that are too far apart, or too near, along their lines; shape (m, out_dim)."""
        if self.kept_tuples is None or self.kept_weights is None:
            return positions
        first, second = self.kept_tuples.T
        between = positions[first] - positions[second]
        lengths = between.norm(dim=1, keepdim=True)
        wanted = torch.where(
            self.kept_weights[:, None] > 0, lengths.clamp(max=_TOGETHER * unit), lengths.clamp(min=_APART * unit)
        )
        along = torch.where(lengths > 0, between / lengths.clamp_min(1e-30), torch.eye(1, between.shape[1]))
        shifts = (wanted - lengths) / 2 * along.to(positions.dtype)
        counts = torch.bincount(self.kept_tuples.reshape(-1), minlength=len(positions)).clamp_min(1)
        moved = torch.zeros_like(positions).index_add(0, first, shifts).index_add(0, second, -shifts)
        return positions + moved / counts[:, None]

    def score(self, tuples: torch.Tensor, positions: torch.Tensor) -> Adherence:
        n_must, n_cannot = map(len, self._pairs)
        lengths = (tuples[:, 0] - tuples[:, 1]).norm(dim=1)
        sample = torch.linspace(0, len(positions) - 1, min(len(positions), 500)).to(torch.int64)
        usual = torch.pdist(positions[sample])
        together = lengths[:n_must] if n_must else usual
        apart = lengths[n_must : n_must + n_cannot] if n_cannot else usual
        return self.adhered(probability_below(together, apart), n_must + n_cannot)

    def check_setup(self, trial: Trial) -> None:
        if self.groups is None:
            super().check_setup(trial)
        else:
            EmbeddingLoss.check_setup(self, trial)
            class_codes(self.name, trial.dataset, self.groups)


def _pairs_of(codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns which pairs are of one group, and which of two, both (b, b)."""
    known = codes >= 0
    both = known[:, None] & known & ~torch.eye(len(codes), dtype=torch.bool, device=codes.device)
    same = codes[:, None] == codes
    return same & both, ~same & both


def _mean(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return torch.where(mask, values, 0).sum() / mask.sum().clamp_min(1)

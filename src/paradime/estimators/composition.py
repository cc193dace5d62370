"""What a preset is composed of: relations that several presets share, and losses that all of them can add."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal

from torch.nn.functional import cross_entropy, mse_loss

from paradime._registry import did_you_mean
from paradime.data import DerivedData, local_radius
from paradime.dr.overrides import teaches_positions
from paradime.loss import (
    ClassificationLoss,
    DensityLoss,
    GlobalStructureLoss,
    Loss,
    ReconstructionLoss,
    RegressionLoss,
    SupervisedContrastiveLoss,
)
from paradime.models import ModelRecipe
from paradime.relations import ConditionalNeighbors, DistsFromTo, NeighborBasedPDist, Relations
from paradime.training import TrainingPhase
from paradime.transforms import (
    ConnectivityBasedRescale,
    Normalize,
    PerplexityBasedRescale,
    RelationTransform,
    Symmetrize,
)
from paradime.types import Metric
from paradime.utils.arguments import check_within

__all__ = [
    "Composition",
    "condition_neighbors",
    "fuzzy_neighbors",
    "kernel_of_pairs",
    "neighbor_relations",
    "probable_neighbors",
    "use_neighbors",
]

_N_NEIGHBORS = 15  # for density=True, where the method itself uses no neighbours
_SHARES = {"reconstruction": 0.1, "labels": 0.3, "density": 0.2, "structure": 0.1}
_COMPARED = 128  # points of a batch: structure=True correlates their distances


@dataclasses.dataclass
class Composition:
    """The components of a method, before there are data; each has its key in messages and histories."""

    model: ModelRecipe
    losses: dict[str, Loss]
    training_phases: list[TrainingPhase]
    global_relations: dict[str, Relations] = dataclasses.field(default_factory=dict)
    batch_relations: dict[str, Relations] = dataclasses.field(default_factory=dict)
    derived_data: dict[str, DerivedData] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, loss in self.losses.items():
            loss.name = key

    def add_losses(
        self,
        *,
        decoder: bool | Mapping[str, Any] = False,
        classifier: bool | Mapping[str, Any] = False,
        targets: Literal["classes", "numbers"] | None = None,
        density: bool = False,
        structure: bool = False,
        shares: Mapping[str, float] | None = None,
        data_key: str = "main",
    ) -> None:
        """Adds losses to all phases but those that only learn positions, each with a share of the gradient.

        Args:
            decoder: Whether to learn to reconstruct the data, or options of the decoder.
            classifier: Whether a head learns the targets, or options of the head.
            targets: What the entry ``"labels"`` is, if it is to take part.
            density: Whether to preserve density, by the neighbours of the global relations ``"rel"``; these are
                added where there are none.
            structure: Whether to correlate all distances with those in the data.
            shares: The shares of ``"reconstruction"``, ``"labels"``, ``"density"`` and ``"structure"``.
            data_key: The entry of the data set that is embedded.

        Raises:
            ValueError: If a share is unknown or out of range.
        """
        added: dict[str, Loss] = {}
        if decoder and "reconstruction" not in self.losses:
            added["reconstruction"] = ReconstructionLoss(mse_loss, data_key)
        if targets is not None:
            added["labels"] = _labels_loss(bool(classifier), targets, data_key)
        if density:
            if "rel" not in self.global_relations:
                self.global_relations["rel"] = fuzzy_neighbors(_N_NEIGHBORS, "euclidean", data_key)
            self.derived_data["radius"] = DerivedData(local_radius, [("rels", "rel"), ("data", data_key)])
            added["density"] = DensityLoss("radius", data_key)
        if structure:
            added["structure"] = GlobalStructureLoss(data_key=data_key, n_points=_COMPARED)
        chosen = _shares_of(added, shares or {})
        for key, loss in added.items():
            loss.name = key
        self.losses.update(added)
        if chosen:
            self.training_phases = [
                phase if teaches_positions(phase, self.losses) else _with_shares(phase, chosen)
                for phase in self.training_phases
            ]


def _labels_loss(classifier: bool, targets: str, data_key: str) -> Loss:
    if not classifier:
        return SupervisedContrastiveLoss("labels", data_key=data_key)
    if targets == "numbers":
        return RegressionLoss(mse_loss, data_key, "labels")
    return ClassificationLoss(cross_entropy, data_key, "labels")


def _shares_of(added: Mapping[str, Loss], given: Mapping[str, float]) -> dict[str, float]:
    """Returns the share of each loss that is added."""
    for name, share in given.items():
        if name not in added:
            raise ValueError(f"loss_shares: no component {name!r}. {did_you_mean(name, added)}")
        check_within(f"loss_shares: the share of {name!r}", share, "(0, 1)")
    shares = {name: float(given.get(name, _SHARES[name])) for name in added}
    if sum(shares.values()) >= 1:
        raise ValueError(
            f"loss_shares must sum to less than 1, the method's own losses keep the rest; got {shares}."
        )
    return shares


def _with_shares(phase: TrainingPhase, shares: Mapping[str, float]) -> TrainingPhase:
    weights = phase.loss_weights
    return phase.replace(
        loss_keys=[*phase.loss_keys, *shares],
        loss_shares={**(phase.loss_shares or {}), **shares},
        loss_weights=[*weights, *[1.0] * len(shares)] if isinstance(weights, list) else weights,
    )


def fuzzy_neighbors(n_neighbors: int, metric: Metric, data_key: str) -> NeighborBasedPDist:
    """Returns the global relations of UMAP: fuzzy memberships of neighbours, united."""
    united = Symmetrize(subtract_product=True)
    return neighbor_relations(metric, data_key, ConnectivityBasedRescale(n_neighbors), united)


def probable_neighbors(perplexity: float | Literal["auto"], metric: Metric, data_key: str) -> NeighborBasedPDist:
    """Returns the global relations of t-SNE: probabilities of neighbours, symmetric."""
    return neighbor_relations(metric, data_key, PerplexityBasedRescale(perplexity), Symmetrize(), Normalize())


def neighbor_relations(metric: Metric, data_key: str, *transforms: RelationTransform) -> NeighborBasedPDist:
    """Returns global relations of neighbours by a metric, transformed."""
    # the specification leaves the default metric out
    named = None if isinstance(metric, str) and metric == "euclidean" else metric
    return NeighborBasedPDist(metric=named, transform=list(transforms), data_key=data_key)


def kernel_of_pairs(kernel: RelationTransform, data_key: str) -> DistsFromTo:
    """Returns batch relations: a kernel of the distances between the ends of embedded pairs."""
    return DistsFromTo(transform=[kernel], data_key=data_key)


def use_neighbors(relations: Mapping[str, Relations], precomputed: Any, owner: str) -> None:
    """Gives neighbours that a user has to the relations of a preset that would search for them.

    Args:
        relations: Global relations by key.
        precomputed: What :class:`~paradime.relations.NeighborBasedPDist` takes.
        owner: The preset's name, for messages.

    Raises:
        ValueError: If no relations look for neighbours, or what is given are none.
    """
    searched = [entry for entry in relations.values() if isinstance(entry, NeighborBasedPDist)]
    if not searched:
        raise ValueError(f"{owner} looks for no neighbours. Leave out precomputed_knn.")
    if isinstance(precomputed, tuple) and len(precomputed) == 3:
        precomputed = precomputed[:2]  # umap-learn's third part is an index for its own use
    for entry in searched:
        # checked as arguments of a constructor are
        NeighborBasedPDist(precomputed=precomputed)
        entry.precomputed = precomputed


def condition_neighbors(relations: MutableMapping[str, Relations], given: str, owner: str) -> None:
    """Makes the relations of a preset independent of a factor, in place.

    Args:
        relations: Global relations by key.
        given: The entry of the data with the factor.
        owner: The preset's name, for messages.

    Raises:
        ValueError: If no relations look for neighbours, or neighbours are given.
    """
    searched = {key: entry for key, entry in relations.items() if isinstance(entry, NeighborBasedPDist)}
    if not searched:
        raise ValueError(f"{owner} looks for no neighbours. Leave out neighbors_given.")
    for key, entry in searched.items():
        if entry.precomputed is not None:
            raise ValueError(
                f"neighbors_given={given!r} searches the neighbours in each level, and precomputed_knn gives "
                "them. Leave out one of the two."
            )
        transform: Any = list(entry.transform)
        relations[key] = ConditionalNeighbors(
            given, entry.n_neighbors, entry.metric, transform, data_key=entry.data_key
        )

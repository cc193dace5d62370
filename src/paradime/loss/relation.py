"""The loss that compares relations in the data and in the embedding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from paradime._registry import LOSSES, did_you_mean
from paradime.data import Batch, Dataset
from paradime.exceptions import RelationsNotComputedError, UnsupportedConfigurationError
from paradime.functional import kullback_leibler_div, kullback_leibler_of_pairs
from paradime.loss.base import (
    BatchRelations,
    GlobalRelations,
    Loss,
    Trial,
    as_batch,
    check_shape,
    is_squared_error,
)
from paradime.loss.embedding import sample_of_rows, typical_length
from paradime.models import unit_of
from paradime.relationdata import FlatRelationTensor, RelationData
from paradime.relations import DifferentiablePDist, Relations
from paradime.types import BinaryTensorFun

__all__ = ["RelationLoss"]


@LOSSES.register("relation")
class RelationLoss(Loss):
    """Compares the relations of a batch with those of its embedding.

    For batch relations between all points, the target is the batch's block of the global relations. For batch
    relations of pairs (``DistsFromTo``), it is 1 for sampled edges and 0 for their negatives.

    Args:
        loss_function: A function of the target and the embedding's relations, of the same shape (b, b) or (m,),
            that returns a scalar. Mean squared errors of distances are in the model's unit if it has one, so that
            the unit of the data has no effect.
        global_relation_key: The key of the global relations.
        batch_relation_key: The key of the batch relations.
        embedding_method: The model's method for embedding.
        normalize_sub: Whether to rescale the block of the global relations to a total of 1.
        name: The name of the loss in histories.
        function_options: Further arguments of the loss function, such as ``{"gamma": 7.0}``.

    Raises:
        ValueError: Before training, if the model's output does not have one row per point.

    Source: Hinterreiter et al., "ParaDime", 2023, section 4.2.
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "func": ("loss_function",),
        "rels": ("global_relation_key", "batch_relation_key"),
        "methods": ("embedding_method",),
    }

    def __init__(
        self,
        loss_function: BinaryTensorFun,
        global_relation_key: str = "rel",
        batch_relation_key: str = "rel",
        embedding_method: str = "embed",
        normalize_sub: bool = True,
        name: str | None = None,
        *,
        function_options: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(name)
        self.function_options = function_options
        self.loss_function = loss_function
        self.global_relation_key = global_relation_key
        self.batch_relation_key = batch_relation_key
        self.embedding_method = embedding_method
        self.normalize_sub = normalize_sub

    def forward(
        self,
        model: torch.nn.Module,
        global_relations: GlobalRelations,
        batch_relations: BatchRelations,
        batch: Batch,
        device: torch.device,
    ) -> torch.Tensor:
        batch, relations = as_batch(batch), self._batch_relations(batch_relations)
        if relations.needs == "pairs":
            pairs = batch.encode_pairs(model, self.embedding_method, relations.data_key, device)
            return self._compare(batch["rel"].to(device), relations.compute_relations(pairs).values)
        embedded = batch.encode(model, self.embedding_method, relations.data_key, device)
        unit = unit_of(model) if self._compares_lengths(relations) else 1.0
        embedded_relations = relations.compute_relations(embedded if unit == 1 else embedded / unit)
        data_relations = global_relations[self.global_relation_key]
        if (
            self.loss_function is kullback_leibler_div
            and not self.function_options
            and not isinstance(embedded_relations, FlatRelationTensor)
        ):
            stored = batch.of_pass(data_relations, data_relations.sub_pairs_of) or data_relations.sub_pairs(
                batch["indices"]
            )
            if stored is not None and embedded_relations.n_points == len(embedded):
                return self._divergence_of_pairs(stored, embedded_relations, embedded)
        target = self._normalized(data_relations.sub(batch["indices"]).to(device=device, dtype=embedded.dtype))
        target = target if unit == 1 else target / unit
        # the target is square; flat relations have no square form
        flat = isinstance(embedded_relations, FlatRelationTensor)
        return self._compare(target, embedded_relations.values if flat else embedded_relations.to_square())

    def _compares_lengths(self, relations: Relations) -> bool:
        """Whether the loss is a squared error of lengths, which depends on their unit."""
        plain = is_squared_error(self.loss_function) and not self.function_options
        are_lengths = isinstance(relations, DifferentiablePDist) and relations.are_distances
        return plain and are_lengths and not self.normalize_sub

    def _compare(self, target: torch.Tensor, embedded_relations: torch.Tensor) -> torch.Tensor:
        return self.loss_function(target, embedded_relations, **(self.function_options or {}))

    def _normalized(self, target: torch.Tensor) -> torch.Tensor:
        if not self.normalize_sub:
            return target
        total = target.sum()
        return target / torch.where(total == 0, 1, total)

    def _divergence_of_pairs(
        self, pairs: tuple[torch.Tensor, ...], embedded_relations: RelationData, embedded: torch.Tensor
    ) -> torch.Tensor:
        """Returns the divergence from a sparse symmetric target, to which only its pairs contribute.

        The pairs are half of the entries of the block, and are normalised to a total of 1/2.
        """
        rows, cols, values = (part.to(embedded.device) for part in pairs)
        target = self._normalized(values.to(embedded.dtype)) / (2 if self.normalize_sub else 1)
        if embedded_relations.known_symmetric:
            return 2 * kullback_leibler_of_pairs(target, embedded_relations.at(rows, cols), len(embedded))
        both_ways = torch.cat((rows, cols)), torch.cat((cols, rows))
        return kullback_leibler_of_pairs(target.repeat(2), embedded_relations.at(*both_ways), len(embedded))

    def needs(self, batch_relations: BatchRelations) -> str:
        return self._batch_relations(batch_relations).needs

    def embedding_distance(
        self, dataset: Dataset, global_relations: GlobalRelations, batch_relations: BatchRelations
    ) -> float | None:
        relations = self._batch_relations(batch_relations)
        if self.normalize_sub or not isinstance(relations, DifferentiablePDist) or not relations.are_distances:
            return None
        sample = sample_of_rows(dataset)
        block = global_relations[self.global_relation_key].sub(sample)
        return typical_length(block[~torch.eye(len(sample), dtype=torch.bool, device=block.device)])

    def check_setup(self, trial: Trial) -> None:
        relations = self._batch_relations(trial.batch_relations)
        if relations.needs != "pairs" and self.global_relation_key not in trial.global_relations:
            raise RelationsNotComputedError(
                f"loss {self.name!r} needs global relations {self.global_relation_key!r}. "
                f"{did_you_mean(self.global_relation_key, trial.global_relations)}"
            )
        n_rows = len(trial.batch["indices"])
        check_shape(
            f"loss {self.name!r}: the model's embedding of {n_rows} rows",
            trial.encode(self.embedding_method, relations.data_key),
            (n_rows, -1),
            f"Check method {self.embedding_method!r} of model {type(trial.model).__name__}.",
        )

    def _batch_relations(self, batch_relations: BatchRelations) -> Relations:
        if self.batch_relation_key not in batch_relations:
            raise UnsupportedConfigurationError(
                f"loss {self.name!r} needs batch relations {self.batch_relation_key!r}. "
                f"{did_you_mean(self.batch_relation_key, batch_relations)}"
            )
        return batch_relations[self.batch_relation_key]

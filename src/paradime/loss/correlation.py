"""The loss that correlates an axis of the embedding with an attribute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch

from paradime._registry import LOSSES
from paradime.data import Batch
from paradime.exceptions import UnsupportedConfigurationError
from paradime.functional import average_rank, pearson, soft_rank
from paradime.loss.attributes import Attribute
from paradime.loss.base import GlobalRelations, Trial
from paradime.loss.embedding import EmbeddingLoss, check_choice, check_positive

__all__ = ["CorrelationLoss"]

_SIGNS = {"any": 0, "positive": 1, "negative": -1}


@LOSSES.register("correlation")
class CorrelationLoss(EmbeddingLoss):
    """Correlates an axis of the embedding with an attribute of the points.

    With the correlation r over the batch, the loss is 1 − r² for any sign, 1 − r for a positive and 1 + r for a
    negative sign. With a target level t, it is max(0, t − |r|)², with r or −r in place of |r| for a sign.

    Args:
        attribute: An entry with one number per point, or a column of ``data_key``, by name or number.
        axis: The index of the axis of the embedding, from 0.
        kind: ``"pearson"`` for a linear relation, ``"rank"`` for a monotonic one (Spearman's, through soft ranks
            of the embedding).
        sign: The desired sign of the correlation.
        target: A sufficient level of correlation in (0, 1]; if ``None``, the correlation is maximised.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        temperature: Width of the soft ranks in standard deviations, see
            :func:`~paradime.functional.soft_rank`.
        name: The name of the loss in histories.

    Raises:
        ValueError: If an argument is out of range; before training, if the attribute or axis does not exist.

    Example:
        >>> rows = torch.tensor([[0.0, 3.0], [1.0, 1.0], [2.0, 2.0]])
        >>> loss = CorrelationLoss(1, axis=0, sign="negative")
        >>> loss(torch.nn.Identity(), {}, {}, {"main": rows}, torch.device("cpu"))
        tensor(0.5000)
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "data": ("data_key", "attribute"),
        "methods": ("embedding_method",),
    }

    def __init__(
        self,
        attribute: str | int,
        axis: int = 0,
        kind: Literal["pearson", "rank"] = "pearson",
        sign: Literal["any", "positive", "negative"] = "any",
        target: float | None = None,
        data_key: str = "main",
        embedding_method: str = "embed",
        temperature: float = 0.1,
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        check_choice("kind", kind, ("pearson", "rank"))
        check_choice("sign", sign, _SIGNS)
        check_positive("temperature", temperature)
        if target is not None and not 0 < target <= 1:
            raise ValueError(f"target must lie in (0, 1], got {target}.")
        if axis < 0:
            raise ValueError(f"axis must be at least 0, got {axis}.")
        self.attribute = attribute
        self.axis = axis
        self.kind = kind
        self.sign = sign
        self.target = target
        self.temperature = temperature
        self._attribute = Attribute(attribute, data_key)

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        axis, attribute = embedded[:, self.axis], self._attribute.values(batch, embedded.device)
        if self.kind == "rank":
            axis, attribute = soft_rank(axis, self.temperature), average_rank(attribute)
        # centre before the conversion: far from zero, float32 would not distinguish the values
        r = pearson(axis, (attribute - attribute.mean()).to(axis.dtype))
        sign = _SIGNS[self.sign]
        if self.target is not None:
            return (self.target - (sign * r if sign else r.abs())).clamp_min(0).square()
        return 1 - (sign * r if sign else r.square())

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        self._attribute.resolve(trial.dataset)
        out_dim = trial.encode(self.embedding_method, self.data_key).shape[1]
        if self.axis >= out_dim:
            raise UnsupportedConfigurationError(
                f"loss {self.name!r}: axis must lie in [0, {out_dim}), the dimensions of the embedding, got "
                f"{self.axis}. Lower it, or raise out_dim."
            )

"""Losses of attributes: one correlates an axis of the embedding with an attribute, one removes an attribute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch

from paradime._registry import LOSSES, did_you_mean
from paradime.data import Batch, Dataset
from paradime.exceptions import UnsupportedConfigurationError
from paradime.functional import average_rank, centered_alignment, gaussian_kernel, pearson, soft_rank, standardized
from paradime.loss.base import GlobalRelations, Trial
from paradime.loss.embedding import EmbeddingLoss
from paradime.utils.arguments import check_choice, check_integer, check_positive, check_within
from paradime.utils.rows import rows_of

__all__ = ["Attribute", "CorrelationLoss", "IndependenceLoss"]

_SIGNS = {"any": 0, "positive": 1, "negative": -1}


class Attribute:
    """One number per point: a column of an entry of the data set, or a separate entry.

    Args:
        attribute: The index of a column of ``data_key``, from 0; or the name of an entry of shape (n,) or (n, 1),
            or else of a column of ``data_key`` if that was a data frame.
        data_key: The entry that contains the column.

    Raises:
        ValueError: If the index is negative.

    Example:
        >>> Attribute(1).values({"main": torch.eye(2)}, torch.device("cpu"))
        tensor([0., 1.])
    """

    def __init__(self, attribute: str | int, data_key: str = "main") -> None:
        if not isinstance(attribute, str) and attribute < 0:
            raise ValueError(f"attribute must be a name, or a column's index from 0, got {attribute}.")
        self.attribute = attribute
        self.data_key = data_key
        # an entry, and the index of its column if it has several
        self._place: tuple[str, int | None] = (
            (attribute, None) if isinstance(attribute, str) else (data_key, int(attribute))
        )

    def resolve(self, dataset: Dataset) -> None:
        """Finds the attribute in a data set.

        Raises:
            KeyError: If the attribute is a column's index, and the data set has no entry ``data_key``.
            UnsupportedConfigurationError: If the attribute does not exist, is not unique, or has missing values.
        """
        if isinstance(self.attribute, str):
            self._place = self._named(self.attribute, dataset)
            missing = self.values(dataset, torch.device("cpu")).isnan()
            if bool(missing.any()):
                raise UnsupportedConfigurationError(
                    f"attribute {self.attribute!r} must have a value in each row, got none in "
                    f"{int(missing.sum())} rows, first in row {int(missing.nonzero()[0])}. Impute values, or drop "
                    "such rows."
                )
            return
        shape = tuple(dataset[self.data_key].shape)
        if len(shape) != 2 or self.attribute >= shape[1]:
            raise UnsupportedConfigurationError(
                f"attribute must be the index of a column of {dataset.title(self.data_key)}, whose shape is "
                f"{shape}, got {self.attribute}. Indices begin with 0."
            )

    def _named(self, name: str, dataset: Dataset) -> tuple[str, int | None]:
        entries = {key for key, values in dataset.items() if _is_column(values)}
        columns = dataset.columns.get(self.data_key, [])
        if name in entries:
            return name, None
        if columns.count(name) == 1:
            return self.data_key, columns.index(name)
        if name in columns:
            raise UnsupportedConfigurationError(
                f"attribute must be the name of one column of {dataset.title(self.data_key)}, got {name!r} for "
                f"{columns.count(name)} columns. Pass the index of the column."
            )
        if name in dataset:
            raise UnsupportedConfigurationError(
                f"attribute {name!r} must have one number per row, shape ({len(dataset)},), got "
                f"{tuple(dataset[name].shape)}. Pass the index of one of its columns, and data_key={name!r}."
            )
        raise UnsupportedConfigurationError(
            f"attribute {name!r} is neither an entry of the data set nor a column of "
            f"{dataset.title(self.data_key)}. {did_you_mean(name, (entries - {'indices'}) | set(columns))}"
        )

    def column_of(self, key: str) -> int | None:
        """Returns the index of the column of an entry that the attribute is; ``None`` if it is no such column."""
        entry, column = self._place
        return column if entry == key else None

    def column(self, entries: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Returns the stored values of the attribute in a batch or the data set, shape (b,)."""
        key, number = self._place
        values = entries[key]
        return values.reshape(-1) if number is None else rows_of(values).column(number)

    def values(self, batch: Mapping[str, torch.Tensor], device: torch.device) -> torch.Tensor:
        """Returns the attribute of a batch as floating-point numbers on a device, shape (b,)."""
        column = self.column(batch).to(device)
        return column if column.is_floating_point() else column.to(torch.float32)


def _is_column(values: torch.Tensor) -> bool:
    return values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1)


@LOSSES.register("independence")
class IndependenceLoss(EmbeddingLoss):
    """Makes the embedding independent of an attribute, such as the experiment in which points were measured.

    Integers and booleans are categories. Pass floating-point numbers if distances between values have a meaning.

    Args:
        attribute: An entry with one number per point, or a column of ``data_key``, by name or number.
        kind: ``"hsic"`` for any dependence: the normalised Hilbert-Schmidt independence criterion, in [0, 1], of
            Gaussian kernels with the median distance as bandwidth (of equality for categories). ``"correlation"``
            for linear dependence, which is faster: the mean squared correlation of the axes with the attribute or
            with the indicator of each category.
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the loss in histories.

    Raises:
        ValueError: If ``kind`` is unknown; before training, if the attribute does not exist.

    Source: Gretton et al., "Measuring statistical dependence with Hilbert-Schmidt norms", 2005; Cortes, Mohri,
        Rostamizadeh, "Algorithms for learning kernels based on centered alignment", 2012, for the normalisation.

    Example:
        >>> rows = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> loss = IndependenceLoss("batch", kind="correlation")
        >>> entries = {"main": rows, "batch": torch.tensor([0, 0, 1, 1])}
        >>> loss(torch.nn.Identity(), {}, {}, entries, torch.device("cpu"))
        tensor(0.5000)
    """

    spec_arguments: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "data": ("data_key", "attribute"),
        "methods": ("embedding_method",),
    }

    in_unit = True

    def __init__(
        self,
        attribute: str | int,
        kind: Literal["hsic", "correlation"] = "hsic",
        data_key: str = "main",
        embedding_method: str = "embed",
        name: str | None = None,
    ) -> None:
        super().__init__(data_key, embedding_method, name)
        check_choice("kind", kind, ("hsic", "correlation"))
        self.attribute = attribute
        self.kind = kind
        self._attribute = Attribute(attribute, data_key)
        self._categories: torch.Tensor | None = None

    def of_embedding(
        self, embedded: torch.Tensor, batch: Batch, global_relations: GlobalRelations
    ) -> torch.Tensor:
        column = self._attribute.column(batch).to(embedded.device)
        if self.kind == "correlation":
            correlations = standardized(embedded).T @ standardized(self._indicators(column).to(embedded.dtype))
            return correlations.square().mean()
        kernel = gaussian_kernel(column[:, None]) if column.is_floating_point() else column[:, None] == column
        return centered_alignment(gaussian_kernel(embedded), kernel.to(embedded.dtype))

    def _indicators(self, column: torch.Tensor) -> torch.Tensor:
        if column.is_floating_point():
            return column[:, None]
        # without check_setup, only the categories of the batch are known
        categories = torch.unique(column) if self._categories is None else self._categories
        return column[:, None] == categories.to(column.device)

    def check_setup(self, trial: Trial) -> None:
        super().check_setup(trial)
        self._attribute.resolve(trial.dataset)
        column = self._attribute.column(trial.dataset)
        self._categories = None if column.is_floating_point() else torch.unique(column)


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
        if target is not None:
            check_within("target", target, "(0, 1]")
        check_integer("axis", axis, 0)
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

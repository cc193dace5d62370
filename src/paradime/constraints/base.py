"""The interface of constraints: losses whose adherence can be measured on any rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch

from paradime.data import Dataset
from paradime.exceptions import UnsupportedConfigurationError
from paradime.loss.embedding import EmbeddingLoss

__all__ = ["Adherence", "Constraint"]


@dataclasses.dataclass(frozen=True)
class Adherence:
    """How far rows adhere to a constraint.

    Attributes:
        score: From 0 to 1, where 1 means that the constraint holds for all rows.
        measure: What the score is, in a few words.
        n: How many rows, or pairs of rows, were measured.
    """

    score: float
    measure: str
    n: int

    def __float__(self) -> float:
        return self.score


class Constraint(EmbeddingLoss):
    """A condition on the embedding: a loss that trains towards it, and a score of how far rows adhere to it.

    Subclass it, and write :meth:`of_embedding`, the loss of a batch, and :meth:`adherence`. A constraint that can
    hold exactly has an argument ``exact`` and a method :meth:`output`, which describes an output layer of the
    network; it then needs no loss.

    Args:
        data_key: The entry to embed.
        embedding_method: The model's method for embedding.
        name: The name of the constraint in histories.

    Example:
        >>> class Centered(Constraint):
        ...     measure = "1 minus the distance of the mean from 0 in deviations, at least 0"
        ...
        ...     def of_embedding(self, embedded, batch, global_relations):
        ...         return embedded.mean(dim=0).square().sum()
        ...
        ...     def adherence(self, positions, dataset):
        ...         distance = float(positions.mean(dim=0).norm() / positions.std())
        ...         return self.adhered(max(0.0, 1 - distance), len(positions))
        >>> Centered().adherence(torch.tensor([[-1.0], [1.0]]), {}).score
        1.0
    """

    measure: ClassVar[str] = "score"
    """What the score of :meth:`adherence` is, in a few words."""

    exact: bool = False
    """Whether the network satisfies the constraint exactly, by an output layer."""

    @property
    def key(self) -> str:
        """The key of the constraint among the losses of a routine, if none is chosen."""
        words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type(self).__name__)
        return words.strip().removesuffix(" constraint")

    def adherence(self, positions: torch.Tensor, dataset: Dataset) -> Adherence | None:
        """Measures how far rows adhere to the constraint.

        Args:
            positions: The positions of the rows, shape (n, out_dim), float64.
            dataset: The rows with the entries that the constraint needs, n rows.

        Returns:
            The adherence; ``None`` if the rows do not show it, such as rows without the pairs of the constraint.
        """
        raise NotImplementedError(f"{type(self).__name__} has no adherence(). Write it: it returns an Adherence.")

    def output(self, dataset: Dataset) -> Mapping[str, Any]:
        """Describes the output layer of a constraint that is exact, see :class:`~paradime.models.OutputLayers`.

        Args:
            dataset: All rows of the training.
        """
        raise UnsupportedConfigurationError(
            f"a {type(self).__name__} cannot hold exactly. Leave exact out, and choose a share."
        )

    def take_data(self, dataset: Dataset, classes: Sequence[Any] | None = None) -> None:
        """Takes what the constraint needs of the rows that ``fit`` was given, before any of them are held out.

        Args:
            dataset: All rows. Indices of rows that a user passes count these.
            classes: The classes of ``y`` in the order of their integers in the entry ``"labels"``; ``None`` if
                there are none.
        """

    def check_beside(self, others: Mapping[str, Constraint]) -> None:
        """Raises an error if the constraint contradicts others of the same routine.

        Args:
            others: Constraints by key.

        Raises:
            UnsupportedConfigurationError: If both cannot hold.
        """

    def adhered(self, score: float, n: int) -> Adherence:
        """Returns an adherence with this constraint's measure; a score that is not a number counts as 0."""
        return Adherence(min(1.0, max(0.0, score)) if score == score else 0.0, self.measure, n)

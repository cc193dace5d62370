"""Use of a trained routine on points."""

from __future__ import annotations

from typing import Any

import torch

from paradime.dr.blocks import Blocks
from paradime.dr.estimator import Estimator
from paradime.exceptions import NotTrainedError
from paradime.training import apply_in_chunks

__all__ = ["Applied"]


class Applied(Estimator):
    """The part of a routine that applies what was trained."""

    @property
    def _blocks(self) -> Blocks:
        raise NotImplementedError

    def apply(self, X: Any, method: str | None = None) -> torch.Tensor:
        """Applies the trained model to points, without gradients, in chunks.

        Args:
            X: Points, shape (m, …), as those of the training, or a single one of them, shape (…).
            method: The name of a method of the model; the model itself is called if ``None``.

        Returns:
            What the method makes of the points, on the CPU; of a single one, without the first axis.

        Raises:
            NotTrainedError: If the routine is not trained.
            TypeError: If ``X`` is no array of numbers.
            ValueError: If ``X`` is not finite, or does not have the features of the training data.
        """
        return self._apply_rows(self._ready(X, method), method, single=True)

    def __call__(self, X: Any) -> torch.Tensor:
        """The same as :meth:`apply`, but differentiable; see :meth:`embed`."""
        return self._differentiable(X, None)

    def embed(self, X: Any) -> torch.Tensor:
        """Embeds points by the model's method ``embed``, so that gradients flow to the model and to ``X``.

        All points take part in the gradient, which needs memory for each of them: :meth:`apply` and
        :meth:`transform` go without.

        Args:
            X: Points, shape (m, …), as those of the training, or a single one of them, shape (…).

        Returns:
            The embedding, shape (m, out_dim), or (out_dim,) of a single point; on the device of a tensor, else on
            the CPU.

        Raises:
            NotTrainedError: If the routine is not trained.
            TypeError: If ``X`` is no array of numbers.
            ValueError: If ``X`` is not finite, or does not have the features of the training data.
        """
        return self._differentiable(X, "embed")

    def classify(self, X: Any) -> torch.Tensor:
        """Scores the classes of points by the model's method ``classify``, differentiable; see :meth:`embed`."""
        return self._differentiable(X, "classify")

    def _differentiable(self, X: Any, method: str | None) -> torch.Tensor:
        made = self._apply_rows(self._ready(X, method), method, single=True, gradients=True)
        return made.to(X.device) if isinstance(X, torch.Tensor) else made

    def _apply_to_rows(self, X: Any, method: str | None = None) -> torch.Tensor:
        return self._apply_rows(self._ready(X, method), method)

    def _ready(self, X: Any, method: str | None) -> Any:
        """Returns the entry that the model takes, if there is a trained model."""
        blocks = self._blocks
        if not blocks.trained or blocks.model is None:
            raise NotTrainedError(f"this {type(self).__name__} is not trained yet. Call fit(X) first.")
        return self._as_remembered(X, method)

    def _apply_rows(
        self, X: Any, method: str | None, *, single: bool = False, gradients: bool = False
    ) -> torch.Tensor:
        """Applies the trained model to points whose columns have the names of the training, or none."""
        blocks, expected = self._blocks, self.__dict__.get("_row_shape")
        assert blocks.model is not None
        return apply_in_chunks(
            blocks.model,
            X,
            method=method,
            device=blocks.device,
            row_shape=expected,
            owner=type(self).__name__,
            single=single,
            gradients=gradients,
        )

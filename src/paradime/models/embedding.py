"""An embedding model with an optional decoder and classifier."""

from __future__ import annotations

from typing import Any

import torch

from paradime.exceptions import UnsupportedConfigurationError
from paradime.models.base import Model, resolve_method, without_unit

__all__ = ["EmbeddingModel"]


class EmbeddingModel(Model):
    """An encoder with a decoder from the embedding to rows, or a classifier of the embedding.

    Calling the model, ``embed`` and ``encode`` all return the encoder's embedding, from which ``decode`` and
    ``classify`` start. Without a decoder or classifier, the encoder's methods of that name are used, if it has
    them.

    Args:
        encoder: Embeds rows, shape (b, …) to (b, out_dim), by its method ``embed`` or by being called.
        decoder: Maps points of the embedding, shape (b, out_dim), to rows, shape (b, …).
        classifier: Maps points of the embedding, shape (b, out_dim), to scores, shape (b, n_classes), or
            to predicted numbers, shape (b, 1).

    Raises:
        TypeError: If a component is not a torch module.
        UnsupportedConfigurationError: By ``decode`` and ``classify``, if neither the model nor the encoder can.

    Source: Hinton & Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", 2006: autoencoders.

    Example:
        >>> model = EmbeddingModel(torch.nn.Linear(9, 2), torch.nn.Linear(2, 9), torch.nn.Linear(2, 3))
        >>> rows = torch.ones(5, 9)
        >>> model.decode(model.encode(rows)).shape, model.classify(rows).shape
        (torch.Size([5, 9]), torch.Size([5, 3]))
    """

    def __init__(
        self,
        encoder: torch.nn.Module,
        decoder: torch.nn.Module | None = None,
        classifier: torch.nn.Module | None = None,
    ) -> None:
        super().__init__()
        for name, module in (("encoder", encoder), ("decoder", decoder), ("classifier", classifier)):
            if not isinstance(module, torch.nn.Module) and (name == "encoder" or module is not None):
                raise TypeError(
                    f"{name} must be a torch.nn.Module, got {type(module).__name__}. Pass an instance."
                )
        self.encoder = encoder
        self.decoder = decoder
        self.classifier = classifier

    @property
    def alpha(self) -> Any:
        """The encoder's parameter ``alpha``."""
        return self.encoder.alpha

    @property
    def layers(self) -> Any:
        """The encoder's layers."""
        return self.encoder.layers

    # embed, encode and classify call the model itself, where losses share an encoding of the batch
    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Embeds points, shape (b, …) to (b, out_dim)."""
        return resolve_method(self.encoder, "embed")(X)  # type: ignore[no-any-return]

    def encode(self, X: torch.Tensor) -> torch.Tensor:
        """Encodes points for :meth:`decode`, shape (b, …) to (b, code_dim)."""
        own = getattr(self.encoder, "encode", None)
        # an encoder with its own decode method expects its own code
        return self(X) if self.decoder is not None or own is None else own(X)  # type: ignore[no-any-return]

    def decode(self, X: torch.Tensor) -> torch.Tensor:
        """Reconstructs points from their code, shape (b, code_dim) to (b, …)."""
        if self.decoder is None:
            return self._own_of_encoder("decode")(X)  # type: ignore[no-any-return]
        return self.decoder(without_unit(X, self.encoder))  # type: ignore[no-any-return]

    @property
    def standardizes(self) -> bool:
        """Whether the decoder's layers produce standardised rows, in which all columns have the same weight."""
        return getattr(self.decoder, "scaling", None) is not None

    def decode_standardized(self, X: torch.Tensor) -> torch.Tensor:
        """Reconstructs standardised rows, shape (b, code_dim) to (b, …).

        They are comparable with the result of the decoder's ``as_standardized``.
        """
        assert self.decoder is not None
        return self.decoder.standardized(without_unit(X, self.encoder))  # type: ignore[no-any-return, operator]

    def classify(self, X: torch.Tensor) -> torch.Tensor:
        """Scores classes, shape (b, …) to (b, n_classes)."""
        if self.classifier is None:
            return self._own_of_encoder("classify")(X)  # type: ignore[no-any-return]
        return self.classifier(without_unit(self(X), self.encoder))  # type: ignore[no-any-return]

    def _own_of_encoder(self, method: str) -> Any:
        base = getattr(Model, method)
        if getattr(type(self.encoder), method, base) is base:
            head = {"decode": "decoder", "classify": "classifier"}[method]
            raise UnsupportedConfigurationError(
                f"the model has no {head}, so it cannot {method}. Add one: EmbeddingModel(…, {head}=…), or "
                f"{head}: true in the section 'model' of a specification."
            )
        return getattr(self.encoder, method)

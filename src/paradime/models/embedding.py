"""An embedding model with a decoder and a classifier."""

from __future__ import annotations

from typing import Any

import torch

from paradime.exceptions import UnsupportedConfigurationError
from paradime.models.base import Model, resolve_method, without_unit

__all__ = ["EmbeddingModel"]


class EmbeddingModel(Model):
    """An encoder, with what leads from the embedding back to the rows, or on to classes.

    Calling the model, ``embed`` and ``encode`` all mean the encoder's embedding; ``decode`` and ``classify`` start
    from it. Without a decoder or classifier, the encoder's own methods of that name serve, if it has them.

    Args:
        encoder: Embeds rows, shape (b, …) to (b, out_dim): by its method ``embed``, or by being called.
        decoder: Maps points of the embedding, shape (b, out_dim), to rows, shape (b, …).
        classifier: Maps points of the embedding, shape (b, out_dim), to scores, shape (b, n_classes), or
            to predicted numbers, shape (b, 1).

    Raises:
        TypeError: If a part is no torch module.
        UnsupportedConfigurationError: By ``decode`` and ``classify``, if there is nothing that does it.

    Source: Hinton & Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", 2006, for
    autoencoders.

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
        for name, part in (("encoder", encoder), ("decoder", decoder), ("classifier", classifier)):
            if not isinstance(part, torch.nn.Module) and (name == "encoder" or part is not None):
                raise TypeError(f"{name} must be a torch.nn.Module, got {type(part).__name__}. Pass an instance.")
        self.encoder = encoder
        self.decoder = decoder
        self.classifier = classifier

    @property
    def alpha(self) -> Any:
        """The encoder's parameter of this name."""
        return self.encoder.alpha

    @property
    def layers(self) -> Any:
        """The encoder's layers."""
        return self.encoder.layers

    # embed, encode and classify call the model itself: what is shared between losses is shared there
    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Embeds points, shape (b, …) to (b, out_dim)."""
        return resolve_method(self.encoder, "embed")(X)  # type: ignore[no-any-return]

    def encode(self, X: torch.Tensor) -> torch.Tensor:
        """Encodes points for :meth:`decode`, shape (b, …) to (b, code_dim)."""
        own = getattr(self.encoder, "encode", None)
        # an encoder that decodes on its own does so from its own code
        return self(X) if self.decoder is not None or own is None else own(X)  # type: ignore[no-any-return]

    def decode(self, X: torch.Tensor) -> torch.Tensor:
        """Reconstructs points from their code, shape (b, code_dim) to (b, …)."""
        if self.decoder is None:
            return self._own_of_encoder("decode")(X)  # type: ignore[no-any-return]
        return self.decoder(without_unit(X, self.encoder))  # type: ignore[no-any-return]

    @property
    def standardizes(self) -> bool:
        """Whether the decoder makes standardised rows, whose columns weigh alike, before it gives them units."""
        return getattr(self.decoder, "scaling", None) is not None

    def decode_standardized(self, X: torch.Tensor) -> torch.Tensor:
        """Reconstructs points as the decoder's layers see them, shape (b, code_dim) to (b, …).

        What they are compared with is the decoder's ``as_standardized`` of the rows.
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
            part = {"decode": "decoder", "classify": "classifier"}[method]
            raise UnsupportedConfigurationError(
                f"the model has no {part}, so it cannot {method}. Give it one: EmbeddingModel(…, {part}=…), or "
                f"{part}: true in the section 'model' of a text."
            )
        return getattr(self.encoder, method)

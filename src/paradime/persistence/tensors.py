"""Tensors as safetensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from paradime.exceptions import ModelFileError

__all__ = ["pack_tensors", "unpack_tensors"]


def pack_tensors(tensors: Mapping[str, torch.Tensor], what: str) -> bytes:
    """Returns tensors as the contents of a safetensors file; from any device, each by itself.

    Args:
        tensors: The tensors by name.
        what: What they are, for messages.

    Raises:
        ValueError: If one is sparse, quantised, or has no memory.
    """
    import safetensors.torch

    plain = {}
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise ValueError(
                f"{what}: the entry {name!r} of its state is of type {type(tensor).__name__}. Only tensors can be "
                "saved: make it a buffer, or an argument of the constructor."
            )
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            raise ValueError(
                f"{what}: the tensor {name!r} is sparse, quantised, or has no memory. Make it a plain one."
            )
        # views that share memory are stored each with its own numbers
        plain[name] = tensor.detach().to("cpu").clone(memory_format=torch.contiguous_format)
    try:
        return safetensors.torch.save(plain, {"format": "pt"})
    except Exception as error:  # a type that the format does not know
        raise ValueError(f"{what}: its tensors cannot be saved: {error}.") from error


def unpack_tensors(contents: bytes, what: str) -> dict[str, torch.Tensor]:
    """Returns the tensors of a safetensors file.

    Args:
        contents: The contents of the file. Its header must tell exactly the bytes that follow.
        what: The path, for messages.

    Raises:
        ModelFileError: If it is damaged, or no safetensors file.
    """
    import safetensors.torch

    try:
        return dict(safetensors.torch.load(contents))
    except Exception as error:  # of the reader's own types
        raise ModelFileError(f"{what}: is damaged: {error}.") from error

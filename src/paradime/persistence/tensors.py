"""Conversion of tensors to and from safetensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from paradime.exceptions import ModelFileError

__all__ = ["pack_tensors", "unpack_tensors"]


def pack_tensors(tensors: Mapping[str, torch.Tensor], what: str) -> bytes:
    """Returns tensors of any device as the contents of a safetensors file; shared memory is copied.

    Args:
        tensors: The tensors by name.
        what: A description of their owner, for messages.

    Raises:
        ValueError: If a tensor is sparse, quantised, or on the meta device.
    """
    import safetensors.torch

    plain = {}
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise ValueError(
                f"{what}: entries of its state must be tensors, got {type(tensor).__name__} for {name!r}. Make it "
                "a buffer, or an argument of the constructor."
            )
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            raise ValueError(
                f"{what}: the tensor {name!r} must not be sparse, quantised, or on the meta device. Convert it."
            )
        # views that share memory are copied
        plain[name] = tensor.detach().to("cpu").clone(memory_format=torch.contiguous_format)
    try:
        return safetensors.torch.save(plain, {"format": "pt"})
    except Exception as error:  # a dtype that the format does not support
        raise ValueError(f"{what}: its tensors cannot be saved: {error}.") from error


def unpack_tensors(contents: bytes, what: str) -> dict[str, torch.Tensor]:
    """Returns the tensors of a safetensors file.

    Args:
        contents: The contents of the file. Its header must describe exactly the bytes that follow.
        what: The path, for messages.

    Raises:
        ModelFileError: If it is damaged, or not a safetensors file.
    """
    import safetensors.torch

    try:
        return dict(safetensors.torch.load(contents))
    except Exception as error:  # safetensors raises types of its own
        raise ModelFileError(f"{what}: is damaged: {error}.") from error

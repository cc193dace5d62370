"""Where to compute."""

from __future__ import annotations

import torch

from paradime.exceptions import CUDANotAvailableError

__all__ = ["resolve_device"]


def resolve_device(device: str | torch.device | None = None, *, use_cuda: bool = False) -> torch.device:
    """Returns the device that is meant.

    Args:
        device: ``"auto"`` (CUDA, else MPS, else CPU), the name of a device, or a torch device; the CPU if
            ``None``, unless ``use_cuda``.
        use_cuda: Whether CUDA is required.

    Raises:
        CUDANotAvailableError: If CUDA is required and there is none.
        ValueError: If the device is unknown, not there, or contradicts ``use_cuda``.

    Example:
        >>> resolve_device("cpu")
        device(type='cpu')
    """
    if device == "auto":
        has_mps = torch.backends.mps.is_available()
        device = "cuda" if torch.cuda.is_available() or use_cuda else "mps" if has_mps else "cpu"
    if device is None:
        device = "cuda" if use_cuda else "cpu"
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda' or 'mps', got {device!r}.") from None
    if use_cuda and resolved.type != "cuda":
        raise ValueError(f"use_cuda=True contradicts device={device!r}. Leave one of them out.")
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise CUDANotAvailableError(
            "CUDA is asked for, but torch finds no usable CUDA device. "
            'Use device="auto", which takes the fastest device there is, or device="cpu".'
        )
    if resolved.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device 'mps' is not available here. Use device=\"auto\".")
    return resolved

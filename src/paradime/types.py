"""Type aliases used in public signatures."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = [
    "AnyArray",
    "BinaryTensorFun",
    "Data",
    "DataMapping",
    "FloatArray",
    "IntArray",
    "Metric",
    "Spec",
    "TensorLike",
]

AnyArray: TypeAlias = NDArray[Any]
FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]

TensorLike: TypeAlias = NDArray[Any] | torch.Tensor | list[Any]
"""Whatever ``numpy.asarray`` or ``torch.as_tensor`` takes as numbers."""

DataMapping: TypeAlias = Mapping[str, Any]
"""Named arrays with one row a data point."""

Data: TypeAlias = TensorLike | DataMapping
"""One array, which is then called ``"main"``, or several named ones."""

BinaryTensorFun: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""A function of two tensors, such as a loss function or a row-wise distance."""

Metric: TypeAlias = str | Callable[[Any, Any], float]
"""A metric's name, or a function of two rows."""

Spec: TypeAlias = Mapping[str, Any]
"""A specification in the grammar, as nested mappings and lists."""

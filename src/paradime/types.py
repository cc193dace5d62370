"""Type aliases used in public signatures."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import scipy.sparse
import torch
from numpy.typing import NDArray

__all__ = [
    "AnyArray",
    "BinaryTensorFun",
    "Data",
    "DataMapping",
    "FloatArray",
    "IndexList",
    "IntArray",
    "Metric",
    "Rels",
    "Spec",
    "TensorLike",
    "TypeKeyTuples",
]

AnyArray: TypeAlias = NDArray[Any]
FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]

TensorLike: TypeAlias = NDArray[Any] | torch.Tensor | list[Any]
"""Whatever ``numpy.asarray`` or ``torch.as_tensor`` takes as numbers."""

IndexList: TypeAlias = list[int] | IntArray | torch.Tensor
"""Numbers of rows."""

Rels: TypeAlias = (
    AnyArray | torch.Tensor | scipy.sparse.spmatrix | scipy.sparse.sparray | tuple[AnyArray, AnyArray]
)
"""Relations as numbers: an array, a tensor, a sparse matrix, or neighbours and their relations, each (n, k)."""

TypeKeyTuples: TypeAlias = list[tuple[Literal["data", "rels"], str]]
"""What derived data are computed from: entries of the data set, or global relations."""

DataMapping: TypeAlias = Mapping[str, Any]
"""Named arrays with one row per data point."""

Data: TypeAlias = TensorLike | DataMapping
"""One array, which is then called ``"main"``, or several named ones."""

BinaryTensorFun: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""A function of two tensors, such as a loss function or a row-wise distance."""

Metric: TypeAlias = str | Callable[[Any, Any], float]
"""A metric's name, or a function of two rows."""

Spec: TypeAlias = Mapping[str, Any]
"""A specification, as nested mappings and lists."""

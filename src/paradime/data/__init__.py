"""Data sets, data derived from them, samplers, and batches."""

from paradime.data.batch import Batch
from paradime.data.dataset import Dataset
from paradime.data.derived import DerivedData
from paradime.data.edges import NegSampledEdgeDataset
from paradime.data.samplers import EdgeSampler, ItemSampler, Sampler
from paradime.data.sampling import Edges, Items, Sampling
from paradime.data.validation import checked_rows

__all__ = [
    "Batch",
    "Dataset",
    "DerivedData",
    "EdgeSampler",
    "Edges",
    "ItemSampler",
    "Items",
    "NegSampledEdgeDataset",
    "Sampler",
    "Sampling",
    "checked_rows",
]

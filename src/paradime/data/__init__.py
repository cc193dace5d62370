"""Data sets, data derived from them, samplers, and batches."""

from paradime.data.background import Background, background_of
from paradime.data.batch import Batch
from paradime.data.contrastive import ContrastivePairs, ContrastiveSampler
from paradime.data.dataset import DataField, Dataset, check_fields
from paradime.data.derived import DerivedData, local_radius
from paradime.data.edges import NegSampledEdgeDataset
from paradime.data.near_mid_far import NearMidFarPairs, NearMidFarSampler
from paradime.data.sampling import Edges, EdgeSampler, Items, ItemSampler, Sampler, Sampling, StatefulSampler
from paradime.data.validation import checked_rows

__all__ = [
    "Background",
    "Batch",
    "ContrastivePairs",
    "ContrastiveSampler",
    "DataField",
    "Dataset",
    "DerivedData",
    "EdgeSampler",
    "Edges",
    "ItemSampler",
    "Items",
    "NearMidFarPairs",
    "NearMidFarSampler",
    "NegSampledEdgeDataset",
    "Sampler",
    "Sampling",
    "StatefulSampler",
    "background_of",
    "check_fields",
    "checked_rows",
    "local_radius",
]

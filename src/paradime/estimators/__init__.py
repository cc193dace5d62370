"""Presets: well-known methods each an estimator that makes its components."""

from paradime.estimators.autoencoder import ParametricAutoencoder
from paradime.estimators.contrastive import ParametricContrastive
from paradime.estimators.largevis import ParametricLargeVis
from paradime.estimators.mds import ParametricMDS
from paradime.estimators.pacmap import ParametricPaCMAP
from paradime.estimators.preset import Preset
from paradime.estimators.tsne import ParametricTSNE
from paradime.estimators.umap import ParametricUMAP

__all__ = [
    "ParametricAutoencoder",
    "ParametricContrastive",
    "ParametricLargeVis",
    "ParametricMDS",
    "ParametricPaCMAP",
    "ParametricTSNE",
    "ParametricUMAP",
    "Preset",
]

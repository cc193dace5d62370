"""Presets: well-known methods as texts of the grammar, each with its estimator."""

from paradime.estimators._extras import extend_spec
from paradime.estimators.autoencoder import ParametricAutoencoder, autoencoder_spec
from paradime.estimators.contrastive import ParametricContrastive, contrastive_spec
from paradime.estimators.largevis import ParametricLargeVis, largevis_spec
from paradime.estimators.mds import ParametricMDS, mds_spec
from paradime.estimators.pacmap import ParametricPaCMAP, pacmap_spec
from paradime.estimators.preset import Preset
from paradime.estimators.tsne import ParametricTSNE, tsne_spec
from paradime.estimators.umap import ParametricUMAP, umap_spec

__all__ = [
    "ParametricAutoencoder",
    "ParametricContrastive",
    "ParametricLargeVis",
    "ParametricMDS",
    "ParametricPaCMAP",
    "ParametricTSNE",
    "ParametricUMAP",
    "Preset",
    "autoencoder_spec",
    "contrastive_spec",
    "extend_spec",
    "largevis_spec",
    "mds_spec",
    "pacmap_spec",
    "tsne_spec",
    "umap_spec",
]

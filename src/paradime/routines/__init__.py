"""Presets: well-known methods as texts of the grammar, each with its estimator."""

from paradime.routines._extras import extend_spec
from paradime.routines._preset import Preset
from paradime.routines.autoencoder import ParametricAutoencoder, autoencoder_spec
from paradime.routines.contrastive import ParametricContrastive, contrastive_spec
from paradime.routines.largevis import ParametricLargeVis, largevis_spec
from paradime.routines.mds import ParametricMDS, mds_spec
from paradime.routines.pacmap import ParametricPaCMAP, pacmap_spec
from paradime.routines.tsne import ParametricTSNE, tsne_spec
from paradime.routines.umap import ParametricUMAP, umap_spec

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

"""Presets: well-known methods as texts of the grammar, each with its estimator."""

from paradime.routines.tsne import ParametricTSNE, tsne_spec
from paradime.routines.umap import ParametricUMAP, umap_spec

__all__ = ["ParametricTSNE", "ParametricUMAP", "tsne_spec", "umap_spec"]

import pickle

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.neighbors import kneighbors_graph

import paradime
from paradime import ParametricContrastive
from paradime.anndata import embed, transform
from paradime.neighbors import search

pytestmark = pytest.mark.usefixtures("few_first_steps")
SHORT = {"epochs": 1, "random_state": 0}


@pytest.fixture
def adata():
    """Cells as scanpy leaves them after normalisation, principal components and neighbours."""
    rng = np.random.default_rng(0)
    counts = np.where(rng.random((120, 60)) < 0.4, rng.gamma(2, size=(120, 60)), 0).astype(np.float32)
    made = anndata.AnnData(scipy.sparse.csr_matrix(counts), var=pd.DataFrame(index=[f"g{i}" for i in range(60)]))
    made.obsm["X_pca"] = np.linalg.svd(counts - counts.mean(axis=0), full_matrices=False)[0][:, :10] * 10
    made.obsp["distances"] = kneighbors_graph(made.obsm["X_pca"], 14, mode="distance")
    params = {"n_neighbors": 15, "method": "umap", "metric": "euclidean", "random_state": 0}
    made.uns["neighbors"] = {
        "connectivities_key": "connectivities",
        "distances_key": "distances",
        "params": params,
    }
    return made


def set_graph(adata, rows, k=14, **settings):
    adata.obsp["distances"] = kneighbors_graph(rows, k, mode="distance", **settings)


@pytest.fixture
def searches(monkeypatch):
    """Numbers of points among which neighbours were searched."""
    found = []
    real = search.nearest_neighbors
    monkeypatch.setattr(
        "paradime.relations.neighbor.nearest_neighbors",
        lambda X, *a, **k: (found.append(X.shape), real(X, *a, **k))[1],
    )
    return found


def test_embedding_and_parameters_are_written_where_scanpy_would(adata, searches):
    routine = embed(adata, "contrastive", **SHORT)
    np.testing.assert_array_equal(adata.obsm["X_paradime_contrastive"], routine.transform(adata.obsm["X_pca"]))
    params = adata.uns["paradime_contrastive"]["params"]
    assert (params["use_rep"], params["reused_neighbors"], params["epochs"]) == ("X_pca", True, 1)
    assert searches == []
    assert routine.precomputed_knn is None


@pytest.mark.parametrize(
    "change",
    [
        lambda a: set_graph(a, a.X.toarray()),
        lambda a: set_graph(a, a.obsm["X_pca"], metric="cosine"),
        lambda a: set_graph(a, a.obsm["X_pca"][:, :5]),
        lambda a: a.uns.pop("neighbors"),
        lambda a: set_graph(a, a.obsm["X_pca"], 5),
        lambda a: a.obsm.update(X_pca=np.random.default_rng(1).normal(size=(120, 10))),
        lambda a: a.obsm.update(X_pca=a.obsm["X_pca"] * np.linspace(0.9, 1.1, 10)),
        lambda a: a.obsm.update(X_pca=np.vstack([a.obsm["X_pca"][:-1], a.obsm["X_pca"][:1]])),
    ],
    ids=[
        "other rows",
        "other metric",
        "fewer components",
        "none",
        "too few",
        "replaced since",
        "corrected since",
        "one row replaced",
    ],
)
def test_neighbours_that_do_not_fit_are_searched(change, adata, searches):
    change(adata)
    embed(adata, "contrastive", **SHORT)
    assert searches == [(120, 10)]
    assert not adata.uns["paradime_contrastive"]["params"]["reused_neighbors"]


def test_neighbours_are_searched_if_asked_for_and_change_nothing(adata, searches):
    embed(adata, ParametricContrastive(n_neighbors=14, **SHORT), key_added="mine")
    embed(adata, ParametricContrastive(n_neighbors=14, **SHORT), key_added="searched", reuse_neighbors=False)
    assert len(searches) == 1
    np.testing.assert_allclose(adata.obsm["mine"], adata.obsm["searched"], atol=1e-4)
    assert adata.uns["mine"]["params"]["n_neighbors"] == 14


def test_sparse_genes_and_layers_are_embedded(adata):
    adata.layers["log"] = adata.X.log1p()
    genes = embed(adata, "contrastive", use_rep="X", **SHORT)
    log = embed(adata, "contrastive", layer="log", key_added="log", **SHORT)
    np.testing.assert_allclose(adata.obsm["X_paradime_contrastive"], genes.transform(adata.X.toarray()), atol=1e-5)
    np.testing.assert_allclose(adata.obsm["log"], log.transform(np.log1p(adata.X.toarray())), atol=1e-5)


def test_further_cells_are_embedded_by_their_genes(adata):
    routine = embed(adata, "contrastive", use_rep="X", **SHORT)
    new = adata[:30].copy()
    found = transform(new, routine)
    np.testing.assert_allclose(found, adata.obsm["X_paradime_contrastive"][:30], atol=1e-5)
    np.testing.assert_array_equal(new.obsm["X_paradime_contrastive"], found)
    with pytest.raises(ValueError, match="another order"):
        transform(adata[:, ::-1].copy(), routine)
    with pytest.raises(ValueError, match="1 are missing, such as 'g0'"):
        transform(adata[:, 1:].copy(), routine)


def test_backed_data_give_the_same(adata, tmp_path):
    # its writer does not know the texts of pandas 3
    adata.obs.index, adata.var.index = (names.astype(object) for names in (adata.obs_names, adata.var_names))
    with anndata.settings.override(allow_write_nullable_strings=True):
        adata.write_h5ad(tmp_path / "cells.h5ad")
    backed = anndata.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    embed(adata, "contrastive", use_rep="X", **SHORT)
    embed(backed, "contrastive", use_rep="X", **SHORT)
    np.testing.assert_allclose(
        backed.obsm["X_paradime_contrastive"], adata.obsm["X_paradime_contrastive"], atol=1e-5
    )
    with pytest.raises(ValueError, match=r"some rows or columns of backed data.*to_memory\(\)\[rows\]"):
        embed(backed[:30], "contrastive", use_rep="X", **SHORT)
    backed.file.close()


@pytest.mark.parametrize("diagonal", [False, True])
def test_neighbours_of_equal_cells_are_reused(diagonal, adata, searches):
    adata.obsm["X_pca"][:20] = adata.obsm["X_pca"][0]
    adata.obsp["distances"] = kneighbors_graph(
        adata.obsm["X_pca"], 14 + diagonal, mode="distance", include_self=diagonal
    )
    embed(adata, "contrastive", **SHORT)
    assert searches == []


@pytest.mark.parametrize("rows", ["sparse genes", "dense genes", "layer", "single precision"])
def test_neighbours_of_any_rows_are_reused_where_their_distances_are_stored(rows, adata, searches):
    settings = {"use_rep": "X"}
    if rows == "layer":
        adata.layers["log"], settings = adata.X.log1p(), {"layer": "log"}
    elif rows == "single precision":
        adata.obsm["X_pca"] = adata.obsm["X_pca"].astype(np.float32) + np.float32(1)
        settings = {"use_rep": "X_pca"}
    elif rows == "dense genes":
        adata.X = adata.X.toarray()
    set_graph(adata, adata.layers["log"] if rows == "layer" else adata.X)
    if rows == "single precision":
        set_graph(adata, adata.obsm["X_pca"])
    embed(adata, "contrastive", **settings, **SHORT)
    assert searches == []
    assert adata.uns["paradime_contrastive"]["params"]["reused_neighbors"]


@pytest.mark.parametrize("way", ["file", "pickle"])
def test_genes_are_checked_after_saving_too(way, adata, tmp_path):
    routine = embed(adata, "contrastive", use_rep="X", **SHORT)
    routine.save(tmp_path / "m.paradime")
    again = paradime.load(tmp_path / "m.paradime") if way == "file" else pickle.loads(pickle.dumps(routine))
    new = adata[:30].copy()
    np.testing.assert_array_equal(transform(new, again), routine.transform(new.X))
    assert "X_paradime_contrastive" in new.obsm
    with pytest.raises(ValueError, match="another order"):
        transform(adata[:, ::-1].copy(), again)
    with pytest.raises(ValueError, match="1 are missing, such as 'g0'"):
        transform(adata[:, 1:].copy(), again)


def test_training_that_goes_on_wants_the_same_genes(adata):
    routine = embed(adata, ParametricContrastive(warm_start=True, **SHORT), use_rep="X")
    embed(adata, routine, use_rep="X")
    with pytest.raises(ValueError, match=r"another order.*adata\[:, genes_of_training\]"):
        embed(adata[:, ::-1].copy(), routine, use_rep="X")
    embed(adata[:, ::-1].copy(), routine.set_params(warm_start=False), use_rep="X")


def test_other_rows_drop_the_genes_of_earlier_ones(adata):
    routine = embed(adata, ParametricContrastive(**SHORT), use_rep="X")
    routine.fit(adata.X[:, :5])
    new = adata[:30, :5].copy()
    assert transform(new, routine, use_rep="X").shape == (30, 2)


def test_mistakes_are_told_with_a_remedy(adata):
    with pytest.raises(ValueError, match=r"unknown routine 'umpa'. Did you mean 'umap'"):
        embed(adata, "umpa")
    with pytest.raises(KeyError, match="no entry 'X_pac'"):
        embed(adata, use_rep="X_pac")
    with pytest.raises(KeyError, match="no layer 'lgo'"):
        embed(adata, layer="lgo")
    with pytest.raises(TypeError, match="must be an AnnData, got ndarray"):
        embed(np.ones((5, 2)))
    with pytest.raises(TypeError, match="must be passed to the routine"):
        embed(adata, ParametricContrastive(), epochs=3)

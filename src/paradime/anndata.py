"""Routines on annotated data, as scanpy and others keep them: ``import paradime.anndata``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.sparse

from paradime import estimators
from paradime._registry import did_you_mean
from paradime.dr import ParametricDR
from paradime.estimators import Preset
from paradime.relations import NeighborBasedPDist
from paradime.types import AnyArray
from paradime.utils.optional import require

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["embed", "transform"]


_ROUTINES: dict[str, type[Preset]] = {
    "autoencoder": estimators.ParametricAutoencoder,
    "contrastive": estimators.ParametricContrastive,
    "largevis": estimators.ParametricLargeVis,
    "mds": estimators.ParametricMDS,
    "pacmap": estimators.ParametricPaCMAP,
    "tsne": estimators.ParametricTSNE,
    "umap": estimators.ParametricUMAP,
}
_COMPARED_ROWS, _COMPARED_NUMBERS = 5_000, 10_000_000  # at most, to see whether a graph is of some rows
_TOLERANCE = 1e-2  # of a distance and of the typical one; other tools compute in single precision


class _Source(NamedTuple):
    """Which rows were embedded, and the names of their columns, where these are genes."""

    use_rep: str
    layer: str | None
    genes: tuple[str, ...] | None
    key: str


def embed(
    adata: AnnData,
    routine: str | ParametricDR = "umap",
    *,
    use_rep: str | None = None,
    layer: str | None = None,
    key_added: str | None = None,
    reuse_neighbors: bool = True,
    **settings: Any,
) -> ParametricDR:
    """Fits a routine to the observations, and writes their embedding into ``adata.obsm``.

    Parameters and what was used are written into ``adata.uns``. A graph of neighbours that scanpy has made is
    taken in place of a search if the distances that it stores are the Euclidean ones of the rows that are
    embedded, and it holds enough neighbours.

    Args:
        adata: The data; in memory or backed, dense or sparse. Sparse data stay so.
        routine: ``"umap"``, ``"tsne"``, ``"contrastive"``, ``"pacmap"``, ``"largevis"``, ``"mds"``,
            ``"autoencoder"``, or a routine with its parameters.
        use_rep: The entry of ``adata.obsm`` that is embedded, or ``"X"``. If ``None``, ``"X_pca"`` where it is
            there, else ``"X"``.
        layer: The layer that is embedded in place of ``X``.
        key_added: The key in ``obsm`` and ``uns``; ``"X_paradime_umap"`` and ``"paradime_umap"``, and so on, if
            ``None``.
        reuse_neighbors: Whether to take scanpy's neighbours where they fit.
        **settings: Parameters of the routine, if it is given by its name, such as ``random_state``.

    Returns:
        The fitted routine; it embeds further cells, see :func:`transform`.

    Raises:
        ValueError: If the routine's name is unknown, data are not finite, or ``adata`` is a view of backed data.
        KeyError: If there is no such entry or layer.
        TypeError: If ``adata`` is no AnnData, or parameters are given beside a routine.
        ImportError: If anndata is not installed.

    Example:
        >>> import anndata
        >>> from sklearn.datasets import load_iris
        >>> adata = anndata.AnnData(load_iris().data.astype("float32"))
        >>> umap = embed(adata, "umap", epochs=1, random_state=0)
        >>> adata.obsm["X_paradime_umap"].shape, adata.uns["paradime_umap"]["params"]["use_rep"]
        ((150, 2), 'X')
    """
    _check(adata)
    made, name = _routine(routine, settings)
    source = _source(adata, use_rep, layer, key_added or f"paradime_{name}")
    if made.get_params()["warm_start"]:
        _check_genes(source, _known_source(made))
    rows = _rows(adata, source)
    reused = reuse_neighbors and isinstance(made, Preset) and _take_neighbors(made, adata, rows)
    try:
        made.fit(rows)
        embedded = made.transform(rows)
    finally:
        if reused:
            # the parameter stays what the user made it: further fits may be of other cells
            made.set_params(precomputed_knn=None)
    made._fitted = made._fitted.replace(source=source._asdict())  # plain values, which are saved
    adata.obsm[key_added or f"X_paradime_{name}"] = _plain(embedded)
    params = {key: value for key, value in made.get_params().items() if type(value) in (bool, int, float, str)}
    used = {"use_rep": source.use_rep, "reused_neighbors": reused, **({"layer": layer} if layer else {})}
    adata.uns[source.key] = {"params": {"routine": type(made).__name__, **params, **used}}
    return made


def transform(
    adata: AnnData,
    routine: ParametricDR,
    *,
    use_rep: str | None = None,
    layer: str | None = None,
    key_added: str | None = None,
) -> AnyArray:
    """Embeds further observations by a routine that is fitted, and writes them into ``adata.obsm``.

    Args:
        adata: The data, with the rows that the routine was fitted to: of ``"X_pca"``, project them by the same
            components first.
        routine: The routine, of :func:`embed` or fitted otherwise.
        use_rep: As in :func:`embed`; what the routine was fitted to if ``None``.
        layer: Likewise.
        key_added: The key in ``obsm``; that of :func:`embed` if ``None``.

    Returns:
        The embedding, shape (n, out_dim).

    Raises:
        ValueError: If the genes are others than those of the training, or in another order; or if ``adata`` is a
            view of backed data.
        KeyError: If there is no such entry or layer.
        NotTrainedError: If the routine is not fitted.
    """
    _check(adata)
    known = _known_source(routine)
    name = type(routine).__name__.removeprefix("Parametric").lower()
    if known is not None and use_rep is None and layer is None:
        use_rep, layer = known.use_rep, known.layer
    source = _source(adata, use_rep, layer, key_added or (known.key if known else f"paradime_{name}"))
    _check_genes(source, known)
    embedded = _plain(routine.transform(_rows(adata, source)))
    default = source.key if not source.key.startswith("paradime_") else f"X_{source.key}"
    adata.obsm[key_added or default] = embedded
    return embedded


def _known_source(routine: ParametricDR) -> _Source | None:
    """Returns which rows a routine was fitted to, also one that was loaded."""
    known = routine._fitted.source
    return None if known is None else _Source(**known)


def _check_genes(source: _Source, known: _Source | None) -> None:
    """Raises ValueError if genes are to be embedded that are others than those of the training."""
    if known is None or known.genes is None or source.genes is None or known.genes == source.genes:
        return
    missing = sorted({*known.genes} - {*source.genes}, key=known.genes.index)
    further = len({*source.genes} - {*known.genes})
    what = "they are in another order"
    if missing:
        what = f"{len(missing)} are missing, such as {missing[0]!r}"
    elif further:
        what = f"there are {further} more"
    raise ValueError(
        f"The genes should match those that were embedded: {what}. Select them: adata[:, genes_of_training]."
    )


def _check(adata: Any) -> None:
    anndata = require("anndata", "Annotated data", extra="anndata")
    if not isinstance(adata, anndata.AnnData):
        raise TypeError(f"adata must be an AnnData, got {type(adata).__name__}. Pass rows to routine.fit(X).")
    if adata.is_view and adata.isbacked:
        raise ValueError(
            "adata must be writable, got some rows or columns of backed data, to which nothing can be added. Read "
            "them into memory first: backed.to_memory()[rows].copy()."
        )


def _routine(routine: Any, settings: Mapping[str, Any]) -> tuple[ParametricDR, str]:
    if isinstance(routine, ParametricDR):
        if settings:
            raise TypeError(
                f"parameters {sorted(settings)} must be passed to the routine: {type(routine).__name__}(…)."
            )
        return routine, type(routine).__name__.removeprefix("Parametric").lower()
    if routine not in _ROUTINES:
        raise ValueError(f"unknown routine {routine!r}. {did_you_mean(str(routine), _ROUTINES)}")
    return _ROUTINES[routine](**settings), str(routine)


def _source(adata: AnnData, use_rep: str | None, layer: str | None, key: str) -> _Source:
    if layer is not None:
        if use_rep not in (None, "X"):
            raise ValueError(
                f"layer={layer!r} and use_rep={use_rep!r} name different rows. Leave one of them out."
            )
        if layer not in adata.layers:
            raise KeyError(f"adata has no layer {layer!r}. {did_you_mean(layer, adata.layers)}")
        use_rep = "X"
    if use_rep is None:
        use_rep = "X_pca" if "X_pca" in adata.obsm else "X"
    if use_rep != "X" and use_rep not in adata.obsm:
        raise KeyError(f"adata.obsm has no entry {use_rep!r}. {did_you_mean(use_rep, ['X', *adata.obsm])}")
    genes = tuple(map(str, adata.var_names)) if use_rep == "X" else None
    return _Source(use_rep, layer, genes, key)


def _rows(adata: AnnData, source: _Source) -> Any:
    if source.layer is not None:
        rows = adata.layers[source.layer]
    else:
        rows = adata.X if source.use_rep == "X" else adata.obsm[source.use_rep]
    if rows is None:
        raise ValueError("adata has no X. Name what to embed: use_rep='X_pca', or layer=….")
    if hasattr(rows, "to_memory"):
        return rows.to_memory()  # sparse data of a file stay sparse
    return rows if scipy.sparse.issparse(rows) or hasattr(rows, "columns") else rows[:]


def _take_neighbors(routine: Preset, adata: AnnData, rows: Any) -> bool:
    """Gives scanpy's neighbours to a routine, if they are what it would search; returns whether it did."""
    entry = adata.uns.get("neighbors")
    if routine.precomputed_knn is not None or not isinstance(entry, Mapping):
        return False
    graph = adata.obsp.get(entry.get("distances_key", "distances"))
    if graph is None or not _is_of_rows(scipy.sparse.csr_array(graph), rows):
        return False
    searched = [part for part in routine.global_relations.values() if isinstance(part, NeighborBasedPDist)]
    wanted = max((part.neighbors_wanted() or adata.n_obs for part in searched), default=0)
    stored = scipy.sparse.coo_array(graph)
    # explicit zeros, too, which are the distances between equal rows
    fewest = int(np.bincount(stored.row[stored.row != stored.col], minlength=adata.n_obs).min())
    metrics = {part.metric or "euclidean" for part in searched}
    # scanpy counts the point itself among its neighbours
    if not searched or metrics != {"euclidean"} or fewest + 1 < wanted:
        return False
    routine.set_params(precomputed_knn=scipy.sparse.csr_array(graph))
    return True


def _is_of_rows(graph: scipy.sparse.csr_array, rows: Any) -> bool:
    """Whether the distances that a graph stores are the Euclidean ones of some rows; a sample is computed anew.

    What is said about a graph elsewhere may be out of date, as where its rows were replaced since.
    """
    n, n_columns = rows.shape
    per_row = max(1, graph.nnz // n)
    n_compared = min(n, _COMPARED_ROWS, max(100, _COMPARED_NUMBERS // (per_row * n_columns)))
    sample = np.unique(np.linspace(0, n - 1, n_compared).astype(np.int64))
    stored = graph[sample].tocoo()
    points: Any = rows if scipy.sparse.issparse(rows) else np.asarray(rows)
    steps = points[sample[stored.row]].astype(np.float64) - points[stored.col].astype(np.float64)
    squares = scipy.sparse.csr_array(steps).power(2)
    found = np.sqrt(np.asarray(squares.sum(axis=1)).ravel())
    typical = float(np.median(found)) if len(found) else 0.0
    return bool(np.allclose(stored.data, found, rtol=_TOLERANCE, atol=_TOLERANCE * typical))


def _plain(embedded: Any) -> AnyArray:
    """As an array, whatever ``set_output`` asks for."""
    made: AnyArray = np.asarray(embedded)
    return made

"""However rows lie in memory, in whatever container: they are the same rows."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import torch

from paradime import ParametricMDS, ParametricUMAP
from paradime.data import Dataset
from paradime.neighbors import NeighborCache, nearest_neighbors

pytestmark = pytest.mark.usefixtures("few_first_steps")

N = 60


def rows(n_columns):
    return np.random.default_rng(0).normal(size=(N, n_columns))


def window(X, order):
    wide = np.zeros((len(X) + 3, X.shape[1] + 5), order=order)
    wide[1:-2, 2:-3] = X
    return wide[1:-2, 2:-3]


def read_only(X):
    X = X.copy()
    X.setflags(write=False)
    return X


def field(X):
    """A view whose strides are no whole number of entries."""
    record = np.zeros(len(X), dtype=[("label", "i1"), ("rows", "f8", (X.shape[1],))])
    record["rows"] = X
    return record["rows"]


LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "rows backwards": lambda X: np.ascontiguousarray(X[::-1])[::-1],
    "columns backwards": lambda X: np.ascontiguousarray(X[:, ::-1])[:, ::-1],
    "every other row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "every other column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "window": lambda X: window(X, "C"),
    "window by columns": lambda X: window(X, "F"),
    "transposed": lambda X: np.ascontiguousarray(X.T).T,
    "read-only": read_only,
    "byte-swapped": lambda X: X.astype(X.dtype.newbyteorder()),
    "byte-swapped by columns": lambda X: np.asfortranarray(X.astype(X.dtype.newbyteorder())),
    "field of a record": field,
    "strides of another axis": lambda X: np.lib.stride_tricks.as_strided(X, X.shape, X.strides),
}
TORCH_LAYOUTS = ("C", "F", "every other row", "every other column", "window", "window by columns", "transposed")


def tensor(X):
    """A tensor of the same strides, where torch knows them."""
    try:
        return torch.from_numpy(X)
    except (TypeError, ValueError):
        return torch.from_numpy(np.array(X, X.dtype.newbyteorder("=")))


def by_column(X):
    return {f"c{i}": X[:, i] for i in range(X.shape[1])}


def native(X):
    return X.astype(X.dtype.newbyteorder("="))


def chunked(X):
    return (
        pa.concat_tables([pa.table(by_column(native(part))) for part in (X[:20], X[20:])]) if len(X) > 20 else None
    )


CONTAINERS = {
    "numpy": lambda X: X,
    "masked": np.ma.masked_array,
    "lists": lambda X: X.tolist(),
    "tensor": tensor,
    "pandas": lambda X: pd.DataFrame(X, copy=False),
    "pandas of columns": lambda X: pd.DataFrame(by_column(X), copy=False),
    "polars": lambda X: pl.DataFrame(by_column(native(X))),
    "pyarrow": lambda X: pa.table(by_column(native(X))),
    "pyarrow in chunks": chunked,
    "CSR": lambda X: scipy.sparse.csr_array(native(X)),
    "CSC": lambda X: scipy.sparse.csc_matrix(native(X)),
}


@pytest.fixture(scope="module")
def maps():
    """Routines that were fitted to plain rows, by the number of columns."""
    return {d: ParametricMDS(epochs=1, random_state=0).fit(rows(d)) for d in (1, 3)}


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable:UserWarning")
@pytest.mark.parametrize("n_columns", [1, 3])
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_are_the_same_in_every_layout_of_every_container(layout, container, n_columns, maps):
    X = rows(n_columns)
    laid = CONTAINERS[container](LAYOUTS[layout](X))
    dataset = Dataset(laid)
    entry = dataset["main"]
    assert torch.equal(entry[:] if container in ("CSR", "CSC") else entry, torch.from_numpy(X).to(entry.dtype))
    with NeighborCache().active():  # which reads all bytes
        expected = nearest_neighbors(torch.from_numpy(X), 3)[0]
        assert torch.equal(nearest_neighbors(dataset.source("main"), 3)[0], expected)
    # one row, and all of them, are embedded alike
    routine = maps[n_columns]
    names = getattr(laid, "columns", None) is not None or isinstance(laid, pa.Table)
    if not names:
        np.testing.assert_array_equal(routine.transform(laid), routine.transform(X))
    one = CONTAINERS[container](LAYOUTS[layout](X)[4:5]) if container != "pyarrow in chunks" else None
    if one is not None and not names:
        np.testing.assert_array_equal(routine.transform(one), routine.transform(X[4:5]))
    elif one is not None:
        assert torch.equal(Dataset(one)["main"], torch.from_numpy(X[4:5]).to(torch.float32))


@pytest.mark.parametrize("container", [name for name in CONTAINERS if name not in ("masked", "lists")])
@pytest.mark.parametrize("kind", [ParametricUMAP, ParametricMDS])
def test_a_single_column_is_fitted_in_every_container(kind, container):
    X, make = rows(1), CONTAINERS[container]
    expected = kind(epochs=1, init_epochs=1, random_state=0).fit_transform(X)
    found = kind(epochs=1, init_epochs=1, random_state=0).fit_transform(make(np.asfortranarray(X)))
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.ptp(expected))


@pytest.mark.parametrize("layout", TORCH_LAYOUTS)
def test_neighbors_of_a_tensor_are_found_in_every_layout_of_one_column(layout):
    X = rows(1)
    laid = torch.from_numpy(LAYOUTS[layout](X))
    with NeighborCache().active():
        assert torch.equal(nearest_neighbors(laid, 3)[0], nearest_neighbors(torch.from_numpy(X), 3)[0])


@pytest.mark.parametrize(
    "layout", [name for name in LAYOUTS if "column" not in name and name != "field of a record"]
)
def test_targets_are_the_same_in_every_layout(layout):
    X, y = rows(3), np.arange(N, dtype=float)[:, None] % 3
    laid = LAYOUTS[layout](y)[:, 0]
    settings = {"epochs": 1, "random_state": 0, "classifier": True}
    expected = ParametricMDS(**settings).fit(X, y[:, 0].copy()).transform(X)
    np.testing.assert_array_equal(ParametricMDS(**settings).fit(X, laid).transform(X), expected)

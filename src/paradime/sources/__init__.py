"""Rows of files that need not fit into memory: NPY, Parquet, HDF5, H5AD, zarr, Arrow, and other arrays."""

from paradime.sources.copying import random_access
from paradime.sources.opening import READERS, is_source, open_data, open_rows
from paradime.sources.reader import Reader, SourceError
from paradime.sources.stored import StoredRows

__all__ = [
    "READERS",
    "Reader",
    "SourceError",
    "StoredRows",
    "is_source",
    "open_data",
    "open_rows",
    "random_access",
]

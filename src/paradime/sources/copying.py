"""Copies of rows in a file that has a place for each row."""

from __future__ import annotations

import os
import tempfile
import weakref
from pathlib import Path

import numpy as np

from paradime.sources.npy import NpyReader
from paradime.sources.stored import StoredRows

__all__ = ["random_access"]

_BLOCK_BYTES = 1 << 24


def random_access(rows: StoredRows, folder: str | os.PathLike[str] | None = None) -> StoredRows:
    """Returns rows whose single rows can be read, for a training, which reads them in random order.

    Formats with compressed blocks, such as Parquet, are copied once to an NPY file, which is removed when nothing
    uses the rows any more; others are returned as they are.

    Args:
        rows: The rows.
        folder: Where the copy is written; the system's folder of temporary files if ``None``. It takes the size
            of the rows, not compressed.

    Raises:
        OSError: If there is not enough space.
    """
    if rows.reader.is_random:
        return rows
    file = tempfile.NamedTemporaryFile(prefix="paradime-", suffix=".npy", dir=folder, delete=False)  # noqa: SIM115
    path = Path(file.name)
    try:
        with file:
            dtype = np.dtype(str(rows.dtype).removeprefix("torch."))
            header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": rows.shape}
            np.lib.format.write_array_header_2_0(file, header)
            row_bytes = max(1, rows.numel() // max(1, len(rows)) * dtype.itemsize)
            for block in rows.split(max(1, _BLOCK_BYTES // row_bytes)):
                file.write(block.numpy().tobytes())
        reader = NpyReader(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    weakref.finalize(reader, path.unlink, missing_ok=True)
    reader.name, reader.columns = rows.reader.name, rows.reader.columns
    return StoredRows(reader, dtype=rows.dtype)

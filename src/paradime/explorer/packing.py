"""Encoding for a page: arrays as base64 of deflated bytes, JSON that is safe in HTML, and sheets of thumbnails."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

import numpy as np

from paradime.types import AnyArray
from paradime.utils.convert import to_numpy
from paradime.utils.rows import Rows

__all__ = ["Blobs", "as_images", "encode_png", "json_for_html", "pack_images", "smallest_integers"]

_TYPES = {"u1": "Uint8", "u2": "Uint16", "u4": "Uint32", "i1": "Int8", "i2": "Int16", "i4": "Int32"}
_TYPES |= {"f2": "Half", "f4": "Float32", "f8": "Float64"}  # the page makes Float32 of Half
_SHEET_SIDE = 2048
_LONGEST_SIDE = 96
_MOST_BYTES = 24_000_000  # before compression


class Blobs:
    """Collects arrays; :meth:`add` returns the reference to an array for the page.

    Attributes:
        texts: The base64 strings, in the order of their numbers.

    Example:
        >>> blobs = Blobs()
        >>> blobs.add(np.zeros(1000, np.float32))
        {'blob': 0, 'type': 'Float32'}
        >>> len(blobs.texts[0]) < 40
        True
    """

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, array: AnyArray) -> dict[str, Any]:
        """Adds an array of numbers of any shape, and returns its number and the name of its type in JavaScript.

        Args:
            array: Integers of up to 32 bits, or floating-point numbers of 16, 32 or 64 bits.
        """
        # typed arrays of browsers are little-endian
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        # for floating-point numbers, level 6 takes a third longer than 1 and saves a tenth
        self.texts.append(base64.b64encode(zlib.compress(little.tobytes(), 6)).decode("ascii"))
        return {"blob": len(self.texts) - 1, "type": _TYPES[little.dtype.str[1:]]}

    def add_file(self, content: bytes) -> int:
        """Adds a compressed file, such as a PNG, and returns its number."""
        self.texts.append(base64.b64encode(content).decode("ascii"))
        return len(self.texts) - 1


def smallest_integers(values: AnyArray) -> AnyArray:
    """Returns integers in the smallest type that holds them, at most 32 bits, else as floating-point numbers.

    Args:
        values: Integers of any type, shape (n,).

    Example:
        >>> smallest_integers(np.array([0, 300])).dtype, smallest_integers(np.array([0, 1 << 40])).dtype
        (dtype('uint16'), dtype('float64'))
    """
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    for kind in (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32):
        limits = np.iinfo(kind)
        if limits.min <= low and high <= limits.max:
            return values.astype(kind)
    return values.astype(np.float64)


def json_for_html(value: Any) -> str:
    r"""Returns JSON for a script element, in which no string can end the element or begin a comment.

    Args:
        value: A value for ``json.dumps`` without NaN.

    Example:
        >>> json_for_html({"name": "</script>"})
        '{"name":"\\u003c/script>"}'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # lone surrogates, as in file names, cannot be encoded as UTF-8
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def as_images(images: Any, X: Rows | None, n: int) -> AnyArray:
    """Returns images as bytes.

    Args:
        images: An array of shape (n, h, w), (n, h, w, c) or (n, c, h, w), with c of 1 or 3 channels; or the shape
            of the images, (h, w), (h, w, c) or (c, h, w), whose pixels are the rows of ``X``. Bytes are not
            changed; other numbers are scaled such that the smallest is black and the largest white.
        X: The rows, shape (n, …), or ``None``.
        n: The expected number of images.

    Returns:
        Shape (n, h, w, c), of type uint8.

    Raises:
        ValueError: If the shape is another, or there are not n images.
    """
    if isinstance(images, (tuple, list)) and all(isinstance(side, (int, np.integer)) for side in images):
        size, shape = int(np.prod(images)), tuple(int(side) for side in images)
        n_columns = 0 if X is None else int(np.prod(X.shape[1:]))
        if X is None or size != n_columns or len(shape) not in (2, 3):
            raise ValueError(
                f"images={shape} must be the shape of an image whose pixels are a row of X, {size} values, got "
                f"{'no X' if X is None else f'rows of {n_columns} values'}. Or pass an array of shape (n, h, w)."
            )
        pixels = to_numpy(X[:]).reshape(len(X), *shape)
    else:
        pixels = to_numpy(images)
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    elif pixels.ndim == 4 and pixels.shape[3] not in (1, 3) and pixels.shape[1] in (1, 3):
        pixels = pixels.transpose(0, 2, 3, 1)
    if pixels.ndim != 4 or pixels.shape[3] not in (1, 3) or pixels.dtype.kind not in "biuf" or 0 in pixels.shape:
        raise ValueError(
            "images must be numbers of shape (n, h, w), (n, h, w, 3) or (n, 3, h, w), got "
            f"{pixels.dtype} of shape {pixels.shape}. Reshape them, or drop an alpha channel: images[..., :3]."
        )
    if len(pixels) != n:
        raise ValueError(f"images must be one per point, got {len(pixels)} for {n} points. Select the same rows.")
    return pixels if pixels.dtype == np.uint8 else _as_bytes(pixels)


def _as_bytes(pixels: AnyArray) -> AnyArray:
    values = pixels.astype(np.float32)
    low, high = np.nanmin(values), np.nanmax(values)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("images must be finite, got nan or inf. Replace such pixels: numpy.nan_to_num(images).")
    values -= low
    values *= 255 / max(float(high - low), 1e-30)
    return np.nan_to_num(values).round().astype(np.uint8)


def pack_images(images: AnyArray, blobs: Blobs) -> tuple[dict[str, Any], str | None]:
    """Packs images as sheets of thumbnails, which are reduced if they would exceed the limit of size.

    Args:
        images: Shape (n, h, w, c), of type uint8.
        blobs: Collects the sheets.

    Returns:
        The description for the page; and a note if the images are reduced, or ``None``.
    """
    n, h, w, _ = images.shape
    factor = 1
    while max(h, w) / factor > _LONGEST_SIDE or images.size / factor**2 > _MOST_BYTES:
        factor += 1
    small = _smaller(images, factor)
    _, height, width, channels = small.shape
    across, down = max(1, _SHEET_SIDE // width), max(1, _SHEET_SIDE // height)
    sheets = []
    for start in range(0, n, across * down):
        batch = small[start : start + across * down]
        rows = -(-len(batch) // across)
        tiles = np.zeros((rows * across, height, width, channels), dtype=np.uint8)
        tiles[: len(batch)] = batch
        sheet = tiles.reshape(rows, across, height, width, channels).swapaxes(1, 2)
        sheets.append(blobs.add_file(encode_png(sheet.reshape(rows * height, across * width, channels))))
    described = {"width": width, "height": height, "across": across, "perSheet": across * down, "sheets": sheets}
    note = f"images of {w} × {h} pixels are shown as thumbnails of {width} × {height}" if factor > 1 else None
    return described, note


def _smaller(images: AnyArray, factor: int) -> AnyArray:
    """Returns means of blocks of factor × factor pixels; incomplete blocks at the edges are cut off."""
    if factor == 1:
        return images
    n, h, w, c = images.shape
    high, wide = max(h // factor, 1), max(w // factor, 1)
    cut = images[:, : high * factor, : wide * factor]
    tall, broad = cut.shape[1] // high, cut.shape[2] // wide
    out = np.empty((n, high, wide, c), dtype=np.uint8)
    for i in range(0, n, 4096):
        batch = cut[i : i + 4096]
        blocks = batch.reshape(len(batch), high, tall, wide, broad, c)
        out[i : i + 4096] = blocks.mean(axis=(2, 4), dtype=np.float32).round()
    return out


def encode_png(pixels: AnyArray) -> bytes:
    r"""Returns a PNG file.

    Args:
        pixels: Shape (h, w, 1) for grey or (h, w, 3) for colours, of type uint8.

    Source: W3C, "Portable Network Graphics (PNG) Specification", 2003.

    Example:
        >>> encode_png(np.zeros((2, 2, 1), np.uint8))[:4]
        b'\x89PNG'
    """
    height, width, channels = pixels.shape
    # each line begins with the number of its filter; 0 is none
    lines = np.zeros((height, 1 + width * channels), dtype=np.uint8)
    lines[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)
    contents = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in contents
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)

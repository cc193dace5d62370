"""Encoding of arrays and JSON for a page: base64 of deflated bytes, and JSON that is safe in HTML."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np

from paradime.types import AnyArray

__all__ = ["Blobs", "json_for_html", "smallest_integers"]

_TYPES = {"u1": "Uint8", "u2": "Uint16", "u4": "Uint32", "i1": "Int8", "i2": "Int16", "i4": "Int32"}
_TYPES |= {"f2": "Half", "f4": "Float32", "f8": "Float64"}  # the page makes Float32 of Half


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

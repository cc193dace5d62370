"""Files of edits: what was dragged and linked by hand in the explorer's page, as constraints."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Self

from paradime._registry import did_you_mean
from paradime.constraints.base import Constraint
from paradime.constraints.pairs import LinkConstraint
from paradime.constraints.pins import PinConstraint
from paradime.utils.arguments import is_integer

__all__ = ["Edits"]

_FORMAT, _VERSION = "paradime edits", 1
_REMEDY = "Pass a file of “Download edits” in the explorer's page."


@dataclasses.dataclass(frozen=True)
class Edits:
    """Edits of a map by hand: rows at new positions, and pairs that belong together or apart.

    A row is its index in the rows of the map, or its name.

    Attributes:
        pins: Rows and their positions.
        must_link: Pairs of rows that lie together.
        cannot_link: Pairs of rows that lie apart.
        n_rows: How many rows the edited map has; ``None`` if it is not known.
        path: The file, for messages; empty if there is none.

    Example:
        >>> edits = Edits(pins=((3, (0.0, 1.5)),), must_link=((4, 5),))
        >>> [type(constraint).__name__ for constraint in edits.constraints(n_rows=10)]
        ['PinConstraint', 'LinkConstraint']
    """

    pins: tuple[tuple[int | str, tuple[float, ...]], ...] = ()
    must_link: tuple[tuple[int | str, int | str], ...] = ()
    cannot_link: tuple[tuple[int | str, int | str], ...] = ()
    n_rows: int | None = None
    path: str = ""

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Reads a file of edits.

        The file is JSON: an object with ``"format": "paradime edits"``, ``"version": 1``, the number of rows of
        the map as ``"rows"``, and two lists. Items of ``"pins"`` have a ``"row"`` and a ``"position"``, one number
        per axis; items of ``"pairs"`` have two ``"rows"`` and ``"together"``, true or false. A row is its index
        from 0, or its name as a string.

        Args:
            path: The file.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If it is no file of edits; the message has the path, and names the item.

        Example:
            >>> import pathlib, tempfile
            >>> path = pathlib.Path(tempfile.mkdtemp(), "edits.json")
            >>> pin = '{"row": "b", "position": [0, 2.5]}'
            >>> _ = path.write_text('{"format": "paradime edits", "version": 1, "pins": [%s]}' % pin)
            >>> Edits.read(path).pins
            (('b', (0.0, 2.5)),)
        """
        name = os.fspath(path)
        with open(name, encoding="utf-8") as file:
            try:
                told = json.load(file)
            except ValueError as error:
                raise ValueError(f"{name}: edits must be JSON, got something else ({error}). {_REMEDY}") from None
        if not isinstance(told, Mapping) or told.get("format") != _FORMAT:
            found = told.get("format") if isinstance(told, Mapping) else type(told).__name__
            raise ValueError(f"{name}: the format of edits must be {_FORMAT!r}, got {found!r}. {_REMEDY}")
        if told.get("version") != _VERSION:
            raise ValueError(
                f"{name}: the version of edits must be {_VERSION}, got {told.get('version')!r}. Install a "
                "ParaDime of the version that wrote the page, or write the page again."
            )
        n_rows = told.get("rows")
        if n_rows is not None and (not is_integer(n_rows) or n_rows < 1):
            _refuse(name, "rows", "a positive integer", n_rows)
        pins = [_pin(name, i, item) for i, item in enumerate(_items(name, told, "pins"))]
        pairs = [_pair(name, i, item) for i, item in enumerate(_items(name, told, "pairs"))]
        if len({len(position) for _, position in pins}) > 1:
            _refuse(
                name, "pins", "positions with one number per axis", [len(position) for _, position in pins][:4]
            )
        kinds = [tuple(rows for rows, together in pairs if together is kind) for kind in (True, False)]
        return cls(tuple(pins), kinds[0], kinds[1], n_rows, name)

    def constraints(
        self, *, n_rows: int | None = None, row_names: Sequence[Any] | None = None
    ) -> list[Constraint]:
        """Returns the edits as constraints on the rows of a map, with their indices.

        Args:
            n_rows: The number of rows.
            row_names: Their names, in the order of the rows; numbers count as strings.

        Raises:
            ValueError: If the map has other rows, or a row has no such name.
            UnsupportedConfigurationError: If a row is pinned twice, or a pair must and cannot be linked.
        """
        known = None if row_names is None else _indices_of(row_names)
        indexed = any(is_integer(row) for row in self._rows())
        if indexed and None not in (n_rows, self.n_rows) and n_rows != self.n_rows:
            raise ValueError(
                f"{self._place}edits must name rows of the map that was edited, which has {self.n_rows} rows, got "
                f"{n_rows} rows. Pass the rows of that map, in their order."
            )

        def index(row: int | str) -> int:
            return row if isinstance(row, int) else self._index_of(row, known)

        constraints: list[Constraint] = []
        if self.pins:
            rows, positions = zip(*self.pins, strict=True)
            constraints.append(PinConstraint([index(row) for row in rows], list(map(list, positions))))
        links = [[[index(row) for row in pair] for pair in pairs] for pairs in (self.must_link, self.cannot_link)]
        if any(links):
            constraints.append(LinkConstraint(must_link=links[0] or None, cannot_link=links[1] or None))
        highest = max(map(index, self._rows()), default=0)
        if n_rows is not None and highest >= n_rows:
            raise ValueError(
                f"{self._place}edits must name rows by indices from 0 to {n_rows - 1}, got {highest}. Pass the "
                "rows of the map that was edited, in their order."
            )
        return constraints

    @property
    def _place(self) -> str:
        return f"{self.path}: " if self.path else ""

    def _rows(self) -> list[int | str]:
        of_pairs = [row for pair in (*self.must_link, *self.cannot_link) for row in pair]
        return [row for row, _ in self.pins] + of_pairs

    def _index_of(self, name: str, known: Mapping[str, int] | None) -> int:
        if known is None:
            raise ValueError(
                f"{self._place}edits name rows, such as {name!r}, but the rows have no names. Pass a pandas data "
                "frame whose index has the names."
            )
        if name not in known:
            raise ValueError(f"{self._place}there is no row {name!r}. {did_you_mean(name, known)}")
        if known[name] < 0:
            raise ValueError(f"{self._place}{name!r} must name one row, got several of this name. Rename them.")
        return known[name]


def _indices_of(names: Sequence[Any]) -> dict[str, int]:
    """Returns the index of each name, −1 of those that occur twice."""
    indices: dict[str, int] = {}
    for i, name in enumerate(map(str, names)):
        indices[name] = -1 if name in indices else i
    return indices


def _refuse(path: str, place: str, rule: str, value: Any) -> NoReturn:
    raise ValueError(f"{path}: {place} must be {rule}, got {str(value)[:80]!r}. {_REMEDY}")


def _items(path: str, told: Mapping[str, Any], key: str) -> list[Any]:
    items = told.get(key, [])
    if not isinstance(items, list):
        _refuse(path, key, "a list", items)
    return items


def _pin(path: str, i: int, item: Any) -> tuple[int | str, tuple[float, ...]]:
    item = item if isinstance(item, Mapping) else {}
    position = item.get("position")
    if not isinstance(position, list) or not position or not all(map(_is_number, position)):
        _refuse(path, f"pins[{i}].position", "a list of finite numbers", position)
    return _row(path, f"pins[{i}].row", item.get("row")), tuple(map(float, position))


def _pair(path: str, i: int, item: Any) -> tuple[tuple[int | str, int | str], bool]:
    item = item if isinstance(item, Mapping) else {}
    rows, together = item.get("rows"), item.get("together")
    if not isinstance(rows, list) or len(rows) != 2:
        _refuse(path, f"pairs[{i}].rows", "a list of two rows", rows)
    if not isinstance(together, bool):
        _refuse(path, f"pairs[{i}].together", "true or false", together)
    first, second = (_row(path, f"pairs[{i}].rows", row) for row in rows)
    return (first, second), together


def _row(path: str, place: str, row: Any) -> int | str:
    if not isinstance(row, str) and not (is_integer(row) and row >= 0):
        _refuse(path, place, "the index of a row from 0, or its name", row)
    return row if isinstance(row, str) else int(row)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")

"""Specifications as YAML and JSON: read within limits of size and without running code, and written."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paradime.exceptions import SpecificationError
from paradime.types import Spec

__all__ = ["MOST_ENTRIES", "MOST_OF_YAML", "check_extent", "dump", "load", "place_of"]

MOST_ENTRIES = 100_000
"""Largest number of values, mappings and lists in a specification, with aliases expanded."""

MOST_OF_YAML = 12_000
"""Largest number of entries and keys in YAML, whose parser takes a second for somewhat more."""

_LARGEST_TEXT = 1_000_000  # bytes
_LARGEST_INTEGER = 2**63 - 1
_DEEPEST = 40
_WIDTH = 110


def load(source: str | os.PathLike[str] | Spec) -> Any:
    """Returns the contents of a specification, of which only the size is checked.

    Args:
        source: The path of a YAML or JSON file, its contents as a string, or as a dict.

    Raises:
        SpecificationError: If it is not valid YAML or JSON, or too long.
        OSError: If the file cannot be read.
    """
    if isinstance(source, Mapping):
        return source
    given: Any = source
    if not isinstance(given, (str, os.PathLike)):
        remedy = "Decode it." if isinstance(given, bytes) else "Pass one of these."
        raise SpecificationError(
            f"a specification must be a path, a string or a dict, got an object of type {type(given).__name__}. "
            f"{remedy}"
        )
    if isinstance(source, str) and _is_text(source):
        return _load_text(source, "the specification")
    return _load_text(_read(source), os.fspath(source))


def _is_text(source: str) -> bool:
    if not source.strip() or "\n" in source or source.lstrip().startswith("{"):
        return True
    # "losses: []" on one line, unless it is the name of a file
    return ": " in source and not os.path.exists(source)


def _read(source: str | os.PathLike[str]) -> str:
    if "\0" in os.fspath(source):
        raise SpecificationError(f"a path must not contain a null character, got {os.fspath(source)!r}.")
    with Path(source).open("rb") as file:
        # the size of a device is unknown
        contents = file.read(_LARGEST_TEXT + 1)
    if len(contents) > _LARGEST_TEXT:
        raise SpecificationError(
            f"{os.fspath(source)} must have at most {_LARGEST_TEXT:,} bytes, got more. Move arrays to the data."
        )
    try:
        return contents.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecificationError(
            f"{os.fspath(source)} must be encoded as UTF-8, got {error.reason} at byte {error.start}. "
            "Save it as UTF-8."
        ) from None


def _load_text(text: str, origin: str) -> Any:
    if len(text) > _LARGEST_TEXT:
        raise SpecificationError(
            f"{origin} must have at most {_LARGEST_TEXT:,} characters, got {len(text):,}. Move arrays to the data."
        )
    if not text.strip():
        raise SpecificationError(
            f"{origin} must have the sections 'losses' and 'training phases', got nothing. Write them."
        )
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text, object_pairs_hook=_without_duplicates)
        except (ValueError, RecursionError):
            pass  # YAML includes JSON, and its parser reports the line
    return _load_yaml(text, origin)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    contents = dict(pairs)
    if len(contents) < len(pairs):
        raise ValueError
    return contents


def _load_yaml(text: str, origin: str) -> Any:
    """Loads YAML 1.2; tags do not run code, and keys must differ."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _bounded_composer()
    try:
        return yaml.load(text)
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        what = " ".join(str(part) for part in (error.context, error.problem) if part)
        hint = " Indent by spaces, not by tabs." if "'\\t'" in what else ""
        raise SpecificationError(f"{origin}: {line}{_short(what)}.{hint}") from None
    except YAMLError as error:
        what = " ".join(str(error).replace('in "<unicode string>", ', "").split())
        raise SpecificationError(f"{origin} is not valid YAML: {_short(what)}. Correct this place.") from None
    except ValueError as error:  # a number with thousands of digits, or the 30th of February
        raise SpecificationError(
            f"{origin} has a value that cannot be read: {_short(str(error))}. Correct it."
        ) from None


def _short(message: str) -> str:
    message = message.strip().rstrip(".")
    return message if len(message) <= 200 else f"{message[:200]}…"


def _bounded_composer() -> type[Any]:
    from ruamel.yaml.composer import Composer, ComposerError
    from ruamel.yaml.events import AliasEvent

    class Bounded(Composer):
        """Composes nodes up to a limit of number and depth.

        A few lines with aliases may expand to billions of entries. Therefore, an alias counts with all entries
        that it refers to.
        """

        def __init__(self, loader: Any = None) -> None:
            super().__init__(loader=loader)
            self.warn_double_anchors = False
            self._seen = self._depth = 0
            self._extents: dict[int, int | None] = {}

        def compose_node(self, parent: Any, index: Any) -> Any:
            mark = self.parser.peek_event().start_mark
            is_alias = self.parser.check_event(AliasEvent)
            anchor, before = self.parser.peek_event().anchor, self._seen
            self._seen += 1
            if is_alias:
                node = super().compose_node(parent, index)
                extent = self._extents.get(id(node))
                if extent is None:
                    raise ComposerError(None, None, f"alias {anchor!r} refers to a part that contains it", mark)
                self._seen += extent
            else:
                self._depth += 1
                if self._depth > _DEEPEST:
                    raise ComposerError(None, None, f"more than {_DEEPEST} levels of nesting", mark)
                node = super().compose_node(parent, index)
                self._depth -= 1
                self._extents[id(node)] = self._seen - before
            if self._seen > MOST_OF_YAML:
                limit = f"it has more than {MOST_OF_YAML} entries, with aliases expanded"
                problem = f"{limit}. Write less, or fewer aliases, or JSON"
                raise ComposerError(None, None, problem, mark)
            return node

    return Bounded


def check_extent(contents: Any) -> int:
    """Refuses contents that are too large or too deep, or that contain nan.

    Args:
        contents: Nested mappings and lists.

    Returns:
        The number of keys and values.

    Raises:
        SpecificationError: With the place.
    """
    remaining: list[tuple[Any, tuple[Any, ...]]] = [(contents, ())]
    seen = keys = 0
    while remaining:
        entry, path = remaining.pop()
        seen += 1
        if seen > MOST_ENTRIES:
            raise SpecificationError(f"specification: has more than {MOST_ENTRIES} entries. Write less.")
        if len(path) > _DEEPEST:
            raise SpecificationError(
                f"{place_of(path[:3])}: must have at most {_DEEPEST} levels of nesting. Write fewer."
            )
        if isinstance(entry, Mapping):
            remaining.extend((part, (*path, str(key))) for key, part in entry.items())
            keys += len(entry)
        elif isinstance(entry, (list, tuple)):
            remaining.extend((part, (*path, i)) for i, part in enumerate(entry))
        elif isinstance(entry, int) and abs(entry) > _LARGEST_INTEGER:
            raise SpecificationError(
                f"{place_of(path)}: an integer must lie between -2^63 and 2^63, "
                f"got one of {entry.bit_length()} bits."
            )
        elif isinstance(entry, float) and math.isnan(entry):
            raise SpecificationError(f"{place_of(path)}: must be a number, got nan. Leave it out.")
    return seen + keys


def place_of(location: tuple[int | str, ...]) -> str:
    """Returns a place as a string.

    Example:
        >>> place_of(("losses", 0, "type"))
        'losses[0].type'
    """
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or "specification"


def dump(spec: Mapping[str, Any], format: str = "yaml") -> str:  # noqa: A002  what it is
    """Returns a specification as a string of YAML or JSON, in a layout for readers.

    Args:
        spec: Nested mappings and lists.
        format: ``"yaml"``, with short parts on one line; or ``"json"``.

    Raises:
        ValueError: If the format is unknown.
        SpecificationError: If it is too large for YAML.

    Example:
        >>> print(dump({"losses": [{"name": "a", "type": "position", "func": "mse"}]}))
        losses:
        - {name: a, type: position, func: mse}
        <BLANKLINE>
    """
    if format == "json":
        return json.dumps(spec, indent=2, ensure_ascii=False) + "\n"
    if format != "yaml":
        raise ValueError(f"format must be 'yaml' or 'json', got {format!r}.")
    if check_extent(spec) > MOST_OF_YAML:
        raise SpecificationError(
            f"specification: must have at most {MOST_OF_YAML} entries for YAML, got more. Make long arrays "
            "entries of the data, or write JSON."
        )
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = _WIDTH
    stream = io.StringIO()
    yaml.dump(_arranged(spec, 0), stream)
    return stream.getvalue()


def _arranged(part: Any, indent: int) -> Any:
    """Returns the same for ruamel's dumper, where parts that fit into a line are marked to be written on one."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if not isinstance(part, (Mapping, list, tuple)):
        return part
    made: Any = CommentedMap() if isinstance(part, Mapping) else CommentedSeq()
    if isinstance(part, Mapping):
        for key, value in part.items():
            made[key] = _arranged(value, indent + 2)
    else:
        made.extend(_arranged(value, indent + 2) for value in part)
    # sections are written on several lines, however short
    if indent >= 4 and len(json.dumps(part, ensure_ascii=False)) + indent <= _WIDTH:
        made.fa.set_flow_style()
    return made

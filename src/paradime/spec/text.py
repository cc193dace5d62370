"""Specifications as YAML and JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

from paradime.exceptions import SpecificationError
from paradime.spec.loading import MOST_OF_YAML, check_extent

__all__ = ["dump"]

_WIDTH = 110


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

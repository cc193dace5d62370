"""The order in which derived data and global relations are computed."""

from __future__ import annotations

import graphlib
from collections.abc import Mapping

from paradime._registry import did_you_mean
from paradime.data import DerivedData
from paradime.exceptions import UnsupportedConfigurationError
from paradime.relations import Relations

__all__ = ["Node", "computation_order", "with_sources"]

Node = tuple[str, str]


def computation_order(
    data_keys: set[str], derived: Mapping[str, DerivedData], relations: Mapping[str, Relations]
) -> list[Node]:
    """Orders derived data and global relations such that each comes after what it is computed from.

    Args:
        data_keys: The data set's entries.
        derived: Derived data by key.
        relations: Global relations by key.

    Returns:
        Pairs of ``"data"`` or ``"rels"`` and a key.

    Raises:
        UnsupportedConfigurationError: If something is computed from what does not exist, or from itself.

    Example:
        >>> computation_order({"main"}, {"pos": DerivedData(len, [("rels", "rel")])}, {"rel": Relations()})
        [('rels', 'rel'), ('data', 'pos')]
    """
    sources: dict[Node, list[Node]] = {("data", key): entry.type_key_tuples for key, entry in derived.items()}
    for key, entry in relations.items():
        # relations that are given need no data
        wanted = entry.data_key
        sources["rels", key] = [("data", wanted)] if wanted in data_keys or wanted in derived else []
        if not sources["rels", key] and wanted != "main":
            raise _unknown(("rels", key), ("data", wanted), data_keys | set(derived))
    known = {"data": data_keys | set(derived), "rels": set(relations)}
    for node, needed in sources.items():
        for kind, key in needed:
            if key not in known[kind]:
                raise _unknown(node, (kind, key), known[kind])
    try:
        order = list(graphlib.TopologicalSorter(sources).static_order())
    except graphlib.CycleError as error:
        circle = " → ".join(f"{key!r} ({kind})" for kind, key in error.args[1])
        raise UnsupportedConfigurationError(
            f"derived data and relations depend on each other: {circle}."
        ) from None
    return [node for node in order if node in sources]


def with_sources(
    wanted: set[Node], derived: Mapping[str, DerivedData], relations: Mapping[str, Relations]
) -> set[Node]:
    """Adds to what is wanted all that it is computed from, directly or not.

    Args:
        wanted: Pairs of ``"data"`` or ``"rels"`` and a key.
        derived: Derived data by key.
        relations: Global relations by key.
    """
    needed: set[Node] = set()
    open_ends = list(wanted)
    while open_ends:
        kind, key = node = open_ends.pop()
        if node in needed:
            continue
        needed.add(node)
        if kind == "rels" and key in relations:
            open_ends.append(("data", relations[key].data_key))
        elif kind == "data" and key in derived:
            open_ends.extend(derived[key].type_key_tuples)
    return needed


def _unknown(node: Node, needed: Node, known: set[str]) -> UnsupportedConfigurationError:
    words = {"data": "data", "rels": "relations"}
    return UnsupportedConfigurationError(
        f"{words[node[0]]} {node[1]!r} are computed from {words[needed[0]]} {needed[1]!r}, which do not exist. "
        f"{did_you_mean(needed[1], known)}"
    )

"""Data, and what is computed from them before training, in the order in which it is needed."""

from __future__ import annotations

import contextlib
import functools
import graphlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import torch

from paradime._registry import did_you_mean
from paradime.data import Dataset, DerivedData
from paradime.exceptions import NoDatasetRegisteredError, UnsupportedConfigurationError
from paradime.relationdata import RelationData, relation_factory
from paradime.relations import Relations
from paradime.training.fingerprint import describe_data, describe_relations
from paradime.types import Data
from paradime.utils.arguments import check_instance, check_strings, check_switch
from paradime.utils.logging import report
from paradime.utils.ranks import Ranks, current_ranks

__all__ = ["Workspace", "computation_order"]

log = logging.getLogger(__name__)

Node = tuple[str, str]
T = TypeVar("T")


class Workspace:
    """The data set, the recipes for derived data, and the global relations with their results.

    Args:
        derived_data: Recipes for further entries of the data set, by key.
        global_relations: Relations between all points, by key.
        dataset: The data set, or ``None``.
        device: Where relations are computed that can be computed on CUDA; the CPU if ``None``.

    Attributes:
        dataset: The data set, or ``None``.
        relation_data: The global relations that were computed, by key.
    """

    def __init__(
        self,
        derived_data: dict[str, DerivedData],
        global_relations: dict[str, Relations],
        dataset: Dataset | None = None,
        *,
        device: torch.device | None = None,
    ) -> None:
        self.derived_data = derived_data
        self.global_relations = global_relations
        self.dataset = dataset
        self.device = device or torch.device("cpu")
        self.relation_data: dict[str, RelationData] = {}
        self._derived_done: set[str] = set()

    def require_dataset(self) -> Dataset:
        """Returns the data set.

        Raises:
            NoDatasetRegisteredError: If there is none.
        """
        if self.dataset is None:
            raise NoDatasetRegisteredError("no data were given. Pass them to train(data), or call add_data(…).")
        return self.dataset

    @contextlib.contextmanager
    def kept_on_error(self) -> Iterator[None]:
        """If the block raises, the data set and what was computed of it are those from before."""
        dataset, relation_data, derived_done = self.dataset, dict(self.relation_data), set(self._derived_done)
        try:
            yield
        except BaseException:
            self.dataset, self._derived_done = dataset, derived_done
            self.relation_data.clear()
            self.relation_data.update(relation_data)
            raise

    def register(self, data: Dataset | Data) -> None:
        """Takes new data, and forgets what was computed from other ones."""
        report(log, "Initializing training dataset.")
        self.dataset = data if isinstance(data, Dataset) else Dataset(data)
        self.relation_data.clear()
        self._derived_done.clear()

    def add(self, data: Mapping[str, Any]) -> None:
        """Adds entries to the data set, or recipes for them; forgets relations of entries that are replaced."""
        check_instance("data", data, Mapping, remedy="Pass arrays by name: {'main': X}.")
        recipes = {key: entry for key, entry in data.items() if isinstance(entry, DerivedData)}
        arrays = {key: entry for key, entry in data.items() if key not in recipes}
        if arrays:
            self._store(arrays)
        for key in arrays:
            self.derived_data.pop(key, None)
        self.derived_data.update(recipes)
        self._forget({("data", key) for key in data})

    def _store(self, arrays: Mapping[str, Any]) -> None:
        for key in arrays:
            report(log, f"Adding entry {key!r} to dataset.")
        if self.dataset is None:
            self.dataset = Dataset(arrays)
        else:
            self.dataset.add(arrays)

    def _forget(self, changed: set[Node]) -> None:
        """Forgets what was computed, directly or not, from entries that have changed."""
        for key in self.derived_data:
            if _with_sources({("data", key)}, self.derived_data, self.global_relations) & changed:
                self._derived_done.discard(key)
        for key in self.global_relations:
            if _with_sources({("rels", key)}, self.derived_data, self.global_relations) & changed:
                self.relation_data.pop(key, None)

    def compute_derived(self, only: str | Iterable[str] | None = None) -> None:
        """Computes derived data, with what they are computed from.

        Args:
            only: Which entries, by key; ``"rel_based"`` for those that are computed from relations, ``"other"``
                for those that are not; all that are not computed yet if ``None``.
        """
        if only is None:
            wanted = set(self.derived_data) - self._derived_done
        else:
            wanted = self._named(only) if isinstance(only, str) else set(check_strings("only", only))
            for key in sorted(wanted - set(self.derived_data)):
                raise UnsupportedConfigurationError(
                    f"no derived data {key!r}. {did_you_mean(key, self.derived_data)}"
                )
            self._derived_done -= wanted
        self._compute({("data", key) for key in wanted})

    def _named(self, only: str) -> set[str]:
        if only in self.derived_data or only not in ("rel_based", "other"):
            return {only}
        of_relations = only == "rel_based"
        return {key for key, entry in self.derived_data.items() if entry.requires_relations == of_relations}

    def compute_relations(self, *, force: bool = False) -> None:
        """Computes the global relations, with what they are computed from.

        Args:
            force: Whether to compute again those that are there already.
        """
        check_switch("force", force)
        if force:
            self.relation_data.clear()
        self._compute({("rels", key) for key in self.global_relations})

    def agree(self) -> None:
        """Makes sure that all processes that train together have the same data, and the same computed of them.

        Other processors round differently: what differs is replaced by that of the first process.

        Raises:
            ValueError: If the data differ.
        """
        ranks, dataset = current_ranks(), self.require_dataset()
        if ranks.size == 1:
            return
        first, *others = ranks.of_all(describe_data(dataset, list(self.derived_data)))
        for rank, other in enumerate(others, start=1):
            for key in sorted({*first, *other}):
                if first.get(key) != other.get(key):
                    raise ValueError(
                        f"processes that train together need the same data, got {key!r} of shape "
                        f"{_outline(other.get(key))} in process {rank}, and {_outline(first.get(key))} in process "
                        "0. Pass all rows in each process; the training shares them out."
                    )
        derived = _of_first(ranks, {key: dataset[key] for key in sorted(self._derived_done)}, describe_data)
        if derived:
            self._store(derived)
        self.relation_data.update(_of_first(ranks, self.relation_data, describe_relations))

    def _compute(self, wanted: set[Node]) -> None:
        given = set(self.require_dataset()) - set(self.derived_data)
        order = computation_order(given, self.derived_data, self.global_relations)
        needed = _with_sources(wanted, self.derived_data, self.global_relations)
        for kind, key in order:
            if (kind, key) not in needed:
                continue
            if kind == "rels" and key not in self.relation_data:
                self._compute_one_relation(key)
            elif kind == "data" and key not in self._derived_done:
                report(log, f"Computing derived data entry {key!r}.")
                self._store({key: self.derived_data[key].compute(self.require_dataset(), self.relation_data)})
                self._derived_done.add(key)

    def _compute_one_relation(self, key: str) -> None:
        dataset, relations = self.require_dataset(), self.global_relations[key]
        report(log, f"Computing global relations {key!r}.")
        points = None
        if relations.data_key in dataset:
            entry = relations.data_key
            points = dataset.source(entry) if relations.full_precision else dataset[entry]
            dataset.check_scales(entry, relations.summed_power())
            if relations.on_cuda and self.device.type == "cuda":
                points = points.to(self.device)
        further = {name: dataset[entry] for name, entry in relations.further_entries().items()}
        reldata = relation_factory(relations.compute_relations(points, **further)).detached()
        if reldata.n_points != len(dataset):
            raise ValueError(
                f"global relations {key!r} are between {reldata.n_points} points, but the data have "
                f"{len(dataset)} rows. Compute them from the rows that are trained on."
            )
        self.relation_data[key] = reldata


def _of_first(ranks: Ranks, computed: Mapping[str, T], describe: Callable[[Any], dict[str, Any]]) -> dict[str, T]:
    """Returns the first process's results, of those that are not the same in all processes."""
    described = ranks.of_all(describe(computed))
    differing = [key for key in computed if any(one[key] != described[0][key] for one in described)]
    return {key: ranks.of_first(functools.partial(computed.__getitem__, key)) for key in differing}


def _outline(description: Mapping[str, Any] | None) -> str:
    return "none" if description is None else f"{description['shape']}, checksum {description['checksum']}"


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
        # precomputed relations need no data
        wanted = entry.data_key
        sources["rels", key] = [("data", wanted)] if wanted in data_keys or wanted in derived else []
        if not sources["rels", key] and wanted != "main":
            raise _unknown(("rels", key), ("data", wanted), data_keys | set(derived))
        sources["rels", key] += [("data", further) for further in entry.further_entries().values()]
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
            f"derived data and relations depend on each other: {circle}. Compute one of them from the data alone."
        ) from None
    return [node for node in order if node in sources]


def _with_sources(
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
            open_ends.extend(("data", further) for further in relations[key].further_entries().values())
        elif kind == "data" and key in derived:
            open_ends.extend(derived[key].type_key_tuples)
    return needed


def _unknown(node: Node, needed: Node, known: set[str]) -> UnsupportedConfigurationError:
    words = {"data": "data", "rels": "relations"}
    return UnsupportedConfigurationError(
        f"{words[node[0]]} {node[1]!r} are computed from {words[needed[0]]} {needed[1]!r}, which do not exist. "
        f"{did_you_mean(needed[1], known)}"
    )

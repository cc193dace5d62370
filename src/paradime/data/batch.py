"""The rows that one training step sees."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, TypeVar

import torch

from paradime._registry import did_you_mean
from paradime.exceptions import UnsupportedConfigurationError
from paradime.models import Projection, as_input, resolve_method, viewed

__all__ = ["Batch", "PairPositions", "Pass"]

T = TypeVar("T")
Entry = torch.Tensor | Callable[[], torch.Tensor]


@dataclasses.dataclass(frozen=True)
class PairPositions:
    """Where the ends of pairs stand among rows.

    Attributes:
        positions: Shape (2, b(r + 1)).
        rows: Returns an entry at those rows, by its name; the batch's own rows if ``None``.
        indices: Returns the numbers of those rows.
        in_batch: Returns the positions among the batch's own rows, where ``rows`` are others.
        kinds: How many pairs of each kind (``"near"``, ``"mid"``, ``"far"``) every first point has, in the order
            in which they come; empty if it is not known.
    """

    positions: torch.Tensor
    rows: Callable[[str], torch.Tensor] | None = None
    in_batch: Callable[[], torch.Tensor] | None = None
    indices: Callable[[], torch.Tensor] | None = None
    kinds: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def places(self, kinds: Sequence[str]) -> tuple[int, slice]:
        """Returns how many pairs a first point has, and which of them are of some kinds that come together.

        Raises:
            UnsupportedConfigurationError: If there are none of these.
        """
        found = [kind for kind in self.kinds if kind in kinds and self.kinds[kind]]
        if not found:
            there = [kind for kind, count in self.kinds.items() if count]
            raise UnsupportedConfigurationError(
                f"a loss compares {' and '.join(kinds)} pairs, and this batch holds {' and '.join(there) or 'no'} "
                "pairs. Train the phase with sampling=NearMidFarPairs(…), with at least one of the kind."
            )
        ends = list(itertools.accumulate(self.kinds.values(), initial=0))
        order = list(self.kinds)
        first, last = order.index(found[0]), order.index(found[-1])
        return ends[-1], slice(ends[first], ends[last + 1])


class Pass:
    """The disjoint batches of one pass over the rows; what each of them needs may cost less for all at once.

    Args:
        batches: The rows of each batch.
    """

    def __init__(self, batches: Sequence[torch.Tensor]) -> None:
        self._batches = batches
        self._results: dict[int, tuple[object, Sequence[Any] | None]] = {}

    def computed(self, owner: object, compute: Callable[[Sequence[torch.Tensor]], Sequence[T] | None]) -> Any:
        """Returns what a function makes of all batches, one result each, or ``None``; called once an owner.

        Args:
            owner: Whose function it is, such as the relations that it reads.
            compute: Takes the rows of all batches.
        """
        if id(owner) not in self._results:
            # the owner is kept, or another object could get its identity
            self._results[id(owner)] = owner, compute(self._batches)
        return self._results[id(owner)][1]


class Batch(MutableMapping[str, torch.Tensor]):
    """Entries of the data set at the sampled rows, by name, with ``"indices"``.

    Batches of edges also hold, for b positive edges with r negatives each, ``"row"``, ``"col"`` (indices into
    the data set), ``"rel"`` (1 for a positive edge, then 0 for each of its r negatives) and ``"kind"`` (0 for
    near pairs, 1 for mid-near ones, 2 for far ones) of length b(r + 1), and ``"from_to_data"`` of shape
    (2, b(r + 1), …); all other entries then belong to the rows that occur, each once.

    Args:
        entries: Tensors, or functions that make one when it is first asked for.
        pairs: For edges: where the points of each pair stand.
        part_of: The pass that these rows are a batch of, and its number therein.
        projections: Rows of the data set that a model's first layer has seen already, by entry.
    """

    def __init__(
        self,
        entries: Mapping[str, Entry],
        *,
        pairs: PairPositions | None = None,
        part_of: tuple[Pass, int] | None = None,
        projections: Mapping[str, Projection] | None = None,
    ) -> None:
        self._entries = dict(entries)
        self._encoded: dict[tuple[int, str | None, str], Any] = {}
        self._pairs = pairs
        self._part_of = part_of
        self._projections = dict(projections or {})

    def __getitem__(self, key: str) -> torch.Tensor:
        try:
            entry = self._entries[key]
        except KeyError:
            raise KeyError(f"the batch has no entry {key!r}. {did_you_mean(key, self._entries)}") from None
        if not isinstance(entry, torch.Tensor):
            entry = self._entries[key] = entry()
        return entry

    def __setitem__(self, key: str, value: torch.Tensor) -> None:
        self._entries[key] = value
        self._encoded.clear()
        self._projections.pop(key, None)
        if key == "indices":
            self._part_of = None
            self._projections.clear()
        if self._pairs is not None and self._pairs.in_batch is not None:
            # what is encoded from here on is what stands in the batch
            self._pairs = PairPositions(self._pairs.in_batch(), kinds=self._pairs.kinds)

    def __delitem__(self, key: str) -> None:
        del self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def of_pass(self, owner: object, compute: Callable[[Sequence[torch.Tensor]], Sequence[T] | None]) -> T | None:
        """Returns this batch's part of what is computed for all batches of a pass at once; see :class:`Pass`.

        Returns:
            The part, or ``None`` if the batch belongs to no pass, or the function returns ``None``.
        """
        if self._part_of is None:
            return None
        whole, number = self._part_of
        results = whole.computed(owner, compute)
        return None if results is None else results[number]

    def encode(self, model: torch.nn.Module, method: str | None, data_key: str, device: torch.device) -> Any:
        """Returns what a method of the model makes of an entry; computed once a batch.

        Args:
            model: The model.
            method: The name of its method, such as ``"embed"``.
            data_key: The entry, shape (b, …).
            device: Where to compute.
        """
        key = id(viewed(model)), method, data_key
        if key not in self._encoded:
            rows = self._projected(model, data_key, lambda: self["indices"])
            rows = self[data_key] if rows is None else rows
            self._encoded[key] = self._encode_rows(model, method, rows, device)
        return self._encoded[key]

    def _projected(
        self, model: torch.nn.Module, data_key: str, indices: Callable[[], torch.Tensor]
    ) -> torch.Tensor | None:
        """Returns some rows as the model's first layer has seen them, if it has."""
        projection = self._projections.get(data_key)
        return projection.rows.index_select(0, indices()) if projection and projection.serves(model) else None

    @staticmethod
    def _encode_rows(model: torch.nn.Module, method: str | None, rows: torch.Tensor, device: torch.device) -> Any:
        return resolve_method(model, method)(as_input(model, rows.to(device)))

    def pick_pairs(self, values: torch.Tensor, kinds: Sequence[str]) -> torch.Tensor:
        """Returns what belongs to the pairs of some kinds, as a view.

        Args:
            values: One entry a pair, shape (…, b k), for the k pairs of each of b first points.
            kinds: Which kinds, of ``"near"``, ``"mid"``, ``"far"``; those that the batch does not hold are left
                out.

        Returns:
            Shape (…, b, c), for the c pairs of each first point that are of these kinds.

        Raises:
            UnsupportedConfigurationError: If the batch holds no pairs of these kinds.
        """
        n_each, places = self._require_pairs().places(kinds)
        return values.view(*values.shape[:-1], -1, n_each)[..., places]

    def encode_pairs(
        self,
        model: torch.nn.Module,
        method: str | None,
        data_key: str,
        device: torch.device,
        *,
        kinds: Sequence[str] | None = None,
    ) -> torch.Tensor:
        """Returns the embedded ends of the pairs; each row is encoded once.

        Args:
            model: The model.
            method: The name of its method, such as ``"embed"``.
            data_key: The entry, shape (b, …).
            device: Where to compute.
            kinds: Which pairs; see :meth:`pick_pairs`. All if ``None``.

        Returns:
            Shape (2, b k, out_dim) for all pairs, (2, b, c, out_dim) for those of some kinds.

        Raises:
            UnsupportedConfigurationError: If the batch holds no pairs, or none of the kinds.
        """
        pairs = self._require_pairs()
        positions = (pairs.positions if kinds is None else self.pick_pairs(pairs.positions, kinds)).to(device)
        if pairs.rows is None:
            embedded = self.encode(model, method, data_key, device)
        else:
            key = id(viewed(model)), method, f"{data_key} of pairs"
            if key not in self._encoded:
                rows = None if pairs.indices is None else self._projected(model, data_key, pairs.indices)
                rows = pairs.rows(data_key) if rows is None else rows
                self._encoded[key] = self._encode_rows(model, method, rows, device)
            embedded = self._encoded[key]
        picked = embedded.index_select(0, positions.reshape(-1))
        return picked.view(*positions.shape, *embedded.shape[1:])  # type: ignore[no-any-return]

    def _require_pairs(self) -> PairPositions:
        if self._pairs is None:
            raise UnsupportedConfigurationError(
                "this batch holds no pairs, and a loss compares pairs. "
                "Train the phase with sampling='negative_edge'."
            )
        return self._pairs

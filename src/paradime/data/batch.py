"""Batches: the data of one training step."""

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
    """Positions of the points of pairs in an array of rows.

    Attributes:
        positions: Positions of first and second points, shape (2, b(r + 1)).
        rows: Returns an entry at these rows, by its name; if ``None``, the rows are those of the batch.
        indices: Returns the indices of these rows in the data set.
        in_batch: Returns the positions in the rows of the batch, if ``rows`` are others.
        kinds: Number of pairs of each kind (``"near"``, ``"mid"``, ``"far"``) per first point, in order; empty if
            unknown.
    """

    positions: torch.Tensor
    rows: Callable[[str], torch.Tensor] | None = None
    in_batch: Callable[[], torch.Tensor] | None = None
    indices: Callable[[], torch.Tensor] | None = None
    kinds: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def of_kinds(self, kinds: Sequence[str]) -> tuple[int, slice]:
        """Returns the number of pairs per first point, and the slice of those of some adjacent kinds.

        Raises:
            UnsupportedConfigurationError: If there are no pairs of these kinds.
        """
        matching = [kind for kind in self.kinds if kind in kinds and self.kinds[kind]]
        if not matching:
            present = [kind for kind, count in self.kinds.items() if count]
            raise UnsupportedConfigurationError(
                f"a loss needs {' and '.join(kinds)} pairs, got a batch with {' and '.join(present) or 'no'} "
                "pairs. Train the phase with sampling=NearMidFarPairs(…), with at least one pair of this kind."
            )
        ends = list(itertools.accumulate(self.kinds.values(), initial=0))
        order = list(self.kinds)
        first, last = order.index(matching[0]), order.index(matching[-1])
        return ends[-1], slice(ends[first], ends[last + 1])


class Pass:
    """The disjoint batches of one pass over the rows, for computations that are cheaper for all batches at once.

    Args:
        batches: The rows of each batch.
    """

    def __init__(self, batches: Sequence[torch.Tensor]) -> None:
        self._batches = batches
        self._results: dict[int, tuple[object, Sequence[Any] | None]] = {}

    def computed(self, owner: object, compute: Callable[[Sequence[torch.Tensor]], Sequence[T] | None]) -> Any:
        """Returns the results of a function for all batches, which is called once per owner.

        Args:
            owner: The object that identifies the function, such as the relations that it reads.
            compute: Takes the rows of all batches; returns one result per batch, or ``None``.
        """
        if id(owner) not in self._results:
            # storing the owner prevents that another object gets its id
            self._results[id(owner)] = owner, compute(self._batches)
        return self._results[id(owner)][1]


class Batch(MutableMapping[str, torch.Tensor]):
    """Entries of the data set at the sampled rows, by name, with ``"indices"``.

    For b positive edges with r negatives each, batches of edges also have ``"row"``, ``"col"`` (indices into
    the data set), ``"rel"`` (1 for a positive edge, then 0 for each of its r negatives) and ``"kind"`` (0 for
    near, 1 for mid-near, 2 for far pairs) of length b(r + 1), and ``"from_to_data"`` of shape (2, b(r + 1), …);
    all other entries then have one row per distinct point.

    Args:
        entries: Tensors, or functions that compute a tensor on first access.
        pairs: For batches of edges, the positions of the points of each pair.
        part_of: The pass that the batch belongs to, and the position of the batch in it.
        projections: Precomputed outputs of a model's first layer, by entry.
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
            # from now on, pairs are encoded from the entries of the batch
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
        """Returns this batch's result of a computation for all batches of a pass; see ``Pass``.

        Returns:
            The result, or ``None`` if the batch belongs to no pass, or the function returns ``None``.
        """
        if self._part_of is None:
            return None
        whole_pass, position = self._part_of
        results = whole_pass.computed(owner, compute)
        return None if results is None else results[position]

    def encode(self, model: torch.nn.Module, method: str | None, data_key: str, device: torch.device) -> Any:
        """Returns the result of a method of the model for an entry, which is computed once per batch.

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
        """Returns the precomputed outputs of the model's first layer for some rows, or ``None``."""
        projection = self._projections.get(data_key)
        return projection.rows.index_select(0, indices()) if projection and projection.serves(model) else None

    @staticmethod
    def _encode_rows(model: torch.nn.Module, method: str | None, rows: torch.Tensor, device: torch.device) -> Any:
        return resolve_method(model, method)(as_input(model, rows.to(device)))

    def pick_pairs(self, values: torch.Tensor, kinds: Sequence[str]) -> torch.Tensor:
        """Returns the values of the pairs of some kinds, as a view.

        Args:
            values: One value per pair, shape (…, b k), for the k pairs of each of b first points.
            kinds: Kinds of pairs, of ``"near"``, ``"mid"``, ``"far"``; those that the batch lacks are ignored.

        Returns:
            Shape (…, b, c), for the c pairs of these kinds per first point.

        Raises:
            UnsupportedConfigurationError: If the batch has no pairs of these kinds.
        """
        n_each, selected = self._require_pairs().of_kinds(kinds)
        return values.view(*values.shape[:-1], -1, n_each)[..., selected]

    def encode_pairs(
        self,
        model: torch.nn.Module,
        method: str | None,
        data_key: str,
        device: torch.device,
        *,
        kinds: Sequence[str] | None = None,
    ) -> torch.Tensor:
        """Returns the embedded points of the pairs; each row is encoded once.

        Args:
            model: The model.
            method: The name of its method, such as ``"embed"``.
            data_key: The entry, shape (b, …).
            device: Where to compute.
            kinds: Kinds of pairs, see :meth:`pick_pairs`; all if ``None``.

        Returns:
            Shape (2, b k, out_dim) for all pairs, (2, b, c, out_dim) for those of some kinds.

        Raises:
            UnsupportedConfigurationError: If the batch has no pairs, or none of the kinds.
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
                "a loss needs pairs, got a batch without pairs. Train the phase with sampling='negative_edge'."
            )
        return self._pairs

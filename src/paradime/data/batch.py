"""The rows that one training step sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import torch

from paradime._registry import did_you_mean
from paradime.exceptions import UnsupportedConfigurationError
from paradime.models import resolve_method

__all__ = ["Batch"]

Entry = torch.Tensor | Callable[[], torch.Tensor]


class Batch(MutableMapping[str, torch.Tensor]):
    """Entries of the data set at the sampled rows, by name, with ``"indices"``.

    Batches of edges also hold, for b positive edges with r negatives each, ``"row"``, ``"col"`` (indices into
    the data set) and ``"rel"`` (1 for a positive edge, then 0 for each of its r negatives) of length
    b(r + 1), and ``"from_to_data"`` of shape (2, b(r + 1), …); all other entries then belong to the
    rows that occur, each once.

    Args:
        entries: Tensors, or functions that make one when it is first asked for.
        pair_positions: For edges: where the points of each pair stand in the batch, shape (2, b(r + 1)).
    """

    def __init__(self, entries: Mapping[str, Entry], *, pair_positions: torch.Tensor | None = None) -> None:
        self._entries = dict(entries)
        self._encoded: dict[tuple[int, str | None, str], Any] = {}
        self._pair_positions = pair_positions

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

    def __delitem__(self, key: str) -> None:
        del self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def encode(self, model: torch.nn.Module, method: str | None, data_key: str, device: torch.device) -> Any:
        """Returns what a method of the model makes of an entry; computed once a batch.

        Args:
            model: The model.
            method: The name of its method, such as ``"embed"``.
            data_key: The entry, shape (b, …).
            device: Where to compute.
        """
        key = id(model), method, data_key
        if key not in self._encoded:
            rows = self[data_key].to(device)
            rows = rows if rows.is_floating_point() else rows.to(torch.float32)
            self._encoded[key] = resolve_method(model, method)(rows)
        return self._encoded[key]

    def encode_pairs(
        self, model: torch.nn.Module, method: str | None, data_key: str, device: torch.device
    ) -> torch.Tensor:
        """Returns the embedded ends of the pairs, shape (2, b(r + 1), out_dim); each row is encoded once.

        Raises:
            UnsupportedConfigurationError: If the batch holds no pairs.
        """
        if self._pair_positions is None:
            raise UnsupportedConfigurationError(
                "this batch holds no pairs, and a loss compares pairs. "
                "Train the phase with sampling='negative_edge'."
            )
        embedded = self.encode(model, method, data_key, device)
        positions = self._pair_positions.to(device)
        picked = embedded.index_select(0, positions.reshape(-1))
        return picked.view(*positions.shape, *embedded.shape[1:])  # type: ignore[no-any-return]

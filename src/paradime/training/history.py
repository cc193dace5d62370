"""What happened in each epoch, as records and as a data frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from paradime._registry import CALLBACKS, did_you_mean
from paradime.training.callbacks import Callback
from paradime.training.state import TrainingState
from paradime.utils.optional import require

__all__ = ["History", "history_frame"]

_LIBRARIES = ("pandas", "polars")


@CALLBACKS.register("history")
class History(Callback):
    """Keeps a record of each epoch; a routine has one, ``history_``.

    A record is a dict with these entries:

    - ``"phase"`` and ``"epoch"``: the name of the phase, and the number of the epoch in it, from 0.
    - ``"loss"``: the loss, the sum over the batches of the epoch.
    - ``"losses"`` and ``"weights"``: each component's share of that sum, with its weight, and the weight itself
      at the end of the epoch, by the keys of the losses.
    - ``"learning_rate"``: that of the last step.
    - ``"seconds"``: how long the epoch took, without validation and callbacks at its end.
    - ``"validation_loss"``, ``"validation_losses"``, ``"validation_quality"``: what was measured on held-out rows;
      ``None`` or empty if nothing was.

    Attributes:
        records: The records so far.

    Example:
        >>> import torch
        >>> from paradime import ParametricMDS
        >>> history = History()
        >>> X = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
        >>> mds = ParametricMDS(epochs=2, batch_size=25, random_state=0, callbacks=[history]).fit(X)
        >>> [record["epoch"] for record in history.records if record["phase"] == "stress"]
        [0, 1]
    """

    state_attributes: ClassVar[tuple[str, ...]] = ("records",)

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def on_epoch_end(self, state: TrainingState) -> None:
        keys, loss, held_out = state.phase.loss_keys, state.objective, state.validation
        parts = [] if loss is None else loss.detailed_history()[:, -1].tolist()
        weights = [] if loss is None else loss.weight_history()[:, -1].tolist()
        self.records.append(
            {
                "phase": state.phase.name,
                "epoch": state.epoch,
                "loss": state.epoch_loss,
                "losses": dict(zip(keys, parts, strict=False)),
                "weights": dict(zip(keys, weights, strict=False)),
                "learning_rate": state.learning_rate,
                "seconds": state.seconds,
                "validation_loss": None if held_out is None else held_out.loss,
                "validation_losses": {} if held_out is None else dict(held_out.losses),
                "validation_quality": None if held_out is None else held_out.quality,
            }
        )

    def frame(self, library: Literal["pandas", "polars"] = "pandas") -> Any:
        """Returns the records as a data frame; see :func:`history_frame`."""
        return history_frame(self.records, library)


def history_frame(records: Sequence[Mapping[str, Any]], library: Literal["pandas", "polars"] = "pandas") -> Any:
    """Returns records of epochs as a data frame, one row per epoch.

    Args:
        records: The records; see :class:`History`.
        library: ``"pandas"`` or ``"polars"``.

    Returns:
        A data frame. Components have columns of their own, such as ``"loss/embedding"``, ``"weight/embedding"``
        and ``"validation_loss/embedding"``; what an epoch does not have is missing.

    Raises:
        ImportError: If the library is not installed.
        ValueError: If it is neither of the two.
    """
    if library not in _LIBRARIES:
        raise ValueError(f"unknown library {library!r}. {did_you_mean(library, _LIBRARIES)}")
    rows = [_flat(record) for record in records]
    # columns of components stand after those that all epochs have
    names = sorted(dict.fromkeys(name for row in rows for name in row), key=lambda name: "/" in name)
    columns = {name: [row.get(name) for row in rows] for name in names}
    others = "The records themselves are a list of dicts, history_."
    module = require(library, "A history as a data frame", remedy=others)
    if library == "polars":
        return module.DataFrame(columns, strict=False)
    text = ("phase", "epoch")
    return module.DataFrame(columns).astype({name: float for name in names if name not in text})


_PREFIXES = {"losses": "loss", "weights": "weight", "validation_losses": "validation_loss"}


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            made.update({f"{_PREFIXES.get(name, name)}/{key}": part for key, part in value.items()})
        else:
            made[name] = value
    return made

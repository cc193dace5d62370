"""Initial positions, which a model learns before anything else: computed ones, or a user's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from torch.nn.functional import mse_loss

from paradime._registry import did_you_mean
from paradime.data import Dataset, DerivedData, checked_rows
from paradime.data.derived import pca, spectral
from paradime.loss import Loss, PositionLoss
from paradime.training import TrainingPhase

__all__ = [
    "GIVEN_POSITIONS",
    "INIT_BATCHES",
    "INIT_SCALE",
    "InitialPositions",
    "check_positions",
    "is_array",
    "is_computed",
]

INIT_BATCHES = 30  # in an epoch of the phase that learns positions, for any number of rows
COMPUTED_POSITIONS: Mapping[str, Callable[..., Any]] = {"pca": pca, "spectral": spectral}
GIVEN_POSITIONS = "initial_positions"
"""The entry of the data that an array of positions becomes."""
INIT_SCALE = 1.0  # scale of principal components in units of the kernel's width, whatever the scale of the data


@dataclasses.dataclass(frozen=True)
class InitialPositions:
    """The components by which a model learns positions first; without positions, there are none."""

    derived_data: dict[str, DerivedData] = dataclasses.field(default_factory=dict)
    losses: dict[str, Loss] = dataclasses.field(default_factory=dict)
    training_phases: list[TrainingPhase] = dataclasses.field(default_factory=list)

    @classmethod
    def of(
        cls,
        preset: Any,
        *,
        batch_size: Any = None,
        learning_rate: float | None = None,
        batches_per_epoch: int = -1,
        loss_key: str = "init",
        scale: float | None = INIT_SCALE,
        in_unit: bool = False,
    ) -> InitialPositions:
        """Makes the components for the parameters of a preset.

        Args:
            preset: The preset; ``initialization`` names the positions, ``init_epochs`` says how long they are
                learned.
            batch_size: Rows in a batch; those of the preset's batches if ``None``.
            learning_rate: The learning rate; that of the preset if ``None``.
            batches_per_epoch: Batches in an epoch; one pass over the data if −1.
            loss_key: The key of the loss.
            scale: The standard deviation that the first principal component is given; that of the data if
                ``None``.
            in_unit: Whether computed positions are in the model's unit: they have a scale, and distances of the
                data another unit.

        Raises:
            ValueError: If a setting is out of range.
        """
        name: Any = preset.initialization  # a name: an array was replaced by the entry of the data that holds it
        data_key = preset.data_key
        if name is None:
            return cls()
        derived = {}
        if name in COMPUTED_POSITIONS:
            source = ("data", data_key) if name == "pca" else ("rels", "rel")
            scaled = {"scale": scale} if name == "pca" and scale is not None else {}
            function = COMPUTED_POSITIONS[name]
            derived[name] = DerivedData(function, [source], n_components=preset.n_components, **scaled)
        try:
            phase = TrainingPhase(
                f"{name}_init",
                epochs=preset.init_epochs,
                batch_size=preset.batch_size if batch_size is None else batch_size,
                batches_per_epoch=batches_per_epoch,
                loss_keys=[loss_key],
                learning_rate=preset.learning_rate if learning_rate is None else learning_rate,
            )
        except ValueError as error:  # its message begins with the name of the setting
            raise ValueError(f"init_{error}") from None
        loss = PositionLoss(mse_loss, data_key, name, in_unit=in_unit and name in derived)
        return cls(derived, {loss_key: loss}, [phase])


def is_array(initialization: Any) -> bool:
    """Whether the parameter is an array of positions, and no name or ``None``."""
    return initialization is not None and not isinstance(initialization, str)


def is_computed(initialization: Any) -> bool:
    """Whether the parameter names positions that are computed of the data."""
    return isinstance(initialization, str) and initialization in COMPUTED_POSITIONS


def check_positions(initialization: Any, dataset: Dataset, n_components: int) -> None:
    """Raises ValueError if there are no positions of these rows, one each.

    Args:
        initialization: The parameter of a preset, neither ``None`` nor computed.
        dataset: The rows that are trained on, and their other entries.
        n_components: Number of dimensions of the embedding.
    """
    if is_array(initialization):
        positions, what = checked_rows("initialization", initialization), "initialization"
    elif initialization in dataset:
        positions, what = dataset[initialization], f"the entry {initialization!r}, which initialization names,"
    else:
        known = [*COMPUTED_POSITIONS, *(key for key in dataset if key != "indices")]
        raise ValueError(
            "initialization must be 'pca', 'spectral', the name of an entry of the data, an array of positions, "
            f"or None, got {initialization!r}. {did_you_mean(initialization, known)}"
        )
    if tuple(positions.shape) != (len(dataset), n_components):
        raise ValueError(
            f"{what} must hold a position of {n_components} coordinates for each of the {len(dataset)} rows, "
            f"shape ({len(dataset)}, {n_components}), got {tuple(positions.shape)}. Pass those of the rows that "
            "are trained on, or 'pca'."
        )

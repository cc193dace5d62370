"""What a routine consists of, made of its parameters when it is first needed."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch

from paradime.constraints import Constraint
from paradime.data import DataField, Dataset, DerivedData
from paradime.dr.network import Network
from paradime.dr.overrides import AddedLoss, teaches_positions
from paradime.exceptions import UnsupportedConfigurationError
from paradime.loss import Loss
from paradime.models import ModelRecipe
from paradime.relations import Relations
from paradime.spec.values import listed
from paradime.training import History, TrainingPhase, Workspace, determine_losses, resolve_device
from paradime.types import AnyArray, FloatArray
from paradime.utils.autograd import recording_gradients
from paradime.utils.ranks import current_ranks
from paradime.utils.seed import RandomState, seed_of

__all__ = [
    "COMPONENTS",
    "Component",
    "Components",
    "Overrides",
    "PhasesComponent",
    "StoredParameter",
    "make_components",
]

T = TypeVar("T")

COMPONENTS = ("derived_data", "global_relations", "batch_relations", "losses", "training_phases")
"""The components that a routine is composed of, and that users may set; attributes of a routine."""


@dataclasses.dataclass
class Components:
    """The components of a routine; training changes them."""

    network: Network
    device: torch.device
    workspace: Workspace
    batch_relations: dict[str, Relations]
    losses: dict[str, Loss]
    training_defaults: TrainingPhase
    training_phases: list[TrainingPhase]
    data_fields: list[DataField]
    trained: bool = False
    seed: int | None = None  # seed of the initial weights and of the training
    initial_weights: dict[str, Any] | None = None  # weights of a user's model before the first training
    held_out: Dataset | None = None
    held_out_indices: AnyArray | None = None  # indices of the rows that validation_fraction holds out
    embedding: FloatArray | None = None  # embedding of the training rows, computed when it is first read
    history: History = dataclasses.field(default_factory=History)
    _as_made: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)

    def remember_components(self, names: Iterable[str] = COMPONENTS) -> None:
        """Remembers what components are now, to know later whether a user has changed them."""
        for name in names:
            self._as_made[name] = _outline(getattr(self, name))

    def changed_components(self, kept: Sequence[TrainingPhase] = ()) -> list[str]:
        """Returns the names of the components that a user has changed in place since they were made.

        Args:
            kept: Phases whose settings do not count, since phases that are made anew are the same objects.
        """
        return [
            name for name, was in self._as_made.items() if not _is_same(was, _outline(getattr(self, name)), kept)
        ]

    def training_seed(self, random_state: RandomState) -> int | None:
        """Returns the seed of a training; one that was drawn from a generator is that of the initial weights.

        Several processes that train together need the same seed: without one, the first process draws it.
        """
        if isinstance(random_state, (int, np.integer)):
            return seed_of(random_state)
        if random_state is not None:
            return self.seed
        ranks = current_ranks()
        return ranks.of_first(lambda: seed_of(torch.default_generator)) if ranks.size > 1 else None

    @property
    def model(self) -> torch.nn.Module | None:
        """The model; ``None`` as long as it is not made."""
        return self.network.model

    def replace_network(self, other: Components) -> None:
        """Takes another model, which is not trained."""
        self.network, self.initial_weights = other.network, other.initial_weights
        self.trained = False

    @property
    def dataset(self) -> Dataset | None:
        """The data set, or ``None``."""
        return self.workspace.dataset

    @dataset.setter
    def dataset(self, dataset: Dataset | None) -> None:
        self.workspace.dataset = dataset
        self.held_out = self.held_out_indices = self.embedding = None

    @contextlib.contextmanager
    def data_kept_on_error(self) -> Iterator[None]:
        """If the block raises, the data are those from before, with what was computed of them."""
        before = self.held_out, self.held_out_indices, self.embedding
        try:
            with self.workspace.kept_on_error():
                yield
        except BaseException:
            self.held_out, self.held_out_indices, self.embedding = before
            raise

    def release_data(self) -> None:
        """Forgets the data, and what was computed of them; the model stays."""
        self.dataset = None
        # copied, because copies have no results, and newer components may share the originals
        self.global_relations = {key: copy.copy(entry) for key, entry in self.global_relations.items()}
        self.remember_components(["global_relations"])

    def constraints(self) -> dict[str, Constraint]:
        """Returns the losses that are constraints, by key."""
        return {key: loss for key, loss in self.losses.items() if isinstance(loss, Constraint)}

    def main_phases(self) -> list[TrainingPhase]:
        """Returns the phases but for those that only learn positions; all if there are no others."""
        chosen = [phase for phase in self.training_phases if not teaches_positions(phase, self.losses)]
        return chosen or list(self.training_phases)

    @contextlib.contextmanager
    def other_phases(self, phases: Sequence[TrainingPhase]) -> Iterator[None]:
        """Within the block, the phases are others."""
        own = list(self.training_phases)
        self.training_phases[:] = phases
        try:
            yield
        finally:
            self.training_phases[:] = own

    @property
    def derived_data(self) -> dict[str, DerivedData]:
        """Recipes for further entries of the data set, by key."""
        return self.workspace.derived_data

    @derived_data.setter
    def derived_data(self, derived_data: dict[str, DerivedData]) -> None:
        self.workspace.derived_data = derived_data

    @property
    def global_relations(self) -> dict[str, Relations]:
        """Relations between all points, by key."""
        return self.workspace.global_relations

    @global_relations.setter
    def global_relations(self, relations: dict[str, Relations]) -> None:
        self.workspace.global_relations = relations
        self.workspace.relation_data.clear()


@dataclasses.dataclass
class Overrides:
    """What a user has added by methods to the components that come from parameters."""

    phases: list[TrainingPhase] = dataclasses.field(default_factory=list)
    losses: list[AddedLoss] = dataclasses.field(default_factory=list)
    recipes: dict[str, DerivedData] = dataclasses.field(default_factory=dict)
    defaults: TrainingPhase | None = None

    def apply(self, blocks: Components) -> Components:
        """Adds to newly made components what was added to earlier ones."""
        blocks.training_phases.extend(self.phases)
        for loss in self.losses:
            loss.apply(blocks.losses, blocks.training_phases)
        blocks.derived_data.update(self.recipes)
        blocks.training_defaults = self.defaults or blocks.training_defaults
        blocks.remember_components()
        return blocks

    def give_way(self, name: str, routine: Any) -> None:
        """Leaves out what was added to a component that is about to be set, and so has it already or drops it.

        A loss that was added is part of the losses and of the phases: if one of them is set, the other becomes a
        parameter, too.
        """
        if name == "derived_data":
            self.recipes.clear()
        elif name in ("losses", "training_phases") and (self.losses or self.phases):
            other = "losses" if name == "training_phases" else "training_phases"
            present = getattr(routine._components, other)
            self.losses.clear()
            self.phases.clear()
            getattr(type(routine), other).store(routine, copy.copy(present))


def make_components(settings: Mapping[str, Any], *, owner: str = "the routine") -> Components:
    """Makes components of constructor arguments; those that are missing count as not given.

    Args:
        settings: The arguments by name.
        owner: The name of the routine, for messages.

    Raises:
        CUDANotAvailableError: If CUDA is asked for and there is none.
        TypeError: If an argument is of another kind.
        UnsupportedConfigurationError: If relations are used at a level that they are not made for.
    """
    device = resolve_device(settings.get("device"), use_cuda=settings.get("use_cuda", False))
    given = settings.get("model")
    if given is not None and not isinstance(given, (torch.nn.Module, ModelRecipe)):
        raise TypeError(
            f"model must be a torch.nn.Module or a ModelRecipe, got {type(given).__name__}. Pass an instance."
        )
    in_dim = settings.get("in_dim")
    # presets pass a recipe of their own, default_model
    seed = seed_of(settings.get("random_state"))
    default = settings.get("default_model") or ModelRecipe(
        out_dim=settings.get("out_dim", 2), options={"hidden_dims": listed(settings.get("hidden_dims", (100, 50)))}
    )
    network = Network(
        given.to(device) if isinstance(given, torch.nn.Module) else given,
        default,
        in_dim=in_dim,
        seed=seed,
        standardize=settings.get("standardize", "auto"),
        owner=owner,
    )
    dataset = settings.get("dataset")
    return Components(
        initial_weights=copy.deepcopy(given.state_dict()) if isinstance(given, torch.nn.Module) else None,
        network=network,
        seed=seed,
        device=device,
        workspace=Workspace(
            _by_key(settings.get("derived_data"), DerivedData, "pos"),
            _at_level("global", _by_key(settings.get("global_relations"), Relations, "rel")),
            dataset if dataset is None or isinstance(dataset, Dataset) else Dataset(dataset),
            device=device,
        ),
        batch_relations=_at_level("batch", _by_key(settings.get("batch_relations"), Relations, "rel")),
        losses=_by_key(settings.get("losses"), Loss, "loss"),
        training_defaults=settings.get("training_defaults") or TrainingPhase(),
        training_phases=list(settings.get("training_phases") or []),
        data_fields=list(settings.get("data_fields") or []),
    )


def _outline(component: Any) -> Any:
    """Returns what a component consists of: the entries of a mapping, or phases with their settings."""
    if isinstance(component, Mapping):
        return dict(component)
    return [(phase, {name: _copied(value) for name, value in phase.settings().items()}) for phase in component]


def _copied(setting: Any) -> Any:
    return copy.copy(setting) if isinstance(setting, (list, dict)) else setting


def _is_same(was: Any, now: Any, kept: Sequence[TrainingPhase]) -> bool:
    if isinstance(was, dict):
        return was.keys() == now.keys() and all(now[key] is entry for key, entry in was.items())
    return len(was) == len(now) and all(
        phase is other and (settings == others or any(phase is one for one in kept))
        for (phase, settings), (other, others) in zip(was, now, strict=True)
    )


class StoredParameter:
    """A parameter that is stored as it was set, and read as something else.

    It lies under its own name in the instance's ``__dict__``: there, pickles and ``get_params`` find it.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def stored(self, routine: Any) -> Any:
        """Returns the parameter as it was set."""
        return routine.__dict__[self.name]

    def store(self, routine: Any, value: Any) -> None:
        """Sets the parameter and nothing else."""
        routine.__dict__[self.name] = value


class Component(StoredParameter):
    """An attribute that is set as a parameter and read as the component made of it.

    scikit-learn wants constructors that only store; users want to read and reuse the components before
    training. A component is made when it is first read.
    """

    def __get__(self, routine: Any, owner: type) -> Any:
        return self if routine is None else getattr(routine._components, self.name)

    @recording_gradients()
    def __set__(self, routine: Any, value: Any) -> None:
        routine._overrides.give_way(self.name, routine)
        self.store(routine, value)
        components: Components | None = routine._made_components
        if components is None:
            return
        # the other components are kept, with phases that were added and relations that were computed
        if self.name == "model":
            components.replace_network(routine._build(routine._stored))
        else:
            setattr(components, self.name, getattr(make_components({self.name: value}), self.name))
        if self.name in COMPONENTS:
            components.remember_components([self.name])


class PhasesComponent(Component):
    """The training phases: each of those that are read knows its loss, as far as the routine has it."""

    def __get__(self, routine: Any, owner: type) -> Any:
        if routine is not None:
            determine_losses(routine._components.training_phases, routine._components.losses)
        return super().__get__(routine, owner)


def _by_key(given: Any, kind: type[T], single_key: str) -> dict[str, T]:
    if given is None:
        return {}
    named = dict(given) if isinstance(given, Mapping) else {single_key: given}
    for key, entry in named.items():
        if not isinstance(entry, kind):
            raise TypeError(f"{key!r} must be of type {kind.__name__}, got {type(entry).__name__}.")
    return named


def _at_level(level: str, relations: dict[str, Relations]) -> dict[str, Relations]:
    for key, entry in relations.items():
        if level not in entry.levels:
            raise UnsupportedConfigurationError(
                f"{type(entry).__name__} cannot be used as {level} relations {key!r}: it computes "
                f"{' and '.join(sorted(entry.levels))} relations. Pass them as "
                f"{' or '.join(f'{one}_relations' for one in sorted(entry.levels))}=…."
            )
    return relations

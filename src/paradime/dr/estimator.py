"""What scikit-learn asks of an estimator, and what a routine is composed of."""

from __future__ import annotations

import contextlib
import copy
import inspect
import os
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import ClassifierTags, Tags

from paradime._version import __version__
from paradime.constraints import Constraint
from paradime.data import DerivedData, Sampling
from paradime.dr.components import COMPONENTS, Component, Components, Overrides, PhasesComponent, make_components
from paradime.dr.fitted import FittedState
from paradime.dr.html import fitted_attributes, html_of
from paradime.dr.inference import PartMethod, has_part
from paradime.dr.overrides import AddedLoss, added_constraint
from paradime.dr.parameters import checked_parameters, describe_unknown, handed_on, known_parameters, parameters_of
from paradime.exceptions import InconsistentVersionWarning, UnsupportedConfigurationError
from paradime.loss import Loss
from paradime.loss.weights import Weight
from paradime.neighbors import NeighborCache
from paradime.relationdata import RelationData
from paradime.training import TrainingPhase, determine_losses
from paradime.utils.arguments import check_instance
from paradime.utils.autograd import copyable, recording_gradients
from paradime.utils.logging import verbosely
from paradime.utils.seed import RandomState

__all__ = ["Estimator"]

_VERSION = "_paradime_version"  # in pickles
_REMEDY = "routine.{0} = {{**routine.{0}, 'key': …}}"
_REMEDIES = {"training_phases": "routine.training_phases = [first, second.replace(epochs=…)]"}

_PHASE_REMEDY = "Pass settings by name: add_training_phase(epochs=10)."


class Estimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The components of a routine, made of its parameters, and scikit-learn's protocol."""

    model = Component()
    device = Component()
    derived_data = Component()
    global_relations = Component()
    batch_relations = Component()
    losses = Component()
    training_defaults = Component()
    training_phases = PhasesComponent()
    dataset = Component()

    verbose: bool
    random_state: RandomState
    refine: bool | Literal["auto"] = False  # of presets without such a parameter
    cache_dir: str | os.PathLike[str] | None = None

    own_parts: ClassVar[frozenset[str]] = frozenset()
    """Parts beside the encoder that every model of the routine has."""

    data_key = "main"
    """The entry that rows become; of named entries without it, the first is embedded. A parameter of presets."""

    _made_components: Components | None = None
    _overrides: Overrides
    _neighbor_cache: NeighborCache
    _fitted: FittedState = FittedState()
    _handed_on: tuple[str, ...] = ()
    _returns_tensors = False

    # -- components -----------------------------------------------------------------------------------

    @property
    def _components(self) -> Components:
        """The components, made of the parameters when they are first needed."""
        if self._made_components is None:
            with recording_gradients():
                self._made_components = self._overrides.apply(self._build(self._stored))
        return self._made_components

    @property
    def _stored(self) -> Mapping[str, Any]:
        """The attributes as they were set, also by constructors of users' subclasses.

        Components are read from here as they were passed: the attributes of these names give what is made of them.
        """
        return types.MappingProxyType(self.__dict__)

    def _build(self, settings: Mapping[str, Any]) -> Components:
        """Makes the components of constructor arguments; presets, which have others, override this."""
        checked = checked_parameters(type(self), settings)
        return make_components({**settings, **checked}, owner=type(self).__name__)

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        """Speaks for its parts if it is verbose, and searches no neighbours twice, also in another fit."""
        self._neighbor_cache.store_in(self.cache_dir)
        with verbosely(self.verbose), self._neighbor_cache.active(), recording_gradients():
            yield

    @property
    def global_relation_data(self) -> dict[str, RelationData]:
        """The global relations that were computed, by key."""
        return self._components.workspace.relation_data

    @property
    def trained(self) -> bool:
        """Whether a training phase was run; set it after weights of a trained model were loaded by hand."""
        return self._components.trained

    @trained.setter
    def trained(self, trained: bool) -> None:
        self._components.trained = bool(trained)
        known = self._components.network.row_shape
        if trained and known is not None and self._fitted.row_shape is None:
            self._fitted = self._fitted.replace(row_shape=known)

    def _refines(self) -> bool:
        """Returns whether the parameters ask for a refined map; presets whose ``refine`` is ``"auto"`` decide."""
        return bool(self.refine)

    def _start_afresh(self) -> None:
        """Forgets what was learned: the next use makes the components anew, of the present parameters."""
        blocks, self._made_components = self._made_components, None
        if blocks is not None and blocks.model is not None and blocks.initial_weights is not None:
            blocks.model.load_state_dict(blocks.initial_weights)

    # -- further components ---------------------------------------------------------------------------

    def set_training_defaults(  # noqa: D417  a phase documents its settings
        self,
        training_phase: TrainingPhase | None = None,
        epochs: int | Literal["auto", "short"] | None = None,
        batch_size: int | Literal["auto"] | None = None,
        batches_per_epoch: int | None = None,
        sampling: str | Sampling | None = None,
        edge_rel_key: str | None = None,
        neg_sampling_rate: int | None = None,
        loss_keys: Sequence[str] | None = None,
        loss_weights: Sequence[Weight] | Literal["balanced"] | None = None,
        optimizer: Callable[..., torch.optim.Optimizer] | None = None,
        learning_rate: float | None = None,
        report_interval: int | None = None,
        **settings: Any,
    ) -> None:
        """Sets the defaults of the phases that are added afterwards.

        Args:
            training_phase: A phase whose settings are the new defaults; the present ones if ``None``.
            **settings: Further settings of a :class:`TrainingPhase` to change.

        The other arguments are settings of a :class:`TrainingPhase`, too; those that are ``None`` stay.
        """
        changes = _said(locals())
        base = self._components.training_defaults if training_phase is None else training_phase
        check_instance("training_phase", base, TrainingPhase, remedy=_PHASE_REMEDY)
        self._components.training_defaults = self._overrides.defaults = base.replace(**changes)

    def add_training_phase(  # noqa: D417  a phase documents its settings
        self,
        training_phase: TrainingPhase | None = None,
        name: str | None = None,
        epochs: int | Literal["auto", "short"] | None = None,
        batch_size: int | Literal["auto"] | None = None,
        batches_per_epoch: int | None = None,
        sampling: str | Sampling | None = None,
        edge_rel_key: str | None = None,
        neg_sampling_rate: int | None = None,
        loss_keys: Sequence[str] | None = None,
        loss_weights: Sequence[Weight] | Literal["balanced"] | None = None,
        optimizer: Callable[..., torch.optim.Optimizer] | None = None,
        learning_rate: float | None = None,
        report_interval: int | None = None,
        **settings: Any,
    ) -> None:
        """Adds a training phase.

        Args:
            training_phase: The phase; one with the training defaults if ``None``.
            **settings: Further settings of a :class:`TrainingPhase` to change.

        The other arguments are settings of a :class:`TrainingPhase`, too; those that are ``None`` stay.

        Raises:
            TypeError: If ``training_phase`` is none.
            ValueError: If a setting is out of range.
        """
        changes = _said(locals())
        phase = training_phase
        if phase is None:
            phase = self._components.training_defaults.replace(**changes)
        check_instance("training_phase", phase, TrainingPhase, remedy=_PHASE_REMEDY)
        if changes and phase is training_phase:
            phase = phase.replace(**changes)
        with self._composing() as blocks:
            determine_losses([phase], blocks.losses)
            blocks.training_phases.append(phase)
        self._overrides.phases.append(phase)

    def add_loss(
        self,
        key: str,
        loss: Loss,
        weight: float | Sequence[float] | None = None,
        *,
        share: float | None = None,
        phases: Sequence[str] | None = None,
    ) -> Self:
        """Adds a loss to the objective.

        Args:
            key: Its key.
            loss: The loss.
            weight: Its weight beside those of the others, or a pair (start, end) between which it changes; 1 if
                neither this nor ``share`` is given.
            share: Its share of the gradient, in (0, 1), instead of a weight: 0.2 means that the others keep 0.8,
                whatever the scale of the losses and the data.
            phases: The names of the phases that it is added to; all but those that only learn positions if
                ``None``.

        Returns:
            This routine.

        Raises:
            TypeError: If it is no loss.
            UnsupportedConfigurationError: If the key is taken, or there is no phase to add it to.
            ValueError: If weight and share are both given, or the share is out of range.

        Example:
            >>> from paradime.loss import ReconstructionLoss
            >>> from paradime import ParametricTSNE
            >>> routine = ParametricTSNE().add_loss("decode", ReconstructionLoss(), share=0.2)
            >>> routine.training_phases[-1].loss_keys
            ['embedding', 'decode']
        """
        added = AddedLoss(key, loss, weight, share, phases)
        with self._composing() as blocks:
            added.apply(blocks.losses, blocks.training_phases)
        self._overrides.losses.append(added)
        return self

    def add_constraint(
        self,
        constraint: Constraint,
        weight: float | Sequence[float] | None = None,
        *,
        share: float | None = None,
        key: str | None = None,
        phases: Sequence[str] | None = None,
    ) -> Self:
        """Imposes a constraint on the embedding; ``adherence`` measures how far it holds.

        Args:
            constraint: The constraint, see :mod:`paradime.constraints`.
            weight: Its weight beside those of the losses, or a pair (start, end) between which it changes.
            share: Its gradient share, in (0, 1), instead of a weight; 0.2 if neither is given. An exact constraint
                has neither: the network satisfies it whatever it learns.
            key: Its key among the losses; such as ``"axis 0"`` if ``None``.
            phases: The names of the phases that it is added to; all but those that only learn positions if
                ``None``.

        Returns:
            This routine.

        Raises:
            TypeError: If it is no constraint.
            UnsupportedConfigurationError: If it contradicts another one, the key is taken, or there is no phase to
                add it to.
            ValueError: If weight and share are both given, the share is out of range, or an exact constraint has
                one.

        Example:
            >>> from paradime import ParametricUMAP
            >>> from paradime.constraints import AxisConstraint
            >>> routine = ParametricUMAP().add_constraint(AxisConstraint("age", axis=1), share=0.3)
            >>> list(routine.constraints)
            ['axis 1']
        """
        with self._composing() as blocks:
            added = added_constraint(constraint, blocks.losses, key=key, weight=weight, share=share, phases=phases)
            added.apply(blocks.losses, blocks.training_phases)
        self._overrides.losses.append(added)
        return self

    def add_data(self, data: Mapping[str, Any]) -> None:
        """Adds entries to the data set, or recipes for them.

        Args:
            data: Arrays of shape (n, …) or :class:`DerivedData`, by key. Recipes are computed when training
                begins, or by :meth:`compute_derived_data`.

        Raises:
            TypeError: If an entry is no array of numbers.
            ValueError: If an entry is not finite, or has another number of rows.
        """
        with self._working(), self._composing() as blocks:
            blocks.workspace.add(data)
            if self.data_key in data:
                # rows that are replaced take what is known of them along
                self._fitted = self._fitted.of_other_data(data, self.data_key)
        self._overrides.recipes.update({k: entry for k, entry in data.items() if isinstance(entry, DerivedData)})

    def compute_derived_data(self, only: str | Iterable[str] | None = None) -> None:
        """Computes derived data, with the relations and data that these are computed from.

        Args:
            only: Which entries, by key; ``"rel_based"`` for those that are computed from relations, ``"other"``
                for those that are not; all that are not computed yet if ``None``.

        Raises:
            NoDatasetRegisteredError: If there are no data.
            UnsupportedConfigurationError: If something is computed from what does not exist.
        """
        with self._working():
            self._components.workspace.compute_derived(only)

    def compute_global_relations(self, force: bool = False) -> None:
        """Computes the global relations, with the data that these are computed from.

        Args:
            force: Whether to compute again those that are there already.

        Raises:
            NoDatasetRegisteredError: If there are no data.
            UnsupportedConfigurationError: If something is computed from what does not exist.
        """
        with self._working():
            self._components.workspace.compute_relations(force=force)

    # -- components that were set, or changed in place ------------------------------------------------

    @contextlib.contextmanager
    def _composing(self) -> Iterator[Components]:
        """Within the block, changes of the components are not taken for a user's own."""
        blocks, changed = self._components, self._changed_components()
        yield blocks
        blocks.remember_components(name for name in COMPONENTS if name not in changed)

    def _set_components(self) -> dict[str, Any]:
        """Returns the components that were set though they are no parameters, such as those of a preset."""
        known = self._get_param_names()
        return {name: self._stored[name] for name in COMPONENTS if name in self._stored and name not in known}

    def _changed_components(self) -> list[str]:
        """Returns the names of the components that were changed in place."""
        if self._made_components is None:
            return []
        given = self._stored.get("training_phases") or ()
        return self._made_components.changed_components([*given, *self._overrides.phases])

    def _require_made_components(self, by: str) -> None:
        """Raises UnsupportedConfigurationError if components were changed in place, and would be made anew.

        Args:
            by: What makes them anew.
        """
        for name in self._changed_components():
            raise UnsupportedConfigurationError(
                f"{name} of this {type(self).__name__} were changed in place, and {by} makes them anew. Set them "
                f"as a whole, {_REMEDIES.get(name, _REMEDY).format(name)}; or call train(X), which trains what "
                "there is."
            )

    # -- parameters, copies, pickles ------------------------------------------------------------------

    def __new__(cls, *args: Any, **settings: Any) -> Self:  # noqa: ARG004  whatever is passed
        """Answers names that the constructor does not take, and remembers which its ``**kwargs`` hand on."""
        others = handed_on(cls, settings)
        made: Self = super().__new__(cls)
        made._overrides, made._neighbor_cache = Overrides(), NeighborCache()
        if others:
            made._handed_on = others
        return made

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """Returns the names of the parameters; of a constructor with ``*args``, also those of the class above.

        scikit-learn refuses such a constructor, and scripts of ParaDime 1.x have them.
        """
        return sorted(parameters_of(cls))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Returns the constructor's arguments as they were given, also those that its ``**kwargs`` hand on."""
        names = dict.fromkeys([*self._get_param_names(), *self._handed_on])
        return {name: self._stored[name] for name in names if name in self._stored}

    def set_params(self, **params: Any) -> Self:
        """Sets parameters; what is trained stays until the next :meth:`fit`.

        Raises:
            ValueError: If there is no such parameter.
        """
        known = known_parameters(type(self))
        for name in params:
            if "__" not in name and name not in {**known, **self.get_params()}:
                raise ValueError(describe_unknown(type(self), name, known))
        is_fitted = self.__sklearn_is_fitted__()
        if not is_fitted:
            self._require_made_components("set_params")
        further = [name for name in params if name in known and name not in self.get_params()]
        if further:
            self._handed_on = (*self._handed_on, *further)
        super().set_params(**params)
        if not is_fitted:
            self._start_afresh()
        return self

    def __sklearn_clone__(self) -> Self:
        """Clones what was added by methods, and the components that were set, along with the parameters."""
        self._require_made_components("clone")
        made: Self = super(
            Estimator, copy.copy(self)
        ).__sklearn_clone__()  # the copy's parameters have deep copies
        for name, component in copy.deepcopy(self._set_components()).items():
            setattr(made, name, component)
        if self._returns_tensors:
            made._returns_tensors = True
        made._overrides = copy.deepcopy(self._overrides)
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Returns what copies and pickles hold, with the version that wrote it."""
        state = {**super().__getstate__(), _VERSION: __version__}
        return state | {name: copyable(state[name]) for name in self._get_param_names() if name in state}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Takes what a copy or a pickle holds; warns if another version wrote it."""
        written_by = state.get(_VERSION)
        if written_by != __version__:
            said = f"ParaDime {written_by}" if written_by else "an earlier version of ParaDime"
            warnings.warn(
                f"this {type(self).__name__} was pickled by {said}, and this is ParaDime {__version__}: what was "
                "pickled by another version may fail, or give other results. Load it with that version and call "
                "routine.save(path): paradime.load(path) reads such files in later versions, too.",
                InconsistentVersionWarning,
                stacklevel=2,
            )
        super().__setstate__({name: value for name, value in state.items() if name != _VERSION})

    # -- how it is shown ------------------------------------------------------------------------------

    def set_output(self, *, transform: str | None = None) -> Self:
        """Sets what :meth:`transform` and ``fit_transform`` return.

        Args:
            transform: ``"default"`` for NumPy arrays, ``"pandas"`` or ``"polars"`` for data frames, or ``"torch"``
                for tensors, on the device of a tensor that came in. What was set stays if ``None``.

        Raises:
            ValueError: If it is something else.

        Example:
            >>> from paradime import ParametricMDS
            >>> X = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
            >>> ParametricMDS(epochs=1).set_output(transform="torch").fit_transform(X).shape
            torch.Size([50, 2])
        """
        if transform is None:
            return self
        if transform not in ("default", "pandas", "polars", "torch"):
            raise ValueError(
                f"transform must be 'default', 'pandas', 'polars', 'torch' or None, got {transform!r}."
            )
        self._returns_tensors = transform == "torch"
        # scikit-learn knows no tensors, and leaves what it need not convert as it is
        super().set_output(transform="default" if transform == "torch" else transform)
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True  # with a model that fits
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.target_tags.required = bool(getattr(self, "classifier", False))
        if has_part(self, "classify"):
            # of what predict_proba returns; the routine stays a transformer
            tags.classifier_tags = ClassifierTags()
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        # components that are not made yet stay so: parameters that do not fit are refused by what uses them
        return self._made_components is not None and self._made_components.trained

    def __dir__(self) -> list[str]:
        # scikit-learn's reads every attribute, which would make the components and embed all rows
        names, kind = object.__dir__(self), type(self)
        parts = {name for name in names if isinstance(inspect.getattr_static(kind, name, None), PartMethod)}
        return [name for name in names if name not in parts or hasattr(self, name)]

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        return f"{type(self).__name__}(trained={self.__sklearn_is_fitted__()})"

    def _html_repr(self) -> str:
        return html_of(self)

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        return fitted_attributes(self, doc_link)


def _said(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings among a method's arguments, its ``locals()``, without those that are ``None``."""
    others = ("self", "training_phase", "settings")
    said = {name: value for name, value in given.items() if name not in others and value is not None}
    return {**said, **given["settings"]}

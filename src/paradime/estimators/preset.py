"""What presets share: their components, made of parameters, and their life as estimators."""

from __future__ import annotations

import abc
import dataclasses
import inspect
import os
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self, Unpack

from paradime._registry import MODELS
from paradime.data import Dataset, checked_rows
from paradime.dr import ParametricDR
from paradime.dr.components import Components, make_components
from paradime.dr.inputs import Targets
from paradime.dr.overrides import teaches_positions
from paradime.dr.parameters import checked_parameters, describe_unknown, known_parameters
from paradime.estimators.background import as_background, leave_out
from paradime.estimators.common import DEFAULTS, Common, common_of, spelled_out, with_common
from paradime.estimators.composition import Composition, condition_neighbors, use_neighbors
from paradime.estimators.initialization import GIVEN_POSITIONS, check_positions, is_array, is_computed
from paradime.exceptions import UnsupportedConfigurationError
from paradime.loss import PositionLoss
from paradime.models import ModelRecipe
from paradime.spec.options import check_heads
from paradime.spec.values import listed
from paradime.training import Callback, EarlyStopping, Schedule
from paradime.training.budget import AUTO, SHORT, Epochs
from paradime.types import Data, TensorLike
from paradime.utils.autograd import recording_gradients
from paradime.utils.convert import to_numpy

__all__ = ["Preset"]

_REFINED_WIDTHS = (100, 100, 100)  # enough for a start, from which positions move freely


class Preset(ParametricDR):
    """A routine whose components follow from the parameters of a method.

    What all presets take, beside parameters of their own:

    Args:
        model: Any torch module, or a :class:`~paradime.models.ModelRecipe`; the network below if ``None``.
        in_dim: Number of columns of the data, for that network; taken from the data if ``None``.
        n_components: Number of dimensions of the embedding, at least 1.
        hidden_dims: Widths of that network's hidden layers, a number for a single one; if ``None``, they follow
            from the number of rows (:func:`~paradime.models.network_scale`; three layers of 100 where
            positions are refined), or are 100 and 50 for ``network="mlp"``.
        activation: The function between them, such as ``"silu"``, ``"relu"`` or ``"softplus"``; see
            :data:`~paradime.models.ACTIVATIONS`.
        network: ``"centers"`` for a :class:`~paradime.models.CenterModel`, which scales its input and sees how
            near it is to centres of the data; or ``"mlp"`` for a plain
            :class:`~paradime.models.FullyConnectedEmbeddingModel`.
        data_key: The entry of the data set that is embedded.
        verbose: Whether to log what is done.
        decoder: Whether to learn the way back, too, for ``inverse_transform``; or options of the decoder.
        classifier: Whether a head on the embedding learns ``y``, for ``predict``; or options of the head. Without
            it, a ``y`` that ``fit`` is given pulls points with equal or similar targets together.
        density: Whether points in sparse regions of the data are to lie in sparse regions of the embedding.
        structure: Whether distances between all points, also far ones, are to correlate with those in the data.
        loss_shares: The shares of ``"reconstruction"``, ``"labels"``, ``"density"`` and ``"structure"`` in the
            gradient, each in (0, 1); the method's own losses keep the rest. 0.1, 0.3, 0.2 and 0.1 if not said.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``, or a torch device.
        random_state: Seed of the initial weights and of sampling, or a generator of NumPy or torch that a seed is
            drawn from; torch's global generator if ``None``.
        callbacks: What to call during training.
        precomputed_knn: Neighbours of the rows that were found elsewhere, in place of a search: a pair of indices
            and distances, each of shape (n, k), as umap-learn has it; a SciPy sparse matrix (n, n) of the
            distances to neighbours; or a dense matrix (n, n) of all distances. The rows are given to ``fit``,
            too: the model learns from them.
        neighbors_given: The entry of the data with a known factor, such as a batch, that neighbourhoods are not to
            depend on: every row gets neighbours in each level of the factor, see
            :class:`~paradime.relations.ConditionalNeighbors`. Rows to embed need no such entry.
        background: Rows whose structure is to be left out, such as controls, shape (m, d): neighbourhoods are
            those of the data after the directions in which these rows vary are shrunk, see
            :class:`~paradime.data.Background`, which can be passed, too. Or the name of an entry of the data that
            marks the rows of the background by 1. The network with centres begins with the same linear map, so
            that new rows go through it; of the background, these directions are saved.
        validation_fraction: The share of the rows, in [0, 0.5], that is held out of the training, of each class
            the same; on these rows the loss and the neighbours preserved are measured after the epochs.
        validation_every: Epochs between these measurements.
        warm_start: Whether :meth:`fit` goes on from the present weights instead of starting afresh.
        on_interrupt: What Ctrl-C does while training, once the step has ended: ``"raise"`` raises
            ``KeyboardInterrupt``, ``"keep"`` ends the training as if it had been shorter, with a warning. What was
            learned is kept either way.
        early_stopping: Whether phases end early, and keep their best weights: by the loss of held-out rows if
            there are any, else by the loss. An :class:`~paradime.training.EarlyStopping` says it in detail.
        clip_norm: The largest norm of the gradient, > 0; not limited if ``None``.
        schedule: How the learning rate changes, a name or a :class:`~paradime.training.Schedule`; the preset's own
            if ``None``. This, ``early_stopping`` and ``clip_norm`` are for all phases but the one that only
            learns positions.
        cache_dir: A folder in which neighbours of rows are stored, by the content of the rows, the metric, the
            search and its seed, so that another fit or method need not search them again, also in a later run
            (:class:`~paradime.neighbors.files.NeighborFiles`); of several processes, all read it. Models that are
            saved do not name it. Nowhere if ``None``.
    """

    n_components: int
    activation: str
    network: Literal["centers", "mlp"]
    data_key: str
    decoder: bool | Mapping[str, Any]
    classifier: bool | Mapping[str, Any]
    density: bool
    structure: bool
    loss_shares: Mapping[str, float] | None
    precomputed_knn: Any
    neighbors_given: str | None = None  # of presets without this parameter
    background: Any = None
    early_stopping: bool | EarlyStopping
    clip_norm: float | None
    schedule: str | Schedule | None

    # attributes of every preset
    initialization: str | TensorLike | None = None  # for presets without this parameter
    init_epochs: int
    batch_size: int | Literal["auto"]
    learning_rate: float

    common: ClassVar[Mapping[str, Any]] = {}
    """Defaults of parameters that all presets take, as far as this one has others."""

    defaults: ClassVar[Mapping[str, Any]] = {}
    """The default of each parameter."""

    def __init__(self, **settings: Unpack[Common]) -> None:
        """Stores what all presets take."""
        kind, defaults = type(self), type(self).defaults
        for name in settings:
            if name not in defaults:
                raise TypeError(describe_unknown(kind, name, defaults))
        for name in DEFAULTS:
            if name in defaults:
                setattr(self, name, settings.get(name, defaults[name]))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        init: Any = inspect.getattr_static(cls, "__init__")
        is_own = init is not inspect.getattr_static(super(cls, cls), "__init__")
        common = common_of(init) if is_own else None
        if common is not None:
            # editors and type checkers read the typed dict; scikit-learn and help() read this
            defaults = {**DEFAULTS, **cls.common}
            chosen = {name: default for name, default in defaults.items() if name in common}
            signature = spelled_out(init, chosen, common)
            _, *parameters = signature.parameters.values()  # without self
            cls.defaults = {parameter.name: parameter.default for parameter in parameters}
            init.__signature__ = signature
            cls.__doc__ = with_common(cls.__doc__ or "", Preset.__doc__ or "", chosen)

    @classmethod
    def from_spec(cls, *args: Any, **settings: Any) -> Self:  # noqa: ARG003  whatever is passed
        """Refuses: a preset is made of its parameters, and its text of any routine's."""
        raise UnsupportedConfigurationError(
            f"{cls.__name__} is made of its parameters. A text is read by ParametricDR.from_spec(…)."
        )

    @recording_gradients()
    def fit(
        self,
        X: Data,
        y: Any = None,
        *,
        validation_data: Any = None,
        callbacks: Sequence[Callback] = (),
        resume_from: str | os.PathLike[str] | None = None,
        sample: int | None = None,
    ) -> Self:
        """Trains on data from the start; a ``y`` takes part in the objective.

        Args:
            X: The data; a file that :func:`~paradime.sources.open_rows` takes is read in blocks.
            y: Targets, shape (n,): floating-point numbers are numbers, anything else is classes. A
                missing value, or −1 among integers, means unlabelled. With ``classifier=True`` a head learns to
                predict them; otherwise points with equal classes or similar numbers are pulled together.
            validation_data: Rows to measure the model on after the epochs, in place of ``validation_fraction``: as
                ``X``, or a pair of such rows and their targets. They take no part in the training.
            callbacks: What to call during training, in addition to the routine's own.
            resume_from: A checkpoint of :class:`~paradime.training.Checkpoints`, or its folder, from which the
                training goes on; data and parameters are those of the training that was interrupted.
            sample: Train on so many rows, which are drawn at random and read into memory; they are then the
                routine's data, and :meth:`transform` places the others. All rows if ``None``.
        """
        if y is None and getattr(self, "classifier", False):
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None: with classifier=True "
                "it learns to predict y. Pass it: fit(X, y)."
            )
        settings: Any = {"callbacks": callbacks, "resume_from": resume_from, "sample": sample}
        return super().fit(X, y, validation_data=validation_data, **settings)

    def _parameters_not_saved(self) -> frozenset[str]:
        data = {"initialization"} if is_array(self.initialization) else ()
        return super()._parameters_not_saved().union(data)

    def _parameters_as_saved(self) -> dict[str, Any]:
        parameters = super()._parameters_as_saved()
        return (
            {**parameters, "background": as_background(self.background)}
            if "background" in parameters
            else parameters
        )

    def _check_data(self, dataset: Dataset) -> None:
        if self.initialization is not None and not is_computed(self.initialization):
            check_positions(self.initialization, dataset, self._settings()["n_components"])

    def _given_positions(self) -> frozenset[str]:
        given: Any = self.initialization
        key = GIVEN_POSITIONS if is_array(given) else given
        return frozenset() if key is None or is_computed(key) else frozenset({key})

    def _prepare_training(self) -> None:
        """Adds the positions that were given to the data, if a phase learns them."""
        dataset, blocks = self._components.workspace.require_dataset(), self._components
        dataset[self.data_key]  # raises if it is missing: a method's relations are of this entry and no other
        present = (blocks.losses.get(key) for phase in blocks.training_phases for key in phase.loss_keys)
        if any(isinstance(loss, PositionLoss) for loss in present) and not self._set_components():
            self._check_data(dataset)
            if is_array(self.initialization):
                given = checked_rows("initialization", self.initialization)
                dataset.add(
                    {GIVEN_POSITIONS: to_numpy(given)}
                )  # in single precision, whatever the array's dtype is

    # -- components -----------------------------------------------------------------------------------

    @abc.abstractmethod
    def _compose(self) -> Composition:
        """Returns the components of the method; called with parameters that are Python's own values."""

    def _network(
        self, *, hidden_dims: int | Sequence[int] | None = None, decoder: bool | Mapping[str, Any] = False
    ) -> ModelRecipe:
        """Returns the recipe of the network.

        Args:
            hidden_dims: Widths of its hidden layers; those of the parameters if ``None``.
            decoder: A decoder that the method itself needs; that of the parameters if there is none.
        """
        options: dict[str, Any] = {"activation": self.activation}
        widths: Any = self.hidden_dims if hidden_dims is None else hidden_dims
        if widths is None and self._refines() and self.network == "centers":
            widths = _REFINED_WIDTHS
        if widths is not None:  # otherwise the network chooses them
            options["hidden_dims"] = list(listed(widths))
        if self.network == "mlp":
            options["standardize"] = True  # the network with centers always standardises
        heads: Any = {"decoder": decoder or self.decoder, "classifier": self.classifier}
        check_heads(MODELS[self.network], **heads)
        return ModelRecipe(self.network, out_dim=self.n_components, options=options, **heads)

    def _epochs(self, epochs: Epochs) -> Epochs:
        """Returns the length of the main phase: free positions need less of the network that they start from."""
        return SHORT if self._refines() and epochs == AUTO else epochs

    def _settings(self) -> dict[str, Any]:
        """Returns the parameters, checked, by the names that components are made of."""
        given = {name: self._stored[name] for name in type(self).defaults}
        return {**given, **checked_parameters(type(self), given)}

    def _build(self, settings: Mapping[str, Any]) -> Components:
        chosen = self._settings()
        made = self._composition(chosen)
        parts = {field.name: getattr(made, field.name) for field in dataclasses.fields(made)}
        components = make_components(
            {**parts, **settings, **chosen, "default_model": made.model}, owner=type(self).__name__
        )
        if self.precomputed_knn is not None:
            use_neighbors(components.global_relations, self.precomputed_knn, type(self).__name__)
        if chosen.get("neighbors_given") is not None:
            condition_neighbors(components.global_relations, chosen["neighbors_given"], type(self).__name__)
            components.remember_components(["global_relations"])
        return components

    def _composition(self, chosen: Mapping[str, Any]) -> Composition:
        """Returns the components of the method, and what all presets can add to them."""
        plain = type(self).__new__(type(self))
        for name, value in chosen.items():
            setattr(plain, name, value)
        if plain.initialization is not None:
            plain.initialization = GIVEN_POSITIONS if is_array(plain.initialization) else str(plain.initialization)
        self._check_background(plain)
        made = plain._compose()
        targets: Targets | None = self._fitted.targets
        if targets is None and plain.classifier:
            targets = Targets("classes")  # before fit, y is assumed to be classes
        made.add_losses(
            decoder=plain.decoder,
            classifier=plain.classifier,
            targets=None if targets is None else targets.kind,
            density=plain.density,
            structure=plain.structure,
            shares=plain.loss_shares,
            data_key=plain.data_key,
        )
        if not made.global_relations and any(entry.requires_relations for entry in made.derived_data.values()):
            raise ValueError(
                f"initialization='spectral' needs neighbours, and {type(self).__name__} looks for none. "
                "Pass 'pca', an array of positions, or density=True, which looks for them."
            )
        if plain.background is not None:
            leave_out(plain.background, made, plain.data_key, owner=type(self).__name__)
        changes = phase_settings(plain.early_stopping, plain.clip_norm, plain.schedule)
        if changes:
            made.training_phases = [
                phase if teaches_positions(phase, made.losses) else phase.replace(**changes)
                for phase in made.training_phases
            ]
        return made

    def _check_background(self, chosen: Self) -> None:
        """Refuses parameters that compare rows as they are beside a background."""
        if chosen.background is None:
            return
        others = {
            "refine=True": "it places new rows by their nearest training rows",
            "structure=True": "it compares distances of all rows",
            "precomputed_knn": "it gives neighbours that were found without the background",
        }
        for name, reason in others.items():
            value = getattr(chosen, name.split("=")[0], None)
            is_auto = isinstance(value, str) and value == AUTO
            if value is not None and value is not False and not is_auto:
                raise UnsupportedConfigurationError(
                    f"background and {name} do not go together: {reason}, in the rows as they are. Leave out one "
                    "of the two."
                )

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        defaults = known_parameters(type(self))
        changed = {
            name: value for name, value in self.get_params().items() if not _same(value, defaults.get(name))
        }
        shown = [f"{name}={reprlib.repr(value)}" for name, value in changed.items()]
        return f"{type(self).__name__}({', '.join([*shown, f'trained={self.__sklearn_is_fitted__()}'])})"


def phase_settings(
    early_stopping: bool | EarlyStopping, clip_norm: float | None, schedule: str | Schedule | None
) -> dict[str, Any]:
    """Returns the settings of phases that a user has changed.

    Args:
        early_stopping: Whether phases end early and keep their best weights, or when.
        clip_norm: The largest norm of the gradient.
        schedule: How the learning rate changes.

    Example:
        >>> phase_settings(False, 1.0, None)
        {'clip_norm': 1.0}
    """
    settings: dict[str, Any] = {}
    if early_stopping:
        automatic = EarlyStopping(monitor="auto", restore_best=True)
        settings["early_stopping"] = early_stopping if isinstance(early_stopping, EarlyStopping) else automatic
    if clip_norm is not None:
        settings["clip_norm"] = clip_norm
    if schedule is not None:
        settings["schedule"] = schedule
    return settings


def _same(value: Any, default: Any) -> bool:
    """Whether a parameter has its default; what cannot be compared by ``==`` alone, such as a tensor, has not."""
    if isinstance(value, (list, tuple)) and isinstance(default, (list, tuple)):
        return list(value) == list(default)
    return value is default or (isinstance(value, (bool, int, float, str)) and value == default)

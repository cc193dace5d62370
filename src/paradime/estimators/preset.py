"""What presets share: parameters that all of them take, and how a routine is made of a specification."""

from __future__ import annotations

import inspect
import os
import re
import reprlib
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self, TypedDict

import torch

from paradime._registry import did_you_mean
from paradime.data import Dataset, checked_rows
from paradime.dr import ParametricDR
from paradime.dr.components import Components
from paradime.dr.parameters import checked_parameters
from paradime.dr.targets import Targets
from paradime.estimators._extras import extend_spec
from paradime.estimators._given import GIVEN_POSITIONS, check_positions, is_array, use_neighbors
from paradime.estimators._parts import COMPUTED_POSITIONS, steps_settings, with_steps
from paradime.exceptions import SpecificationError, UnsupportedConfigurationError
from paradime.loss import PositionLoss
from paradime.models import ModelRecipe
from paradime.spec import build, parse_spec
from paradime.training import Callback, EarlyStopping, Schedule
from paradime.types import Data
from paradime.utils.autograd import recording_gradients
from paradime.utils.convert import to_numpy
from paradime.utils.seed import RandomState

__all__ = ["PLAIN_NETWORK", "Common", "Extras", "Preset", "Scheduled"]


class Extras(TypedDict, total=False):
    """Parameters of all presets; see :class:`Preset`."""

    decoder: bool | Mapping[str, Any]
    classifier: bool | Mapping[str, Any]
    density: bool
    structure: bool
    loss_shares: Mapping[str, float] | None
    device: str | torch.device | None
    random_state: RandomState
    callbacks: Sequence[Callback] | None
    precomputed_knn: Any
    validation_fraction: float
    validation_every: int
    warm_start: bool
    on_interrupt: Literal["raise", "keep"]
    early_stopping: bool | EarlyStopping
    clip_norm: float | None


class Scheduled(Extras, total=False):
    """Parameters of all presets that have no schedule of their own."""

    schedule: str | Schedule | None


class Common(Scheduled, total=False):
    """Parameters of all presets that have no such parameters of their own."""

    model: torch.nn.Module | ModelRecipe | None
    in_dim: int | None
    n_components: int
    hidden_dims: int | Sequence[int] | None
    activation: str
    network: Literal["centers", "mlp"]
    data_key: str
    verbose: bool


_DEFAULTS: dict[str, Any] = {
    "n_components": 2,
    "random_state": None,
    "device": "auto",
    "model": None,
    "in_dim": None,
    "hidden_dims": None,
    "activation": "relu",
    "network": "centers",
    "data_key": "main",
    "verbose": False,
    "decoder": False,
    "classifier": False,
    "density": False,
    "structure": False,
    "loss_shares": None,
    "callbacks": None,
    "precomputed_knn": None,
    "validation_fraction": 0.0,
    "validation_every": 1,
    "warm_start": False,
    "on_interrupt": "raise",
    "early_stopping": False,
    "clip_norm": None,
    "schedule": None,
}


# of umap-learn, openTSNE, scikit-learn, PaCMAP and ParaDime 1.x, as far as no name here is like them
_NAMES_ELSEWHERE: Mapping[str, str] = {
    "dens_lambda": "Set density=True, and its weight with loss_shares={'density': …}.",
    "densmap": "Set density=True.",
    "dof": "Student's t kernel has its degrees of freedom in alpha.",
    "early_exaggeration": "There is no such stage: the network learns initial positions first (initialization, "
    "init_epochs).",
    "exaggeration": "ParametricContrastive(kind='negative sampling', spectrum=…) attracts more or less.",
    "init": "It is called initialization.",
    "local_connectivity": "It is 1. Compose a ParametricDR to change the relations.",
    "max_iter": "It is called epochs.",
    "n_epochs": "It is called epochs.",
    "n_iter": "It is called epochs.",
    "n_jobs": "Set torch.set_num_threads(…).",
    "num_iters": "It is called epochs.",
    "out_dim": "It is called n_components.",
    "repulsion_strength": "Set negative_sampling_rate.",
    "set_op_mix_ratio": "It is 1. Compose a ParametricDR to change the relations.",
    "target_metric": "Classes and numbers are known by the type of y.",
    "target_weight": "Set loss_shares={'labels': …}.",
    "transform_seed": "transform draws nothing: the network embeds new rows.",
    "use_cuda": "Set device='cuda'.",
}


PLAIN_NETWORK: Mapping[str, Any] = {"hidden_dims": (100, 50), "activation": "silu", "network": "mlp"}
"""Defaults of presets for which centres are of no use: they preserve more than neighbourhoods."""


class Preset(ParametricDR):
    """A routine that stores its parameters; its building blocks come from a specification of these.

    What all presets take, beside parameters of their own:

    Args:
        model: Any torch module, or a :class:`~paradime.models.ModelRecipe`; the network below if ``None``.
        in_dim: Number of columns of the data, for that network; taken from the data if ``None``.
        n_components: Number of dimensions of the embedding, at least 1.
        hidden_dims: Widths of that network's hidden layers, a number for a single one; if ``None``, they follow
            from the number of rows (:func:`~paradime.models.network_scale`), or are 100 and 50 for
            ``network="mlp"``.
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
            teaches positions.
    """

    data_key: str

    make_spec: ClassVar[Callable[..., dict[str, Any]]]
    """The function that returns the specification; its arguments are parameters of the estimator."""

    common: ClassVar[Mapping[str, Any]] = {}
    """Defaults of parameters that all presets take, as far as this one has others."""

    defaults: ClassVar[Mapping[str, Any]] = {}
    """The default of each parameter."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        init = cls.__dict__.get("__init__")
        common = None if init is None else _common_of(init)
        if init is not None and common is not None:
            # editors and type checkers read the typed dict; scikit-learn and help() read this
            defaults = {**_DEFAULTS, **cls.common}
            chosen = {name: default for name, default in defaults.items() if name in common}
            signature = _spelled_out(init, chosen, common)
            _, *parameters = signature.parameters.values()  # without self
            cls.defaults = {parameter.name: parameter.default for parameter in parameters}
            init.__signature__ = signature
            cls.__doc__ = _with_common(cls.__doc__ or "", Preset.__doc__ or "", chosen)

    def _store(self, given: Mapping[str, Any]) -> None:
        """Stores a constructor's arguments, its ``locals()``, with the defaults of what all presets take."""
        own = {name: value for name, value in given.items() if name not in ("self", "__class__", "settings")}
        defaults = type(self).defaults
        for name in given["settings"]:
            if name not in defaults:
                raise TypeError(self.unknown_parameter(name, defaults))
        for name, value in {**defaults, **own, **given["settings"]}.items():
            setattr(self, name, value)

    @classmethod
    def unknown_parameter(cls, name: str, known: Iterable[str]) -> str:
        """Returns a message about a parameter that there is not, with what other libraries call so.

        Args:
            name: Its name.
            known: The names of those that there are.
        """
        hint = _NAMES_ELSEWHERE.get(name)
        if name == "n_components" and "out_dim" in known:  # as in 1.x
            hint = "It is called out_dim."
        elif hint is None:
            # names of settings are in small letters here
            hint = did_you_mean(name.lower(), known)
        return f"{cls.__name__} has no parameter {name!r}. {hint}"

    def set_params(self, **params: Any) -> Self:
        """Sets parameters; what is trained stays until the next :meth:`fit`.

        Raises:
            ValueError: If there is no such parameter.
        """
        known = self._get_param_names()
        for name in params:
            if "__" not in name and name not in known:
                raise ValueError(self.unknown_parameter(name, known))
        return super().set_params(**params)

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
    ) -> Self:
        """Trains on data from the start; a ``y`` takes part in the objective.

        Args:
            X: The data.
            y: Targets, shape (n,): floating-point numbers are numbers, anything else is classes. A
                missing value, or −1 among integers, means unlabelled. With ``classifier=True`` a head learns to
                predict them; otherwise points with equal classes or similar numbers are pulled together.
            validation_data: Rows to measure the model on after the epochs, in place of ``validation_fraction``: as
                ``X``, or a pair of such rows and their targets. They take no part in the training.
            callbacks: What to call during training, in addition to the routine's own.
            resume_from: A checkpoint of :class:`~paradime.training.Checkpoints`, or its folder, from which the
                training goes on; data and parameters are those of the training that was interrupted.
        """
        if y is None and getattr(self, "classifier", False):
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None: with classifier=True "
                "it learns to predict y. Pass it: fit(X, y)."
            )
        return super().fit(X, y, validation_data=validation_data, callbacks=callbacks, resume_from=resume_from)

    def _parameters_not_saved(self) -> frozenset[str]:
        data = {"initialization"} if is_array(self.__dict__.get("initialization")) else ()
        return super()._parameters_not_saved().union(data)

    def _check_data(self, dataset: Dataset) -> None:
        check_positions(self.__dict__.get("initialization"), dataset, self._settings()["n_components"])

    def _given_positions(self) -> frozenset[str]:
        given = self.__dict__.get("initialization")
        key = GIVEN_POSITIONS if is_array(given) else given
        return frozenset() if key is None or key in COMPUTED_POSITIONS else frozenset({key})

    def _prepare_training(self) -> None:
        """Adds the positions that were given to the data, if a phase teaches them."""
        dataset, blocks = self._components.workspace.require_dataset(), self._components
        taught = (blocks.losses.get(key) for phase in blocks.training_phases for key in phase.loss_keys)
        if any(isinstance(loss, PositionLoss) for loss in taught) and not self._set_components():
            self._check_data(dataset)
            if is_array(self.__dict__.get("initialization")):
                given = checked_rows("initialization", self.__dict__["initialization"])
                dataset.add({GIVEN_POSITIONS: to_numpy(given)})  # in single precision, whatever it came in

    def _spec(self) -> dict[str, Any]:
        make, settings = type(self).make_spec, self._settings()
        if is_array(settings.get("initialization")):
            settings["initialization"] = GIVEN_POSITIONS
        spec = make(**{name: settings[name] for name in inspect.signature(make).parameters})
        targets: Targets | None = self._fitted.targets
        if targets is None and self.classifier:
            targets = Targets("classes")  # as far as is known before fit
        return extend_spec(
            spec,
            decoder=settings["decoder"],
            classifier=settings["classifier"],
            targets=None if targets is None else targets.kind,
            density=settings["density"],
            structure=settings["structure"],
            shares=settings["loss_shares"],
            data_key=settings["data_key"],
        )

    def _settings(self) -> dict[str, Any]:
        """Returns the parameters, checked, by the names that building blocks are made of."""
        given = {name: self.__dict__[name] for name in type(self).defaults}
        return {**given, **checked_parameters(type(self), given)}

    def _in_its_words(self, message: str) -> str:
        """Returns a message about the specification with the names that parameters have here."""
        return re.sub(r"\bout_dim\b", "n_components", message)

    def _build(self, settings: Mapping[str, Any]) -> Components:
        chosen = self._settings()
        try:
            blocks = build(parse_spec(self._spec()))
        except SpecificationError as error:
            raise SpecificationError(self._in_its_words(_of_parameters(str(error)))) from None
        steps = steps_settings(chosen["early_stopping"], chosen["clip_norm"], chosen["schedule"])
        blocks["training_phases"] = with_steps(blocks["training_phases"], blocks["losses"], steps)
        made = super()._build({**blocks, **settings, **chosen, "default_model": blocks["model"]})
        if self.precomputed_knn is not None:
            use_neighbors(made.global_relations, self.precomputed_knn, type(self).__name__)
        return made

    @property
    def _model_key(self) -> str:
        return self.data_key

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        defaults = type(self).defaults
        changed = {name: value for name, value in self.get_params().items() if not _same(value, defaults[name])}
        shown = [f"{name}={reprlib.repr(value)}" for name, value in changed.items()]
        return f"{type(self).__name__}({', '.join([*shown, f'trained={self.__sklearn_is_fitted__()}'])})"


def _of_parameters(mistakes: str) -> str:
    """Returns what is wrong in a specification without the places, which who has set parameters does not know.

    Example:
        >>> _of_parameters("training phases[1].epochs: must be at least 0, got -1.")
        'epochs must be at least 0, got -1.'
    """
    lines = []
    for line in mistakes.splitlines():
        place, _, message = line.partition(": ")
        if not message or " must " in place:
            lines.append(line)
        else:
            name = re.sub(r"^.*(\]|options|model)\.", "", place)
            lines.append(f"{name} {message}" if message.startswith("must ") else message)
    return "\n".join(dict.fromkeys(lines))


def _same(value: Any, default: Any) -> bool:
    """Whether a parameter has its default; what cannot be compared by ``==`` alone, such as a tensor, has not."""
    if isinstance(value, (list, tuple)) and isinstance(default, (list, tuple)):
        return list(value) == list(default)
    return value is default or (isinstance(value, (bool, int, float, str)) and value == default)


def _common_of(init: Callable[..., Any]) -> dict[str, str] | None:
    """Returns the annotations, as written, of the typed dict that a constructor's ``**settings`` stand for.

    Without one, ``None``.
    """
    *_, last = inspect.signature(init).parameters.values()
    if last.kind is not inspect.Parameter.VAR_KEYWORD:
        return None
    annotation = typing.get_type_hints(init).get(last.name)
    if typing.get_origin(annotation) is not typing.Unpack:
        return None
    (kind,) = typing.get_args(annotation)
    return {name: getattr(hint, "__forward_arg__", hint) for name, hint in kind.__annotations__.items()}


def _with_common(doc: str, preset_doc: str, common: Iterable[str]) -> str:
    """Returns the docstring of a preset with the parameters of all presets in place of ``**settings``."""
    entries = re.findall(r"^( {8})(\w+):(.*(?:\n {9,}.*)*)", preset_doc, flags=re.M)
    told = {name: f"{indent}{name}:{text}" for indent, name, text in entries}
    listed_here = "\n".join(told[name] for name in common if name in told)
    return re.sub(r"^ +\*\*settings:.*(?:\n +.*)*?(?=\n\n)", lambda _: listed_here, doc, flags=re.M)


def _spelled_out(
    init: Callable[..., Any], common: Mapping[str, Any], annotations: Mapping[str, Any]
) -> inspect.Signature:
    """Returns the signature of a constructor, with what stands for the parameters of all presets written out."""
    signature = inspect.signature(init)
    own = list(signature.parameters.values())
    named = {parameter.name for parameter in own}
    further = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotations[name])
        for name, default in common.items()
        if name not in named
    ]
    return signature.replace(parameters=[*own[:-1], *further])

"""The parameters of a routine: their names, and the check of values against the constructor's annotations."""

from __future__ import annotations

import functools
import inspect
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pydantic
from pydantic import ConfigDict, TypeAdapter

from paradime._registry import did_you_mean
from paradime.dr.components import COMPONENTS
from paradime.spec.options import chosen
from paradime.spec.values import listed
from paradime.training import TrainingPhase
from paradime.utils.annotations import as_lists, from_numpy, hints_of, readable

__all__ = ["checked_parameters", "describe_unknown", "handed_on", "known_parameters", "parameters_of"]

_FILLED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

# -- names ------------------------------------------------------------------------------------------------

# of umap-learn, openTSNE, scikit-learn, PaCMAP and ParaDime 1.x, as far as no name here is like them
NAMES_ELSEWHERE: Mapping[str, str] = {
    "angle": "There is no tree whose angle could be set: batches of pairs are compared.",
    "angular_rp_forest": "The search of neighbours follows from metric and the number of rows.",
    "autoencoder_loss": "Set decoder=True, and its weight with loss_shares={'reconstruction': …}.",
    "dens_lambda": "Set density=True, and its weight with loss_shares={'density': …}.",
    "densmap": "Set density=True.",
    "dims": "It is called n_components.",
    "dissimilarity": "Distances are computed of the rows, by metric. Compose a ParametricDR with "
    "relations.Precomputed for distances that you have; or pass those to neighbours as precomputed_knn.",
    "dof": "Student's t kernel has its degrees of freedom in alpha.",
    "early_exaggeration": "There is no such stage: the network learns initial positions first (initialization, "
    "init_epochs).",
    "early_exaggeration_iter": "There is no such stage: the network learns initial positions first "
    "(initialization, init_epochs).",
    "distance": "It is called metric.",
    "encoder": "It is called model.",
    "eps": "Set early_stopping=True.",
    "exaggeration": "ParametricContrastive(kind='negative sampling', spectrum=…) attracts more or less.",
    "global_correlation_loss_weight": "Set structure=True, and its weight with loss_shares={'structure': …}.",
    "gpu": "Set device='cuda'.",
    "init": "It is called initialization.",
    "local_connectivity": "It is 1. Compose a ParametricDR to change the relations.",
    "low_memory": "Neighbours are searched in blocks of rows, which need little memory. Leave it out.",
    "lr": "It is called learning_rate.",
    "max_grad_norm": "It is called clip_norm.",
    "max_iter": "It is called epochs.",
    "method": "Nothing is approximated by trees. ParametricTSNE(objective=…) and ParametricContrastive(kind=…) "
    "choose what is compared.",
    "metric_kwds": "Pass a function of two rows as metric.",
    "metric_params": "Pass a function of two rows as metric.",
    "min_grad_norm": "Set early_stopping=True.",
    "n_components": "It is called out_dim.",
    "n_dims": "It is called n_components.",
    "n_epochs": "It is called epochs.",
    "n_iter": "It is called epochs.",
    "n_iter_without_progress": "Set early_stopping=True, or early_stopping=EarlyStopping(patience=…).",
    "n_jobs": "Set torch.set_num_threads(…).",
    "ndim": "It is called n_components.",
    "negative_gradient_method": "Training compares batches of pairs. ParametricTSNE(refine=True) sums the "
    "repulsion of all rows on a grid.",
    "neighbors": "The search of neighbours follows from metric and the number of rows; their number is "
    "n_neighbors or perplexity, and those that you have are precomputed_knn.",
    "num_iters": "It is called epochs.",
    "out_dim": "It is called n_components.",
    "output_metric": "Distances in the embedding are Euclidean. Compose a ParametricDR to change the relations.",
    "parametric_reconstruction": "Set decoder=True.",
    "repulsion_strength": "Set negative_sampling_rate.",
    "seed": "It is called random_state.",
    "set_op_mix_ratio": "It is 1. Compose a ParametricDR to change the relations.",
    "target_metric": "Classes and numbers are known by the type of y.",
    "target_weight": "Set loss_shares={'labels': …}.",
    "theta": "There is no tree whose angle could be set: batches of pairs are compared.",
    "transform_seed": "transform draws nothing: the network embeds new rows.",
    "unique": "Rows that are equal get the same position. Leave it out.",
    "use_cuda": "Set device='cuda'.",
}

_RENAMED = "It is called "
_NAMED_IN_HINT = re.compile(r"(?:It is called|Set) (\w+)(?:=|\.$|, and)")


def describe_unknown(kind: type, name: str, known: Iterable[str]) -> str:
    """Returns a message about a parameter that there is not, with what other libraries call so.

    Args:
        kind: The class of the routine.
        name: The name of the parameter.
        known: The names of those that there are.
    """
    return f"{kind.__name__} has no parameter {name!r}. {_remedy(name, list(known))}"


def _remedy(name: str, names: Sequence[str]) -> str:
    hint = NAMES_ELSEWHERE.get(name)
    named = None if hint is None else _NAMED_IN_HINT.match(hint)
    meant = name if named is None else named[1]
    if meant not in names and meant in _phase_settings() and COMPONENTS[-1] in names:
        return f"Training phases have it: add_training_phase({meant}=…)."
    if hint is None:
        return did_you_mean(name.lower(), names)  # parameters are lower-case here
    if named is None or meant in names:
        return hint
    # dims is n_components for presets, which is out_dim for composed routines
    other = NAMES_ELSEWHERE.get(meant, "").removeprefix(_RENAMED).rstrip(".")
    if hint.startswith(_RENAMED):
        return f"{_RENAMED}{other}." if other in names else did_you_mean(name.lower(), names)
    return f"Some presets have it: s{hint[1:]}"


@functools.cache
def _phase_settings() -> frozenset[str]:
    return frozenset(inspect.signature(TrainingPhase).parameters) - {"name", "optimizer_kwargs"}


def parameters_of(kind: Any) -> Mapping[str, Any]:
    """Returns the defaults of the parameters that a constructor names.

    A constructor with ``*args`` is taken to hand these on: it has the parameters of the class above, too.
    """
    names, catch_all = _named(kind), inspect.Parameter.VAR_POSITIONAL
    return {**parameters_of(_above(kind)), **names.defaults} if catch_all in names.catch_all else names.defaults


def known_parameters(kind: Any) -> Mapping[str, Any]:
    """Returns the defaults of all that a constructor takes, also by ``**kwargs`` that it hands on."""
    names = _named(kind)
    return {**known_parameters(_above(kind)), **names.defaults} if names.catch_all else names.defaults


def handed_on(kind: Any, settings: Iterable[str]) -> tuple[str, ...]:
    """Returns which of the names that a constructor is given fall to its ``**kwargs``.

    Raises:
        TypeError: If there are no ``**kwargs``, and the constructor does not name one of them.
    """
    names = _named(kind)
    others = tuple(name for name in settings if name not in names.defaults)
    if others and inspect.Parameter.VAR_KEYWORD not in names.catch_all:
        raise TypeError(describe_unknown(kind, others[0], names.defaults))
    return others


class _Named(NamedTuple):
    """What a constructor's signature says: defaults by name, and which of ``*args`` and ``**kwargs`` it has."""

    defaults: Mapping[str, Any]
    catch_all: frozenset[Any]


@functools.cache
def _named(kind: Any) -> _Named:
    if kind.__init__ is object.__init__:
        return _Named({}, frozenset())
    _, *parameters = inspect.signature(kind.__init__).parameters.values()  # without self
    named = {parameter.name: parameter.default for parameter in parameters if parameter.kind not in _FILLED}
    catch_all = frozenset(parameter.kind for parameter in parameters).intersection(_FILLED)
    return _Named(types.MappingProxyType(named), catch_all)


def _above(kind: Any) -> Any:
    """Returns the class whose constructor is overridden by that of a class."""
    *_, maker = (base for base in kind.__mro__ if base.__init__ is kind.__init__)
    return kind.__mro__[kind.__mro__.index(maker) + 1]


# -- values -----------------------------------------------------------------------------------------------

# what the code that takes them checks, since it knows more than a type
_CHECKED_ELSEWHERE = frozenset(
    {*COMPONENTS, "model", "callbacks", "data_fields", "dataset", "device", "precomputed_knn", "random_state"}
    | {"background", "initialization", "training_defaults"}
)
# ranges of which what is made of the parameters knows nothing, or by another name
_LEAST = {"hidden_dims": 1, "in_dim": 1, "n_components": 1, "out_dim": 1, "negative_sampling_rate": 0}
_POSITIVE = frozenset({"fp_ratio", "gamma", "mn_ratio"})
_IN_PYTHON = (("true or false or", "True, False or"), ("true or false", "True or False"), ("null", "None"))
_WORDS_OF_BOOL = readable(bool)[1]


def checked_parameters(routine: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns parameters of a routine as Python's own numbers, texts and lists.

    NumPy's scalars and arrays stand for these, and any sequence for a list. Ranges of the method's parameters are
    checked by what is made of them.

    Args:
        routine: The class.
        values: Parameters by name; others are left out.

    Raises:
        ValueError: If one is of another type than the constructor's annotation says, or there are no dimensions.

    Example:
        >>> import numpy as np
        >>> from paradime.dr import ParametricDR
        >>> checked_parameters(ParametricDR, {"out_dim": np.int64(3), "hidden_dims": np.array([20, 10])})
        {'out_dim': 3, 'hidden_dims': [20, 10]}
    """
    kinds = _kinds(routine)
    return {name: _checked(name, value, *kinds[name]) for name, value in values.items() if name in kinds}


def _checked(name: str, value: Any, adapter: TypeAdapter[Any], wants: str, default: Any) -> Any:
    if wants == _WORDS_OF_BOOL and isinstance(value, int) and value in (0, 1):
        return bool(value)  # scripts write verbose=1
    for read in (from_numpy, as_lists):
        try:
            checked = adapter.validate_python(read(value))
        except pydantic.ValidationError:
            continue
        # an integer for a float parameter stays an integer
        checked = value if type(value) in (int, float, str) else checked
        least = _LEAST.get(name)
        if least is not None and any(size < least for size in listed([] if checked is None else checked)):
            raise ValueError(f"{name} must be at least {least}, got {checked}.{_usually(default)}")
        if name in _POSITIVE and not 0 < checked < math.inf:
            raise ValueError(f"{name} must be positive and finite, got {checked}.{_usually(default)}")
        return checked
    for specified, said in _IN_PYTHON:
        wants = wants.replace(specified, said)
    # other libraries take "auto" here
    remedy = " Leave it out." if isinstance(value, str) and value == "auto" else ""
    raise ValueError(f"{name} must be {wants}, got {value!r}.{_usually(default)}{remedy}")


def _usually(default: Any) -> str:
    return "" if default is inspect.Parameter.empty else f" The default is {default!r}."


@functools.cache
def _kinds(routine: type) -> dict[str, tuple[TypeAdapter[Any], str, Any]]:
    """Returns, by parameter, the check of its type, what is wanted in words, and the default.

    Parameters that a subclass decides are those of the class above.
    """
    config = ConfigDict(strict=True, arbitrary_types_allowed=True)
    made: dict[str, tuple[TypeAdapter[Any], str, Any]] = {}
    base: Any
    for base in reversed(routine.__mro__):
        if base.__init__ is object.__init__:
            continue
        hints: dict[str, Any] = {}
        for name, hint in hints_of(base).items():
            if typing.get_origin(hint) is typing.Unpack:
                hints |= typing.get_type_hints(typing.get_args(hint)[0])
            else:
                hints[name] = hint
        for name, default in parameters_of(base).items():
            if name in hints and name not in _CHECKED_ELSEWHERE:
                kind, wants = chosen(name, *readable(hints[name]))
                made[name] = TypeAdapter(kind, config=config), wants, default
    return made

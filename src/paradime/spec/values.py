"""The kinds of values in specifications, each with what is wanted in words."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pydantic
from pydantic import BeforeValidator, Field, ValidatorFunctionWrapHandler, WrapValidator

from paradime.utils.annotations import from_numpy

__all__ = ["AutoEpochs", "Count", "Names", "Number", "Options", "Text", "Whole", "listed", "shown", "simply"]

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist, _SHORT.maxtuple, _SHORT.maxset = 3, 4, 5, 5, 5
_SHORT.maxstring = _SHORT.maxother = 80


def shown(value: Any) -> str:
    """Returns a value as messages show it, on one line and not too long.

    Example:
        >>> shown({"type": "adam"}), shown(list(range(9)))
        ("{'type': 'adam'}", '[0, 1, 2, 3, 4, ...]')
    """
    if value is None:
        return "null"
    return " ".join(_SHORT.repr(value).split())


def simply(wanted: str) -> WrapValidator:
    """Returns a validator that says in one line what is wanted."""

    def check(value: Any, check_types: ValidatorFunctionWrapHandler) -> Any:
        try:
            return check_types(value)
        except pydantic.ValidationError:
            raise ValueError(f"must be {wanted}, got {shown(value)}.") from None

    return WrapValidator(check)


def listed(entry: Any) -> Any:
    """Lets a list of one entry be written without brackets; an array is a list, too."""
    entry = from_numpy(entry)
    return [entry] if isinstance(entry, (str, int, float, Mapping)) else entry


def _no_text(value: Any) -> Any:
    """Neither "3" nor true are numbers."""
    value = from_numpy(value)
    if isinstance(value, (bool, str, bytes)):
        raise ValueError  # said by what is around it
    return value


def _underscored(options: Any) -> Any:
    """Lets options be written with spaces, ``batch size`` for ``batch_size``; NumPy's numbers become plain."""
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        return options
    made: dict[str, Any] = {}
    for key, value in options.items():
        name = str(key).replace(" ", "_")
        if name in made:
            raise ValueError(f"the option {name!r} is given twice, once as {str(key)!r}. Leave one out.")
        made[name] = value if isinstance(value, np.ndarray) else from_numpy(value)
    return made


Number = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_no_text), simply("a finite number")]
Count = Annotated[int, Field(ge=1), BeforeValidator(_no_text), simply("an integer of at least 1")]
_Epochs = Annotated[int, Field(ge=0), BeforeValidator(_no_text)]
AutoEpochs = Annotated[_Epochs | Literal["auto"], simply("an integer of at least 0, or 'auto'")]
Whole = Annotated[int, BeforeValidator(_no_text), simply("an integer")]
Text = Annotated[str, Field(min_length=1), simply("a text that is not empty")]
Options = Annotated[dict[str, Any], BeforeValidator(_underscored)]
Names = Annotated[list[Text], BeforeValidator(listed)]

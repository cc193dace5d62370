"""The types of values in specifications, each with a description for messages."""

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
    """Returns a value for messages, on one line and abbreviated.

    Example:
        >>> shown({"type": "adam"}), shown(list(range(9)))
        ("{'type': 'adam'}", '[0, 1, 2, 3, 4, ...]')
    """
    if value is None:
        return "null"
    return " ".join(_SHORT.repr(value).split())


def simply(wanted: str) -> WrapValidator:
    """Returns a validator whose message names the wanted values in one line."""

    def check(value: Any, check_types: ValidatorFunctionWrapHandler) -> Any:
        try:
            return check_types(value)
        except pydantic.ValidationError:
            raise ValueError(f"must be {wanted}, got {shown(value)}.") from None

    return WrapValidator(check)


def listed(entry: Any) -> Any:
    """Returns a list: of one entry if it is written without brackets, or of an array."""
    entry = from_numpy(entry)
    return [entry] if isinstance(entry, (str, int, float, Mapping)) else entry


def _no_text(value: Any) -> Any:
    """Refuses "3" and true as numbers."""
    value = from_numpy(value)
    if isinstance(value, (bool, str, bytes)):
        raise ValueError  # simply() writes the message
    return value


def _underscored(options: Any) -> Any:
    """Returns options with Python's numbers, and with underscores for spaces in names."""
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        return options
    made: dict[str, Any] = {}
    for key, value in options.items():
        name = str(key).replace(" ", "_")
        if name in made:
            raise ValueError(f"the option {name!r} must be given once, got also {str(key)!r}. Leave one out.")
        made[name] = value if isinstance(value, np.ndarray) else from_numpy(value)
    return made


Number = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_no_text), simply("a finite number")]
Count = Annotated[int, Field(ge=1), BeforeValidator(_no_text), simply("an integer of at least 1")]
_Epochs = Annotated[int, Field(ge=0), BeforeValidator(_no_text)]
AutoEpochs = Annotated[
    _Epochs | Literal["auto", "short"], simply("an integer of at least 0, or 'auto', or 'short'")
]
Whole = Annotated[int, BeforeValidator(_no_text), simply("an integer")]
Text = Annotated[str, Field(min_length=1), simply("a string that is not empty")]
Options = Annotated[dict[str, Any], BeforeValidator(_underscored)]
Names = Annotated[list[Text], BeforeValidator(listed)]

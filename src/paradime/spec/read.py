"""Reading of specifications from files, strings and dicts, and their checks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import pydantic

from paradime.exceptions import SpecificationError
from paradime.spec.build import build
from paradime.spec.explain import explain
from paradime.spec.loading import check_extent, load
from paradime.spec.schema import RoutineSpec
from paradime.spec.vocabulary import Vocabulary
from paradime.types import Spec

__all__ = ["parse_spec", "read_spec", "validate_spec"]


def validate_spec(
    file_or_spec: str | os.PathLike[str] | Spec, *, allow_imports: Iterable[str] = ()
) -> dict[str, Any]:
    """Checks a specification.

    Args:
        file_or_spec: The path of a YAML or JSON file, its contents as a string, or as a dict.
        allow_imports: Modules or packages from which names such as ``"mine.losses:MyLoss"`` may be imported.

    Returns:
        The specification with all defaults written out.

    Raises:
        SpecificationError: If it is wrong; the message has a line for each mistake, which starts with the place.
        OSError: If the file cannot be read.
    """
    vocabulary = Vocabulary(tuple(allow_imports))
    spec = read_spec(file_or_spec, vocabulary)
    # constructors check the rest, such as ranges of numbers
    build(spec, vocabulary)
    return spec.model_dump(by_alias=True)


def read_spec(file_or_spec: str | os.PathLike[str] | Spec, vocabulary: Vocabulary | None = None) -> RoutineSpec:
    """Reads a specification and checks its shape, names, and types of options; see :func:`validate_spec`."""
    return parse_spec(load(file_or_spec), vocabulary)


def parse_spec(contents: Any, vocabulary: Vocabulary | None = None) -> RoutineSpec:
    """Checks the contents of a specification.

    Args:
        contents: Nested mappings and lists.
        vocabulary: The names that it may use; those of the registries if ``None``.

    Raises:
        SpecificationError: If they are wrong; the message has a line for each mistake.
    """
    check_extent(contents)
    try:
        return RoutineSpec.model_validate(
            dict(contents) if isinstance(contents, Mapping) else contents, context=vocabulary
        )
    except pydantic.ValidationError as error:
        raise SpecificationError(explain(error)) from None

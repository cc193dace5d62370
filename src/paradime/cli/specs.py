"""The commands ``spec show``, ``validate``, ``schema`` and ``init``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from paradime.cli import outputs
from paradime.cli.console import InputError, check_choice, say
from paradime.cli.methods import METHODS, method_class
from paradime.utils.files import atomic_write

__all__ = ["init_spec", "schema", "show_spec", "validate_file"]


def show_spec(source: str, form: str) -> str:
    """Returns the specification of a method, a saved model, or a file with all defaults.

    Raises:
        InputError: If there is no such method or file.
    """
    from paradime.spec import dump, validate_spec

    check_choice("--format", form, ("yaml", "json"))
    if source.lower() in METHODS:
        return str(method_class(source)().to_spec(format=form))
    place = Path(source)
    if place.is_dir() or place.suffix == ".paradime":
        from paradime.cli.models import open_model

        return str(open_model(source).routine.to_spec(format=form))
    return dump(validate_spec(_text_of(source)), form)


def validate_file(source: str) -> None:
    """Checks a specification.

    Raises:
        SpecificationError: If it is wrong, with a line for each mistake.
    """
    from paradime.spec import validate_spec

    checked: dict[str, Any] = validate_spec(_text_of(source))
    n_losses, n_phases = len(checked["losses"]), len(checked["training phases"])
    say(f"{source}: is correct ({n_losses} loss(es), {n_phases} training phase(s))")


def schema() -> str:
    """Returns the JSON Schema of specifications."""
    from paradime.spec import json_schema

    return json.dumps(json_schema(), indent=1, ensure_ascii=False)


def init_spec(method: str, out: str, force: bool) -> None:
    """Writes the specification of a method.

    Raises:
        InputError: If there is no such method, or the file exists or cannot be written.
    """
    text = show_spec(method_key(method), "json" if out.endswith(".json") else "yaml")
    if out == "-":
        sys.stdout.write(text)
        return
    outputs.check_file("--out", out)
    if Path(out).suffix.lower() not in (".yaml", ".yml", ".json"):
        raise InputError(f"--out: a specification must end in .yaml, .yml or .json, got {out!r}.")
    if Path(out).exists() and not force:
        raise InputError(f"--out: must be a new file, got {out}, which exists. Choose another name, or --force.")
    with atomic_write(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    say(f"wrote {out}: edit it, and pass it to paradime fit --spec")


def method_key(name: str) -> str:
    """Returns the key of a method in :data:`METHODS`.

    Raises:
        InputError: If there is no such method.
    """
    kind = method_class(name).__name__
    return next(key for key, found in METHODS.items() if found == kind)


def _text_of(source: str) -> str | Path:
    if source == "-":
        return sys.stdin.read()
    place = Path(source)
    if not place.is_file():
        from paradime._registry import did_you_mean

        near = (
            [*METHODS, *(entry.name for entry in place.parent.iterdir())] if place.parent.is_dir() else [*METHODS]
        )
        hint = did_you_mean(place.name, near)
        raise InputError(f"{source}: no such file. {hint if hint.startswith('Did') else 'Check its name.'}")
    return place

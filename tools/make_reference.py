"""Makes ``docs/reference.md``: every public name with its signature and the first sentence of its docstring."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import paradime

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference.md"
MODULES = [
    *(
        "dr",
        "estimators",
        "routines",
        "relations",
        "transforms",
        "loss",
        "constraints",
        "models",
        "relationdata",
        "data",
        "sources",
        "training",
        "refinement",
        "neighbors",
    ),
    *("functional", "metrics", "explain", "plot", "reporting", "explorer", "anndata", "persistence"),
    *("datasets", "preprocessing", "spec", "exceptions", "types"),
    *("utils.convert", "utils.logging", "utils.plotting", "utils.seed"),
]

FIRST_LEVEL = [
    name for name in paradime.__all__ if not (name.startswith("_") or inspect.ismodule(getattr(paradime, name)))
]


def first_sentence(entry: object) -> str:
    """Returns the first paragraph of a docstring, on one line."""
    text = inspect.getdoc(entry) or ""
    return re.sub(r"\s+", " ", text.split("\n\n")[0]).strip().replace("|", "\\|")


def signature(name: str, entry: object) -> str:
    """Returns a name with its arguments and defaults, without annotations."""
    if inspect.isclass(entry) and issubclass(entry, Exception):
        return name
    try:
        parameters = inspect.signature(entry).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return name
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    shown = str(inspect.Signature(bare))
    # the names of defaults that are classes, not their addresses
    return name + re.sub(r"<class '([\w.]+)'>", r"\1", shown)


def page() -> str:
    """Returns the whole page."""
    lines = [
        "# Reference",
        "",
        "Made from the docstrings by `tools/make_pages.py`; these say more: `help(name)`.",
        "",
        f"`paradime` itself has {', '.join(f'`{name}`' for name in FIRST_LEVEL)}.",
        "",
    ]
    for module_name in MODULES:
        module = importlib.import_module(f"paradime.{module_name}")
        lines += [f"## `paradime.{module_name}`", "", first_sentence(module), ""]
        for name in module.__all__:
            entry = getattr(module, name)
            documented = inspect.isclass(entry) or inspect.isroutine(entry)
            what = first_sentence(entry) if documented and module_name != "types" else ""
            lines.append(f"- `{signature(name, entry) if documented else name}`" + (f": {what}" if what else ""))
        lines.append("")
    return "\n".join(lines)

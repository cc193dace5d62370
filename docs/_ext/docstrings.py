"""Lets Sphinx read the project's docstrings: results without types, and references to names where they are used.

Docstrings name no types, because signatures do. What stands before a colon in ``Returns:`` or in the docstring
of a property is therefore no type. A bar, as in |r|, is no substitution.
"""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

_LITERAL = re.compile(r"(``.*?``)")
# whose methods docstrings name alone
_WIDELY_USED = ("paradime.dr.ParametricDR.", "paradime.training.Callback.")
# methods of scikit-learn's, which its own pages describe
_OF_SCIKIT_LEARN = re.compile(r"set_\w+_request|get_metadata_routing")


def read_docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Changes the lines of a docstring before napoleon reads them."""
    for number, line in enumerate(lines):
        parts = _LITERAL.split(line)
        lines[number] = "".join(part if part.startswith("``") else part.replace("|", r"\|") for part in parts)
    results = [number + 1 for number, line in enumerate(lines[:-1]) if line.strip() in ("Returns:", "Yields:")]
    if what in ("attribute", "property", "data") and lines:
        results.append(0)
    for number in results:
        text = lines[number].lstrip()
        if re.search(r"(?<!:):(?!:)", text):
            # an empty type in front
            lines[number] = lines[number].replace(text, f": {text}")


def read_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str, str | None] | None:
    """Returns the signature of a class whose constructor says it, without types; None for everything else."""
    given = (
        getattr(inspect.getattr_static(obj, "__init__", None), "__signature__", None) if what == "class" else None
    )
    if given is None:
        return None
    _, *parameters = given.parameters.values()
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
    return str(inspect.Signature(plain)), returned


def skip_member(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Returns True for members that are left out, None where Sphinx decides."""
    of_python = getattr(obj, "__module__", None) in ("builtins", "collections.abc", "typing")
    of_presets = name in ("common", "defaults", "own_parts")  # what the signature shows
    return True if of_python or of_presets or _OF_SCIKIT_LEARN.fullmatch(name) else None


def _exists(target: str) -> bool:
    """Returns whether a dotted name can be imported from ParaDime."""
    parts = target.split(".")
    for n in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:n]))
        except ImportError:
            continue
        try:
            for part in parts[n:]:
                found = getattr(found, part)
        except AttributeError:
            return False
        return True
    return False


def resolve_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Element | None:
    """Returns a link to a name that Sphinx did not resolve; its text alone, if it is there but has no place."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    domain = env.domains.python_domain
    last = target.rpartition(".")[2]
    candidates = [full for full in domain.objects if full.endswith(f".{last}")]
    if "." not in target:
        # methods of all routines are described where they are defined
        candidates = [full for full in candidates if full.startswith(_WIDELY_USED)] or candidates
    elif not _exists(target):
        return None
    if len(candidates) == 1 or (candidates and "." not in target):
        entry = domain.objects[candidates[0]]
        return app.builder and _link(app, node, entry.docname, entry.node_id, content)
    if "." in target or candidates:
        return content
    module = node.get("py:module")
    return content if module and _exists(f"{module}.{target}") else None


def _link(app: Sphinx, node: pending_xref, page: str, anchor: str, content: nodes.TextElement) -> nodes.Element:
    uri = app.builder.get_relative_uri(node["refdoc"], page)
    return nodes.reference("", "", content, internal=True, refuri=f"{uri}#{anchor}")


def setup(app: Sphinx) -> dict[str, bool]:
    """Is called by Sphinx."""
    app.connect("autodoc-process-docstring", read_docstring, priority=100)  # before napoleon
    app.connect("autodoc-process-signature", read_signature)
    app.connect("autodoc-skip-member", skip_member)
    app.connect("missing-reference", resolve_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Makes ``docs/specification.md``: every section, name and option of specifications, from their JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paradime import ParametricTSNE
from paradime._registry import LOSS_FUNCTIONS
from paradime.loss import Loss
from paradime.spec import json_schema
from paradime.spec.json_schema import COMPONENTS
from paradime.spec.options import first_sentence

PAGE = Path(__file__).resolve().parents[1] / "docs" / "specification.md"

INTRODUCTION = """# The specification format

A specification describes a routine in YAML or JSON. `routine.to_spec()` writes it,
`paradime.dr.validate_spec(file)` checks it, and `paradime.dr.ParametricDR.from_spec(file)` makes a routine of it.
This page is made from the schema by `tools/make_pages.py`.

`print(ParametricTSNE().to_spec())` prints the following specification. Edit it, and fit the result:

```yaml
{text}```

- A component without options can be written as its name: `transforms: [symmetrize]`, `optimizer: adam`.
- Keys may have spaces or underscores.
- Names are those below, names that you registered with `@paradime.spec.register("name")`, or importable names such
  as `mine.losses:MyLoss`. The latter need permission for their module: `from_spec(file, allow_imports=["mine"])`.
  Nothing else in a specification runs code.
- Mistakes are reported before training, all at once, each with its place, the value and a suggestion.
- Specifications of version 1 can be read.
- For completion and checks in an editor, save the JSON Schema, and name it in the first line of a YAML file:

```
python -c "import json, paradime.spec as s; print(json.dumps(s.json_schema()))" > paradime.schema.json
# yaml-language-server: $schema=paradime.schema.json
```
"""

HEADS = {
    "decoder: mlp": "`decoder`",
    "decoder: conv": "`decoder` of type `conv`",
    "classifier": "`classifier`",
}

SECTIONS = [
    ("RoutineSpec", "Sections"),
    ("FieldSpec", "`data`: requirements on the data"),
    ("DerivedDataSpec", "`derived data`"),
    ("RelationsSpec", "`relations`"),
    ("TransformSpec", "`transforms` of relations"),
    ("ModelSpec", "`model`"),
    ("LossSpec", "`losses`"),
    ("LossKeysSpec", "`keys` of a loss"),
    ("PhaseSpec", "`training phases`"),
    ("PhaseLossSpec", "`loss` of a phase"),
    ("SamplingSpec", "`sampling` of a phase"),
    ("OptimizerSpec", "`optimizer` of a phase"),
    ("ScheduleSpec", "`schedule` of a phase"),
    ("CallbackSpec", "`callbacks` of a phase"),
]


def page() -> str:
    """Returns the whole page."""
    schema = json_schema()
    definitions = {**schema["$defs"], "RoutineSpec": schema}
    lines = [INTRODUCTION.format(text=ParametricTSNE().to_spec())]
    for name, title in SECTIONS:
        definition = definitions[name]
        full = next((part for part in definition.get("anyOf", ()) if "properties" in part), definition)
        lines += [f"## {title}", "", full.get("description", ""), "", *keys(full), ""]
        lines += options_of_components(name, definitions)
    return "\n".join(lines).rstrip() + "\n"


def keys(definition: dict[str, Any]) -> list[str]:
    """Returns a list of the keys of a section."""
    required = set(definition.get("required", ()))
    return [
        f"- `{name}`: {what(key)}{', required' if name in required else default(key)}{described(key)}"
        for name, key in definition["properties"].items()
    ]


def options_of_components(name: str, definitions: dict[str, Any]) -> list[str]:
    """Returns a part for each component that a section can name."""
    if name == "PhaseSpec":
        stopping = definitions[name]["properties"]["early stopping"]["anyOf"][0]["properties"]
        return ["### `early stopping`", "", *(entry(key, option) for key, option in stopping.items()), ""]
    component = next((part for part in COMPONENTS if part.__name__ == name), None)
    if component is None:
        return []
    lines: list[str] = []
    for block_name, block in sorted(component.registry.items()):
        if not block.__module__.startswith(("paradime.", "torch.")):
            continue  # registered by others
        aliases = component.registry.aliases_of(block_name)
        also = f" (also {', '.join(f'`{alias}`' for alias in aliases)})" if aliases else ""
        lines += [f"### `{block_name}`{also}", "", sentence(block), ""]
        options = definitions[f"{component.registry.kind}: {block_name}"].get("properties", {})
        lists = block.spec_arguments if isinstance(block, type) and issubclass(block, Loss) else {}
        lines += key_lists(lists, options)
        filled = {argument for arguments in lists.values() for argument in arguments}
        lines += [
            entry(key, option)
            for key, option in options.items()
            # except options that other keys give, or that have no effect
            if key not in filled
            and (what(option) != "anything" or (name != "DerivedDataSpec" and described(option)))
        ]
        lines.append("")
    if name == "ModelSpec":
        for head, title in HEADS.items():
            options = definitions[head]["properties"]
            lines += [f"### {title}", "", *(entry(key, option) for key, option in options.items()), ""]
    if name == "LossSpec":
        lines += ["### Loss functions, for `func`", ""]
        lines += [
            f"- `{key}`: {sentence(block)}".removesuffix(": ")
            for key, block in sorted(LOSS_FUNCTIONS.items())
            if block.__module__.startswith(("paradime.", "torch."))
        ]
        lines.append("")
    return lines


def key_lists(lists: Mapping[str, tuple[str, ...]], options: dict[str, Any]) -> list[str]:
    """Returns how the lists under ``keys`` of a loss are filled, in order."""
    lines = ["- `func`: a loss function"] if "func" in lists else []
    for name, arguments in lists.items():
        if name != "func":
            parts = [f"{described(options[a])[2:].rstrip('.')}{default(options[a])}" for a in arguments]
            lines.append(f"- `keys: {{{name}: […]}}`: {'; '.join(parts)}")
    return lines


def entry(name: str, schema: dict[str, Any]) -> str:
    """Returns a line of a list of options."""
    return f"- `{name}`: {what(schema)}{default(schema)}{described(schema)}"


def what(schema: dict[str, Any]) -> str:
    """Returns a type in words."""
    if "$ref" in schema:
        return "options (see below)" if ": " in schema["$ref"] or "classifier" in schema["$ref"] else "see below"
    if "anyOf" in schema:
        names = [what(part) for part in schema["anyOf"] if part.get("description") != "An importable name."]
        names = list(dict.fromkeys(names))
        # null is not an entry of the list
        return (", or " if any(name.startswith("a list of") for name in names[:-1]) else " or ").join(names)
    if "enum" in schema:
        shown = schema["enum"]
        return "a name" if len(shown) > 6 else " or ".join(f"`{entry}`" for entry in shown)
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type")
    if kind == "array":
        inner = schema.get("items", {})
        return "a list" if "$ref" in inner or not inner else f"a list of {plural(inner)}"
    words = {"integer": "integer", "number": "number", "string": "string", "boolean": "true or false"}
    return {**words, "object": "mapping", "null": "null"}.get(str(kind), "anything")


def plural(schema: dict[str, Any]) -> str:
    """Returns the type of a list's entries in words.

    Example:
        >>> plural({"anyOf": [{"type": "integer"}, {"type": "null"}]})
        'integers and nulls'
    """
    if "anyOf" in schema:
        return " and ".join(dict.fromkeys(plural(part) for part in schema["anyOf"]))
    words = {"integer": "integers", "number": "numbers", "string": "strings", "boolean": "true and false"}
    words |= {"object": "mappings", "null": "nulls", "array": "lists"}
    return what(schema) if "enum" in schema else words.get(str(schema.get("type")), what(schema))


def default(schema: dict[str, Any]) -> str:
    """Returns a default in words."""
    value = schema.get("default")
    if value in (None, [], {}, "") or isinstance(value, dict):
        return ""
    shown = {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value
    return f", {shown} if left out"


def sentence(block: Any) -> str:
    """Returns the first sentence of the docstring of a component of ParaDime."""
    ours = block.__module__.startswith("paradime.")
    return first_sentence(block).replace("``", "`") if ours else ""


def described(schema: dict[str, Any]) -> str:
    """Returns the description of an entry."""
    text = schema.get("description", "")
    # references that only a documentation builder resolves
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", text)
    return f". {text}" if text else ""

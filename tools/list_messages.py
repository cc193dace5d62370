#!/usr/bin/env python
"""Lists all messages of errors and warnings: file, line, class, and the text with names in braces.

Usage: python tools/list_messages.py [--short]
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "paradime"


@dataclasses.dataclass(frozen=True)
class Message:
    """A message, and where it stands."""

    place: str
    kind: str
    text: str

    @property
    def n_sentences(self) -> int:
        """How many sentences it has: one that states the rule and the value, and one with the remedy."""
        return sum(self.text.count(end) for end in (". ", "? ", "! ")) + self.text.rstrip().endswith(
            (".", "?", "!")
        )


def messages() -> Iterator[Message]:
    """Yields the messages that are written where they are raised or warned of."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            call = node.exc if isinstance(node, ast.Raise) else node
            if not isinstance(call, ast.Call) or not call.args:
                continue
            kind = ast.unparse(call.func)
            if isinstance(node, ast.Raise) or kind == "warnings.warn":
                text = _text(call.args[0])
                if text:
                    yield Message(f"{path.relative_to(SOURCE)}:{node.lineno}", kind, text)


def _text(node: ast.expr) -> str:
    """Returns the text of a string, with what is inserted in braces; empty if it is made elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    if not isinstance(node, ast.JoinedStr):
        return ""
    return "".join(
        part.value if isinstance(part, ast.Constant) else "{" + ast.unparse(part.value) + "}"  # type: ignore[attr-defined]
        for part in node.values
    )


def main() -> None:
    """Prints the list."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="only those of a single sentence")
    arguments = parser.parse_args()
    for message in messages():
        if not arguments.short or message.n_sentences < 2:
            print(f"{message.place}\t{message.kind}\t{message.text}")


if __name__ == "__main__":
    main()

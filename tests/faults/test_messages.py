"""Messages of errors and warnings: a list of all of them can be printed, and each says what to do."""

import re
import runpy
from pathlib import Path

TOOL = runpy.run_path(str(Path(__file__).resolve().parents[2] / "tools" / "list_messages.py"))
# an imperative sentence is a remedy, and so is a hint that is inserted, or a rule that names what is accepted
REMEDY = re.compile(
    r"\bmust\b|\bshould\b|\b(needs?|call|pass|set|write|use|choose|name|lower)\b|did_you_mean|[Rr]emed|REMED|hint|"
    r"reduced to|is expecting|\{error|\{message|describe_unknown",
    flags=re.I,
)
# what is inserted into another message, or shown only to developers of a component
PARTS = (
    "__init__.py",
    "explorer/network.py",
    "explorer/conditions.py",
    "explorer/features.py",
    "functional/cauchy.py",
    "loss/compound.py",
)
PARTS += (
    "neighbors/search.py",
    "persistence/values.py",
    "refinement/ref",
    "spec/options.py",
    "training/_trees.py",
)
PARTS += ("dr/saving.py", "training/checkpoints.py")


def test_each_message_says_what_to_do_or_what_is_accepted():
    listed = [message for message in TOOL["messages"]() if not message.place.startswith(PARTS)]
    assert len(listed) > 700
    without = [
        f"{message.place}: {message.text}"
        for message in listed
        if message.n_sentences < 2 and not REMEDY.search(message.text)
    ]
    assert without == []


def test_the_list_has_place_class_and_text(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["list_messages.py"])
    TOOL["main"]()
    lines = capsys.readouterr().out.splitlines()
    assert any(re.match(r"data/validation\.py:\d+\tValueError\t\{name\} contains ", line) for line in lines)

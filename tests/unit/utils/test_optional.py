"""Messages about a missing library name what to install, and agree with the extras of the distribution."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

import paradime
from paradime.exceptions import MissingLibraryError
from paradime.utils.optional import EXTRAS, check_installed, require

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOT_FOR_USERS = ("all", "dev", "docs")
OF_USERS = {name: needs for name, needs in PROJECT["optional-dependencies"].items() if name not in NOT_FOR_USERS}


def names_of(requirements):
    return [re.match(r"[\w.-]+", requirement)[0] for requirement in requirements]


def test_extras_are_those_of_the_distribution():
    assert set(EXTRAS) == set(OF_USERS)


@pytest.mark.parametrize("extra", OF_USERS)
def test_message_of_a_missing_library_names_all_that_its_extra_brings(extra, monkeypatch):
    needed = names_of(OF_USERS[extra])
    for library in needed:
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(MissingLibraryError, match=rf"^This needs {library}, .*: pip install (.*)$") as caught:
            require(library, "This", extra=extra)
        assert str(caught.value).partition("pip install ")[2].split() == needed


def test_all_extras_are_in_the_one_for_all():
    (reference,) = PROJECT["optional-dependencies"]["all"]
    name, extras = re.fullmatch(r"([\w.-]+)\[(.*)\]", reference).groups()
    assert name == PROJECT["name"]
    assert set(extras.split(",")) == set(EXTRAS)


def test_library_that_no_extra_brings_is_named_alone_with_what_else_one_may_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ImportError, match=r"needs polars, .*: pip install polars\. Use pandas\.$"):
        require("polars", "A frame", remedy="Use pandas.")


def test_library_is_looked_for_without_its_import(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingLibraryError, match="--plot needs matplotlib"):
        check_installed("--plot", "matplotlib", "plot")


def test_no_other_message_says_what_to_install():
    # the distribution paradime on the public index is another one, by other authors
    source = Path(paradime.__file__).parent
    telling = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if re.search(r"pip install|paradime\[", path.read_text(encoding="utf-8"))
    }
    assert telling == {"utils/optional.py"}


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_install_from_the_checkout_and_never_what_others_have_published(page):
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"pip install [^`\n]*\bparadime\b(?!-dr)", text)
    assert "paradime[" not in text

"""What holds for all tests, and for the examples in docstrings."""

import importlib
import signal
import sys
from pathlib import Path

import pytest

# what tests share lies beside them, and is no package
sys.path.insert(0, str(Path(__file__).parent / "tests"))
pytest_plugins = ["libraries", "outcomes", "processes", "skips", "starts"]

# a shell lets what it starts in the background ignore Ctrl-C, which some tests press
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_figures_left():
    """Closes the figures that a test leaves open: others count them."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(autouse=True)
def _as_many_threads_as_before():
    """Gives torch back its threads: two workers with two threads each, on two cores, wait for each other."""
    torch = sys.modules.get("torch")
    before = None if torch is None else torch.get_num_threads()
    yield
    if before is not None and torch.get_num_threads() != before:
        torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _no_names_left():
    """Takes back the names that a test has given to building blocks: others list them."""
    # all of ours have entered their names before anything is taken back
    importlib.import_module("paradime.spec")
    from paradime import _registry

    registries = [entry for entry in vars(_registry).values() if isinstance(entry, _registry.Registry)]
    before = [(dict(registry._entries), dict(registry._aliases)) for registry in registries]
    yield
    for registry, (entries, aliases) in zip(registries, before, strict=True):
        registry._entries, registry._aliases = entries, aliases

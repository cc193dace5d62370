"""What holds for all tests."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _no_figures_left():
    """Closes the figures that a test leaves open: others count them."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")

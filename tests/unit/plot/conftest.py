import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

mpl.use("Agg")


@pytest.fixture
def ax():
    # a figure outside pyplot needs no closing
    return Figure(figsize=(6, 6), layout="constrained").subplots()


@pytest.fixture(autouse=True)
def settings_are_left_alone():
    before = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == before

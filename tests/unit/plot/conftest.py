import pytest


@pytest.fixture(scope="session", autouse=True)
def mpl():
    """Matplotlib without windows; tests of pictures are skipped where it is missing."""
    import matplotlib

    matplotlib.use("Agg")
    return matplotlib


@pytest.fixture
def ax():
    from matplotlib.figure import Figure

    # a figure outside pyplot needs no closing
    return Figure(figsize=(6, 6), layout="constrained").subplots()


@pytest.fixture(autouse=True)
def settings_are_left_alone(mpl):
    before = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == before

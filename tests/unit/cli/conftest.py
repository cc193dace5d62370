"""Tables of bundled data, and a model that was fitted to one of them by the command line."""

import numpy as np
import pytest

from paradime.cli import main
from paradime.datasets import load_covertype


def forest_frame():
    # imported by those who use it: the files of a folder named on pytest's command line are read at its start
    import pandas as pd

    forest = load_covertype()
    frame = pd.DataFrame(forest.data, columns=forest.feature_names)
    frame.insert(0, "Cell", [f"0{i:04}" for i in range(len(frame))])
    frame["Cover"] = np.array(forest.target_names)[forest.target - 1]
    return frame


FAST = ["--set", "epochs=2", "--set", "batch_size=200", "--quiet"]


@pytest.fixture(scope="session")
def forest():
    return forest_frame()


@pytest.fixture(scope="session")
def made(tmp_path_factory, forest):
    """A folder with tables, and what ``fit`` made of them."""
    folder = tmp_path_factory.mktemp("made")
    forest[:400].to_csv(folder / "forest.csv", index=False)
    forest[400:500].to_csv(folder / "new.csv", index=False)
    outputs = {"--out": "forest.paradime", "--embedding": "map.csv", "--plot": "map.png", "--explore": "map.html"}
    wanted = [part for option, name in outputs.items() for part in (option, str(folder / name))]
    code = main(["fit", str(folder / "forest.csv"), "--id", "Cell", "--color", "Cover", *wanted, *FAST])
    assert code == 0
    return folder


@pytest.fixture
def run(made, tmp_path, monkeypatch, capsys):
    """Runs a command in a folder of its own, ``{made}`` being the other one; returns code, output, messages."""
    monkeypatch.chdir(tmp_path)

    def run_command(*words):
        code = main([str(word).replace("{made}", str(made)) for word in words])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run_command


N = 60
SHORT = ["--method", "mds", "--set", "epochs=1", "--set", "batch_size=50"]
# as identifiers are: beyond double precision, with gaps, with zeros ahead; and texts that look like gaps
CARRIED = {
    "big": [str(2**53 + 1 + 2 * i) if i != 4 else "" for i in range(N)],
    "zip": [f"{i:05}" for i in range(N)],
    "land": [["NA", "null", "DE"][i % 3] for i in range(N)],
    "price": [f"{i / 4:.2f}" for i in range(N)],
}


@pytest.fixture
def short():
    """Options of a training that takes no time."""
    return SHORT


@pytest.fixture
def numbers():
    """Columns a, b and c, of 60 rows."""
    import pandas as pd

    return pd.DataFrame(np.random.default_rng(0).normal(size=(N, 3)), columns=["a", "b", "c"]).round(4)


@pytest.fixture
def codes(run, numbers):
    """A table of identifiers and numbers, and a model of the numbers; returns the identifiers as texts."""
    numbers.assign(**CARRIED).to_csv("t.csv", index=False)
    words = ["--columns", "a,b,c", "--id", "big", "--out", "m.paradime", "--quiet"]
    assert run("fit", "t.csv", *words, "--embedding", "fitted.csv", *SHORT)[0] == 0
    return CARRIED


@pytest.fixture(autouse=True)
def _quick_start(few_first_steps):
    """Where rows come to lie is not the point here."""

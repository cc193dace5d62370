"""Tables of bundled data, and a model that was fitted to one of them by the command line."""

import numpy as np
import pandas as pd
import pytest

from paradime.cli import main
from paradime.datasets import load_covertype


def forest_frame():
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

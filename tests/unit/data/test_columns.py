"""Column names of a data set."""

import numpy as np
import pandas as pd
import pytest
import torch

from paradime.data import Dataset

FRAME = pd.DataFrame(np.arange(6.0).reshape(3, 2), columns=["age", "height"])


class Columnar:
    """The attributes of another library's data frame that are used."""

    columns = ("age", "height")

    def __array__(self, dtype=None, copy=None):
        return FRAME.to_numpy(dtype)


@pytest.mark.parametrize("frame", [FRAME, Columnar()])
def test_data_frames_are_remembered_by_the_names_of_their_columns(frame):
    assert Dataset(frame).columns == {"main": ["age", "height"]}
    assert Dataset({"main": np.eye(3), "more": frame}).columns == {"more": ["age", "height"]}


@pytest.mark.parametrize("plain", [np.eye(3), torch.eye(3), [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
def test_arrays_have_no_names(plain):
    assert Dataset({"main": plain, "age": FRAME["age"]}).columns == {}


def test_names_are_texts():
    assert Dataset(pd.DataFrame(np.eye(3))).columns == {"main": ["x0", "x1", "x2"]}
    assert Dataset(pd.DataFrame(np.eye(2), columns=[400, 500])).columns == {"main": ["400", "500"]}


def test_names_move_with_the_data_and_go_with_the_entry_that_they_named():
    dataset = Dataset(FRAME)
    assert dataset.to(torch.device("cpu")).columns == {"main": ["age", "height"]}
    dataset.add({"main": FRAME.rename(columns={"age": "years"})})
    assert dataset.columns == {"main": ["years", "height"]}
    dataset.add({"main": np.eye(3)})
    assert dataset.columns == {}


def test_entry_that_is_refused_leaves_the_names_as_they_were():
    dataset = Dataset(FRAME)
    with pytest.raises(ValueError, match="same number of rows"):
        dataset.add({"main": FRAME[:2].rename(columns={"age": "years"})})
    assert dataset.columns == {"main": ["age", "height"]}

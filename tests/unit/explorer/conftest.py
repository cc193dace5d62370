"""A small routine, and what a page holds, read back without a browser."""

import base64
import json
import re
import warnings
import zlib

import numpy as np
import pytest
from sklearn.datasets import load_wine

from paradime import ParametricUMAP
from paradime.exceptions import ScaleWarning


class Written:
    """A page that was written, taken apart."""

    def __init__(self, path):
        self.html = path.read_text(encoding="utf-8")
        (text,) = re.findall(
            r'<script type="application/json" id="described">(.*?)</script>', self.html, flags=re.S
        )
        self.described = json.loads(text)

    def blob(self, number):
        (text,) = re.findall(rf'id="blob-{number}">(.*?)</script>', self.html)
        return base64.b64decode(text)

    def array(self, place):
        kind = {"Uint": "u", "Int": "i", "Float": "f"}[place["type"].rstrip("0123456789")]
        bits = int(re.sub(r"\D", "", place["type"]))
        return np.frombuffer(zlib.decompress(self.blob(place["blob"])), dtype=f"<{kind}{bits // 8}")

    def column(self, name):
        (found,) = (column for column in self.described["columns"] if column["name"] == name)
        return found

    def values(self, name):
        """The values of a column, as texts where they are categories."""
        column = self.column(name)
        if "feature" in column:
            n = self.described["n"]
            return self.array(self.described["features"]["data"])[column["feature"] * n :][:n]
        data = self.array(column["data"])
        return [column["names"][code] for code in data] if column["kind"] == "category" else data


@pytest.fixture
def written():
    return Written


@pytest.fixture(scope="session")
def wine():
    return load_wine()


@pytest.fixture(scope="session")
def umap(wine):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScaleWarning)  # rows are to come in units of their own
        return ParametricUMAP(epochs=3, batch_size=100, random_state=0).fit(wine.data)


@pytest.fixture(autouse=True)
def _quick_start(few_first_steps):
    """Where rows come to lie is not the point here."""

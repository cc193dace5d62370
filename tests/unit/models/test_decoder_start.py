"""The initial output of a decoder is the mean of the data."""

import pytest
import torch
from sklearn.datasets import load_iris

from paradime import ParametricUMAP
from paradime.models import FullyConnectedDecoder


def test_decoder_starts_at_the_row_it_is_given():
    decoder = FullyConnectedDecoder(2, (3, 2))
    before = decoder(torch.zeros(1, 2)) - decoder.layers[-1].bias.reshape(1, 3, 2)
    row = torch.arange(6.0).reshape(3, 2)
    decoder.start_at(row)
    torch.testing.assert_close(decoder(torch.zeros(1, 2)) - before, row[None])


@pytest.mark.parametrize(("offset", "most"), [(0, 0.9), (100, 5)])
def test_preset_decodes_data_far_from_the_origin(offset, most, outcome):
    X = load_iris().data + offset
    settings = {"epochs": 20, "batch_size": 25, "n_neighbors": 15, "initialization": "pca"}

    def measure(seed):
        routine = ParametricUMAP(decoder=True, random_state=seed, **settings).fit(X)
        error = ((routine.inverse_transform(routine.transform(X)) - X) ** 2).mean()
        return {"error": error / X.var(axis=0).mean()}

    # instead of about offset²
    outcome(measure, seeds=2, at_most={"error": most})

"""Exact constraints in written networks: positions are those of the model."""

import numpy as np
import pytest
import torch

from paradime import ParametricTSNE
from paradime.constraints import AxisConstraint, BoundsConstraint, ConceptConstraint
from paradime.exceptions import UnsupportedConfigurationError
from paradime.explorer.conditions import write_conditions
from paradime.explorer.network import run_layers, write_layers
from paradime.models import CenterModel, FullyConnectedEmbeddingModel, OutputLayers

OUTPUTS = {
    "axis": {"kind": "attribute", "axis": 1, "column": 2, "knots": [-1.0, 2.0]},
    "levels": {"kind": "attribute", "axis": 0, "column": 0, "knots": [-1.0, 0.0, 0.5, 3.0]},
    "line": {"kind": "linear", "axis": 1, "weights": [0.5, -1.0, 0.0, 2.0], "center": [0.1, 0.0, 1.0, -1.0]},
    "box": {"kind": "box", "low": [-1, -0.5], "high": [0.5, 2]},
    "half-open box": {"kind": "box", "low": [-0.2, None], "high": [None, 0.1]},
    "disc": {"kind": "disc", "center": [0.5, -1], "radius": 0.7},
    "polygon": {"kind": "polygon", "corners": [[0, 0], [4, 1], [1, 3]]},
}


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("unit", [None, 3.0])
@pytest.mark.parametrize("make", [FullyConnectedEmbeddingModel, CenterModel])
def test_networks_are_written_with_their_conditions(name, unit, make):
    torch.manual_seed(0)
    sizes = {"n_rows": 100, "n_centers": 10} if make is CenterModel else {"out_dim": 2, "hidden_dims": [8]}
    model = make(4, outputs=[OUTPUTS[name]], **sizes)
    model.unit = unit
    rows = 3 * torch.randn(100, 4)
    if make is CenterModel:
        model.prepare(rows, torch.Generator().manual_seed(0))
    for layer in model.output_layers:
        for parameter in layer.parameters():
            parameter.data += 0.3 * torch.randn_like(parameter)
    model.eval()
    with torch.no_grad():
        assert (run_layers(write_layers(model), rows) - model(rows)).abs().max() < 1e-4


@pytest.mark.parametrize("name", OUTPUTS)
def test_projected_conditions_leave_what_is_within(name):
    layers = OutputLayers([OUTPUTS[name]], out_dim=2)
    generator = torch.Generator().manual_seed(0)
    positions, rows = 2 * torch.randn(200, 2, generator=generator), torch.randn(200, 4, generator=generator)
    place = {"op": "linear", "weight": np.zeros((2, 4)), "bias": np.zeros(2)}
    conditions = write_conditions(layers, 2.0, projected=True)
    expected = layers.project(positions, rows, 2.0).detach()
    # a layer that gives the positions: all rows at once do not depend on one another
    for i in range(20):
        layer = {
            "op": "conditioned",
            "layers": [{**place, "bias": positions[i].numpy()}],
            "conditions": conditions,
        }
        assert (run_layers([layer], rows[i : i + 1]) - expected[i]).abs().max() < 1e-5


@pytest.mark.parametrize(
    "axis",
    [AxisConstraint(0, axis=0, exact=True), ConceptConstraint(range(20), range(50, 90), exact=True)],
    ids=["attribute", "concepts"],
)
def test_refined_maps_are_written_with_their_conditions(axis):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 5)).astype(np.float32)
    routine = ParametricTSNE(refine=True, epochs=1, init_epochs=1, perplexity=10, random_state=0)
    routine.add_constraint(axis)
    routine.add_constraint(BoundsConstraint(low=[None, -2], high=[None, 2], exact=True)).fit(X)
    new = X[:30] + 0.2 * rng.normal(size=(30, 5)).astype(np.float32)
    placed = run_layers(write_layers(routine), torch.from_numpy(new)).detach().numpy()
    assert np.abs(placed - routine.transform(new)).max() < 1e-4
    assert np.abs(placed[:, 1]).max() <= 2


def test_output_layers_of_ones_own_are_refused():
    class Own(torch.nn.Module):
        pass

    layers = OutputLayers([], out_dim=2)
    layers.append(Own())
    with pytest.raises(UnsupportedConfigurationError, match="Own"):
        write_conditions(layers, 1.0, projected=False)

"""Exact constraints: layers of the network, which hold for any row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

import paradime
from paradime import ParametricMDS, ParametricTSNE, ParametricUMAP
from paradime.constraints import AxisConstraint, BoundsConstraint
from paradime.data import Dataset
from paradime.dr import ParametricDR
from paradime.exceptions import UnsupportedConfigurationError
from paradime.models import CenterModel, ConvolutionalModel, FullyConnectedEmbeddingModel, OutputLayers

pytestmark = pytest.mark.usefixtures("few_first_steps")


def data(n: int = 60, n_columns: int = 4) -> torch.Tensor:
    return torch.randn(n, n_columns, generator=torch.Generator().manual_seed(0))


def correlation(a: Any, b: Any) -> float:
    return float(np.corrcoef(np.asarray(a, float), np.asarray(b, float))[0, 1])


@pytest.mark.parametrize("preset", [ParametricUMAP, ParametricTSNE, ParametricMDS])
@pytest.mark.parametrize("network", ["centers", "mlp"])
def test_an_exact_axis_is_the_attribute_for_new_rows_too(preset: Any, network: str) -> None:
    X = data(80)
    routine = preset(network=network, epochs=2, random_state=0)
    routine.add_constraint(AxisConstraint(2, axis=1, exact=True)).fit(X[:60])
    positions = routine.transform(X)
    assert correlation(positions[:, 1], X[:, 2]) == pytest.approx(1, abs=1e-6)
    assert abs(correlation(positions[:, 0], X[:, 2])) < 0.999


def test_the_scale_of_an_exact_axis_is_trained() -> None:
    X = data()
    scales = []
    for epochs in (1, 20):
        routine = ParametricMDS(epochs=epochs, random_state=0).add_constraint(AxisConstraint(0, exact=True))
        scales.append(routine.fit(X).embedding_[:, 0].std())
    assert scales[0] != pytest.approx(scales[1], rel=1e-3)


def test_an_exact_axis_of_ordinal_levels_has_them_in_order() -> None:
    X = data(90)
    X[:, 3] = torch.tensor([1.0, 2.0, 10.0, 11.0])[torch.arange(90) % 4]
    routine = ParametricMDS(epochs=5, random_state=0)
    routine.add_constraint(AxisConstraint(3, exact=True, order=True)).fit(X)
    gaps = np.diff(routine.embedding_[:4, 0])
    assert (gaps > 0).all()
    assert gaps[1] < 4 * gaps[0]  # the gaps are its own, and not those of the numbers
    assert routine.adherence()["axis 0"].score == pytest.approx(1)


def test_the_gaps_between_ordinal_levels_are_learned() -> None:
    layers = OutputLayers([{"kind": "attribute", "axis": 0, "column": 0, "knots": [1.0, 2.0, 3.0]}], out_dim=1)
    rows, wanted = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[0.0], [1.0], [10.0]])
    optimizer = torch.optim.Adam(layers.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        (layers(torch.zeros(3, 1), rows, 1.0) - wanted).square().mean().backward()
        optimizer.step()
    assert layers(torch.zeros(3, 1), rows, 1.0).detach().flatten().tolist() == pytest.approx([0, 1, 10], abs=0.1)
    between = layers(torch.zeros(3, 1), torch.tensor([[0.0], [2.5], [4.0]]), 1.0)
    assert between.detach().flatten().tolist() == pytest.approx([-1, 5.5, 19], abs=0.3)


def test_an_exact_axis_keeps_the_digits_of_numbers_far_from_zero() -> None:
    X = data(60).double()
    X[:, 1] = 1.7e9 + torch.linspace(-2, 2, 60, dtype=torch.float64)  # seconds since 1970
    routine = ParametricMDS(epochs=2, random_state=0).add_constraint(AxisConstraint(1, exact=True)).fit(X)
    assert (np.diff(routine.embedding_[:, 0]) > 0).all()


@pytest.mark.parametrize(
    ("region", "is_within"),
    [
        ({"low": [-1, None], "high": [1, 0]}, lambda Y: (abs(Y[:, 0]) <= 1) & (Y[:, 1] <= 0)),
        ({"low": [0, 0]}, lambda Y: (Y >= 0).all(axis=1)),
        ({"center": [3, 0], "radius": 2}, lambda Y: np.hypot(Y[:, 0] - 3, Y[:, 1]) <= 2 * (1 + 1e-5)),
        (
            {"corners": [[0, 0], [4, 0], [0, 4]]},
            lambda Y: (Y >= -1e-5).all(axis=1) & (Y.sum(axis=1) <= 4 * (1 + 1e-5)),
        ),
    ],
)
def test_exact_bounds_hold_for_any_row(region: dict[str, Any], is_within: Any) -> None:
    X = data(80)
    routine = ParametricUMAP(epochs=3, random_state=0).add_constraint(BoundsConstraint(**region, exact=True))
    routine.fit(X[:60])
    far = torch.cat([X, 1e4 * X, -1e4 * X])
    assert is_within(routine.transform(far)).all()
    assert routine.adherence(far)["bounds"].score == 1


def test_exact_conditions_leave_the_gradient_to_the_rows() -> None:
    X = data(20).double().requires_grad_()
    layers = OutputLayers(
        [
            {"kind": "attribute", "axis": 0, "column": 1, "knots": [-1.0, 0.0, 2.0]},
            {"kind": "box", "low": [None, -1], "high": [3, 1]},
            {"kind": "disc", "center": [0, 0], "radius": 4},
            {"kind": "polygon", "corners": [[-5, -5], [5, -5], [5, 5], [-5, 5]]},
        ],
        out_dim=2,
    ).double()
    weight = torch.randn(4, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda rows: layers(rows @ weight, rows, 1.0), (X,), atol=1e-5)


@pytest.mark.parametrize("kind", ["box", "disc", "polygon"])
def test_positions_within_are_not_projected_and_those_outside_are_led_in(kind: str) -> None:
    region: Any = {
        "box": {"low": [-1, -1], "high": [1, 1]},
        "disc": {"center": [0, 0], "radius": 1},
        "polygon": {"corners": [[-1, -1], [1, -1], [1, 1], [-1, 1]]},
    }[kind]
    layers = OutputLayers([{"kind": kind, **region}], out_dim=2)
    positions = torch.tensor([[0.3, -0.2], [5.0, 0.0]])
    within = layers.project(positions, torch.empty(2, 0), 1.0)
    assert within[0].tolist() == pytest.approx([0.3, -0.2])
    assert within[1].tolist() == pytest.approx([1, 0], abs=1e-5)


def test_a_routine_with_exact_constraints_is_saved_with_its_layers_and_goes_on(tmp_path: Any) -> None:
    X = data(80)
    routine = ParametricUMAP(epochs=2, random_state=0)
    routine.add_constraint(AxisConstraint(2, exact=True)).add_constraint(
        BoundsConstraint(low=[None, 0], exact=True)
    )
    routine.fit(X[:60]).save(tmp_path / "model")
    loaded = paradime.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.transform(X), routine.transform(X))
    assert set(loaded.constraints) == {"axis 0", "bounds"}
    loaded.update(X[60:], old=X[:60], epochs=1)
    assert loaded.adherence(X)["axis 0"].score == pytest.approx(1)
    assert loaded.adherence(X)["bounds"].score == 1


def test_a_specification_holds_constraints() -> None:
    routine = ParametricTSNE().add_constraint(AxisConstraint(0, exact=True)).add_constraint(AxisConstraint(1, 1))
    spec = routine.to_spec(format="dict")
    made = ParametricDR.from_spec(spec, random_state=0)
    assert {key: one.exact for key, one in made.constraints.items()} == {"axis 0": True, "axis 1": False}
    made.training_phases = [phase.replace(epochs=1) for phase in made.training_phases]
    assert made.fit(data()).adherence()["axis 0"].score == pytest.approx(1)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [(CenterModel, (4,)), (FullyConnectedEmbeddingModel, (4,)), (ConvolutionalModel, (1, 8, 8))],
)
def test_networks_take_conditions_as_an_argument(kind: Any, shape: tuple[int, ...]) -> None:
    outputs = [{"kind": "disc", "center": [0.0, 0.0], "radius": 0.1}]
    model = kind(shape if kind is ConvolutionalModel else shape[0], outputs=outputs)
    positions = model(1e3 * torch.randn(9, *shape)).detach()
    assert float(positions.norm(dim=1).max()) <= 0.1 * (1 + 1e-5)


def test_exact_constraints_refuse_what_they_cannot_do() -> None:
    X = data()
    routine = ParametricUMAP(epochs=1).add_constraint(AxisConstraint(0, exact=True))
    with pytest.raises(UnsupportedConfigurationError, match="axis 0 cannot be 1 and 0"):
        routine.add_constraint(AxisConstraint(1, exact=True))
    with pytest.raises(ValueError, match="takes neither weight nor share"):
        routine.add_constraint(AxisConstraint(1, axis=1, exact=True), share=0.2)
    with pytest.raises(UnsupportedConfigurationError, match="increases with the attribute"):
        AxisConstraint(0, exact=True, sign="negative")
    own = ParametricUMAP(model=torch.nn.Linear(4, 2)).add_constraint(AxisConstraint(0, exact=True))
    with pytest.raises(UnsupportedConfigurationError, match="its model is Linear"):
        own.fit(X)
    entry = ParametricUMAP(epochs=1).add_constraint(AxisConstraint("age", exact=True))
    with pytest.raises(UnsupportedConfigurationError, match="entry of its own"):
        entry.fit({"main": X, "age": X[:, 0]})
    rows = Dataset({"main": X, "same": torch.zeros(60, 1)})
    with pytest.raises(UnsupportedConfigurationError, match="needs an attribute that varies"):
        AxisConstraint(0, data_key="same", exact=True).output(rows)


def test_a_trained_network_takes_no_further_exact_constraint_until_it_is_fitted_anew() -> None:
    X = data()
    routine = ParametricUMAP(epochs=1, random_state=0).fit(X)
    routine.add_constraint(AxisConstraint(0, exact=True))
    with pytest.raises(UnsupportedConfigurationError, match="is trained with 0 of them, got 1"):
        routine.update(X[:20])
    assert routine.fit(X).adherence()["axis 0"].score == pytest.approx(1)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([{"kind": "ball"}], "unknown kind of output layer 'ball'"),
        ([{"kind": "box", "low": [0, 1], "high": [1, 1]}], "low must be below high"),
        ([{"kind": "box", "low": [0], "high": [1]}], "one bound per axis, 2 each"),
        ([{"kind": "disc", "center": [0, 0], "radius": 0}], "radius must be a positive number"),
        ([{"kind": "polygon", "corners": [[0, 0], [1, 0]]}], "at least 3 corners"),
        ([{"kind": "polygon", "corners": [[0, 0], [2, 0], [1, 0.5], [2, 2]]}], "turn to the same side"),
        ([{"kind": "attribute", "axis": 2, "column": 0, "knots": [0, 1]}], r"axis must lie in \[0, 2\)"),
        ([{"kind": "attribute", "axis": 0, "column": 0, "knots": [1, 1]}], "ascending"),
    ],
)
def test_descriptions_that_make_no_layer_are_refused(outputs: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OutputLayers(outputs, out_dim=2)


def test_a_refined_map_satisfies_exact_constraints_for_training_rows_and_new_ones(tmp_path: Any) -> None:
    X = data(150)
    routine = ParametricTSNE(refine=True, epochs=3, perplexity=5, random_state=0)
    routine.add_constraint(AxisConstraint(2, axis=1, exact=True))
    routine.add_constraint(BoundsConstraint(low=[-3, None], high=[3, None], exact=True))
    positions = routine.fit(X[:120]).transform(X)
    assert correlation(positions[:, 1], X[:, 2]) == pytest.approx(1, abs=1e-6)
    assert (abs(positions[:, 0]) <= 3).all()
    np.testing.assert_allclose(routine.embedding_, positions[:120], atol=1e-5)
    routine.save(tmp_path / "model")
    loaded = paradime.load(tmp_path / "model")
    np.testing.assert_allclose(loaded.transform(X), positions, atol=1e-5)
    loaded.update(X[120:], old=X[:120], epochs=1)
    np.testing.assert_allclose(loaded.transform(X[:120]), positions[:120], atol=1e-5)
    assert correlation(loaded.transform(X)[:, 1], X[:, 2]) == pytest.approx(1, abs=1e-6)


def test_a_refined_map_with_conditions_is_exported(tmp_path: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    X = data(80)
    routine = ParametricTSNE(refine=True, epochs=2, perplexity=5, random_state=0)
    routine.add_constraint(AxisConstraint(2, exact=True)).fit(X).export_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: X.numpy()})
    np.testing.assert_allclose(found, routine.transform(X), atol=1e-4)


def test_conditions_of_sparse_rows_are_read_without_making_them_dense() -> None:
    X = scipy.sparse.random_array((80, 6), density=0.5, rng=np.random.default_rng(0), format="csr")
    routine = ParametricTSNE(refine=True, epochs=2, perplexity=5, random_state=0)
    positions = routine.add_constraint(AxisConstraint(3, exact=True)).fit_transform(X)
    assert correlation(positions[:, 0], X.toarray()[:, 3]) == pytest.approx(1, abs=1e-6)

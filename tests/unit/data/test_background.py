"""Backgrounds: rows whose structure neighbourhoods leave out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

import paradime
from paradime import ParametricMDS, ParametricPaCMAP, ParametricTSNE, ParametricUMAP
from paradime.data import Background
from paradime.data.background import contrast
from paradime.dr import ParametricDR
from paradime.exceptions import UnsupportedConfigurationError

N_COLUMNS = 12


def rows_and_background(n: int = 240, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Returns rows of three classes under large variation, their classes, and that variation alone."""
    generator = torch.Generator().manual_seed(seed)
    scales = torch.tensor([8.0] * 4 + [0.3] * (N_COLUMNS - 4))
    turn = torch.linalg.qr(torch.randn(N_COLUMNS, N_COLUMNS, generator=torch.Generator().manual_seed(9)))[0]
    classes = torch.arange(n) % 3
    structure = torch.zeros(n, N_COLUMNS)
    structure[torch.arange(n), 6 + classes] = 3.0

    def variation() -> torch.Tensor:
        return torch.randn(n, N_COLUMNS, generator=generator) * scales

    return (structure + variation()) @ turn, classes, variation() @ turn


def accuracy(positions: Any, classes: torch.Tensor, known: int) -> float:
    """Returns how many of the rows after the first ``known`` have a nearest of these of their class."""
    places = torch.as_tensor(positions)
    nearest = torch.cdist(places[known:], places[:known]).topk(5, largest=False).indices
    votes = torch.nn.functional.one_hot(classes[:known][nearest], 3).sum(dim=1).argmax(dim=1)
    return float((votes == classes[known:]).double().mean())


def test_a_direction_of_the_background_is_shrunk_by_its_variance_and_others_stay() -> None:
    background = Background.of(np.array([[-2.0, 0.0, 5.0], [2.0, 0.0, 5.0]]), strength=6.0)
    # the variance 4 of the first column is 3 times the mean variance of the columns
    shrunk = background(torch.eye(3))
    assert torch.allclose(shrunk, torch.diag(torch.tensor([(1 + 6 * 3) ** -0.5, 1.0, 1.0])), atol=1e-6)


def test_the_contrast_is_the_inverse_root_of_the_regularized_covariance() -> None:
    _, _, rows = rows_and_background()
    covariance = torch.cov(rows.double().T, correction=0)
    regular = torch.eye(N_COLUMNS) + 20 * covariance / covariance.diagonal().mean()
    shrunk = Background.of(rows, strength=20.0)(torch.eye(N_COLUMNS, dtype=torch.float64))
    assert torch.allclose(shrunk @ shrunk @ regular, torch.eye(N_COLUMNS, dtype=torch.float64), atol=1e-4)


def test_wide_backgrounds_get_the_same_directions_without_a_covariance_matrix() -> None:
    rows = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)) @ torch.randn(
        3, 1_100, generator=torch.Generator().manual_seed(1)
    )
    background = Background.of(rows)
    assert len(background.directions) <= 90  # the directions are few enough for a saved model
    left = background(rows - rows.mean(dim=0))
    assert float(left.norm()) < 0.01 * float(rows.norm())
    assert torch.allclose(background(left), background(background(rows - rows.mean(dim=0))))


def test_marked_and_given_backgrounds_are_contrasted_alike_in_rows_of_any_form() -> None:
    X, _, background = rows_and_background(60)
    marks = np.r_[np.zeros(60), np.ones(60)]
    both = torch.cat([X, background]).numpy()
    expected = Background.of(background)(X).numpy()
    np.testing.assert_allclose(contrast(both, marks)[:60], expected, atol=1e-4)
    np.testing.assert_allclose(contrast(scipy.sparse.csr_array(both), marks)[:60], expected, atol=1e-4)
    given = contrast(both, **Background.of(background).options())
    np.testing.assert_allclose(given[:60], expected, atol=1e-4)


def test_classes_hidden_by_a_background_stand_out_for_new_rows_too(outcome: Any) -> None:
    def measure(seed: int) -> dict[str, float]:
        X, classes, background = rows_and_background(240, seed)
        plain = ParametricUMAP(epochs=5, random_state=seed).fit(X[:180])
        contrasted = ParametricUMAP(epochs=5, random_state=seed, background=background).fit(X[:180])
        found = accuracy(contrasted.transform(X), classes, 180)
        return {"accuracy": found, "gain": found - accuracy(plain.transform(X), classes, 180)}

    outcome(measure, at_least={"accuracy": 0.6, "gain": 0.1})


def test_the_network_begins_with_the_contrast() -> None:
    X, _, background = rows_and_background(100)
    routine = ParametricTSNE(epochs=1, init_epochs=1, perplexity=5, random_state=0, background=background).fit(X)
    known = Background.of(background)
    direction = known.directions[0] * X.std() * 3
    scaling = routine.model.scaling

    def moved(by: torch.Tensor) -> float:
        return float((scaling(X[:1] + by) - scaling(X[:1])).norm())

    plain = ParametricTSNE(epochs=1, init_epochs=1, perplexity=5, random_state=0).fit(X).model.scaling
    without = float((plain(X[:1] + direction) - plain(X[:1])).norm())
    across = known.directions[-1] * X.std() * 3
    assert moved(direction) / moved(across) < 0.3 * without / float((plain(X[:1] + across) - plain(X[:1])).norm())


@pytest.mark.parametrize("preset", [ParametricUMAP, ParametricPaCMAP])
def test_a_map_with_a_background_is_saved_without_its_rows_and_goes_on(preset: Any, tmp_path: Any) -> None:
    X, _, background = rows_and_background(90)
    routine = preset(epochs=3, init_epochs=1, random_state=0, background=background).fit(X[:60])
    assert routine.get_params()["background"] is background
    routine.save(tmp_path / "model")
    loaded = paradime.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.transform(X), routine.transform(X))
    assert loaded.background.directions.shape == (N_COLUMNS, N_COLUMNS)
    again = {}
    for name, one in {"as it is": routine, "loaded": loaded}.items():
        again[name] = one.update(X[60:], old=X[:60], epochs=1).transform(X)
    np.testing.assert_allclose(again["loaded"], again["as it is"], atol=1e-3)


def test_a_specification_holds_the_background() -> None:
    X, _, background = rows_and_background(60)
    preset = ParametricUMAP(epochs=1, init_epochs=1, random_state=0, background=background)
    routine = ParametricDR.from_spec(preset.to_spec(format="dict"), random_state=0)
    np.testing.assert_allclose(routine.fit(X).transform(X), preset.fit(X).transform(X), atol=1e-5)
    marked = {"main": torch.cat([X, background]), "control": torch.arange(120) // 60}
    named = ParametricUMAP(epochs=1, init_epochs=1, random_state=0, background="control")
    spec = named.to_spec(format="dict")
    (entry,) = [entry for entry in spec["derived data"] if entry["name"] == "contrasted"]
    assert entry["data func"] == "contrast"
    assert entry["keys"] == [["data", "main"], ["data", "control"]]
    made = ParametricDR.from_spec(spec, random_state=0).fit(marked)
    np.testing.assert_allclose(made.transform(X), named.fit(marked).transform(X), atol=1e-5)


def test_a_map_with_a_background_is_exported(tmp_path: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    X, _, background = rows_and_background(60)
    routine = ParametricUMAP(epochs=1, init_epochs=1, random_state=0, background=background).fit(X)
    routine.export_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: X.numpy()})
    np.testing.assert_allclose(found, routine.transform(X), atol=1e-4)


@pytest.mark.parametrize(
    ("background", "message"),
    [
        (np.ones((5, N_COLUMNS)), "background must vary"),
        (np.ones((1, N_COLUMNS)), "at least 2 rows, got 1"),
        (np.eye(4), "columns of the data, 12, got 4"),
    ],
)
def test_a_background_that_cannot_be_left_out_is_refused(background: Any, message: str) -> None:
    X, _, _ = rows_and_background(60)
    with pytest.raises(ValueError, match=message):
        ParametricUMAP(epochs=1, background=background).fit(X)


def test_what_compares_rows_as_they_are_is_refused_beside_a_background() -> None:
    X, _, background = rows_and_background(60)
    with pytest.raises(ValueError, match="looks for no neighbours"):
        ParametricMDS(background=background).fit(X)
    for settings in ({"refine": True}, {"structure": True}, {"precomputed_knn": np.ones((60, 60))}):
        with pytest.raises(UnsupportedConfigurationError, match="do not go together"):
            ParametricTSNE(background=background, **settings).fit(X)
    with pytest.raises(ValueError, match="mark at least 2 rows, got 1"):
        contrast(X, np.arange(60) == 3)
    with pytest.raises(ValueError, match="needs a background"):
        contrast(X)
    with pytest.raises(ValueError, match="strength"):
        Background.of(background, strength=0)

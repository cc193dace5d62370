"""Neither the offset nor the unit of columns decides what networks of ``fit`` learn, in whatever they do."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.neighbors import NearestNeighbors

import paradime
from paradime import (
    ParametricAutoencoder,
    ParametricContrastive,
    ParametricMDS,
    ParametricPaCMAP,
    ParametricTSNE,
    ParametricUMAP,
    loss,
    relations,
    routines,
)
from paradime.cli.folding import fold
from paradime.data import Dataset
from paradime.dr import ParametricDR
from paradime.explain import distortion, feature_importance, novelty
from paradime.explorer.features import pack_features, pack_network
from paradime.explorer.network import run_layers, write_layers
from paradime.explorer.packing import Blobs
from paradime.models import EmbeddingModel, FullyConnectedEmbeddingModel, ModelRecipe
from paradime.utils.sparse import SparseRows

pytestmark = pytest.mark.usefixtures("few_first_steps")

X, Y = load_iris(return_X_y=True)
DIGITS = load_digits().data[:300]
SHORT = {"epochs": 15, "random_state": 0}
NETWORKS = {
    "t-SNE, mlp": lambda seed: ParametricTSNE(refine=False, epochs=30, network="mlp", random_state=seed),
    "UMAP, centres": lambda seed: ParametricUMAP(epochs=60, random_state=seed),
    "PaCMAP, mlp": lambda seed: ParametricPaCMAP(network="mlp", random_state=seed),
    "autoencoder": lambda seed: ParametricAutoencoder(epochs=60, random_state=seed),
}


PRESERVED = ("held out", "after an update", "after a further part")


def continued(routine, parts, rows):
    """Scores of new rows, and of all rows after an update by one part and a further training on another.

    The routine is fitted to every second row.
    """
    scores = {"held out": preserved(X[1::2], routine.transform(rows)[1::2], 10), "score": routine.score(rows)}
    routine.update(parts[0], epochs=5)
    scores["drift"], scores["after an update"] = routine.drift_.mean, preserved(X, routine.transform(rows))
    routine.partial_fit(parts[1], epochs=5)
    return {**scores, "after a further part": preserved(X, routine.transform(rows))}


def composed(model=None, epochs=20, random_state=0, **settings):
    routine = ParametricDR(
        model,
        global_relations=relations.PDist(),
        batch_relations=relations.DifferentiablePDist(),
        losses=loss.RelationLoss(torch.nn.MSELoss(), normalize_sub=False),
        random_state=random_state,
        **settings,
    )
    routine.add_training_phase(epochs=epochs, batch_size=50)
    return routine


def preserved(rows, places, k=15):
    near = [NearestNeighbors(n_neighbors=k).fit(Z).kneighbors(return_distance=False) for Z in (rows, places)]
    return np.mean([len(set(one) & set(other)) / k for one, other in zip(*near, strict=True)])


def stress(rows, places):
    from scipy.spatial.distance import pdist

    wanted, found = pdist(rows), pdist(np.asarray(places, dtype=float))
    return ((wanted - found) ** 2).sum() / (wanted**2).sum()


def explained(rows, decoded):
    """R² of each column that varies."""
    varies = rows.std(axis=0) > 0
    rows, decoded = rows[:, varies], np.asarray(decoded, dtype=float)[:, varies]
    return 1 - ((rows - decoded) ** 2).sum(axis=0) / ((rows - rows.mean(axis=0)) ** 2).sum(axis=0)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("factor", "offset"), [(1e3, 1e9)])
def test_neighbors_are_preserved_at_any_offset_and_unit(network, factor, offset, outcome):
    def measure(seed):
        routine = NETWORKS[network](seed).fit(factor * X + offset)
        return {"neighbours preserved": preserved(X, routine.transform(factor * X + offset))}

    outcome(measure, seeds=2, at_least={"neighbours preserved": 0.35})


@pytest.mark.parametrize("settings", [{}, {"network": "centers"}, {"linear": True}], ids=str)
@pytest.mark.parametrize(("factor", "offset"), [(1, 1e6), (1e3, 0)])
def test_distances_are_those_of_the_data_in_their_unit(settings, factor, offset, outcome):
    def measure(seed):
        routine = ParametricMDS(epochs=60, random_state=seed, **settings).fit(factor * X + offset)
        return {"stress": stress(factor * X, routine.transform(factor * X + offset))}

    outcome(measure, seeds=2, at_most={"stress": 0.05})


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_distances_of_composed_routines_have_the_unit_of_their_relations(factor, outcome):
    def measure(seed):
        routine = composed(epochs=60, random_state=seed).fit(factor * X + 1e6 * factor)
        return {"stress": stress(factor * X, routine.transform(factor * X + 1e6 * factor))}

    outcome(measure, seeds=2, at_most={"stress": 0.05})


@pytest.mark.parametrize("settings", [{}, {"network": "centers"}], ids=str)
@pytest.mark.parametrize(("factor", "offset"), [(1e6, 0), (1, 1e3)])
@pytest.mark.filterwarnings("ignore:.*columns of X are constant:UserWarning")
def test_autoencoders_decode_as_well_at_any_offset_and_unit(settings, factor, offset, outcome):
    rows = factor * DIGITS + offset

    def measure(seed):
        routine = ParametricAutoencoder(epochs=60, random_state=seed, **settings).fit(rows)
        return {"R²": np.mean(explained(rows, routine.inverse_transform(routine.transform(rows))))}

    outcome(measure, seeds=2, at_least={"R²": 0.3})


def test_columns_of_different_units_are_decoded_alike(outcome):
    rows = load_wine().data

    def measure(seed):
        routine = ParametricAutoencoder(random_state=seed).fit(rows)
        return {"worst R²": explained(rows, routine.inverse_transform(routine.transform(rows))).min()}

    outcome(measure, seeds=3, at_least={"worst R²": 0.1})


@pytest.mark.parametrize("factor", [1e6])
@pytest.mark.filterwarnings("ignore:.*columns of X are constant:UserWarning")
def test_decoder_of_another_method_does_not_depend_on_the_unit(factor, outcome):
    rows = factor * DIGITS

    def measure(seed):
        routine = ParametricContrastive(decoder=True, random_state=seed, epochs=20).fit(rows)
        return {"R²": np.mean(explained(rows, routine.inverse_transform(routine.transform(rows))))}

    outcome(measure, seeds=2, at_least={"R²": 0.4})


def test_what_is_decoded_far_from_zero_keeps_its_digits():
    routine = ParametricAutoencoder(**SHORT).fit(X + 1e9)
    decoded = routine.inverse_transform(routine.transform(X + 1e9))
    assert decoded.dtype == np.float64
    assert np.abs(decoded - 1e9 - X).mean() < 1
    assert ParametricAutoencoder(**SHORT).fit(X).inverse_transform([[0.0, 0.0]]).dtype == np.float32


@pytest.mark.parametrize("kind", [routines.ParametricTSNE, routines.ParametricUMAP])
def test_networks_of_1x_are_trained_as_they_were(kind):
    routine = kind(epochs=1, init_epochs=1, random_state=0)
    routine.train(X)
    assert routine.model.scaling is None
    assert set(routine.model.state_dict()) == {
        "alpha",
        *(f"layers.{i}.{p}" for i in range(3) for p in ("weight", "bias")),
    }


@pytest.mark.parametrize("kind", [ParametricTSNE, ParametricUMAP])
def test_plain_networks_of_today_standardise(kind):
    assert kind(epochs=1, init_epochs=1, network="mlp").fit(X).model.scaling.prepared


def train(routine, X):
    routine.train(X)
    return routine


@pytest.mark.parametrize(
    "run",
    [lambda made, X: made.fit(X), lambda made, X: made.partial_fit(X, epochs=1), train],
    ids=["fit", "partial_fit", "train"],
)
@pytest.mark.parametrize("settings", [{}, {"in_dim": 4}], ids=str)
def test_composed_routines_standardise_where_rows_want_it(settings, run):
    assert run(composed(**settings), X).model.scaling is None
    for rows in (X + 100, X * 1000, X / 1000):
        assert run(composed(**settings), rows).model.scaling.prepared
    assert run(composed(standardize=True, **settings), X).model.scaling.prepared
    assert run(composed(standardize=False, **settings), X * 1000).model.scaling is None


def test_decoders_do_as_their_encoders():
    mlp = ModelRecipe(decoder=True)
    centers = ModelRecipe("centers", decoder=True)
    for rows, recipe, expected in ((X, mlp, False), (X + 100, mlp, True), (X, centers, True)):
        assert (composed(recipe).fit(rows).model.decoder.scaling is not None) is expected


def test_models_that_were_given_and_recipes_that_say_so_are_left_as_they_are():
    given = FullyConnectedEmbeddingModel(4)
    assert composed(given).fit(X).model is given
    assert given.scaling is None
    assert given.unit is None
    assert composed(ModelRecipe(options={"standardize": False})).fit(X).model.scaling is None
    assert composed(ModelRecipe(options={"unit": 7.0})).fit(X).model.unit == 7.0
    assert composed(FullyConnectedEmbeddingModel(4, standardize=True)).fit(X).model.scaling.prepared


def test_means_and_scales_are_those_of_the_training_rows_and_stay():
    routine = ParametricMDS(epochs=2, validation_fraction=0.2, random_state=0).fit(X)
    scaling, training = routine.model.scaling, routine.dataset["main"].numpy()
    assert len(training) == 120
    np.testing.assert_allclose(scaling.mean().numpy(), training.mean(axis=0), rtol=1e-3)
    before = scaling.mean().clone(), scaling.scale.clone(), routine.model.unit
    routine.update(X[:40] + 3)
    routine.partial_fit(X[:40] + 3)
    routine.train(X + 1)
    assert torch.equal(scaling.mean(), before[0])
    assert torch.equal(scaling.scale, before[1])
    assert routine.model.unit == before[2]


@pytest.mark.parametrize("offset", [0, 1e7])
@pytest.mark.parametrize("settings", [{}, {"network": "centers"}], ids=str)
def test_saved_exported_and_written_networks_do_the_same(settings, offset, tmp_path):
    rows = X + offset
    routine = ParametricMDS(decoder=True, epochs=2, random_state=0, **settings).fit(rows)
    places = routine.transform(rows)
    routine.save(tmp_path / "map.paradime")
    again = paradime.load(tmp_path / "map.paradime")
    np.testing.assert_array_equal(again.transform(rows), places)
    np.testing.assert_array_equal(again.inverse_transform(places), routine.inverse_transform(places))
    written = run_layers(write_layers(routine), torch.from_numpy(rows)).numpy()
    np.testing.assert_allclose(written, places, atol=1e-4 * np.ptp(places))
    routine.export_torch(tmp_path / "map.pt2")
    onnxruntime = pytest.importorskip("onnxruntime")
    routine.export_onnx(tmp_path / "map.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "map.onnx")
    kind = np.float64 if offset else np.float32
    (found,) = session.run(None, {"rows": rows.astype(kind)})
    np.testing.assert_allclose(found, places, atol=1e-4 * np.ptp(places))


@pytest.mark.parametrize("offset", [1e7, 1e9])
def test_new_rows_updates_and_explanations_keep_the_digits(offset, outcome):
    rows = X + offset

    def measure(seed):
        routine, near = (ParametricMDS(epochs=20, random_state=seed).fit(Z[::2]) for Z in (rows, X))
        sums = [
            np.abs(feature_importance(one, Z, method="gradient_x_input").overall).sum()
            for one, Z in ((routine, rows), (near, X))
        ]
        assert distortion(routine, rows).stretch.min() > 0
        assert len(np.unique(novelty(routine, rows[1::2], rows[::2]).ratio)) > 50
        return {"importance": sums[0] / sums[1], **continued(routine, (rows[1::2], rows[:60]), rows)}

    outcome(
        measure,
        seeds=2,
        at_least={"importance": 0.7, **dict.fromkeys(PRESERVED, 0.5), "score": 0.9},
        at_most={"importance": 1.3, "drift": 0.3},
    )


@pytest.mark.parametrize("kind", [ParametricMDS, ParametricAutoencoder, ParametricTSNE])
def test_models_of_standardised_columns_take_the_columns_as_they_are(kind):
    rows = load_wine().data + 1e6
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    routine = kind(**SHORT).fit((rows - mean) / scale)
    before = routine.transform((rows - mean) / scale)
    decodes = isinstance(routine.model, EmbeddingModel)
    decoded = mean + scale * routine.inverse_transform(before) if decodes else None
    fold(routine, rows, mean, scale)
    np.testing.assert_allclose(routine.transform(rows), before, atol=1e-3 * np.ptp(before))
    if decodes:
        np.testing.assert_allclose((routine.inverse_transform(before) - decoded) / scale, 0, atol=1e-3)


@pytest.mark.parametrize("format_", ["csr", "csc", "coo"])
def test_sparse_rows_keep_their_digits_in_fits_updates_and_explanations(format_, outcome):
    rows = scipy.sparse.csr_array(X + 1e9).asformat(format_)
    parts = [scipy.sparse.csr_array(X[i::2] + 1e9).asformat(format_) for i in (0, 1)]

    def measure(seed):
        routine = ParametricMDS(epochs=20, random_state=seed).fit(parts[0])
        assert isinstance(routine.dataset["main"], SparseRows)
        np.testing.assert_array_equal(routine.transform(rows), routine.transform(X + 1e9))
        assert distortion(routine, rows).stretch.min() > 0
        return continued(routine, parts[::-1], rows)

    outcome(measure, seeds=2, at_least={**dict.fromkeys(PRESERVED, 0.5), "score": 0.9}, at_most={"drift": 0.3})


@pytest.mark.filterwarnings("ignore::paradime.exceptions.ScaleWarning")
def test_a_single_column_far_from_zero_keeps_its_digits_among_sparse_ones(outcome):
    rng = np.random.default_rng(0)
    counts = (rng.random((150, 30)) < 0.05) * 0.1
    rows = scipy.sparse.csr_array(np.column_stack([X[:, 2] + 1e9, counts]))

    def measure(seed):
        return {"preserved": preserved(X[:, 2:3], ParametricMDS(epochs=40, random_state=seed).fit_transform(rows))}

    outcome(measure, seeds=2, at_least={"preserved": 0.4})


@pytest.mark.parametrize("make", [np.asarray, scipy.sparse.csr_array], ids=["dense", "sparse"])
def test_axes_of_whole_numbers_far_from_zero_are_found_in_double_precision(make):
    scalings = []
    for offset in (0, 10**9):
        rows = make((X * 10).astype(np.int64) + offset)
        scalings.append(ParametricMDS(epochs=1, network="centers", random_state=0).fit(rows).model.scaling)
    torch.testing.assert_close(scalings[1].weight.abs(), scalings[0].weight.abs(), rtol=1e-3, atol=1e-3)


# -- what is lost even so -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "precision"),
    [((X + 1e6).astype(np.float32), "single"), (X + 1e14, "double")],
    ids=["single", "double"],
)
def test_digits_that_the_data_have_lost_already_are_told(rows, precision):
    with pytest.warns(
        UserWarning, match=rf"is so far from zero that {precision} precision distinguishes only about \d+ values"
    ):
        ParametricMDS(epochs=1).fit(rows)


WHOLE = (X * 10).astype(np.int64)


@pytest.mark.parametrize(
    "rows",
    [
        WHOLE + 10**18,
        (WHOLE + 10**18).tolist(),
        torch.from_numpy(WHOLE + 10**18),
        pd.DataFrame(WHOLE + 10**17).astype("Int64"),
        scipy.sparse.csr_array(WHOLE + 10**18),
        (100 * WHOLE).astype(np.uint64) + np.uint64(2**63),
        -WHOLE - 2**62,
    ],
    ids=["int64", "lists", "tensor", "pandas Int64", "sparse", "uint64", "negative"],
)
@pytest.mark.filterwarnings("ignore::paradime.exceptions.ScaleWarning")
def test_digits_of_whole_numbers_that_double_precision_loses_are_told(rows):
    with pytest.warns(
        UserWarning, match=r"double precision distinguishes only about \d+ values .* Subtract the offset"
    ):
        ParametricMDS(epochs=1).fit(rows)


@pytest.mark.parametrize("rows", [WHOLE.astype(np.uint64) + np.uint64(2**63), (X + 1e9).astype(np.float32)])
def test_rows_that_rounding_may_have_made_identical_are_called_so(rows):
    with pytest.warns(
        UserWarning, match=r"identical.* are rounded in (double|single) precision; .* subtract the off"
    ):
        Dataset(rows)


@pytest.mark.parametrize(
    "rows",
    [WHOLE + 2**52, -WHOLE - 2**52, np.array([[-(2**63)], [2**63 - 1]]), np.array([[0], [2**60]])],
    ids=["exact", "negative", "whole range", "wide"],
)
def test_whole_numbers_that_double_precision_tells_apart_are_not_warned_of(rows, recwarn):
    Dataset(rows)
    Dataset(scipy.sparse.csr_array(rows))
    assert not recwarn.list


@pytest.mark.parametrize("kind", [ParametricMDS, ParametricTSNE, composed])
def test_networks_of_fit_are_not_said_to_lose_digits_where_their_width_was_said(kind, recwarn):
    rows = X + 1e6
    routine = kind(in_dim=4, epochs=2, random_state=0).fit(rows)
    assert not [told for told in recwarn.list if "far from zero" in str(told.message)]
    expected = kind(epochs=2, random_state=0).fit(rows).transform(rows)
    np.testing.assert_array_equal(routine.transform(rows), expected)


def test_digits_that_a_model_of_ones_own_loses_are_told():
    with pytest.warns(UserWarning, match="does not centre its input") as told:
        composed(torch.nn.Linear(4, 2)).fit(X + 1e7)
    assert len([one for one in told if "far from zero" in str(one.message)]) == 1
    with pytest.warns(UserWarning, match=r"standardize=True"):
        composed(standardize=False).train(X + 1e7)


def test_rows_that_double_precision_tells_apart_are_not_called_identical(recwarn):
    ParametricMDS(epochs=1).fit(X + 1e9)
    assert not recwarn.list


# -- what else reads rows -------------------------------------------------------------------------


@pytest.mark.parametrize("make", [np.asarray, scipy.sparse.csr_array], ids=["dense", "sparse"])
def test_quality_of_held_out_rows_is_measured_with_all_digits(make):
    qualities = []
    for offset in (0, 1e9):
        routine = ParametricMDS(epochs=30, validation_fraction=0.2, random_state=0).fit(make(X + offset))
        qualities.append(routine.history_[-1]["validation_quality"])
    assert qualities[1] == pytest.approx(qualities[0], abs=0.1)


def test_pages_carry_the_digits_of_columns_far_from_zero(tmp_path):
    routine = ParametricMDS(**SHORT).fit(X + 1e9)
    network = pack_network(routine, X + 1e9, routine.transform(X + 1e9), Blobs())
    assert network.described is not None, network.note
    assert network.described["double"]
    features, _ = pack_features(X + 1e9, list("abcd"), Blobs())
    assert features["data"]["type"] == "Float64"
    assert pack_features(X, list("abcd"), Blobs())[0]["data"]["type"] == "Float32"


def test_one_row_far_from_all_others_leaves_the_map_of_the_others(outcome):
    def measure(seed):
        rows = X.copy()
        rows[0, 0] = 1e8
        places = ParametricMDS(epochs=80, random_state=seed).fit_transform(rows)
        return {"preserved": preserved(rows[1:], places[1:]), "extent": np.abs(places[1:]).max()}

    # with the unit of the far row, 0.15 of the neighbours and an extent of a million
    outcome(measure, seeds=3, at_least={"preserved": 0.45}, at_most={"extent": 50.0})


@pytest.mark.parametrize("layout", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize("network", ["mlp", "centers"])
@pytest.mark.parametrize("kind", [ParametricMDS, ParametricAutoencoder])
def test_column_that_was_constant_at_first_counts_once_it_varies(kind, network, layout):
    varying = X.copy()
    varying[:50, 3] = 0.1
    routine = kind(epochs=20, network=network, random_state=0)
    with pytest.warns(UserWarning, match="constant"):
        routine.partial_fit(layout(varying[:50]))
    for _ in range(3):
        routine.partial_fit(layout(varying))
    other = varying.copy()
    other[:, 3] += 3
    moved = np.abs(routine.transform(layout(other)) - routine.transform(layout(varying))).max()
    assert moved > 1e-3


def test_unsigned_tensors_are_embedded_like_arrays():
    values = np.round(X * 10).astype(np.uint32) + np.uint32(2**31)
    mds = ParametricMDS(epochs=5, random_state=0)
    embedded = mds.fit_transform(torch.from_numpy(values))
    np.testing.assert_array_equal(embedded, mds.fit_transform(values))
    assert len(np.unique(embedded, axis=0)) > 100


def test_integers_that_are_rounded_beside_other_numbers_are_told():
    table = pd.DataFrame({"id": np.arange(60) + 2**60, "size": X[:60, 0], "width": X[:60, 1]})
    with pytest.warns(UserWarning, match=r"constant \('id'\).* Integers of this size are rounded in double"):
        ParametricMDS(epochs=1, random_state=0).fit(table)

"""Maps whose positions move freely once the network is trained."""

import numpy as np
import pytest
import scipy.sparse
import torch
from sklearn.datasets import load_digits, load_iris

import paradime
import paradime.routines
from paradime import ParametricContrastive, ParametricDR, ParametricTSNE, ParametricUMAP, metrics
from paradime.constraints import AxisConstraint
from paradime.exceptions import ModelFileError, UnsupportedConfigurationError
from paradime.functional import cauchy

pytestmark = pytest.mark.usefixtures("few_first_steps")

SHORT = {"epochs": 5, "init_epochs": 1, "random_state": 0, "refine": True}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X = X[:, X.std(axis=0) > 0].astype(np.float32)
    return X[:500], y[:500], X[500:700], y[500:700]


@pytest.fixture(scope="module")
def fitted(digits):
    return ParametricTSNE(**SHORT).fit(digits[0])


def test_more_neighbours_are_preserved_than_by_the_network_and_no_fewer_of_new_rows(outcome, digits):
    X, _, new, _ = digits

    def measure(seed):
        routine = ParametricTSNE(**{**SHORT, "epochs": 20, "random_state": seed}).fit(X)
        seen, held_out = [], []
        for refine in (True, False):
            Y, placed = (routine.transform(rows, refine=refine) for rows in (X, new))
            seen.append(float(metrics.knn_recall(X, Y, n_neighbors=10)))
            held_out.append(float(metrics.knn_recall(X, Y, n_neighbors=10, test_X=new, test_embedding=placed)))
        return {"seen": seen[0] - seen[1], "held out": held_out[0] - held_out[1]}

    outcome(measure, at_least={"seen": 0.01, "held out": -0.02})


def test_a_guided_map_stays_guided(outcome, digits):
    X, y, _, _ = digits

    def measure(seed):
        routine = ParametricTSNE(**{**SHORT, "epochs": 20, "random_state": seed}).fit(X, y)
        guided = metrics.silhouette(routine.embedding_, y)
        plain = ParametricTSNE(**{**SHORT, "epochs": 20, "random_state": seed}).fit(X)
        return {"gain": float(guided) - float(metrics.silhouette(plain.embedding_, y))}

    outcome(measure, at_least={"gain": 0.02})


@pytest.mark.parametrize("container", [np.asarray, torch.from_numpy, scipy.sparse.csr_array])
def test_training_rows_are_where_fit_left_them(digits, container):
    X = container(digits[0][:200])
    routine = ParametricTSNE(**SHORT)
    positions = np.asarray(routine.fit_transform(X))
    assert np.array_equal(positions, routine.embedding_)
    assert np.array_equal(positions, np.asarray(routine.transform(X)))
    assert np.array_equal(positions[50:60], np.asarray(routine.transform(X[50:60])))


def test_a_seed_gives_the_same_map(digits):
    first, second = (ParametricTSNE(**SHORT).fit(digits[0][:200]).embedding_ for _ in range(2))
    assert np.array_equal(first, second)


def test_without_refinement_there_is_the_network_alone(fitted, digits):
    X, _, new, _ = digits
    plain = ParametricTSNE(**{**SHORT, "refine": False}).fit(X)
    assert np.array_equal(plain.transform(new), plain.transform(new, refine=False))
    assert not np.allclose(fitted.transform(new), fitted.transform(new, refine=False))
    assert not hasattr(plain, "refined_map_")


def test_the_network_learns_the_refined_map_and_embeds_new_rows_no_worse(outcome, digits):
    X, _, new, _ = digits

    def measure(seed):
        settings = {**SHORT, "epochs": 20, "random_state": seed}
        plain = ParametricTSNE(**{**settings, "refine": False}).fit(X)
        routine = ParametricTSNE(**settings).fit(X)
        spread = routine.embedding_.std(axis=0).mean()
        apart = np.linalg.norm(routine.embedding_ - routine.transform(X, refine=False), axis=1).mean() / spread
        recalls = [
            metrics.knn_recall(
                X, one.transform(X, refine=False), n_neighbors=10, test_X=new, test_embedding=placed
            )
            for one, placed in ((routine, routine.transform(new, refine=False)), (plain, plain.transform(new)))
        ]
        return {"apart": float(apart), "gain": float(recalls[0]) - float(recalls[1])}

    outcome(measure, at_most={"apart": 0.3}, at_least={"gain": -0.06})


def test_a_saved_map_places_rows_as_before(fitted, digits, tmp_path):
    X, _, new, _ = digits
    fitted.save(tmp_path / "tsne.paradime")
    loaded = paradime.load(tmp_path / "tsne.paradime")
    for rows in (X, new):
        assert np.array_equal(loaded.transform(rows), fitted.transform(rows))
        assert np.array_equal(loaded.transform(rows, refine=False), fitted.transform(rows, refine=False))


def test_a_folder_says_that_it_contains_training_rows(fitted, tmp_path):
    fitted.save(tmp_path / "refined")
    ParametricTSNE(**{**SHORT, "refine": False}).fit(load_iris().data).save(tmp_path / "plain")
    refined, plain = ((tmp_path / name / "README.md").read_text() for name in ("refined", "plain"))
    assert "contain rows of the training data" in refined
    assert "do not contain" not in refined
    assert "do not contain the training data" in plain


def test_a_file_can_hold_a_sample_of_the_rows_and_is_smaller(fitted, digits, tmp_path):
    whole, small = tmp_path / "whole.paradime", tmp_path / "small.paradime"
    fitted.save(whole)
    fitted.save(small, reference_rows=100)
    loaded = paradime.load(small)
    assert len(loaded.refined_map_.positions) == 100
    assert len(fitted.refined_map_.positions) == 500
    assert small.stat().st_size < whole.stat().st_size - 400 * 64 * 2
    X = digits[0]
    same = (loaded.transform(X) == fitted.embedding_).all(axis=1)
    assert same.sum() == 100
    far = np.linalg.norm(loaded.transform(X) - fitted.embedding_, axis=1)
    assert np.median(far) < 0.2 * np.ptp(fitted.embedding_)
    fitted.save(small, reference_rows=1_000)
    assert np.array_equal(paradime.load(small).transform(X), fitted.embedding_)


@pytest.mark.parametrize("write", ["save", "export_onnx", "export_torch"])
def test_a_number_of_reference_rows_without_sense_is_refused(fitted, write, tmp_path):
    for wrong in (0, -3, 2.5, True, "all"):
        with pytest.raises(ValueError, match=r"reference_rows must be a positive integer"):
            getattr(fitted, write)(tmp_path / "a", reference_rows=wrong)
    plain = ParametricTSNE(**{**SHORT, "refine": False}).fit(load_iris().data)
    with pytest.raises(ValueError, match=r"reference_rows=10 is for refined maps"):
        getattr(plain, write)(tmp_path / "a", reference_rows=10)
    assert not list(tmp_path.iterdir())


def test_a_damaged_map_is_not_loaded(fitted, tmp_path):
    from safetensors.torch import load_file, save_file

    fitted.save(tmp_path / "tsne")
    (place,) = [path for path in (tmp_path / "tsne").glob("*.safetensors") if "refined/keys" in load_file(path)]
    state = load_file(place)
    state["refined/keys"] = state["refined/keys"][:3].clone()
    save_file(state, place)
    with pytest.raises((ModelFileError, ValueError)):
        paradime.load(tmp_path / "tsne")


def test_update_and_partial_fit_add_rows_and_move_none(digits):
    X, _, new, _ = digits
    for add in ("update", "partial_fit"):
        routine = ParametricTSNE(**SHORT).fit(X[:200])
        before, placed = routine.embedding_, routine.transform(new[:50])
        getattr(routine, add)(new[:50])
        assert np.array_equal(routine.transform(X[:200]), before)
        assert np.array_equal(routine.transform(new[:50]), placed)
        assert len(routine.refined_map_.positions) == 250


def test_rows_that_come_again_are_added_once(digits):
    X, _, new, _ = digits
    routine = ParametricTSNE(**SHORT).fit(X[:200])
    routine.update(np.concatenate((new[:30], new[:30], X[:5])))
    routine.partial_fit(new[20:40])
    assert len(routine.refined_map_.positions) == 240


@pytest.mark.parametrize("refine", [True, False])
@pytest.mark.parametrize("add", ["update", "partial_fit"])
def test_a_change_of_refine_is_named_where_training_cannot_go_on(refine, add, digits):
    X = digits[0]
    routine = ParametricTSNE(**{**SHORT, "refine": not refine}).fit(X[:200])
    with pytest.raises(ValueError, match=rf"refine={refine} was set after .* Set refine={not refine} again"):
        getattr(routine.set_params(refine=refine), add)(X[200:250])


@pytest.mark.parametrize("add", ["update", "partial_fit"])
def test_training_further_makes_no_map_and_drops_one_that_is_not_wanted(add, digits):
    X, settings = digits[0], {**SHORT, "hidden_dims": [50]}
    routine = ParametricTSNE(**{**settings, "refine": False}).fit(X[:200]).set_params(refine=True)
    with pytest.warns(UserWarning, match=r"there is no refined map: .* Call fit\(X\)"):
        getattr(routine, add)(X[200:250])
    assert not hasattr(routine, "refined_map_")
    routine = ParametricTSNE(**settings).fit(X[:200]).set_params(refine=False)
    getattr(routine, add)(X[200:250])
    assert not hasattr(routine, "refined_map_")


def test_a_resumed_training_makes_the_same_map(digits, tmp_path):
    from paradime.training import Callback, Checkpoints

    class Fail(Callback):
        def on_epoch_end(self, state):
            if state.epoch == 2 and state.phase.name != "pretraining":
                raise RuntimeError("no power")

    X, checkpoints = digits[0][:200], Checkpoints(tmp_path, every_epochs=1)
    expected = ParametricTSNE(**SHORT).fit(X)
    with pytest.raises(RuntimeError, match="no power"):
        ParametricTSNE(**SHORT).fit(X, callbacks=[checkpoints, Fail()])
    for _ in range(2):  # the second time, only the refinement is left
        resumed = ParametricTSNE(**SHORT).fit(
            X, callbacks=[Checkpoints(tmp_path, every_epochs=1)], resume_from=tmp_path
        )
        assert np.array_equal(resumed.embedding_, expected.embedding_)


def test_a_new_fit_makes_a_new_map(digits):
    X = digits[0]
    routine = ParametricTSNE(**SHORT).fit(X[:200])
    routine.set_params(refine=False).fit(X[:100])
    assert not hasattr(routine, "refined_map_")
    routine.set_params(refine=True).fit(X[:100])
    assert len(routine.refined_map_.positions) == 100


def test_the_embedding_is_differentiable(fitted, digits):
    rows = torch.from_numpy(digits[2][:4]).requires_grad_()
    embedded = fitted.embed(rows)
    assert np.array_equal(embedded.detach().numpy(), fitted.transform(digits[2][:4]))
    assert np.array_equal(fitted.embed(digits[0]).numpy(), fitted.transform(digits[0]))
    (gradient,) = torch.autograd.grad(embedded.sum(), rows)
    assert bool((gradient.flatten(1).norm(dim=1) > 0).all())


def test_explanations_speak_of_the_network_and_reports_of_the_map(fitted, digits):
    from paradime.explain import feature_importance

    X, y, _, _ = digits
    importance = feature_importance(fitted, X[:20])
    assert importance.method == "permutation"  # the network jumps where the map does
    assert np.array_equal(importance.values, feature_importance(fitted.model, X[:20], feature_names=None).values)
    report = paradime.report(fitted, X, y).scores
    trust = next(score.seen for name, score in report.items() if "trust" in name)
    expected = metrics.trustworthiness(X, fitted.embedding_, n_neighbors=15)
    assert float(trust) == pytest.approx(float(expected), abs=0.01)


def test_heads_belong_to_the_refined_map(outcome, digits):
    X, y, new, new_y = digits

    def measure(seed):
        settings = {**SHORT, "epochs": 10, "random_state": seed}
        routine = ParametricTSNE(classifier=True, decoder=True, **settings).fit(X, y)
        errors = (routine.inverse_transform(routine.transform(X)) - X) ** 2
        accuracy = float((routine.predict(new) == new_y).mean())
        return {"accuracy": accuracy, "error": float(errors.mean() / X.var(axis=0).mean())}

    outcome(measure, seeds=2, at_least={"accuracy": 0.25}, at_most={"error": 0.8})


@pytest.fixture
def score_of(outcome):
    """Asserts the trustworthiness of short trainings on iris, of several seeds."""
    X = load_iris().data

    def check(preset, bound, **settings):
        def measure(seed):
            routine = preset(**{**SHORT, "random_state": seed}, **settings).fit(X)
            assert routine.embedding_.shape == (150, routine.n_components)
            return {"score": routine.score(X)}

        outcome(measure, seeds=2, at_least={"score": bound})

    return check


@pytest.mark.parametrize("n_components", [1, 3])
def test_maps_of_one_and_three_dimensions_are_refined(n_components, score_of, monkeypatch):
    # a coarser grid in three dimensions, where Fourier transforms of the usual one take seconds
    monkeypatch.setitem(cauchy._LEAST_CELLS, 3, 1 << 15)
    score_of(ParametricTSNE, 0.8, n_components=n_components)


@pytest.mark.parametrize("kind", ["infonce", "nce"])
def test_contrastive_maps_are_refined(kind, score_of):
    score_of(ParametricContrastive, 0.9, kind=kind)


def test_blocks_of_t_sne_are_refined(score_of):
    score_of(ParametricTSNE, 0.9, objective="blocks")


def test_t_sne_refines_by_default_where_it_can():
    X = load_iris().data
    short = {"epochs": 1, "init_epochs": 1, "random_state": 0}
    made = ParametricTSNE(**short).fit(X)
    assert made.get_params()["refine"] == "auto"
    assert np.array_equal(made.transform(X), made.refined_map_.positions.numpy())
    for settings in ({"refine": False}, {"alpha": 2.0}, {"n_components": 3}):
        assert not hasattr(ParametricTSNE(**short, **settings).fit(X), "refined_map_")
    assert not hasattr(paradime.routines.ParametricTSNE(epochs=1, init_epochs=1).fit(X), "refined_map_")


def test_by_default_a_loss_of_another_form_is_trained_without_refinement():
    from paradime.loss import ContrastiveLoss

    routine = ParametricTSNE(epochs=1, init_epochs=1, random_state=0)
    routine.losses = {**routine.losses, "embedding": ContrastiveLoss(temperature=2.0)}
    assert "refine" not in routine.to_spec(format="dict")
    assert not hasattr(routine.fit(load_iris().data), "refined_map_")


def test_a_specification_says_that_a_map_is_refined():
    X = load_iris().data
    routine = ParametricTSNE(epochs=2, init_epochs=1, random_state=0)
    assert routine.to_spec(format="dict")["refine"] is True
    assert "refine" not in ParametricTSNE(refine=False).to_spec(format="dict")
    read = ParametricDR.from_spec(routine.to_spec(), random_state=0)
    assert np.array_equal(read.fit(X).embedding_, routine.fit(X).embedding_)


def test_the_network_of_a_refined_routine_holds_the_map(fitted, digits, tmp_path):
    from paradime.models import PrototypeModel

    X = digits[0]
    assert type(fitted.model) is PrototypeModel
    assert {record["phase"] for record in fitted.history_}.isdisjoint({"distillation"})
    apart = np.linalg.norm(fitted.transform(X, refine=False) - fitted.embedding_, axis=1)
    assert np.median(apart) < 0.1 * np.ptp(fitted.embedding_)
    mlp = ParametricTSNE(**SHORT, network="mlp").fit(X[:100])
    assert "distillation" in {record["phase"] for record in mlp.history_}


def test_a_refined_routine_is_fitted_again_from_the_start_and_from_its_network(digits):
    X = digits[0][:200]
    routine = ParametricTSNE(**SHORT)
    first = routine.fit(X).embedding_
    assert np.array_equal(routine.fit(X).embedding_, first)
    warm = routine.set_params(warm_start=True).fit(X)
    assert np.array_equal(warm.transform(X), warm.embedding_)


@pytest.mark.parametrize(
    "routine",
    [
        ParametricContrastive(kind="negative sampling", **SHORT),
        ParametricContrastive(temperature=2.0, **SHORT),
        ParametricTSNE(alpha=2.0, **SHORT),
    ],
)
def test_objectives_of_other_forms_are_refused_before_training(routine):
    with pytest.raises(UnsupportedConfigurationError, match=r"refine=True needs a phase"):
        routine.fit(load_iris().data)
    assert not routine.trained


def test_more_than_three_dimensions_are_refused_before_training():
    routine = ParametricTSNE(n_components=4, **SHORT)
    with pytest.raises(ValueError, match=r"1 to 3 dimensions, got 4"):
        routine.fit(load_iris().data)
    assert not routine.trained


@pytest.mark.parametrize(
    "settings",
    [{}, {"loss_weights": "balanced"}, {"loss_weights": [1.0, 0.5]}, {"loss_shares": {"structure": 0.2}}],
)
def test_a_composed_routine_is_refined(settings):
    from paradime.data import ContrastivePairs
    from paradime.loss import ContrastiveLoss, GlobalStructureLoss
    from paradime.relations import NeighborBasedPDist
    from paradime.training import TrainingPhase
    from paradime.transforms import Normalize, PerplexityBasedRescale, Symmetrize

    X = load_iris().data.astype(np.float32)
    routine = ParametricDR(
        global_relations=NeighborBasedPDist(transform=[PerplexityBasedRescale(10), Symmetrize(), Normalize()]),
        losses={"main": ContrastiveLoss(), "structure": GlobalStructureLoss()},
        training_phases=[
            TrainingPhase(
                epochs=4, batch_size=50, sampling=ContrastivePairs(), loss_keys=["main", "structure"], **settings
            )
        ],
        random_state=0,
        refine=True,
    ).fit(X)
    assert np.array_equal(routine.transform(X), routine.refined_map_.positions.numpy())


def test_presets_without_such_an_objective_have_no_such_parameter():
    with pytest.raises(TypeError, match="refine"):
        ParametricUMAP(refine=True)


def test_pages_place_new_rows_in_the_refined_map_by_a_sample_if_it_is_large(fitted, digits, tmp_path, monkeypatch):
    from paradime.explorer import features
    from paradime.explorer.network import run_layers, write_layers

    X, _, new, _ = digits
    placed = run_layers(write_layers(fitted), torch.from_numpy(new)).numpy()
    assert np.allclose(placed, fitted.transform(new), atol=1e-5)
    page = paradime.explore(fitted, X[:100], path=tmp_path / "page.html")
    assert page.what_if
    assert not page.notes
    monkeypatch.setattr(features, "_MOST_PARAMETERS", 10_000)
    page = paradime.explore(fitted, X[:100], path=tmp_path / "page.html")
    assert page.what_if
    assert any("of the 500 training rows by which the routine places others" in note for note in page.notes)


def test_the_explorer_ranks_features_of_training_rows_in_a_refined_map(fitted, digits):
    from paradime.explorer.features import feature_importance
    from paradime.explorer.network import write_layers

    assert (feature_importance(write_layers(fitted), torch.from_numpy(digits[0][:50])) > 0).any()


def test_keyboard_interrupt_keeps_the_positions_reached(digits, monkeypatch):
    from paradime.refinement import FreePositions

    steps = []

    def step(self):
        steps.append(1)
        if len(steps) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(FreePositions, "step", step)
    with pytest.warns(UserWarning, match=r"refinement was interrupted after step 2 of"):
        routine = ParametricTSNE(on_interrupt="keep", **SHORT).fit(digits[0][:100])
    assert len(routine.refined_map_.positions) == 100
    steps.clear()
    with pytest.raises(KeyboardInterrupt):
        ParametricTSNE(**SHORT).fit(digits[0][:100])


@pytest.mark.parametrize("offset", [0.1, 1e4, 1e8])
def test_rows_far_from_zero_have_positions_of_their_own(offset):
    X = np.unique(load_iris().data, axis=0) + offset
    routine = ParametricTSNE(**SHORT)
    positions = routine.fit_transform(X)
    assert len(np.unique(positions, axis=0)) == len(X)
    assert np.array_equal(positions, routine.transform(X))


def test_without_epochs_the_network_stays_as_it_is(digits):
    routine = ParametricTSNE(**{**SHORT, "epochs": 0}).fit(digits[0][:100])
    assert "distillation" not in {record["phase"] for record in routine.history_}
    assert len(routine.refined_map_.positions) == 100


@pytest.mark.parametrize(
    "settings",
    [
        {"decoder": True},
        {"classifier": True},
        {"density": True},
        {"structure": True},
        {"loss_shares": {"labels": 0.7}},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_by_default_a_map_with_further_components_is_not_refined(settings):
    X, y = load_iris(return_X_y=True)
    routine = ParametricTSNE(epochs=1, init_epochs=1, random_state=0, **settings).fit(X, y)
    assert not hasattr(routine, "refined_map_")
    assert "refine" not in routine.to_spec(format="dict")


def test_by_default_a_map_with_a_constraint_is_not_refined():
    X = load_iris().data
    routine = ParametricTSNE(epochs=1, init_epochs=1, random_state=0)
    routine.add_constraint(AxisConstraint(0), share=0.4).fit(X)
    assert not hasattr(routine, "refined_map_")
    assert "refine" not in routine.to_spec(format="dict")

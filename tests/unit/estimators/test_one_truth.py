"""What the signature says is what ``fit`` and ``train`` use; the classes of 1.x have 1.x's defaults in both."""

import copy
import inspect
import pickle
import re

import numpy as np
import pytest
import torch
from sklearn.base import clone

import paradime
import paradime.routines
from paradime import ParametricContrastive, ParametricTSNE, ParametricUMAP
from paradime.cli.console import InputError
from paradime.cli.methods import parse_settings
from paradime.dr import ParametricDR
from paradime.dr.parameters import NAMES_ELSEWHERE
from paradime.loss import ContrastiveLoss, RelationLoss, StressLoss
from paradime.models import CenterModel, FullyConnectedEmbeddingModel, PrototypeModel

ROUTINES = [ParametricTSNE, ParametricUMAP]
OF_1_X = [paradime.routines.ParametricTSNE, paradime.routines.ParametricUMAP]
PRESETS = [
    getattr(paradime, name) for name in paradime.__all__ if name.startswith("Parametric") and name[-2:] != "DR"
]
# epochs, batch size and learning rate of the two phases of ParaDime 1.x
VERSION_1 = dict(zip(OF_1_X, [[(10, 500, 0.01), (30, 500, 0.01)], [(5, 100, 0.05), (30, 10, 0.005)]], strict=True))
# what trains a network and leaves it in its place
PLAIN = {ParametricTSNE: {"refine": False}, ParametricUMAP: {}}
both = pytest.mark.parametrize("routine", ROUTINES)
of_1_x = pytest.mark.parametrize("routine", OF_1_X)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Phases by rule take few steps, so that tests are quick."""
    monkeypatch.setattr("paradime.training.budget.steps_for", lambda n_rows: 20)
    for module in ("tsne", "umap"):
        monkeypatch.setattr(f"paradime.estimators.{module}.INIT_BATCHES", 1)


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)


def short(routine, **settings):
    """What is not given is left to the defaults."""
    return routine(**{"random_state": 0, **settings})


def phases(made):
    return [(phase.epochs, phase.batch_size, phase.learning_rate) for phase in made.training_phases]


def weights(made):
    return torch.cat([p.detach().flatten() for p in made.model.parameters()])


def same(first, second):
    return torch.equal(weights(first), weights(second))


def trained(made, X):
    made.train(X)
    return made


# -- defaults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_parameters_are_those_of_the_signature_before_and_after_training(preset, X):
    signature = {name: parameter.default for name, parameter in inspect.signature(preset).parameters.items()}
    made = preset()
    assert made.get_params() == signature
    made.set_params(epochs=3, init_epochs=1)
    before = made.get_params()
    assert made.fit(X).get_params() == before


@pytest.mark.parametrize("preset", PRESETS)
def test_fit_and_train_do_the_same(preset, X):
    settings = {"epochs": 3, "init_epochs": 1}
    assert same(short(preset, **settings).fit(X), trained(short(preset, **settings), X))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_default_that_is_said_changes_nothing(preset, X):
    settings = {"epochs": 3, "init_epochs": 1}
    said = {**preset().get_params(), **settings, "random_state": 0}
    assert same(preset(**said).fit(X), short(preset, **settings).fit(X))


@both
def test_phases_before_training_are_those_that_are_run(routine, X):
    made = short(routine)
    before = phases(made)
    epochs, network = {ParametricTSNE: ("short", PrototypeModel), ParametricUMAP: ("auto", CenterModel)}[routine]
    assert before[-1] == (epochs, "auto", 0.01)
    assert phases(made.fit(X)) == before
    assert isinstance(made.model, network)


@of_1_x
@pytest.mark.parametrize("run", [lambda made, X: made.fit(X), trained], ids=["fit", "train"])
def test_classes_of_1_x_keep_their_phases_and_network(routine, run, X):
    made = run(short(routine, initialization="pca"), X)
    assert phases(made) == phases(routine()) == VERSION_1[routine]
    assert isinstance(made.model, FullyConnectedEmbeddingModel)
    assert made.model.scaling is None
    assert [layer.out_features for layer in made.model.layers] == [100, 50, 2]
    assert same(made, trained(short(routine, initialization="pca"), X))


@of_1_x
def test_classes_of_1_x_take_its_words_only(routine):
    assert {"out_dim", "use_cuda"} <= set(routine().get_params())
    for name in ("n_components", "network", "activation", "metric"):
        with pytest.raises(TypeError, match=f"{routine.__name__} has no parameter '{name}'"):
            routine(**{name: None})


@of_1_x
def test_classes_of_1_x_take_what_all_presets_take(routine, X):
    made = short(routine, epochs=1, init_epochs=1, density=True, structure=True, decoder=True).fit(X)
    assert {"density", "structure", "reconstruction"} <= set(made.losses)


# -- what is said ---------------------------------------------------------------------------------------

WAYS = {
    "itself": lambda made: made,
    "clone": clone,
    "clone of a clone": lambda made: clone(clone(made)),
    "pickle": lambda made: pickle.loads(pickle.dumps(made)),
    "deepcopy": copy.deepcopy,
    "get_params": lambda made: type(made)(**made.get_params()),
    "set_params": lambda made: type(made)().set_params(**made.get_params()),
}
ways = pytest.mark.parametrize("way", WAYS)


@both
@ways
def test_number_that_is_said_is_kept(routine, way, X):
    settings = {"epochs": 3, "batch_size": 30, "learning_rate": 0.02, "activation": "softplus"}
    made = WAYS[way](short(routine, **settings, **PLAIN[routine])).fit(X)
    assert phases(made)[-1] == (3, 30, 0.02)
    assert made.model.activation == "softplus"


@both
@ways
def test_copies_of_a_fitted_routine_fit_as_it_did(routine, way, X):
    fitted = short(routine).fit(X)
    before = weights(fitted).clone()
    assert torch.equal(weights(WAYS[way](fitted).fit(X)), before)


@both
@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
def test_copies_of_a_fitted_routine_embed_as_it_does(routine, way, X):
    fitted = short(routine).fit(X)
    np.testing.assert_array_equal(WAYS[way](fitted).transform(X), fitted.transform(X))


@both
def test_plain_network_can_be_had(routine, X):
    made = short(routine, network="mlp", hidden_dims=(100, 50), activation="softplus").fit(X)
    assert isinstance(made.model, FullyConnectedEmbeddingModel)
    assert made.model(torch.from_numpy(X)).shape == (80, 2)


@both
def test_widths_that_are_said_are_those_of_the_network_with_centers(routine, X):
    made = short(routine, hidden_dims=[9, 7], n_components=3, **PLAIN[routine]).fit(X)
    assert isinstance(made.model, CenterModel)
    assert [layer.out_features for layer in made.model.layers] == [9, 7, 3]


@both
def test_model_that_is_given_is_the_model(routine, X):
    model = torch.nn.Linear(4, 2)
    made = short(routine, model=model).fit(X)
    assert made.model is model
    made = short(routine)
    assert made.losses
    made.model = model
    assert made.fit(X).model is model


def test_model_can_be_set_and_taken_back_after_blocks_were_read(X):
    made = ParametricContrastive(epochs=1, random_state=0)
    assert made.losses
    made.model = torch.nn.Linear(4, 2)
    made.model = None
    made.train(X)
    assert isinstance(made.model, CenterModel)


@both
def test_representation_shows_what_was_said_only(routine):
    name = routine.__name__
    assert repr(routine()) == f"{name}(trained=False)"
    assert repr(clone(routine())) == f"{name}(trained=False)"
    assert repr(routine(epochs=30, hidden_dims=(100, 50))) == (
        f"{name}(epochs=30, hidden_dims=(100, 50), trained=False)"
    )
    assert repr(routine(network="centers")) == f"{name}(trained=False)"


# -- one after the other --------------------------------------------------------------------------------


@both
def test_two_fits_in_a_row_are_equal(routine, X):
    made = short(routine).fit(X)
    before = weights(made).clone()
    assert torch.equal(weights(made.fit(X)), before)


@both
def test_width_that_is_known_beforehand_changes_nothing(routine, X):
    assert same(short(routine, in_dim=4).fit(X), short(routine).fit(X))


@both
def test_width_that_does_not_fit_is_refused(routine, X):
    with pytest.raises(ValueError, match=r"X has 4 features, but \w+ is expecting 5"):
        short(routine, in_dim=5).fit(X)


@both
def test_fit_after_reading_or_training_starts_afresh(routine, X):
    read, again, fresh = short(routine, in_dim=4), short(routine), short(routine).fit(X)
    assert read.training_phases
    again.train(X)
    for made in (read, again):
        assert same(made.fit(X), fresh)


@both
def test_train_after_fit_goes_on(routine, X):
    made = short(routine).fit(X)
    model, before, length = made.model, weights(made).clone(), phases(made)
    made.train()
    assert made.model is model
    assert phases(made) == length
    assert not torch.equal(weights(made), before)


@both
@pytest.mark.parametrize("wrong", [np.full((80, 4), np.nan), "text"], ids=["nan", "text"])
def test_fit_that_was_refused_leaves_what_was_trained(routine, wrong, X):
    made = short(routine).fit(X)
    before = weights(made).clone()
    with pytest.raises((ValueError, TypeError)):
        made.fit(wrong)
    assert torch.equal(weights(made), before)


def test_objective_follows_from_the_kernel(X):
    made = short(ParametricTSNE, alpha=2.0).fit(X)
    assert isinstance(made.losses["embedding"], RelationLoss)
    assert isinstance(short(ParametricTSNE).fit(X).losses["embedding"], ContrastiveLoss)


# -- specifications -------------------------------------------------------------------------------------


@both
def test_specification_is_the_same_before_and_after_training_and_trains_alike(routine, X):
    made = short(routine)
    untrained = made.to_spec()
    read = ParametricDR.from_spec(untrained, random_state=0).fit(X)
    assert same(read, made.fit(X))
    assert made.to_spec() == untrained
    made.train()
    assert made.to_spec() == untrained


# -- names of other libraries ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("n_epochs", "It is called epochs."),
        ("init", "It is called initialization."),
        ("out_dim", "It is called n_components."),
        ("densmap", "Set density=True."),
        ("low_memory", "Neighbours are searched in blocks of rows"),
        ("unique", "Rows that are equal get the same position."),
        ("theta", "There is no tree"),
        ("neighbors", "The search of neighbours follows from metric"),
        ("negative_gradient_method", "Training compares batches of pairs. ParametricTSNE(refine=True) sums"),
        ("n_neighbours", "Did you mean 'n_neighbors'?"),
        ("N_Neighbors", "Did you mean 'n_neighbors'?"),
        ("use_cuda", "Set device='cuda'."),
        ("min_grad_norm", "Set early_stopping=True."),
        ("angle", "There is no tree"),
        ("method", "Nothing is approximated by trees."),
        ("dissimilarity", "Distances are computed of the rows, by metric."),
        ("parametric_reconstruction", "Set decoder=True."),
        ("seed", "It is called random_state."),
        ("dims", "It is called n_components."),
        ("max_grad_norm", "It is called clip_norm."),
        ("metric_kwds", "Pass a function of two rows as metric."),
        ("output_metric", "Distances in the embedding are Euclidean."),
    ],
)
def test_names_of_other_libraries_are_answered_with_those_here(name, hint):
    message = re.escape(f"ParametricUMAP has no parameter '{name}'. {hint}")
    with pytest.raises(TypeError, match=message):
        ParametricUMAP(**{name: 1})
    with pytest.raises(ValueError, match=message):
        ParametricUMAP().set_params(**{name: 1})
    if name == name.lower():
        with pytest.raises(InputError, match=message):
            parse_settings([f"{name}=1"], ParametricUMAP)


def test_the_name_of_today_is_answered_with_that_of_1_x():
    with pytest.raises(TypeError, match=r"It is called out_dim\."):
        OF_1_X[0](n_components=3)


def test_every_parameter_that_is_hinted_at_exists():
    known = {name for preset in PRESETS for name in inspect.signature(preset).parameters}
    hints = " ".join(NAMES_ELSEWHERE.values())
    for name in (
        "epochs",
        "initialization",
        "init_epochs",
        "early_stopping",
        "decoder",
        "objective",
        "n_components",
        "density",
        "loss_shares",
        "alpha",
        "clip_norm",
        "random_state",
        "device",
        "metric",
    ):
        assert name in known
        assert name in hints


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("n_components", "It is called out_dim."),
        ("hiden_dims", "Did you mean 'hidden_dims'?"),
        ("epochs", "Training phases have it: add_training_phase(epochs=…)."),
        ("n_epochs", "Training phases have it: add_training_phase(epochs=…)."),
        ("lr", "Training phases have it: add_training_phase(learning_rate=…)."),
    ],
)
def test_composed_routines_answer_such_names_too(name, hint):
    message = re.escape(f"ParametricDR has no parameter '{name}'. {hint}")
    with pytest.raises(TypeError, match=message):
        ParametricDR(**{name: 1})
    with pytest.raises(ValueError, match=message):
        ParametricDR().set_params(**{name: 1})
    with pytest.raises(TypeError, match=message):
        ParametricDR.from_spec(ParametricContrastive().to_spec(), **{name: 1})
    with pytest.raises(InputError, match=message):
        parse_settings([f"{name}=1"], ParametricDR)


def test_auto_where_there_is_no_rule_is_to_be_left_out(X):
    with pytest.raises(ValueError, match=r"learning_rate must be a number, got 'auto'.* 0\.01\. Leave it out"):
        ParametricTSNE(learning_rate="auto").fit(X)


# -- help -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", [*PRESETS, *OF_1_X])
def test_the_docstring_tells_every_parameter_once(preset):
    told = re.findall(r"^        (\w+): ", preset.__doc__, flags=re.M)
    assert sorted(told) == sorted(inspect.signature(preset).parameters)


# -- subclasses whose constructors hand on what they get ------------------------------------------------


class HandsOn(paradime.routines.ParametricTSNE):
    """As scripts of 1.x have it, where scikit-learn's rules did not count."""

    def __init__(self, *args, note="", **kwargs):
        super().__init__(*args, **kwargs)
        self.note = note


def test_a_subclass_that_hands_on_its_arguments_has_the_parameters_of_its_base(X):
    made = HandsOn(5, note="a", epochs=1, init_epochs=1, random_state=0)
    made.train(X)
    assert made.apply(X, "embed").shape == (80, 2)
    assert made.get_params() == {**paradime.routines.ParametricTSNE(5).get_params(), **made.get_params()}
    again = clone(made)
    assert (again.note, again.perplexity, again.epochs) == ("a", 5, 1)


class HandsOnNames(ParametricTSNE):
    """A constructor that decides one parameter, has one, and hands on what else it is given."""

    def __init__(self, extra=1, **settings):
        super().__init__(epochs=1, init_epochs=1, **settings)
        self.extra = extra


def test_what_keyword_arguments_hand_on_is_a_parameter(X, tmp_path):
    made = HandsOnNames(extra=3, perplexity=5, random_state=0).fit(X)
    said = {"extra": 3, "perplexity": 5, "random_state": 0}
    assert made.get_params() == clone(made).get_params() == said
    assert pickle.loads(pickle.dumps(made)).get_params() == said
    assert repr(clone(made)) == "HandsOnNames(extra=3, perplexity=5, random_state=0, trained=False)"
    np.testing.assert_array_equal(clone(made).fit(X).transform(X), made.transform(X))
    made.save(tmp_path / "made.paradime")
    again = HandsOnNames.from_pretrained(tmp_path / "made.paradime")
    assert {**again.get_params(), "device": None} == {**said, "device": None}
    np.testing.assert_array_equal(again.transform(X), made.transform(X))


def test_keyword_arguments_that_are_set_later_are_parameters_too():
    made = HandsOnNames(perplexity=5).set_params(alpha=2.0)
    assert clone(made).get_params() == {"extra": 1, "perplexity": 5, "alpha": 2.0}
    with pytest.raises(TypeError, match=r"HandsOnNames has no parameter 'n_epochs'\. It is called epochs"):
        HandsOnNames(n_epochs=3)
    with pytest.raises(ValueError, match=r"HandsOnNames has no parameter 'n_epochs'\. It is called epochs"):
        made.set_params(n_epochs=3)


class Stress(ParametricDR):
    """A composed routine with a constructor of its own, which hands on the rest."""

    def __init__(self, steps=2, **settings):
        super().__init__(losses=StressLoss(), **settings)
        self.steps = steps
        self.add_training_phase(epochs=steps)


def test_a_routine_that_composes_itself_hands_on_parameters(X, tmp_path):
    made = Stress(random_state=0, out_dim=3).fit(X)
    assert clone(made).get_params() == {"steps": 2, "random_state": 0, "out_dim": 3}
    np.testing.assert_array_equal(clone(made).fit(X).transform(X), made.transform(X))
    made.save(tmp_path / "made.paradime")
    again = Stress.from_pretrained(tmp_path / "made.paradime")
    np.testing.assert_array_equal(again.transform(X), made.transform(X))
    np.testing.assert_array_equal(again.fit(X).transform(X), made.transform(X))


class Fewer(ParametricContrastive):
    """A constructor that decides most parameters."""

    def __init__(self, extra=1, random_state=None):
        super().__init__(epochs=1, device="cpu", random_state=random_state)
        self.extra = extra


def test_a_subclass_with_parameters_of_its_own_is_saved(X, tmp_path):
    made = Fewer(extra=3, random_state=0).fit(X)
    assert repr(made) == "Fewer(extra=3, random_state=0, trained=True)"
    made.save(tmp_path / "made.paradime")
    again = Fewer.from_pretrained(tmp_path / "made.paradime")
    assert (type(again), again.extra, again.epochs, again.device.type) == (Fewer, 3, 1, "cpu")
    np.testing.assert_array_equal(again.transform(X), made.transform(X))
    np.testing.assert_array_equal(again.fit(X).transform(X), made.transform(X))

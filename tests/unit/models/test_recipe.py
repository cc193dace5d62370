import copy
import pickle

import pytest
import torch

from paradime._registry import MODELS
from paradime.exceptions import UnsupportedConfigurationError
from paradime.models import (
    ConvolutionalDecoder,
    ConvolutionalModel,
    EmbeddingModel,
    FullyConnected,
    FullyConnectedDecoder,
    FullyConnectedEmbeddingModel,
    Model,
    ModelRecipe,
)


class Trunk(Model):
    """A user's model with a fixed width and a decode method of its own."""

    def __init__(self, in_dim, depth=1):
        super().__init__()
        self.in_dim, self.depth = in_dim, depth
        self.there, self.back = torch.nn.Linear(in_dim, 3), torch.nn.Linear(3, in_dim)

    def embed(self, X):
        return self.there(X)

    def decode(self, X):
        return self.back(X)


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(MODELS, "_entries", dict(MODELS._entries))
    MODELS.add("trunk", Trunk)


def make_model(recipe, *args, seed=0, **kwargs):
    torch.manual_seed(seed)
    return recipe.make(*args, **kwargs)


def same_weights(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# -- making ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mlp", "fully connected", FullyConnectedEmbeddingModel])
def test_plain_recipe_makes_the_model_that_its_constructor_makes(kind):
    model = make_model(ModelRecipe(kind, out_dim=3, options={"hidden_dims": [7, 6]}), (5,))
    torch.manual_seed(0)
    expected = FullyConnectedEmbeddingModel(5, 3, [7, 6])
    assert type(model) is FullyConnectedEmbeddingModel
    assert same_weights(model, expected)


def test_default_recipe_makes_the_default_model():
    model = make_model(ModelRecipe(), (5,))
    torch.manual_seed(0)
    assert same_weights(model, FullyConnectedEmbeddingModel(5))


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_initial_weights_of_the_encoder_do_not_depend_on_what_follows_it(kind):
    alone = make_model(ModelRecipe(kind), (8, 8))
    decoding = make_model(ModelRecipe(kind, decoder=True), (8, 8))
    both = make_model(ModelRecipe(kind, decoder=True, classifier=True), (8, 8), n_classes=3)
    assert same_weights(alone, decoding.encoder)
    assert same_weights(alone, both.encoder)
    assert same_weights(decoding.decoder, both.decoder)


def test_shape_of_the_rows_is_given_as_the_constructor_takes_it():
    assert make_model(ModelRecipe("mlp"), (4, 6)).in_dim == 24
    assert make_model(ModelRecipe("conv"), (4, 6)).in_shape == (4, 6)
    assert make_model(ModelRecipe(Trunk), (6,)).there.in_features == 6
    assert isinstance(make_model(ModelRecipe(torch.nn.Identity), (4,)), torch.nn.Identity)


@pytest.mark.parametrize("kind", ["mlp", "conv"])
@pytest.mark.parametrize("row_shape", [(9, 7), (3, 5, 6)])
def test_decoder_gives_rows_their_shape(kind, row_shape):
    model = make_model(ModelRecipe(kind, decoder=True), row_shape)
    rows = torch.randn(4, *row_shape)
    assert model.decode(model.embed(rows)).shape == rows.shape


def test_convolutions_serve_flat_rows_that_are_said_to_be_images():
    recipe = ModelRecipe("conv", options={"in_shape": [8, 8], "channels": [4]}, decoder=True)
    model = make_model(recipe, (64,))
    rows = torch.randn(4, 64)
    assert type(model.decoder) is ConvolutionalDecoder
    assert model.decode(model.embed(rows)).shape == (4, 64)
    torch.testing.assert_close(model.embed(rows), model.embed(rows.reshape(4, 8, 8)))


def test_decoder_mirrors_the_encoder_unless_said_otherwise():
    options = {"hidden_dims": [9, 8], "activation": "relu", "normalization": "layer"}
    mirrored = make_model(ModelRecipe("mlp", options=options, decoder=True), (5,)).decoder
    assert [layer.out_features for layer in mirrored.layers] == [8, 9, 5]
    assert (mirrored.activation, mirrored.normalization) == ("relu", "layer")
    other = make_model(
        ModelRecipe("mlp", options=options, decoder={"hidden_dims": [4], "activation": "tanh"}), (5,)
    ).decoder
    assert [layer.out_features for layer in other.layers] == [4, 5]
    assert (other.activation, other.normalization) == ("tanh", "layer")
    conv = make_model(
        ModelRecipe("conv", options={"channels": [3, 4], "kernel_size": 5}, decoder=True), (8, 8)
    ).decoder
    assert [layer.in_channels for layer in conv.convolutions] == [4, 3]
    assert conv.kernel_size == 5


def test_decoder_may_be_of_another_type_than_the_encoder():
    conv = make_model(
        ModelRecipe("conv", options={"hidden_dims": [9, 8]}, decoder={"type": "mlp"}), (8, 8)
    ).decoder
    assert type(conv) is FullyConnectedDecoder
    assert [layer.out_features for layer in conv.layers] == [8, 9, 64]
    recipe = ModelRecipe("mlp", decoder={"type": "conv", "image_shape": [8, 8], "channels": [5]})
    model = make_model(recipe, (64,))
    assert type(model.decoder) is ConvolutionalDecoder
    assert model.decode(model.embed(torch.randn(4, 64))).shape == (4, 64)


def test_classifier_has_a_hidden_layer_of_fifty_units_unless_said_otherwise():
    usual = make_model(ModelRecipe(out_dim=8, classifier=True), (5,), n_classes=10).classifier
    assert [layer.in_features for layer in usual.layers] == [8, 50]
    other = make_model(
        ModelRecipe(classifier={"hidden_dims": [], "activation": "relu"}), (5,), n_classes=10
    ).classifier
    assert [(layer.in_features, layer.out_features) for layer in other.layers] == [(2, 10)]


def test_number_of_classes_that_is_said_wins():
    recipe = ModelRecipe(classifier={"n_classes": 7})
    assert make_model(recipe, (5,)).classify(torch.ones(2, 5)).shape == (2, 7)
    assert make_model(recipe, (5,), n_classes=3).classify(torch.ones(2, 5)).shape == (2, 7)


def test_heads_fit_a_model_that_says_nothing_of_its_width():
    model = make_model(ModelRecipe(Trunk, decoder={"hidden_dims": [4]}, classifier=True), (5,), n_classes=2)
    assert model.decode(model.encode(torch.ones(3, 5))).shape == (3, 5)
    assert model.classify(torch.ones(3, 5)).shape == (3, 2)
    assert model.encoder.training


def test_model_that_decodes_on_its_own_needs_no_decoder():
    model = make_model(ModelRecipe(Trunk, classifier=True), (5,), n_classes=2)
    code = model.encode(torch.ones(3, 5))
    assert torch.equal(model.decode(code), model.encoder.back(code))
    assert type(make_model(ModelRecipe(Trunk), (5,))) is Trunk


# -- refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "mpl"}, r"unknown model 'mpl'. Did you mean 'mlp'\?"),
        (
            {"options": {"hiden_dims": [3]}},
            r"model 'mlp' has no option 'hiden_dims'. Did you mean 'hidden_dims'\?",
        ),
        ({"kind": Trunk, "out_dim": 3}, "model 'Trunk' has no option 'out_dim'"),
        ({"out_dim": 0}, "out_dim must be a positive integer, got 0"),
        ({"out_dim": 2.5}, "out_dim must be a positive integer, got 2.5"),
        ({"out_dim": 3, "options": {"out_dim": 4}}, "out_dim must be given once, got 3, and 4"),
        ({"decoder": {"type": "cnov"}}, r"unknown decoder 'cnov'. Did you mean 'conv'\?"),
        ({"decoder": {"dropuot": 0.1}}, r"decoder 'mlp' has no option 'dropuot'. Did you mean 'dropout'\?"),
        ({"kind": "conv", "decoder": {"residual": True}}, "decoder 'conv' has no option 'residual'"),
        ({"decoder": {"out_shape": [3]}}, "decoder 'mlp' has no option 'out_shape'"),
        ({"classifier": {"n_clases": 3}}, r"the classifier has no option 'n_clases'. Did you mean 'n_classes'\?"),
        ({"classifier": {"out_dim": 3}}, "the classifier has no option 'out_dim'"),
    ],
)
def test_recipes_that_cannot_be_made_are_refused_before_there_are_data(arguments, message):
    with pytest.raises(ValueError, match=message):
        ModelRecipe(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": torch.nn.Linear(2, 2)}, "must be a name or a subclass of torch.nn.Module, got Linear"),
        ({"kind": dict}, "must be a name or a subclass of torch.nn.Module, got <class 'dict'>"),
        ({"options": [3]}, "options of a model must be a mapping of options, got list"),
        ({"decoder": "conv"}, "decoder of a model must be a mapping of options, got str"),
        ({"classifier": 10}, "classifier of a model must be a mapping of options, got int"),
    ],
)
def test_recipes_of_another_kind_are_refused(arguments, message):
    with pytest.raises(TypeError, match=message):
        ModelRecipe(**arguments)


def test_classes_that_nobody_counted_are_asked_for():
    with pytest.raises(UnsupportedConfigurationError, match=r"Pass labels .* classifier: \{n_classes: 10\}"):
        ModelRecipe(classifier=True).make((5,))


@pytest.mark.parametrize(("kind", "options"), [("mlp", {"in_dim": 6}), ("conv", {"in_shape": [2, 3]})])
def test_rows_of_another_shape_than_said_are_refused(kind, options):
    assert ModelRecipe(kind, options=options).make((2, 3))(torch.ones(4, 2, 3)).shape == (4, 2)
    with pytest.raises(ValueError, match=rf"model '{kind}' needs rows of in_.*=.*, got rows of shape \(7, 1\)"):
        ModelRecipe(kind, options=options).make((7, 1))


@pytest.mark.parametrize("row_shape", [(), (0,), (3, -1)])
def test_rows_without_elements_are_refused(row_shape):
    with pytest.raises(ValueError, match="row_shape must have at least one axis, all positive"):
        ModelRecipe().make(row_shape)


def test_flat_rows_are_no_images():
    with pytest.raises(ValueError, match=r"in_shape must be .* got \(64,\)"):
        ModelRecipe("conv").make((64,))


# -- identity -------------------------------------------------------------------------------------------


def test_recipes_are_equal_by_what_they_say():
    recipe = ModelRecipe("mlp", out_dim=3, options={"hidden_dims": [5, 6]}, decoder=True)
    assert recipe == ModelRecipe(
        FullyConnectedEmbeddingModel, options={"hidden dims": (5, 6), "out_dim": 3}, decoder={}
    )
    assert hash(recipe) == hash(ModelRecipe("mlp", out_dim=3))
    for other in (
        ModelRecipe("mlp", out_dim=3, options={"hidden_dims": [5, 6]}),
        ModelRecipe("mlp", out_dim=3, options={"hidden_dims": [5]}, decoder=True),
        ModelRecipe("mlp", options={"hidden_dims": [5, 6]}, decoder=True),
        ModelRecipe("mlp", out_dim=3, options={"hidden_dims": [5, 6]}, decoder=True, classifier=True),
        "mlp",
    ):
        assert recipe != other


def test_recipe_cannot_be_changed():
    widths = [5, 6]
    recipe = ModelRecipe(options={"hidden_dims": widths}, decoder={"hidden_dims": widths})
    widths.append(7)
    with pytest.raises(AttributeError):
        recipe.out_dim = 3
    with pytest.raises(TypeError):
        recipe.options["hidden_dims"] = [3]
    make_model(recipe, (4,)).encoder.hidden_dims.append(8)
    assert recipe.spec() == {"type": "mlp", "options": {"hidden_dims": [5, 6]}, "decoder": {"hidden_dims": [5, 6]}}


@pytest.mark.parametrize("head", [True, {"hidden_dims": [3]}])
def test_recipe_is_copied_and_pickled(head):
    recipe = ModelRecipe("conv", out_dim=3, options={"channels": [4]}, decoder=head, classifier=head)
    for other in (copy.copy(recipe), copy.deepcopy(recipe), pickle.loads(pickle.dumps(recipe))):
        assert other == recipe


def test_recipe_is_shown_as_it_would_be_written():
    recipe = ModelRecipe("mlp", out_dim=3, options={"hidden_dims": (5, 6)}, classifier={"n_classes": 4})
    assert eval(repr(recipe)) == recipe
    assert repr(ModelRecipe()) == "ModelRecipe('mlp')"
    assert repr(ModelRecipe(Trunk, decoder=True)) == "ModelRecipe(Trunk, decoder=True)"


# -- writing --------------------------------------------------------------------------------------------

RECIPES = [
    ModelRecipe(),
    ModelRecipe("fully connected", out_dim=3, options={"hidden_dims": [5], "normalization": "batch"}),
    ModelRecipe("conv", decoder=True, classifier={"n_classes": 3}),
    ModelRecipe("conv", options={"kernel_size": 5}, decoder={"type": "mlp", "hidden_dims": [4]}),
    ModelRecipe("mlp", decoder={"type": "conv", "channels": [4], "activation": "gelu"}),
    ModelRecipe("mlp", options={"activation": "relu"}, decoder={"activation": "softplus", "residual": True}),
    ModelRecipe(
        "mlp", decoder={"hidden_dims": []}, classifier={"n_classes": 1, "hidden_dims": [], "dropout": 0.5}
    ),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=repr)
def test_what_is_written_of_a_recipe_means_the_same_recipe(recipe):
    spec = recipe.spec()
    assert spec["type"] in ("mlp", "conv")
    assert ModelRecipe(spec.pop("type"), **spec) == recipe


@pytest.mark.parametrize("recipe", RECIPES, ids=repr)
def test_recipe_of_a_model_makes_that_model_again(recipe):
    model = make_model(recipe, (6, 8), n_classes=3)
    result = ModelRecipe.of(model)
    assert same_weights(model, make_model(result, (6, 8)))
    assert repr(model) == repr(make_model(result, (6, 8)))
    assert ModelRecipe.of(make_model(result, (6, 8))) == result
    # beside the shape of the rows, the options are those of the recipe
    options = {**result.spec().get("options", {})}
    assert options.pop("in_dim", 48) == 48
    assert options.pop("in_shape", [6, 8]) == [6, 8]
    assert options == recipe.spec().get("options", {})
    assert result.decoder == recipe.decoder


def test_only_what_differs_from_the_defaults_is_written():
    assert ModelRecipe().spec() == {"type": "mlp"}
    assert ModelRecipe(FullyConnectedEmbeddingModel).spec() == {"type": "mlp"}
    assert ModelRecipe.of(FullyConnectedEmbeddingModel(5)).spec() == {"type": "mlp", "options": {"in_dim": 5}}
    model = EmbeddingModel(FullyConnectedEmbeddingModel(5), classifier=FullyConnected(2, 4, [50]))
    assert ModelRecipe.of(model).spec() == {
        "type": "mlp",
        "options": {"in_dim": 5},
        "classifier": {"n_classes": 4},
    }


def test_model_of_a_user_is_recognised_once_it_has_a_name(registered):
    assert ModelRecipe.of(Trunk(5, depth=4)).spec() == {"type": "trunk", "options": {"in_dim": 5, "depth": 4}}
    assert ModelRecipe(Trunk).spec(name="other") == {"type": "other"}


def test_class_without_a_name_cannot_be_written():
    assert ModelRecipe.of(Trunk(5)) is None
    with pytest.raises(UnsupportedConfigurationError, match="with a registered name, got Trunk"):
        ModelRecipe(Trunk).spec()


class Forgetful(Model):
    def __init__(self, in_dim):
        super().__init__()


class Wrapping(Model):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner


class Open(Model):
    def __init__(self, **settings):
        super().__init__()


@pytest.mark.parametrize("model", [Forgetful(3), Wrapping(torch.nn.Linear(2, 2)), Open(a=3)], ids=repr)
def test_model_whose_arguments_cannot_be_told_has_no_recipe(model, monkeypatch):
    monkeypatch.setattr(MODELS, "_entries", {**MODELS._entries, "mine": type(model)})
    assert ModelRecipe.of(model) is None


@pytest.mark.parametrize("heads", [(torch.nn.Linear(2, 5),), (None, torch.nn.Linear(2, 3))])
def test_heads_of_other_classes_have_no_recipe(heads):
    assert ModelRecipe.of(EmbeddingModel(FullyConnectedEmbeddingModel(5), *heads)) is None


def test_model_that_is_an_instance_of_a_subclass_is_not_taken_for_its_base():
    class Mine(ConvolutionalModel):
        pass

    assert ModelRecipe.of(Mine((8, 8))) is None

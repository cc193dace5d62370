import pytest
import torch
from sklearn.datasets import load_digits

from paradime._registry import MODELS
from paradime.models import ConvolutionalDecoder, ConvolutionalModel
from paradime.utils.seed import seeded


def images(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 13, 17), (2, 1, 1), (1, 2, 9)])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
def test_images_of_any_size_are_embedded_and_decoded_to_their_shape(shape, kernel_size):
    encoder = ConvolutionalModel(shape, 3, (4, 6, 5), (7,), kernel_size=kernel_size)
    decoder = ConvolutionalDecoder(3, shape, (5, 6, 4), (7,), kernel_size=kernel_size)
    embedded = encoder(images(2, *shape))
    assert embedded.shape == (2, 3)
    decoded = decoder(embedded)
    assert decoded.shape == (2, *shape)
    decoded.square().sum().backward()
    parameters = [*decoder.parameters(), *(p for name, p in encoder.named_parameters() if name != "alpha")]
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in parameters)


def test_model_is_convolutions_of_stride_two_with_activations_and_layers_on_top():
    model = ConvolutionalModel((2, 7, 9), 2, (3, 4), (5,), activation="tanh")
    rows = images(4, 2, 7, 9)
    hidden = rows
    for convolution in model.convolutions:
        hidden = torch.nn.functional.conv2d(
            hidden, convolution.weight, convolution.bias, stride=2, padding=1
        ).tanh()
    first, last = model.head.layers
    torch.testing.assert_close(model(rows), last(first(hidden.flatten(1)).tanh()))


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_normalization_stands_between_convolution_and_activation(normalization):
    model = ConvolutionalModel((6, 6), 2, (3,), (), normalization=normalization)
    rows = images(4, 6, 6)
    hidden = model.convolutions[0](rows.unsqueeze(1))
    axes = (0, 2, 3) if normalization == "batch" else (1, 2, 3)
    centred = hidden - hidden.mean(axes, keepdim=True)
    hidden = centred / (centred.square().mean(axes, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(model(rows), model.head.layers[0](hidden.relu().flatten(1)), rtol=1e-4, atol=1e-5)


def test_rows_may_come_as_images_with_channels_without_or_flat():
    model = ConvolutionalModel((8, 8))
    rows = images(4, 8, 8)
    assert torch.equal(model(rows), model(rows.unsqueeze(1)))
    assert torch.equal(model(rows), model(rows.flatten(1)))
    assert ConvolutionalModel((3, 8, 8))(images(4, 3, 8, 8)).shape == (4, 2)


def test_decoder_gives_rows_their_shape_where_images_are_flat():
    torch.manual_seed(0)
    decoder = ConvolutionalDecoder(2, (64,), image_shape=(8, 8))
    torch.manual_seed(0)
    same = ConvolutionalDecoder(2, (1, 8, 8))
    code = images(3, 2)
    assert torch.equal(decoder(code), same(code).flatten(1))


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_rows_are_embedded_and_decoded_independently_in_evaluation(normalization):
    model = ConvolutionalModel((7, 9), normalization=normalization, dropout=0.5)
    decoder = ConvolutionalDecoder(2, (7, 9), normalization=normalization, dropout=0.5)
    rows = images(6, 7, 9)
    decoder(model(rows))
    model.eval(), decoder.eval()
    torch.testing.assert_close(model(rows)[:2], model(rows[:2]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(decoder(model(rows))[:2], decoder(model(rows[:2])), rtol=1e-4, atol=1e-5)


def test_model_without_convolutions_is_layers_on_pixels():
    model = ConvolutionalModel((4, 4), 2, (), ())
    rows = images(3, 4, 4)
    torch.testing.assert_close(model(rows), model.head.layers[0](rows.flatten(1)))
    assert ConvolutionalDecoder(2, (4, 4), (), ())(images(3, 2)).shape == (3, 4, 4)


def test_digits_are_told_apart_after_a_hundred_steps(outcome):
    X, y = load_digits(return_X_y=True)
    X, y = torch.as_tensor(X, dtype=torch.float32).reshape(-1, 8, 8) / 16, torch.as_tensor(y)

    def measure(seed):
        with seeded(seed):
            model = ConvolutionalModel((8, 8), 10, (8, 16), (32,))
        optimizer = torch.optim.Adam(model.parameters(), 0.005)
        for step in range(100):
            rows = torch.arange(step * 64, (step + 1) * 64) % 1200
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
            optimizer.step()
        return {"accuracy": (model(X[1200:]).argmax(1) == y[1200:]).double().mean().item()}

    outcome(measure, seeds=2, at_least={"accuracy": 0.7})


def test_grammar_knows_the_model_and_its_arguments_are_stored():
    given = {"in_shape": [3, 8, 8], "out_dim": 4, "channels": [5, 6], "hidden_dims": [7], "kernel_size": 5}
    model = MODELS["conv"](**given)
    assert type(model) is ConvolutionalModel
    assert {name: getattr(model, name) for name in given} == given
    assert model.alpha.item() == 1


@pytest.mark.parametrize("shape", [(64,), (1, 1, 8, 8), (0, 8), (3, 8, -1)])
def test_shapes_that_are_no_images_are_refused_with_what_to_do(shape):
    with pytest.raises(ValueError, match=r"in_shape must be \(height, width\) or .*Reshape the data"):
        ConvolutionalModel(shape)
    with pytest.raises(ValueError, match=r"out_shape must be \(height, width\) or "):
        ConvolutionalDecoder(2, shape)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_size": 0}, "kernel_size and channels must be positive, got kernel_size 0"),
        ({"channels": (4, 0)}, r"got kernel_size 3 and channels \[4, 0\]"),
        ({"activation": "rleu"}, "Did you mean 'relu'"),
        ({"normalization": "group"}, "unknown normalization 'group'"),
        ({"dropout": 2}, r"dropout must lie in \[0, 1\), got 2"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ConvolutionalModel((8, 8), **options)
    with pytest.raises(ValueError, match=message):
        ConvolutionalDecoder(2, (8, 8), **options)


def test_images_of_another_number_of_pixels_than_rows_are_refused():
    with pytest.raises(ValueError, match=r"as many elements as a row, 60, got \(1, 8, 8\) with 64 elements"):
        ConvolutionalDecoder(2, (60,), image_shape=(8, 8))

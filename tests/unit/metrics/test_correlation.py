import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paradime.metrics import axis_correlation


def make_points(seed=0, n=200):
    rng = np.random.default_rng(seed)
    embedding = rng.normal(size=(n, 3))
    return embedding, embedding[:, 0] - 0.5 * embedding[:, 2] + rng.normal(size=n)


def test_equal_to_numpys_correlation_of_every_axis():
    embedding, values = make_points()
    expected = [abs(np.corrcoef(axis, values)[0, 1]) for axis in embedding.T]
    np.testing.assert_allclose(axis_correlation(embedding, values), expected, rtol=1e-12)


def test_direction_of_an_axis_does_not_matter():
    embedding, values = make_points()
    np.testing.assert_array_equal(axis_correlation(-embedding, values), axis_correlation(embedding, values))


def test_axis_that_follows_the_attribute_is_found():
    embedding, values = make_points()
    embedding[:, 1] = 3 - 2 * values
    correlations = axis_correlation(embedding, values)
    assert correlations.argmax() == 1
    assert correlations[1] == pytest.approx(1, abs=1e-12)
    assert correlations[1] <= 1


def test_constant_axis_has_no_correlation():
    embedding, values = make_points()
    embedding[:, 1] = 0.1  # the mean of two hundred of these is another number
    assert axis_correlation(embedding, values)[1] == 0


def test_single_precision_with_a_large_mean_loses_nothing():
    embedding, values = make_points()
    shifted = torch.from_numpy(embedding).float() + 1e3
    expected = axis_correlation(shifted.double() - 1e3, values)
    np.testing.assert_allclose(axis_correlation(shifted, values), expected, rtol=1e-10)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(-100, 100), st.integers(-100, 100))
def test_scale_does_not_matter(seed, embedding_exponent, values_exponent):
    embedding, values = make_points(seed, n=20)
    scaled = axis_correlation(embedding * 10.0**embedding_exponent, values * 10.0**values_exponent)
    np.testing.assert_allclose(scaled, axis_correlation(embedding, values), rtol=1e-9)
    assert (scaled >= 0).all()
    assert (scaled <= 1).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(199), r"values must have shape \(200,\).* got \(199,\)"),
        (np.zeros((200, 1)), r"got \(200, 1\)"),
        (np.full(200, 0.1), "must differ for a correlation, got 0.1 for all 200"),
        (np.where(np.arange(200) < 3, np.nan, 1.0), "values must be finite.* in 3 of 200"),
    ],
    ids=["length", "column", "constant", "nan"],
)
def test_wrong_values_say_what_was_given(values, message):
    with pytest.raises(ValueError, match=message):
        axis_correlation(make_points()[0], values)


def test_embedding_must_be_a_finite_matrix():
    embedding, values = make_points()
    with pytest.raises(ValueError, match=r"embedding must have shape \(n, dim\)"):
        axis_correlation(embedding[:, 0], values)
    embedding[3, 1] = np.inf
    with pytest.raises(ValueError, match="embedding must be finite"):
        axis_correlation(embedding, values)

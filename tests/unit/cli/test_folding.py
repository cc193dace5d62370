"""Models that learned from standardised columns take the columns as they are."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine

from paradime import ParametricAutoencoder, ParametricMDS, ParametricTSNE
from paradime.cli.console import InputError
from paradime.cli.folding import fold
from paradime.data.columns import outweighing_columns
from paradime.datasets import load_covertype
from paradime.models import ModelRecipe


def standardized(X):
    mean, scale = X.mean(axis=0), X.std(axis=0)
    return (X - mean) / scale, mean, scale


@pytest.mark.parametrize(("kind", "offset"), [(ParametricTSNE, 0), (ParametricTSNE, -1e5), (ParametricMDS, 0)])
def test_rows_lie_where_they_lay_whatever_the_offset_of_columns(kind, offset):
    X = (load_wine().data + offset * np.array([1, 0] * 6 + [1])).astype(np.float32).astype(np.float64)
    rows, mean, scale = standardized(X)
    routine = kind(epochs=3, random_state=0).fit(rows)
    before = routine.transform(rows)
    fold(routine, X, mean, scale)
    np.testing.assert_allclose(routine.transform(X), before, atol=1e-3 * np.ptp(before))


def test_far_values_are_softly_clipped_as_before():
    rows, mean, scale = standardized(load_wine().data)
    routine = ParametricTSNE(refine=False, epochs=3, random_state=0).fit(rows)
    far = rows[:20] * np.where(np.arange(13) == 3, 1000, 1)
    before = routine.transform(far)
    fold(routine, rows * scale + mean, mean, scale)
    np.testing.assert_allclose(routine.transform(far * scale + mean), before, atol=1e-3 * np.ptp(before))


def test_decoders_return_rows_in_the_units_of_the_table():
    X = load_wine().data
    rows, mean, scale = standardized(X)
    routine = ParametricAutoencoder(epochs=20, random_state=0).fit(rows)
    places = routine.transform(rows)
    before = routine.inverse_transform(places)
    fold(routine, X, mean, scale)
    np.testing.assert_allclose((routine.inverse_transform(places) - mean) / scale, before, atol=1e-3)


def test_a_model_that_would_place_rows_elsewhere_is_an_error():
    frame = pd.DataFrame(load_wine().data)
    frame.columns = [f"c{i}" for i in range(13)]
    rows, mean, scale = standardized(frame.to_numpy())
    model = ModelRecipe(options={"hidden_dims": [10], "standardize": False})
    routine = ParametricMDS(model=model, epochs=2, random_state=0)
    routine.fit(pd.DataFrame(rows, columns=frame.columns))
    # single precision cannot tell many of these rows apart
    with pytest.raises(InputError, match="standardize: false"):
        fold(routine, frame + 1e6, mean + 1e6, scale)


def test_units_differ_where_one_column_would_decide_alone():
    from sklearn.datasets import load_digits, load_iris

    assert outweighing_columns(load_covertype().data) is not None
    assert outweighing_columns(load_covertype().data[:, [0, 2]]) is not None
    assert outweighing_columns(load_digits().data) is None
    assert outweighing_columns(load_iris().data) is None
    assert outweighing_columns(np.ones((50, 3))) is None

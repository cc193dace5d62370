"""Missing values in an entry "labels" mark unlabelled rows, as in ``y``."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.datasets import load_iris

from paradime import ParametricContrastive, loss
from paradime.data import Dataset
from paradime.dr import ParametricDR
from paradime.exceptions import UnsupportedConfigurationError
from paradime.models import ModelRecipe

pytestmark = pytest.mark.usefixtures("few_first_steps")

X = load_iris().data
NUMBERS = X[:, 0].copy()
NUMBERS[::3] = np.nan
FORMS = {
    "array": lambda values: values,
    "list": lambda values: [None if np.isnan(value) else value for value in values],
    "tensor": torch.from_numpy,
    "single precision": lambda values: values.astype(np.float32),
    "masked array": np.ma.masked_invalid,
    "pandas": pd.Series,
    "pandas, nullable": lambda values: pd.Series(values).astype("Float64"),
    "pandas, integers": lambda values: pd.Series(np.floor(values)).astype("Int64"),
    "pandas, objects": lambda values: pd.Series(values).astype(object),
    "a frame": lambda values: pd.DataFrame({"length": values}),
    "polars": lambda values: pl.Series(values, nan_to_null=True),
}


def regression(labels, function=None):
    routine = ParametricDR(
        ModelRecipe(classifier={"n_classes": 1}), losses=function or loss.RegressionLoss(), random_state=0
    )
    routine.add_training_phase(epochs=2)
    return routine.fit({"main": X, "labels": labels})


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_labels_without_a_number_are_nan_in_every_form(form):
    result = Dataset({"main": X, "labels": form(NUMBERS)})["labels"]
    assert result.is_floating_point()
    np.testing.assert_array_equal(np.isnan(result.numpy()).ravel(), np.isnan(NUMBERS))


def test_rows_without_a_label_are_left_out_of_the_loss():
    history = [regression(labels).losses["loss"].history for labels in (NUMBERS, pd.Series(NUMBERS))]
    assert np.isfinite(history).all()
    assert history[0] == history[1]


def test_presets_embed_rows_without_a_label():
    routine = ParametricContrastive(epochs=1, random_state=0).fit({"main": X, "labels": NUMBERS})
    assert np.isfinite(routine.transform(X)).all()


@pytest.mark.parametrize("values", [np.r_[np.inf, NUMBERS[1:]], np.r_[-np.inf, NUMBERS[1:]]])
def test_infinite_labels_are_refused(values):
    with pytest.raises(ValueError, match=r"'labels' contains infinity, first at row 0"):
        Dataset({"main": X, "labels": values})


def test_labels_beyond_single_precision_are_refused_beside_missing_ones():
    with pytest.raises(ValueError, match=r"'labels' has a value beyond single precision, 1e\+60 at row 1"):
        Dataset({"main": X, "labels": np.r_[np.nan, 1e60, NUMBERS[2:]]})


def test_losses_that_need_all_labels_refuse_gaps():
    with pytest.raises(UnsupportedConfigurationError, match="must have a value in each row, got none in 50 rows"):
        regression(NUMBERS, loss.CorrelationLoss("labels"))


def test_other_entries_may_lack_numbers_where_this_is_said():
    with pytest.raises(ValueError, match="'age' contains NaN"):
        Dataset({"main": X, "age": NUMBERS})
    dataset = Dataset({"main": X, "age": NUMBERS}, may_miss=["age"])
    routine = ParametricDR(
        ModelRecipe(classifier={"n_classes": 1}), losses=loss.RegressionLoss(target_key="age"), random_state=0
    )
    routine.add_training_phase(epochs=1)
    assert np.isfinite(routine.fit(dataset).losses["loss"].history).all()


def test_a_loss_of_ones_own_gets_nan_as_the_page_says():
    class Own(loss.EmbeddingLoss):
        def of_embedding(self, embedded, batch, global_relations):
            known = ~batch["labels"].isnan()
            return (embedded[known, 0] - batch["labels"][known]).square().mean()

    assert np.isfinite(regression(NUMBERS, Own()).losses["loss"].history).all()

"""What guiding losses refuse, when they are made and before training."""

import numpy as np
import pandas as pd
import pytest
import torch

from paradime.data import Batch, Dataset
from paradime.exceptions import RelationsNotComputedError, UnsupportedConfigurationError
from paradime.loss import (
    AnchorLoss,
    Attribute,
    CorrelationLoss,
    DensityLoss,
    GlobalStructureLoss,
    IndependenceLoss,
    RegressionLoss,
    SmoothnessLoss,
    StressLoss,
    SupervisedContrastiveLoss,
    Trial,
    TripletLoss,
)
from paradime.models import Model
from paradime.relationdata import relation_factory

CPU = torch.device("cpu")
N = 30
ROWS = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
DATA = {
    "main": ROWS,
    "labels": np.arange(N) % 3,
    "value": ROWS[:, 0],
    "group": np.arange(N) % 2,
    "hour": np.arange(N)[:, None],
    "radius": ROWS[:, 1],
    "wide": ROWS[:, :2],
}
DATASET = Dataset(DATA)
RELATIONS = {"rel": relation_factory(np.ones((N, N)))}


class Heads(Model):
    def __init__(self):
        super().__init__()
        self.two, self.three = torch.nn.Linear(3, 2), torch.nn.Linear(3, 3)

    def embed(self, X):
        return self.two(X)

    def classify(self, X):
        return self.three(X)


def check(loss, dataset=DATASET):
    batch = Batch(dataset.rows([0, 1]))
    loss.check_setup(Trial(Heads(), RELATIONS, {}, batch, CPU, dataset))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CorrelationLoss("value", kind="spearman"), "unknown kind 'spearman'"),
        (lambda: CorrelationLoss("value", sign="negativ"), "Did you mean 'negative'"),
        (lambda: CorrelationLoss("value", target=1.5), r"target must lie in \(0, 1\], got 1.5"),
        (lambda: CorrelationLoss("value", axis=-1), "axis must be an integer of at least 0, got -1"),
        (lambda: CorrelationLoss(-2), "column's index from 0, got -2"),
        (lambda: CorrelationLoss(0, temperature=0), "temperature must be a positive number, got 0"),
        (lambda: IndependenceLoss("value", "hsci"), "Did you mean 'hsic'"),
        (lambda: TripletLoss(margin=0), "margin must be a positive number, got 0"),
        (lambda: TripletLoss(mining="semi"), "unknown mining 'semi'"),
        (lambda: SupervisedContrastiveLoss(bandwidth=-1), "bandwidth must be a positive number, got -1"),
        (lambda: SupervisedContrastiveLoss(similarity="cos"), "Did you mean 'cosine'"),
        (lambda: SmoothnessLoss(), "either time_key or relation_key"),
        (lambda: SmoothnessLoss("hour", "rel"), "either time_key or relation_key"),
        (lambda: SmoothnessLoss("hour", scale=0), "scale must be a positive number, got 0"),
        (lambda: AnchorLoss([[1.0]], [[1.0], [2.0]]), r"one row per anchor, shape \(1, out_dim\), got \(2, 1\)"),
        (lambda: AnchorLoss([[np.nan]], [[1.0]]), "anchors contains NaN"),
        (lambda: AnchorLoss([[1.0]], [[1.0]], max_rows=0), "max_rows must be an integer of at least 1, got 0"),
        (lambda: StressLoss("euclidian"), "Did you mean 'euclidean'"),
        (lambda: StressLoss(weighting="samon"), "Did you mean 'sammon'"),
        (lambda: GlobalStructureLoss("cosin"), "Did you mean 'cosine'"),
    ],
)
def test_arguments_out_of_range_are_refused_with_the_value(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("loss", "error", "words"),
    [
        (CorrelationLoss("vlaue"), UnsupportedConfigurationError, "Did you mean 'value'"),
        (
            CorrelationLoss("wide"),
            UnsupportedConfigurationError,
            r"one number per row, shape \(30,\), got \(30, 2\)",
        ),
        (CorrelationLoss(3), UnsupportedConfigurationError, r"a column of data 'main', whose shape is .*, got 3"),
        (CorrelationLoss("value", axis=2), UnsupportedConfigurationError, r"axis must lie in \[0, 2\).*got 2"),
        (IndependenceLoss("gruop"), UnsupportedConfigurationError, "Did you mean 'group'"),
        (TripletLoss("lables"), KeyError, "Did you mean 'labels'"),
        (TripletLoss("value"), ValueError, r"labels 'value' must be integers, got torch.float32"),
        (SupervisedContrastiveLoss("wide"), ValueError, r"one number per row, shape \(30,\), got \(30, 2\)"),
        (SmoothnessLoss("huor"), KeyError, "Did you mean 'hour'"),
        (SmoothnessLoss(relation_key="rle"), RelationsNotComputedError, "Did you mean 'rel'"),
        (StressLoss(relation_key="rle"), RelationsNotComputedError, "Did you mean 'rel'"),
        (StressLoss(lambda X, Y: X), ValueError, "one distance per row"),
        (AnchorLoss(ROWS[:2], np.ones((2, 3))), ValueError, r"must have shape \(2, 3\), got \(2, 2\)"),
        (DensityLoss("raduis"), KeyError, "Did you mean 'radius'"),
        (RegressionLoss(), ValueError, r"prediction must have shape \(2, 1\), got \(2, 3\)"),
        (RegressionLoss(target_key="wide"), ValueError, r"one number per row, shape \(30,\), got \(30, 2\)"),
        (StressLoss(embedding_method="embd"), UnsupportedConfigurationError, "Did you mean 'embed'"),
    ],
)
def test_what_cannot_work_is_refused_before_training(loss, error, words):
    with pytest.raises(error, match=words):
        check(loss)


def test_anchors_that_do_not_fit_the_model_are_refused_before_training():
    with pytest.raises(RuntimeError, match="shapes"):
        check(AnchorLoss(np.ones((2, 5)), np.ones((2, 2))))


# -- attributes ---------------------------------------------------------------------------------------

FRAME = pd.DataFrame(ROWS, columns=["width", "value", "depth"])
FRAMED = Dataset({**DATA, "main": FRAME, "extra": FRAME.rename(columns={"depth": "width"})})


@pytest.mark.parametrize(
    ("attribute", "data_key", "expected"),
    [
        (2, "main", ROWS[:, 2]),
        ("depth", "main", ROWS[:, 2]),
        ("value", "extra", ROWS[:, 0]),  # an entry goes before a column
        ("hour", "main", np.arange(N)),
        ("group", "main", np.arange(N) % 2),
        (1, "wide", ROWS[:, 1]),
    ],
)
def test_attribute_is_the_entry_or_column_that_it_names(attribute, data_key, expected):
    found = Attribute(attribute, data_key)
    found.resolve(FRAMED)
    values = found.values(FRAMED.rows([3, 5]), CPU)
    assert values.dtype == torch.float32
    np.testing.assert_array_equal(values, expected[[3, 5]].astype(np.float32))


@pytest.mark.parametrize(
    ("attribute", "data_key", "words"),
    [
        ("dpeth", "main", "Did you mean 'depth'"),
        ("hours", "main", "Did you mean 'hour'"),
        ("depth", "wide", "neither an entry of the data set nor a column of data 'wide'"),
        ("width", "extra", "one column of data 'extra', got 'width' for 2 columns. Pass the index"),
        (0, "value", r"index of a column of data 'value', whose shape is \(30,\), got 0"),
    ],
)
def test_attribute_that_is_not_there_or_not_single_is_refused(attribute, data_key, words):
    with pytest.raises(UnsupportedConfigurationError, match=words):
        Attribute(attribute, data_key).resolve(FRAMED)


@pytest.mark.parametrize("loss", [CorrelationLoss("depth"), IndependenceLoss("depth")])
def test_losses_find_attributes_by_the_names_of_columns(loss):
    check(loss, FRAMED)
    batch = Batch(FRAMED.rows(np.arange(N)))
    by_number = type(loss)(2)
    assert loss(torch.nn.Identity(), {}, {}, batch, CPU) == by_number(torch.nn.Identity(), {}, {}, batch, CPU)

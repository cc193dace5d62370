"""scikit-learn's own checks of estimators, of routines with their defaults: none is expected to fail."""

import dataclasses

import numpy as np
import pytest
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_estimator,
    check_global_output_transform_pandas,
    check_global_set_output_transform_polars,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_set_output_transform_polars,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
    parametrize_with_checks,
)

from paradime import (
    ParametricAutoencoder,
    ParametricContrastive,
    ParametricLargeVis,
    ParametricMDS,
    ParametricPaCMAP,
    ParametricTSNE,
    ParametricUMAP,
)
from paradime.dr import ParametricDR, refining
from paradime.loss import GlobalStructureLoss
from paradime.training import TrainingPhase

# as a user calls them
ESTIMATORS = [
    ParametricAutoencoder(),
    ParametricContrastive(),
    ParametricLargeVis(),
    ParametricMDS(),
    ParametricPaCMAP(),
    ParametricTSNE(),
    ParametricUMAP(),
    ParametricMDS(decoder=True, classifier=True),
    ParametricDR(losses=GlobalStructureLoss(), training_phases=[TrainingPhase()]),
]
# trainings are shortened to two epochs of a step, but for the strictest check of what trains within a second. All
# checks of all presets at full length take minutes: tools/check_estimators.py
STRICTEST = "check_methods_sample_order_invariance"
AT_FULL_LENGTH = (ParametricAutoencoder, ParametricMDS, ParametricPaCMAP, ParametricDR)


def shorten_phases(monkeypatch):
    """Lets phases have two epochs of a batch at most, and positions move a little; all else is as by default."""
    of_phase = TrainingPhase.budget

    def budget(phase, n_rows):
        full = of_phase(phase, n_rows)
        return dataclasses.replace(
            full, epochs=min(full.epochs, 2), batches_per_epoch=min(full.batches_per_epoch, 1)
        )

    monkeypatch.setattr(TrainingPhase, "budget", budget)
    monkeypatch.setattr(refining, "_STEPS", 5)


# the checks' data are so small and plain that our warnings are right; scikit-learn's own tests let warnings be
quiet = [
    pytest.mark.filterwarnings("ignore:.*n_neighbors reduced to n-1:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*are constant:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*are identical:UserWarning"),
    # those of names fit frames, and transform arrays
    pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names:UserWarning"),
]
pytestmark = quiet


@parametrize_with_checks(ESTIMATORS)
def test_check_of_scikit_learn_passes(estimator, check, monkeypatch):
    # one check is skipped without it; scipy, which reads it on import, needs it for arrays of other libraries
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    if check.func.__name__ != STRICTEST or type(estimator) not in AT_FULL_LENGTH:
        shorten_phases(monkeypatch)
    check(estimator)


def test_plain_call_passes_without_skipping_a_check(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    shorten_phases(monkeypatch)
    found = check_estimator(ParametricAutoencoder())
    assert {one["status"] for one in found} == {"passed"}


@pytest.mark.parametrize(
    "check",
    [
        check_dataframe_column_names_consistency,
        check_global_output_transform_pandas,
        check_global_set_output_transform_polars,
        check_set_output_transform,
        check_set_output_transform_pandas,
        check_set_output_transform_polars,
        check_transformer_get_feature_names_out,
        check_transformer_get_feature_names_out_pandas,
    ],
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize(
    "estimator", ESTIMATORS[3:4] + ESTIMATORS[-1:], ids=lambda estimator: type(estimator).__name__
)
def test_check_of_names_and_output_passes(check, estimator, monkeypatch):
    shorten_phases(monkeypatch)
    check(type(estimator).__name__, estimator)


def test_tags_say_what_is_taken():
    tags = ParametricMDS(classifier=True).__sklearn_tags__()
    assert tags.input_tags.sparse
    assert tags.target_tags.required
    assert not ParametricMDS().__sklearn_tags__().target_tags.required
    embedded = ParametricMDS(epochs=1).fit_transform(np.random.default_rng(0).normal(size=(30, 3)))
    assert [str(embedded.dtype)] == tags.transformer_tags.preserves_dtype

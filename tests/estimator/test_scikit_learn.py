"""scikit-learn's own checks of estimators, on estimators that suit their tiny data: none is expected to fail."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_global_output_transform_pandas,
    check_global_set_output_transform_polars,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_set_output_transform_polars,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
    parametrize_with_checks,
)

from paradime.dr import ParametricDR
from paradime.loss import GlobalStructureLoss
from paradime.routines import (
    ParametricAutoencoder,
    ParametricContrastive,
    ParametricLargeVis,
    ParametricMDS,
    ParametricPaCMAP,
    ParametricTSNE,
    ParametricUMAP,
)
from paradime.training import TrainingPhase

# little to train; MDS also as it comes, whose widths would show rows that depend on the rows beside them
SMALL = {"epochs": 2, "batch_size": 50, "hidden_dims": (32, 16), "random_state": 0}
INIT = {"init_epochs": 1, **SMALL}
ESTIMATORS = [
    ParametricAutoencoder(**INIT),
    ParametricContrastive(n_neighbors=5, **INIT),
    ParametricLargeVis(perplexity=2, **INIT),
    ParametricMDS(**INIT),
    ParametricPaCMAP(n_neighbors=3, **{**INIT, "epochs": 3}),
    ParametricTSNE(perplexity=2, **INIT),
    ParametricUMAP(n_neighbors=5, **INIT),
    ParametricMDS(),
    ParametricMDS(decoder=True, classifier=True, **INIT),
    ParametricDR(
        hidden_dims=(32, 16),
        losses=GlobalStructureLoss(),
        training_phases=[TrainingPhase(epochs=2, batch_size=20)],
        random_state=0,
    ),
]

# the checks' data are so small and plain that our warnings are right; scikit-learn's own tests let warnings be
quiet = [
    pytest.mark.filterwarnings("ignore:n_neighbors=:UserWarning"),
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
    check(estimator)


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
def test_check_of_names_and_output_passes(check, estimator):
    check(type(estimator).__name__, estimator)


def test_tags_say_what_is_taken():
    tags = ParametricMDS(classifier=True).__sklearn_tags__()
    assert tags.input_tags.sparse
    assert tags.target_tags.required
    assert not ParametricMDS().__sklearn_tags__().target_tags.required
    embedded = ParametricMDS(**INIT).fit_transform(np.random.default_rng(0).normal(size=(30, 3)))
    assert [str(embedded.dtype)] == tags.transformer_tags.preserves_dtype

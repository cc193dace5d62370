"""Arguments of a wrong type: each is answered in one line with the rule and the value."""

import numpy as np
import pytest

import paradime
from paradime import ParametricDR, ParametricMDS
from paradime.transforms import AdaptiveNeighborhoodRescale


@pytest.fixture(scope="module")
def routine():
    return ParametricMDS(epochs=1, hidden_dims=(4,), random_state=0).fit(
        np.random.default_rng(0).normal(size=(20, 3))
    )


ROWS = np.ones((4, 3), dtype=np.float32)
CASES = [
    (lambda r: r.transform(ROWS, refine="no"), "refine must be True or False, got 'no'"),
    (lambda r: r.transform(ROWS, refine=ROWS), r"refine must be True or False, got a ndarray of shape \(4, 3\)"),
    (lambda r: r.apply(ROWS, method=3), "method must be a string, got 3"),
    (
        lambda r: r.apply(ROWS, method=np.zeros((9, 9))),
        r"method must be a string, got a ndarray of",
    ),
    (lambda r: r.score(3), "must be an array with one row per data point, got int"),
    (lambda r: r.save("x", verify="x"), "verify must be True or False, got 'x'"),
    (lambda r: r.save("x", training=None), "training must be True or False, got None"),
    (lambda r: r.save("x", allow_imports=3), "allow_imports must be a string or a list of strings, got 3"),
    (lambda r: r.save(3), r"path must be a string or a pathlib.Path, got 3\. Pass one, such as 'model.paradime'"),
    (lambda r: r.export_torch(None), "path must be a string or a pathlib.Path, got None"),
    (lambda r: r.export_torch("x.pt2", refine="no"), "refine must be True or False, got 'no'"),
    (lambda r: r.to_spec(model="no"), "model must be True or False, got 'no'"),
    (lambda r: r.to_spec(format=["yaml"]), r"unknown format \['yaml'\]\. Did you mean 'yaml'"),
    (lambda r: r.to_spec(allow_imports=None), "allow_imports must be a string or a list of strings, got None"),
    (lambda r: r.train(resume_from=3), "resume_from must be a string or a pathlib.Path, got 3"),
    (lambda r: r.add_loss(3, None), r"key must be a string, got 3\. The key comes first"),
    (lambda r: r.add_data(ROWS), r"data must be a Mapping, got .* Pass arrays by name"),
    (lambda r: r.add_training_phase("main"), "training_phase must be a TrainingPhase, got 'main'"),
    (lambda r: r.set_training_defaults(3), "training_phase must be a TrainingPhase, got 3"),
    (lambda r: r.run_training_phase("main"), "training_phase must be a TrainingPhase, got 'main'"),
    (lambda r: r.add_training_phase(loss_keys=3), "loss_keys must be a string or a list of strings, got 3"),
    (lambda r: r.add_training_phase(name=3), "name must be a string, got 3"),
    (lambda r: r.compute_derived_data(3), "only must be a string or a list of strings, got 3"),
    (lambda r: r.compute_global_relations("yes"), "force must be True or False, got 'yes'"),
    (lambda r: r.update(ROWS, keep=np.zeros((9, 9))), r"keep must be .*, got a ndarray of shape \(9, 9\)"),
    (lambda _: paradime.load(3), "path must be a string or a pathlib.Path, got 3"),
    (lambda _: ParametricDR(dims=3), r"no parameter 'dims'\. It is called out_dim"),
    (lambda _: ParametricDR(densmap=True), r"no parameter 'densmap'\. Some presets have it: set density=True"),
    (lambda _: ParametricDR(min_grad_norm=1), r"Training phases have it: add_training_phase\(early_stopping=…\)"),
    (
        lambda _: AdaptiveNeighborhoodRescale("gauss", 1),
        r"kernel must be a function of .*, got 'gauss'",
    ),
]


@pytest.mark.parametrize(("call", "message"), CASES, ids=[message[:40] for _, message in CASES])
def test_an_argument_of_a_wrong_type_is_answered_with_the_rule_and_the_value(call, message, routine):
    with pytest.raises((TypeError, ValueError), match=message) as refused:
        call(routine)
    assert "\n" not in str(refused.value)

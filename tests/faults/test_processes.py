"""The same seed gives the same bits in another process, whatever the state of the global generators."""

import multiprocessing

import numpy as np
import pytest

import paradime
from paradime import ParametricTSNE, ParametricUMAP

pytestmark = pytest.mark.usefixtures("few_first_steps")

FIT = """
import random
import numpy, torch
import paradime
for module in ("contrastive", "tsne", "umap"):
    __import__(f"paradime.estimators.{module}", fromlist=["x"]).INIT_BATCHES = 2
random.seed(seed); numpy.random.seed(seed); torch.manual_seed(seed)
routine = getattr(paradime, name)(epochs=2, random_state=0).fit(X)
routine.save(path)
result.send(routine.transform(X))
"""


@pytest.mark.parametrize("kind", [ParametricTSNE, ParametricUMAP])
def test_two_processes_with_other_global_generators_give_the_same_bits(kind, X, tmp_path, forked):
    results = []
    for seed in (1, 2):
        receiver, sender = multiprocessing.Pipe(duplex=False)
        path = tmp_path / f"{seed}.paradime"
        process = forked(FIT, X=X, name=kind.__name__, seed=seed, path=path, result=sender)
        sender.close()
        results.append(receiver.recv())
        process.join()
        results.append(paradime.load(path).transform(X))
    results.append(kind(epochs=2, random_state=0).fit(X).transform(X))
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])

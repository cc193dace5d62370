"""The guided example of version 1: forest cover data, one axis of the embedding led by an attribute.

Most tests run the script as it was published, on 7,000 rows; those of the axis run it on 1,050.
"""

import contextlib
import dataclasses
import functools
import io
import re
from typing import Any

import matplotlib
import numpy as np
import pytest
import sklearn.decomposition
import torch
from matplotlib.figure import Figure
from sklearn.preprocessing import StandardScaler

import paradime.dr
import paradime.loss
import paradime.relations
import paradime.transforms
import paradime.utils
from paradime.datasets import load_covertype

matplotlib.use("Agg")

EPOCHS = (0, 2, 10, 20, 38)
# the loss at these epochs by weights [embedding, guiding], as published for version 1
PUBLISHED = {
    (1, 0): (0.0502, 0.0435, 0.0412, 0.0401, 0.0393),
    (1000, 1): (56.2, 51.6, 48.8, 47.5, 46.1),
    (100, 1): (6.978, 5.372, 5.037, 4.868, 4.740),
}
# where two losses compete, one run's loss varies by 1.2 % (standard deviation) late, and by 3 % in the first epoch
# if the guiding one dominates, as the published runs did
SEEDS = {(1, 0): 2, (1000, 1): 3, (100, 1): 3}
FIRST_TOLERANCE = {(1, 0): 0.05, (1000, 1): 0.05, (100, 1): 0.08}
TOLERANCE = {(1, 0): 0.03, (1000, 1): 0.04, (100, 1): 0.04}
ATTRIBUTE = 7


class GuidingLoss(paradime.loss.Loss):
    def __init__(self, attr_index, emb_dim, data_key="main", name=None):
        super().__init__(name)
        self.attr_index = attr_index
        self.emb_dim = emb_dim
        self.data_key = data_key

    def forward(self, model, global_relations, batch_relations, batch, device):
        data = batch[self.data_key].to(device)
        emb = model.embed(data)
        a, e = data[:, self.attr_index], emb[:, self.emb_dim]
        corr = torch.cov(torch.stack((a, e)))[0, 1] / (a.std() * e.std())
        return 1 - corr**2


@dataclasses.dataclass
class Run:
    routine: Any
    main: Any
    data: np.ndarray
    embedding: torch.Tensor
    output: str


def script(data, weights, seed, perplexity=200, batch_size=500, epochs=40, verbose=False):
    paradime.utils.seed.seed_all(seed)
    g = paradime.relations.NeighborBasedPDist(
        transform=[
            paradime.transforms.PerplexityBasedRescale(perplexity=perplexity, bracket=[0.001, 1000]),
            paradime.transforms.Symmetrize(),
            paradime.transforms.Normalize(),
        ]
    )
    b = paradime.relations.DifferentiablePDist(
        transform=[
            paradime.transforms.StudentTTransform(alpha=1.0),
            paradime.transforms.Normalize(),
            paradime.transforms.ToSquareTensor(),
        ]
    )
    derived = paradime.dr.DerivedData(lambda x: sklearn.decomposition.PCA(n_components=2).fit_transform(x))
    losses = {
        "init": paradime.loss.PositionLoss(position_key="pca"),
        "embedding": paradime.loss.RelationLoss(loss_function=paradime.loss.kullback_leibler_div),
        "guiding": GuidingLoss(ATTRIBUTE, 0),
    }
    init = paradime.dr.TrainingPhase(
        name="pca_init", loss_keys=["init"], batch_size=batch_size, epochs=10, learning_rate=0.01
    )
    main = paradime.dr.TrainingPhase(
        name="embedding",
        loss_keys=["embedding", "guiding"],
        loss_weights=list(weights),
        batch_size=batch_size,
        epochs=epochs,
        learning_rate=0.02,
        report_interval=2,
    )
    r = paradime.dr.ParametricDR(
        global_relations=g,
        batch_relations=b,
        derived_data={"pca": derived},
        losses=losses,
        in_dim=10,
        out_dim=2,
        hidden_dims=[100, 50],
        use_cuda=torch.cuda.is_available(),
        verbose=verbose,
    )
    r.add_training_phase(init)
    r.add_training_phase(main)
    r.train(data)
    return r, main


@functools.cache
def run_script(weights, seed=0):
    data = StandardScaler().fit_transform(load_covertype().data)
    with contextlib.redirect_stdout(io.StringIO()) as output:
        r, main = script(data, weights, seed, verbose=True)
    return Run(r, main, data, r.apply(data), output.getvalue())


def followed(embedding, data):
    """The share of the attribute's variance that the x-axis explains."""
    return float(np.corrcoef(embedding[:, 0], data[:, ATTRIBUTE])[0, 1] ** 2)


@pytest.mark.slow
@pytest.mark.parametrize("weights", PUBLISHED, ids=str)
def test_losses_are_those_that_were_published(weights, outcome):
    def measure(seed):
        history = run_script(weights, seed).main.loss.history
        assert len(history) == 40
        return {
            f"epoch {epoch}": history[epoch] / loss for epoch, loss in zip(EPOCHS, PUBLISHED[weights], strict=True)
        }

    tolerance = {f"epoch {epoch}": TOLERANCE[weights] if epoch else FIRST_TOLERANCE[weights] for epoch in EPOCHS}
    outcome(
        measure,
        seeds=SEEDS[weights],
        at_least={name: 1 - by for name, by in tolerance.items()},
        at_most={name: 1 + by for name, by in tolerance.items()},
    )


@pytest.mark.slow
def test_weighted_components_add_up_to_the_loss():
    loss = run_script((100, 1)).main.loss
    detailed = loss.detailed_history()
    assert detailed.shape == (2, 40)
    np.testing.assert_allclose(detailed.sum(axis=0), loss.history, rtol=1e-5)


def test_axis_follows_the_attribute_if_it_is_guided(forest, outcome):
    def measure(seed):
        found = {}
        for name, weights in {"free": [1, 0], "light": [300, 1], "guided": [100, 1]}.items():
            r, _ = script(forest.X, weights, seed, perplexity=50, batch_size=150, epochs=20)
            found[name] = followed(r.apply(forest.X), forest.X)
        return {**found, "light - free": found["light"] - found["free"]}

    # release 1.1.0 gave 0.31 and 1.00 for free and guided, on 1,400 rows
    outcome(
        measure,
        seeds=2,
        at_least={"guided": 0.95, "light - free": 0.25},
        at_most={"free": 0.45, "light": 0.9},
    )


@pytest.mark.slow
def test_embedding_is_a_finite_cpu_tensor_without_gradient():
    embedding = run_script((100, 1)).embedding
    assert embedding.shape == (7000, 2)
    assert embedding.device.type == "cpu"
    assert not embedding.requires_grad
    assert bool(embedding.isfinite().all())


@pytest.mark.slow
def test_model_can_be_differentiated_afterwards():
    run = run_script((100, 1))
    model = run.routine.model
    x = torch.tensor(run.data[0], dtype=torch.float32, device=run.routine.device)
    (gradient,) = torch.autograd.grad(model.forward(x)[0], model.layers[0].weight)
    assert gradient.shape == (100, 10)
    assert bool(gradient.isfinite().all())
    assert float(gradient.abs().max()) > 0


@pytest.mark.slow
def test_saliency_of_the_guided_axis_is_that_of_a_difference_quotient():
    run = run_script((100, 1))
    model = run.routine.model
    weight = model.layers[0].weight
    x = torch.tensor(run.data[0], dtype=torch.float32, device=run.routine.device)
    (gradient,) = torch.autograd.grad(model.forward(x)[0], weight)
    place, step = divmod(int(gradient.abs().argmax()), 10), 1e-2
    with torch.no_grad():
        before = float(weight[place])
        ends = []
        for sign in (1, -1):
            weight[place] = before + sign * step
            ends.append(float(model.forward(x)[0]))
        weight[place] = before
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(float(gradient[place]), rel=0.05)


@pytest.mark.slow
def test_log_says_what_users_search_it_for():
    output = run_script((100, 1)).output
    expected = [
        r"Initializing training dataset\.",
        r"Computing derived data entry 'pca'\.",
        r"Adding entry 'pca' to dataset\.",
        r"Computing global relations 'rel'\.",
        r"Indexing nearest neighbors\.",
        r"Calculating probabilities\.",
        r"Beginning training phase 'pca_init'\.",
        r"Loss after epoch 0: \d+\.\d+",
        r"Loss after epoch 5: \d+\.\d+",
        r"Beginning training phase 'embedding'\.",
        *(rf"Loss after epoch {epoch}: \d+\.\d+" for epoch in range(0, 40, 2)),
    ]
    lines = output.splitlines()
    asctime = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
    places = []
    for message in expected:
        start = places[-1] + 1 if message.startswith("Loss") else 0
        found = [i for i in range(start, len(lines)) if re.fullmatch(f"{asctime}: {message}", lines[i])]
        assert found, f"{message} is missing in:\n{output}"
        places.append(found[0])
    # data come before the phases, and nothing is said twice
    assert max(places[:6]) < places[6]
    assert len(set(lines)) == len(lines)


@pytest.mark.slow
def test_loss_in_the_log_is_that_of_the_history():
    run = run_script((100, 1))
    shown = re.findall(r"Loss after epoch 38: (\S+)", run.output)
    assert len(shown) == 1
    assert float(shown[0]) == pytest.approx(run.main.loss.history[38], rel=1e-3)


@pytest.mark.slow
def test_plots_of_the_script():
    run = run_script((100, 1))
    ax = Figure().subplots()
    colormap = paradime.utils.plotting.get_colormap()
    values = run.data[:, ATTRIBUTE]
    drawn = paradime.utils.plotting.scatterplot(run.embedding, c=values, cmap=colormap, ax=ax)
    assert drawn is ax
    (points,) = ax.collections
    np.testing.assert_allclose(points.get_offsets(), run.embedding.numpy(), rtol=1e-6)
    np.testing.assert_array_equal(points.get_array(), values)
    assert points.get_cmap() == colormap
    ax.bar(range(10), run.data[0], color=paradime.utils.plotting.get_color_palette()["petrol"])
    # what is drawn can be drawn: colours and colormap are valid
    ax.figure.canvas.draw()

"""Whole routines: from its text, each trains to the same weights as the one made in code."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from paradime import loss, relations, transforms
from paradime.data import ContrastivePairs, DerivedData, NearMidFarPairs
from paradime.data.derived import local_radius, pca, spectral
from paradime.dr import ParametricDR, TrainingPhase
from paradime.models import ModelRecipe
from paradime.training import Cosine, EarlyStopping, OneCycle, Step

DIGITS = load_digits()
X, LABELS = (DIGITS.data[:150] / 16).astype(np.float32), DIGITS.target[:150]
DATA = {"main": X, "labels": LABELS, "age": X.sum(axis=1), "hour": np.arange(150.0)}
IMAGES = {"main": X.reshape(-1, 8, 8), "labels": LABELS}


def graph():
    return relations.NeighborBasedPDist(
        transform=[transforms.ConnectivityBasedRescale(8), transforms.Symmetrize(subtract_product=True)]
    )


def similarities():
    return relations.NeighborBasedPDist(
        transform=[transforms.PerplexityBasedRescale(8), transforms.Symmetrize(), transforms.Normalize()]
    )


def kernel(kind, *more):
    return kind(transform=[transforms.StudentTTransform(alpha=1.0), *more])


def phase(keys, **settings):
    return TrainingPhase(**{"epochs": 2, "batch_size": 40, "loss_keys": keys, **settings})


def umap(**settings):
    return {
        "global_relations": {"graph": graph()},
        "batch_relations": {"near": kernel(relations.DistsFromTo)},
        "losses": {"umap": loss.RelationLoss(loss.cross_entropy_loss, "graph", "near")},
        "training_phases": [phase(["umap"], sampling="negative_edge", edge_rel_key="graph", **settings)],
    }


def tsne(keys=("tsne",), losses=None, **settings):
    return {
        "global_relations": {"near": similarities()},
        "batch_relations": {"near": kernel(relations.DifferentiablePDist, transforms.Normalize())},
        "losses": {"tsne": loss.RelationLoss(loss.kullback_leibler_div, "near", "near"), **(losses or {})},
        "training_phases": [phase(list(keys), **settings)],
    }


def contrastive(sampling, **settings):
    return {
        "global_relations": {"graph": graph()},
        "losses": {"pairs": loss.ContrastiveLoss(**settings)},
        "training_phases": [phase(["pairs"], sampling=sampling, batch_size=25)],
    }


def pacmap():
    sampling = NearMidFarPairs("near", n_near=4, n_mid=2, n_far=6)
    keys = ["near", "mid", "far"]
    return {
        "global_relations": {
            "near": relations.NeighborBasedPDist(transform=[transforms.LocalScaling(n_neighbors=4, n_extra=10)])
        },
        "losses": {
            "near": loss.AttractionLoss("near"),
            "mid": loss.AttractionLoss("mid"),
            "far": loss.RepulsionLoss(),
        },
        "training_phases": [
            phase(keys, sampling=sampling, loss_weights=[2, [1000, 3], 1], epochs=1),
            phase(keys, sampling=sampling, loss_weights=[1, 0, (1, 2)], epochs=1),
        ],
    }


def mds(**parts):
    return {"losses": {"stress": loss.StressLoss()}, "training_phases": [phase(["stress"])], **parts}


def with_heads(model, **settings):
    losses = {
        "stress": loss.StressLoss(),
        "rebuild": loss.ReconstructionLoss(),
        "classify": loss.ClassificationLoss(),
    }
    return {"model": model, "losses": losses, "training_phases": [phase(list(losses), **settings)]}


BALANCED = {"global": loss.GlobalStructureLoss(), "age": loss.CorrelationLoss("age")}
GUIDING = {
    "independent": loss.IndependenceLoss("labels", kind="hsic"),
    "smooth": loss.SmoothnessLoss(time_key="hour", scale=2.0),
    "same": loss.TripletLoss(mining="hard"),
    "classes": loss.SupervisedContrastiveLoss(),
    # numbers in a specification are of double precision, arrays of single precision are not
    "pinned": loss.AnchorLoss(X[:3].tolist(), [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
}

ROUTINES = {
    "edges": umap,
    "edges, negatives of the batch": lambda: umap(negatives="batch", neg_sampling_rate=3),
    "edges, negatives by degree": lambda: umap(negatives="degree"),
    "edges, batches per epoch": lambda: umap(batches_per_epoch=3, report_interval=1),
    "contrastive rows": lambda: contrastive(ContrastivePairs("graph")),
    "contrastive edges": lambda: contrastive(ContrastivePairs("graph", anchors="edges"), temperature=0.5),
    "a loss with parameters": lambda: contrastive(ContrastivePairs("graph"), kind="nce", n_negatives=5),
    "negative sampling": lambda: contrastive(ContrastivePairs("graph"), kind="negative sampling", spectrum=0.5),
    "near, mid and far with ramps": pacmap,
    "balanced weights": lambda: tsne(["tsne", "global", "age"], BALANCED, loss_weights="balanced"),
    "balanced weights with shares": lambda: tsne(
        ["tsne", "global"], BALANCED, loss_weights="balanced", loss_shares={"tsne": 3, "global": 1}
    ),
    "some shares beside weights": lambda: tsne(
        ["tsne", "global", "age"], BALANCED, loss_weights=[2, 0.5, 1], loss_shares={"age": 0.2}
    ),
    "guiding losses": lambda: tsne(["tsne", *GUIDING], GUIDING),
    "cosine and clipping": lambda: tsne(schedule=Cosine(warmup=0.2, end_factor=0.1), clip_norm=0.5),
    "schedule by name": lambda: tsne(schedule="one cycle"),
    "one cycle": lambda: tsne(schedule=OneCycle(start_factor=0.2), optimizer=torch.optim.AdamW, weight_decay=0.1),
    "early stopping": lambda: tsne(
        epochs=4,
        schedule=Step(every=0.5),
        early_stopping=EarlyStopping(patience=1, min_delta=10.0, warmup_epochs=1),
    ),
    "momentum": lambda: tsne(optimizer=torch.optim.SGD, momentum=0.5, nesterov=True, learning_rate=0.3),
    "betas": lambda: tsne(optimizer=torch.optim.RAdam, betas=(0.8, 0.99)),
    "bfloat16": lambda: tsne(precision="bfloat16"),
    "derived data of relations": lambda: {
        **umap(),
        "derived_data": {"start": DerivedData(spectral, [("rels", "graph")], n_components=2)},
        "losses": {**umap()["losses"], "start": loss.PositionLoss(position_key="start")},
        "training_phases": [phase(["start"], learning_rate=0.05), *umap()["training_phases"]],
    },
    "derived data of data": lambda: mds(
        derived_data={"pca": DerivedData(pca, whiten=True)},
        losses={"start": loss.PositionLoss(loss_function=torch.nn.L1Loss(), position_key="pca")},
        training_phases=[phase(["start"])],
    ),
    "local radius": lambda: (
        tsne(["tsne", "density"], {"density": loss.DensityLoss()})
        | {"derived_data": {"radius": DerivedData(local_radius, [("rels", "near"), ("data", "main")])}}
    ),
    "relations that are given": lambda: {
        "global_relations": {"given": relations.Precomputed(data_key="dists")},
        "batch_relations": {"far": relations.DifferentiablePDist(p=1)},
        "losses": {"stress": loss.RelationLoss(torch.nn.MSELoss(), "given", "far", normalize_sub=False)},
        "training_phases": [phase(["stress"])],
    },
    "smooth by a graph": lambda: mds(
        global_relations={"graph": graph()},
        losses={"stress": loss.StressLoss(), "smooth": loss.SmoothnessLoss(relation_key="graph")},
        training_phases=[phase(["stress", "smooth"])],
    ),
    "options of a loss function": lambda: (
        umap()
        | {
            "losses": {
                "umap": loss.RelationLoss(loss.largevis_loss, "graph", "near", function_options={"gamma": 5.0}),
            }
        }
    ),
    "residual, normalised, dropout": lambda: mds(
        model=ModelRecipe(
            "mlp",
            out_dim=3,
            options={"hidden_dims": [16, 16], "residual": True, "normalization": "batch", "dropout": 0.2},
        )
    ),
    "decoder and classifier": lambda: with_heads(
        ModelRecipe("mlp", options={"hidden_dims": [12]}, decoder={"hidden_dims": [9]}, classifier=True),
        loss_weights=[1, [0, 1], 0.5],
    ),
}


def weights(routine):
    parts = [routine.model, *routine.losses.values()]
    return torch.cat([p.detach().reshape(-1) for part in parts for p in part.parameters()])


def assert_trains_alike(parts, data, form="yaml"):
    first = ParametricDR(**{"hidden_dims": [12], **parts}, random_state=3)
    second = ParametricDR.from_spec(first.to_spec(format=form), random_state=3)
    other = ParametricDR.from_spec(first.to_spec(), random_state=4)
    for routine in (first, second, other):
        routine.train(data)
    assert weights(first).isfinite().all()
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(other))
    for a, b in zip(first.training_phases, second.training_phases, strict=True):
        assert a.loss.history == b.loss.history
    assert second.to_spec() == first.to_spec()


@pytest.mark.parametrize("name", ROUTINES)
def test_routine_and_its_text_train_to_the_same_weights(name):
    data = DATA
    if name == "relations that are given":
        data = {"main": X, "dists": np.abs(X[:, None] - X[None]).sum(axis=2)}
    assert_trains_alike(ROUTINES[name](), data, "json" if len(name) % 2 else "yaml")


@pytest.mark.parametrize("decoder", [True, {"type": "mlp", "hidden_dims": [8]}])
def test_convolutional_model_and_its_text_train_to_the_same_weights(decoder):
    model = ModelRecipe(
        "conv",
        options={"channels": [4], "hidden_dims": [8], "normalization": "layer"},
        decoder=decoder,
        classifier={"n_classes": 10, "hidden_dims": []},
    )
    assert_trains_alike(with_heads(model, loss_weights="balanced"), IMAGES)

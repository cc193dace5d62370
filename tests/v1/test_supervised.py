"""A triplet loss on sampled edges, beside t-SNE in the same phase: labels pull the classes apart."""

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

import paradime.dr
import paradime.loss
import paradime.relations
import paradime.transforms
import paradime.utils
from paradime.datasets import load_covertype
from paradime.metrics import knn_accuracy


class TripletLoss(paradime.loss.Loss):
    def __init__(self, margin=1.0, name=None):
        super().__init__(name)
        self.margin = margin

    def forward(self, model, global_relations, batch_relations, batch, device):
        data = batch["from_to_data"].to(device)
        # with one negative an edge, each positive is followed by its negative
        anchor, positive = model.embed(data[0, ::2]), model.embed(data[1, ::2])
        negative = model.embed(data[1, 1::2])
        return torch.nn.functional.triplet_margin_loss(anchor, positive, negative, margin=self.margin)


class LookAtTriplets(paradime.loss.Loss):
    """Keeps what the batches hold, and trains nothing."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def forward(self, model, global_relations, batch_relations, batch, device):
        self.batches.append({key: batch[key].clone() for key in batch})
        return model.embed(batch["main"].to(device)).square().mean()


@pytest.fixture(scope="module")
def forest():
    """150 rows a class to learn from, and as many to be judged by."""
    raw, labels = load_covertype(return_X_y=True)
    data = StandardScaler().fit_transform(raw)
    rows = [np.flatnonzero(labels == label)[:300] for label in np.unique(labels)]
    train, test = np.concatenate([r[:150] for r in rows]), np.concatenate([r[150:] for r in rows])
    return data[train], labels[train], data[test], labels[test]


def same_label_relations(labels):
    return paradime.relations.Precomputed((labels[:, None] == labels[None, :]).astype(float))


def make_routine(labels, losses):
    neighbors = paradime.relations.NeighborBasedPDist(
        transform=[
            paradime.transforms.PerplexityBasedRescale(perplexity=30),
            paradime.transforms.Symmetrize(),
            paradime.transforms.Normalize(),
        ]
    )
    student = paradime.relations.DifferentiablePDist(
        transform=[
            paradime.transforms.StudentTTransform(alpha=1.0),
            paradime.transforms.Normalize(),
            paradime.transforms.ToSquareTensor(),
        ]
    )
    return paradime.dr.ParametricDR(
        global_relations={"rel": neighbors, "same": same_label_relations(labels)},
        batch_relations=student,
        losses=losses,
        in_dim=10,
        out_dim=2,
    )


def train(forest, weights, seed=0):
    data, labels, *_ = forest
    paradime.utils.seed.seed_all(seed)
    routine = make_routine(
        labels,
        {
            "embedding": paradime.loss.RelationLoss(paradime.loss.kullback_leibler_div),
            "triplet": TripletLoss(),
        },
    )
    routine.add_training_phase(
        epochs=60,
        batch_size=200,
        sampling="negative_edge",
        edge_rel_key="same",
        neg_sampling_rate=1,
        loss_keys=["embedding", "triplet"],
        loss_weights=weights,
        learning_rate=0.01,
    )
    routine.train(data)
    return routine


def accuracy(routine, forest):
    data, labels, test_data, test_labels = forest
    return knn_accuracy(
        routine.apply(data), labels, test_embedding=routine.apply(test_data), test_labels=test_labels
    )


def test_triplets_raise_accuracy_on_held_out_rows(forest):
    unsupervised = accuracy(train(forest, [1, 0]), forest)
    supervised = accuracy(train(forest, [100, 1]), forest)
    assert supervised > unsupervised + 0.1


def test_batches_hold_triplets_of_the_relations_that_the_phase_names(forest):
    data, labels, *_ = forest
    look = LookAtTriplets()
    paradime.utils.seed.seed_all(0)
    routine = make_routine(labels, look)
    phase = paradime.dr.TrainingPhase(
        epochs=1, batch_size=100, sampling="negative_edge", edge_rel_key="same", neg_sampling_rate=1
    )
    routine.add_training_phase(phase)
    routine.train({"main": data, "labels": labels})
    # an epoch draws about n/(r + 1) positive edges
    n = len(data)
    assert sum(len(batch["rel"]) for batch in look.batches) == pytest.approx(n, abs=200)
    for batch in look.batches:
        row, col, rel = batch["row"].numpy(), batch["col"].numpy(), batch["rel"].numpy()
        assert len(row) == len(col) == len(rel)
        np.testing.assert_array_equal(rel[::2], 1)
        np.testing.assert_array_equal(rel[1::2], 0)
        np.testing.assert_array_equal(row[::2], row[1::2])
        np.testing.assert_array_equal(labels[row[::2]], labels[col[::2]])
        assert (row[::2] != col[1::2]).all()
        pairs = batch["from_to_data"].numpy()
        assert pairs.shape == (2, len(row), 10)
        np.testing.assert_allclose(pairs, data[np.stack((row, col))], rtol=1e-5, atol=1e-6)
        # all other entries are those of the rows that occur
        occurring = np.unique(np.concatenate((row, col)))
        np.testing.assert_array_equal(np.sort(batch["indices"].numpy()), occurring)
        np.testing.assert_allclose(batch["main"].numpy(), data[batch["indices"].numpy()], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(batch["labels"].numpy(), labels[batch["indices"].numpy()])

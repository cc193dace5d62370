"""A convolutional autoencoder on images, whose code is embedded by t-SNE at the same time."""

import functools

import numpy as np
import pytest
import torch

import paradime.dr
import paradime.loss
import paradime.models
import paradime.relations
import paradime.transforms
import paradime.utils


class ConvAutoencoder(paradime.models.Model):
    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.Sequential(
            torch.nn.Conv2d(1, 8, 3, stride=2, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(8, 16, 3, stride=2, padding=1),
            torch.nn.ReLU(),
            torch.nn.Flatten(),
            torch.nn.Linear(64, 32),
        )
        self.head = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(32, 2))
        self.decoder = torch.nn.Sequential(
            torch.nn.ReLU(),
            torch.nn.Linear(32, 64),
            torch.nn.ReLU(),
            torch.nn.Unflatten(1, (16, 2, 2)),
            torch.nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1),
            torch.nn.ReLU(),
            torch.nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1),
        )

    def encode(self, X):
        return self.encoder(X)

    def decode(self, X):
        return self.decoder(X)

    def embed(self, X):
        return self.head(self.encode(X))


def as_images(rows):
    return rows.reshape(-1, 1, 8, 8)


def train(digits, seed=0):
    paradime.utils.seed.seed_all(seed)
    routine = paradime.dr.ParametricDR(
        model=ConvAutoencoder(),
        global_relations=paradime.relations.NeighborBasedPDist(
            transform=[
                paradime.transforms.PerplexityBasedRescale(perplexity=30),
                paradime.transforms.Symmetrize(),
                paradime.transforms.Normalize(),
            ],
        ),
        batch_relations=paradime.relations.DifferentiablePDist(
            transform=[
                paradime.transforms.StudentTTransform(alpha=1.0),
                paradime.transforms.Normalize(),
                paradime.transforms.ToSquareTensor(),
            ]
        ),
        losses={
            "embedding": paradime.loss.RelationLoss(paradime.loss.kullback_leibler_div),
            "reconstruction": paradime.loss.ReconstructionLoss(),
        },
    )
    routine.add_training_phase(
        epochs=40,
        batch_size=100,
        loss_keys=["embedding", "reconstruction"],
        loss_weights=[100, 10],
        learning_rate=0.005,
    )
    routine.train(as_images(digits.X[:600]))
    return routine


@pytest.fixture(scope="module")
def trained(digits):
    return functools.cache(lambda seed: train(digits, seed))


@pytest.fixture
def routine(trained):
    return trained(0)


def reconstruction_error(routine, digits):
    """Mean squared error on held-out images, beside that of the mean image."""
    images = as_images(digits.X_test)
    decoded = routine.apply(routine.apply(images, "encode"), "decode").numpy()
    mean = as_images(digits.X).mean(axis=0)
    return np.mean((decoded - images) ** 2) / np.mean((mean - images) ** 2)


def test_reconstructions_beat_the_mean_image(trained, digits, outcome):
    outcome(lambda seed: {"error": reconstruction_error(trained(seed), digits)}, at_most={"error": 0.7})


def test_accuracy_on_held_out_images_is_far_above_that_of_pca(trained, digits, outcome):
    def measure(seed):
        accuracy = digits.accuracy(lambda rows: trained(seed).embed(as_images(rows)).detach())
        return {"gain": accuracy - digits.pca_accuracy}

    outcome(measure, at_least={"gain": 0.03})


def test_code_has_the_shape_that_the_model_gives_it(routine, digits):
    assert routine.apply(as_images(digits.X_test), method="encode").shape == (len(digits.X_test), 32)


def test_model_is_embedded_by_default(routine, digits):
    images = as_images(digits.X_test)
    torch.testing.assert_close(routine.apply(images), routine.embed(images))

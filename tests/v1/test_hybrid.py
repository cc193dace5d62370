"""An embedding and a classifier on a shared trunk, with the blocks of a t-SNE that is never trained itself."""

import numpy as np
import torch

import paradime.dr
import paradime.loss
import paradime.models
import paradime.routines
import paradime.utils


class Hybrid(paradime.models.Model):
    def __init__(self):
        super().__init__()
        self.trunk = torch.nn.Sequential(
            torch.nn.Linear(64, 100), torch.nn.Softplus(), torch.nn.Linear(100, 50), torch.nn.Softplus()
        )
        self.emb_head = torch.nn.Linear(50, 2)
        self.class_head = torch.nn.Linear(50, 10)

    def embed(self, X):
        return self.emb_head(self.trunk(X))

    def classify(self, X):
        return self.class_head(self.trunk(X))


def train(digits, weights, seed=0):
    paradime.utils.seed.seed_all(seed)
    tsne = paradime.routines.ParametricTSNE(in_dim=64, perplexity=50)
    routine = paradime.dr.ParametricDR(
        model=Hybrid(),
        global_relations=tsne.global_relations,
        batch_relations=tsne.batch_relations,
        losses={"embedding": tsne.losses["embedding"], "class": paradime.loss.ClassificationLoss()},
    )
    routine.add_training_phase(
        name="hybrid",
        epochs=30,
        batch_size=200,
        loss_keys=["embedding", "class"],
        loss_weights=weights,
        learning_rate=0.01,
    )
    routine.train({"main": digits.X, "labels": digits.y})
    return routine


def class_accuracy(routine, digits):
    predicted = routine.classify(digits.X_test).argmax(dim=1).numpy()
    return float(np.mean(predicted == digits.y_test))


def test_classification_weight_buys_accuracy_up_to_that_of_the_classifier_alone(digits):
    none, heavy, alone = (class_accuracy(train(digits, weights), digits) for weights in ([1, 0], [10, 1], [0, 1]))
    assert none < 0.3  # a head that is never trained guesses among ten classes
    assert heavy > alone - 0.02
    assert alone > 0.93


def test_embedding_keeps_its_structure_beside_the_classifier(digits):
    routine = train(digits, [300, 1])
    assert class_accuracy(routine, digits) > 0.9
    assert digits.accuracy(lambda rows: routine.apply(rows, "embed")) > digits.pca_accuracy + 0.1


def test_t_sne_that_lent_its_blocks_stays_untrained():
    tsne = paradime.routines.ParametricTSNE(in_dim=64)
    assert set(tsne.losses) == {"init", "embedding"}
    assert len(tsne.training_phases) == 2
    assert tsne.global_relations["rel"].n_neighbors is None
    assert not tsne.trained


def test_loss_of_each_part_is_told_apart(digits):
    routine = train(digits, [300, 1])
    (phase,) = routine.training_phases
    embedding, classification = phase.loss.detailed_history()
    assert len(embedding) == len(classification) == 30
    assert embedding[-1] < embedding[0]
    assert classification[-1] < 0.5 * classification[0]

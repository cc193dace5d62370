"""Losses as scripts of version 1 call them, with the values that 1.1.0 gave."""

import numpy as np
import pytest
import torch

import paradime.utils
from paradime.dr import ParametricDR
from paradime.loss import ClassificationLoss, ReconstructionLoss, RelationLoss, cross_entropy_loss
from paradime.relationdata import relation_factory
from paradime.relations import DifferentiablePDist
from paradime.transforms import StudentTTransform, ToSquareTensor

CPU = torch.device("cpu")


def points(n=60):
    i = torch.arange(n)
    return torch.stack((torch.sin(i), torch.cos(2 * i), torch.sin(3 * i + 1)), 1)


X = points()
SAME = torch.nn.Identity()


class TestCrossEntropy:
    """It is the sum over a row, in the mean over the rows."""

    def test_of_square_relations_is_the_mean_over_rows(self):
        dists = torch.cdist(X, X)
        found = cross_entropy_loss(torch.exp(-dists), 1 / (1 + dists**2))
        assert float(found) == pytest.approx(30.143436, rel=1e-4)

    def test_of_pairs_is_the_mean_over_pairs(self):
        dists = torch.linalg.vector_norm(X[::2] - X[1::2], dim=1)
        p, q = torch.exp(-dists), 1 / (1 + dists**2)
        expected = torch.nn.functional.binary_cross_entropy(q, p)
        assert float(cross_entropy_loss(p, q)) == pytest.approx(float(expected), rel=1e-4)

    @pytest.mark.parametrize(("normalize_sub", "expected"), [(True, 32.599361), (False, 46.259811)])
    def test_of_a_batch_is_the_mean_over_its_points(self, normalize_sub, expected):
        loss = RelationLoss(cross_entropy_loss, embedding_method="forward", normalize_sub=normalize_sub)
        rels = {"rel": relation_factory(torch.exp(-torch.cdist(X, X)).numpy())}
        batch_rels = {"rel": DifferentiablePDist(transform=[StudentTTransform(1.0), ToSquareTensor()])}
        batch = {"main": X, "indices": torch.arange(60)}
        assert float(loss(SAME, rels, batch_rels, batch, CPU)) == pytest.approx(expected, rel=1e-4)


class TestReconstruction:
    class Halves(torch.nn.Module):
        def encode(self, X):
            return X[:, :2]

        def decode(self, code):
            return torch.cat((code, code[:, :1]), 1)

    def test_function_gets_the_data_first_and_what_is_decoded_second(self):
        seen = []
        loss = ReconstructionLoss(lambda data, decoded: (seen.append((data, decoded)), data.sum())[1])
        loss(self.Halves(), {}, {}, {"main": X}, CPU)
        ((data, decoded),) = seen
        torch.testing.assert_close(data, X)
        torch.testing.assert_close(decoded, X[:, [0, 1, 0]])

    def test_loss_that_is_not_symmetric_has_the_value_of_version_1(self):
        loss = ReconstructionLoss(lambda data, decoded: (data - 2 * decoded).square().mean())
        assert float(loss(self.Halves(), {}, {}, {"main": X}, CPU)) == pytest.approx(1.1501466, rel=1e-5)


class FirstTwo(torch.nn.Module):
    def forward(self, X):
        return X[:, :2]


class TestClassification:
    """Labels of any kind are given to the loss function as they are."""

    SIGNS = (X[:, :2] > 0).float()

    @pytest.mark.parametrize(
        ("function", "expected"), [(torch.nn.BCEWithLogitsLoss(), 0.43542263), (torch.nn.MSELoss(), 0.36094147)]
    )
    def test_float_labels_give_the_value_of_version_1(self, function, expected):
        loss = ClassificationLoss(function, classification_method="forward")
        batch = {"main": X, "labels": self.SIGNS}
        assert float(loss(FirstTwo(), {}, {}, batch, CPU)) == pytest.approx(expected, rel=1e-6)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bool, torch.int64], ids=str)
    def test_other_functions_than_cross_entropy_get_the_labels_themselves(self, dtype):
        seen = []
        loss = ClassificationLoss(
            lambda scores, labels: (seen.append(labels), scores.sum())[1], classification_method="forward"
        )
        labels = (torch.arange(60) % 2 * 2 - 1).to(dtype)  # −1, too, is a label like any other
        loss(FirstTwo(), {}, {}, {"main": X, "labels": labels}, CPU)
        assert seen[0].dtype == dtype
        assert torch.equal(seen[0], labels)

    @pytest.mark.parametrize("function", [None, torch.nn.CrossEntropyLoss()], ids=["default", "module"])
    @pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.bool], ids=str)
    def test_cross_entropy_takes_class_numbers_of_any_integer_type(self, function, dtype):
        loss = ClassificationLoss(function, classification_method="forward")
        labels = (torch.arange(60) % 2).to(dtype)
        found = loss(FirstTwo(), {}, {}, {"main": X, "labels": labels}, CPU)
        expected = torch.nn.functional.cross_entropy(X[:, :2], labels.long())
        assert float(found) == pytest.approx(float(expected), rel=1e-6)

    @pytest.mark.parametrize("function", [None, torch.nn.CrossEntropyLoss()], ids=["default", "module"])
    def test_cross_entropy_takes_probabilities_of_the_classes(self, function):
        labels = X[:, 1:].softmax(dim=1)
        loss = ClassificationLoss(function, classification_method="forward")
        found = loss(FirstTwo(), {}, {}, {"main": X, "labels": labels}, CPU)
        expected = torch.nn.functional.cross_entropy(X[:, :2], labels)
        assert float(found) == pytest.approx(float(expected), rel=1e-6)

    @pytest.mark.parametrize(
        ("function", "labels"),
        [
            (torch.nn.BCEWithLogitsLoss(), np.asarray(SIGNS)),
            (torch.nn.MSELoss(), np.asarray(SIGNS)),
            (
                torch.nn.CrossEntropyLoss(),
                np.asarray(SIGNS) / np.asarray(SIGNS).sum(axis=1, keepdims=True).clip(1),
            ),
            (lambda s, y: torch.relu(1 - y * (s[:, 0] - s[:, 1])).mean(), np.where(SIGNS[:, 0] > 0, 1, -1)),
            (torch.nn.NLLLoss(), np.asarray(SIGNS[:, 0], np.int64)),
        ],
        ids=["BCEWithLogitsLoss", "MSELoss", "CrossEntropyLoss", "hinge", "NLLLoss"],
    )
    def test_a_routine_learns_from_them(self, function, labels, outcome):
        def measure(seed):
            paradime.utils.seed.seed_all(seed)
            routine = ParametricDR(
                model=torch.nn.Linear(3, 2), losses=ClassificationLoss(function, classification_method="forward")
            )
            routine.add_training_phase(epochs=5, batch_size=20)
            routine.train({"main": X.numpy(), "labels": labels})
            history = routine.training_phases[0].loss.history
            return {"decline": history[0] - history[-1]}

        outcome(measure, seeds=5, at_least={"decline": 0.0})

    def test_scores_of_one_number_per_point_suit_other_functions_than_cross_entropy(self):
        class Score(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = torch.nn.Linear(3, 1)

            def forward(self, X):
                return self.linear(X).squeeze(1)

        routine = ParametricDR(
            model=Score(),
            losses=ClassificationLoss(torch.nn.BCEWithLogitsLoss(), classification_method="forward"),
        )
        routine.add_training_phase(epochs=2, batch_size=20)
        routine.train({"main": X.numpy(), "labels": np.asarray(self.SIGNS[:, 0])})
        assert len(routine.training_phases[0].loss.history) == 2

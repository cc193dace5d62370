import numpy as np
import pytest
import torch

from paradime.dr.inputs import Targets


@pytest.mark.parametrize(
    ("y", "classes", "numbers"),
    [
        (np.array([7, 3, -1, 7]), [3, 7], [1, 0, -1, 1]),
        (torch.tensor([7, 3, -1, 7]), [3, 7], [1, 0, -1, 1]),
        ([True, False, True], [False, True], [1, 0, 1]),
        (["b", "a", None, "b"], ["a", "b"], [1, 0, -1, 1]),
        (np.array(["b", "a", np.nan], dtype=object), ["a", "b"], [1, 0, -1]),
        (np.array([["b"], ["a"]]), ["a", "b"], [1, 0]),
    ],
)
def test_classes_are_numbered_in_their_order(y, classes, numbers):
    targets, values = Targets.of(y)
    assert targets.kind == "classes"
    assert targets.classes.tolist() == classes
    assert values.tolist() == numbers
    assert values.dtype == np.int64


@pytest.mark.parametrize("y", [np.array([1.0, 4.0, 10.0]), torch.tensor([1.0, 4.0, 10.0], dtype=torch.float64)])
def test_numbers_are_standardised_and_come_back(y):
    targets, values = Targets.of(y)
    assert targets.kind == "numbers"
    np.testing.assert_allclose([values.mean(), values.std()], [0, 1], atol=1e-6)
    np.testing.assert_allclose(targets.decode(values[:, None]), [1, 4, 10], rtol=1e-5)


def test_constant_numbers_stay_finite():
    targets, values = Targets.of(np.full(4, 3.5))
    assert values.tolist() == [0, 0, 0, 0]
    assert targets.decode(values[:, None]).tolist() == [3.5] * 4


def test_highest_score_decides():
    targets, _ = Targets.of(["x", "y", "z"])
    assert targets.decode(np.array([[0.1, 0.7, 0.2], [3.0, 2.0, 1.0]])).tolist() == ["y", "x"]


@pytest.mark.parametrize("y", [[-1, -1], np.array([None, None])])
def test_targets_without_a_labelled_row_are_refused(y):
    with pytest.raises(ValueError, match=r"no labelled row.*Leave y out: fit\(X\)"):
        Targets.of(y)


@pytest.mark.parametrize("y", [[np.nan, np.nan], np.array([None, np.nan])])
def test_numbers_of_which_all_are_missing_are_refused(y):
    with pytest.raises(ValueError, match="no labelled row"):
        Targets.of(y)


def test_infinite_number_names_its_row():
    with pytest.raises(ValueError, match=r"infinity, first in row 1\. Clip"):
        Targets.of([1.5, np.inf])


def test_missing_numbers_stay_missing_and_do_not_move_the_others():
    targets, values = Targets.of([1.5, np.nan, 4.5])
    assert (targets.mean, targets.scale) == (3, 1.5)
    assert np.isnan(values).tolist() == [False, True, False]
    assert np.isnan(targets.encode([None, 4.5])).tolist() == [True, False]
    assert np.isnan(targets.unlabeled(2)).all()


def test_few_whole_numbers_with_gaps_are_warned_of():
    with pytest.warns(
        UserWarning, match=r"read as numbers, of which 1 are missing.* 2 different.*astype\('Int64'\)"
    ):
        targets, _ = Targets.of([0.0, 1.0, 0.0, np.nan, 1.0])
    assert targets.kind == "numbers"
    Targets.of([0.0, 1.0, 0.0, 1.0])
    Targets.of([0.5, 1.0, 0.5, np.nan, 1.0])


def test_integer_classes_with_gaps_are_known_again_as_floating_point():
    targets, _ = Targets.of([0, 2, 5])
    assert targets.encode([5.0, np.nan, 2.0, -1.0]).tolist() == [2, -1, 1, -1]
    assert targets.extended([5.0, np.nan, 7.0]).classes.tolist() == [0, 2, 5, 7]
    with pytest.raises(ValueError, match="classes that the training did not have"):
        targets.encode([3.0, np.nan])
    for y in ([0.5, np.nan], [0.5, 2.0]):
        with pytest.raises(ValueError, match=r"must be classes, .* got numbers\. Convert them: .*Int64"):
            targets.encode(y)


def test_several_targets_a_row_are_refused():
    with pytest.raises(ValueError, match=r"y must have shape \(n,\), one per row, got \(3, 2\)"):
        Targets.of(np.zeros((3, 2)))

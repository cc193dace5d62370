"""Tests of the checks of single arguments."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from paradime.loss import CorrelationLoss, StressLoss
from paradime.relations import NeighborBasedPDist
from paradime.training import Cosine, EarlyStopping
from paradime.transforms import LocalScaling
from paradime.utils.arguments import (
    check_choice,
    check_instance,
    check_integer,
    check_not_negative,
    check_path,
    check_positive,
    check_strings,
    check_switch,
    check_within,
    is_integer,
    shown,
)


@pytest.mark.parametrize("value", [2, np.int64(2), np.uint8(2)])
def test_integers_of_python_and_numpy_become_integers_of_python(value):
    checked = check_integer("k", value)
    assert checked == 2
    assert type(checked) is int


@pytest.mark.parametrize("value", [True, np.True_, 2.0, np.float64(2), "2", None, [2], math.nan])
def test_nothing_else_is_an_integer(value):
    assert not is_integer(value)
    with pytest.raises(ValueError, match=r"^k must be an integer of at least 1, got .*\. Try 3\.$"):
        check_integer("k", value, remedy="Try 3.")


def test_an_integer_below_the_least_is_refused_with_what_else_is_allowed():
    assert check_integer("k", -1, -1) == -1
    with pytest.raises(ValueError, match=r"^k must be an integer of at least 3, or None, got 2\.$"):
        check_integer("k", 2, 3, also=", or None")


@pytest.mark.parametrize("value", [1e-300, 5, np.float32(0.5), torch.tensor(0.5)])
def test_positive_numbers_of_all_kinds_are_taken(value):
    check_positive("scale", value)
    check_not_negative("scale", value)


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan, "1", True, None, 1j, np.array([0.5])])
def test_other_values_are_not_positive_numbers(value):
    with pytest.raises(ValueError, match=r"^scale must be a positive number or None, got "):
        check_positive("scale", value, also=" or None")


@pytest.mark.parametrize("value", [-1e-9, math.inf, math.nan, "0", False, None])
def test_other_values_are_not_numbers_of_at_least_zero(value):
    check_not_negative("scale", 0.0)
    with pytest.raises(ValueError, match=r"^scale must be a number of at least 0, got "):
        check_not_negative("scale", value)


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        ("(0, 1)", [0.5], [0, 1, -1, 2]),
        ("[0, 1)", [0, 0.5], [1, -0.1]),
        ("(0, 1]", [1, 0.5], [0, 1.1]),
        ("[0, 0.5]", [0, 0.5], [0.6, -0.1]),
    ],
)
def test_the_brackets_of_an_interval_say_whether_its_ends_belong_to_it(interval, inside, outside):
    for value in inside:
        check_within("share", value, interval)
    for value in [*outside, math.nan, "0.5", True, None]:
        with pytest.raises(ValueError) as refused:
            check_within("share", value, interval)
        assert str(refused.value) == f"share must lie in {interval}, got {value!r}."


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: LocalScaling(n_neighbors=2.5), "n_neighbors must be an integer of at least 1, got 2.5"),
        (lambda: NeighborBasedPDist(n_neighbors="15"), "n_neighbors must be an integer of at least 1, got '15'"),
        (lambda: CorrelationLoss("age", target="high"), r"target must lie in \(0, 1\], got 'high'"),
        (lambda: StressLoss(metric="euclidean", weighting="samon"), "unknown weighting 'samon'"),
        (lambda: EarlyStopping(patience=True), "patience must be an integer of at least 1, got True"),
        (lambda: Cosine(end_factor="0"), "end_factor must be a number of at least 0, got '0'"),
    ],
)
def test_components_of_all_kinds_refuse_what_is_no_number(make, rule):
    with pytest.raises(ValueError, match=rule):
        make()


def test_an_unknown_name_is_answered_with_a_similar_one():
    check_choice("kind", "rank", ("pearson", "rank"))
    with pytest.raises(ValueError, match=r"^unknown kind 'ranks'. Did you mean 'rank'\?$"):
        check_choice("kind", "ranks", ("pearson", "rank"))


@pytest.mark.parametrize("value", [["rank"], 3, None, np.zeros(2)])
def test_what_is_no_string_is_no_name(value):
    with pytest.raises(ValueError, match=r"^unknown kind "):
        check_choice("kind", value, ("pearson", "rank"))


@pytest.mark.parametrize("value", [True, False, 0, 1, np.True_, np.int64(0)])
def test_booleans_and_the_integers_0_and_1_are_switches(value):
    check_switch("verify", value)


@pytest.mark.parametrize("value", ["no", "", None, 2, 1.0, [], [True], np.array([True]), object()])
def test_nothing_else_is_a_switch(value):
    with pytest.raises(ValueError, match=r"^verify must be True or False, got .*\. Leave it out\.$"):
        check_switch("verify", value, remedy="Leave it out.")


def test_a_single_string_is_one_name():
    assert check_strings("keys", "main") == ["main"]
    assert check_strings("keys", np.array(["a", "b"])) == ["a", "b"]
    assert check_strings("keys", []) == []


@pytest.mark.parametrize("value", [3, None, b"main", ["a", 1], [["a"]], np.zeros((2, 2))])
def test_other_values_are_no_names(value):
    with pytest.raises(ValueError, match=r"^keys must be a string or a list of strings, got "):
        check_strings("keys", value)


def test_paths_are_strings_and_what_stands_for_a_path():
    assert check_path("a/b") == check_path(Path("a/b")) == Path("a/b")
    for value in (3, None, b"a", ["a"]):
        with pytest.raises(
            TypeError, match=r"^folder must be a string or a pathlib\.Path, got .* such as 'runs'\.$"
        ):
            check_path(value, name="folder", example="runs")


def test_an_object_of_another_class_is_shown():
    check_instance("loss", CorrelationLoss("age"), CorrelationLoss)
    with pytest.raises(TypeError, match=r"^key must be a string, got 3\. It comes first\.$"):
        check_instance("key", 3, str, remedy="It comes first.")


@pytest.mark.parametrize("value", [np.zeros((50, 4)), torch.zeros(50, 4), "a\nb", "x" * 10_000, list(range(999))])
def test_a_value_is_shown_on_one_short_line(value):
    text = shown(value)
    assert "\n" not in text
    assert len(text) <= 120
    assert not hasattr(value, "shape") or "of shape (50, 4)" in text

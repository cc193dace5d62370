from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import pytest
import torch

from paradime._registry import LOSSES, MODELS, OPTIMIZERS, RELATIONS, SAMPLINGS, SCHEDULES, TRANSFORMS
from paradime.spec.components import check_options
from paradime.spec.options import options_of, takes_anything


class Block:
    """A block.

    Args:
        number: How many, in
            two lines.
        choice: One of two.
        **more: Anything else.
    """

    def __init__(
        self,
        number: int,
        choice: Literal["a", "b"] = "a",
        widths: Sequence[int] = (1, 2),
        pair: tuple[float, float] = (0.0, 1.0),
        table: Mapping[str, float] | None = None,
        tensor: torch.Tensor | float = 1.0,
        function: Callable[[int], int] | None = None,
        anything: Any = None,
        bare=None,
    ) -> None:
        pass


def errors(**options):
    import pydantic

    try:
        check_options(Block, options, hidden=frozenset())
    except pydantic.ValidationError as error:
        return {detail["loc"][0]: detail["msg"] for detail in error.errors()}
    return {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            ("number", 3),
            ("choice", "b"),
            ("widths", [3]),
            ("widths", (3, 4)),
            ("pair", [1, 2.5]),
            ("pair", (1, 2)),
        ],
        *[("table", {"a": 1}), ("table", None), ("tensor", 2), ("tensor", torch.ones(2)), ("function", abs)],
        *[("anything", object()), ("bare", {1: 2})],
    ],
)
def test_values_of_the_annotated_types_pass(name, value):
    assert errors(**{name: value}) == {}


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("number", 2.5, "an integer"),
        ("number", "3", "an integer"),
        ("number", True, "an integer"),
        ("choice", "c", "'a' or 'b'"),
        ("widths", "12", "a list of integers"),
        ("widths", [1.5], "a list of integers"),
        ("table", {"a": "b"}, "a mapping or null"),
        ("tensor", "one", "a tensor or a number"),
        ("function", 3, "a function or null"),
    ],
)
def test_other_values_are_refused_with_what_is_wanted(name, value, wanted):
    assert errors(**{name: value}) == {name: f"must be {wanted}, got {value!r}."}


def test_all_wrong_options_are_told_at_once():
    found = errors(number="x", chioce="a", widths=3)
    assert set(found) == {"number", "chioce", "widths"}
    assert "Did you mean 'choice'?" in found["chioce"]


def test_descriptions_are_those_of_the_docstring():
    options = options_of(Block)
    assert options["number"].description == "How many, in two lines."
    assert options["choice"].description == "One of two."
    assert options["bare"].description == ""
    assert options["number"].required
    assert not options["choice"].required


@pytest.mark.parametrize(
    ("registry", "name"),
    [
        (registry, name)
        for registry in (LOSSES, MODELS, RELATIONS, SAMPLINGS, SCHEDULES, TRANSFORMS)
        for name, block in registry.items()
        if block.__module__.startswith("paradime.")
    ],
    ids=lambda part: part if isinstance(part, str) else part.kind,
)
def test_every_option_of_ours_is_described(registry, name):
    for option in options_of(registry[name]).values():
        assert option.description, f"{option.name} of {name!r}"


def test_optimizers_take_what_torch_says():
    assert {"betas", "weight_decay"} <= set(options_of(OPTIMIZERS["adam"]))
    assert takes_anything(OPTIMIZERS["adam"]) == frozenset()

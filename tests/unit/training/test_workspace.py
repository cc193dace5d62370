import pytest

from paradime.data import DerivedData
from paradime.exceptions import UnsupportedConfigurationError
from paradime.relations import NeighborBasedPDist, PDist, Precomputed
from paradime.training import computation_order


def derived(*sources):
    return DerivedData(len, list(sources))


def test_everything_comes_after_its_sources():
    order = computation_order(
        {"main"},
        {
            "c": derived(("data", "b"), ("rels", "of b")),
            "b": derived(("data", "a")),
            "a": derived(("data", "main")),
            "d": derived(("rels", "rel")),
        },
        {"of b": PDist(data_key="b"), "rel": PDist()},
    )
    place = {node: i for i, node in enumerate(order)}
    assert len(order) == 6
    assert place["data", "a"] < place["data", "b"] < place["rels", "of b"] < place["data", "c"]
    assert place["rels", "rel"] < place["data", "d"]


def test_precomputed_relations_need_no_data():
    assert computation_order({"points"}, {}, {"rel": Precomputed([[0.0]])}) == [("rels", "rel")]


@pytest.mark.parametrize(
    ("derived_data", "relations", "circle"),
    [
        ({"a": derived(("data", "a"))}, {}, ["a"]),
        ({"a": derived(("data", "b")), "b": derived(("data", "a"))}, {}, ["a", "b"]),
        ({"a": derived(("rels", "r"))}, {"r": PDist(data_key="a")}, ["a", "r"]),
    ],
)
def test_circle_is_an_error_that_shows_it(derived_data, relations, circle):
    with pytest.raises(UnsupportedConfigurationError, match="depend on each other") as caught:
        computation_order({"main"}, derived_data, relations)
    for name in circle:
        assert repr(name) in str(caught.value)


def test_data_that_do_not_exist_are_named():
    with pytest.raises(UnsupportedConfigurationError, match=r"'pos'.*'mian'.*Did you mean 'main'"):
        computation_order({"main"}, {"pos": derived(("data", "mian"))}, {})


def test_relations_that_do_not_exist_are_named():
    with pytest.raises(UnsupportedConfigurationError, match=r"'pos'.*'real'.*Did you mean 'rel'"):
        computation_order({"main"}, {"pos": derived(("rels", "real"))}, {"rel": PDist()})


def test_entry_that_relations_need_is_named():
    with pytest.raises(UnsupportedConfigurationError, match=r"'rel'.*'pixel'.*Did you mean 'pixels'"):
        computation_order({"pixels"}, {}, {"rel": NeighborBasedPDist(data_key="pixel")})

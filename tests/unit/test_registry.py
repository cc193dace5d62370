import pytest

from paradime._registry import Registry, did_you_mean


@pytest.fixture
def colors():
    registry = Registry("color")
    registry.add("red", "#f00", aliases=["rouge"])
    registry.add("blue", "#00f")
    return registry


def test_entries_are_found_by_name_and_alias(colors):
    assert colors["red"] == colors["rouge"] == "#f00"
    assert "red" in colors
    assert "rouge" in colors
    assert "green" not in colors


def test_entries_are_listed_once_and_names_with_their_aliases(colors):
    assert list(colors) == ["red", "blue"]
    assert len(colors) == 2
    assert sorted(colors.names()) == ["blue", "red", "rouge"]


@pytest.mark.parametrize("name", ["rde", "roug", "bleu"])
def test_unknown_name_gets_the_closest_known_one(colors, name):
    with pytest.raises(KeyError, match=rf"unknown color '{name}'\. Did you mean '(red|rouge|blue)'\?"):
        colors[name]


def test_name_like_no_other_gets_the_list(colors):
    with pytest.raises(KeyError, match=r"unknown color 'xyz'\. Known: 'blue', 'red', 'rouge'"):
        colors["xyz"]


@pytest.mark.parametrize("name", [3, None, ["red"]])
def test_what_is_no_name_is_unknown_and_not_a_crash(colors, name):
    with pytest.raises(KeyError, match="unknown color"):
        colors[name]


def test_name_that_exists_is_bound_anew(colors):
    colors.add("red", "#e00")
    assert colors["red"] == colors["rouge"] == "#e00"
    colors.add("rouge", "#d00")
    assert colors["rouge"] == "#d00"
    assert colors["red"] == "#e00"


def test_built_in_name_is_not_bound_to_what_a_user_adds(colors):
    for name in ("red", "rouge"):
        with pytest.raises(KeyError, match=f"the name '{name}' is taken: it is a built-in color"):
            colors.extend(name, "#e00")
        with pytest.raises(KeyError, match=f"the name '{name}' is taken"):
            colors.extend("scarlet", "#e00", aliases=[name])
    assert "scarlet" not in colors
    assert colors["red"] == "#f00"


def test_built_in_name_that_is_not_reserved_is_bound_with_a_warning(colors):
    with pytest.warns(UserWarning, match="'blue' is a built-in color"):
        colors.extend("blue", "#00e", reserved={"red"})
    assert colors["blue"] == "#00e"
    colors.extend("blue", "#00d", reserved={"red"})  # now it is the user's own
    assert colors["blue"] == "#00d"
    with pytest.raises(KeyError, match="taken"):
        colors.extend("red", "#00e", reserved={"red"})


def test_users_own_names_are_bound_anew(colors):
    colors.extend("mint", "#9fc", aliases=["mentha"])
    colors.extend("mint", "#9fd")
    assert colors["mint"] == colors["mentha"] == "#9fd"


def test_decorator_binds_and_returns_what_it_decorates():
    registry = Registry("thing")

    @registry.register("one", "uno")
    class One:
        pass

    assert registry["one"] is registry["uno"] is One
    assert registry.name_of(One) == "one"
    assert registry.name_of(object()) is None


@pytest.mark.parametrize(("name", "error"), [(3, TypeError), (None, TypeError), ("", ValueError)])
def test_what_cannot_be_a_name_is_refused(colors, name, error):
    with pytest.raises(error, match="the name of a color must"):
        colors.add(name, "#000")
    with pytest.raises(error, match="the name of a color must"):
        colors.extend(name, "#000")
    assert list(colors) == ["red", "blue"]


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("relatoin", ["relation", "position"], "Did you mean 'relation'?"),
        ("zzz", ["relation", "position"], "Known: 'position', 'relation'."),
        ("zzz", [], "None is known."),
        (7, ["relation"], "Known: 'relation'."),
    ],
)
def test_suggestions(name, known, expected):
    assert did_you_mean(name, known) == expected

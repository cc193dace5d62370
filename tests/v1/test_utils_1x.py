"""The helpers of version 1: colours, conversions, messages, types, by the names that its scripts use."""

import logging

import matplotlib
import numpy as np
import pytest
import scipy.sparse
import torch
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from scipy.spatial.distance import pdist, squareform

import paradime.dr
import paradime.relations
import paradime.types
import paradime.utils

matplotlib.use("Agg")

convert, messages, plotting = paradime.utils.convert, paradime.utils.logging, paradime.utils.plotting


class TestColors:
    def test_palette_has_the_ten_names_of_version_1_in_their_order(self):
        assert list(plotting.get_color_palette()) == [
            *("petrol", "yellow", "aqua", "red", "pink", "green", "brown", "grey", "purple", "orange")
        ]

    @pytest.mark.parametrize(
        ("name", "strongest", "weakest"),
        [("red", 0, (1, 2)), ("green", 1, (0, 2)), ("pink", 0, (1,)), ("orange", 0, (2,)), ("yellow", 0, (2,))],
    )
    def test_colour_is_what_its_name_says(self, name, strongest, weakest):
        channels = to_rgb(plotting.get_color_palette()[name])
        assert all(channels[strongest] > channels[channel] + 0.2 for channel in weakest)

    def test_grey_has_no_hue(self):
        channels = to_rgb(plotting.get_color_palette()["grey"])
        assert max(channels) - min(channels) < 0.05

    def test_colormap_lists_its_colours(self):
        colormap = plotting.get_colormap()
        assert isinstance(colormap, ListedColormap)
        assert len(colormap.colors) == colormap.N == 256
        np.testing.assert_allclose(colormap.colors, colormap(np.arange(256))[:, :3], atol=1e-7)

    def test_listed_colours_make_other_colormaps(self):
        colormap = plotting.get_colormap()
        reversed_map = ListedColormap(colormap.colors[::-1])
        np.testing.assert_allclose(reversed_map(0.0), colormap(1.0), atol=1e-7)

    def test_scatterplot_of_classes_takes_the_colours_by_name(self):
        palette = plotting.get_color_palette()
        ax = plotting.scatterplot(
            np.eye(2), labels=["a", "b"], colormap=[palette["red"], palette["green"]], ax=Figure().subplots()
        )
        np.testing.assert_allclose(
            ax.collections[0].get_facecolors()[:, :3], [to_rgb(palette["red"]), to_rgb(palette["green"])]
        )


class TestConversions:
    @pytest.mark.parametrize("dim", [2, 3, 7])
    def test_entries_of_a_symmetric_matrix_are_found_in_its_upper_triangle(self, dim):
        flat = pdist(np.random.default_rng(dim).normal(size=(dim, 2)))
        square = squareform(flat)
        for i, j in np.argwhere(~np.eye(dim, dtype=bool)).tolist():
            assert flat[convert.rowcol_to_triu_index(i, j, dim)] == square[i, j]

    def test_entries_of_the_upper_triangle_tell_the_size_of_the_matrix(self):
        for dim in (2, 3, 10, 100_000):
            assert convert.triu_to_square_dim(dim * (dim - 1) // 2) == dim
        assert convert.triu_to_square_dim(len_triu=0) == 0

    def test_large_matrices_are_counted_without_rounding(self):
        dim = 4_000_000_000
        last = convert.rowcol_to_triu_index(i=dim - 2, j=dim - 1, dim=dim)
        assert last == dim * (dim - 1) // 2 - 1
        assert convert.triu_to_square_dim(last + 1) == dim

    @pytest.mark.parametrize(
        ("i", "j", "message"),
        [(1, 1, "i and j must differ, got 1"), (0, 4, "must lie in .*4"), (-1, 2, "must lie in .*-1")],
    )
    def test_entries_that_are_not_in_the_triangle_are_refused(self, i, j, message):
        with pytest.raises(ValueError, match=message):
            convert.rowcol_to_triu_index(i, j, 4)

    @pytest.mark.parametrize("count", [2, 5, 7, -1])
    def test_number_of_entries_that_no_triangle_has_is_refused(self, count):
        with pytest.raises(ValueError, match=rf"len_triu must be .*, got {count}\."):
            convert.triu_to_square_dim(count)


class TestMessages:
    @pytest.fixture(autouse=True)
    def fresh(self, monkeypatch):
        """Each test starts with a logger that nobody has set up."""
        logger = messages.logger
        state = logger.handlers[:], logger.level, messages.ch.level
        logger.handlers[:] = []
        logger.setLevel(logging.NOTSET)
        monkeypatch.setattr(messages, "_stdout_pending", True)
        yield
        logger.handlers[:] = state[0]
        logger.setLevel(state[1])
        messages.ch.setLevel(state[2])

    def test_message_is_given_by_its_name(self, capsys):
        messages.log(message="Ten rows left out.")
        assert capsys.readouterr().out.endswith(": Ten rows left out.\n")

    def test_logger_is_that_of_the_name_and_prints_what_it_is_given(self, capsys):
        assert messages.logger is logging.getLogger("paradime") is logging.getLogger(messages.LOGGER_NAME)
        messages.log("first")
        messages.logger.info("second")
        assert [line.split(": ")[-1] for line in capsys.readouterr().out.splitlines()] == ["first", "second"]

    def test_level_that_a_script_sets_stays(self, capsys):
        messages.logger.setLevel(logging.WARNING)
        messages.log("not shown")
        assert capsys.readouterr().out == ""
        messages.logger.setLevel(logging.INFO)
        messages.log("shown")
        assert "shown" in capsys.readouterr().out

    def test_handler_of_a_script_gets_the_messages(self):
        records = []

        class Keep(logging.Handler):
            def emit(self, record):
                records.append(messages.formatter.format(record))

        messages.logger.addHandler(Keep())
        messages.log("kept")
        assert [line.split(": ")[-1] for line in records] == ["kept"]

    def test_printing_stays_off_once_its_handler_is_removed_or_given_a_level(self, capsys):
        messages.log("shown")
        messages.ch.setLevel(logging.WARNING)
        messages.log("below the level")
        messages.ch.setLevel(logging.NOTSET)
        messages.logger.removeHandler(messages.ch)
        messages.log("without a handler")
        assert [line.split(": ")[-1] for line in capsys.readouterr().out.splitlines()] == ["shown"]


class TestTypes:
    """Aliases that annotations of users' functions name."""

    @pytest.mark.parametrize(
        "value", [[0, 2], np.array([0, 2]), torch.tensor([0, 2])], ids=["list", "array", "tensor"]
    )
    def test_rows_are_chosen_by_an_index_list(self, value):
        assert isinstance(value, runtime_types(paradime.types.IndexList))

    @pytest.mark.parametrize(
        "value",
        [np.eye(2), torch.eye(2), scipy.sparse.csr_matrix(np.eye(2)), (np.eye(2), np.eye(2))],
        ids=["array", "tensor", "sparse", "neighbours"],
    )
    def test_relations_come_in_four_forms(self, value):
        assert isinstance(value, runtime_types(paradime.types.Rels))

    @pytest.mark.parametrize(
        ("module", "name"),
        [
            *(
                (paradime.types, n)
                for n in ("BinaryTensorFun", "IndexList", "Rels", "TensorLike", "TypeKeyTuples")
            ),
            *((paradime.dr, name) for name in ("Data", "LossOrLossDict", "RelOrRelDict", "TypeKeyTuples")),
            (paradime.relations, "Transform"),
        ],
    )
    def test_alias_can_be_used_in_annotations(self, module, name):
        alias = getattr(module, name)

        def function(argument: alias | None = None) -> alias:
            return argument

        assert function.__annotations__["return"] is alias


def runtime_types(alias):
    """The classes of a union."""
    return tuple(getattr(part, "__origin__", part) for part in alias.__args__)

"""The data set: named arrays with one row per data point."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

import torch

from paradime._registry import did_you_mean
from paradime.data.columns import lie_far_from_zero, warn_of_outweighing_columns
from paradime.data.validation import (
    checked_rows,
    column_names,
    judge_small_columns,
    rows_for_model,
    single_precision,
    warn_of_lost_digits,
    warn_of_what_does_not_vary,
)
from paradime.models import Projection, centers_rows, needs_double, projection_for
from paradime.sources import open_data
from paradime.types import Data, DataMapping
from paradime.utils.arguments import check_choice
from paradime.utils.autograd import recording_gradients
from paradime.utils.frames import feature_names, text_names
from paradime.utils.rows import rows_of

__all__ = ["DataField", "Dataset", "check_fields"]

_SUBTRACT = "Subtract the offset before the numbers are stored in this precision."
_CENTER = (
    "The model computes in this precision, and does not centre its input. Subtract the offset, or use a "
    "network that centres its input (standardize=True)."
)
_Content = Literal["numbers", "classes"]


class Dataset(Mapping[str, Any]):
    """Named tensors with one row per data point; the entry ``"indices"`` has the row indices.

    A sparse entry is stored as :class:`~paradime.utils.sparse.SparseRows`, which is indexed like a tensor and
    returns dense rows; :class:`~paradime.utils.rows.Rows` of other forms are stored as they are, and files that
    :func:`~paradime.sources.open_rows` takes are read when rows are needed.

    Args:
        data: An array, tensor, data frame (of pandas, polars or PyArrow), sparse matrix or file, which is then
            named ``"main"``, or a dict of these. Each is checked, and converted to single precision, float32 or
            int32; the dtype of tensors is not changed. When training begins, the model's input is converted to
            the dtype of the model.
        may_miss: Names of entries in which NaN marks a missing value: targets, such as those of
            :class:`~paradime.loss.RegressionLoss`.
        titles: How messages call entries, such as ``{"main": "X"}`` for rows that a user passed without a name;
            ``data 'name'`` where nothing else is said, and X if ``data`` are rows.

    Attributes:
        columns: Column names, as strings, of each entry that was a data frame; ``"x0"``, … if it had none.
        names: Column names of the entries whose data frame has strings as names, which scikit-learn compares.
        projections: Precomputed outputs of a model's first layer, by entry, during training; see
            :func:`~paradime.models.projection_for`.

    Raises:
        TypeError: If an entry is not an array of numbers.
        ValueError: If an entry contains infinity or NaN that is not allowed, or the entries have different numbers
            of rows.

    Example:
        >>> dataset = Dataset({"main": [[1.0], [2.0]], "labels": [0, 1]})
        >>> len(dataset), list(dataset)
        (2, ['main', 'labels', 'indices'])
        >>> dataset.rows([1])["main"]
        tensor([[2.]])
    """

    def __init__(
        self, data: Data, *, may_miss: Collection[str] = ("labels",), titles: Mapping[str, str] | None = None
    ) -> None:
        self.data: dict[str, Any] = {}
        self.columns: dict[str, list[str]] = {}
        self.names: dict[str, list[str]] = {}
        self._sources: dict[str, Any] = {}
        self.projections: dict[str, Projection] = {}
        self._scales_checked: set[str] = set()
        is_named = isinstance(data, Mapping)
        self._titles = {**({} if is_named else {"main": "X"}), **(titles or {})}
        named = data if isinstance(data, Mapping) else {"main": data}
        if not named:
            raise ValueError("data must have at least one entry, got an empty dict. Name the first one 'main'.")
        self.add(named, may_miss=may_miss)

    @recording_gradients()
    def add(self, data: DataMapping, *, may_miss: Collection[str] = ("labels",)) -> None:
        """Adds entries, or replaces those that have the same name.

        Tensors are read without their autograd graph, and are not changed.

        Args:
            data: Named arrays of shape (n, …), with the number of rows n of the existing entries.
            may_miss: Names of entries in which NaN marks a missing value.

        Raises:
            TypeError: If an entry is not an array of numbers.
            ValueError: If an entry is not finite or has another number of rows.
        """
        data = {key: open_data(values, random=True) for key, values in data.items()}
        checked = {
            key: checked_rows(self.title(key), values, may_miss=key in may_miss) for key, values in data.items()
        }
        lengths = {key: len(values) for key, values in {**self.data, **checked}.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"all data entries must have the same number of rows, got {lengths}. Pass the same rows in each."
            )
        if "main" in checked and checked["main"].ndim < 2:
            raise ValueError(
                f"Expected 2D array for {self.title('main')}, got shape {tuple(checked['main'].shape)}. "
                "Reshape it: .reshape(-1, 1) for a single feature, .reshape(1, -1) for a single sample."
            )
        for key, values in checked.items():
            self._sources[key] = values
            self._scales_checked.discard(key)
            if isinstance(data[key], torch.Tensor) and rows_of(values).in_memory:
                self.data[key] = values.contiguous()
            else:
                self.data[key] = single_precision(self.title(key), values)
            self._remember_columns(key, data[key])
        if "main" in checked:
            rows, columns, title = checked["main"], self.columns.get("main"), self.title("main")
            extremes = rows_of(rows).extremes()
            judge_small_columns(title, extremes, columns=columns, stacklevel=3)
            warn_of_what_does_not_vary(title, rows, columns=columns, stacklevel=3)
            warn_of_lost_digits(title, extremes, rows.dtype, _SUBTRACT, columns=columns, stacklevel=3)
        if "indices" not in self.data:
            self.data["indices"] = torch.arange(next(iter(lengths.values())))

    def _remember_columns(self, key: str, values: Any) -> None:
        # a replaced entry's names do not apply to the new values
        self.columns.pop(key, None)
        self.names.pop(key, None)
        row_shape = self.data[key].shape[1:]
        if column_names(values) is not None and len(row_shape) == 1:
            self.columns[key] = feature_names(values, row_shape=row_shape)
            names = text_names(values)
            if names is not None:
                self.names[key] = names

    @property
    def n_points(self) -> int:
        """Number of rows n."""
        return len(self.data["indices"])

    @property
    def num_items(self) -> int:
        """Number of rows, under the name of 1.x."""
        return self.n_points

    def __len__(self) -> int:
        return self.n_points

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __contains__(self, key: object) -> bool:
        return key in self.data

    def __getitem__(self, key: Any) -> Any:
        """Returns an entry by its name, or a dict of all entries at rows given by indices or a slice."""
        if not isinstance(key, str):
            return {name: values[key] for name, values in self.data.items()}
        if key not in self.data:
            raise KeyError(f"the data set has no entry {key!r}. {did_you_mean(key, self.data)}")
        return self.data[key]

    def title(self, key: str) -> str:
        """Returns how messages call an entry: ``X`` for rows that were passed without a name, else by its name."""
        return self._titles.get(key, f"data {key!r}")

    def source(self, key: str) -> Any:
        """Returns an entry in the precision of the passed data."""
        entry = self[key]
        return self._sources.get(key, entry)

    def check_scales(self, key: str, power: int | None) -> None:
        """Warns, once per entry, if few of its columns dominate the distances between rows.

        Args:
            key: Name of the entry.
            power: Power of the column differences whose sum is the distance, or its power; ``None`` if the metric
                is not of this form.
        """
        if power is not None and key not in self._scales_checked:
            self._scales_checked.add(key)
            columns = self.columns.get(key)
            warn_of_outweighing_columns(self.title(key), self.source(key), columns=columns, power=power)

    def in_need(self, key: str) -> Any:
        """Returns an entry, in double precision if single precision loses digits."""
        source = self.source(key)
        return source.to(torch.float64) if lie_far_from_zero(source) else self[key]

    def warn_of_lost_digits(self, key: str, model: torch.nn.Module) -> None:
        """Warns if an entry is so far from zero that a model without centring loses digits."""
        if not centers_rows(model):
            extremes, columns = rows_of(self.source(key)).extremes(), self.columns.get(key)
            title = self.title(key)
            warn_of_lost_digits(title, extremes, torch.float32, _CENTER, columns=columns, stacklevel=3)

    def suit(self, key: str, model: torch.nn.Module | None) -> None:
        """Converts an entry to the dtype of a model; see :func:`~paradime.models.as_input`.

        If a model centres its input, rows far from zero are converted to double precision.

        Args:
            key: Name of the entry.
            model: The model; ``None`` for one in single precision.

        Raises:
            ValueError: If a finite number does not fit into this dtype.
        """
        if needs_double(model):
            self.data[key] = rows_for_model(self.title(key), self.source(key).to(self.data[key].device), model)
            return
        self.data[key] = rows_for_model(self.title(key), self.data[key], model)

    def subset(self, rows: Any) -> Dataset:
        """Returns a data set of some rows, with new indices, without repeating checks and warnings.

        Args:
            rows: Indices of the rows, a slice, or a mask.
        """
        result = Dataset.__new__(Dataset)
        result.columns, result.names, result.projections = dict(self.columns), dict(self.names), {}
        result._titles = dict(self._titles)
        result._scales_checked = set(self._scales_checked)
        result._sources = {key: rows_of(values).take(rows).stored for key, values in self._sources.items()}
        result.data = {
            key: rows_of(values).take(rows).stored for key, values in self.data.items() if key != "indices"
        }
        device = self.data["indices"].device
        result.data["indices"] = torch.arange(len(self.data["indices"][rows]), device=device)
        return result

    def project(self, key: str, model: torch.nn.Module, cache: dict[str, Projection]) -> None:
        """Precomputes the output of a model's fixed first layer for an entry, if this saves time.

        Args:
            key: The entry's name.
            model: The model.
            cache: Projections of earlier phases, which are reused while they are valid; updated in place.
        """
        rows = self.data.get(key)
        projection = cache.get(key)
        if rows is not None and (
            projection is None or projection.source is not rows or not projection.serves(model)
        ):
            projection = projection_for(model, rows)
        self.projections = {} if projection is None else {key: projection}
        cache.clear()
        cache.update(self.projections)

    def rows(self, indices: Any) -> dict[str, torch.Tensor]:
        """Returns all entries at some rows."""
        chosen = torch.as_tensor(indices, device=self.data["indices"].device)
        return {name: values.index_select(0, chosen) for name, values in self.data.items()}

    def to(self, device: torch.device) -> Dataset:
        """Returns the data set on a device; entries on this device are shared."""
        moved = Dataset.__new__(Dataset)
        moved._sources = self._sources
        moved.columns, moved.names, moved.projections = self.columns, self.names, {}
        moved._titles = self._titles
        moved._scales_checked = self._scales_checked
        # Apple's GPUs have no double precision
        single = {"dtype": torch.float32} if device.type == "mps" else {}
        moved.data = {
            key: values.to(device, **single) if values.dtype == torch.float64 else values.to(device)
            for key, values in self.data.items()
        }
        return moved


@dataclasses.dataclass(frozen=True)
class DataField:
    """An entry that the data must have.

    Args:
        name: The entry's name.
        content: ``"numbers"``, or ``"classes"`` for integers, where −1 means unlabelled.
        shape: The shape of a row, such as (10,) or (1, 28, 28), with ``None`` for any size; any shape if ``None``.
        description: Description of the content, for messages.

    Raises:
        ValueError: If the content is unknown.

    Example:
        >>> DataField("labels", "classes").check(Dataset({"main": [[1.0], [2.0]], "labels": [0, 1]}))
    """

    name: str
    content: _Content = "numbers"
    shape: Sequence[int | None] | None = None
    description: str = ""

    def __post_init__(self) -> None:
        check_choice("content", self.content, get_args(_Content))

    def check(self, dataset: Dataset) -> None:
        """Raises a ValueError if a data set lacks this entry, or it has another content or shape."""
        if self.name not in dataset:
            raise ValueError(
                f"the routine expects data {self.name!r}{self._described()}, which are missing. "
                f"Pass them by name: train({{'main': …, {self.name!r}: …}})."
            )
        entry = dataset[self.name]
        if self.content == "classes" and entry.is_floating_point():
            raise ValueError(
                f"data {self.name!r}{self._described()} must be integer class labels, got {entry.dtype}. "
                "Convert them to integers."
            )
        got = tuple(entry.shape[1:])
        fits = self.shape is None or (
            len(got) == len(self.shape) and all(w in (None, g) for w, g in zip(self.shape, got, strict=True))
        )
        if not fits:
            raise ValueError(
                f"rows of data {self.name!r}{self._described()} must have shape {tuple(self.shape or ())}, "
                f"got {got}. Reshape the data."
            )

    def _described(self) -> str:
        return f" ({self.description})" if self.description else ""


def check_fields(fields: Iterable[DataField], dataset: Dataset) -> None:
    """Raises a ValueError if a data set does not have the declared entries."""
    for field in fields:
        field.check(dataset)

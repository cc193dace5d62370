import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from paradime.utils.convert import as_tensor, to_numpy, to_torch

KINDS = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "bool"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_values_survive_whatever_the_type_order_and_strides(data):
    kind = data.draw(st.sampled_from([np.dtype(k) for k in KINDS])).newbyteorder(data.draw(st.sampled_from("<>")))
    elements = {"allow_nan": False, "allow_infinity": False, "max_value": 1e3, "min_value": -1e3, "width": 16}
    given_array = data.draw(hnp.arrays(kind, (3, 4), elements=st.floats(**elements) if kind.kind == "f" else None))
    view = given_array[data.draw(st.sampled_from([slice(None), slice(None, None, -1), slice(0, 3, 2)]))]
    if data.draw(st.booleans()):
        view = view.T
    before = view.copy()
    tensor = to_torch(view)
    np.testing.assert_array_equal(tensor.numpy().astype(np.float64), before.astype(np.float64))
    np.testing.assert_array_equal(view, before)
    assert tensor.dtype in (torch.float32, torch.int32, torch.int64, torch.bool)
    if kind.kind == "f":
        assert tensor.dtype == torch.float32


@pytest.mark.parametrize("make", [np.array, torch.tensor, list])
def test_floats_become_float32_and_integers_int32(make):
    assert to_torch(make([1.5, 2.0])).dtype == torch.float32
    assert to_torch(make([1, 2])).dtype == torch.int32
    assert to_torch(make([1, 2])).tolist() == [1, 2]
    assert to_torch(make([True, False])).dtype == torch.bool


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 2**40])
def test_integers_that_do_not_fit_keep_their_value(value):
    found = to_torch([value, 0])
    assert found.dtype == torch.int64
    assert found.tolist() == [value, 0]


@pytest.mark.parametrize("value", [2**31 - 1, -(2**31)])
def test_integers_that_just_fit_are_int32(value):
    assert to_torch([value]).dtype == torch.int32
    assert to_torch([value]).tolist() == [value]


@pytest.mark.parametrize("given_data", [np.array([1 + 2j]), torch.tensor([1 + 2j])])
def test_complex_numbers_are_refused_with_the_remedy(given_data):
    with pytest.raises(TypeError, match=r"complex numbers are not supported. Pass real and imaginary parts"):
        to_torch(given_data)


@pytest.mark.parametrize("given_data", [["a", "b"], np.array(["2020-01-01"], "M8[D]")])
def test_what_is_not_numeric_is_refused(given_data):
    with pytest.raises(TypeError, match="expected numbers, got"):
        to_torch(given_data)


def test_text_among_numbers_is_refused_with_its_column():
    with pytest.raises(ValueError, match="expected numbers, got 'x' in column 1"):
        to_torch(np.array([[1, 2], [3, "x"]], dtype=object))


def test_ragged_lists_are_refused_as_such():
    with pytest.raises(ValueError, match="rows of equal length, got a ragged sequence"):
        to_torch([[1.0], [2.0, 3.0]])


def test_numbers_as_objects_are_cast():
    assert to_torch(np.array([[1, 2.5]], dtype=object)).tolist() == [[1.0, 2.5]]


def test_tensors_keep_their_gradient_and_their_memory():
    x = torch.ones(2, requires_grad=True)
    assert to_torch(x) is x
    assert as_tensor(x) is x
    assert to_torch(x.double()).requires_grad


def test_arrays_share_memory_where_possible():
    x = np.ones(3, np.float32)
    assert to_torch(x).data_ptr() == x.ctypes.data
    assert np.shares_memory(to_numpy(torch.from_numpy(x)), x)
    assert to_numpy(x) is x


def test_read_only_arrays_do_not_warn():
    x = np.ones(3)
    x.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert to_torch(x).tolist() == [1, 1, 1]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int32, torch.bool])
def test_tensors_become_arrays_of_the_same_precision(dtype):
    found = to_numpy(torch.ones(2, dtype=dtype))
    assert found.dtype == str(dtype).removeprefix("torch.")
    assert found.tolist() == [1, 1]


def test_tensors_with_gradient_become_arrays():
    np.testing.assert_array_equal(to_numpy(torch.ones(2, requires_grad=True) * 2), [2, 2])
    np.testing.assert_array_equal(to_numpy([[1, 2]]), [[1, 2]])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
def test_masked_entries_are_missing(dtype):
    given_data = np.ma.masked_array(np.arange(6).reshape(3, 2), dtype=dtype)
    np.testing.assert_array_equal(to_numpy(given_data), given_data.data)
    given_data[1, 0] = np.ma.masked
    for found in (to_numpy(given_data), as_tensor(given_data).numpy(), to_numpy(list(given_data))):
        assert np.isnan(found).tolist() == [[False, False], [True, False], [False, False]]
        assert found.dtype == (dtype if dtype.startswith("float") else "float64")
    assert given_data.mask.sum() == 1


def test_masked_texts_and_dates_are_missing():
    texts = np.ma.masked_array(["a", "b"], mask=[True, False])
    assert to_numpy(texts).tolist() == [None, "b"]
    days = np.ma.masked_array(np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[D]"), mask=[True, False])
    assert np.isnat(to_numpy(days)).tolist() == [True, False]


@pytest.mark.parametrize("dtype", [torch.uint16, torch.uint32, torch.uint64])
def test_unsigned_tensors_are_read_like_unsigned_arrays(dtype):
    largest = 2**63 + 2**20 if dtype == torch.uint64 else torch.iinfo(dtype).max
    for values in ([0, 1, 2], [0, 1, largest]):
        tensor = torch.tensor(values, dtype=dtype)
        array = tensor.numpy()
        assert torch.equal(as_tensor(tensor), as_tensor(array))
        assert to_torch(tensor).tolist() == to_torch(array).tolist()
        assert as_tensor(tensor).to(torch.float64).tolist() == [float(value) for value in values]

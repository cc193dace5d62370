import pytest
import torch

from paradime.exceptions import CUDANotAvailableError
from paradime.training import resolve_device


@pytest.fixture(params=["none", "cuda", "mps"])
def machine(request, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param == "cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: request.param == "mps")
    return request.param


def test_auto_takes_the_fastest_there_is(machine):
    assert resolve_device("auto").type == {"none": "cpu"}.get(machine, machine)


def test_default_is_the_cpu(machine):
    assert resolve_device().type == "cpu"


@pytest.mark.parametrize("settings", [{"use_cuda": True}, {"device": "cuda"}, {"device": "cuda:0"}])
def test_cuda_is_taken_or_an_error(machine, settings):
    if machine == "cuda":
        assert resolve_device(**settings).type == "cuda"
    else:
        with pytest.raises(CUDANotAvailableError, match='device="auto"'):
            resolve_device(**settings)


def test_mps_that_is_not_there_is_an_error(machine):
    if machine == "mps":
        assert resolve_device("mps").type == "mps"
    else:
        with pytest.raises(ValueError, match=r"'mps'.*device=\"auto\""):
            resolve_device("mps")


def test_contradiction_is_an_error(machine):
    with pytest.raises(ValueError, match=r"use_cuda=True contradicts device='cpu'"):
        resolve_device("cpu", use_cuda=True)


@pytest.mark.parametrize("device", ["gpu", "", "cuda:x"])
def test_unknown_device_is_named(device, machine):
    with pytest.raises(ValueError, match=f"{device!r}"):
        resolve_device(device)


def test_device_object_is_taken_as_it_is(machine):
    assert resolve_device(torch.device("cpu")) == torch.device("cpu")

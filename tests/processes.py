"""Processes that tests end from outside or measure, forked from one that has imported the library already."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess

import pytest
import torch

__all__ = ["forked"]

# as many threads as the test has, so that results are the same
PREPARE = "import torch; torch.set_num_threads(n_threads)\n"


@pytest.fixture(scope="session")
def forked() -> Callable[..., BaseProcess]:
    """Starts a process that executes code with given names and values, among which may be connections.

    The code runs in a new process, which has imported ``paradime`` but shares no state with the test.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["paradime.estimators", "paradime.persistence", "paradime.training"])

    def start(code: str, **names: object) -> BaseProcess:
        names["n_threads"] = torch.get_num_threads()
        process = context.Process(target=exec, args=(PREPARE + code, names), daemon=True)
        process.start()
        return process

    return start

"""Processes that tests end from outside or measure, forked from one that has imported the library already."""

from __future__ import annotations

import multiprocessing
import textwrap
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch

__all__ = ["forked", "on_two"]

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


JOIN = """
torch.distributed.init_process_group("gloo", init_method="file://" + str(group), rank=rank, world_size=2)
try:
    result = run()
except Exception as error:
    result = type(error).__name__ + ": " + str(error)
sender.send(result)
"""


@pytest.fixture
def on_two(forked: Callable[..., BaseProcess], tmp_path: Path) -> Iterator[Any]:
    """Runs a function, defined as ``run()`` by code, in two processes; returns what it returns in each."""
    started: list[BaseProcess] = []

    def start(code: str, **names: object) -> Any:
        processes, receivers = [], []
        for rank in range(2):
            receiver, sender = multiprocessing.Pipe(duplex=False)
            named = {**names, "rank": rank, "group": tmp_path / f"group-{len(started)}", "sender": sender}
            processes.append(forked(textwrap.dedent(code) + JOIN, **named))
            receivers.append(receiver)
        started.extend(processes)
        return processes, receivers

    def run(code: str, **names: object) -> list[Any]:
        processes, receivers = start(code, **names)
        results = [receiver.recv() if receiver.poll(120) else "no answer" for receiver in receivers]
        for process in processes:
            process.join(30)
        return results

    run.start = start  # type: ignore[attr-defined]
    yield run
    for process in started:
        process.kill()

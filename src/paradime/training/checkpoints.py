"""Checkpoints: files from which a training goes on as if it had not been interrupted."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from paradime._registry import CALLBACKS
from paradime._version import __version__
from paradime.exceptions import ModelFileError
from paradime.training._trees import assemble, take_apart
from paradime.training.callbacks import Callback, Capturable
from paradime.training.state import TrainingState
from paradime.utils.arguments import check_integer, check_not_negative, check_path
from paradime.utils.files import atomic_write
from paradime.utils.logging import report

__all__ = ["Checkpoints", "find_checkpoint", "read_checkpoint"]

log = logging.getLogger(__name__)

_FORMAT = 2  # since format 2, losses and callbacks name the attributes that are their state
_KEY = "paradime checkpoint"
_NAME = re.compile(r"checkpoint-(\d{9})\.safetensors")


@CALLBACKS.register("checkpoints")
class Checkpoints(Callback):
    """Writes all that a training has to remember to files, from which ``resume_from`` goes on.

    A training that goes on takes the same steps, to the bit on a CPU, as one that was never interrupted. A file
    holds the weights, the state of optimizer, losses and callbacks, the generators of random numbers, and
    checksums of the data, which themselves are not stored and are given again. Derived data and relations are
    computed again. Nothing in a file is ever executed.

    A file appears as a whole or not at all; when Ctrl-C ends the training, one more is written. Within an epoch,
    that needs a ``random_state``; without, it is the state at the end of the last epoch.

    Args:
        folder: Where to write; made if it is not there.
        every_epochs: Epochs between checkpoints, at least 1; 1 if neither this nor ``every_seconds`` is given.
        every_seconds: Seconds between checkpoints, at least 0, also within an epoch.
        keep: How many checkpoints are kept, at least 1; older ones are removed.
        overwrite: Whether checkpoints of another training that lie in the folder may be removed.

    Raises:
        ValueError: If a setting is out of range; when a training begins, if the folder has checkpoints of another
            one.
        OSError: If a file cannot be written; the training ends, and what was learned stays.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from paradime import ParametricMDS
        >>> X, folder = load_iris().data, getfixture("tmp_path")
        >>> mds = ParametricMDS(epochs=4, random_state=0).fit(X, callbacks=[Checkpoints(folder)])
        >>> again = ParametricMDS(epochs=4, random_state=0).fit(X, resume_from=folder)
        >>> bool((again.transform(X) == mds.transform(X)).all())
        True
    """

    is_last = True
    on_all_ranks = False

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        every_epochs: int | None = None,
        every_seconds: float | None = None,
        keep: int = 2,
        overwrite: bool = False,
    ) -> None:
        counts: list[tuple[str, Any]] = [("every_epochs", every_epochs), ("keep", keep)]
        for name, value in counts:
            if value is not None:
                check_integer(name, value)
        if every_seconds is not None:
            check_not_negative("every_seconds", every_seconds)
        self.folder = folder
        self.every_epochs = every_epochs
        self.every_seconds = every_seconds
        self.keep = keep
        self.overwrite = overwrite
        self._last_time = 0.0
        self._n_epochs = 0
        self._boundary: dict[str, Any] | None = None
        self._training: Capturable | None = None

    def state_dict(self) -> dict[str, Any]:
        return {"n_epochs": self._n_epochs}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._n_epochs = int(state["n_epochs"])

    def attach(self, training: Capturable) -> None:
        self._training = training

    def on_train_begin(self, state: TrainingState) -> None:
        folder = Path(self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._last_time, self._n_epochs, self._boundary = time.monotonic(), 0, None
        for unfinished in folder.glob(".checkpoint-*.part"):
            unfinished.unlink(missing_ok=True)
        if state.is_resumed:
            return
        others = _checkpoints_in(folder)
        if others and not self.overwrite:
            name = os.fspath(folder)
            raise ValueError(
                f"folder {name!r} has checkpoints of another training. Pass resume_from={name!r} "
                "to go on with it, choose another folder, or say Checkpoints(…, overwrite=True)."
            )
        for other in others:
            other.unlink(missing_ok=True)

    def on_epoch_begin(self, state: TrainingState) -> None:
        if self._training is not None and not self._training.goes_on_within_epochs and self._can_write:
            self._boundary = self._content(state)

    def on_batch_end(self, state: TrainingState) -> None:
        if self.every_seconds is not None and self._is_time() and self._can_write:
            self.write(state)

    def on_epoch_end(self, state: TrainingState) -> None:
        self._n_epochs += 1
        by_epochs = 1 if self.every_epochs is None and self.every_seconds is None else self.every_epochs
        is_due = by_epochs is not None and self._n_epochs % by_epochs == 0
        if is_due or (self.every_seconds is not None and self._is_time()):
            self.write(state)

    def on_train_end(self, state: TrainingState) -> None:
        self._boundary = self._training = None

    def on_interrupt(self, state: TrainingState) -> None:
        """Writes a last checkpoint."""
        if self._can_write and state.n_steps:
            self.write(state)
        elif self._boundary is not None:
            self._write(self._boundary)

    def write(self, state: TrainingState) -> Path:
        """Writes a checkpoint.

        Args:
            state: Where training stands, between two steps.

        Returns:
            The file.

        Raises:
            OSError: If it cannot be written.
            TypeError: If the state has something that cannot be stored.
        """
        return self._write(self._content(state))

    @property
    def _can_write(self) -> bool:
        return self._training is not None and self._training.can_be_captured

    def _is_time(self) -> bool:
        return self.every_seconds is not None and time.monotonic() - self._last_time >= self.every_seconds

    def _content(self, state: TrainingState) -> dict[str, Any]:
        assert self._training is not None
        form, tensors = take_apart(self._training.capture())
        text = {
            "format": _FORMAT,
            "paradime": __version__,
            "description": self._training.description,
            "state": form,
        }
        return {"n_steps": state.n_steps, "text": json.dumps(text), "tensors": tensors}

    def _write(self, content: dict[str, Any]) -> Path:
        from safetensors.torch import save

        path = Path(self.folder) / f"checkpoint-{content['n_steps']:09d}.safetensors"
        blob = save(content["tensors"], {_KEY: content["text"]})
        with atomic_write(path) as temporary:
            temporary.write_bytes(blob)
        self._last_time = time.monotonic()
        for old in _checkpoints_in(path.parent)[: -self.keep]:
            old.unlink(missing_ok=True)
        return path


def find_checkpoint(path: str | os.PathLike[str], callbacks: Sequence[Callback] = ()) -> Path | None:
    """Returns the file to go on from.

    Args:
        path: A checkpoint, or a folder, whose last one is meant.
        callbacks: Those of the training. A folder that they write to need not have a checkpoint yet.

    Returns:
        The file; ``None`` if the folder has none yet, and the training begins.

    Raises:
        FileNotFoundError: If there is no checkpoint.
    """
    given = check_path(path, name="resume_from", example="checkpoints")
    if given.is_file():
        return given
    in_folder = _checkpoints_in(given)
    if in_folder:
        return in_folder[-1]
    for callback in callbacks:
        if isinstance(callback, Checkpoints) and Path(callback.folder).resolve() == given.resolve():
            report(log, f"There is no checkpoint in {os.fspath(path)!r} yet: the training begins.")
            return None
    raise FileNotFoundError(
        f"there is no checkpoint in {os.fspath(path)!r}. Pass the folder of Checkpoints(folder), or one of its "
        "files."
    )


def read_checkpoint(path: str | os.PathLike[str], device: torch.device | None = None) -> dict[str, Any]:
    """Reads a checkpoint.

    Args:
        path: The file.
        device: Where tensors go that were not on the CPU.

    Returns:
        ``"description"``, what the training is made of, and ``"state"``, all that it has to remember.

    Raises:
        FileNotFoundError: If there is no such file.
        ModelFileError: If the file is damaged, or no checkpoint.
        ValueError: If it was written in another format.
    """
    from safetensors import SafetensorError, safe_open

    name = os.fspath(path)
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no checkpoint {name!r}.")
    try:
        with safe_open(name, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            if text is None:
                raise ModelFileError(f"{name}: this is no checkpoint. Pass a file that Checkpoints wrote.")
            content = json.loads(text)
            _check_format(name, content)
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  not a mapping
        state = assemble(content["state"], tensors, device)
        return {"description": dict(content["description"]), "state": _complete(state)}
    except ModelFileError:
        raise
    except (SafetensorError, KeyError, TypeError, RecursionError, json.JSONDecodeError) as error:
        raise ModelFileError(f"{name}: the checkpoint is damaged ({error}). Use an earlier one.") from error


def _check_format(name: str, content: Mapping[str, Any]) -> None:
    found = content["format"]
    if not isinstance(found, int):
        raise ModelFileError(f"{name}: the checkpoint is damaged (format {found!r}). Use an earlier one.")
    if found > _FORMAT:
        raise ValueError(
            f"{name}: written by ParaDime {content.get('paradime')}, this is {__version__}, which reads "
            f"checkpoints of format {_FORMAT}, not {found}. Update paradime."
        )
    if found < _FORMAT:
        raise ValueError(
            f"{name}: a checkpoint of format {found}, written by ParaDime {content.get('paradime')}; this is "
            f"{__version__}, which reads format {_FORMAT}. Go on with the version that wrote it, or begin anew. "
            "Saved routines of all formats are read."
        )


def _complete(state: dict[str, Any]) -> dict[str, Any]:
    for name in ("n_phases_done", "n_epochs_done", "n_batches_done", "n_steps"):
        if not isinstance(state[name], int) or state[name] < 0:
            raise TypeError(f"{name} is {state[name]!r}")
    for name in ("model", "optimizer", "losses", "callbacks", "random", "stop", "epoch_loss"):
        state[name]
    return state


def _checkpoints_in(folder: Path) -> list[Path]:
    """Returns the checkpoints of a folder, the last one last."""
    with contextlib.suppress(OSError):
        return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    return []

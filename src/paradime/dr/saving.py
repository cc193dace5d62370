"""Routines that are saved and loaded, and models that leave for other runtimes."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch

from paradime._registry import with_article
from paradime.dr.comparing import agree, embedded, probes
from paradime.dr.exporting import Exportable
from paradime.dr.parts import has_part
from paradime.exceptions import ModelFileError, UnsupportedConfigurationError

if TYPE_CHECKING:
    from paradime.persistence.saved import Saved

__all__ = ["Savable"]

_COMPARED = 7  # rows


class Savable(Exportable):
    """The part of a routine that is saved and loaded.

    Attributes:
        metadata_: What was said when the routine was saved, of one that was loaded; other data that it is fitted
            to drop it.
    """

    unsaved_parameters: ClassVar[frozenset[str]] = frozenset({"dataset", "precomputed_knn"})
    """Parameters that are data, and are not saved."""

    unsaved_attributes: ClassVar[frozenset[str]] = frozenset({"_embedding", "_neighbor_cache"})
    """Further attributes of a fitted routine that are not saved; those of it have to be data, or made of data."""

    metadata_: dict[str, Any]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        raise NotImplementedError

    def _parameters_to_save(self) -> dict[str, Any]:
        """Returns the parameters that somebody has chosen; presets leave out those that nobody has."""
        left_out = self._parameters_not_saved()
        return {name: value for name, value in self.get_params().items() if name not in left_out}

    def _parameters_not_saved(self) -> frozenset[str]:
        """Returns the parameters that are data, and are not saved."""
        return self.unsaved_parameters

    # -- saving ---------------------------------------------------------------------------------------

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        model: bool = True,
        training: bool = True,
        allow_imports: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Saves what was learned and how to train further; :func:`paradime.load` reads it.

        Tensors are written as safetensors, all else as JSON; nothing is pickled, and the training data are not
        written. All other attributes are, also those of subclasses, but for ``unsaved_attributes``. What was there
        before stays intact until all is written. What was written is made again in memory and compared before
        anything is replaced.

        Args:
            path: A folder, which is made if it is missing; or, if it ends in ``".paradime"``, a single file.
            model: Whether to write how the model is made. Without it, whoever loads the routine passes a module.
            training: Whether to write what only training needs. Without it, parts that no text can hold are no
                obstacle, and the routine that is loaded cannot be trained further.
            allow_imports: Modules or packages whose classes may be written by their importable names. Whoever
                loads the routine has to allow them, too.
            metadata: Anything that JSON can hold, such as who trained it on what; read as ``metadata_``.

        Raises:
            NotTrainedError: If the routine is not trained.
            ValueError: If a part cannot be saved; the message says which, and what to do.
            OSError: If the files cannot be written, with the path; FileExistsError if the folder holds files of
                others that would be overwritten.

        Example:
            >>> from sklearn.datasets import load_iris
            >>> from paradime import ParametricMDS
            >>> folder = getfixture("tmp_path") / "iris"
            >>> ParametricMDS(epochs=2, random_state=0).fit(load_iris().data).save(folder)
            >>> sorted(file.name for file in folder.iterdir())[:3]
            ['README.md', 'config.json', 'history.json']
        """
        from paradime.dr.storing import saved_of
        from paradime.persistence.bundle import checked_target, write_bundle

        target = checked_target(path)
        self._require_trained_model()
        imports = (allow_imports,) if isinstance(allow_imports, str) else tuple(allow_imports)
        saved = saved_of(self, model=model, training=training, allow_imports=imports, metadata=metadata)
        methods = {"decode": "inverse_transform", "classify": "predict"}
        files = saved.to_files([name for part, name in methods.items() if has_part(self, part)])
        self._check_files(files, given=not model, imports=imports)
        write_bundle(target, files)

    def save_pretrained(self, folder: str | os.PathLike[str], **settings: Any) -> None:
        """Saves to a folder in the layout of the Hugging Face Hub; the same as :meth:`save` with a folder.

        Args:
            folder: The folder. Other files in it stay.
            **settings: As for :meth:`save`.

        Raises:
            ValueError: If the name is that of a file; and as :meth:`save` does.
        """
        from paradime.persistence.names import SUFFIX

        if os.fspath(folder).endswith(SUFFIX):
            raise ValueError(f"save_pretrained writes a folder, got {os.fspath(folder)!r}. Leave {SUFFIX!r} out.")
        self.save(folder, **settings)

    def _check_files(self, files: Mapping[str, bytes], *, given: bool, imports: tuple[str, ...]) -> None:
        """Refuses files of which no equal routine could be made."""
        from paradime.persistence.saved import Saved

        model = self._require_trained_model()
        named = f"the model, {with_article(type(model).__name__)},"
        substitute = copy.deepcopy(model).to("cpu") if given else None
        saved = Saved.from_files(files, "what was written")
        try:
            again = type(self)._from_saved(saved, model=substitute, allow_imports=imports, device="cpu")
        except ModelFileError as error:
            raise UnsupportedConfigurationError(
                f"{named} was changed after it was made, so that it cannot be made again ({error}). Save without "
                "its form, save(path, model=False), and pass one when it is loaded, paradime.load(path, model=…)."
            ) from error
        rows = probes(self, _COMPARED)
        expected, found = embedded(model, rows), embedded(again._require_trained_model(), rows)
        if not agree(expected, found, exactly=self._blocks.device.type == "cpu"):
            raise UnsupportedConfigurationError(
                f"{named} would not embed as it does now when it is loaded: its result depends on more than its "
                "parameters, buffers, and the arguments of its constructor. Make what else it needs a buffer, "
                "register_buffer(…)."
            )

    # -- loading --------------------------------------------------------------------------------------

    @classmethod
    def from_pretrained(
        cls,
        folder: str | os.PathLike[str],
        *,
        model: torch.nn.Module | None = None,
        allow_imports: Iterable[str] = (),
        device: str | torch.device = "cpu",
    ) -> Self:
        """Loads a routine of this class; see :func:`paradime.load`, which loads any.

        Args:
            folder: The folder, or the file, on this machine.
            model: A module that gets the weights, where the routine was saved with ``model=False``.
            allow_imports: Modules or packages from which classes may be imported that the routine consists of.
            device: Where to compute.

        Raises:
            FileNotFoundError: If there is no such folder. Nothing is downloaded.
            ModelFileError: If the files are damaged.
            ValueError: If they hold a routine of another class; and as :func:`paradime.load` does.
        """
        from paradime.dr.storing import class_name
        from paradime.persistence.opening import load, read_saved, restore

        saved = read_saved(folder)
        if saved.config.routine == class_name(cls):
            made = restore(cls, saved, model, allow_imports, device)
        else:
            made = load(folder, model=model, allow_imports=allow_imports, device=device)
        if not isinstance(made, cls):
            raise ValueError(
                f"{os.fspath(folder)} holds {with_article(type(made).__name__)}, not "
                f"{with_article(cls.__name__)}. Use paradime.load(…), which loads any routine."
            )
        return made

    @classmethod
    def _from_saved(
        cls,
        saved: Saved,
        *,
        model: torch.nn.Module | None,
        allow_imports: tuple[str, ...],
        device: str | torch.device,
    ) -> Self:
        from paradime.dr.restoring import restored

        with torch.random.fork_rng(devices=[]):  # constructors draw weights that are replaced at once
            made: Self = restored(cls, saved, model=model, allow_imports=allow_imports, device=device)
        return made

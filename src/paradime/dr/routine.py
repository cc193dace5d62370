"""The routine: a facade over data, relations, losses and training."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch

from paradime.data import DataField, Dataset, DerivedData, check_fields
from paradime.dr.applying import Applied
from paradime.dr.blocks import Additions, Block, Blocks, PhasesBlock, make_blocks
from paradime.dr.composition import Composed
from paradime.dr.network import n_outputs
from paradime.dr.parameters import checked_parameters
from paradime.dr.saving import Savable
from paradime.dr.seeds import RandomState, seed_of
from paradime.dr.specification import Specified
from paradime.dr.updating import Updated
from paradime.dr.validating import Validated
from paradime.exceptions import UnsupportedConfigurationError
from paradime.loss import Loss
from paradime.neighbors import NeighborCache
from paradime.relationdata import RelationData
from paradime.relations import Relations
from paradime.training import (
    Callback,
    ReportLoss,
    TrainingPhase,
    TrainingState,
    check_phase,
    checked_callbacks,
    choose_losses,
    notify,
    run_phase,
    try_losses,
)
from paradime.types import Data
from paradime.utils.autograd import recording_gradients
from paradime.utils.logging import verbosely
from paradime.utils.seed import seeded

__all__ = ["ParametricDR"]


class ParametricDR(Applied, Composed, Specified, Validated, Updated, Savable):
    """A parametric dimensionality reduction, composed of building blocks.

    A single relation is known by the key ``"rel"``, a single loss by ``"loss"``.

    Args:
        model: Any torch module, or a :class:`~paradime.models.ModelRecipe`; a fully connected network if ``None``.
        in_dim: Number of columns of the data, for that network; taken from the data if ``None``.
        out_dim: Number of dimensions of the embedding.
        hidden_dims: Widths of that network's hidden layers; a single number for one layer.
        derived_data: Recipes for further entries of the data set, by key.
        global_relations: Relations between all points, one or several by key.
        batch_relations: Relations between the embedded points of a batch, one or several by key.
        losses: One loss, or several by key.
        training_defaults: Settings of the phases that are added by their settings.
        training_phases: The phases, in order.
        use_cuda: Whether to require CUDA; the same as ``device="cuda"``.
        verbose: Whether to log what is done.
        device: ``"auto"`` (the fastest there is), ``"cpu"``, ``"cuda"``, ``"mps"``, or a torch device.
        random_state: Seed of the initial weights and of sampling, or a generator of NumPy or torch that a seed is
            drawn from; torch's global generator if ``None``.
        callbacks: What to call during training.
        data_fields: Entries that the data must have; checked before training.
        validation_fraction: The share of the rows, in [0, 0.5], that is held out of the training, of each class
            the same; on these rows the loss and the neighbours kept are measured after the epochs.
        validation_every: Epochs between these measurements.
        warm_start: Whether :meth:`fit` goes on from the present weights instead of starting afresh.
        standardize: Whether a network that is made of these parameters centres and scales its input. ``"auto"``
            for rows whose columns are large, small or far from zero, from which it would hardly learn
            (:func:`~paradime.models.wants_standardization`).
        on_interrupt: What Ctrl-C does while training, once the step has ended: ``"raise"`` raises
            ``KeyboardInterrupt``, ``"keep"`` ends the training as if it had been shorter, with a warning. What was
            learned is kept either way.

    Attributes:
        model: The model; ``None`` as long as neither ``model`` nor ``in_dim`` nor data are given.
        device: Where the model is trained.
        dataset: The data set, or ``None``.
        global_relations: Global relations by key.
        global_relation_data: What was computed of them, by key.
        batch_relations: Batch relations by key.
        losses: Losses by key.
        training_phases: The phases, in order.
        trained: Whether a phase was run.

    Raises:
        CUDANotAvailableError: If CUDA is asked for and there is none.
        UnsupportedConfigurationError: If relations are used at a level that they are not made for.

    Source: Hinterreiter et al., "ParaDime: A Framework for Parametric Dimensionality Reduction", 2023.

    Example:
        >>> from paradime import loss, relations, transforms
        >>> X = torch.randn(100, 5)
        >>> mds = ParametricDR(
        ...     global_relations=relations.PDist(),
        ...     batch_relations=relations.DifferentiablePDist(),
        ...     losses=loss.RelationLoss(torch.nn.MSELoss(), normalize_sub=False),
        ...     random_state=0,
        ... )
        >>> mds.add_training_phase(epochs=2, batch_size=20)
        >>> mds.train(X)
        >>> mds.apply(X).shape
        torch.Size([100, 2])
    """

    model = Block()
    device = Block()
    derived_data = Block()
    global_relations = Block()
    batch_relations = Block()
    losses = Block()
    training_defaults = Block()
    training_phases = PhasesBlock()
    dataset = Block()

    def __init__(
        self,
        model: torch.nn.Module | None = None,
        in_dim: int | None = None,
        out_dim: int = 2,
        hidden_dims: int | Sequence[int] = (100, 50),
        derived_data: Mapping[str, DerivedData] | None = None,
        global_relations: Relations | Mapping[str, Relations] | None = None,
        batch_relations: Relations | Mapping[str, Relations] | None = None,
        losses: Loss | Mapping[str, Loss] | None = None,
        training_defaults: TrainingPhase | None = None,
        training_phases: Sequence[TrainingPhase] | None = None,
        use_cuda: bool = False,
        verbose: bool = False,
        *,
        device: str | torch.device | None = None,
        random_state: RandomState = None,
        callbacks: Sequence[Callback] | None = None,
        data_fields: Sequence[DataField] | None = None,
        validation_fraction: float = 0.0,
        validation_every: int = 1,
        warm_start: bool = False,
        standardize: bool | Literal["auto"] = "auto",
        on_interrupt: Literal["raise", "keep"] = "raise",
    ) -> None:
        self.model = model
        self.in_dim = in_dim
        self.out_dim = out_dim
        self.hidden_dims = hidden_dims
        self.derived_data = derived_data
        self.global_relations = global_relations
        self.batch_relations = batch_relations
        self.losses = losses
        self.training_defaults = training_defaults
        self.training_phases = training_phases
        self.use_cuda = use_cuda
        self.verbose = verbose
        self.device = device
        self.random_state = random_state
        self.callbacks = callbacks
        self.data_fields = data_fields
        self.validation_fraction = validation_fraction
        self.validation_every = validation_every
        self.warm_start = warm_start
        self.standardize = standardize
        self.on_interrupt = on_interrupt

    # -- building blocks ------------------------------------------------------------------------------

    @functools.cached_property
    @recording_gradients()
    def _blocks(self) -> Blocks:
        return self._additions.apply(self._build(self.__dict__))

    @functools.cached_property
    def _additions(self) -> Additions:
        return Additions()

    def _build(self, settings: Mapping[str, Any]) -> Blocks:
        """Makes the building blocks of constructor arguments; presets, which have others, override this."""
        checked = checked_parameters(type(self), settings)
        return make_blocks({**settings, **checked}, owner=type(self).__name__)

    @property
    def global_relation_data(self) -> dict[str, RelationData]:
        """The global relations that were computed, by key."""
        return self._blocks.workspace.relation_data

    def _seed(self) -> int | None:
        """Returns the seed; one that was drawn of a generator stays that of the building blocks."""
        given = self.random_state
        return seed_of(given) if given is None or isinstance(given, (int, np.integer)) else self._blocks.seed

    @property
    def trained(self) -> bool:
        """Whether a training phase was run; set it after weights of a trained model were loaded by hand."""
        return self._blocks.trained

    @trained.setter
    def trained(self, trained: bool) -> None:
        self._blocks.trained = bool(trained)
        known = self._blocks.network.row_shape
        if trained and known is not None and "_row_shape" not in self.__dict__:
            self._remember_shape(torch.empty(0, *known))

    @functools.cached_property
    def _neighbor_cache(self) -> NeighborCache:
        return NeighborCache()

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        """Speaks for its parts if it is verbose, and searches no neighbours twice, also in another fit."""
        with verbosely(self.verbose), self._neighbor_cache.active(), recording_gradients():
            yield

    # -- training -------------------------------------------------------------------------------------

    def _data_added(self, data: Mapping[str, Any]) -> None:
        # rows that are replaced take what is known of them along
        if getattr(self, "data_key", "main") in data:
            self._remember_names(data)

    def _prepare_training(self) -> None:
        """Called when training begins, after the data are known; subclasses may override it."""

    def train(
        self,
        data: Dataset | Data | None = None,
        *,
        callbacks: Sequence[Callback] = (),
        validation_data: Dataset | Data | None = None,
        resume_from: str | os.PathLike[str] | None = None,
    ) -> None:
        """Runs all training phases.

        Args:
            data: An array or tensor, shape (n, …), which becomes the entry ``"main"``, or a dict of named
                ones; what :meth:`add_data` or an earlier call gave if ``None``.
            callbacks: What to call during training, in addition to the routine's own.
            validation_data: Rows to measure the model on after the epochs, in place of ``validation_fraction``;
                as ``data``. They stay for later calls without data.
            resume_from: A checkpoint of :class:`~paradime.training.Checkpoints`, or its folder, from which the
                training goes on; the data are those that it was trained on.

        Raises:
            NoDatasetRegisteredError: If there are no data.
            LossNotDeterminedError: If a phase asks for a loss that does not exist.
            UnsupportedConfigurationError: If building blocks do not fit together.
            TypeError: If data are no arrays of numbers.
            ValueError: If data are not finite, or differ in their number of rows.
            TrainingDivergedError: If the loss is not finite.
            ModelFileError: If the checkpoint is damaged.
        """
        with self._working():
            made = data if data is None or isinstance(data, Dataset) else Dataset(data)
            settings: Any = {"validation_data": validation_data, "resume_from": resume_from, "names_of": data}
            self._train(made, callbacks=callbacks, **settings)

    def _train(
        self,
        data: Dataset | None,
        *,
        callbacks: Sequence[Callback] = (),
        validation_data: Dataset | Data | None = None,
        resume_from: str | os.PathLike[str] | None = None,
        names_of: Any = None,
    ) -> None:
        """Trains as :meth:`train` does; the names of columns are remembered of what is passed for that."""
        with self._working():
            _ = self._blocks  # its device is where a checkpoint goes
            resumed = self._read_checkpoint(resume_from, callbacks)
            if data is not None:
                self._blocks.workspace.register(data)
            if names_of is not None:
                self._remember_names(names_of)
            self._blocks.workspace.require_dataset()
            self._prepare_training()
            self._hold_out(validation_data, is_new=data is not None)
            self._run(self._blocks.training_phases, callbacks, resumed)

    def run_training_phase(self, training_phase: TrainingPhase, *, callbacks: Sequence[Callback] = ()) -> None:
        """Runs one training phase; see :meth:`train`.

        Args:
            training_phase: The phase.
            callbacks: What to call during training, in addition to the routine's own.
        """
        with self._working():
            self._run([training_phase], callbacks)

    def _run(
        self,
        phases: Sequence[TrainingPhase],
        callbacks: Sequence[Callback],
        resumed: Mapping[str, Any] | None = None,
    ) -> None:
        model = self._check_and_compute(phases)
        phases = [phase for phase in phases if phase.epochs != 0]
        if not phases:
            return
        blocks, seed = self._blocks, self._seed()
        dataset = blocks.workspace.require_dataset()
        generator = None if seed is None else torch.Generator(blocks.device).manual_seed(seed)
        validation = self._validation()
        heard = [blocks.history, ReportLoss(), *checked_callbacks(self.callbacks), *checked_callbacks(callbacks)]
        state = TrainingState(model, phases, phases[0], len(dataset), dataset=dataset, data_key=self._model_key())
        run = state.run = self._begin_run(phases, heard, generator, resumed)
        # a dropout draws from the global generators
        with seeded(seed, blocks.device):
            try:
                notify(heard, "train_begin", state)
                for phase in phases[: run.n_phases_done]:
                    phase.objective = choose_losses(phase, blocks.losses).to(blocks.device)
                for phase in phases[run.n_phases_done :]:
                    run_phase(
                        phase,
                        model=model,
                        losses=blocks.losses,
                        dataset=dataset,
                        global_relations=blocks.workspace.relation_data,
                        batch_relations=blocks.batch_relations,
                        device=blocks.device,
                        generator=generator,
                        callbacks=heard,
                        state=state,
                        validation=validation,
                    )
            except KeyboardInterrupt:
                self._interrupted(state)
            finally:
                if run.n_steps > 0:
                    blocks.trained, self.n_samples_seen_ = True, len(dataset)
                dataset.projections.clear()
                notify(heard, "train_end", state)

    def _check_and_compute(self, phases: Sequence[TrainingPhase]) -> torch.nn.Module:
        """Checks all phases, computes what they need of the data, and tries their losses; returns the model."""
        if not phases:
            raise UnsupportedConfigurationError(
                "there is no training phase. Add one: add_training_phase(epochs=…)."
            )
        blocks, workspace = self._blocks, self._blocks.workspace
        dataset = workspace.require_dataset()
        check_fields(blocks.data_fields, dataset)
        model = self._require_model()
        self._remember_shape(dataset[self._model_key()])
        if len(dataset) < 2:
            raise ValueError(f"training needs at least 2 samples, got {len(dataset)} sample(s).")
        for phase in phases:
            check_phase(phase, blocks.losses, workspace.global_relations, blocks.batch_relations)
        workspace.compute_derived()
        workspace.compute_relations()
        main = choose_losses(phases[-1], blocks.losses)
        blocks.network.take_unit(main.embedding_distance(dataset, workspace.relation_data, blocks.batch_relations))
        parts = workspace.relation_data, blocks.batch_relations, blocks.device
        for phase in phases:
            try_losses(phase, blocks.losses, model, dataset, *parts)
        return model

    def _require_model(self) -> torch.nn.Module:
        blocks, key = self._blocks, self._model_key()
        dataset = blocks.workspace.require_dataset()
        needed = n_outputs(blocks.losses.values(), dataset)
        if needed is not None and self._targets is not None and self._targets.classes is not None:
            needed = max(needed, len(self._targets.classes))  # also of classes that come later
        # whether it centres rows is decided before they are converted for it
        model = blocks.network.require(dataset[key], key, needed)
        # other models than those that centre rows are prepared with what they will get
        dataset.warn_of_lost_digits(key, model)
        dataset.suit(key, model)
        blocks.network.prepare(dataset[key], dataset.in_need(key))
        for entries in (dataset, blocks.held_out):
            if entries is not None:
                entries.suit(key, model)
        return model.to(blocks.device)

    def _model_key(self) -> str:
        """The entry of the data set that the model embeds."""
        dataset = self._blocks.workspace.require_dataset()
        return "main" if "main" in dataset else next(iter(dataset))

"""A training, from its first step to its last."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch

from paradime.data import Batch, Dataset
from paradime.exceptions import ModelFileError, RankLostError
from paradime.loss import CompoundLoss, Loss
from paradime.relationdata import RelationData
from paradime.relations import Relations
from paradime.training.batches import BatchSource
from paradime.training.callbacks import Callback, notify
from paradime.training.checks import choose_losses, named_loss
from paradime.training.early_stopping import EarlyStopper
from paradime.training.execution import StepThreads, executed_as, work_per_row
from paradime.training.interruption import Interruption, refuse_divergence, report_interruption
from paradime.training.optimizers import load_optimizer_state, optimizer_state, trainable_parameters
from paradime.training.phase import TrainingPhase
from paradime.training.schedules import ScheduledRates
from paradime.training.sharing import average_gradients, encoding_shares
from paradime.training.state import TrainingState
from paradime.training.validation import Validation
from paradime.utils.autograd import recording_gradients
from paradime.utils.ranks import current_ranks
from paradime.utils.seed import seeded

__all__ = ["Trainer"]


class _Plan(NamedTuple):
    """What a phase is trained with: its settings, which do not change any more, and the sum of its losses."""

    phase: TrainingPhase
    objective: CompoundLoss


class Trainer:
    """Trains a model. It owns whatever changes on the way: counters, optimizer, generators, interruption.

    Phases and losses are expected to fit model and data, as :func:`~paradime.training.check_phase` and
    :func:`~paradime.training.try_losses` find out before.

    Within :func:`~paradime.utils.ranks.together`, several processes take the same steps. Each encodes a share of
    every batch; their weights stay equal, and are those of one process up to rounding.

    Args:
        model: The model; on ``device``, and in evaluation mode afterwards.
        losses: The losses that the phases' keys choose from.
        dataset: The points.
        device: Where to compute.
        global_relations: Relations between all points, by key.
        batch_relations: How to compute the relations between embedded points, by key.
        data_key: The entry of the data set that is embedded.
        seed: Seed of sampling, and of torch's global generators during the training, which dropouts draw from;
            torch's global generators go on as they are if ``None``.
        callbacks: What to call during training.
        validation: What is measured on held-out rows; nothing if ``None``.
        description: What the training is made of, as JSON can hold it, for checkpoints.
        on_interrupt: What Ctrl-C does once the step has ended: ``"raise"`` or ``"keep"``.

    Attributes:
        state: Where training stands; ``None`` before :meth:`run`.

    Example:
        >>> from paradime.loss import PositionLoss
        >>> rows = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
        >>> data, phase = Dataset({"main": rows, "pos": rows[:, :2]}), TrainingPhase(epochs=3, batch_size=20)
        >>> trainer = Trainer(torch.nn.Linear(3, 2), {"loss": PositionLoss()}, data, torch.device("cpu"), seed=0)
        >>> trainer.run([phase])
        >>> trainer.state.n_steps, phase.loss.history[-1] < phase.loss.history[0]
        (6, True)
    """

    def __init__(
        self,
        model: torch.nn.Module,
        losses: Mapping[str, Loss],
        dataset: Dataset,
        device: torch.device,
        *,
        global_relations: Mapping[str, RelationData] | None = None,
        batch_relations: Mapping[str, Relations] | None = None,
        data_key: str = "main",
        seed: int | None = None,
        callbacks: Sequence[Callback] = (),
        validation: Validation | None = None,
        description: Mapping[str, Any] | None = None,
        on_interrupt: Literal["raise", "keep"] = "raise",
    ) -> None:
        self._model, self._losses, self._dataset, self._device = model, losses, dataset, device
        self._global_relations, self._batch_relations = global_relations or {}, batch_relations or {}
        self._data_key, self._seed, self._on_interrupt = data_key, seed, on_interrupt
        self.description = dict(description or {})
        self.state: TrainingState | None = None
        self._callbacks = callbacks
        # these are called before all others, which read what these write to the state
        self._own = [ScheduledRates(), *([] if validation is None else [validation]), EarlyStopper()]
        self._others: Sequence[Callback] = ()  # those of the user, in the present phase
        self._batches = BatchSource(None if seed is None else torch.Generator(device).manual_seed(seed), device)
        self._interruption = Interruption()
        self._ranks = current_ranks()
        self._plans: list[_Plan] = []
        self._resumed: Mapping[str, Any] | None = None
        self._is_changing = False

    # -- the training ---------------------------------------------------------------------------------

    @recording_gradients()
    def run(self, phases: Sequence[TrainingPhase], resume: Mapping[str, Any] | None = None) -> None:
        """Trains the model in phases, one after the other; those with no epochs are skipped.

        ``phase.loss`` of each then is the loss that is trained, with its history.

        Args:
            phases: The phases.
            resume: What :meth:`capture` returned of a training of the same, which goes on; ``None`` to begin.

        Raises:
            LossNotDeterminedError: If there is no loss of a key.
            ModelFileError: If what was captured does not fit.
            UnsupportedConfigurationError: If there is nothing to train.
            ValueError: If settings do not fit together.
            TrainingDivergedError: If the loss is not finite; the model has the weights of the last good epoch.
            KeyboardInterrupt: If Ctrl-C ended the training, unless what was learned is to be kept.
        """
        self._plans = [self._planned(phase) for phase in phases if phase.epochs != 0]
        if not self._plans:
            return
        self._resumed, self._is_changing = resume, False
        first, settings = self._plans[0], [plan.phase for plan in self._plans]
        state = self.state = TrainingState(
            self._model,
            settings,
            first.phase,
            first.objective,
            n_rows=len(self._dataset),
            dataset=self._dataset,
            data_key=self._data_key,
            is_resumed=resume is not None,
            n_phases_done=0 if resume is None else resume["n_phases_done"],
        )
        with seeded(self._seed, self._device):
            try:
                _begin(self._callbacks, self)
                for plan in self._plans[state.n_phases_done :]:
                    self._run_phase(plan.phase, plan.objective, state)
            except KeyboardInterrupt:
                if self._on_interrupt == "raise" or not state.n_steps:
                    raise
                report_interruption(state)
            finally:
                self._dataset.projections.clear()
                notify(self._callbacks, "train_end", state)

    def _planned(self, phase: TrainingPhase) -> _Plan:
        objective = choose_losses(phase, self._losses).to(self._device)
        phase.loss = named_loss(phase, objective)
        return _Plan(phase.frozen(), objective)

    def _run_phase(self, phase: TrainingPhase, objective: CompoundLoss, state: TrainingState) -> None:
        budget, local = phase.budget(len(self._dataset)), self._dataset.to(self._device)
        sampler = phase.plan().make(
            local, self._global_relations, batch_size=budget.batch_size, batches_per_epoch=budget.batches_per_epoch
        )
        self._batches.begin_phase(sampler)
        if not phase.compile:
            local.project(self._data_key, self._model, self._dataset.projections)
        parameters = trainable_parameters(self._model, objective)
        state.phase, state.objective, state.n_batches = phase, objective, len(sampler)
        state.optimizer = phase.make_optimizer(parameters)
        state.epoch = state.n_epochs_done = state.n_batches_done = 0
        state.stop, state.loss, state.epoch_loss, state.validation = False, None, None, None
        n_steps = budget.epochs * max(1, len(sampler))
        model = executed_as(self._model, self._device, precision=phase.precision, compile=phase.compile)
        model = encoding_shares(model, self._ranks)
        threads = StepThreads(self._device, work_per_row(self._model, self._dataset[self._data_key]))
        with self._in_phase(phase, state), self._interruption:
            self._notify("phase_begin", state)
            if self._resumed is not None:
                self._restore(self._resumed, state)
            self._ranks.overwrite([*self._model.state_dict().values(), *parameters])
            # a resumed phase may already be flagged to stop
            n_epochs = state.n_epochs_done if state.stop else budget.epochs
            for epoch in range(state.n_epochs_done, n_epochs):
                state.epoch = epoch
                last_good, started = _copied_state(self._model), time.perf_counter()
                self._notify("epoch_begin", state)
                with threads:
                    for batch in self._batches.epoch(state.n_epochs_done, state.n_batches_done):
                        threads.choose(len(batch["indices"]))
                        self._step(batch, model, parameters, n_steps, phase.clip_norm, state)
                with self._changing():
                    objective.checkpoint()
                    state.epoch_loss = objective.history[-1]
                    state.seconds = (
                        time.perf_counter() - started
                    )  # the device has finished, since the loss was read
                    refuse_divergence(state, parameters, last_good)
                    notify(self._own, "epoch_end", state)
                state.n_epochs_done, state.n_batches_done = state.n_epochs_done + 1, 0
                notify(self._others, "epoch_end", state)
                self._agree(state)
                self._interruption.check()
                if state.stop:
                    break
            self._notify("phase_end", state)
        state.n_phases_done += 1
        self._resumed = None

    def _step(
        self,
        batch: Batch,
        model: torch.nn.Module,
        parameters: Sequence[torch.nn.Parameter],
        n_steps: int,
        clip_norm: float | None,
        state: TrainingState,
    ) -> None:
        """Takes a step down the gradient of the loss of a batch."""
        optimizer, objective = state.optimizer, state.objective
        assert optimizer is not None
        assert objective is not None
        done = state.n_epochs_done * state.n_batches + state.n_batches_done
        state.batch, state.progress = batch, min(1.0, done / n_steps)
        self._notify("batch_begin", state)
        with self._changing():
            objective.at(state.progress)
            loss = objective(model, self._global_relations, self._batch_relations, batch, self._device)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            average_gradients(parameters, self._ranks)
            if clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(parameters, clip_norm)
            optimizer.step()
        state.loss = loss.detach()
        state.n_batches_done, state.n_steps = state.n_batches_done + 1, state.n_steps + 1
        self._notify("batch_end", state)
        self._interruption.check()

    def _agree(self, state: TrainingState) -> None:
        """Lets the first process decide whether the phase ends.

        Raises:
            RankLostError: If the processes have drawn different batches.
        """
        if self._ranks.size > 1:
            every = self._ranks.of_all((state.stop, self._batches.fingerprint()))
            if len({fingerprint for _, fingerprint in every}) > 1:
                raise RankLostError(
                    f"training phase {state.phase.name!r}, epoch {state.epoch}: the processes have drawn "
                    "different batches. Samplers must draw from the generator that epoch() gets, and nothing else."
                )
            state.stop = every[0][0]

    def _notify(self, event: str, state: TrainingState) -> None:
        notify(self._own, event, state)
        notify(self._others, event, state)

    @contextlib.contextmanager
    def _in_phase(self, phase: TrainingPhase, state: TrainingState) -> Iterator[None]:
        """Within the block, the model is in training mode, and the phase's own callbacks are called, too.

        To its own callbacks, the phase is the whole training.
        """
        all_phases = state.phases
        self._others = sorted((*self._callbacks, *phase.callbacks), key=lambda callback: callback.is_last)
        self._model.train()
        try:
            state.phases = [phase]
            _begin(phase.callbacks, self)
            state.phases = all_phases
            yield
        except KeyboardInterrupt:
            self._notify("interrupt", state)
            raise
        finally:
            self._model.eval()
            state.batch, state.phases = None, [phase]
            try:
                notify(phase.callbacks, "train_end", state)
            finally:
                state.phases = all_phases

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Within the block, the training is neither where it was before nor where it is after it."""
        self._is_changing = True
        yield
        # after an exception, the state stays marked as inconsistent
        self._is_changing = False

    # -- checkpoints ----------------------------------------------------------------------------------

    @property
    def goes_on_within_epochs(self) -> bool:
        """Whether a training can go on from within an epoch; else from the end of one."""
        return self._batches.draws_again

    @property
    def can_be_captured(self) -> bool:
        """Whether the training stands where it can go on from."""
        state = self.state
        if state is None or state.optimizer is None or self._is_changing:
            return False
        return state.n_batches_done == 0 or self.goes_on_within_epochs

    def capture(self) -> dict[str, Any]:
        """Returns all that is needed to go on, without copies."""
        state = self.state
        assert state is not None
        assert state.optimizer is not None
        return {
            "n_phases_done": state.n_phases_done,
            "n_epochs_done": state.n_epochs_done,
            "n_batches_done": state.n_batches_done,
            "n_steps": state.n_steps,
            "stop": state.stop,
            "epoch_loss": state.epoch_loss,
            "model": self._model.state_dict(),
            "optimizer": optimizer_state(state.optimizer),
            "losses": [plan.objective.state_dict() for plan in self._plans[: state.n_phases_done + 1]],
            "callbacks": [[type(one).__name__, one.state_dict()] for one in (*self._own, *self._others)],
            "random": self._batches.state_dict(state.n_batches_done),
        }

    def _restore(self, resumed: Mapping[str, Any], state: TrainingState) -> None:
        assert state.optimizer is not None
        try:
            self._model.load_state_dict(resumed["model"])
            load_optimizer_state(state.optimizer, resumed["optimizer"])
            for plan, of_phase in zip(self._plans, resumed["losses"], strict=False):
                plan.objective.load_state_dict(of_phase)
            callbacks = *self._own, *self._others
            for callback, (kind, of_callback) in zip(callbacks, resumed["callbacks"], strict=False):
                if type(callback).__name__ == kind:
                    callback.load_state_dict(of_callback)
        except (RuntimeError, KeyError, ValueError, AttributeError, TypeError) as error:
            raise ModelFileError(f"the checkpoint does not fit the routine: {error}") from error
        for name in ("n_epochs_done", "n_batches_done", "n_steps", "stop", "epoch_loss"):
            setattr(state, name, resumed[name])
        state.epoch = max(state.n_epochs_done - 1, 0)
        self._batches.load_state_dict(resumed["random"], state.n_batches_done)


def _begin(callbacks: Sequence[Callback], trainer: Trainer) -> None:
    assert trainer.state is not None
    for callback in callbacks:
        callback.attach(trainer)
    notify(callbacks, "train_begin", trainer.state)


def _copied_state(model: torch.nn.Module) -> dict[str, Any]:
    # tensor by tensor, because copy.deepcopy takes longer than a step of a small network, and epochs may be short
    state = model.state_dict()
    for name, value in state.items():
        state[name] = value.clone() if isinstance(value, torch.Tensor) else copy.deepcopy(value)
    return state

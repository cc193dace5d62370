"""The routine: a facade over data, relations, losses and training."""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar, overload

import numpy as np
import scipy.sparse
import torch

from paradime.constraints import Adherence, Constraint, Edits
from paradime.data import DataField, Dataset, DerivedData
from paradime.dr.components import Components
from paradime.dr.editing import ImposedConstraints, constraints_of
from paradime.dr.estimator import Estimator
from paradime.dr.fitted import Drift, FittedState
from paradime.dr.held_out import check_hold_out, held_out_rows, hold_out, validation_of
from paradime.dr.inference import UnknownAttributeError, adherence_of, apply_model, needs_part, score_of
from paradime.dr.inputs import Targets, as_dataset, embedded_entry, with_targets
from paradime.dr.preparation import check_and_compute, description_of, give_data, read_resumed, spare_parameters
from paradime.dr.refining import is_refinable, refined_map
from paradime.dr.specification import read_components, written
from paradime.dr.streaming import embed_to_file, embedding_of, sample_of
from paradime.dr.updating import (
    Anchors,
    are_the_same,
    check_epochs,
    check_update,
    held_phases,
    new_targets,
    renewed_components,
    rows_to_update,
    share_of_epochs,
    warn_without_map,
    with_kept,
)
from paradime.exceptions import NotTrainedError, ParaDimeError, UnsupportedConfigurationError
from paradime.loss import Loss
from paradime.models import ModelRecipe
from paradime.refinement import RefinedMap
from paradime.relations import Relations
from paradime.sources import StoredRows, open_data
from paradime.training import (
    Callback,
    ReportLoss,
    Trainer,
    TrainingPhase,
    TrainingState,
    checked_callbacks,
    history_frame,
)
from paradime.training.budget import AUTO
from paradime.types import AnyArray, Data, FloatArray, Spec
from paradime.utils.arguments import check_instance
from paradime.utils.autograd import recording_gradients
from paradime.utils.ranks import together
from paradime.utils.seed import RandomState

if TYPE_CHECKING:
    from paradime.persistence.saved import Saved

__all__ = ["ParametricDR"]

T = TypeVar("T")


class _NoteTraining(Callback):
    """Tells a routine that it was trained, before other callbacks hear of the end of the training."""

    def __init__(self, routine: ParametricDR) -> None:
        self._routine = routine

    def on_train_begin(self, state: TrainingState) -> None:
        self._routine._components.embedding = None
        self._routine._fitted = self._routine._fitted.replace(refined=None)

    def on_train_end(self, state: TrainingState) -> None:
        blocks = self._routine._components
        blocks.embedding = None
        if state.n_steps > 0:
            blocks.trained = True
            self._routine._fitted = self._routine._fitted.replace(n_rows_seen=state.n_rows)


class ParametricDR(Estimator):
    """A parametric dimensionality reduction, composed of components.

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
            the same; on these rows the loss and the neighbours preserved are measured after the epochs.
        validation_every: Epochs between these measurements.
        warm_start: Whether :meth:`fit` goes on from the present weights instead of starting afresh.
        standardize: Whether a network that is made of these parameters centres and scales its input. ``"auto"``
            for rows whose columns are large, small or far from zero, from which it would hardly learn
            (:func:`~paradime.models.wants_standardization`).
        on_interrupt: What Ctrl-C does while training, once the step has ended: ``"raise"`` raises
            ``KeyboardInterrupt``, ``"keep"`` ends the training as if it had been shorter, with a warning. What was
            learned is kept either way.
        refine: Whether the positions of the training rows move freely once the network is trained, which
            preserves more of their neighbours; new rows are then placed by their nearest training rows. For phases
            that train t-SNE's divergence or InfoNCE, and up to 3 dimensions.
        cache_dir: A folder in which neighbours of rows are stored, by the content of the rows, the metric, the
            search and its seed, so that another fit or method need not search them again, also in a later run
            (:class:`~paradime.neighbors.files.NeighborFiles`); of several processes, all read it. Models that are
            saved do not name it. Nowhere if ``None``.

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

    unsaved_parameters: ClassVar[frozenset[str]] = frozenset({"dataset", "precomputed_knn", "cache_dir"})
    """Parameters that are data, or a folder of this machine, and are not saved."""

    unsaved_attributes: ClassVar[frozenset[str]] = frozenset({"_neighbor_cache"})
    """Further attributes of a fitted routine that are not saved; those of it have to be data, or made of data."""

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
        refine: bool = False,
        cache_dir: str | os.PathLike[str] | None = None,
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
        self.refine = refine
        self.cache_dir = cache_dir

    # -- training -------------------------------------------------------------------------------------

    def _prepare_training(self) -> None:
        """Called when training begins, after the data are known; subclasses may override it."""

    def _check_data(self, dataset: Dataset) -> None:
        """Refuses data that do not fit the parameters; presets override it."""

    def _given_positions(self) -> frozenset[str]:
        """Returns the entries of the data that hold initial positions, which only the first phase needs."""
        return frozenset()

    @recording_gradients()
    def fit(
        self,
        X: Data,
        y: Any = None,
        *,
        validation_data: Any = None,
        callbacks: Sequence[Callback] = (),
        resume_from: str | os.PathLike[str] | None = None,
        sample: int | None = None,
    ) -> Self:
        """Trains on data from the start, as scikit-learn calls it; :meth:`train` goes on where it was.

        Args:
            X: The data: rows, or a dict of named entries. Rows become the entry that is embedded. A file that
                :func:`~paradime.sources.open_rows` takes is read in blocks, and need not fit into memory.
            y: Targets, shape (n,), which become the entry ``"labels"``, or ``None``. Floating-point numbers are
                standardised; anything else is classes, which are numbered from 0. A missing value, or −1 among
                integers, means unlabelled: such rows are embedded, and nothing is learned of their targets.
            validation_data: Rows to measure the model on after the epochs, in place of ``validation_fraction``: as
                ``X``, or a pair of such rows and their targets. They take no part in the training.
            callbacks: What to call during training, in addition to the routine's own.
            resume_from: A checkpoint of :class:`~paradime.training.Checkpoints`, or its folder, from which the
                training goes on; data and parameters are those of the training that was interrupted.
            sample: Train on so many rows, which are drawn at random and read into memory; they are then the
                routine's data, and :meth:`transform` places the others. All rows if ``None``.

        If a second ``fit`` fails or is interrupted, the routine has the model of the first one again, without the
        training rows once training had begun.

        Raises:
            ValueError: If ``y`` is not one target a row, or not finite; if data or parameters are not those of the
                checkpoint; and as :meth:`train` does.
            ModelFileError: If the checkpoint is damaged.
        """
        with together() as ranks:  # a file that is refused leaves what was learned as it is
            ranks.of_first(lambda: read_resumed(self, resume_from, callbacks) is None)
        self._require_made_components("fit")
        # data that are refused leave what was learned as it is
        X = open_data(X, random=sample is None)
        if sample is not None:
            X, y = sample_of(X, y, sample, self.random_state)
        dataset = as_dataset(X, self.data_key)
        targets = with_targets(dataset, y)
        check_hold_out(self.validation_fraction, len(dataset), validation_data)
        self._check_data(dataset)
        held_out = held_out_rows(validation_data, targets, self.data_key)
        goes_on = bool(self.warm_start) and resume_from is None and self.__sklearn_is_fitted__()
        if goes_on:
            self._fitted.check_rows(X, self.data_key, self)
            self._fitted.check_targets(y, self)
        known = self._fitted.of_other_data(X, self.data_key).replace(targets=targets)
        with self._restored_on_error() if goes_on else self._restored_unless_trained() as former:
            self._fitted = known
            if goes_on:
                renewed_components(self)
            else:
                self._start_afresh()
            spare_parameters(self)
            self._train(dataset, callbacks, validation_data=held_out, resume_from=resume_from, former=former)
            if not self._components.trained:
                raise ValueError(
                    "fit learns nothing where all phases have epochs=0. Give one of them at least 1 epoch."
                )
        return self

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
            UnsupportedConfigurationError: If components do not fit together.
            TypeError: If data are no arrays of numbers.
            ValueError: If data are not finite, or differ in their number of rows.
            TrainingDivergedError: If the loss is not finite.
            ModelFileError: If the checkpoint is damaged.
        """
        with self._working():
            data = open_data(data, random=True)
            dataset = data if data is None or isinstance(data, Dataset) else Dataset(data)
            known = self._fitted if data is None else self._fitted.of_other_data(data, self.data_key)
            settings: Any = {"validation_data": validation_data, "resume_from": resume_from}
            self._train(dataset, callbacks, known=known, **settings)

    def run_training_phase(self, training_phase: TrainingPhase, *, callbacks: Sequence[Callback] = ()) -> None:
        """Runs one training phase; see :meth:`train`.

        Args:
            training_phase: The phase.
            callbacks: What to call during training, in addition to the routine's own.
        """
        with self._working(), together():
            self._trainer([training_phase], callbacks).run([training_phase])

    @recording_gradients()
    def partial_fit(
        self,
        X: Data,
        y: Any = None,
        classes: Any = None,
        *,
        epochs: int | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Trains on a part of the data, the first time as :meth:`fit`, then further on the new rows alone.

        Each part gets its share of the steps that :meth:`fit` would take for all rows that were seen, but at least
        one epoch; phases that only learn initial positions are left out. What the network was not shown again it
        may forget: :meth:`update` holds the map in place.

        Args:
            X: The rows of this part, at least as many as the method needs for its neighbours.
            y: Their targets, as for :meth:`fit`.
            classes: All classes that any part will have, at the first call; those of the first part if ``None``.
            epochs: Epochs of each phase, in place of that rule.
            callbacks: What to call during training, in addition to the routine's own.

        Returns:
            This routine.

        Raises:
            ValueError: If rows have other columns than before, or ``y`` other classes; and as :meth:`fit` does.

        Example:
            >>> from sklearn.datasets import load_digits
            >>> from paradime import ParametricMDS
            >>> X, mds = load_digits().data, ParametricMDS(epochs=2, random_state=0)
            >>> for part in (X[:900], X[900:]):
            ...     mds = mds.partial_fit(part)
            >>> mds.n_samples_seen_
            1797
        """
        check_epochs(epochs)
        X = open_data(X, random=True)
        is_first = not self.__sklearn_is_fitted__()
        if is_first and classes is None:
            return self.fit(X, y, callbacks=callbacks)
        if not is_first:
            self._fitted.check_rows(X, self.data_key, self)
            if classes is not None:
                self._fitted.check_targets(classes, self)
        dataset = as_dataset(X, self.data_key)
        targets = new_targets(dataset, y, classes if is_first else None, self._fitted.targets)
        n_seen = 0 if is_first else self._n_rows_seen
        n_total = n_seen + len(dataset)
        if is_first:
            self._fitted = self._fitted.of_other_data(X, self.data_key).replace(targets=targets)
            self._start_afresh()
            spare_parameters(self)
            self._train(dataset, callbacks)
        else:
            with self._restored_on_error():
                blocks = renewed_components(self)
                spare_parameters(self)
                phases = [
                    phase.replace(
                        epochs=share_of_epochs(phase, len(dataset), n_total) if epochs is None else epochs
                    )
                    for phase in blocks.main_phases()
                ]
                warn_without_map(self)
                refined = self._fitted.refined
                with blocks.other_phases(phases):
                    self._train(dataset, callbacks, is_whole=False)
                self._add_rows(refined, dataset)
        self._fitted = self._fitted.replace(n_rows_seen=n_total)
        return self

    @recording_gradients()
    def update(
        self,
        X: Data,
        y: Any = None,
        *,
        old: Data | None = None,
        keep: int | float = 10_000,
        anchors: int = 500,
        share: float | None = None,
        epochs: int | None = None,
        constraints: str | os.PathLike[str] | Edits | Iterable[Constraint] | Constraint | None = None,
        constraint_share: float = 0.3,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Trains further on new rows and earlier ones, with anchors that hold the map in place.

        Anchors are earlier rows that cover the map: a loss ties them to the positions that they have. Afterwards
        :attr:`drift_` tells how far they have moved nevertheless. Phases that only learn initial positions are
        left out. The rows of this training, kept and new, are then the routine's data.

        With ``constraints``, the map follows edits by hand, such as those of the explorer's page, and the rest
        stays by the anchors, none of which is a row that a constraint names. ``X`` are then the rows whose
        indices, or names, the constraints have. They may be the earlier rows, which are trained once then, and
        stand for these in a routine that holds none. The constraints are those of this update only.

        Args:
            X: The new rows, or a dict of named entries, as for :meth:`fit`.
            y: Their targets, where the routine was fitted with targets; unlabelled if ``None``.
            old: Earlier rows, as ``X``, for a routine that does not hold its data, such as one that was loaded; a
                sample is enough. The routine's data if ``None``.
            keep: How many earlier rows are trained along, at least 0, or their share as a fraction; more are
                drawn from. With 0, the anchors alone stand for them.
            anchors: How many anchors there are, at least 0; none are held with 0.
            share: The share of the gradient, in (0, 1), of anchors and pins, which are one loss. If ``None``, 0.5
                without pins; with pins, 0.9 of what other constraints leave, since a method pulls pinned rows
                back, and gradients of equal shares cancel.
            epochs: Epochs of each phase. If ``None``, those of the phase; with pins, more where the phases
                together have less than 2,000 steps, so that pinned rows can leave the rows beside which they lie.
            constraints: What is imposed on the rows of ``X``: a file of edits, or constraints that are not exact;
                :attr:`drift_` has the adherence, and how far the other rows have moved. A row that a file names
                is one of a pandas data frame with this name in its index.
            constraint_share: The share of the gradient, in (0, 1), of constraints that are no pins, such as pairs,
                together.
            callbacks: What to call during training, in addition to the routine's own.

        Returns:
            This routine.

        Raises:
            NotTrainedError: If the routine is not trained.
            OSError: If the file of edits cannot be read.
            ValueError: If a setting is out of range, rows have other columns than before, the routine holds no
                earlier rows and none are given, or edits are of other rows.

        Example:
            >>> from sklearn.datasets import load_iris
            >>> from paradime import ParametricMDS
            >>> X = load_iris().data
            >>> mds = ParametricMDS(epochs=50, random_state=0).fit(X[:100]).update(X[100:])
            >>> mds.drift_.n_anchors, mds.drift_.mean < 0.5
            (100, True)
        """
        check_update(keep, anchors, share)
        check_epochs(epochs)
        self._require_trained()
        X = open_data(X, random=True)
        self._fitted.check_rows(X, self.data_key, self)
        given = constraints_of(constraints, X, self.data_key)
        earlier, new, targets = rows_to_update(self, X, y, old, edits=bool(given))
        imposed = ImposedConstraints.of(self, given, constraint_share, new) if given else None
        held = Anchors.of(self, earlier, anchors, imposed)
        is_edited = imposed is not None and are_the_same(earlier, new, self.data_key)
        n_seen = self._n_rows_seen + (0 if is_edited else len(new))
        rows = new if is_edited else with_kept(earlier, new, keep, self._components.seed)
        before = self._fitted
        self._fitted = before.replace(targets=targets)
        try:
            with self._restored_on_error():
                blocks = renewed_components(self)
                spare_parameters(self)
                warn_without_map(self)
                with held_phases(blocks, held if anchors else None, share, epochs, imposed):
                    self._train(rows, callbacks, is_whole=False)
                self._add_rows(before.refined, new, imposed)
        except BaseException:
            self._fitted = before
            raise
        with self._working():
            drift = held.drift(self)
            drift = drift if imposed is None else imposed.reported(self, drift)
        self._fitted = self._fitted.replace(n_rows_seen=n_seen, drift=drift)
        return self

    def _train(
        self,
        dataset: Dataset | None,
        callbacks: Sequence[Callback],
        *,
        validation_data: Dataset | Data | None = None,
        resume_from: str | os.PathLike[str] | None = None,
        known: FittedState | None = None,
        former: Components | None = None,
        is_whole: bool = True,
    ) -> None:
        """Runs all phases, on these data, of which something is known, or on those that are there.

        The data of former components are released once nothing more can be refused, before the training itself.
        If these are the whole data, instead of rows that are added, constraints take what they need of them, and
        the map is refined afterwards if the parameters say so.
        """
        with self._working(), together() as ranks:
            blocks = self._components  # its device is where a checkpoint goes
            resumed = ranks.of_first(lambda: read_resumed(self, resume_from, callbacks))
            with self._data_kept_on_error():
                self._fitted = known or self._fitted
                if dataset is not None:
                    blocks.workspace.register(dataset)
                    if is_whole:
                        give_data(blocks.constraints(), dataset, self._fitted.targets)
                key = embedded_entry(blocks.workspace.require_dataset(), self.data_key)
                self._prepare_training()
                hold_out(
                    blocks,
                    validation_data,
                    fraction=self.validation_fraction,
                    key=key,
                    seed=blocks.training_seed(self.random_state),
                    is_new=dataset is not None,
                )
                trainer = self._trainer(blocks.training_phases, callbacks, resumed)
            refines = is_refinable(self)
            if former is not None and any(phase.epochs != 0 for phase in blocks.training_phases):
                former.release_data()
            trainer.run(blocks.training_phases, None if resumed is None else resumed["state"])
            if refines and is_whole and blocks.trained:
                self._fitted = self._fitted.replace(refined=refined_map(self))
                blocks.embedding = None

    def _trainer(
        self,
        phases: Sequence[TrainingPhase],
        callbacks: Sequence[Callback],
        resumed: Mapping[str, Any] | None = None,
    ) -> Trainer:
        """Checks phases, computes what they need of the data that are there, and makes what trains them."""
        blocks = self._components
        dataset, seed = blocks.workspace.require_dataset(), blocks.training_seed(self.random_state)
        key = embedded_entry(dataset, self.data_key)
        model = check_and_compute(blocks, phases, key, self._fitted.targets)
        self._fitted = self._fitted.replace(row_shape=tuple(dataset[key].shape[1:]))
        called = [*checked_callbacks(self.callbacks), *checked_callbacks(callbacks)]
        called = [_NoteTraining(self), blocks.history, ReportLoss(), *called]
        return Trainer(
            model,
            blocks.losses,
            dataset,
            blocks.device,
            global_relations=blocks.workspace.relation_data,
            batch_relations=blocks.batch_relations,
            data_key=key,
            seed=seed,
            callbacks=called,
            description=description_of(self, phases, called, resumed),
            validation=validation_of(blocks, self.validation_every, key, self._given_positions()),
            on_interrupt=self.on_interrupt,
        )

    def _add_rows(
        self, refined: RefinedMap | None, dataset: Dataset, imposed: ImposedConstraints | None = None
    ) -> None:
        """Adds rows to a refined map, in which earlier ones follow constraints; without ``refine``, drops it."""
        if refined is not None and self._refines():
            refined = refined.with_rows(dataset[embedded_entry(dataset, self.data_key)])
            refined = refined if imposed is None else imposed.lead(self, refined)
        self._fitted = self._fitted.replace(refined=refined if self._refines() else None)

    @contextlib.contextmanager
    def _restored_on_error(self) -> Iterator[Components | None]:
        """If the block raises, the components are those from before, whose network is as it is now."""
        blocks, fitted = self._components, self._fitted
        try:
            yield None
        except BaseException:
            self._made_components, self._fitted = blocks, fitted
            blocks.embedding = None  # the network may have learned
            raise

    @contextlib.contextmanager
    def _data_kept_on_error(self) -> Iterator[None]:
        """If the block raises, a routine that is trained has the data from before, and what is known of them."""
        fitted = self._fitted
        blocks = self._components
        with blocks.data_kept_on_error() if blocks.trained else contextlib.nullcontext():
            try:
                yield
            except BaseException:
                self._fitted = fitted if blocks.trained else self._fitted
                raise

    @contextlib.contextmanager
    def _restored_unless_trained(self) -> Iterator[Components | None]:
        """If the block raises, what was learned before is there as it was, but for the data; yields it."""
        before, fitted = self._made_components, self._fitted
        if before is None or not before.trained:
            yield before
            return
        model = None if before.initial_weights is None else before.model  # one that was given is set back in place
        weights = None if model is None else copy.deepcopy(model.state_dict())
        try:
            yield before
        except BaseException:
            self._made_components, self._fitted = before, fitted
            if model is not None and weights is not None:
                model.load_state_dict(weights)
            raise

    @property
    def _n_rows_seen(self) -> int:
        return self._fitted.n_rows_seen or 0  # not known where trained was set by hand

    @property
    def constraints(self) -> Mapping[str, Constraint]:
        """The constraints among the losses, by key."""
        return self._components.constraints()

    def adherence(self, X: Data | None = None, y: Any = None) -> dict[str, Adherence]:
        """Measures how far rows adhere to the constraints.

        Args:
            X: Rows, or a dict of named entries with those that the constraints need; the training rows if
                ``None``.
            y: Their targets, where a constraint needs them.

        Returns:
            The adherence by the constraint's key; without constraints that these rows cannot show, such as those
            on pairs of training rows if ``X`` are others.

        Raises:
            NotTrainedError: If the routine is not trained.

        Example:
            >>> from sklearn.datasets import load_iris
            >>> from paradime import ParametricMDS
            >>> from paradime.constraints import AxisConstraint
            >>> X = load_iris().data
            >>> mds = ParametricMDS(epochs=20, random_state=0).add_constraint(AxisConstraint(2), share=0.5)
            >>> adherence = mds.fit(X[:120]).adherence(X[120:])["axis 0"]
            >>> adherence.measure, adherence.n
            ('correlation of the axis with the attribute', 30)
        """
        self._require_trained("adherence")
        return adherence_of(self, X, y)

    # -- use on points --------------------------------------------------------------------------------

    def apply(self, X: Any, method: str | None = None) -> torch.Tensor:
        """Applies the trained model to points, without gradients, in chunks.

        Args:
            X: Points, shape (m, …), as those of the training, or a single one of them, shape (…).
            method: The name of a method of the model; the model itself is called if ``None``.

        Returns:
            What the method makes of the points, on the CPU; of a single one, without the first axis.

        Raises:
            NotTrainedError: If the routine is not trained.
            TypeError: If ``X`` is no array of numbers.
            ValueError: If ``X`` is not finite, or does not have the features of the training data.
        """
        if method is not None:
            check_instance("method", method, str, remedy="Pass the name of a method of the model.")
        return self._apply(X, method, single=True)

    def __call__(self, X: Any) -> torch.Tensor:
        """The same as :meth:`apply`, but differentiable; see :meth:`embed`."""
        return self._differentiable(X, None)

    def embed(self, X: Any) -> torch.Tensor:
        """Embeds points by the model's method ``embed``, so that gradients flow to the model and to ``X``.

        All points take part in the gradient, which needs memory for each of them: :meth:`apply` and
        :meth:`transform` go without.

        Args:
            X: Points, shape (m, …), as those of the training, or a single one of them, shape (…).

        Returns:
            The embedding, shape (m, out_dim), or (out_dim,) of a single point; on the device of a tensor, else on
            the CPU.

        Raises:
            NotTrainedError: If the routine is not trained.
            TypeError: If ``X`` is no array of numbers.
            ValueError: If ``X`` is not finite, or does not have the features of the training data.
        """
        return self._differentiable(X, "embed")

    def classify(self, X: Any) -> torch.Tensor:
        """Scores the classes of points by the model's method ``classify``, differentiable; see :meth:`embed`."""
        return self._differentiable(X, "classify")

    def _differentiable(self, X: Any, method: str | None) -> torch.Tensor:
        made = self._apply(X, method, single=True, gradients=True)
        return made.to(X.device) if isinstance(X, torch.Tensor) else made

    def _apply(self, X: Any, method: str | None = None, **how: bool) -> torch.Tensor:
        """Applies the trained model to points, shape (m, …), whose columns have the names of the training."""
        self._require_trained()
        rows = self._fitted.check_names(open_data(X), self.data_key, self, method)
        applied = self._application_of(method, **how)
        return embedding_of(rows, applied) if isinstance(rows, StoredRows) else applied(rows)

    def _application_of(self, method: str | None, **how: bool) -> Callable[[Any], torch.Tensor]:
        """Returns the function that applies the trained model to rows whose names are checked."""
        owner = type(self).__name__
        return lambda rows: apply_model(self._components, rows, method, self._fitted, owner=owner, **how)

    def transform(self, X: Any, *, refine: bool = True, out: str | os.PathLike[str] | None = None) -> Any:
        """Embeds points, as scikit-learn calls it.

        Args:
            X: Points, shape (m, …), or a file that :func:`~paradime.sources.open_rows` takes, which is read in
                blocks.
            refine: Whether they are placed in the refined map of a routine that was made with ``refine=True``;
                else the network alone embeds them, in a map of its own.
            out: A file to which the positions are written block by block: NPY, or a table with columns ``x``,
                ``y``, … (Parquet, Feather, CSV). It appears once all are written.

        Returns:
            The embedding as NumPy array, shape (m, out_dim), float32, unless :meth:`set_output` asks for something
            else; the path of the file if ``out`` is given.

        Raises:
            ValueError: If values are not finite, rows have other columns than those of the training, or ``out`` is
                the file of the rows.
        """
        if out is not None:
            self._require_trained()
            rows = self._fitted.check_names(open_data(X), self.data_key, self)
            return embed_to_file(rows, out, self._application_of("embed", refine=refine))
        embedded = self._apply(X, "embed", refine=refine)
        if not self._returns_tensors:
            return embedded.numpy()
        return embedded.to(X.device) if isinstance(X, torch.Tensor) else embedded

    @needs_part("classify")
    def predict(self, X: Any) -> AnyArray:
        """Predicts the targets of points, by the model's method ``classify``.

        Args:
            X: Points, shape (m, …).

        Returns:
            Classes as ``y`` had them, or numbers, shape (m,).

        Raises:
            NotTrainedError: If the routine is not trained.
            MissingPartError: If the model does not classify; presets do with ``classifier=True``.
        """
        scores = self._apply(X, "classify").numpy()
        return (self._fitted.targets or Targets("classes")).decode(scores)

    @needs_part("classify")
    def predict_proba(self, X: Any) -> AnyArray:
        """Returns the probabilities of classes, shape (m, n_classes), the columns in the order of ``classes_``.

        Args:
            X: Points, shape (m, …).

        Raises:
            NotTrainedError: If the routine is not trained.
            MissingPartError: If the model does not classify.
            UnsupportedConfigurationError: If it predicts numbers.
        """
        targets = self._fitted.targets
        if targets is not None and targets.kind == "numbers":
            raise UnsupportedConfigurationError("y was numbers, which have no probabilities. Call predict(X).")
        scores = self._apply(X, "classify").to(torch.float64)
        return torch.softmax(scores, dim=1).to(torch.float32).numpy()

    @needs_part("decode")
    def inverse_transform(self, X: Any) -> AnyArray:
        """Returns the points that belong to places in the embedding, by the model's method ``decode``.

        Args:
            X: Places, shape (m, out_dim).

        Returns:
            Points, shape (m, …), in the units of the data; float32, or float64 where columns lie so far from zero
            that single precision does not tell their values apart.

        Raises:
            NotTrainedError: If the routine is not trained.
            MissingPartError: If the model does not decode; presets do with ``decoder=True``.
            ValueError: If ``X`` has another number of dimensions than the embedding.
        """
        shape = np.shape(X)
        if len(shape) == 1 and self.__sklearn_is_fitted__():
            raise ValueError(
                f"Expected 2D array, got shape {shape}. inverse_transform takes positions, one per row: reshape a "
                "single one with .reshape(1, -1)."
            )
        try:
            return self._apply(X, "decode").numpy()
        except RuntimeError as error:
            if isinstance(error, (ParaDimeError, NotImplementedError)):
                raise
            raise ValueError(
                f"inverse_transform takes places as transform returns them, shape (m, {self._n_features_out}), "
                f"got shape {shape}: the model cannot decode them ({error})."
            ) from error

    def score(self, X: Any, y: Any = None) -> float:
        """Measures how far the neighbours that the embedding shows are neighbours in the data.

        This is the trustworthiness of 15 neighbours (fewer of less than 32 rows) by Euclidean distances, of at
        most 2,000 rows, which are always the same of the same number of rows. Cross-validation can compare
        settings by it.

        Args:
            X: Points, shape (m, …), at least 3.
            y: Ignored.

        Returns:
            A number in [0, 1]; 1 is best.

        Raises:
            NotTrainedError: If the routine is not trained.
            ValueError: If there are fewer than 3 points, and as :meth:`transform` does.

        Source: Venna and Kaski, "Neighborhood preservation in nonlinear projection methods", 2001.

        Example:
            >>> from sklearn.datasets import load_iris
            >>> from paradime import ParametricMDS
            >>> X = load_iris().data
            >>> 0.8 < ParametricMDS(random_state=0).fit(X).score(X) <= 1
            True
        """
        self._require_trained("score")
        return score_of(X, self.data_key, lambda rows: self._apply(rows, "embed"))

    # -- what was learned -----------------------------------------------------------------------------

    def _require_trained(self, attribute: str | None = None) -> torch.nn.Module:
        """Returns the trained model; raises NotTrainedError if there is none."""
        model = self._components.model if self.__sklearn_is_fitted__() else None
        if model is None:
            missing = f"has no {attribute} before it is fitted." if attribute else "is not trained yet."
            raise NotTrainedError(f"this {type(self).__name__} {missing} Call fit(X) first.")
        return model

    @property
    def embedding_(self) -> FloatArray:
        """The embedding of the rows that were trained on, shape (n, out_dim); computed when it is first read."""
        self._require_trained("embedding_")
        blocks = self._components
        if blocks.dataset is None:
            raise UnknownAttributeError(
                f"this {type(self).__name__} does not hold the data it was trained on. Call transform(X)."
            )
        if blocks.embedding is None:
            rows = blocks.dataset[embedded_entry(blocks.dataset, self.data_key)]
            blocks.embedding = apply_model(blocks, rows, "embed", self._fitted, owner=type(self).__name__).numpy()
        return blocks.embedding

    @property
    def graph_(self) -> scipy.sparse.csr_array:
        """The weighted graph of the rows that was trained on, shape (n, n): the global relations ``"rel"``."""
        self._require_trained("graph_")
        relations = self._components.workspace.relation_data
        key = "rel" if "rel" in relations else next(iter(relations), None)
        if key is None:
            raise UnknownAttributeError(
                f"this {type(self).__name__} has no graph_: it holds no global relations between its rows. "
                "Call fit(X)."
            )
        # a copy, since further training reads the relations
        return scipy.sparse.csr_array(relations[key].to_sparse_array().data, copy=True)

    @property
    def classes_(self) -> AnyArray:
        """The classes that ``y`` had, in the order of the scores of :meth:`predict_proba`."""
        targets = self._fitted.targets
        if targets is not None and targets.classes is not None:
            return targets.classes
        self._require_trained("classes_")
        raise AttributeError(f"this {type(self).__name__} was not fitted with classes. Call fit(X, y).")

    @property
    def feature_names_in_(self) -> AnyArray:
        """The names of the columns of a data frame, shape (d,); not there for other data."""
        return self._known("feature_names_in_", self._fitted.feature_names)

    @property
    def n_features_in_(self) -> int:
        """The number of columns of the data; not there for data of another shape."""
        shape = self._fitted.row_shape
        return self._known("n_features_in_", shape[0] if shape is not None and len(shape) == 1 else None)

    @property
    def n_samples_seen_(self) -> int:
        """How many rows were trained on since the last :meth:`fit`, by :meth:`partial_fit` and ``update``, too."""
        return self._known("n_samples_seen_", self._fitted.n_rows_seen)

    @property
    def drift_(self) -> Drift:
        """How far the anchors have moved in the last :meth:`update`."""
        return self._known("drift_", self._fitted.drift)

    @property
    def refined_map_(self) -> RefinedMap:
        """The positions of the training rows, and how new rows are placed; of a routine with ``refine=True``."""
        return self._known("refined_map_", self._fitted.refined)

    @property
    def metadata_(self) -> Mapping[str, Any]:
        """What was said when the routine was saved, of one that was loaded; other data drop it."""
        return self._known("metadata_", self._fitted.metadata)

    def _known(self, name: str, value: T | None) -> T:
        if value is None:
            raise AttributeError(f"this {type(self).__name__} has no {name}.")
        return value

    @property
    def _n_features_out(self) -> int:
        """Number of dimensions of the embedding, which for models of users' own only their output tells."""
        shape = self._fitted.row_shape
        if shape is None:
            raise NotTrainedError(f"this {type(self).__name__} is not fitted yet. Call fit(X) first.")
        row = torch.zeros(1, *shape)
        owner = type(self).__name__
        return int(apply_model(self._components, row, "embed", self._fitted, owner=owner, refine=False).shape[1])

    @property
    def history_(self) -> list[dict[str, Any]]:
        """A record of each epoch of the training so far; see :class:`~paradime.training.History`."""
        blocks = self._made_components
        records = [] if blocks is None else blocks.history.records
        if not records:
            raise NotTrainedError(f"this {type(self).__name__} has no history_ before it is fitted. Call fit(X).")
        return records

    def history_frame(self, library: Literal["pandas", "polars"] = "pandas") -> Any:
        """Returns :attr:`history_` as a data frame, one row per epoch.

        Args:
            library: ``"pandas"`` or ``"polars"``.

        Raises:
            NotTrainedError: If nothing is trained yet.
            ImportError: If the library is not installed.

        Example:
            >>> import torch
            >>> from paradime import ParametricMDS
            >>> X = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
            >>> routine = ParametricMDS(epochs=2, batch_size=25, random_state=0).fit(X)
            >>> list(routine.history_frame().columns[:4])
            ['phase', 'epoch', 'loss', 'learning_rate']
        """
        return history_frame(self.history_, library)

    @property
    def validation_indices_(self) -> AnyArray:
        """The numbers of the rows that ``validation_fraction`` held out, ascending."""
        blocks = self._made_components
        rows: AnyArray | None = None if blocks is None else blocks.held_out_indices
        if rows is None and (blocks is None or not blocks.trained):
            raise NotTrainedError(
                f"this {type(self).__name__} has no validation_indices_ before it is fitted. Call fit(X)."
            )
        if rows is None:
            raise AttributeError(f"this {type(self).__name__} has held no rows out: set validation_fraction.")
        return rows

    # -- specifications -------------------------------------------------------------------------------

    @classmethod
    def from_spec(
        cls,
        file_or_spec: str | os.PathLike[str] | Spec,
        model: torch.nn.Module | ModelRecipe | None = None,
        *,
        allow_imports: Iterable[str] = (),
        **settings: Any,
    ) -> Self:
        """Makes a routine from a specification.

        Args:
            file_or_spec: The path of a YAML or JSON file, its text, or its contents as a dict.
            model: A model in place of the one that the specification describes; a fully connected network if
                neither is there.
            allow_imports: Modules or packages from which names such as ``"mine.losses:MyLoss"`` may be imported.
            **settings: Further arguments of the constructor, such as ``random_state`` and ``verbose``.

        Raises:
            SpecificationError: If the specification is wrong; the message has a line for each mistake, which
                starts with the place.
            OSError: If the file cannot be read.
            TypeError: If the constructor does not take a setting.
        """
        return cls(**read_components(cls, file_or_spec, model, allow_imports, settings))

    @overload
    def to_spec(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        format: Literal["yaml", "json"] = ...,
        model: bool = ...,
        allow_imports: Iterable[str] = ...,
    ) -> str: ...

    @overload
    def to_spec(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        format: Literal["dict"],
        model: bool = ...,
        allow_imports: Iterable[str] = ...,
    ) -> dict[str, Any]: ...

    def to_spec(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        format: Literal["yaml", "json", "dict"] = "yaml",  # noqa: A002  what it is
        model: bool = True,
        allow_imports: Iterable[str] = (),
    ) -> str | dict[str, Any]:
        """Writes the routine as a specification: its components, as they are now.

        A routine made from the text trains to the same weights under the same ``random_state``. What is
        learned, data, device and seed are no part of the text.

        Args:
            path: A file to write, too; JSON if its suffix is ``.json``.
            format: ``"yaml"``, ``"json"``, or ``"dict"`` for nested mappings and lists.
            model: Whether to write the section ``model``. Without it the reader passes a model, or gets a fully
                connected network.
            allow_imports: Modules or packages whose classes and functions may be written by their importable
                names, such as ``"mine.losses:MyLoss"``, if they are not registered under a name.

        Returns:
            The text, or the mapping.

        Raises:
            SpecificationError: If a part is not registered under a name, or cannot be written; the message starts
                with the place, and says what to do.
            OSError: If the file cannot be written.

        Example:
            >>> from paradime import ParametricTSNE
            >>> print(ParametricTSNE(perplexity=50).to_spec().splitlines()[0])
            version: 2
        """
        return written(
            self._components,
            path,
            format=format,
            model=model,
            allow_imports=allow_imports,
            refine=is_refinable(self) if self.refine == AUTO else self._refines(),
        )

    # -- files ----------------------------------------------------------------------------------------

    def _parameters_not_saved(self) -> frozenset[str]:
        """Returns the parameters that are data, and are not saved."""
        return self.unsaved_parameters

    def _parameters_as_saved(self) -> dict[str, Any]:
        """Returns the parameters, in the form in which they are saved."""
        return self.get_params()

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        model: bool = True,
        training: bool = True,
        allow_imports: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
        verify: bool = False,
        reference_rows: int | None = None,
    ) -> None:
        """Saves what was learned and how to train further; :func:`paradime.load` reads it.

        Tensors are written as safetensors, all else as JSON; nothing is pickled, and the training data are not
        written, except for those of a refined map (``refine=True``), in a short form. All other attributes are,
        also those of subclasses, but for ``unsaved_attributes``. If the process is killed meanwhile, the path
        holds what was there before, or all that is new. Other files in a folder stay, and so does a model card,
        ``README.md``, that was edited.

        Args:
            path: A folder, which is made if it is missing; or, if it ends in ``".paradime"``, a single file.
            model: Whether to write how the model is made. Without it, whoever loads the routine passes a module.
            training: Whether to write what only training needs. Without it, parts that no text can hold are no
                obstacle, and the routine that is loaded cannot be trained further.
            allow_imports: Modules or packages whose classes may be written by their importable names. Whoever
                loads the routine has to allow them, too.
            metadata: Anything that JSON can hold, such as who trained it on what; read as ``metadata_``.
            verify: Whether to load what is about to be written, and to compare its weights and its embedding of
                some rows with the routine's, before anything is replaced. This finds modules of users whose
                result depends on more than their parameters, buffers and arguments.
            reference_rows: How many training rows of a refined map are written, by which it places others; all if
                ``None``. Some are chosen that cover the others. Fewer make the file smaller, and new rows are
                placed less well (``docs/refining.md`` has figures). Training rows that are not written count as
                new ones.

        Raises:
            NotTrainedError: If the routine is not trained.
            ValueError: If a part cannot be saved, or the verification fails; the message says what, and what to
                do.
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
        from paradime.dr.saving import save

        save(
            self,
            path,
            model=model,
            training=training,
            allow_imports=allow_imports,
            metadata=metadata,
            verify=verify,
            reference_rows=reference_rows,
        )

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
        from paradime.dr.saving import load_as

        return load_as(cls, folder, model=model, allow_imports=allow_imports, device=device)

    @classmethod
    def _from_saved(
        cls,
        saved: Saved,
        *,
        model: torch.nn.Module | None,
        allow_imports: tuple[str, ...],
        device: str | torch.device,
    ) -> Self:
        from paradime.dr.loading import restored

        with torch.random.fork_rng(devices=[]):  # constructors draw weights that are replaced at once
            made: Self = restored(cls, saved, model=model, allow_imports=allow_imports, device=device)
        return made

    def export_onnx(
        self,
        path: str | os.PathLike[str],
        *,
        part: str = "embed",
        refine: bool = True,
        reference_rows: int | None = None,
        opset: int | None = None,
        tolerance: float = 1e-5,
    ) -> None:
        """Writes the model as ONNX, for any number of rows, checked against ONNX Runtime.

        Args:
            path: The file, such as ``"model.onnx"``.
            part: ``"embed"`` for rows to positions, ``"decode"`` for positions to rows, or ``"classify"`` for rows
                to scores of classes (before softmax), or a number in units of its standard deviation.
            refine: Whether rows are embedded in the refined map of a routine that was made with
                ``refine=True``, as by :meth:`transform`, up to rounding; else by the network alone. The file of a
                refined map holds the training rows in a short form. The distance of each row to each of these is
                held in memory: pass some hundred rows at a time.
            reference_rows: As for :meth:`save`.
            opset: The version of ONNX's operators; torch's default if ``None``.
            tolerance: The largest difference from the model that is let through, in units of the largest result,
                or of 1 where that is smaller.

        Raises:
            NotTrainedError: If the routine is not trained.
            MissingLibraryError: If one of onnx, onnxruntime and onnxscript is not installed.
            UnsupportedConfigurationError: If the model has no such part, cannot be written, or differs.
            OSError: If the file cannot be written; one that was there stays as it was.
        """
        from paradime.dr.exporting import export_onnx

        export_onnx(
            self, path, part=part, refine=refine, reference_rows=reference_rows, opset=opset, tolerance=tolerance
        )

    def export_torch(
        self,
        path: str | os.PathLike[str],
        *,
        part: str = "embed",
        refine: bool = True,
        reference_rows: int | None = None,
        tolerance: float = 1e-5,
    ) -> None:
        """Writes the model as a program of ``torch.export``, for any number of rows, checked against the model.

        Args:
            path: The file, such as ``"model.pt2"``; ``torch.export.load(path).module()`` reads it.
            part: As for :meth:`export_onnx`.
            refine: As for :meth:`export_onnx`.
            reference_rows: As for :meth:`save`.
            tolerance: As for :meth:`export_onnx`.

        Raises:
            NotTrainedError: If the routine is not trained.
            UnsupportedConfigurationError: If the model has no such part, cannot be written, or differs.
            OSError: If the file cannot be written; one that was there stays as it was.
        """
        from paradime.dr.exporting import export_torch

        export_torch(self, path, part=part, refine=refine, reference_rows=reference_rows, tolerance=tolerance)

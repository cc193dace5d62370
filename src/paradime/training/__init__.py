"""Training: phases, the trainer that runs them, and callbacks."""

from paradime.training.budget import TrainingBudget, batch_size_for, short_steps_for, steps_for
from paradime.training.callbacks import Callback, ProgressBar, ReportLoss, checked_callbacks, notify
from paradime.training.checkpoints import Checkpoints, find_checkpoint, read_checkpoint
from paradime.training.checks import check_phase, choose_losses, determine_losses, try_losses
from paradime.training.early_stopping import EarlyStopping
from paradime.training.execution import resolve_device
from paradime.training.fingerprint import (
    describe_data,
    describe_model,
    describe_phases,
    describe_relations,
    describe_settings,
    differences,
)
from paradime.training.history import History, history_frame
from paradime.training.inference import apply_in_chunks, apply_to_rows
from paradime.training.live_plot import LivePlot
from paradime.training.phase import TrainingPhase
from paradime.training.schedules import Constant, Cosine, Exponential, Linear, OneCycle, Schedule, Step
from paradime.training.snapshots import Snapshots
from paradime.training.state import HeldOutScores, TrainingState
from paradime.training.tensorboard import TensorBoard
from paradime.training.trainer import Trainer
from paradime.training.validation import Validation
from paradime.training.workspace import Workspace, computation_order

__all__ = [
    "Callback",
    "Checkpoints",
    "Constant",
    "Cosine",
    "EarlyStopping",
    "Exponential",
    "HeldOutScores",
    "History",
    "Linear",
    "LivePlot",
    "OneCycle",
    "ProgressBar",
    "ReportLoss",
    "Schedule",
    "Snapshots",
    "Step",
    "TensorBoard",
    "Trainer",
    "TrainingBudget",
    "TrainingPhase",
    "TrainingState",
    "Validation",
    "Workspace",
    "apply_in_chunks",
    "apply_to_rows",
    "batch_size_for",
    "check_phase",
    "checked_callbacks",
    "choose_losses",
    "computation_order",
    "describe_data",
    "describe_model",
    "describe_phases",
    "describe_relations",
    "describe_settings",
    "determine_losses",
    "differences",
    "find_checkpoint",
    "history_frame",
    "notify",
    "read_checkpoint",
    "resolve_device",
    "short_steps_for",
    "steps_for",
    "try_losses",
]

"""Training: phases, the loop that runs them, and callbacks."""

from paradime.training.callbacks import Callback, ProgressBar, ReportLoss, TrainingState, notify
from paradime.training.checks import check_phase, choose_losses, try_losses
from paradime.training.device import resolve_device
from paradime.training.extent import Extent, batch_size_for, steps_for
from paradime.training.inference import apply_in_chunks
from paradime.training.loop import run_phase
from paradime.training.phase import TrainingPhase
from paradime.training.preparation import computation_order
from paradime.training.schedules import Constant, Cosine, Exponential, Linear, OneCycle, Schedule, Step
from paradime.training.stopping import Stopping
from paradime.training.workspace import Workspace

__all__ = [
    "Callback",
    "Constant",
    "Cosine",
    "Exponential",
    "Extent",
    "Linear",
    "OneCycle",
    "ProgressBar",
    "ReportLoss",
    "Schedule",
    "Step",
    "Stopping",
    "TrainingPhase",
    "TrainingState",
    "Workspace",
    "apply_in_chunks",
    "batch_size_for",
    "check_phase",
    "choose_losses",
    "computation_order",
    "notify",
    "resolve_device",
    "run_phase",
    "steps_for",
    "try_losses",
]

"""Exceptions and warnings of ParaDime; each also is the builtin that a caller would expect to catch.

Example:
    >>> issubclass(NotTrainedError, ValueError)
    True
"""

from sklearn.exceptions import NotFittedError

__all__ = [
    "CUDANotAvailableError",
    "InconsistentVersionWarning",
    "LossNotDeterminedError",
    "MissingLibraryError",
    "ModelFileError",
    "NoDatasetRegisteredError",
    "NotTrainedError",
    "ParaDimeError",
    "RankLostError",
    "RelationsNotComputedError",
    "ScaleWarning",
    "SpecificationError",
    "TrainingDivergedError",
    "UnsupportedConfigurationError",
]


class ParaDimeError(Exception):
    """Common base of all exceptions that ParaDime raises on its own account."""


class NotTrainedError(ParaDimeError, NotFittedError):  # type: ignore[misc]
    """The model was asked to embed before it was trained; also scikit-learn's ``NotFittedError``."""


class RelationsNotComputedError(ParaDimeError, RuntimeError):
    """Relations were read before they were computed."""


class NoDatasetRegisteredError(ParaDimeError, RuntimeError):
    """A step needs data, and the routine has been given none."""


class LossNotDeterminedError(ParaDimeError, KeyError):
    """A training phase names a loss that the routine does not have."""

    def __str__(self) -> str:
        # KeyError would show the repr of the message
        return str(self.args[0]) if self.args else ""


class UnsupportedConfigurationError(ParaDimeError, ValueError):
    """Building blocks were combined in a way that cannot work together."""


class SpecificationError(ParaDimeError, ValueError):
    """A specification is wrong; the message starts with the path of the offending entry."""


class ModelFileError(ParaDimeError, ValueError):
    """A file of a saved model, or of a checkpoint, is damaged, or is none; the message starts with its path."""


class CUDANotAvailableError(ParaDimeError, RuntimeError):
    """CUDA was requested on a machine without a usable CUDA device."""


class MissingLibraryError(ParaDimeError, ImportError):
    """A library that need not be installed is missing; the message says what to install."""


class TrainingDivergedError(ParaDimeError, RuntimeError):
    """The loss became infinite or not a number during training."""


class RankLostError(ParaDimeError, RuntimeError):
    """Another of the processes that train together has ended, or they do not compute the same."""


class ScaleWarning(UserWarning):
    """One column, or few, make up nearly all of the distances between rows, because of their unit."""


class InconsistentVersionWarning(UserWarning):
    """A routine was pickled by another version of ParaDime; files of :meth:`save` are read by later versions."""

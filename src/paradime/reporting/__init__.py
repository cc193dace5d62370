"""Reports on a map: one page from which a second person can say whether to trust it.

Example:
    >>> import numpy as np
    >>> from paradime import ParametricMDS
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> made = report(ParametricMDS(epochs=3, random_state=0).fit(X), X, title="Sixty rows")
    >>> print(repr(made).splitlines()[0])
    Report('Sixty rows')
"""

from paradime.reporting.judging import Verdict
from paradime.reporting.result import Report
from paradime.reporting.scores import Score
from paradime.reporting.writing import report

__all__ = ["Report", "Score", "Verdict", "report"]

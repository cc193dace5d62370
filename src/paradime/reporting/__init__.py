"""Reports: one page that assesses the quality of an embedding, with metrics and pictures.

Example:
    >>> import numpy as np
    >>> from paradime import ParametricMDS
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> sixty = report(ParametricMDS(epochs=3, random_state=0).fit(X), X, title="Sixty rows")
    >>> print(repr(sixty).splitlines()[0])
    Report('Sixty rows')
"""

from paradime.reporting.judging import Verdict
from paradime.reporting.scores import Score
from paradime.reporting.tradeoffs import Tradeoff, tradeoff
from paradime.reporting.writing import Report, report

__all__ = ["Report", "Score", "Tradeoff", "Verdict", "report", "tradeoff"]

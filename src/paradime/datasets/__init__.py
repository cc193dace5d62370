"""Data sets: a bundled sample of forest cover data, and the complete data.

Example:
    >>> from paradime.datasets import load_covertype
    >>> forest = load_covertype()
    >>> forest.data.shape, forest.target_names[0]
    ((7000, 10), 'Spruce/Fir')
"""

from paradime.datasets.covertype import fetch_covertype, load_covertype

__all__ = ["fetch_covertype", "load_covertype"]

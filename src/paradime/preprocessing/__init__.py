"""Preparation of data frames for routines, which take numbers only."""

from paradime.preprocessing.tabular import TabularEncoder

__all__ = ["TabularEncoder"]

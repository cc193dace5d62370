"""Encoding of data frames as numbers."""

from paradime.preprocessing.tabular import TabularEncoder

__all__ = ["TabularEncoder"]

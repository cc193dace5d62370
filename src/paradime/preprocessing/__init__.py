"""Tables of numbers and categories as rows of numbers, which routines take; and readers of tables in files."""

from paradime.preprocessing.pipeline import pipeline_of, save_pipeline
from paradime.preprocessing.tabular import TabularEncoder

__all__ = ["TabularEncoder", "pipeline_of", "save_pipeline"]

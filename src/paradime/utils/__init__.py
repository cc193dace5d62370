"""Helpers: conversion, logging, plotting, seeding.

``plotting`` imports matplotlib only when one of its functions is called.
"""

from paradime.utils import convert, logging, plotting, seed

__all__ = ["convert", "logging", "plotting", "seed"]

"""Optimizers of other packages as algorithms."""

from orion_like.algo.adapters.orion_base import BaseAlgorithm

__all__ = ["BaseAlgorithm"]

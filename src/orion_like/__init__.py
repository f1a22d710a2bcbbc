"""Database-backed hyperparameter optimization with independent workers.

Nothing heavy is imported here: a user script that only reports its results
imports this package in every trial.
"""

from orion_like.version import __version__ as __version__

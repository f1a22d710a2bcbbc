"""Starting a search from what others have found: reading, fitting and keeping their trials."""

from orion_like.experiment.warm_start.preparation import WarmStart, asked_sources, prepare
from orion_like.experiment.warm_start.source import Source, knowledge_source

__all__ = ["Source", "WarmStart", "asked_sources", "knowledge_source", "prepare"]

"""What a person types: the program `orion-like`."""

from orion_like.cli.application import main as main

"""Gaussian-process optimization, one idea a file."""

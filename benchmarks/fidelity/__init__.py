"""Algorithms with a fidelity on simulated learning curves and a simulated clock."""

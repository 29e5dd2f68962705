"""Differentiable rendering of 3D morphable faces, and data sets whose every factor is known."""

__version__ = "0.11.0"

"""Rasterization: which face each sample sees, what is interpolated there, and the picture of it."""

from facegen.raster.contract import Fragments, backend_names, rasterize
from facegen.raster.interpolate import interpolate
from facegen.raster.resolve import resolve

__all__ = ["Fragments", "backend_names", "interpolate", "rasterize", "resolve"]

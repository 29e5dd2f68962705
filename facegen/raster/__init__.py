"""Rasterization: which face each sample sees, what is interpolated there, and the picture of it."""

from facegen.raster.composite import composite, mix
from facegen.raster.contract import Fragments, backend_names, rasterize
from facegen.raster.interpolate import interpolate, interpolate_seen
from facegen.raster.resolve import resolve
from facegen.raster.sight import Sight, in_sight
from facegen.raster.silhouette import follow_silhouettes
from facegen.raster.topology import Topology, topology

__all__ = [
    "Fragments",
    "Sight",
    "Topology",
    "backend_names",
    "composite",
    "follow_silhouettes",
    "in_sight",
    "interpolate",
    "interpolate_seen",
    "mix",
    "rasterize",
    "resolve",
    "topology",
]

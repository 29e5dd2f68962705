"""Rasterizers, one a file; a file's name is the backend's name.

Each defines `rasterize(screen, faces, height, width, *, cull) -> Fragments` under the rules stated
in facegen.raster.contract, and may import its dependency at the top: it is loaded on first use.
"""

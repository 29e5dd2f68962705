"""Analysis by synthesis: the face, pose and light that explain a picture (Blanz & Vetter 1999)."""

from facegen.fit.picture import Picture, read_picture
from facegen.fit.pupils import find_pupils
from facegen.fit.solve import GRADIENTS, Fit, Fitter

__all__ = ["GRADIENTS", "Fit", "Fitter", "Picture", "find_pupils", "read_picture"]

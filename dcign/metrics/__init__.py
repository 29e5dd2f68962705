"""Figures of merit, one file each, as pure functions of arrays.

Codes are (image, unit), factors (image, factor), unless said otherwise. All are fitted on one set
of images and judged on another where something is fitted.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Mask = NDArray[np.bool_]

"""Names for the arrays that modules hand around; shapes are in the docstrings."""

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.integer]
"""Codes of items or users; in lists, best first, -1 stands for no item."""
Positions = NDArray[np.int64]
"""Places among what there is to choose from, such as a user's candidates; -1 is none."""
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]

"""Pictures that several tests look at."""

from __future__ import annotations

from typing import Any

import numpy as np


def stroke(side: int = 28) -> Any:
    """An L, bright on black; no turn or reflection leaves it as it is."""
    picture = np.zeros((side, side), np.uint8)
    unit = side // 14
    picture[2 * unit : 12 * unit, 4 * unit : 6 * unit] = 255
    picture[10 * unit : 12 * unit, 4 * unit : 10 * unit] = 255
    return picture

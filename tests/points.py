"""A function at a point, as the modules below `check` see it."""

import numpy as np

from gradcheck import noise
from gradcheck.differences import Point
from gradcheck.functions import Cost
from gradcheck.parameters import flatten

__all__ = ["point_of"]


def point_of(cost, x, complex_too=True):
    """The point, and the guarded cost that counts its evaluations."""
    layout, flat = flatten(np.asarray(x, dtype=float))
    f = Cost("cost", cost, layout)
    value = f.values(flat[None])
    spacing = layout.spacing(flat)
    return (
        Point(
            f.values,
            flat,
            value,
            noise.measure(f.values, flat, value, spacing=spacing),
            layout.nearest,
            spacing,
            f.complex_values if complex_too else None,
        ),
        f,
    )

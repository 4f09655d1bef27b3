"""P-values of several tests."""

import numpy as np

__all__ = ["SIGNIFICANCE", "holm"]

# The usual level of tests: a smaller p-value is called significant.
SIGNIFICANCE = 0.05


def holm(p: np.ndarray) -> np.ndarray:
    """P-values adjusted for their number (Holm 1979).

    Parameters
    ----------
    p : ndarray of shape (n,)
        The raw p-values.

    Returns
    -------
    adjusted : ndarray of shape (n,)
        The adjusted p-values, at most 1, in the same order.
    """
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1)
    return adjusted

"""Embeddings of numbers as plain arrays: their weights before training, and their outputs.

`skimbalance.networks` has the same embeddings as Keras layers, with the same names of weights.
"""

import numpy as np

from skimbalance.preprocessing._bins import MOST_BINS

__all__ = [
    "LEVEL_UNITS",
    "embed",
    "embed_levels",
    "embedding_width",
    "initial_embedding",
    "initial_levels",
]

# Numbers that stand for a column, and cosines of the periodic embedding.
UNITS = {"piecewise_linear": 4, "periodic": 3}
FREQUENCIES = 16

# Numbers that stand for a level of a category, and their deviation before training: a level with
# few rows stays near zero.
LEVEL_UNITS = 8
LEVEL_DEVIATION = 0.1


def embedding_width(embedding: str | None, n_embedded: int) -> int:
    """Number of outputs of an embedding."""
    return 0 if embedding is None else n_embedded * UNITS[embedding]


def initial_embedding(
    embedding: str, columns: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Weights of an embedding before training.

    Parameters
    ----------
    embedding : {"piecewise_linear", "periodic"}
        Kind of embedding.
    columns : ndarray of shape (n_rows, n_columns)
        Some rows of the embedded inputs: for the piecewise-linear embedding positions, whose
        largest are the numbers of bins.
    rng : Generator
        Source of randomness.

    Returns
    -------
    weights : dict of str to ndarray
        By name.
    """
    n_columns, units = columns.shape[1], UNITS[embedding]
    bias = np.zeros((n_columns, units))
    if embedding == "piecewise_linear":
        n_bins = np.maximum(np.ceil(columns.max(axis=0)), 1)
        kernel = rng.normal(size=(n_columns, MOST_BINS, units)) / np.sqrt(n_bins)[:, None, None]
        return {"embedding/kernel": kernel, "embedding/bias": bias}
    shape = n_columns, FREQUENCIES
    return {
        "embedding/frequency": rng.normal(scale=0.1, size=shape),
        "embedding/phase": rng.uniform(-np.pi, np.pi, shape),
        "embedding/kernel": rng.normal(scale=FREQUENCIES**-0.5, size=(*shape, units)),
        "embedding/bias": bias,
    }


def embed(embedding: str, weights: dict[str, np.ndarray], columns: np.ndarray) -> np.ndarray:
    """Outputs of an embedding, of shape (n_rows, n_columns * units)."""
    kernel, bias = weights["embedding/kernel"], weights["embedding/bias"]
    if embedding == "piecewise_linear":
        values = _interpolated(kernel, columns)
    else:
        angles = columns.T[:, :, None] * weights["embedding/frequency"][:, None]
        codes = np.cos(2 * np.pi * angles + weights["embedding/phase"][:, None])
        values = np.matmul(codes, kernel).transpose(1, 0, 2)
    return np.reshape(values + bias, (len(columns), -1))


def _interpolated(kernel, positions):
    """Values of piecewise-linear functions: those at the edge below, and a share of the step."""
    n_columns, n_bins, units = kernel.shape
    edges = np.cumsum(kernel, axis=1) - kernel
    place = np.minimum(positions.astype(np.intp), n_bins - 1)
    share = (positions - place).astype(kernel.dtype)
    place += np.arange(n_columns) * n_bins
    step = kernel.reshape(-1, units).take(place, axis=0)
    step *= share[:, :, None]
    step += edges.reshape(-1, units).take(place, axis=0)
    return step


def initial_levels(n_codes: tuple[int, ...], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Vectors of the levels of categories before training, by the name of their weight."""
    shape = sum(n_codes), LEVEL_UNITS
    return {"levels/vectors": rng.normal(scale=LEVEL_DEVIATION, size=shape)}


def embed_levels(
    n_codes: tuple[int, ...], weights: dict[str, np.ndarray], codes: np.ndarray
) -> np.ndarray:
    """Vectors of the levels with some codes, of shape (n_rows, n_columns * units)."""
    first = np.cumsum(n_codes) - np.array(n_codes)
    vectors = weights["levels/vectors"].take(codes.astype(int) + first, axis=0)
    return vectors.reshape(len(codes), -1)

"""A multi-layer perceptron as plain arrays: its weights by name, and its outputs in NumPy.

`skimbalance.networks.mlp` builds the same network in Keras, with the same names. Here it can be
started and evaluated where neither Keras nor TensorFlow is imported.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy.special
from joblib import cpu_count
from scipy.special import erf, expit

from skimbalance._fit.embedding import (
    LEVEL_UNITS,
    embed,
    embed_levels,
    embedding_width,
    initial_embedding,
    initial_levels,
)
from skimbalance.metrics._sums import one_blas_thread

__all__ = [
    "ACTIVATIONS",
    "Architecture",
    "check_same_layers",
    "forward",
    "initial_weights",
    "layer_sizes",
    "softmax",
]

# Factors of the learning rate in the NTK parametrisation (Holzmüller et al. 2024,
# arXiv:2407.04491): of the scale layer; and of biases, slopes of the activation and embeddings.
NTK_SCALE_RATE = 6.0
NTK_SMALL_RATE = 0.1
NTK_SMALLEST_DEVIATION = 1e-3

# With more columns than this there are no cosines: they would outgrow the network.
MOST_PERIODIC = 150

# Keras' defaults, which `networks.mlp` leaves alone.
NORMALIZATION_EPSILON = 1e-3

# Rows are computed in blocks whose activations stay in the processor's cache.
BLOCK_ELEMENTS = 2**18

# Multiplications of a product from which on BLAS may share it among its threads. A limit takes
# longer than the products of a single row.
SHARED_PRODUCTS = 2**13

# Multiplications for which a further thread is worth its start.
PRODUCTS_OF_A_THREAD = 2**25

# At most this many rows are computed in float64 and rounded: for few rows it costs nothing, and a
# row's result does not depend on the rows beside it (products differ in the last digit by shape).
FEW_ROWS = 256


@dataclass(frozen=True)
class Architecture:
    """The shape of the network; two networks of one architecture share a compiled program."""

    n_features: int
    n_outputs: int
    hidden_layer_sizes: tuple[int, ...]
    activation: str
    normalization: str | None
    dropout: bool
    embedding: str | None = None
    n_embedded: int = 0
    ntk: bool = False
    n_codes: tuple[int, ...] = ()

    @property
    def n_plain(self):
        """Inputs that are features: neither codes of levels nor positions in bins."""
        n_positions = self.n_embedded if self.embedding == "piecewise_linear" else 0
        return self.n_features - len(self.n_codes) - n_positions

    @property
    def n_dense(self):
        """Inputs of the first dense layer: the embeddings, and the inputs that are features."""
        of_numbers = embedding_width(self.embedding, self.n_embedded)
        return of_numbers + LEVEL_UNITS * len(self.n_codes) + self.n_plain

    @property
    def changes_inputs(self):
        """Whether the first dense layer sees other numbers than the network."""
        return bool(self.n_embedded or self.n_codes or self.ntk)

    def dense_layers(self):
        """Name, inputs and outputs of each dense layer."""
        sizes = [self.n_dense, *self.hidden_layer_sizes, self.n_outputs]
        names = [*(f"hidden_{i}" for i in range(len(self.hidden_layer_sizes))), "logits"]
        return list(zip(names, sizes[:-1], sizes[1:], strict=True))

    def cut(self, rows):
        """The inputs that are embedded as numbers, as levels, and those that are features."""
        features, codes, positions = np.split(
            rows, [self.n_plain, self.n_plain + len(self.n_codes)], axis=1
        )
        is_binned = self.embedding == "piecewise_linear"
        return positions if is_binned else features[:, : self.n_embedded], codes, features

    def for_inputs(self, encoder):
        """The network for the outputs of an encoder; it embeds nothing if no column can be."""
        n_embedded = {
            None: 0,
            "piecewise_linear": encoder.n_binned,
            "periodic": encoder.n_numbers if encoder.n_numbers <= MOST_PERIODIC else 0,
        }[self.embedding]
        return replace(
            self,
            n_features=encoder.n_outputs,
            n_embedded=n_embedded,
            embedding=self.embedding if n_embedded else None,
            n_codes=encoder.n_codes,
        )

    def initial_weights(self, rng, bias, some_rows=None):
        """Weights before training.

        `bias`, if given, holds the biases of the output layer; ``some_rows(rng)`` gives rows of
        the network's inputs, which an embedding and the NTK parametrisation start from.
        """
        weights = initial_weights(self, rng)
        rows = np.zeros((1, self.n_features))
        if some_rows is not None and (self.n_embedded or self.ntk):
            rows = some_rows(rng)
        if self.n_embedded:
            weights |= initial_embedding(str(self.embedding), self.cut(rows)[0], rng)
        if self.n_codes:
            weights |= initial_levels(self.n_codes, rng)
        if self.ntk:
            with one_blas_thread():
                weights |= ntk_weights(self, weights, rows, rng)
        if bias is not None:
            weights["logits/bias"] = bias
        return weights

    def decays(self, name):
        """Whether weight decay applies to a weight: not to biases; a number is a factor of it."""
        of_embedding = name.startswith(("embedding/", "levels/")) and not name.endswith("bias")
        if of_embedding and self.ntk:
            return NTK_SMALL_RATE
        return of_embedding or name.endswith("kernel")

    def rate(self, name):
        """Factor of the learning rate of a weight, in the NTK parametrisation."""
        layer, kind = name.split("/")
        if layer == "scale":
            return NTK_SCALE_RATE
        if kind == "kernel" and layer != "embedding":
            return 1.0 / np.sqrt(next(n for other, n, _ in self.dense_layers() if other == layer))
        return NTK_SMALL_RATE

    def forward(self, weights, X, center=None, scale=None):
        """Logits of rows, see the function `forward`."""
        return forward(self, weights, X, center, scale)


def layer_sizes(sizes):
    """The units of each hidden layer, given as an int or a sequence of them.

    Raises
    ------
    ValueError
        If a size is not a positive integer.
    """
    units = tuple(sizes) if np.ndim(sizes) else (sizes,)
    if not all(isinstance(n, int | np.integer) and n >= 1 for n in units):
        raise ValueError(
            "The 'hidden_layer_sizes' parameter of ImbalancedMLPClassifier must be an int or a "
            f"sequence of ints in the range [1, inf). Got {sizes!r} instead."
        )
    return tuple(int(n) for n in units)


def check_same_layers(architecture, previous):
    """Check that a fit that continues another has the same layers; the dropout rate may change.

    Raises
    ------
    ValueError
        If the layers differ.
    """
    if replace(previous, dropout=True) != replace(architecture, dropout=True):
        raise ValueError(
            "With warm_start or partial_fit, the network must have the same layers as in the "
            f"previous fit: {previous}. Got {architecture} instead."
        )


def initial_weights(architecture, rng):
    """Weights of a network before training, by Keras' names and rules.

    Kernels are uniform in ``+-sqrt(6 / (inputs + outputs))`` (Glorot & Bengio 2010).

    Returns
    -------
    weights : dict of str to ndarray
        "hidden_0/kernel" of shape (inputs, outputs), "hidden_0/bias", "norm_0/gamma", ...
    """
    weights = {}
    for i, (name, inputs, outputs) in enumerate(architecture.dense_layers()):
        limit = np.sqrt(6.0 / (inputs + outputs))
        weights[f"{name}/kernel"] = rng.uniform(-limit, limit, (inputs, outputs))
        weights[f"{name}/bias"] = np.zeros(outputs)
        if architecture.normalization is not None and name != "logits":
            weights[f"norm_{i}/gamma"] = np.ones(outputs)
            weights[f"norm_{i}/beta"] = np.zeros(outputs)
            if architecture.normalization == "batch":
                weights[f"norm_{i}/moving_mean"] = np.zeros(outputs)
                weights[f"norm_{i}/moving_variance"] = np.ones(outputs)
        if architecture.activation == "parametric_selu" and name != "logits":
            weights[f"activation_{i}/slope"] = np.ones(outputs)
    return weights


def ntk_weights(architecture, weights, rows, rng):
    """Kernels and biases before training in the NTK parametrisation, and those of its scale layer.

    A kernel ``W / sqrt(inputs)`` has entries of W from N(0, 1), and a neuron's pre-activation has
    the deviation 1 over `rows`; biases are from N(0, 1), and the output layer starts at 0.
    (Jacot et al. 2018, arXiv:1806.07572; Holzmüller et al. 2024, arXiv:2407.04491.)
    """
    found = {"scale/scale": np.ones(architecture.n_dense)}
    x = _inputs(architecture, {**weights, **found}, rows.astype(np.float64))
    for i, (name, inputs, outputs) in enumerate(architecture.dense_layers()):
        if name == "logits":
            found[f"{name}/kernel"] = np.zeros((inputs, outputs))
            break
        kernel = rng.normal(size=(inputs, outputs)) / np.sqrt(inputs)
        kernel /= np.maximum((x @ kernel).std(axis=0), NTK_SMALLEST_DEVIATION)
        bias = rng.normal(size=outputs)
        found[f"{name}/kernel"], found[f"{name}/bias"] = kernel, bias
        x = _activation(architecture, weights, i)(x @ kernel + bias)
    return found


def forward(architecture, weights, X, center=None, scale=None):
    """Logits of rows, in blocks.

    Parameters
    ----------
    architecture : Architecture
        Shape of the network.
    weights : dict of str to ndarray
        As `initial_weights` gives them.
    X : ndarray of shape (n_samples, n_features)
        Raw rows.
    center, scale : ndarray of shape (n_features,), default=None
        Mean and deviation of the columns: the layers see ``(X - center) / scale``, computed in
        float64 where X is.

    Returns
    -------
    logits : ndarray of shape (n_samples, n_outputs)
        In the dtype of the weights.
    """
    dtype = weights["logits/kernel"].dtype
    largest = len(X) * max(n * m for _, n, m in architecture.dense_layers())
    with nullcontext() if largest < SHARED_PRODUCTS else one_blas_thread():
        if len(X) <= FEW_ROWS:
            rows = X if center is None else (X - center) / scale
            layers = _layers(architecture, weights, np.float64, len(X))
            return _apply(layers, rows.astype(np.float64)).astype(dtype, copy=False)
        if center is not None and not architecture.changes_inputs:
            first = architecture.dense_layers()[0][0]
            center, weights = _fold_standardization(center, scale, weights, first, X.dtype)
            scale = None
        return _in_blocks(architecture, weights, X, center, scale, dtype)


def _in_blocks(architecture, weights, X, center, scale, dtype):
    """Logits of many rows, in blocks that do not depend on the number of threads."""
    layer_sizes = *architecture.hidden_layer_sizes, architecture.n_outputs
    widest = max(architecture.n_dense, *layer_sizes)
    size = min(len(X), max(FEW_ROWS, BLOCK_ELEMENTS // widest))
    starts = range(0, len(X), size)
    logits = np.empty((len(X), architecture.n_outputs), dtype)

    def fill(some):
        layers = _layers(architecture, weights, dtype, size)
        for start in some:
            rows = X[start : start + size]
            if center is not None:
                rows = np.subtract(rows, center, dtype=center.dtype)
            if scale is not None:
                rows = rows / scale
            logits[start : start + size] = _apply(layers, rows.astype(dtype, copy=False))

    n_products = len(X) * sum(n * m for _, n, m in architecture.dense_layers())
    n_threads = min(len(starts), 1 + n_products // PRODUCTS_OF_A_THREAD)
    if n_threads > 1:  # counting the cores takes as long as a small product
        n_threads = min(n_threads, cpu_count())
    if n_threads == 1:
        fill(starts)
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(fill, (starts[i::n_threads] for i in range(n_threads))))
    return logits


def _fold_standardization(center, scale, weights, first, X_dtype):
    """Center to subtract from rows in their own dtype, and weights that standardise the rest.

    Let center = c + d, where c is rounded to that dtype (at least to float32). Rows minus c are as
    exact as the rows are. The small remainder d is constant and goes into the first bias, the
    scale into the first kernel.
    """
    floating = X_dtype if X_dtype.kind == "f" else np.float64
    rounded = center.astype(np.result_type(floating, np.float32))
    kernel = weights[f"{first}/kernel"].astype(np.float64) / scale[:, np.newaxis]
    bias = weights[f"{first}/bias"] - (center - rounded) @ kernel
    return rounded, {**weights, f"{first}/kernel": kernel, f"{first}/bias": bias}


def softmax(logits):
    """Probabilities of logits, in float64, so that rows sum to 1 in the last digit."""
    logits = logits.astype(np.float64, copy=False)
    if logits.shape[1] == 2:
        proba = np.empty_like(logits)
        difference = logits[:, 1] - logits[:, 0]
        expit(-difference, out=proba[:, 0])
        expit(difference, out=proba[:, 1])
        return proba
    return scipy.special.softmax(logits, axis=1)


def _layers(architecture, weights, dtype, most_rows):
    """The network as a list of functions from rows to rows."""
    weights = {name: value.astype(dtype, copy=False) for name, value in weights.items()}
    layers: list[Callable[[np.ndarray], np.ndarray]] = []
    if architecture.changes_inputs:
        layers.append(partial(_inputs, architecture, weights))
    for i, (name, _, _) in enumerate(architecture.dense_layers()):
        layers.append(_Dense(weights[f"{name}/kernel"], weights[f"{name}/bias"], most_rows))
        if name == "logits":
            break
        if architecture.normalization == "batch":
            variance = weights[f"norm_{i}/moving_variance"] + NORMALIZATION_EPSILON
            factor = weights[f"norm_{i}/gamma"] / np.sqrt(variance)
            shift = weights[f"norm_{i}/beta"] - factor * weights[f"norm_{i}/moving_mean"]
            layers.append(partial(_affine, factor.astype(dtype), shift.astype(dtype)))
        elif architecture.normalization == "layer":
            gamma, beta = weights[f"norm_{i}/gamma"], weights[f"norm_{i}/beta"]
            layers.append(partial(_layer_normalize, gamma, beta))
        layers.append(_activation(architecture, weights, i))
    return layers


def _inputs(architecture, weights, rows):
    """Inputs of the first dense layer."""
    if architecture.n_embedded or architecture.n_codes:
        columns, codes, features = architecture.cut(rows)
        parts = [features]
        if architecture.n_codes:
            parts.insert(0, embed_levels(architecture.n_codes, weights, codes))
        if architecture.n_embedded:
            parts.insert(0, embed(architecture.embedding, weights, columns))
        rows = np.concatenate(parts, axis=1)
    return rows * weights["scale/scale"] if architecture.ntk else rows


def _activation(architecture, weights, i):
    if architecture.activation == "parametric_selu":
        return partial(_parametric_selu, weights[f"activation_{i}/slope"])
    return ACTIVATIONS[architecture.activation]


def _apply(layers, rows):
    for layer in layers:
        rows = layer(rows)
    return rows


class _Dense:
    """A dense layer with a buffer for its outputs: a new array for each block is slow.

    The time goes into page faults.
    """

    def __init__(self, kernel, bias, most_rows):
        self._kernel, self._bias = kernel, bias
        self._buffer = np.empty((most_rows, len(bias)), kernel.dtype)

    def __call__(self, x):
        out = np.matmul(x, self._kernel, out=self._buffer[: len(x)])
        out += self._bias
        return out


def _affine(factor, shift, x):
    x *= factor
    x += shift
    return x


def _layer_normalize(gamma, beta, x):
    x -= x.mean(axis=1, keepdims=True)
    x /= np.sqrt(np.square(x).mean(axis=1, keepdims=True) + NORMALIZATION_EPSILON)
    return _affine(gamma, beta, x)


def _elu(x, alpha=1.0):
    # In place: a new array for each step takes four times as long.
    negative = np.minimum(x, 0)
    np.expm1(negative, out=negative)
    negative *= alpha
    return np.add(np.maximum(x, 0, out=x), negative, out=x)


# Klambauer et al. 2017, arXiv:1706.02515: alpha and scale that keep mean 0 and variance 1.
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _selu(x):
    x = _elu(x, _SELU_ALPHA)
    x *= _SELU_SCALE
    return x


def _parametric_selu(slope, x):
    linear = x.copy()
    x = _selu(x)
    x -= linear
    x *= slope
    x += linear
    return x


def _gelu(x):
    return (0.5 * x * (1.0 + erf(x * np.sqrt(0.5)))).astype(x.dtype, copy=False)


#: Keras' name -> function of an array that it may overwrite.
ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0, out=x),
    "leaky_relu": lambda x: np.maximum(x, 0.2 * x, out=x),
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "silu": lambda x: x * expit(x),
    "softplus": lambda x: np.logaddexp(x, 0, out=x),
    "tanh": lambda x: np.tanh(x, out=x),
    "sigmoid": lambda x: expit(x, out=x),
    "linear": lambda x: x,
}

"""Layers for tables: embeddings of numbers, a scale of each input, and a learnt activation."""

import math
from typing import Any

import keras
from keras import ops

__all__ = [
    "BINS",
    "Cut",
    "LevelEmbedding",
    "ParametricSELU",
    "PeriodicEmbedding",
    "PiecewiseLinearEmbedding",
    "Scale",
]

#: Bins of the piecewise-linear embedding, at most.
BINS = 32


class _TableLayer(keras.layers.Layer):
    """A layer that works on each row alone; padding passes through it."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True


@keras.saving.register_keras_serializable("skimbalance")
class PiecewiseLinearEmbedding(_TableLayer):
    """A piecewise-linear function of each number, learnt for each column [1]_.

    A number comes as its position among the edges of its column's bins: ``t + s`` if it is in bin
    ``t = 0, 1, ...``, at the share ``s`` of the way through it. Its code is
    ``clip(position - [0, 1, ..., bins - 1], 0, 1)``, which a linear map of the column's own turns
    into `units` numbers.

    Parameters
    ----------
    units : int, default=4
        Numbers that stand for each column.
    bins : int, default=32
        Number of bins of a column, at most.
    **kwargs
        Arguments of `keras.layers.Layer`.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko. "On Embeddings for Numerical Features in Tabular
       Deep Learning." NeurIPS 2022. arXiv:2203.05556

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.networks import PiecewiseLinearEmbedding
    >>> PiecewiseLinearEmbedding(units=4)(np.zeros((10, 3))).shape
    TensorShape([10, 12])
    """

    def __init__(self, units: int = 4, bins: int = BINS, **kwargs: Any):
        super().__init__(**kwargs)
        self.units, self.bins = units, bins

    def build(self, input_shape: Any) -> None:
        """Make a kernel and a bias for each column."""
        n_columns = input_shape[-1]
        self.kernel = self.add_weight(
            shape=(n_columns, self.bins, self.units),
            initializer=keras.initializers.RandomNormal(stddev=self.bins**-0.5, seed=0),
            name="kernel",
        )
        self.bias = self.add_weight(shape=(n_columns, self.units), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """Embedding of (batch, n_columns) positions, of shape (batch, n_columns * units)."""
        first = ops.arange(self.bins, dtype=inputs.dtype)
        codes = ops.clip(ops.expand_dims(ops.transpose(inputs), -1) - first, 0.0, 1.0)
        return _flat(ops.matmul(codes, self.kernel), self.bias)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Shape of the outputs."""
        return (*input_shape[:-1], input_shape[-1] * self.units)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        return {**super().get_config(), "units": self.units, "bins": self.bins}


@keras.saving.register_keras_serializable("skimbalance")
class PeriodicEmbedding(_TableLayer):
    """Cosines of each number, in frequencies that are learnt for each column [1]_ [2]_.

    The cosines ``cos(2 pi w x + b)`` are mapped to `units` numbers by a linear map of the column's
    own.

    Parameters
    ----------
    units : int, default=3
        Numbers that stand for each column.
    frequencies : int, default=16
        Cosines of each column.
    **kwargs
        Arguments of `keras.layers.Layer`.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko. "On Embeddings for Numerical Features in Tabular
       Deep Learning." NeurIPS 2022. arXiv:2203.05556
    .. [2] D. Holzmüller, L. Grinsztajn, I. Steinwart. "Better by Default: Strong Pre-Tuned MLPs and
       Boosted Trees on Tabular Data." NeurIPS 2024. arXiv:2407.04491

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.networks import PeriodicEmbedding
    >>> PeriodicEmbedding(units=3)(np.zeros((10, 2))).shape
    TensorShape([10, 6])
    """

    def __init__(self, units: int = 3, frequencies: int = 16, **kwargs: Any):
        super().__init__(**kwargs)
        self.units, self.frequencies = units, frequencies

    def build(self, input_shape: Any) -> None:
        """Make frequencies, phases, a kernel and a bias for each column."""
        n_columns = input_shape[-1]
        normal, uniform = keras.initializers.RandomNormal, keras.initializers.RandomUniform
        shape = (n_columns, self.frequencies)
        self.frequency = self.add_weight(
            shape=shape, initializer=normal(stddev=0.1, seed=0), name="frequency"
        )
        self.phase = self.add_weight(
            shape=shape, initializer=uniform(-math.pi, math.pi, seed=0), name="phase"
        )
        self.kernel = self.add_weight(
            shape=(*shape, self.units),
            initializer=normal(stddev=self.frequencies**-0.5, seed=0),
            name="kernel",
        )
        self.bias = self.add_weight(shape=(n_columns, self.units), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """Embedding of (batch, n_columns) numbers, of shape (batch, n_columns * units)."""
        column = ops.expand_dims(ops.transpose(inputs), -1)
        frequency, phase = ops.expand_dims(self.frequency, 1), ops.expand_dims(self.phase, 1)
        return _flat(
            ops.matmul(ops.cos(2 * math.pi * frequency * column + phase), self.kernel), self.bias
        )

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Shape of the outputs."""
        return (*input_shape[:-1], input_shape[-1] * self.units)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        return {**super().get_config(), "units": self.units, "frequencies": self.frequencies}


def _flat(by_column, bias):
    """Numbers (n_columns, batch, units) plus a bias, as (batch, n_columns * units)."""
    n_columns, units = bias.shape
    rows = ops.reshape(ops.transpose(by_column, (1, 0, 2)), (-1, n_columns * units))
    return rows + ops.reshape(bias, (-1,))


@keras.saving.register_keras_serializable("skimbalance")
class LevelEmbedding(_TableLayer):
    """A vector for each level of some categories.

    Parameters
    ----------
    n_codes : sequence of int
        Number of levels of each column, which come as the codes 0 to ``n_codes - 1``.
    units : int, default=8
        Length of the vectors.
    **kwargs
        Arguments of `keras.layers.Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.networks import LevelEmbedding
    >>> LevelEmbedding([50, 400])(np.array([[49.0, 0.0]])).shape
    TensorShape([1, 16])
    """

    def __init__(self, n_codes: Any, units: int = 8, **kwargs: Any):
        super().__init__(**kwargs)
        self.n_codes, self.units = tuple(n_codes), units

    def build(self, input_shape: Any) -> None:
        """Make a vector for each level."""
        self.vectors = self.add_weight(
            shape=(sum(self.n_codes), self.units),
            initializer=keras.initializers.RandomNormal(stddev=0.1, seed=0),
            name="vectors",
        )

    def call(self, inputs: Any) -> Any:
        """Vectors of (batch, n_columns) codes, of shape (batch, n_columns * units)."""
        first = [sum(self.n_codes[:i]) for i in range(len(self.n_codes))]
        places = ops.cast(inputs, "int32") + ops.convert_to_tensor(first, "int32")
        vectors = ops.take(self.vectors, places, axis=0)
        return ops.reshape(vectors, (-1, len(self.n_codes) * self.units))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Shape of the outputs."""
        return (*input_shape[:-1], len(self.n_codes) * self.units)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        return {**super().get_config(), "n_codes": self.n_codes, "units": self.units}


@keras.saving.register_keras_serializable("skimbalance")
class Cut(_TableLayer):
    """The inputs from `start` to `stop`."""

    def __init__(self, start: int, stop: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.start, self.stop = start, stop

    def call(self, inputs: Any) -> Any:
        """These inputs."""
        return inputs[:, self.start : self.stop]

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Shape of the outputs."""
        return (*input_shape[:-1], self.stop - self.start)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make the same layer."""
        return {**super().get_config(), "start": self.start, "stop": self.stop}


@keras.saving.register_keras_serializable("skimbalance")
class Scale(_TableLayer):
    """Multiplies each input by a number that is learnt, and starts at 1.

    With a large learning rate it finds out which columns matter (Holzmüller et al. 2024,
    arXiv:2407.04491).

    Parameters
    ----------
    **kwargs
        Arguments of `keras.layers.Layer`.

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.networks import Scale
    >>> Scale()(np.ones((1, 2))).numpy().tolist()
    [[1.0, 1.0]]
    """

    def build(self, input_shape: Any) -> None:
        """Make a factor for each input."""
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")

    def call(self, inputs: Any) -> Any:
        """The scaled inputs."""
        return inputs * self.scale


@keras.saving.register_keras_serializable("skimbalance")
class ParametricSELU(_TableLayer):
    """SELU, as far as each neuron wants it: ``x + slope * (selu(x) - x)``, the slope learnt.

    It starts at SELU [1]_, with a slope of 1; at 0 the neuron is linear [2]_.

    Parameters
    ----------
    **kwargs
        Arguments of `keras.layers.Layer`.

    References
    ----------
    .. [1] G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter. "Self-Normalizing Neural
       Networks." NeurIPS 2017. arXiv:1706.02515
    .. [2] D. Holzmüller, L. Grinsztajn, I. Steinwart. "Better by Default: Strong Pre-Tuned MLPs and
       Boosted Trees on Tabular Data." NeurIPS 2024. arXiv:2407.04491

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.networks import ParametricSELU
    >>> f"{ParametricSELU()(np.ones((1, 1))).numpy()[0, 0]:.4f}"
    '1.0507'
    """

    def build(self, input_shape: Any) -> None:
        """Make a slope for each neuron."""
        self.slope = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="slope")

    def call(self, inputs: Any) -> Any:
        """The activations."""
        return inputs + self.slope * (ops.selu(inputs) - inputs)

"""Networks that return logits for each step of a sequence."""

import keras

from skimbalance.networks._parts import dense, dropped, layer_seeds

__all__ = ["bilstm_tagger", "conv1d_tagger"]


def bilstm_tagger(
    n_outputs: int,
    *,
    n_tokens: int | None = None,
    n_features: int | None = None,
    embedding_dim: int = 32,
    units: int = 64,
    n_layers: int = 1,
    dropout: float = 0.0,
    seed: int | None = None,
) -> keras.Model:
    """Bidirectional LSTM that returns logits for each step of a sequence.

    Each step sees the whole sequence, before and after it [1]_ [2]_. The sequences of a batch are
    padded to one length. Padding is recognised by its value and ignored: the logits of the other
    steps do not depend on it, and as the logits carry Keras' mask, padding has no loss in Keras'
    `fit`. The logits at the padding itself are meaningless.

    Parameters
    ----------
    n_outputs : int
        Number of logits for each step: one for each class.
    n_tokens : int, default=None
        Number of token values if steps are tokens, that is integers: tokens are 1 to
        ``n_tokens - 1``, and 0 is padding. Give either this or `n_features`.
    n_features : int, default=None
        Length of the vectors if steps are vectors of numbers; a vector of zeros is padding.
    embedding_dim : int, default=32
        Length of the vector that is learnt for each token; ignored if steps are vectors.
    units : int, default=64
        Units of each layer in each direction.
    n_layers : int, default=1
        Number of bidirectional layers.
    dropout : float in [0, 1), default=0.0
        Share of the outputs of each layer that training drops.
    seed : int, default=None
        Seed of the initial weights and of the dropout; by default Keras draws one.

    Returns
    -------
    model : keras.Model
        Model that maps (batch, time) int32, or (batch, time, n_features), to logits
        (batch, time, n_outputs), for any number of steps; not compiled.

    Raises
    ------
    ValueError
        If both `n_tokens` and `n_features` are given, or neither.

    See Also
    --------
    conv1d_tagger : Each step sees a few steps to each side; faster.

    References
    ----------
    .. [1] S. Hochreiter, J. Schmidhuber. "Long Short-Term Memory." Neural Computation 9(8), 1997.
       doi:10.1162/neco.1997.9.8.1735
    .. [2] A. Graves, J. Schmidhuber. "Framewise Phoneme Classification with Bidirectional LSTM
       and Other Neural Network Architectures." Neural Networks 18(5-6), 2005.
       doi:10.1016/j.neunet.2005.06.042

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.networks import bilstm_tagger
    >>> model = bilstm_tagger(5, n_tokens=100, units=8, seed=0)
    >>> tuple(model(np.array([[7, 3, 99], [12, 0, 0]])).shape)
    (2, 3, 5)
    """
    seeds = layer_seeds(seed)
    inputs, x, _ = _steps("bilstm_tagger", n_tokens, n_features, embedding_dim, seeds)
    for i in range(n_layers):
        # Both directions are given: from one Keras would make the other with the same seeds, and
        # both would start with the same weights.
        forward = _lstm(x.shape, units, seeds, f"forward_{i}")
        backward = _lstm(x.shape, units, seeds, f"backward_{i}", go_backwards=True)
        x = keras.layers.Bidirectional(forward, backward_layer=backward, name=f"bilstm_{i}")(x)
        x = dropped(x, dropout, next(seeds), f"dropout_{i}")
    outputs = dense(n_outputs, next(seeds), "logits")(x)
    return keras.Model(inputs, outputs, name="bilstm_tagger")


def conv1d_tagger(
    n_outputs: int,
    *,
    n_tokens: int | None = None,
    n_features: int | None = None,
    embedding_dim: int = 32,
    filters: int = 64,
    kernel_size: int = 5,
    n_layers: int = 2,
    dropout: float = 0.0,
    seed: int | None = None,
) -> keras.Model:
    """Residual convolutions over time that return logits for each step of a sequence.

    A dense layer maps each step to `filters` numbers. Each layer ``i = 0, 1, ...`` adds
    ``dropout(relu(convolution(x)))`` to its input ``x``, with a dilation of ``2**i`` [1]_ [2]_.
    So a step sees ``(kernel_size - 1) (2**n_layers - 1) / 2`` steps to each side: 6 by default,
    126 with six layers. Padding is treated as in `bilstm_tagger`.

    Parameters
    ----------
    n_outputs : int
        Number of logits for each step: one for each class.
    n_tokens : int, default=None
        Number of token values if steps are tokens, that is integers: tokens are 1 to
        ``n_tokens - 1``, and 0 is padding. Give either this or `n_features`.
    n_features : int, default=None
        Length of the vectors if steps are vectors of numbers; a vector of zeros is padding.
    embedding_dim : int, default=32
        Length of the vector that is learnt for each token; ignored if steps are vectors.
    filters : int, default=64
        Number of outputs of each convolution.
    kernel_size : int, default=5
        Number of steps, ``2**i`` apart, that a convolution sees; odd to see as far ahead as back.
    n_layers : int, default=2
        Number of convolutions.
    dropout : float in [0, 1), default=0.0
        Share of the outputs of each convolution that training drops.
    seed : int, default=None
        Seed of the initial weights and of the dropout; by default Keras draws one.

    Returns
    -------
    model : keras.Model
        Model that maps (batch, time) int32, or (batch, time, n_features), to logits
        (batch, time, n_outputs), for any number of steps; not compiled.

    Raises
    ------
    ValueError
        If both `n_tokens` and `n_features` are given, or neither.

    See Also
    --------
    bilstm_tagger : Each step sees the whole sequence.

    References
    ----------
    .. [1] E. Strubell, P. Verga, D. Belanger, A. McCallum. "Fast and Accurate Entity Recognition
       with Iterated Dilated Convolutions." EMNLP 2017. doi:10.18653/v1/D17-1283
    .. [2] S. Bai, J. Z. Kolter, V. Koltun. "An Empirical Evaluation of Generic Convolutional and
       Recurrent Networks for Sequence Modeling." 2018. arXiv:1803.01271

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.networks import conv1d_tagger
    >>> model = conv1d_tagger(5, n_tokens=100, filters=8, seed=0)
    >>> tuple(model(np.array([[7, 3, 99], [12, 0, 0]])).shape)
    (2, 3, 5)
    """
    seeds = layer_seeds(seed)
    inputs, x, mask = _steps("conv1d_tagger", n_tokens, n_features, embedding_dim, seeds)
    x = dense(filters, next(seeds), "projection")(x)
    real = keras.ops.cast(keras.ops.expand_dims(mask, -1), x.dtype)
    for i in range(n_layers):
        # The product with `real` drops Keras' mask, of which a convolution would warn.
        y = keras.layers.Multiply(name=f"unpadded_{i}")([x, real])
        y = keras.layers.Conv1D(
            filters,
            kernel_size,
            padding="same",
            dilation_rate=2**i,
            activation="relu",
            kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
            name=f"conv_{i}",
        )(y)
        y = dropped(y, dropout, next(seeds), f"dropout_{i}")
        # The sum restores the mask that Keras' losses read: it masks a step if both terms do, and
        # `y` is zero, hence masked, at every masked step of `x`.
        y = keras.layers.Multiply(name=f"real_{i}")([y, real])
        x = keras.layers.Add(name=f"sum_{i}")([x, keras.layers.Masking(name=f"mask_{i}")(y)])
    outputs = dense(n_outputs, next(seeds), "logits")(x)
    return keras.Model(inputs, outputs, name="conv1d_tagger")


def _steps(owner, n_tokens, n_features, embedding_dim, seeds):
    """Input of sequences; their steps as vectors, with Keras' mask; and the mask itself."""
    if (n_tokens is None) == (n_features is None):
        raise ValueError(
            f"One of the 'n_tokens' and 'n_features' parameters of {owner} must be an int and the "
            f"other None. Got n_tokens={n_tokens!r} and n_features={n_features!r} instead."
        )
    if n_features is None:
        inputs = keras.Input((None,), dtype="int32", name="tokens")
        initializer = keras.initializers.RandomUniform(seed=next(seeds))
        layer = keras.layers.Embedding(
            n_tokens,
            embedding_dim,
            mask_zero=True,
            embeddings_initializer=initializer,
            name="embedding",
        )
    else:
        inputs = keras.Input((None, n_features), name="features")
        layer = keras.layers.Masking(name="masking")
    return inputs, layer(inputs), layer.compute_mask(inputs)


def _lstm(input_shape, units, seeds, name, **options):
    layer = keras.layers.LSTM(
        units,
        return_sequences=True,
        kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
        recurrent_initializer=keras.initializers.Orthogonal(seed=next(seeds)),
        # For the dropout within the layer, which is unused but has a generator all the same.
        seed=0,
        name=name,
        **options,
    )
    # Built before `Bidirectional` takes it, as in a clone of the network: else the paths of its
    # weights would contain that layer's name here and not in the clone.
    layer.build(input_shape)
    return layer

"""From the estimator's choices to Keras objects and compiled programs.

Imported only when something is trained or a Keras model is asked for.
"""

import json
import re
from functools import cache, partial

import keras
import numpy as np
import tensorflow as tf

from skimbalance._engine import gathering
from skimbalance._engine.hooks import Hooks, has_batch_hooks
from skimbalance._engine.job import Job, Rows
from skimbalance._engine.keras_fit import compile_anew, train_by_keras
from skimbalance._engine.memory import free_memory
from skimbalance._engine.optimizers import OPTIMIZERS, KerasOptimizer
from skimbalance._engine.program import Program, paths, program_for
from skimbalance._engine.stack import train_alone
from skimbalance._targets import Labels, Steps
from skimbalance.losses import LABEL_LOSSES, LOSSES, Crossentropy
from skimbalance.networks import mlp

__all__ = ["Perceptron", "keras_loss", "loss_and_optimizer", "train"]

#: Losses that go by a name here.
NAMED = {*LOSSES, *LABEL_LOSSES}

# Keras' names of the cross-entropy, which is one function here whatever form targets have.
CROSSENTROPIES = {
    "crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "binary_crossentropy",
}


class Perceptron:
    """The multi-layer perceptron as `train` takes networks.

    Parameters
    ----------
    fitted : skimbalance._preparation.Fitted
        Its shape and weights.
    dropout : float
        Rate.
    labels : bool, default=False
        Whether its outputs are labels that each hold or do not.

    Attributes
    ----------
    key : hashable
        Networks of equal keys share a compiled program.
    by_keras : str or None
        Why Keras' own `fit` has to train it, if so.
    has_single_output : bool
        Whether a loss of one's own is for one output of two classes.
    """

    by_keras = None
    has_single_output = False
    names = staticmethod(paths)
    to_logits = staticmethod(lambda outputs: outputs)
    pack = staticmethod(lambda X: X[0])

    def __init__(self, fitted, dropout, labels=False):
        self._fitted, self._dropout, self._labels = fitted, dropout, labels
        self.key = fitted.network

    @staticmethod
    def decays(name):
        """Whether weight decay is for a weight: not for biases."""
        return name.endswith("kernel")

    def logits_network(self):
        """A Keras network to logits, of which only the shape matters."""
        return _network(self._fitted.network, 0.5)

    def noise(self, seed):
        """Rate and seed of each dropout layer, as `CounterDropout` keeps them."""
        n_layers = len(self._fitted.network.hidden_layer_sizes)
        state = {}
        for i, of_layer in enumerate(np.random.default_rng(seed).integers(2**32, size=n_layers)):
            state[f"dropout_{i}/rate"] = self._dropout
            state[f"dropout_{i}/seed"] = of_layer
            state[f"dropout_{i}/step"] = 0
        return state

    def models(self):
        """The model that callbacks see, from raw rows to probabilities, and the one to train."""
        model = self.model()
        return model, keras.Model(model.inputs, model.get_layer("logits").output)

    def model(self):
        """The fitted network as a plain Keras model from raw rows to probabilities."""
        fitted = self._fitted
        network = _network(fitted.network, self._dropout)
        # Fresh layers: each then has one place, and "logits" one output.
        layers = [type(layer).from_config(layer.get_config()) for layer in network.layers[1:]]
        if fitted.center is not None:
            variance = np.square(fitted.scale)
            standardize = keras.layers.Normalization(
                mean=fitted.center, variance=variance, name="standardize"
            )
            layers = [standardize, *layers]
        if self._labels:
            layers.append(keras.layers.Activation("sigmoid", name="probabilities"))
        else:
            layers.append(keras.layers.Softmax(name="probabilities"))
        x = inputs = keras.Input((fitted.network.n_features,), name="features")
        for layer in layers:
            x = layer(x)
        model = keras.Model(inputs, x, name="imbalanced_mlp")
        for variable in model.variables:
            if variable.path in fitted.weights:
                variable.assign(fitted.weights[variable.path])
        return model


def train(plan, network):
    """Train a planned fit: by a compiled program, or where that cannot be by Keras' `fit`.

    Parameters
    ----------
    plan : skimbalance._preparation.Plan
        All else.
    network : object
        As `Perceptron`.

    Returns
    -------
    result : skimbalance._engine.job.Result
        Its `path` says what trained it.
    """
    params, start = plan.params, plan.start
    callbacks = _as_list(params.callbacks)
    by_keras = network.by_keras or _why_by_keras(callbacks, plan.rows)
    loss = _mean_loss(params.loss, plan.target, network.has_single_output)
    job = Job(
        program=None if by_keras else _program(network, plan, loss),
        weights={**start.weights, **network.noise(plan.noise_seed)},
        rows=_rows(plan.rows, plan.loss_weight, start),
        order=plan.order,
        first_epoch=plan.first_epoch,
        epochs=plan.epochs,
        batch_size=plan.batch_size,
        learning_rates=_planned_rates(plan),
        weight_decay=plan.weight_decay,
        arguments=plan.arguments,
        slots=start.slots,
        validation=plan.held_out and _rows(plan.held_out, plan.held_out_loss_weight, start),
        score=plan.target.monitors.get(params.monitor),
        score_weight=plan.held_out and _score_weight(plan),
        monitor=params.monitor,
        metrics=getattr(params, "metrics", None),
        patience=params.n_iter_no_change,
        tol=params.tol,
        deferred_until=plan.deferred_until,
        early_weight=plan.early_weight if plan.deferred_until else None,
        verbose=params.verbose,
    )
    try:
        return _train(job, network, plan, callbacks, by_keras, loss[0])
    finally:
        for callback in callbacks:
            # It is a parameter, of which a copy, or a pickle, would hold the model.
            callback._model = None


def _train(job, network, plan, callbacks, by_keras, mean_loss):
    if by_keras:
        model, trained = network.models()
        _compile(model, plan, network)
        variables = network.names(model)
        result = train_by_keras(
            job,
            model,
            trained,
            variables,
            callbacks,
            mean_loss,
            network.to_logits,
            network.pack,
            stream=not _fits_in_memory(plan.rows),
        )
        result.path = f"Keras' own fit: {by_keras}"
        return result
    if not callbacks:
        return gathering.train(job)
    model, _ = network.models()
    _compile(model, plan, network)
    return train_alone(job, Hooks(model, network.names(model), callbacks, plan.epochs))


def _program(network, plan, mean_loss):
    """The compiled program, shared by all fits that differ only in numbers."""
    loss, loss_key = mean_loss
    make_optimizer, optimizer_key = _optimizer(plan.params.optimizer)
    rank = plan.target.rank

    def build():
        return Program(
            network.logits_network(),
            loss,
            make_optimizer,
            plan.arguments,
            target_rank=rank,
            names=network.names,
            decays=network.decays,
        )

    return program_for((network.key, type(plan.target), loss_key, optimizer_key), build)


def _compile(model, plan, network):
    """Give the model that callbacks see, or Keras' own `fit` trains, an optimizer."""
    optimizer = plan.params.optimizer
    if isinstance(optimizer, str):
        optimizer = keras.optimizers.get(optimizer)
        optimizer.weight_decay = plan.weight_decay or None
        spared = [name for name in ("bias", "gamma", "beta") if not network.decays(name)]
        if plan.weight_decay and spared:
            optimizer.exclude_from_weight_decay(var_names=spared)
    else:
        optimizer = _with_settable_rate(optimizer)
    compile_anew(model, optimizer)


def _rows(data, weight, start):
    """Rows for the engine: a step that is masked has some class, and weighs nothing."""
    y = np.maximum(data.y, 0)
    return Rows(data.X, data.index, y, weight, start.center, start.scale, data.lengths)


def _score_weight(plan):
    """Weights of the held-out rows, or of their steps, in the score."""
    held_out = plan.held_out
    if not isinstance(plan.target, Steps):
        return held_out.weight
    return np.where(held_out.y >= 0, held_out.weight[:, None], 0.0)


def _as_list(callbacks):
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]


def _why_by_keras(callbacks, rows):
    """Why Keras' own `fit` has to train, whatever the network; None if it has not."""
    if any(map(has_batch_hooks, callbacks)):
        return "a callback has hooks around batches"
    if not _fits_in_memory(rows):
        return "the rows take more than half of the free memory"
    return None


def _fits_in_memory(rows):
    """Whether the rows fit into half of the memory that is free."""
    itemsize = np.dtype(keras.config.floatx()).itemsize
    of_row = sum(int(np.prod(X.shape[1:])) for X in rows.X)
    return len(rows.index) * of_row * itemsize <= free_memory() / 2


def _planned_rates(plan):
    """Function of (first step, number of steps) to the learning rate of each."""
    optimizer, learning_rate = plan.params.optimizer, plan.params.learning_rate
    schedule = None if plan.partial else plan.params.learning_rate_schedule
    total_steps = plan.epochs * -(-len(plan.rows.y) // plan.batch_size)
    if not isinstance(optimizer, str):
        own = optimizer.get_config()["learning_rate"]
        if isinstance(own, dict):
            schedule = keras.saving.deserialize_keras_object(own)
        else:
            learning_rate = own
    if schedule is None:
        return lambda first, n: np.full(n, learning_rate)
    if schedule == "cosine":
        # Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts.
        return lambda first, n: (
            0.5 * learning_rate * (1.0 + np.cos(np.pi * np.arange(first, first + n) / total_steps))
        )
    if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return lambda first, n: np.array([float(schedule(i)) for i in range(first, first + n)])
    rates = tf.function(
        lambda steps: tf.map_fn(lambda s: tf.cast(schedule(s), tf.float32), steps),
        input_signature=[tf.TensorSpec([None], tf.float32)],
    )
    return lambda first, n: rates(np.arange(first, first + n, dtype=np.float32)).numpy()


def _network(architecture, dropout):
    return mlp(
        architecture.n_features,
        architecture.n_outputs,
        hidden_layer_sizes=architecture.hidden_layer_sizes,
        activation=architecture.activation,
        normalization=architecture.normalization,
        dropout=dropout if architecture.dropout else 0.0,
        seed=0,
    )


def _mean_loss(loss, target, is_single=False):
    """Mean loss of a batch as a function of (targets, logits, weight, arguments), and a key.

    The weights of a row's labels or steps are within the row's loss: its mean over labels, its
    sum over steps.
    """
    of_labels = isinstance(target, Labels)
    if loss == "soft_f1":
        return partial(_mean_soft_f1, (LABEL_LOSSES if of_labels else LOSSES)[loss]), loss
    if isinstance(loss, str) and of_labels:
        return partial(_mean_of_labels, LABEL_LOSSES[loss]), loss
    if isinstance(loss, str):
        values, key = partial(LOSSES[loss], from_logits=True), loss
    else:
        values = _values_of_keras_loss(loss, of_labels, is_single)
        # A plain function has no config: it is its own key.
        key = _key(loss) if isinstance(loss, keras.losses.Loss) else loss

    def mean(y, logits, weight, arguments):
        weighted = weight * values(y, logits, **arguments)
        return tf.reduce_mean(tf.reduce_sum(weighted, axis=-1) if target.rank else weighted)

    def mean_of_labels(y, logits, weight, arguments):
        # Without class weights, all labels of a row weigh the same.
        return tf.reduce_mean(weight[:, 0] * values(y, logits))

    return mean_of_labels if of_labels else mean, key


def _mean_soft_f1(function, y, logits, weight, arguments):
    return function(y, logits, sample_weight=weight, from_logits=True)


def _mean_of_labels(function, y, logits, weight, arguments):
    return tf.reduce_mean(function(y, logits, label_weight=weight, from_logits=True, **arguments))


def _values_of_keras_loss(loss, of_labels, is_single):
    """Values of a Keras loss, or of a function, given the targets and outputs that it expects.

    Keras' sparse losses and those of this package take class indices, all others one-hot
    targets, of a model with a single output 0 or 1, or indicators of labels; a loss without
    `from_logits` takes probabilities.
    """
    is_loss = isinstance(loss, keras.losses.Loss)
    name = type(loss).__name__ if is_loss else getattr(loss, "__name__", "")
    takes_indices = "sparse" in name.lower() or type(loss).__module__.startswith("skimbalance.")
    takes_logits = is_loss and loss.get_config().get("from_logits", False)

    is_single &= not takes_indices

    def values(y, logits):
        if is_single:
            y, logits = y[..., None], logits[..., 1:] - logits[..., :1]
        to_proba = tf.nn.sigmoid if of_labels or is_single else tf.nn.softmax
        output = logits if takes_logits else to_proba(logits)
        if of_labels or is_single:
            targets = tf.cast(y, output.dtype)
        else:
            targets = y if takes_indices else tf.one_hot(y, output.shape[-1], dtype=output.dtype)
        return loss.call(targets, output) if is_loss else loss(targets, output)

    return values


def keras_loss(loss):
    """What scikeras, and a build function, is told of a loss: one of Keras' by what it is called.

    Of a loss that Keras does not know it gets a stand-in, by which it is recognised.
    """
    return Crossentropy(name=f"asked_for_{loss}") if loss in NAMED else loss


def loss_and_optimizer(params, built, owner):
    """Set the loss and the optimizer that the parameters, or the compiled model, ask for.

    Parameters
    ----------
    params : namespace
        Of the estimator; changed.
    built : object
        ``model``, ``loss`` and ``optimizer`` as scikeras made them.
    owner : str
        Name of the estimator, for errors.

    Returns
    -------
    takes_logits : bool or None
        Whether the compiled loss takes logits; None where it does not say.
    """
    model = built.model
    compiled = model.loss if model.compiled else None
    if isinstance(compiled, list | tuple | dict) and len(compiled) == 1:
        (compiled,) = compiled.values() if isinstance(compiled, dict) else compiled
    asked = params.loss if params.loss in NAMED else _common_name(built.loss)
    if compiled is None or compiled is built.loss:
        params.loss, takes_logits = asked or "crossentropy", None
    else:
        if asked is not None and _called(compiled) != _called(asked):
            raise ValueError(
                f"The model of {owner} must not be compiled with another loss than the 'loss' "
                f"parameter asks for, {_called(asked)!r}: leave compiling out, or compile with "
                f"compile_kwargs['loss']. Got a model compiled with {_called(compiled)!r}."
            )
        params.loss = _common_name(compiled) if asked is None else asked
        takes_logits = _from_logits(compiled)
    optimizer = model.optimizer if model.compiled else built.optimizer
    asked = [name for name in vars(params) if name.startswith("optimizer__")]
    if optimizer is not built.optimizer and asked:
        raise ValueError(
            f"The model of {owner} must not be compiled with an optimizer of its own where there "
            f"are parameters for one: leave compiling out, or compile with "
            f"compile_kwargs['optimizer']. Got {asked!r}, which would have no effect."
        )
    name = _plain_name(optimizer)
    params.learning_rate, params.learning_rate_schedule, params.weight_decay = 1e-3, None, 0.0
    params.optimizer = optimizer if name is None else name
    if name is not None:
        params.weight_decay = optimizer.weight_decay or 0.0
        rate = optimizer.get_config()["learning_rate"]
        if isinstance(rate, dict):
            params.learning_rate_schedule = keras.saving.deserialize_keras_object(rate)
        else:
            params.learning_rate = rate
    return takes_logits


def _common_name(loss):
    """A loss; Keras' forms of the cross-entropy, which are one here, by that name."""
    if isinstance(loss, str):
        name = loss
    elif isinstance(loss, keras.losses.Loss):
        plain = {"from_logits", "name", "reduction", "dtype", "axis", "ignore_class"}
        config = {k: v for k, v in loss.get_config().items() if k not in plain}
        name = _called(loss) if type(loss).__module__.startswith("keras") else None
        name = None if any(config.values()) else name
    else:
        name = getattr(loss, "__name__", None)
        if not getattr(loss, "__module__", "").startswith("keras"):
            name = None
    if name in CROSSENTROPIES:
        return "crossentropy"
    return keras.losses.get(loss) if isinstance(loss, str) and loss not in NAMED else loss


def _called(loss):
    """The name of a loss, to compare and to print."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return "crossentropy" if name in CROSSENTROPIES else name


def _from_logits(loss):
    if isinstance(loss, keras.losses.Loss):
        return loss.get_config().get("from_logits")
    return False if _called(loss) == "crossentropy" else None


def _optimizer(optimizer):
    """Maker of an engine optimizer from (names, shapes), and a key."""
    if isinstance(optimizer, str):
        return lambda names, shapes: OPTIMIZERS[optimizer](), OPTIMIZERS[optimizer].__name__

    def make(names, shapes):
        return KerasOptimizer(_with_settable_rate(optimizer), names, shapes)

    return make, _key(optimizer)


def _plain_name(optimizer):
    """The name of the optimizer of ours that a Keras one is, but for rate and decay; else None."""
    for name in OPTIMIZERS:
        kind, plain = _plain_config(name)
        if type(optimizer) is kind:
            free = {"learning_rate", "name", "weight_decay"}
            config = optimizer.get_config()
            same = all(config[key] == plain[key] for key in config if key not in free)
            return name if same and not hasattr(optimizer, "_exclude_from_weight_decay") else None
    return None


@cache
def _plain_config(name):
    """Class and config of a Keras optimizer with its defaults."""
    plain = keras.optimizers.get(name)
    return type(plain), plain.get_config()


def _with_settable_rate(optimizer):
    """A fresh copy whose learning rate is a number, whatever schedule the original has."""
    return type(optimizer).from_config({**optimizer.get_config(), "learning_rate": 1e-3})


def _key(part):
    """What tells two losses or optimizers apart: class and config (the rate is an argument)."""
    config = {k: v for k, v in part.get_config().items() if k != "learning_rate"}
    return type(part), json.dumps(config, sort_keys=True, default=repr)

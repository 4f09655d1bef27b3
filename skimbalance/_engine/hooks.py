"""Keras callbacks' epoch hooks around the compiled epochs."""

import keras

BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)


def has_batch_hooks(callback):
    """Whether a callback wants to be called around every batch."""
    return any(
        hook in vars(callback) or getattr(type(callback), hook) is not getattr(_Base, hook)
        for hook in BATCH_HOOKS
    )


_Base = keras.callbacks.Callback


class Hooks:
    """Calls a list of callbacks with a compiled Keras model that holds the current weights.

    Each method takes the weights, by the names of `variables`, shows them to the callbacks through
    the model, and returns them as the callbacks left them.
    """

    def __init__(self, model, variables, callbacks, epochs):
        self._model = model
        self._variables = variables
        self._callbacks = keras.callbacks.CallbackList(
            callbacks, model=model, epochs=epochs, verbose=0
        )
        self._optimizer = model.optimizer
        #: Factor by which callbacks changed the planned learning rate.
        self.rate_factor = 1.0
        self._planned_rate = float(self._optimizer.learning_rate)

    @property
    def stop(self):
        """Whether a callback asked to stop."""
        return self._model.stop_training

    def train_begin(self, weights):
        self._model.stop_training = False
        return self._call(weights, self._callbacks.on_train_begin)

    def epoch_begin(self, weights, epoch, planned_rate):
        self._planned_rate = planned_rate
        self._optimizer.learning_rate = planned_rate * self.rate_factor
        return self._call(weights, self._callbacks.on_epoch_begin, epoch - 1)

    def epoch_end(self, weights, epoch, logs):
        return self._call(weights, self._callbacks.on_epoch_end, epoch - 1, logs)

    def train_end(self, weights):
        return self._call(weights, self._callbacks.on_train_end)

    def _call(self, weights, hook, *args):
        shown = {name: self._variables[name] for name in weights if name in self._variables}
        for name, variable in shown.items():
            variable.assign(weights[name])
        shown_rate = float(self._optimizer.learning_rate)
        hook(*args)
        rate = float(self._optimizer.learning_rate)
        if rate != shown_rate and self._planned_rate > 0:
            self.rate_factor = rate / self._planned_rate
        return {name: variable.numpy() for name, variable in shown.items()}

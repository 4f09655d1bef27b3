"""The classifier: a Keras multi-layer perceptron for imbalanced data, in scikit-learn's form."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from skimbalance._fit.estimator import TableClassifier
from skimbalance._fit.loss_parameters import LABEL_LOSS_PARAMS, LOSS_PARAMS
from skimbalance._fit.perceptron import ACTIVATIONS, architecture_of
from skimbalance._fit.plan import ORDERS
from skimbalance._fit.targets import Labels
from skimbalance._validation import HasMethods, Interval, StrOptions
from skimbalance.metrics._monitors import MONITORS

__all__ = ["ImbalancedMLPClassifier"]


class ImbalancedMLPClassifier(TableClassifier):
    """Multi-layer perceptron with weights, losses, sampling and stopping for rare classes.

    A Keras network trained by a compiled engine: a fit of a shape of network that was trained
    before costs no tracing, and a fitted classifier predicts without TensorFlow. It learns
    classes that exclude each other, or, given an indicator matrix, labels of which several may
    hold: the latter by a sigmoid each, and nothing is mixed across labels.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(128, 64)
        Units of each hidden layer; empty for a linear model.

    activation : str, default="relu"
        Of the hidden layers: "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus",
        "tanh", "sigmoid" or "linear".

    dropout : float in [0, 1), default=0.0
        Share of the hidden activations dropped in training.

    normalization : {None, "batch", "layer"}, default=None
        Normalization before each activation.

    weight_decay : float, default=None
        Decoupled weight decay [1]_ of the kernels (not of biases), a rate: each step takes off
        ``learning_rate * weight_decay`` of them. None is 0.004 for "adamw", as in Keras, and 0
        for the others. A Keras optimizer keeps its own, and this one comes on top.

    standardize : bool, default=True
        Whether the columns are standardised inside the network, by mean and deviation of the
        training rows, so that raw columns train well.

    loss : str, Keras loss or callable, default="crossentropy"
        "crossentropy", "focal", "logit_adjusted", "ldam", "vector_scaling", "poly1",
        "generalized", "expected_cost" or "soft_f1", see `skimbalance.losses`; a
        `keras.losses.Loss`; or a function of (one-hot targets, probabilities) to one value a
        row. Labels have "crossentropy", "focal", "asymmetric", "distribution_balanced" and
        "soft_f1".

    gamma : float, default=2.0
        Focusing of loss="focal": larger turns further away from rows that are already right.
        Other losses ignore it.

    alpha : float, "balanced", dict or array-like, default=None
        Class weights inside loss="focal". A float weighs the second of two classes (having a
        label), and ``1 - alpha`` the first (not having it). Together with `class_weight` it
        corrects twice, and warns.

    tau : float, default=1.0
        Strength of "logit_adjusted" and "vector_scaling"; other losses ignore it.

    loss_params : dict, default=None
        Further parameters of the loss: "max_margin", "scale" and "deferred" (the fraction of
        the epochs before class weights switch on) of "ldam", "gamma" of "vector_scaling",
        "epsilon" of "poly1", "q" of "generalized", "cost_matrix" of "expected_cost";
        "gamma_pos", "gamma_neg" and "margin" of "asymmetric", "alpha", "beta", "mu", "kappa",
        "scale" and "gamma" of "distribution_balanced".

    class_weight : None, "balanced", float in [0, 1], "effective", dict or array-like, \
default="balanced"
        See `skimbalance.class_weight.compute_class_weight`. A float is the power of the
        inverse class frequency, made for a grid: 0 is none, 1 is "balanced". Schemes count the
        rows as training draws them, so that after balanced sampling "balanced" adds nothing. Of
        labels, the rows with and without each are weighed by the scheme; one's own weights are a
        dict {0: without, 1: with} for all labels, or a list of a dict, or pair, for each.

    sampling : str or imbalanced-learn sampler, default="shuffle"
        "shuffle"; "stratified": every batch holds each class in its share; "balanced": every
        batch holds all classes equally, redrawn each epoch; or a sampler, fitted on the
        training rows only, after held-out rows were split off. Of labels, rows are told apart by
        the rarest that they have; samplers do not take them.

    output_bias : {"prior", None}, default="prior"
        Whether the output layer starts at the class shares that training sees, and not at
        zero.

    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or Keras optimizer, default="adam"
        A Keras optimizer brings its own learning rate.

    learning_rate : float, default=1e-3
        Step size.

    learning_rate_schedule : "cosine", Keras schedule or function, default=None
        "cosine" falls to zero over the epochs; a Keras schedule, or a function, maps the number
        of steps taken to the rate. `partial_fit`, which has no end, keeps `learning_rate`.

    batch_size : int or "auto", default="auto"
        Most rows of a batch; an epoch is cut into batches of nearly equal size. "auto" is the
        power of two from 32 to 1024 that gives some 64 batches.

    epochs : int, default=100
        Passes over the training rows, at most.

    early_stopping : bool or "auto", default="auto"
        Whether to hold out rows and stop when `monitor` no longer gets better. "auto" does
        where the rarest class then gives at least 10 held-out rows (with fewer, the score is
        noise, and the rows are worth more in training), and not where all classes have equally
        many rows: then a sampler stands before it in a pipeline, and its copies or inventions
        would be held out. ``sampling=SMOTE()`` inside the classifier has no such trouble.

    monitor : str, default="loss"
        What is judged on the held-out rows: "loss", weighted as in training; or, at the
        natural class shares, "balanced_accuracy", "f1_macro", "mcc", "geometric_mean",
        "average_precision" or "roc_auc" (both one against the rest for more than two classes),
        "f1_rare" (the mean F1 of all classes but the most frequent). Of labels, the mean over
        them, without "f1_rare".

    validation_fraction : float in (0, 1), default=0.1
        Share of each class that is held out for early stopping; of labels by iterative
        stratification, see `skimbalance.sampling.iterative_split`.

    n_iter_no_change : int, default=10
        Epochs without improvement before training stops.

    tol : float, default=1e-4
        Least change of the monitor that is an improvement.

    warm_start : bool, default=False
        Whether `fit` goes on from the weights, and the standardisation, of the fit before.

    callbacks : Keras callback or list of them, default=None
        Called around training and each epoch with a Keras model that holds the current
        weights. A callback with hooks around batches makes training take Keras' own slower
        `fit`.

    random_state : int, RandomState instance or None, default=None
        Of the initial weights, the held-out rows, the order of rows, sampling and dropout. The
        same value gives the same bits.

    verbose : int, default=0
        1 shows a progress bar with epoch, loss and monitor.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; 0 to n_labels - 1 where y is an indicator of labels.
    n_features_in_ : int
        Columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where X had any.
    class_counts_ : ndarray of shape (n_classes,), or (n_labels, 2)
        Rows of each class, weighted by `sample_weight`; `partial_fit` adds up. Of labels, rows
        without and with each.
    class_prior_ : ndarray of shape (n_classes,), or (n_labels, 2)
        Their shares.
    class_weight_ : dict, or list of dict
        Weight of each class, by label; the mean weight of a training row is 1. Of labels, a dict
        {0: without, 1: with} each.
    fit_path_ : str
        "compiled", or that Keras' own fit trained and why.
    history_ : dict of str to list
        One value an epoch: "loss" and, with held-out rows, "val_loss" and "val_" + monitor.
    n_iter_ : int
        Epochs trained.
    best_epoch_ : int
        Epoch, counted from 1, whose weights were kept.
    loss_ : float
        Training loss of that epoch.
    model_ : keras.Model
        The network as a plain Keras model from raw rows to probabilities, built when asked
        for; "logits" names its last layer but one.

    See Also
    --------
    skimbalance.losses : The losses, for any Keras model.
    sklearn.neural_network.MLPClassifier : Without weights for classes.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter. "Decoupled Weight Decay Regularization." ICLR 2019.
       arXiv:1711.05101

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.model_selection import cross_val_score
    >>> from skimbalance import ImbalancedMLPClassifier
    >>> X, y = make_classification(500, weights=[0.9], class_sep=2.0, random_state=0)
    >>> clf = ImbalancedMLPClassifier(loss="focal", epochs=20, random_state=0)
    >>> bool(cross_val_score(clf, X, y, scoring="f1_macro").mean() > 0.8)
    True
    """

    _parameter_constraints = {
        "hidden_layer_sizes": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "normalization": [StrOptions({"batch", "layer"}), None],
        "weight_decay": [Interval(Real, 0, None, closed="left"), None],
        "standardize": ["boolean"],
        "loss": [StrOptions({*LOSS_PARAMS, *LABEL_LOSS_PARAMS}), callable],
        "gamma": [Interval(Real, 0, None, closed="left")],
        "alpha": [Interval(Real, 0, 1, closed="both"), StrOptions({"balanced"}), dict,
                  "array-like", None],
        "tau": [Interval(Real, 0, None, closed="left")],
        "loss_params": [dict, None],
        "class_weight": [Interval(Real, 0, 1, closed="both"),
                         StrOptions({"balanced", "effective"}), dict, "array-like", None],
        "sampling": [StrOptions(set(ORDERS)), HasMethods("fit_resample")],
        "output_bias": [StrOptions({"prior"}), None],
        "optimizer": [StrOptions({"adam", "adamw", "sgd", "rmsprop"}),
                      HasMethods(["apply", "get_config"])],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [StrOptions({"cosine"}), callable, None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "monitor": [StrOptions({"loss", *MONITORS})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "callbacks": [list, tuple, HasMethods("on_epoch_end"), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }  # fmt: skip

    def __init__(
        self,
        hidden_layer_sizes=(128, 64),
        *,
        activation="relu",
        dropout=0.0,
        normalization=None,
        weight_decay=None,
        standardize=True,
        loss="crossentropy",
        gamma=2.0,
        alpha=None,
        tau=1.0,
        loss_params=None,
        class_weight="balanced",
        sampling="shuffle",
        output_bias="prior",
        optimizer="adam",
        learning_rate=1e-3,
        learning_rate_schedule=None,
        batch_size="auto",
        epochs=100,
        early_stopping="auto",
        monitor="loss",
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        callbacks=None,
        random_state=None,
        verbose=0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.normalization = normalization
        self.weight_decay = weight_decay
        self.standardize = standardize
        self.loss = loss
        self.gamma = gamma
        self.alpha = alpha
        self.tau = tau
        self.loss_params = loss_params
        self.class_weight = class_weight
        self.sampling = sampling
        self.output_bias = output_bias
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.monitor = monitor
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None):
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows: numbers, finite.
        y : array-like of shape (n_samples,), or indicator of shape (n_samples, n_labels)
            Class labels; or which labels hold, 0 or 1, dense or sparse.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, on top of `class_weight`; 2 is the row twice, 0 is
            without it.

        Returns
        -------
        self : ImbalancedMLPClassifier
            Fitted.

        Raises
        ------
        ValueError
            If a parameter or the data break a rule, or training diverges.
        """
        resume = self.warm_start and hasattr(self, "_fitted")
        return self._fit(X, y, sample_weight, resume=resume)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train one epoch on a part of the data, with class counts that add up over the parts.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of this part.
        y : array-like of shape (n_samples,), or indicator of shape (n_samples, n_labels)
            Their class labels.
        classes : array-like of shape (n_classes,), default=None
            All the class labels; needed in the first call, but not for an indicator.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.

        Returns
        -------
        self : ImbalancedMLPClassifier
            Fitted.

        Raises
        ------
        ValueError
            If `classes` is missing in the first call, or a part has other labels.
        """
        resume = self._goes_on(y, classes)
        return self._fit(X, y, sample_weight, resume=resume, classes=classes, partial=True)

    @property
    def model_(self):
        """The network as a plain Keras model, from raw rows to probabilities.

        A new one each time it is asked for, with the layers of `skimbalance.networks.mlp`
        between a Normalization and a Softmax (of labels, a sigmoid) layer.
        """
        check_is_fitted(self)
        from skimbalance._keras.perceptron import Perceptron

        return Perceptron(self._fitted, self.dropout, isinstance(self._target, Labels)).model()

    def _read_rows(self, X, y, *, reset, multi_output):
        X, y = validate_data(self, X, y, reset=reset, dtype="numeric", multi_output=multi_output)
        return (X,), y

    def _network(self, params, data, previous):
        n_features = data.X[0].shape[1]
        previous = previous and previous.network
        return architecture_of(params, n_features, self._target.n_outputs, previous)

    def _train(self, plan):
        from skimbalance._keras.perceptron import Perceptron
        from skimbalance._keras.training import train

        labels = isinstance(self._target, Labels)
        return train(plan, Perceptron(plan.start, self.dropout, labels))

    def _logits(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype="numeric")
        with np.errstate(over="ignore", invalid="ignore"):
            logits = self._fitted.forward(X)
        return self._finite_logits(logits, X)

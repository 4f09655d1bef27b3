"""The classifier: a Keras multi-layer perceptron for imbalanced data, in scikit-learn's form."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self, Unpack

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from skimbalance._fit.checkpoint import check_checkpoint
from skimbalance._fit.data import StreamedData
from skimbalance._fit.estimator import OwnRows, TableClassifier
from skimbalance._fit.parameters import RateParameters, set_shared, shares
from skimbalance._fit.perceptron import (
    ACTIVATIONS,
    Architecture,
    check_same_layers,
    layer_sizes,
)
from skimbalance._fit.settings import Settings
from skimbalance._keras_private import check_tensorflow
from skimbalance._validation import (
    Interval,
    StrOptions,
    check_one_input,
    numeric_rows,
    table_rows,
)
from skimbalance.preprocessing._encoder import LARGEST
from skimbalance.preprocessing._reader import TableReader, as_table, is_table

__all__ = ["RECIPE", "ImbalancedMLPClassifier"]

#: Parameters of a network that does well on tables: ``ImbalancedMLPClassifier(**RECIPE)``. Those in
#: an `ImbalancedEnsembleClassifier` have them.
RECIPE: dict[str, Any] = {
    "hidden_layer_sizes": (128, 128),
    "activation": "parametric_selu",
    "dropout": 0.15,
    "numeric_embedding": "piecewise_linear",
    "parametrization": "ntk",
    "standardize": "robust",
    "class_weight": None,
    "optimizer": "adamw",
    "learning_rate": 0.04,
    "learning_rate_schedule": "coslog4",
    "weight_decay": 0.02,
    "ema_momentum": 0.99,
    "epochs": "auto",
    "n_iter_no_change": "auto",
    "tol": 0.0,
}

# How scikit-learn reads rows; whether they are finite is checked later, in one sentence.
ROWS = {"dtype": "numeric", "ensure_all_finite": False, "accept_sparse": "csr"}


@shares(RateParameters)
class ImbalancedMLPClassifier(TableClassifier):
    """Multi-layer perceptron with weights, losses, sampling and stopping for rare classes.

    A Keras network, trained by a compiled engine: networks of the same shape share a compiled
    program, and a fitted classifier predicts without TensorFlow. It learns classes that exclude
    each other or, if y is a label indicator matrix, several labels for each row: each label has
    its own sigmoid output and its own weights in the loss.

    X is an array or a DataFrame of numbers, booleans (as 0 and 1), text and categories, with
    missing values. A missing number becomes the median of its column; if the training rows lacked
    some, the network also sees a flag of them. A category becomes a one-hot column for each of the
    30 most frequent levels with at least 2 training rows, one for missing values, and one for
    rarer levels and those that are new at prediction. Dates are refused. A sparse X is made dense
    a few batches at a time; its numbers, of which none may be missing, are divided by their
    deviations and not centered.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(128, 64)
        Units of each hidden layer; empty for a linear model.

    activation : str, default="relu"
        Activation of the hidden layers: "relu", "leaky_relu", "elu", "selu", "gelu", "silu",
        "softplus", "tanh", "sigmoid" or "linear"; or "parametric_selu", SELU with a learnt slope,
        see `skimbalance.networks.ParametricSELU`.

    dropout : float in [0, 1), default=0.0
        Share of the hidden activations dropped in training.

    normalization : {None, "batch", "layer"}, default=None
        Normalization before each activation.

    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Which columns of X are categories. "from_dtype": the columns of a DataFrame with text or
        of the type category, and the columns of an array of objects with text. A mask with a
        boolean for each column, or positions, or names in a DataFrame: these columns, also if
        they hold numbers. None: no columns. All other columns must hold numbers or booleans, which
        may have the type category.

    numeric_embedding : {None, "piecewise_linear", "periodic"}, default=None
        What each number becomes beside itself: a learnt piecewise-linear function of its position
        in bins, or learnt cosines, see `skimbalance.networks.PiecewiseLinearEmbedding` and
        `PeriodicEmbedding`. Columns of at most two values have no bins, nor has any column if more
        than 150 others have.

    bins : {"supervised", "quantile"}, default="supervised"
        Up to 32 bins of each column for the piecewise-linear embedding: the leaves of a decision
        tree on this column alone, learnt on the training rows of the fit; or quantiles.

    parametrization : {"standard", "ntk"}, default="standard"
        "ntk" starts the layers so that each neuron has about the deviation 1 on the training rows,
        the output layer at 0, and gives each layer a learning rate that fits its width; a scale
        of each input is learnt with six times the rate, biases, slopes and embeddings with a
        tenth (Holzmüller et al. 2024, arXiv:2407.04491).

    standardize : bool or "robust", default=True
        Whether the columns are standardised inside the network, by mean and deviation of the
        training rows, so that raw columns train well. "robust" takes the median and the distance
        between the quartiles, and clips smoothly at 3 times that.

    warm_start : bool, default=False
        Whether `fit` continues from the weights, and the standardisation, of the previous fit.

    [shared parameters]

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; in the multilabel case 0 to n_labels - 1.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X had any.
    class_counts_ : ndarray of shape (n_classes,), or (n_labels, 2)
        Rows of each class, weighted by `sample_weight`; `partial_fit` accumulates them. In the
        multilabel case the rows without and with each label.
    class_prior_ : ndarray of shape (n_classes,), or (n_labels, 2)
        Share of each class in `class_counts_`.
    class_weight_ : dict, or list of dict
        Weight of each class, by class label; the mean weight of a training row is 1. In the
        multilabel case a dict {0: without, 1: with} for each label.
    fit_path_ : str
        What trained the network: "compiled" for the compiled program; else "plain graph" or
        "Keras' own fit", and the reason.
    history_ : dict of str to list
        One value for each epoch: "loss" and, with held-out rows, "val_loss" and the monitor, as in
        "val_f1_macro".
    n_iter_ : int
        Epochs trained.
    best_epoch_ : int
        Epoch, counted from 1, whose weights were kept.
    loss_ : float
        Training loss of that epoch.
    majority_fraction_ : float
        After `fit_stream` the fraction of the most frequent class, of its rows that were not held
        out, that was trained on.
    model_ : keras.Model
        The network as a plain Keras model from the rows of `model_input` to probabilities, built
        on access; the layer before the last is called "logits".

    See Also
    --------
    skimbalance.losses : The losses, for any Keras model.
    sklearn.neural_network.MLPClassifier : Scikit-learn's network, without class weights.

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
        "activation": [StrOptions({*ACTIVATIONS, "parametric_selu"})],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "normalization": [StrOptions({"batch", "layer"}), None],
        "numeric_embedding": [StrOptions({"piecewise_linear", "periodic"}), None],
        "bins": [StrOptions({"supervised", "quantile"})],
        "parametrization": [StrOptions({"standard", "ntk"})],
        "standardize": ["boolean", StrOptions({"robust"})],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (128, 64),
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        normalization: str | None = None,
        categorical_features: Any = "from_dtype",
        numeric_embedding: str | None = None,
        bins: str = "supervised",
        parametrization: str = "standard",
        warm_start: bool = False,
        **shared: Unpack[RateParameters],
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.normalization = normalization
        self.categorical_features = categorical_features
        self.numeric_embedding = numeric_embedding
        self.bins = bins
        self.parametrization = parametrization
        self.warm_start = warm_start
        set_shared(self, shared)

    # What the columns hold; None where all are numbers, as in older model files.
    _reader: TableReader | None = None
    _takes_missing = True

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: npt.ArrayLike | None = None,
        *,
        groups: npt.ArrayLike | None = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: npt.ArrayLike | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows: an array, a sparse matrix, or a table of pandas, polars or pyarrow. Its
            columns hold finite numbers, booleans, or categories; values may be missing.
        y : array-like of shape (n_samples,), or indicator of shape (n_samples, n_labels)
            Class labels; or a label indicator matrix of 0 and 1, dense or sparse, with NaN where a
            label is missing, which then counts nowhere.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts, on top of `class_weight`: a weight of 2 counts the row
            twice, 0 leaves it out.
        groups : array-like of shape (n_samples,), default=None
            Groups of the rows, none of which is divided between training rows and held-out rows.
        X_val, y_val : array-like of shape (n_val, ...), default=None
            Held-out rows of your own, in the form of X and y, by which training stops; all rows of
            X are then trained on. In a pipeline, ``transform_input=["X_val"]`` sends X_val through
            the steps before (with metadata routing).
        sample_weight_val : array-like of shape (n_val,), default=None
            How much each of your held-out rows counts.

        Returns
        -------
        self : ImbalancedMLPClassifier
            Fitted.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, or training diverges.
        """
        resume = self.warm_start and hasattr(self, "_fitted")
        own = OwnRows(X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, resume=resume, groups=groups, own=own)

    def fit_stream(
        self,
        source: Any,
        target: str | Sequence[str] | None = None,
        *,
        sample_weight: str | None = None,
        majority_fraction: float | str | None = None,
        majority_ratio: float | None = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: npt.ArrayLike | None = None,
        client: Any = None,
    ) -> Self:
        """Train the network on rows that need not fit into memory.

        The source is read twice. The first pass counts classes, levels of categories and missing
        values. The second one draws the held-out rows, up to 100,000 and those of rare classes
        first, and stores the training rows in the folder of temporary files (see
        `tempfile.gettempdir`), in parts of which each is a random sample of all. Training visits
        the parts in random order, and their rows in random order.

        The majority (the most frequent class or, in the multilabel case, the rows without any
        label) can be thinned out. The estimator then still answers for all rows: with the loss
        "crossentropy" the logarithm of the share that was kept is subtracted from the logit of that
        class [1]_; otherwise each row of the majority that is kept weighs as many as it stands for.

        Parameters
        ----------
        source : str, path, pyarrow.dataset.Dataset, dask DataFrame or callable
            A Parquet or CSV file, or a folder of them; a data set of pyarrow, also in an object
            store; a DataFrame of Dask, which is read partition by partition; or a function that
            returns, at each call, a new iterator of batches (X, y) or (X, y, weight), as of a
            generator or of tf.data.
        target : str or list of str, default=None
            Column of the class labels; or columns of 0 and 1, a label each. All other columns are
            X. None if the source is a function.
        sample_weight : str, default=None
            Column of the weights of the rows.
        majority_fraction : float in (0, 1] or "auto", default=None
            Fraction of the majority to train on; None is all. "auto" leaves 2 million rows in all,
            but no fewer of the majority than the next class has.
        majority_ratio : float, default=None
            In place of a fraction: rows of the majority for each row of the other classes.
        X_val, y_val, sample_weight_val : array-like of shape (n_val, ...), default=None
            Held-out rows of your own, as in `fit`; they should have the class shares of all rows.
        client : distributed.Client, default=None
            The client of a Dask cluster, whose workers read the source and train, each on as many
            rows. After at most 50 steps of each worker the client averages their weights, and a
            momentum makes up for the steps that one machine alone would have taken more [2]_. The
            result depends on the number of workers at the beginning, not on what becomes of them:
            the work of one that is lost is done again. The rows stay in the memory of the workers.

        Returns
        -------
        self : ImbalancedMLPClassifier
            Fitted, with the attribute `majority_fraction_` besides those of `fit`.

        Raises
        ------
        ValueError
            If a parameter or a row is not valid, or the source gives other rows in the second pass.
        OSError
            If the folder of temporary files is full.
        RuntimeError
            If workers of the `client` die one after the other.
        KeyboardInterrupt
            If the fit is interrupted. Once training has begun, the estimator is fitted by what it
            had learnt.

        References
        ----------
        .. [1] G. King, L. Zeng. "Logistic Regression in Rare Events Data." Political Analysis 9,
           2001. doi:10.1093/oxfordjournals.pan.a004868
        .. [2] K. Chen, Q. Huo. "Scalable training of deep learning machines by incremental block
           training with intra-block parallel optimization and blockwise model-update filtering."
           ICASSP 2016. doi:10.1109/ICASSP.2016.7472805

        Examples
        --------
        >>> import numpy as np
        >>> from skimbalance import ImbalancedMLPClassifier
        >>> def batches():
        ...     rng = np.random.default_rng(0)
        ...     for _ in range(10):
        ...         X = rng.normal(size=(1000, 3))
        ...         yield X, (X[:, 0] > 2).astype(int)
        >>> clf = ImbalancedMLPClassifier((8,), random_state=0)
        >>> clf.fit_stream(batches, majority_ratio=5).predict([[3.0, 0.0, 0.0]])
        array([1])
        """
        from skimbalance._fit.streams.fit import checked_thinning, fit_stream

        self._check_params()
        check_checkpoint(self.checkpoint, self.random_state, type(self).__name__)
        own = OwnRows(X_val, y_val, sample_weight_val)
        self._check_own(own)
        thinning = checked_thinning(majority_fraction, majority_ratio, type(self).__name__)
        given = {
            "source": source, "target": target, "sample_weight": sample_weight, "client": client
        }  # fmt: skip
        fit_stream(self, given, thinning, own)
        return self

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Train one epoch on a part of the data; class counts accumulate over the parts.

        Means and deviations of columns accumulate, too; medians and categories are those of the
        first part.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of this part.
        y : array-like of shape (n_samples,), or indicator of shape (n_samples, n_labels)
            Their class labels, or label indicators.
        classes : array-like of shape (n_classes,), default=None
            All class labels; required in the first call, unless y is an indicator matrix.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts.

        Returns
        -------
        self : ImbalancedMLPClassifier
            Fitted.

        Raises
        ------
        ValueError
            If `classes` is missing in the first call, or y has class labels beyond them.
        """
        resume = self._continues(y, classes)
        return self._fit(X, y, sample_weight, resume=resume, classes=classes, partial=True)

    def model_input(self, X: Any) -> np.ndarray:
        """Rows as `model_` takes them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        inputs : ndarray of shape (n_samples, n_inputs)
            The rows, with the median of its column in the place of a missing number, if all columns
            hold numbers and the training rows lacked none. Otherwise standardised numbers with the
            median in the place of missing ones, flags of these, and one-hot categories. Dense,
            also for sparse rows.
        """
        check_is_fitted(self)
        (rows,) = self._finite(self._read_new_rows(X))
        encoder = self._fitted.encoder
        if not encoder.is_plain:
            return encoder.transform(rows)
        if issparse(rows):
            return rows.toarray()
        return encoder.restored(encoder.comparable(rows)) if np.isnan(rows).any() else rows

    @property
    def model_(self) -> Any:
        """The network as a plain Keras model, to probabilities.

        It is the same object until the next fit, and each access gives it the fitted weights. It
        has the layers of `skimbalance.networks.mlp` between a Normalization and a Softmax layer,
        or a sigmoid in the multilabel case. It takes raw rows; where the training rows had
        categories or missing numbers it takes encoded rows, without the Normalization layer.
        `model_input` gives what it takes.
        """
        check_is_fitted(self)
        check_tensorflow()
        from skimbalance._keras.perceptron import Perceptron

        shown_for, model = self.__dict__.get("_shown", (None, None))
        network = Perceptron(self._fitted, self.dropout, self._target.exclusive)
        if shown_for is not self._fitted:
            model = network.model()
            self._shown = self._fitted, model
        return network.show(model)

    def __sklearn_tags__(self):
        """Scikit-learn's tags: numbers may be missing, and columns may hold categories."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    def __getstate__(self):
        """The state without the live Keras model, which is built anew when it is needed."""
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_shown"}

    def _read_rows(self, X, y, *, reset, multi_output):
        check_one_input(X, np.shape(y)[0], type(self).__name__)
        X = as_table(X, type(self).__name__)
        if reset:
            self._reader = TableReader.learn(X, self.categorical_features, type(self).__name__)
        options = {"reset": reset, "multi_output": multi_output}
        if self._must_be_read(X):
            X, y = table_rows(self, X, self._matrix, y, **options)
        else:
            X, y = numeric_rows(self, X, y, **options, **ROWS)
        self._check_size(X)
        return (X,), y

    def _check_size(self, X):
        """Check that the finite numbers of training rows are not too large to be standardised."""
        values = X.data if issparse(X) else X
        if values.dtype.kind != "f" or values.dtype.itemsize < 8 or not values.size:
            return
        largest = max(-np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None))
        if LARGEST < largest < np.inf:
            place = int(np.nanargmax(np.abs(values)))
            j = X.indices[place] if issparse(X) else place % X.shape[1]
            names = getattr(self, "feature_names_in_", range(X.shape[1]))
            raise ValueError(
                f"The numbers in the X of {type(self).__name__} must be at most {LARGEST:g} in "
                f"size. Got {largest:g} in column {names[j]!r}: measure it in a larger unit."
            )

    def _must_be_read(self, X):
        """Whether X is not yet the array of numbers that the network or its encoder gets."""
        reader = self._reader
        if issparse(X):
            return reader is not None and np.any(reader.n_levels >= 0)  # to be refused
        return is_table(X) or (reader is not None and np.ndim(X) == 2)

    def _matrix(self, X):
        """A table as floats."""
        reader = self._reader or TableReader.of_numbers(self.n_features_in_)
        return reader.matrix(X)

    def _n_levels(self, X):
        reader = self._reader or TableReader.of_numbers(self.n_features_in_)
        return reader.n_levels

    def _design(self, data, course, held_out):
        del held_out
        previous = course.previous
        architecture = Architecture(
            n_features=data.X[0].shape[1],
            n_outputs=self._target.n_outputs,
            hidden_layer_sizes=layer_sizes(self.hidden_layer_sizes),
            activation=self.activation,
            normalization=self.normalization,
            dropout=self.dropout > 0,
            embedding=self.numeric_embedding,
            ntk=self.parametrization == "ntk",
        )
        if previous is not None:
            architecture = architecture.for_inputs(previous.encoder)
            check_same_layers(architecture, previous.network)
        return self._settings(), architecture

    def _settings(self):
        """The choices of a fit."""
        is_binned = self.numeric_embedding == "piecewise_linear"
        return Settings.of(vars(self), bins=self.bins if is_binned else None)

    def _train(self, plan):
        from skimbalance._keras.perceptron import Perceptron
        from skimbalance._keras.training import train

        network = Perceptron(plan.initial, self.dropout, plan.target.exclusive)
        if isinstance(plan.rows, StreamedData) and plan.rows.shards is not None:
            from skimbalance._keras.rounds import train_rounds

            return train_rounds(plan, network)
        return train(plan, network)

    def _read_new_rows(self, X):
        check_one_input(X, 0, type(self).__name__)
        X = as_table(X, type(self).__name__)
        if self._must_be_read(X):
            return (table_rows(self, X, self._matrix, reset=False),)
        return (numeric_rows(self, X, reset=False, **ROWS),)

    def _logits_of(self, rows):
        (X,) = rows
        with np.errstate(over="ignore", invalid="ignore"):
            logits = self._fitted.forward(X)
        return self._finite_logits(logits, X)

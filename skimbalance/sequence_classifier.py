"""A class for each step of a sequence, where one class dominates."""

from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, Self, Unpack

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score
from sklearn.utils.validation import check_is_fitted

from skimbalance._engine.joblib_backend import content_of
from skimbalance._fit.data import Data
from skimbalance._fit.encoding import Encoder
from skimbalance._fit.estimator import NetworkClassifier, OwnRows
from skimbalance._fit.parameters import RateParameters, set_shared, shares
from skimbalance._fit.sequences import labels_of, read_sequences, weights_of
from skimbalance._fit.settings import Settings
from skimbalance._fit.targets import Steps
from skimbalance._losses.records import SOFTMAX
from skimbalance._validation import Interval, StrOptions, as_array, class_indices
from skimbalance.decision._learning import HeldOut, RuleLearner
from skimbalance.decision._objectives import WHOLE, make_objective
from skimbalance.posterior import CLOSED_FORMS
from skimbalance.sampling._random import Purpose, generator
from skimbalance.sampling._streams import STREAMS

__all__ = ["ImbalancedSequenceClassifier"]

# Number of steps, with padding, that are computed together, so that memory stays bounded.
BLOCK_STEPS = 2**14


@shares(
    RateParameters,
    learning_rate=1e-2,
    batch_size=32,
    epochs=30,
    monitor="f1_rare",
)
class ImbalancedSequenceClassifier(NetworkClassifier):
    """Sequence labelling for rare classes: a class for each step.

    If 490 of 496 steps belong to one class, an accuracy of 99 % is worthless. Here weights, losses,
    sampling, stopping and decisions look at the rare classes, step by step. The network is a
    bidirectional LSTM [1]_ or a convolution, over tokens, characters or features.

    Parameters
    ----------
    network : {"bilstm", "conv1d"}, default="bilstm"
        `skimbalance.networks.bilstm_tagger`, which sees the whole sequence, or
        `skimbalance.networks.conv1d_tagger`, which sees some steps around each and is faster.

    units : int, default=64
        Units of each direction, or filters of a convolution.

    n_layers : int, default=1
        Layers of the network.

    embedding_dim : int, default=32
        Length of the vector learnt for each token; ignored for features.

    dropout : float in [0, 1), default=0.0
        Share of the outputs of each layer dropped in training.

    min_frequency : int, default=1
        Tokens that occur less often in training are treated as one infrequent token, and so are
        unknown ones in `predict`. With 1 an unknown token is an error.

    objective : str, default=None
        "f1_macro", "balanced_accuracy", "f1_weighted", "mcc", "geometric_mean" or "cohen_kappa":
        the held-out steps also tune a weight for each class, as `TunedDecisionClassifierCV`
        does, and calibrate the probabilities. None predicts the most probable class.

    ignore_label : str, int or float, default=None
        Label of the steps that do not count, such as -100 for padding or for parts of words: the
        network sees them, but they are no class, and count in no loss, decision or score, as steps
        of weight 0 do. None counts all steps. Hide steps by a `mask` that the network is not to
        see either.

    loss : str or Keras loss, default="crossentropy"
        Loss of each step, as in `ImbalancedMLPClassifier`.

    class_weight : "auto", None, "balanced", float in [0, 1], "effective", dict, Series or \
array-like, default="auto"
        How much the steps of each class count in the loss, see
        `skimbalance.compute_class_weight`. "balanced" finds most of the rare steps,
        at the price of many false alarms; its square root, 0.5, is a compromise for F1, and
        therefore what "auto" stands for here. It is None where the loss corrects for the class
        frequencies by itself, as in `ImbalancedMLPClassifier`.

    sampling : {"shuffle", "balanced"}, default="shuffle"
        Order of the sequences. "balanced" groups them by the rarest class that they hold, and
        draws each group equally often.

    output_bias : {"prior", None}, default="prior"
        Whether the biases of the output layer start where the network predicts the class shares
        of the steps.

    learning_rate : float, default=1e-2
        Step size. It suits the default network, and is larger than that of
        `ImbalancedMLPClassifier` as an epoch has few batches; many layers of convolutions need a
        smaller one, 3e-3.

    batch_size : int or "auto", default=32
        Maximum number of sequences in a batch. Sequences of similar length share a batch, so that
        unequal lengths cost little.

    epochs : int, default=30
        Maximum number of passes over the training sequences.

    early_stopping : bool or "auto", default="auto"
        Whether to hold out sequences, stratified by their rare classes, and stop when `monitor`
        no longer improves. "auto" does so if at least 10 held-out sequences then contain the
        rarest class, or if `objective` is not None.

    monitor : str, default="f1_rare"
        What is measured on the held-out steps: "f1_rare", the mean F1 of all classes except the
        most frequent, which dominates the loss; "loss"; or "average_precision", "f1_macro",
        "balanced_accuracy", "mcc", "geometric_mean", "roc_auc".

    validation_fraction : float in (0, 1), default=0.1
        Share of the sequences that is held out.

    standardize : bool, default=True
        Whether features (not tokens) are standardised by mean and deviation of the training
        steps.

    [shared parameters]

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    class_counts_, class_prior_ : ndarray of shape (n_classes,)
        Weighted steps of each class, and their shares.
    class_weight_ : dict
        Weight of each class, by class label.
    decision_matrix_ : ndarray of shape (n_classes, n_classes)
        With an `objective`: `predict` takes the largest of ``predict_proba(X) @
        decision_matrix_``.
    decision_weights_ : ndarray of shape (n_classes,)
        Its diagonal, with mean 1: the weight of each class.
    history_ : dict of str to list
        One value for each epoch: "loss" and, with held-out rows, "val_loss" and the monitor, as in
        "val_f1_macro".
    n_iter_, best_epoch_ : int
        Epochs trained, and the one whose weights were kept.
    loss_ : float
        Training loss of that epoch.
    fit_path_ : str
        What trained the network: "compiled" for the compiled program; else "plain graph" or
        "Keras' own fit", and the reason.
    model_ : keras.Model
        The network, which puts out logits. Its inputs are token numbers, where 0 is padding; or
        standardised features followed by a 1, where padding is zero.

    See Also
    --------
    skimbalance.model_selection.StratifiedSequenceKFold : Folds in which rare classes are spread.

    Notes
    -----
    X is a list of sequences of unequal length: strings (their characters are the tokens), lists or
    arrays of tokens (strings or integers), or arrays of shape (n_steps, n_features); floats without
    an axis of features are one feature. Or it is one NumPy array of shape (n_sequences, n_steps) or
    (n_sequences, n_steps, n_features), with a `mask` of the steps that count, or a masked array.
    y has the same form.

    References
    ----------
    .. [1] A. Graves, J. Schmidhuber. "Framewise Phoneme Classification with Bidirectional LSTM
       and Other Neural Network Architectures." Neural Networks 18(5-6), 2005.
       doi:10.1016/j.neunet.2005.06.042

    Examples
    --------
    >>> from skimbalance import ImbalancedSequenceClassifier
    >>> X = ["aaxaaa", "aaaa", "aaaxaaaa", "axa"] * 10
    >>> y = [["rare" if c == "x" else "O" for c in x] for x in X]
    >>> clf = ImbalancedSequenceClassifier("conv1d", units=8, epochs=40, random_state=0).fit(X, y)
    >>> clf.predict(["aaax"])[0].tolist()
    ['O', 'O', 'O', 'rare']
    """

    _target: Steps

    _parameter_constraints = {
        "network": [StrOptions({"bilstm", "conv1d"})],
        "units": [Interval(Integral, 1, None, closed="left")],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "min_frequency": [Interval(Integral, 1, None, closed="left")],
        "loss": [StrOptions(set(SOFTMAX)), callable],
        "sampling": [StrOptions({k for k, v in STREAMS.items() if not v.composes_batches})],
        "objective": [StrOptions(set(WHOLE)), None],
        "ignore_label": [str, Real, None],
    }

    def __init__(
        self,
        network: str = "bilstm",
        *,
        units: int = 64,
        n_layers: int = 1,
        embedding_dim: int = 32,
        dropout: float = 0.0,
        min_frequency: int = 1,
        objective: str | None = None,
        ignore_label: str | float | None = None,
        **shared: Unpack[RateParameters],
    ):
        self.network = network
        self.units = units
        self.n_layers = n_layers
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.min_frequency = min_frequency
        self.objective = objective
        self.ignore_label = ignore_label
        set_shared(self, shared)

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: npt.ArrayLike | None = None,
        mask: npt.ArrayLike | None = None,
        *,
        groups: npt.ArrayLike | None = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: npt.ArrayLike | None = None,
    ) -> Self:
        """Train the network, and tune the decision if there is an `objective`.

        Parameters
        ----------
        X : list of sequences, or array-like of shape (n_sequences, n_steps[, n_features])
            Training sequences: see the notes of the class.
        y : list of sequences, or array-like of shape (n_sequences, n_steps)
            The class of each step.
        sample_weight : array-like of shape (n_sequences,) or of the form of y, default=None
            How much each sequence counts, or each step. A step of weight 0 is seen by the network,
            and its class is ignored.
        mask : array-like of bool of shape (n_sequences, n_steps), default=None
            Which steps of an array count; the others are ignored.
        groups : array-like of shape (n_sequences,), default=None
            Groups of the sequences, such as documents, none of which is divided between training
            and held-out sequences.
        X_val, y_val : list of sequences, or array-like, default=None
            Held-out sequences of your own, in the form of X and y, by which training stops and the
            `objective` is tuned; all of X is then trained on. Steps of an array are masked by a
            masked array.
        sample_weight_val : array-like of shape (n_val,) or of the form of y_val, default=None
            How much each of your held-out sequences, or steps, counts.

        Returns
        -------
        self : ImbalancedSequenceClassifier
            Fitted.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, or training diverges.
        """
        own = OwnRows(X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, resume=False, groups=groups, own=own, mask=mask)

    def predict(self, X: Any, mask: npt.ArrayLike | None = None) -> list[np.ndarray] | np.ndarray:
        """The class of each step.

        Parameters
        ----------
        X : list of sequences, or array-like of shape (n_sequences, n_steps[, n_features])
            Sequences.
        mask : array-like of bool of shape (n_sequences, n_steps), default=None
            Which steps of an array count.

        Returns
        -------
        y : list of ndarray, or ndarray of shape (n_sequences, n_steps)
            Class labels, in the form of X; masked where X is.
        """
        sequences, decided = self._decided(X, mask)
        return sequences.split(self.classes_[decided])

    def predict_proba(self, X: Any, mask: npt.ArrayLike | None = None) -> np.ndarray:
        """Probabilities of each step, as the network was trained to give them.

        With an `objective` they are calibrated probabilities in the population.

        Parameters
        ----------
        X : list of sequences, or array-like of shape (n_sequences, n_steps[, n_features])
            Sequences.
        mask : array-like of bool of shape (n_sequences, n_steps), default=None
            Which steps of an array count.

        Returns
        -------
        proba : ndarray of shape (n_sequences, n_steps, n_classes)
            In the order of `classes_`; zero beyond the end of a sequence, and where masked.
        """
        sequences, logits = self._logits(X, mask)
        if self._decision is None:
            return sequences.spread(self._target.proba(logits))
        calibrator, _ = self._decision
        return sequences.spread(calibrator(self._natural(logits)))

    def predict_posterior(
        self,
        X: Any,
        mask: npt.ArrayLike | None = None,
        priors: Mapping[Any, float] | npt.ArrayLike | None = None,
    ) -> np.ndarray:
        """Probabilities in the population that the steps came from, or under other priors.

        Parameters
        ----------
        X : list of sequences, or array-like of shape (n_sequences, n_steps[, n_features])
            Sequences.
        mask : array-like of bool of shape (n_sequences, n_steps), default=None
            Which steps of an array count.
        priors : array-like of shape (n_classes,), dict or Series, default=None
            Shares of the steps of each class where the sequences come from, which sum to 1: in the
            order of `classes_`, or by class label in a dict or a pandas Series. None stands for
            the shares in the training data.

        Returns
        -------
        proba : ndarray of shape (n_sequences, n_steps, n_classes)
            In the order of `classes_`; zero beyond the end of a sequence, and where masked.

        Raises
        ------
        ValueError
            If the loss has no closed form, or `priors` are not valid shares.
        """
        sequences, logits = self._logits(X, mask)
        return sequences.spread(self._posterior(logits, priors))

    def score(
        self,
        X: Any,
        y: Any,
        sample_weight: npt.ArrayLike | None = None,
        mask: npt.ArrayLike | None = None,
    ) -> float:
        """Mean F1 of the classes over all steps that count.

        Parameters
        ----------
        X : list of sequences, or array-like of shape (n_sequences, n_steps[, n_features])
            Sequences.
        y : list of sequences, or array-like of shape (n_sequences, n_steps)
            The class of each step.
        sample_weight : array-like of shape (n_sequences,) or of the form of y, default=None
            How much each sequence counts, or each step. A step of weight 0 is seen by the network,
            and its class is ignored.
        mask : array-like of bool of shape (n_sequences, n_steps), default=None
            Which steps of an array count.

        Returns
        -------
        score : float
            Macro-F1.
        """
        sequences, decided = self._decided(X, mask)
        true, weight = self._labels_and_weights(y, sample_weight, sequences)
        counts = weight > 0
        if not counts.any():
            raise ValueError(
                f"The y of {type(self).__name__} must have a step that counts, to be scored. Got "
                f"steps of ignore_label={self.ignore_label!r} only."
            )
        true, decided, weight = true[counts], self.classes_[decided[counts]], weight[counts]
        return float(f1_score(true, decided, average="macro", sample_weight=weight))

    @property
    def model_(self) -> Any:
        """The network with the fitted weights."""
        check_is_fitted(self)
        return self._fitted_network().show(self._fitted.weights)

    def __getstate__(self):
        """The state without the live Keras model, which is built anew when it is needed."""
        return self._without_model(super().__getstate__())

    def __sklearn_tags__(self):
        """Scikit-learn's tags: no kind of estimator, as classifiers have a class for each sample.

        So an integer `cv` stands for folds that are not stratified.
        """
        tags = super().__sklearn_tags__()
        tags.estimator_type = None
        return tags

    # Training

    def _read(self, X, y, sample_weight, *, resume, mask=None):
        owner = type(self).__name__
        sequences = self._sequences(X, mask)
        labels, weight = self._labels_and_weights(y, sample_weight, sequences)
        kept = np.bincount(sequences.row, weight, len(sequences.mask)) > 0
        of_kept = kept[sequences.row]
        labels, sequences, weight = labels[of_kept], sequences.take(kept), weight[of_kept]
        if not resume:
            self._learn_classes(labels[weight > 0])
            self._encoder = Encoder(sequences.steps, self.min_frequency, self.standardize, owner)
        index = np.full(len(labels), -1)
        index[weight > 0] = class_indices(labels[weight > 0], self.classes_)
        return Data(
            (self._encoder.packed(sequences),),
            np.arange(len(sequences.mask)),
            # No class, -1, beyond the end and where the weight is 0.
            sequences.packed(index + 1) - 1,
            sequences.packed(weight),
            weighted=sample_weight is not None,
            lengths=sequences.lengths,
            given=np.flatnonzero(kept),
        )

    def _learn_classes(self, labels):
        """Set the classes, given the labels of all steps that count."""
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            n_classes = "1 class" if len(self.classes_) else "no step"
            raise ValueError(
                f"The y of {type(self).__name__} must have at least 2 classes among sequences with "
                f"a positive weight. Got {n_classes}: {self.classes_.tolist()!r}."
            )
        self._target = Steps(self.classes_)

    def _labels_and_weights(self, y, sample_weight, sequences):
        """The label of each step, and its weight: zero where the label is to be ignored."""
        owner = type(self).__name__
        labels = labels_of(as_array(y), sequences, owner)
        weight = weights_of(sample_weight, sequences, owner)
        if self.ignore_label is not None:
            # As objects, since NumPy does not compare text with numbers.
            weight = np.where(labels.astype(object) == self.ignore_label, 0.0, weight)
        return labels, weight

    def _design(self, data, course, held_out):
        early_stopping = self.early_stopping
        if self.objective is not None:
            self._check_held_out(data.y, held_out)
            early_stopping = True
        options: dict[str, Any] = {
            "n_outputs": len(self.classes_),
            "n_layers": self.n_layers,
            "embedding_dim": self.embedding_dim,
            "units" if self.network == "bilstm" else "filters": self.units,
            "dropout": self.dropout,
        }
        self._architecture = self.network, options
        network = self._rebuilt(int(generator(Purpose.WEIGHTS, course.seed).integers(2**31)))
        # The encoder standardises, as padding must stay zero.
        settings = Settings.of(vars(self), standardize=False, early_stopping=early_stopping)
        return settings, network

    def _check_held_out(self, y, held_out):
        """Check that sequences can be held out to tune a decision on."""
        owner = type(self).__name__
        if not self.early_stopping:
            raise ValueError(
                f"The 'early_stopping' parameter of {owner} must not be False where an "
                f"'objective' is tuned on held-out sequences. Got objective={self.objective!r}."
            )
        if held_out is not None:
            return
        n_sequences = np.sum(self._target.occurrence(y) > 0, axis=0)
        if n_sequences.min() < 2:
            too_rare = self.classes_[n_sequences < 2].tolist()
            raise ValueError(
                f"The 'objective' parameter of {owner} must be None unless every class is in 2 "
                f"sequences, one to train and one to hold out. Got {self.objective!r}, but only "
                f"one sequence with {too_rare!r}."
            )

    def _rebuilt(self, seed=0):
        """The network, with weights drawn from a seed."""
        from skimbalance._keras.network import Found, KerasNetwork
        from skimbalance.networks import bilstm_tagger, conv1d_tagger

        name, options = self._architecture
        build = bilstm_tagger if name == "bilstm" else conv1d_tagger
        return KerasNetwork(
            build(**self._encoder.inputs, **options, seed=seed),
            self._target,
            (self._encoder.probe,),
            Found(ends_in="logits"),
            owner=type(self).__name__,
        )

    def _fitted_network(self):
        return self._live_network(self._rebuilt)

    def _adapted(self, plan):
        """The plan with encoded steps: the encoder learns from the training sequences only."""
        rows, held_out = plan.rows, plan.held_out
        (X,), mask = rows.X, rows.y >= 0
        self._encoder.learn(X[rows.index][mask], rows.weight[mask])
        rows = self._encoded(rows)
        if held_out is not None:
            are_same = held_out.X is plan.rows.X
            judges = rows if are_same else self._encoded(held_out)
            held_out = replace(held_out, X=judges.X, content=judges.content)
        return replace(plan, rows=rows, held_out=held_out)

    def _encoded(self, data):
        X = self._encoder.prepared(data.X[0])
        return replace(data, X=(X,), content=content_of(X))

    def _train(self, plan):
        from skimbalance._keras.training import train

        return train(plan, plan.initial.network)

    def _attributes(self, plan, result, course):
        """The attributes of a fit whose decision is not tuned yet."""
        return {**super()._attributes(plan, result, course), "_decision": None}

    def _after_training(self, plan):
        """Tune the decision if there is an `objective`."""
        for name in ("decision_matrix_", "decision_weights_"):
            self.__dict__.pop(name, None)
        if self.objective is not None:
            self._decision = self._tuned(self.objective, plan.held_out)
            _, rule = self._decision
            self.decision_matrix_, self.decision_weights_ = rule.matrix, rule.weights

    def _tuned(self, objective, held_out):
        """Calibrator and decision rule, learnt from held-out sequences."""
        mask = held_out.y >= 0
        row, y = np.nonzero(mask)[0], held_out.y[mask]
        logits = self._forward(held_out.X[0][held_out.index], held_out.lengths)
        # The steps of weight 0 have outputs, too.
        logits = logits[mask[np.arange(mask.shape[1]) < held_out.lengths[:, None]]]
        learner = RuleLearner(make_objective(objective, None, None), None, "vector")
        return learner.learn(
            HeldOut(np.arange(len(y)), row, self._natural(logits), y, held_out.weight[mask])
        )

    # Input and output

    def _sequences(self, X, mask):
        return read_sequences(as_array(X), mask, type(self).__name__)

    def _decided(self, X, mask):
        """The sequences, and the class index of each step."""
        sequences, logits = self._logits(X, mask)
        if self._decision is None:
            return sequences, np.argmax(logits, axis=1)
        calibrator, rule = self._decision
        return sequences, rule(calibrator(self._natural(logits)))

    def _natural(self, logits):
        """Natural probabilities, where the loss and the weights determine them."""
        arguments = self._fitted.posterior_arguments
        has_all = np.all(arguments["class_weight"] > 0)  # a class of weight 0 was not learnt
        if arguments["loss"] not in CLOSED_FORMS or not has_all:
            return self._target.proba(logits)
        return self._target.posterior(logits, arguments)

    def _logits(self, X, mask):
        """The sequences, and the logits of their steps in one array."""
        check_is_fitted(self)
        sequences = self._sequences(X, mask)
        if not len(sequences.steps):
            return sequences, np.zeros((0, len(self.classes_)))
        X = self._encoder.prepared(self._encoder.packed(sequences))
        logits = self._forward(X, sequences.lengths)
        if not np.all(np.isfinite(logits)):
            raise ValueError(
                f"The X of {type(self).__name__} must be small enough for the network's outputs "
                f"to be finite. Got values of up to {np.abs(sequences.steps).max():g}."
            )
        return sequences, logits

    def _forward(self, X, lengths):
        """Logits of all steps; sequences of similar length are computed together."""
        network, starts = self._fitted_network(), np.cumsum(lengths) - lengths
        logits = np.empty((lengths.sum(), len(self.classes_)))
        longest_first = np.argsort(-lengths, kind="stable")[: np.count_nonzero(lengths)]
        while len(longest_first):
            width = lengths[longest_first[0]]
            rows, longest_first = np.split(longest_first, [max(1, BLOCK_STEPS // width)])
            mask = np.arange(width) < lengths[rows, None]
            place = starts[rows, None] + np.arange(width)
            # Values too large for float32 are reported by their outputs, in `_logits`.
            with np.errstate(over="ignore"):
                outputs = network.forward(self._fitted.weights, (X[rows, :width],))
            logits[place[mask]] = outputs[mask]
        return logits

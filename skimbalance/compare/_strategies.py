"""Named remedies for imbalance, each an estimator that takes a table as it is."""

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, clone

from skimbalance.classifier import ImbalancedMLPClassifier
from skimbalance.decision import TunedDecisionClassifierCV
from skimbalance.preprocessing import table_steps

__all__ = ["STRATEGIES", "EachClassSMOTE", "make_strategy", "over_table"]

#: Name -> what it does, in the order of its simplicity.
STRATEGIES = {
    "plain": "cross-entropy, every row counts the same",
    "sqrt_weighted": "class weights: inverse square root of the frequency",
    "class_weighted": "class weights: inverse frequency",
    "effective_number": "class weights: inverse effective number of rows",
    "logit_adjusted": "logits shifted by the log-frequency in the loss",
    "focal": "focal loss",
    "focal_weighted": "focal loss and inverse-frequency class weights",
    "ldam": "larger margins for rare classes, class weights from 80 % of the epochs on",
    "balanced_batches": "every batch holds all classes equally",
    "over_sampling": "rows of rare classes repeated",
    "under_sampling": "rows of frequent classes left out",
    "smote": "rows of rare classes invented between neighbours",
    "tuned_decision": "plain, its decisions tuned for the objective on inner folds",
}

# Beyond, batches of 64 would be slow.
MANY_ROWS = 10_000

# What a strategy changes of the network.
_CHANGES = {
    "sqrt_weighted": {"class_weight": 0.5},
    "class_weighted": {"class_weight": "balanced"},
    "effective_number": {"class_weight": "effective"},
    "logit_adjusted": {"loss": "logit_adjusted"},
    "focal": {"loss": "focal"},
    "focal_weighted": {"loss": "focal", "class_weight": "balanced"},
    "ldam": {
        "loss": "ldam",
        "class_weight": "balanced",
        "loss_params": {"deferred": 0.8},
    },
    "balanced_batches": {"sampling": "balanced"},
}


def default_network(n_rows, random_state=None):
    """The network that strategies train where none is given.

    One batch size for all of them, also after over- or under-sampling: they train as one stack.
    The rate and its fall were better or as good as 0.001 on the four sets they were tried on.
    """
    return ImbalancedMLPClassifier(
        (64, 32),
        batch_size=64 if n_rows <= MANY_ROWS else "auto",
        epochs=50,
        learning_rate=3e-3,
        learning_rate_schedule="cosine",
        early_stopping=False,
        random_state=random_state,
    )


def make_strategy(name, X, y, *, network=None, objective="f1_macro", random_state=None):
    """An unfitted estimator for tables like X.

    Parameters
    ----------
    name : str
        Key of `STRATEGIES`.
    X : DataFrame or ndarray of shape (n_samples, n_features)
        Its columns decide how they are prepared.
    y : array-like of shape (n_samples,)
        Class labels; the rarest is the class of objective="f1".
    network : ImbalancedMLPClassifier, default=None
        What the strategy is put on; it takes over weights, loss and sampling. By default layers
        64-32, 50 epochs, and a learning rate that falls from 0.003 to 0.
    objective : str or callable, default="f1_macro"
        Of "tuned_decision".
    random_state : int, RandomState instance or None, default=None
        Of sampling, folds and a network that has none of its own.

    Returns
    -------
    estimator : classifier
        A pipeline from the table on, or `TunedDecisionClassifierCV` around one.
    """
    if name not in STRATEGIES:
        raise ValueError(f"A strategy must be one of {list(STRATEGIES)!r}. Got {name!r} instead.")
    network = default_network(len(X), random_state) if network is None else clone(network)
    if network.random_state is None:
        network.set_params(random_state=random_state)
    network.set_params(
        loss="crossentropy", class_weight=None, sampling="shuffle", loss_params=None, alpha=None
    )
    steps = _array_steps(X)
    if name in _CHANGES:
        network.set_params(**_CHANGES[name])
    if name == "over_sampling":
        from imblearn.over_sampling import RandomOverSampler

        network.set_params(sampling=RandomOverSampler(random_state=random_state))
    if name == "under_sampling":
        from imblearn.under_sampling import RandomUnderSampler

        network.set_params(sampling=RandomUnderSampler(random_state=random_state))
    if name == "smote":
        n_columns = np.shape(X)[1]
        sampler = EachClassSMOTE(
            steps.categorical, only_categorical=len(steps.categorical) == n_columns,
            random_state=random_state,
        )  # fmt: skip
        return _pipeline(steps.clean, sampler, steps.encode, network)
    estimator = _pipeline(steps.clean, steps.encode, network)
    if name != "tuned_decision":
        return estimator
    labels, counts = np.unique(y, return_counts=True)
    return TunedDecisionClassifierCV(
        estimator,
        objective=objective,
        pos_label=labels.tolist()[np.argmin(counts)] if objective == "f1" else None,
        random_state=random_state,
    )


def over_table(estimator, X):
    """A classifier of numbers as a pipeline from tables like X; a pipeline is left as it is."""
    if hasattr(estimator, "steps"):
        return estimator
    steps = _array_steps(X)
    return _pipeline(steps.clean, steps.encode, estimator)


def _array_steps(X):
    """Steps that hand on arrays, whatever output scikit-learn is configured for."""
    steps = table_steps(X)
    steps.clean.set_output(transform="default")
    if steps.encode != "passthrough":
        steps.encode.set_output(transform="default")
    return steps


def _pipeline(*steps):
    from imblearn.pipeline import Pipeline

    names = ("clean", "sample", "encode", "classify")
    if len(steps) == 3:
        names = ("clean", "encode", "classify")
    return Pipeline(list(zip(names, steps, strict=True)))


class EachClassSMOTE(BaseEstimator):
    """SMOTE with as many neighbours as each class allows, at most five.

    Classes of one row are repeated, as there is nothing to invent between. Categorical columns
    take the most frequent value among the neighbours (SMOTENC; SMOTEN if all are categorical).

    Parameters
    ----------
    categorical : list of int
        Their positions.
    only_categorical : bool, default=False
        Whether there are no others.
    random_state : int, RandomState instance or None, default=None
        Of the invented rows.
    """

    def __init__(self, categorical, *, only_categorical=False, random_state=None):
        self.categorical = categorical
        self.only_categorical = only_categorical
        self.random_state = random_state

    def fit_resample(self, X, y):
        """Rows and labels with those of the smaller classes added, as many as the largest has."""
        labels, counts = np.unique(y, return_counts=True)
        neighbours = np.minimum(counts - 1, 5)
        smaller = counts < counts.max()
        parts = [(X, y)]
        for k in np.unique(neighbours[smaller]):
            wanted = dict.fromkeys(labels[smaller & (neighbours == k)], counts.max())
            # SMOTENC encodes to a sparse matrix, which no other output allows.
            with config_context(transform_output="default"):
                more_X, more_y = self._sampler(int(k), wanted).fit_resample(X, y)
            parts.append((more_X[len(X) :], more_y[len(y) :]))
        return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))

    def _sampler(self, k, wanted):
        from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC, RandomOverSampler

        options = {"sampling_strategy": wanted, "random_state": self.random_state}
        if k == 0:
            return RandomOverSampler(**options)
        if self.only_categorical:
            return SMOTEN(k_neighbors=k, **options)
        if self.categorical:
            return SMOTENC(self.categorical, k_neighbors=k, **options)
        return SMOTE(k_neighbors=k, **options)

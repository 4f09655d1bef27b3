"""Steps of sequences as a network takes them: token numbers, or standardised features."""

import numpy as np
from sklearn.preprocessing import StandardScaler

from skimbalance._validation import some_of

__all__ = ["Encoder", "Vocabulary"]

# At most this many unknown tokens are named in an error.
MOST_NAMED = 5


class Vocabulary:
    """Tokens and their numbers.

    Number 0 is padding. If `min_frequency` is above 1, number 1 stands for all rarer tokens.

    Parameters
    ----------
    tokens : ndarray of shape (n_all,)
        All tokens of the training sequences.
    min_frequency : int
        Smallest number of occurrences for which a token gets a number of its own.
    """

    def __init__(self, tokens, min_frequency):
        distinct, counts = np.unique(tokens, return_counts=True)
        self.tokens = distinct[counts >= min_frequency]
        self.takes_unknown = min_frequency > 1

    def __len__(self):
        return len(self.tokens) + 1 + self.takes_unknown

    def numbers(self, tokens, owner):
        """The number of each token.

        Raises
        ------
        ValueError
            If a token is unknown and `min_frequency` is 1, or tokens are not of the fit's kind.
        """
        if (self.tokens.dtype.kind in "US") != (tokens.dtype.kind in "US"):
            raise ValueError(
                f"The tokens of X of {owner} must be of the same kind as in fit, "
                f"{self.tokens.dtype.name}. Got {tokens.dtype.name} instead."
            )
        if not len(self.tokens):
            return np.ones(len(tokens), np.int32)
        place = np.minimum(np.searchsorted(self.tokens, tokens), len(self.tokens) - 1)
        is_known = self.tokens[place] == tokens
        if not (is_known.all() or self.takes_unknown):
            unknown = np.unique(tokens[~is_known]).tolist()
            raise ValueError(
                f"The tokens of X of {owner} must be among those of fit. Got "
                f"{some_of(unknown, MOST_NAMED)}: fit with min_frequency=2, so that unknown tokens "
                "are treated like rare ones."
            )
        return np.where(is_known, place + 1 + self.takes_unknown, 1).astype(np.int32)


class Encoder:
    """Encodes steps for a network: as token numbers, or as features.

    Each step's features are followed by a 1, so that no step looks like padding, which is zero.

    Parameters
    ----------
    steps : ndarray of shape (n_all,) or (n_all, n_features)
        Tokens or features of `fit`.
    min_frequency : int
        Tokens that occur less often share one number.
    standardize : bool
        Whether to standardise features.
    owner : str
        Name of the estimator, for errors.
    """

    def __init__(self, steps, min_frequency, standardize, owner):
        self._owner, self._features = owner, steps.shape[1:]
        self._min_frequency, self._standardize = min_frequency, standardize
        self._vocabulary = None if self._features else Vocabulary(steps, min_frequency)
        self._kept_numbers = self._scaler = None

    @property
    def inputs(self):
        """Number of tokens or features, as an argument of the functions that build networks."""
        if self._vocabulary is not None:
            return {"n_tokens": len(self._vocabulary)}
        return {"n_features": self._features[0] + 1}

    @property
    def probe(self):
        """A sequence of two steps."""
        if self._vocabulary is not None:
            return np.ones((1, 2), np.int32)
        return np.ones((1, 2, self._features[0] + 1))

    def packed(self, sequences):
        """Steps of sequences as an array, each sequence from the left; not encoded yet.

        Raises
        ------
        ValueError
            If the steps are not of the same kind as in fit.
        """
        steps = sequences.steps
        if steps.ndim - 1 != len(self._features):
            fitted, got = "tokens", "features"
            if self._features:
                fitted, got = got, fitted
            raise ValueError(f"The X of {self._owner} must hold {fitted}, as in fit. Got {got}.")
        if steps.shape[1:] != self._features:
            raise ValueError(
                f"The X of {self._owner} must have {self._features[0]} features, as in fit. Got "
                f"{steps.shape[1]} instead."
            )
        if self._vocabulary is not None:
            return sequences.packed(self._vocabulary.numbers(steps, self._owner))
        return sequences.packed(np.column_stack([steps, np.ones(len(steps))]))

    def learn(self, steps, weight):
        """Learn from packed steps which tokens are frequent, or means and deviations of features.

        Only training sequences are seen: held-out ones then have as many infrequent tokens as
        those of `predict` will have.
        """
        if self._vocabulary is None:
            if self._standardize:
                self._scaler = StandardScaler().fit(steps[:, :-1], sample_weight=weight)
        elif self._min_frequency > 1:
            number = np.arange(len(self._vocabulary))
            rare = np.bincount(steps, minlength=len(number)) < self._min_frequency
            self._kept_numbers = np.where(rare & (number > 0), 1, number).astype(np.int32)

    def prepared(self, X):
        """Packed steps, encoded by what was learnt; padding stays recognisable."""
        if self._kept_numbers is not None:
            return self._kept_numbers[X]
        if self._scaler is None:
            return X
        features, is_step = X[..., :-1], X[..., -1:]
        standard = (features - self._scaler.mean_) / self._scaler.scale_ * is_step
        return np.concatenate([standard, is_step], axis=-1)

"""Which rows train and which are held out: folds, later rows, and what is searched in them."""

from skimbalance.model_selection._folds import IterativeStratifiedKFold, StratifiedSequenceKFold
from skimbalance.model_selection._inputs import Inputs
from skimbalance.model_selection._search_space import search_space
from skimbalance.model_selection._time import TimeHoldout

__all__ = [
    "Inputs",
    "IterativeStratifiedKFold",
    "StratifiedSequenceKFold",
    "TimeHoldout",
    "search_space",
]

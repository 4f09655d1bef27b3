"""Which rows train and which are held out: folds, later rows, and what is searched in them."""

from skimbalance.model_selection._folds import IterativeStratifiedKFold, StratifiedSequenceKFold

__all__ = ["IterativeStratifiedKFold", "StratifiedSequenceKFold"]

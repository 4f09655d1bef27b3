"""Which rows an epoch visits, and in which order: index streams, splits and folds."""

from skimbalance.sampling._iterative import iterative_folds, iterative_split
from skimbalance.sampling._splits import stratified_folds, stratified_split
from skimbalance.sampling._streams import balanced_order, shuffled_order, stratified_order

__all__ = [
    "balanced_order",
    "iterative_folds",
    "iterative_split",
    "shuffled_order",
    "stratified_folds",
    "stratified_order",
    "stratified_split",
]

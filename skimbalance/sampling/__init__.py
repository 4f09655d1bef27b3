"""Which rows an epoch visits, and in which order: index streams, splits, folds and a sampler."""

from skimbalance.sampling._each_class import EachClassSMOTE
from skimbalance.sampling._iterative import iterative_folds, iterative_split
from skimbalance.sampling._splits import stratified_folds, stratified_split
from skimbalance.sampling._streams import balanced_order, shuffled_order, stratified_order

__all__ = [
    "EachClassSMOTE",
    "balanced_order",
    "iterative_folds",
    "iterative_split",
    "shuffled_order",
    "stratified_folds",
    "stratified_order",
    "stratified_split",
]

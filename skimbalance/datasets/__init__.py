"""Five real imbalanced data sets inside the package, loaded in the way of scikit-learn."""

from skimbalance.datasets._load import (
    load_abalone_19,
    load_ann_thyroid,
    load_credit_risk_grade,
    load_page_blocks,
    load_yeast,
)

__all__ = [
    "load_abalone_19",
    "load_ann_thyroid",
    "load_credit_risk_grade",
    "load_page_blocks",
    "load_yeast",
]

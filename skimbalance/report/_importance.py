"""Why: what the ranking of the rarest class loses without each column."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import average_precision_score

from skimbalance._validation import inputs_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_SHOWN", "column_importance", "importance_frame", "importance_table"]

#: The most columns in a table of readable texts, and in a figure.
MOST_SHOWN = 20


def column_importance(
    estimator: Any,
    X: Any,
    is_true: np.ndarray | None,
    ranked: Callable[[Any, Any], np.ndarray],
    n_repeats: int,
    random_state: int | np.random.RandomState | None,
    owner: str,
) -> dict[str, Any]:
    """Permutation importance of the columns for the average precision of one class.

    Parameters
    ----------
    estimator : classifier
        Fitted classifier or pipeline.
    X : array-like of shape (n_samples, n_features)
        Rows that it has not seen, a table or a dense array.
    is_true : ndarray of shape (n_samples,) or None
        Which rows are of the class, 0 or 1; nan where that is not known. None for sequences.
    ranked : callable
        ``ranked(estimator, X)`` gives the posteriors of the class, of shape (n_samples,).
    n_repeats : int
        How often each column is shuffled.
    random_state : int, RandomState instance or None
        Source of the shuffles.
    owner : str
        For errors.

    Returns
    -------
    importance : dict
        "average_precision", that with all columns; "n_repeats"; and "columns", a list with a dict
        for each column, the most important first: "column", and "mean" and "std", what the average
        precision loses when the column is shuffled, and its deviation over the shuffles.

    Raises
    ------
    ValueError
        If X has no columns that can be shuffled.

    References
    ----------
    .. [1] L. Breiman. "Random Forests." Machine Learning 45, 2001. doi:10.1023/A:1010933404324
    """
    from sklearn.inspection import permutation_importance

    X = X.to_pandas() if hasattr(X, "to_pandas") else X
    several, _ = inputs_of(X)
    if is_true is None or hasattr(X, "tocsr") or several is not None or len(np.shape(X)) != 2:
        got = "a sparse matrix" if hasattr(X, "tocsr") else f"{type(X).__name__}"
        raise ValueError(
            f"The 'importance' parameter of {owner} must be False unless X is a table, or a dense "
            f"array with a column for each feature. Got {got} as X."
        )
    X = X if hasattr(X, "columns") else np.asarray(X)
    names = X.columns.tolist() if hasattr(X, "columns") else list(range(X.shape[1]))
    known = ~np.isnan(is_true)

    def score(estimator, X, y):
        return float(average_precision_score(y[known], ranked(estimator, X)[known]))

    result = permutation_importance(
        estimator, X, is_true, scoring=score, n_repeats=n_repeats, random_state=random_state
    )
    return {
        "average_precision": score(estimator, X, is_true),
        "n_repeats": n_repeats,
        "columns": [
            {
                "column": names[k] if isinstance(names[k], int) else str(names[k]),
                "mean": float(result.importances_mean[k]),
                "std": float(result.importances_std[k]),
            }
            for k in np.argsort(-result.importances_mean, kind="stable")
        ],
    }


def importance_frame(importance: dict[str, Any]) -> "pd.DataFrame":
    """A row for each column, the most important first."""
    import pandas as pd

    return pd.DataFrame(importance["columns"]).set_index("column")


def importance_table(importance: dict[str, Any]) -> "pd.DataFrame":
    """The most important columns in readable texts, and how many others there are."""
    import pandas as pd

    columns = importance["columns"]
    rows = [
        {
            "column": str(of_column["column"]),
            "loss of average precision": f"{of_column['mean']:.3f}",
            "deviation": f"{of_column['std']:.3f}",
        }
        for of_column in columns[:MOST_SHOWN]
    ]
    n_more = len(columns) - len(rows)
    if n_more:
        most = max(of_column["mean"] for of_column in columns[MOST_SHOWN:])
        rows.append(
            {
                "column": f"{n_more} more",
                "loss of average precision": f"{most:.3f} or less",
                "deviation": "",
            }
        )
    return pd.DataFrame(rows, dtype=object)

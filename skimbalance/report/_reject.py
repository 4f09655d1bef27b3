"""The reject option: what is gained by leaving the least sure rows to people.

How sure a decision is follows from posteriors and decisions alone. A threshold t of a posterior is
the rule of least expected cost where a miss costs ``1 / t`` and a false alarm ``1 / (1 - t)``
(Elkan 2001), and weights w of several classes are that rule where a wrong decision about a row of
class k costs ``w_k``. So the weights are looked for with which the posteriors give the decisions,
and the least sure rows are those with the largest expected cost, ``sum_k w_k eta_k - w_d eta_d``
for decision d. For the most probable class all weights are equal, and this is Chow's rule.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import hypergeom

from skimbalance.metrics._p_values import SIGNIFICANCE
from skimbalance.metrics._plain import plain_floats
from skimbalance.metrics._scores import decision_sums, f1_macro, ratio

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "expected_costs",
    "reject_frame",
    "reject_option",
    "reject_sentence",
    "reject_table",
]

# Score of the rows kept -> its name.
_SCORES = {
    "error_rate": "error rate",
    "f1_macro": "macro-F1",
    "recall": "recall",
    "precision": "precision",
    "found": "found in all rows if people are right",
}

# The shares of rows in the sentence, in the table and in the curve.
_SHARE = 0.05
_SHOWN_SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
_SHARES = np.arange(51) / 100

# With fewer rows the share of the sentence is not a whole row.
_FEWEST_ROWS = 20

# Zeros are raised as in the decisions of tuned rules.
_SMALLEST = 1e-12

# The search for weights: passes over the classes, and the most values it looks at in a pass.
_MOST_PASSES = 20
_MOST_VALUES = 2e8


def reject_option(
    y: np.ndarray, decided: np.ndarray, eta: np.ndarray, positive: int
) -> dict[str, Any] | None:
    """Scores of the rows that are kept if the least sure ones are left to people.

    Parameters
    ----------
    y, decided : ndarray of shape (n_samples,)
        Indices of the true and of the predicted classes.
    eta : ndarray of shape (n_samples, n_classes)
        Posteriors.
    positive : int
        Index of the class that recall and precision are about.

    Returns
    -------
    reject_option : dict or None
        None for fewer than 20 rows. Otherwise

        - "share", 0.05;
        - "all" and "rejected", each a dict of the numbers of rows ("n_rows"), of rows of the class
          ("support") and of wrong decisions ("errors");
        - "p_value", the probability of at least as many wrong decisions among random rows;
        - "curve", a dict of lists: "share", 0 to 0.5, and of the rows kept "error_rate",
          "f1_macro", "recall" and "precision", whose first entries are those of all rows, and on
          average those of any number of random rows; and "found", the recall in all rows if people
          decide the others rightly. None stands for a score that is not defined.

        Rows that are equally sure have equal parts in the places for which they compete.

    References
    ----------
    .. [1] C. K. Chow. "On Optimum Recognition Error and Reject Tradeoff." IEEE Transactions on
       Information Theory 16(1), 1970. doi:10.1109/TIT.1970.1054406
    .. [2] R. El-Yaniv, Y. Wiener. "On the Foundations of Noise-free Selective Classification."
       Journal of Machine Learning Research 11, 2010.
    .. [3] Y. Geifman, R. El-Yaniv. "Selective Classification for Deep Neural Networks." NeurIPS
       2017. arXiv:1705.08500
    .. [4] C. Elkan. "The Foundations of Cost-Sensitive Learning." IJCAI 2001.
    """
    n_rows, n_classes = eta.shape
    if n_rows < _FEWEST_ROWS:
        return None
    _, place, n_equal = np.unique(
        expected_costs(eta, decided), return_inverse=True, return_counts=True
    )
    n_surer = np.cumsum(n_equal) - n_equal
    parts = []
    for n_kept in n_rows - np.rint(_SHARES * n_rows):
        kept = np.clip((n_kept - n_surer) / n_equal, 0, 1)[place]
        parts.append(decision_sums(y, decided, n_classes, kept))
    hits, predicted, actual = np.swapaxes(parts, 0, 1)
    curve: dict[str, list[Any]] = {"share": _SHARES.tolist()}
    for name, score in _scores(hits, predicted, actual, positive).items():
        curve[name] = plain_floats(score)
    whole = _numbers(*parts[0], positive)
    kept_rows = _numbers(*parts[int(np.argmin(np.abs(_SHARES - _SHARE)))], positive)
    # Parts of rows that are equally sure leave rounding errors.
    rejected = {name: round(whole[name] - kept_rows[name], 6) for name in whole}
    by_chance = hypergeom(whole["n_rows"], whole["errors"], rejected["n_rows"])
    return {
        "share": _SHARE,
        "all": whole,
        "rejected": rejected,
        "p_value": float(by_chance.sf(np.floor(rejected["errors"]) - 1)),
        "curve": curve,
    }


def expected_costs(eta: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """Expected cost of each decision under the weights that give the decisions.

    Parameters
    ----------
    eta : ndarray of shape (n_samples, n_classes)
        Posteriors.
    decided : ndarray of shape (n_samples,)
        Indices of the decisions.

    Returns
    -------
    costs : ndarray of shape (n_samples,)
        Costs, where a wrong decision about a row of the class with the largest weight costs 1.
    """
    log_weights = _log_weights(np.log(np.maximum(eta, _SMALLEST)), decided)
    weighted = eta * np.exp(log_weights - log_weights.max())
    weighted[np.arange(len(eta)), decided] = 0  # no difference of nearly equal sums
    return weighted.sum(axis=1)


def _log_weights(log_eta, decided):
    """Logarithms of class weights with which the largest weighted posterior gives the decisions.

    If no weights do, those that give the most. Weights that already do are kept, and a new weight
    lies in the middle of those that are as good. Of too many values some rows are looked at.
    """
    n_rows, n_classes = log_eta.shape
    step = int(np.ceil(n_rows * n_classes**2 / _MOST_VALUES))
    log_eta, decided = log_eta[::step], decided[::step]
    best, fewest = np.zeros(n_classes), len(log_eta) + 1
    weights = best.copy()
    for _ in range(_MOST_PASSES):
        found = np.argmax(log_eta + weights, axis=1)
        is_wrong = found != decided
        if is_wrong.sum() >= fewest:
            break
        best, fewest = weights.copy(), is_wrong.sum()
        for k in np.unique([found[is_wrong], decided[is_wrong]]):
            scores = log_eta + weights
            scores[:, k] = -np.inf
            weights[k] = _cut(scores.max(axis=1) - log_eta[:, k], decided == k)
    return best


def _cut(needed, is_chosen):
    """The middle of the values that are at least what chosen rows need, and less than others need.

    If there are none, the middle of those with the fewest contradictions.
    """
    order = np.argsort(needed)
    needed, is_chosen = needed[order], is_chosen[order]
    ends = np.concatenate([[needed[0] - 1], needed, [needed[-1] + 1]])
    wrong = is_chosen.sum() + np.append(0, np.cumsum(np.where(is_chosen, -1, 1)))
    wrong = np.where(np.diff(ends) > 0, wrong, len(needed) + 1)
    place = int(np.argmin(wrong))
    return (ends[place] + ends[place + 1]) / 2


def _scores(hits, predicted, actual, positive):
    """Scores of the curve from sums of shape (n_points, n_classes)."""
    n_kept = actual.sum(axis=1)
    return {
        "error_rate": np.maximum(1 - hits.sum(axis=1) / n_kept, 0),
        "f1_macro": f1_macro(hits, predicted, actual),
        "recall": ratio(hits[:, positive], actual[:, positive], np.nan),
        "precision": ratio(hits[:, positive], predicted[:, positive], np.nan),
        "found": 1 - ratio((actual - hits)[:, positive], actual[0, positive], np.nan),
    }


def _numbers(hits, predicted, actual, positive):
    """Numbers of rows, of those of the class, and of wrong decisions."""
    return {
        "n_rows": float(actual.sum()),
        "support": float(actual[positive]),
        "errors": float(actual.sum() - hits.sum()),
    }


def reject_sentence(option: dict[str, Any], unit: str) -> str:
    """What is gained, in words, with "row" or "step" as unit."""
    whole, rejected, curve = option["all"], option["rejected"], option["curve"]
    if not whole["errors"]:
        return f"All decisions are right: leaving the least sure {unit}s to people gains nothing."
    n_rejected = f"{rejected['n_rows']:,.0f}"
    units = f"{unit}{'s' * (rejected['n_rows'] > 1)}"
    found = (
        f"The least sure {option['share']:.0%} of the {unit}s ({n_rejected}) have "
        f"{rejected['errors']:,.3g} of the {whole['errors']:,.0f} wrong decisions; {n_rejected} "
        f"random {units} would have {whole['errors'] * option['share']:,.2g}."
    )
    if option["p_value"] > SIGNIFICANCE:
        return f"{found} That may be chance: leaving them to people may gain nothing."
    at = curve["share"].index(option["share"])
    error_rate, f1, recall, precision = (
        f"{_SCORES[name]} is {_number(curve[name][at])} instead of {_number(curve[name][0])}"
        for name in ("error_rate", "f1_macro", "recall", "precision")
    )
    return (
        f"{found} If these are left to people, the {error_rate} and the {f1}. For class "
        f"{option['label']!r}, with {rejected['support']:,.3g} of its {whole['support']:,.0f} "
        f"{unit}s among them, {recall} and {precision}; if people are right, "
        f"{_number(curve['found'][at])} of all its {unit}s are found."
    )


def reject_frame(option: dict[str, Any]) -> "pd.DataFrame":
    """The curve, by the share of rows that is rejected; nan where a score is not defined."""
    import pandas as pd

    return pd.DataFrame(option["curve"]).astype(float).set_index("share")


def reject_table(option: dict[str, Any], unit: str) -> "pd.DataFrame":
    """Scores of the rows kept, at some shares."""
    import pandas as pd

    curve = option["curve"]
    places = [curve["share"].index(share) for share in _SHOWN_SHARES]
    columns = {f"{unit}s left to people": [f"{share:.0%}" for share in _SHOWN_SHARES]}
    for name, words in _SCORES.items():
        of_class = f" of {option['label']}" if name in ("recall", "precision") else ""
        columns[f"{words.replace('rows', unit + 's')}{of_class}"] = [
            _number(curve[name][place]) for place in places
        ]
    return pd.DataFrame(columns, dtype=object)


def _number(value):
    return "-" if value is None else f"{value:.3f}"

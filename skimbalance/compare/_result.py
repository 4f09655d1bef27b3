"""What a comparison of strategies found, as a record, a table, a text, a figure and a page."""

import html
import os
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from skimbalance._page import (
    data_name,
    facts_html,
    figure_html,
    list_html,
    made_with,
    page,
    paragraph,
    table_html,
    table_text,
    write_page,
)
from skimbalance.compare._strategies import (
    DEFAULT_OF_THE_CLASSIFIER,
    STRATEGIES,
    default_network,
    fit_given,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from skimbalance.plots import StrategyComparisonDisplay

__all__ = ["StrategyComparison", "settings"]

# Metrics in the printed table, beside the one that sorts it -> their headings.
_PRINTED = {
    "balanced_accuracy": "balanced acc.",
    "mcc": "MCC",
    "f1_macro": "f1_macro",
    "f1_micro": "f1_micro",
    "average_precision": "avg. precision",
}


def settings(
    n_rows: int, *, network: Any, cv: Any, n_repeats: int, random_state: Any, weighted: bool = False
) -> dict[str, str]:
    """What the page says of the parameters of `compare_strategies`, in words."""
    network = default_network(n_rows) if network is None else network
    layers = "-".join(map(str, np.ravel(network.hidden_layer_sizes).tolist())) or "none"
    folds = repr(cv) if isinstance(cv, Integral) or hasattr(cv, "split") else "as given"
    if n_repeats > 1:
        folds += f", repeated {n_repeats} times"
    return {
        "folds": folds,
        **({"weights": "of the rows, in fits and scores"} if weighted else {}),
        "network": f"layers {layers}, {network.epochs} epochs: {network!r}, with what each "
        "strategy changes",
        "random_state": repr(random_state),
    }


def mean_of_judged(scores: np.ndarray) -> np.ndarray:
    """Mean over the folds that judge a score, of shape (n_strategies,); nan if none does."""
    judged = ~np.isnan(scores[0])
    return scores[:, judged].mean(axis=1) if judged.any() else np.full(len(scores), np.nan)


def _plain(values: np.ndarray) -> list[float | None]:
    """Python's own numbers, and None for nan."""
    return [None if np.isnan(value) else float(value) for value in values]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class StrategyComparison:
    """Result of `skimbalance.compare_strategies`; the best strategy comes first.

    Attributes
    ----------
    names : list of str
        Names of the strategies.
    metric : str
        Metric that the strategies are sorted by.
    scores : ndarray of shape (n_strategies, n_folds)
        Scores by that metric in each fold; nan where the test rows cannot judge it.
    metrics : dict of str to ndarray of shape (n_strategies, n_folds)
        Scores by `metric` and by "balanced_accuracy", "f1_macro", "f1_weighted", "mcc",
        "geometric_mean", "cohen_kappa", "f1" (of the class `pos_label`) and "average_precision" (of
        this class for two classes, otherwise the mean over the classes). In the multilabel case
        they are "f1_macro", "f1_micro", "f1_samples" and "average_precision", the mean over the
        labels.
    classes : ndarray of shape (n_classes,) or (n_labels,)
        Class labels, the most frequent first; in the multilabel case the names of the columns of y,
        or their numbers.
    class_counts : ndarray of shape (n_classes,) or (n_labels,)
        Number of rows of each class, or with each label.
    recall : ndarray of shape (n_strategies, n_classes) or (n_strategies, n_labels)
        Recall of each class or label, over all folds; nan if no fold tests a row of it.
    p_values : ndarray of shape (n_strategies,)
        P-values of the hypothesis that a strategy is as good as the first one: two-sided, by the
        corrected resampled t-test [1]_ on the differences in the folds, adjusted for their number
        by Holm's method [2]_; nan for the first strategy.
    recommended : str
        The strategy that `recommendation` names and `best_estimator` returns.
    recommendation : str
        Which strategy to use: the simplest one whose mean is within one standard error (as in
        [1]_) of the best; and how many strategies the best one beats beyond noise.
    notes : list of str
        What limits the comparison.
    about : dict of str to str
        What the page says of its making: data, folds, network, seed, versions, date.
    pos_label : label
        The class that scores of one class are about; None in the multilabel case.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio. "Inference for the Generalization Error." Machine Learning
       52(3), 2003. doi:10.1023/A:1024068626366
    .. [2] S. Holm. "A Simple Sequentially Rejective Multiple Test Procedure." Scandinavian
       Journal of Statistics 6(2), 1979.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skimbalance import compare_strategies
    >>> X, y = make_classification(300, weights=[0.9], random_state=0)
    >>> others = {"weighted": LogisticRegression(class_weight="balanced"),
    ...           "unweighted": LogisticRegression()}
    >>> comparison = compare_strategies(
    ...     X, y, strategies=[], estimators=others, objective="balanced_accuracy", verbose=0,
    ...     random_state=0)
    >>> comparison.names
    ['weighted', 'unweighted']
    """

    names: list[str]
    metric: str
    metrics: dict[str, np.ndarray]
    classes: np.ndarray
    class_counts: np.ndarray
    recall: np.ndarray
    p_values: np.ndarray
    recommended: str
    recommendation: str
    notes: list[str]
    # The recommended estimator, not fitted, and the rows to fit it on.
    _estimator: Any
    _X: Any
    _y: Any
    _groups: np.ndarray | None = None
    _sample_weight: np.ndarray | None = None
    about: dict[str, str] = field(default_factory=made_with)
    pos_label: Any = None

    @property
    def scores(self) -> np.ndarray:
        """Scores by `metric` in each fold, of shape (n_strategies, n_folds)."""
        return self.metrics[self.metric]

    def frame(self) -> "pd.DataFrame":
        """Scores as a table.

        Returns
        -------
        frame : DataFrame
            A row for each strategy: mean and standard deviation of the metric that sorts, over
            the folds that judge it; p-value; means of the other metrics; recall of each class.
        """
        import pandas as pd

        columns = {
            self.metric: mean_of_judged(self.scores),
            f"{self.metric} std": np.nanstd(self.scores, axis=1),
            "p-value": self.p_values,
        }
        for key, scores in self.metrics.items():
            columns.setdefault(key, mean_of_judged(scores))
        for k, label in enumerate(self.classes.tolist()):
            columns[f"recall {label}"] = self.recall[:, k]
        return pd.DataFrame(columns, index=pd.Index(self.names, name="strategy"))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers and texts.

        Returns
        -------
        content : dict
            Plain Python objects, which JSON can hold; None in place of a score, p-value or recall
            that is not defined.
        """
        return {
            "metric": self.metric,
            "recommended": self.recommended,
            "recommendation": self.recommendation,
            "notes": self.notes,
            "classes": self.classes.tolist(),
            "class_counts": self.class_counts.tolist(),
            "strategies": [
                {
                    "name": name,
                    "scores": {key: _plain(scores[i]) for key, scores in self.metrics.items()},
                    "recall": _plain(self.recall[i]),
                    "p_value": _plain(self.p_values[i : i + 1])[0],
                }
                for i, name in enumerate(self.names)
            ],
        }

    def best_estimator(self, refit: bool = True) -> Any:
        """The estimator of the recommended strategy.

        Parameters
        ----------
        refit : bool, default=True
            Whether to fit it on all rows.

        Returns
        -------
        estimator : classifier
            A classifier for tables like the one that was compared on.
        """
        estimator = clone(self._estimator)
        given = fit_given(estimator, self._groups, self._sample_weight)
        return estimator.fit(self._X, self._y, **given) if refit else estimator

    def plot(self, ax: "Axes | None" = None) -> "StrategyComparisonDisplay":
        """Draw the scores in the folds, and the recall of each class.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes for the scores alone. By default both are drawn on a new figure.

        Returns
        -------
        display : StrategyComparisonDisplay
            The display; its ``figure_`` is the drawing.
        """
        from skimbalance.plots import StrategyComparisonDisplay

        return StrategyComparisonDisplay.from_comparison(self, ax=ax)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an HTML page in one file: recommendation, figure, tables, strategies, notes.

        It says what was compared, too: rows, folds, network, seed, versions, and the name of the
        data, ``X.attrs["name"]``, if X is a DataFrame that has one.

        Parameters
        ----------
        path : path-like
            The file. An existing file is replaced only once the new page is complete.
        """
        from skimbalance.plots import StrategyComparisonDisplay
        from skimbalance.plots._drawing import drawn_apart

        figure = drawn_apart(StrategyComparisonDisplay._undrawn(self))
        picture = figure_html(figure, "Scores in the folds, and recall of each class")
        title = f"{self._in_words(self.metric)} in {self.scores.shape[1]} folds, and recall"
        blocks = [
            ("", f"<p>{html.escape(self.recommendation)}</p>"),
            (title, picture),
            ("Means over the folds", table_html(self._overall().reset_index())),
            (
                f"Recall of each {self._noun}, over all folds",
                table_html(self._recalls().reset_index()),
            ),
            *self._explained(),
            ("What to keep in mind", list_html(self.notes)),
            ("How this comparison was made", facts_html(self._facts())),
        ]
        write_page(path, page("Which strategy?", blocks))

    @property
    def _noun(self) -> str:
        """What the classes are."""
        return "label" if np.ndim(self._y) == 2 else "class"

    def _facts(self) -> dict[str, str]:
        counts = zip(self.classes.tolist(), self.class_counts.tolist(), strict=True)
        inputs = self._X if isinstance(self._X, dict | tuple) else None
        return {
            **data_name(self._X),
            "rows": f"{len(self._y):,}",
            **(
                {"columns": f"{np.shape(self._X)[1]:,}"}
                if inputs is None
                else {"inputs": f"{len(inputs):,}"}
            ),
            f"{'labels' if self._noun == 'label' else 'classes'} (rows)": ", ".join(
                f"{label} ({count:,})" for label, count in counts
            ),
            **self.about,
        }

    def _in_words(self, metric: str) -> str:
        """A metric in words: "f1" is that of one class."""
        if metric.removesuffix(" std") == "f1":
            label = self.classes.tolist()[-1] if self.pos_label is None else self.pos_label
            return metric.replace("f1", f"F1 of class {label}", 1)
        return metric.replace("_", " ")

    def _overall(self) -> "pd.DataFrame":
        frame = self.frame()
        frame = frame[[name for name in frame if not name.startswith("recall ")]]
        # Headings that break at spaces keep the table narrow.
        return frame.rename(columns=self._in_words)

    def _recalls(self) -> "pd.DataFrame":
        frame = self.frame()
        recalls = frame[[name for name in frame if name.startswith("recall ")]]
        counts = [f"{label} ({count:,})" for label, count in zip(
            self.classes.tolist(), self.class_counts.tolist(), strict=True)]  # fmt: skip
        return recalls.set_axis(counts, axis=1)

    def _explained(self) -> list[tuple[str, str]]:
        """What each strategy does, as a block of the page; none if all are the user's."""
        import pandas as pd

        lines = [(name, text) for name, text in STRATEGIES.items() if name in self.names]
        if not lines:
            return []
        table = table_html(pd.DataFrame(lines, columns=["strategy", "what it does"]))
        return [("Strategies", f"{table}\n<p>{html.escape(DEFAULT_OF_THE_CLASSIFIER)}</p>")]

    def _repr_html_(self) -> str:
        return list_html([self.recommendation]) + table_html(self._overall().reset_index())

    def __str__(self) -> str:
        """The table as text, the recommendation below it."""
        title = f"{self.scores.shape[1]} folds, best first; +- is the standard deviation over them"
        sentences = map(paragraph, (self.recommendation, *self.notes))
        return "\n".join([title, "", table_text(self._printed()), "", *sentences])

    def _printed(self) -> "pd.DataFrame":
        """The most important columns, as texts."""
        import pandas as pd

        scores = [f"{np.nanmean(of):.3f} +- {np.nanstd(of):.3f}" for of in self.scores]
        columns = {
            "strategy": self.names,
            self._in_words(self.metric) if self.metric == "f1" else self.metric: scores,
            "p (Holm)": ["" if np.isnan(p) else f"{p:.3f}" for p in self.p_values],
        }
        for key, title in _PRINTED.items():
            shown = key in self.metrics and (key != "f1_macro" or "mcc" not in self.metrics)
            if shown and key != self.metric:
                columns[title] = [
                    "-" if np.isnan(mean) else f"{mean:.3f}"
                    for mean in mean_of_judged(self.metrics[key])
                ]
        recall = f"recall of {self.classes.tolist()[-1]}\n({self.class_counts[-1]:,} rows)"
        columns[recall] = [f"{value:.3f}" for value in self.recall[:, -1]]
        return pd.DataFrame(columns)

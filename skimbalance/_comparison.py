"""What a comparison of strategies found: scores, paired tests, a recommendation."""

import html

import numpy as np
from scipy.stats import t as student
from sklearn.base import clone

from skimbalance._page import figure_html, list_html, page, table_html, write_page
from skimbalance._strategies import STRATEGIES

__all__ = ["StrategyComparison", "corrected_t_test", "holm"]

SIGNIFICANCE = 0.05

# In a sentence that can still be read; the table has all.
MOST_NAMED = 4


class StrategyComparison:
    """Result of `skimbalance.compare_strategies`; the best strategy comes first.

    Attributes
    ----------
    names : list of str
        The strategies.
    metric : str
        What they are sorted by.
    scores : ndarray of shape (n_strategies, n_folds)
        That metric in each fold.
    metrics : dict of str to ndarray of shape (n_strategies, n_folds)
        All metrics: those of `objective`, "f1" of the rarest class, and "average_precision",
        the mean over the classes.
    classes : ndarray of shape (n_classes,)
        Class labels, the most frequent first.
    class_counts : ndarray of shape (n_classes,)
        Rows of each.
    recall : ndarray of shape (n_strategies, n_classes)
        Of each class, over all folds; nan where no fold tests a row of it.
    p_values : ndarray of shape (n_strategies,)
        That a strategy is as good as the first one: the corrected resampled t-test [1]_ of the
        folds' differences, two-sided, adjusted for their number by Holm's method [2]_; nan for
        the first.
    seconds : ndarray of shape (n_strategies,)
        Mean wall time of a fold, in which others may have trained beside it.
    recommendation : str
        One sentence.
    notes : list of str
        What limits the comparison.

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

    def __init__(self, X, y, classes, candidates, splits, scores, recall, seconds, *, metric):
        self._X, self._y = X, y
        means = {name: np.mean(of_metric[metric]) for name, of_metric in scores.items()}
        # Equally good ones stay in order: the simpler first.
        self.names = sorted(means, key=lambda name: -means[name])
        self._candidates = {name: candidates[name] for name in self.names}
        counts = np.array([np.sum(y == label) for label in classes])
        # The last is the class of "f1": of equally rare ones the first.
        by_count = np.argsort(counts, kind="stable")[::-1]
        self.metric = metric
        self.classes, self.class_counts = classes[by_count], counts[by_count]
        self.metrics = {
            key: np.array([scores[name][key] for name in self.names])
            for key in scores[self.names[0]]
        }
        self.scores = self.metrics[metric]
        self.recall = np.array([recall[name][by_count] for name in self.names])
        self.seconds = np.array([seconds[name] for name in self.names])
        self._test_share = float(np.mean([len(test) / len(train) for train, test in splits]))
        lead = self.scores[0] - self.scores[1:]
        self.p_values = np.append(np.nan, holm(corrected_t_test(lead, self._test_share)))
        self.notes = self._notes()
        self.recommendation = self._recommendation()

    def _notes(self):
        n_folds = self.scores.shape[1]
        notes = [
            f"Class {label!r} has {count} row{'s' if count > 1 else ''}: its scores are luck."
            for label, count in zip(self.classes.tolist(), self.class_counts.tolist(), strict=True)
            if count < 5
        ]
        if 1 < n_folds < 5:
            notes.append(f"{n_folds} folds tell little of the noise: repeat, or take more folds.")
        notes.append(
            "The best of several scores is too good on average: test the choice on other rows."
        )
        return notes

    def _recommendation(self):
        """The best, what cannot be told from it, and the simplest of these."""
        best, others = self.names[0], self.names[1:]
        text = f"{best!r} has the best mean {self.metric}, {self.scores[0].mean():.3f}"
        if not others:
            return text + "."
        if self.scores.shape[1] < 2:
            return text + ", but a single fold cannot tell a lead from noise: repeat, or take more."
        level = [
            name for name, p in zip(others, self.p_values[1:], strict=True) if not p < SIGNIFICANCE
        ]
        if not level:
            return f"{text}, and leads {_all_of(others)} beyond the noise: use it."
        beyond = [name for name in others if name not in level]
        text += (
            f", but {_listed(level)} {'is' if len(level) == 1 else 'are'} within the noise of it "
            f"(adjusted p of {SIGNIFICANCE} or more"
        )
        text += f"; it leads {_all_of(beyond)} beyond the noise)" if beyond else ")"
        # Only of the named strategies it is known how simple they are.
        known = [name for name in STRATEGIES if name in (best, *level)]
        if len(known) < 2:
            return text + "."
        also = "also " if known[0] == best else ""
        return f"{text}: {known[0]!r} is {also}the simplest strategy among them."

    def frame(self):
        """Scores as a table.

        Returns
        -------
        frame : DataFrame
            A row for each strategy: mean and standard deviation over the folds of the metric
            sorted by, means of the other metrics, p-value, recall of each class, seconds.
        """
        import pandas as pd

        columns = {
            self.metric: self.scores.mean(axis=1),
            f"{self.metric} std": self.scores.std(axis=1),
            "p-value": self.p_values,
        }
        for key, scores in self.metrics.items():
            columns.setdefault(key, scores.mean(axis=1))
        for k, label in enumerate(self.classes.tolist()):
            columns[f"recall {label}"] = self.recall[:, k]
        columns["seconds"] = self.seconds
        return pd.DataFrame(columns, index=pd.Index(self.names, name="strategy"))

    def to_dict(self):
        """All of it as plain numbers and texts.

        Returns
        -------
        content : dict
            Ready for JSON; None where there is no p-value, or no row of a class to recall.
        """
        return {
            "metric": self.metric,
            "recommendation": self.recommendation,
            "notes": self.notes,
            "classes": self.classes.tolist(),
            "class_counts": self.class_counts.tolist(),
            "strategies": [
                {
                    "name": name,
                    "scores": {key: of[i].tolist() for key, of in self.metrics.items()},
                    "recall": [None if np.isnan(of) else float(of) for of in self.recall[i]],
                    "p_value": None if np.isnan(self.p_values[i]) else float(self.p_values[i]),
                    "seconds": float(self.seconds[i]),
                }
                for i, name in enumerate(self.names)
            ],
        }

    def best_estimator(self, refit=True):
        """The first strategy's estimator.

        Parameters
        ----------
        refit : bool, default=True
            Whether to fit it on all rows.

        Returns
        -------
        estimator : classifier
            Takes tables as they were given.
        """
        estimator = clone(self._candidates[self.names[0]])
        return estimator.fit(self._X, self._y) if refit else estimator

    def plot(self, ax=None):
        """Draw the scores of the folds, and the recall by class.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw the scores alone.

        Returns
        -------
        display : StrategyComparisonDisplay
            Its ``figure_`` is the drawing.
        """
        from skimbalance.plots import StrategyComparisonDisplay

        return StrategyComparisonDisplay.from_comparison(self, ax=ax)

    def save(self, path):
        """Write a page that stands alone: recommendation, tables, figure.

        Parameters
        ----------
        path : path-like
            An HTML file; an older one is replaced when the new one is whole.
        """
        picture = figure_html(self.plot().figure_, "Scores of the folds, and recall by class")
        blocks = [
            ("", f"<p>{html.escape(self.recommendation)}</p>"),
            (f"{self.metric} in {self.scores.shape[1]} folds, and recall by class", picture),
            ("Means over the folds", table_html(self._overall().reset_index())),
            ("Recall of each class, over all folds", table_html(self._recalls().reset_index())),
            ("What to keep in mind", list_html(self.notes)),
        ]
        write_page(path, page("Which strategy?", blocks))

    def _overall(self):
        frame = self.frame()
        frame = frame[[name for name in frame if not name.startswith("recall ")]]
        # Headings that break at spaces keep the table narrow.
        return frame.rename(columns=lambda name: name.replace("_", " "))

    def _recalls(self):
        frame = self.frame()
        recalls = frame[[name for name in frame if name.startswith("recall ")]]
        counts = [f"{label} ({count})" for label, count in zip(
            self.classes.tolist(), self.class_counts.tolist(), strict=True)]  # fmt: skip
        return recalls.set_axis(counts, axis=1)

    def _repr_html_(self):
        return list_html([self.recommendation]) + table_html(self._overall().reset_index())

    def __str__(self):
        """The table as text, the recommendation below it."""
        import io

        from rich.console import Console
        from rich.table import Table

        shown = {
            "balanced_accuracy": "balanced acc.",
            "mcc": "MCC",
            "average_precision": "avg. precision",
        }
        shown.pop(self.metric, None)
        table = Table(title=f"{self.scores.shape[1]} folds, best first")
        table.add_column("strategy", overflow="fold")
        for name in (self.metric, "p", *shown.values(), f"recall {self.classes.tolist()[-1]}"):
            table.add_column(name, justify="right", overflow="fold")
        for i, name in enumerate(self.names):
            p = self.p_values[i]
            table.add_row(
                name,
                f"{self.scores[i].mean():.3f} +- {self.scores[i].std():.3f}",
                "" if np.isnan(p) else f"{p:.3f}",
                *(f"{self.metrics[key][i].mean():.3f}" for key in shown),
                f"{self.recall[i, -1]:.3f}",
            )
        text = io.StringIO()
        # Names are shown as they are, and a notebook gets the text, too.
        console = Console(
            file=text, width=110, color_system=None, force_jupyter=False, markup=False, emoji=False
        )
        console.print(table)
        console.print(self.recommendation, highlight=False)
        return text.getvalue().rstrip()


def corrected_t_test(differences, test_share):
    """Two-sided p-values of mean differences over folds that share training rows.

    ``t = mean / sqrt((1 / J + n_test / n_train) * var)`` with J - 1 degrees of freedom (Nadeau
    and Bengio 2003).

    Parameters
    ----------
    differences : ndarray of shape (n, n_folds)
        Differences of scores.
    test_share : float
        Rows tested over rows trained on.

    Returns
    -------
    p : ndarray of shape (n,)
        1 where all folds differ by nothing; nan with one fold.
    """
    n, n_folds = differences.shape
    if n_folds < 2:
        return np.full(n, np.nan)
    mean = differences.mean(axis=1)
    error = np.sqrt((1 / n_folds + test_share) * differences.var(axis=1, ddof=1))
    t = np.divide(mean, error, out=np.where(mean == 0, 0, np.inf), where=error > 0)
    return 2 * student.sf(np.abs(t), n_folds - 1)


def holm(p):
    """P-values adjusted for their number (Holm 1979).

    Parameters
    ----------
    p : ndarray of shape (n,)
        Not adjusted.

    Returns
    -------
    adjusted : ndarray of shape (n,)
        Of at most 1, in the same order.
    """
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1)
    return adjusted


def _listed(names):
    quoted = [repr(name) for name in names]
    if len(quoted) > MOST_NAMED:
        quoted[MOST_NAMED - 1 :] = [f"{len(quoted) - MOST_NAMED + 1} others"]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " and " + quoted[-1]


def _all_of(others):
    return repr(others[0]) if len(others) == 1 else f"the other {len(others)}"

"""What a comparison of strategies found: scores, paired tests, a recommendation."""

import html

import numpy as np
from scipy.stats import t as student
from sklearn.base import clone

from skimbalance._page import figure_html, list_html, page, table_html, write_page
from skimbalance.compare._strategies import STRATEGIES
from skimbalance.plots._comparison import SIGNIFICANCE

__all__ = ["StrategyComparison", "corrected_t_test", "holm"]

FEW_ROWS = 5

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
    recommended : str
        The strategy that `recommendation` names, and `best_estimator` returns.
    recommendation : str
        One sentence: the simplest strategy whose mean is within one standard error (of [1]_) of
        the best, and how many the best leads beyond the noise.
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

    def __init__(self, X, y, classes, candidates, splits, scores, recall, *, metric):
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
        test_share = float(np.mean([len(test) / len(train) for train, test in splits]))
        t, p = corrected_t_test(self.scores[0] - self.scores[1:], test_share)
        self._t = np.append(0.0, t)
        self.p_values = np.append(np.nan, holm(p))
        self.recommended = self._simplest()
        self.notes = self._notes()
        self.recommendation = self._recommendation()

    def _notes(self):
        n_folds = self.scores.shape[1]
        few = [
            f"{label!r} ({count})"
            for label, count in zip(self.classes.tolist(), self.class_counts.tolist(), strict=True)
            if count < FEW_ROWS
        ]
        notes = []
        if few:
            notes.append(
                f"Scores of classes with fewer than {FEW_ROWS} rows are luck: {_listed(few)}."
            )
        if 1 < n_folds < 5:
            notes.append(f"{n_folds} folds tell little of the noise: repeat, or take more folds.")
        notes.append(
            "The best of several scores is too good on average: test the choice on other rows."
        )
        return notes

    def _simplest(self):
        """The simplest strategy within a standard error of the best."""
        best = self.names[0]
        # Of other estimators than the named strategies it is not known how simple they are.
        if self.scores.shape[1] < 2 or best not in STRATEGIES:
            return best
        near = {name for name, t in zip(self.names, self._t, strict=True) if t <= 1}
        return next(name for name in STRATEGIES if name in near)

    def _recommendation(self):
        """The simplest about as good as the best, and what the best leads beyond the noise."""
        best, n_others = self.names[0], len(self.names) - 1
        mean = dict(zip(self.names, self.scores.mean(axis=1), strict=True))
        if not n_others:
            return f"{best!r}, the only one, has a mean {self.metric} of {mean[best]:.3f}."
        if self.scores.shape[1] < 2:
            return (
                f"{best!r} has the best {self.metric}, {mean[best]:.3f}, but a single fold cannot "
                "tell a lead from noise: repeat, or take more."
            )
        simplest = self.recommended
        if simplest == best:
            text = f"Use {best!r}: it has the best mean {self.metric}, {mean[best]:.3f}"
            if "plain" in mean and best != "plain":
                text += f" (plain {mean['plain']:.3f})"
            text += ", and"
        else:
            text = (
                f"Use {simplest!r}: with a mean {self.metric} of {mean[simplest]:.3f} it is the "
                f"simplest within a standard error of the best, {best!r} ({mean[best]:.3f}), which"
            )
        beyond = int(np.sum(self.p_values < SIGNIFICANCE))
        if beyond == 0:
            return f"{text} leads none of the others beyond the noise: repeat to tell more."
        rest = "the others are" if beyond < n_others - 1 else "the other is"
        within = f"; {rest} within it" if beyond < n_others else ""
        return (
            f"{text} leads {beyond} of {n_others} others beyond the noise (adjusted "
            f"p < {SIGNIFICANCE}){within}."
        )

    def frame(self):
        """Scores as a table.

        Returns
        -------
        frame : DataFrame
            A row for each strategy: mean and standard deviation over the folds of the metric
            sorted by, means of the other metrics, p-value, recall of each class.
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
            "recommended": self.recommended,
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
                }
                for i, name in enumerate(self.names)
            ],
        }

    def best_estimator(self, refit=True):
        """The recommended strategy's estimator.

        Parameters
        ----------
        refit : bool, default=True
            Whether to fit it on all rows.

        Returns
        -------
        estimator : classifier
            Takes tables as they were given.
        """
        estimator = clone(self._candidates[self.recommended])
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
        n_folds, rarest = self.scores.shape[1], self.classes.tolist()[-1]
        table = Table(title=f"{n_folds} folds, best first; +- is their standard deviation")
        table.add_column("strategy", overflow="fold")
        recall = f"recall {rarest} ({self.class_counts[-1]})"
        for name in (self.metric, "p (Holm)", *shown.values(), recall):
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
        for sentence in (self.recommendation, *self.notes):
            console.print(sentence, highlight=False)
        return text.getvalue().rstrip()


def corrected_t_test(differences, test_share):
    """Paired t-test of mean differences over folds that share training rows.

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
    t, p : ndarray of shape (n,)
        The mean differences in standard errors, and their two-sided p-values: 1 where all folds
        differ by nothing; nan with one fold.
    """
    n, n_folds = differences.shape
    if n_folds < 2:
        return np.full(n, np.nan), np.full(n, np.nan)
    mean = differences.mean(axis=1)
    error = np.sqrt((1 / n_folds + test_share) * differences.var(axis=1, ddof=1))
    t = np.divide(mean, error, out=np.where(mean == 0, 0, np.inf), where=error > 0)
    return t, 2 * student.sf(np.abs(t), n_folds - 1)


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
    if len(names) > MOST_NAMED:
        names = [*names[: MOST_NAMED - 1], f"{len(names) - MOST_NAMED + 1} others"]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]

"""A report on a classifier for rare classes: data first, then text, a table and a page."""

import copy
import os
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from skimbalance._page import (
    data_name,
    facts_html,
    made_with,
    page,
    paragraph,
    table_html,
    table_text,
    write_page,
)
from skimbalance._response import posterior
from skimbalance.metrics import classification_summary
from skimbalance.metrics._checks import all_labels
from skimbalance.metrics._targets import are_sequences, labels_in, steps_of
from skimbalance.plots._several import with_several
from skimbalance.report._answers import (
    FRAMES,
    answers,
    checked_repeats,
    importance_of,
    with_answers,
)
from skimbalance.report._blocks import caption, class_figures, flags_html, sizes, tables
from skimbalance.report._flags import flags
from skimbalance.report._slices import named_slices, slices_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ImbalanceReport"]


class ImbalanceReport:
    """How far a classifier can be trusted, class by class, label by label or step by step.

    In the multilabel case each label has the place of a class. Of a tagger the steps count, and
    where the classes are tags such as "B-PER" also the entities.

    Built by `from_estimator`, `from_oof` or `from_predictions`. ``str()`` gives plain tables, a
    notebook shows them as HTML, `save` writes a page with figures.

    Parameters
    ----------
    summary : dict
        The figures, as in `skimbalance.metrics.classification_summary`.
    y_true : array-like of shape (n_samples,) or (n_samples, n_labels)
        True class labels, also those of the steps of sequences; or 0 and 1 for each label.
    y_pred : array-like of the form of `y_true`
        Predicted class labels.
    proba : array-like of shape (n_samples, n_classes) or (n_samples, n_labels), default=None
        Posteriors in the population.
    labels : array-like of shape (n_classes,) or (n_labels,), default=None
        All class labels in the order of the columns of `proba`, or the names of the labels. By
        default the sorted labels of `y_true` and `y_pred`, or the numbers of the labels.

    Attributes
    ----------
    flags : list of str
        What is wrong, in sentences: a class that is never predicted, never found, or mostly missed
        (a recall below 0.5); decisions, rankings or
        probabilities that are no better than those of a dummy; badly calibrated probabilities
        (off by more than chance explains, and by more than a quarter of the share of the class);
        too few test rows to judge (the interval of a recall is wider than 0.4); slices in which
        recall or precision is lower than elsewhere, beyond chance. Empty if nothing is wrong.
    about : dict of str to str
        What the page says of its making: date and versions; from an estimator also the model, the
        number of columns, and the name of the data, ``X.attrs["name"]``, where a DataFrame has one;
        out of fold also the objective and its score.

    See Also
    --------
    skimbalance.metrics.classification_summary : How each figure is computed, and its sources.

    Notes
    -----
    The reject option leaves the rows with the largest expected cost of the decision to people. A
    threshold t of the posterior p is the rule of least cost where a miss costs 1 / t and a false
    alarm 1 / (1 - t) [2]_, and weights of several classes are costs, too: those with which the
    posteriors give the decisions are looked for. For the most probable class these are the rows
    with the lowest posterior [1]_. The curve is that of risk and coverage [3]_, [4]_.

    References
    ----------
    .. [1] C. K. Chow. "On Optimum Recognition Error and Reject Tradeoff." IEEE Transactions on
       Information Theory 16(1), 1970. doi:10.1109/TIT.1970.1054406
    .. [2] C. Elkan. "The Foundations of Cost-Sensitive Learning." IJCAI 2001.
    .. [3] R. El-Yaniv, Y. Wiener. "On the Foundations of Noise-free Selective Classification."
       Journal of Machine Learning Research 11, 2010.
    .. [4] Y. Geifman, R. El-Yaniv. "Selective Classification for Deep Neural Networks." NeurIPS
       2017. arXiv:1705.08500
    .. [5] L. Breiman. "Random Forests." Machine Learning 45, 2001. doi:10.1023/A:1010933404324
    .. [6] S. Holm. "A Simple Sequentially Rejective Multiple Test Procedure." Scandinavian Journal
       of Statistics 6(2), 1979.

    Examples
    --------
    >>> from skimbalance.report import ImbalanceReport
    >>> report = ImbalanceReport.from_predictions(["no"] * 98 + ["yes"] * 2, ["no"] * 100)
    >>> report.flags[0]
    "Never predicted: class 'yes' (2 rows)."
    >>> report.frame()["recall"].to_dict()
    {'no': 1.0, 'yes': 0.0}
    """

    def __init__(
        self,
        summary: dict[str, Any],
        y_true: npt.ArrayLike,
        y_pred: npt.ArrayLike,
        proba: npt.ArrayLike | None = None,
        *,
        labels: npt.ArrayLike | None = None,
    ):
        self.summary = summary
        self.y_true = y_true
        self.y_pred = y_pred
        self.proba = proba
        self.labels = labels
        self.flags = flags(summary)
        self.about = made_with()

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: npt.ArrayLike,
        *,
        pos_label: Any = None,
        importance: bool | int = False,
        slices: Any = None,
        level: float = 0.95,
        n_resamples: int = 1000,
        random_state: int | np.random.RandomState | None = None,
    ) -> Self:
        """Judge a fitted classifier on rows that it has not seen.

        Decisions are those of ``predict``. Probabilities are those of ``predict_posterior`` if
        the classifier has it, as training with class weights makes ``predict_proba`` promise too
        many rows of the rare classes; otherwise those of ``predict_proba``, if it has that.

        Parameters
        ----------
        estimator : classifier
            A fitted classifier or pipeline.
        X : array-like of shape (n_samples, n_features), or sequences
            Test rows, or what a tagger takes; a mask of steps as that of a masked array.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), or sequences
            Class labels of the rows or steps. Those that the classifier does not know count as
            never predicted, and those that it ignores (`ignore_label`) not at all. In the
            multilabel case 0 and 1 for each label, nan where it is not known; the columns of a
            DataFrame name the labels.
        pos_label : label, default=None
            The class, or in the multilabel case the label, that importances, slices and the reject
            option are about. None stands for the rarest.
        importance : bool or int, default=False
            Whether to measure what the average precision of this class loses when a column of X is
            shuffled, and in how many shuffles; True is 5. Each shuffle of a column predicts all
            rows once. Columns that say the same share their importance.
        slices : str, list of str, array-like or DataFrame, default=None
            Columns of X by their names, or other columns with a value for each row. For each of
            their values the report has recall, precision and F1 of this class, and flags those that
            are lower than elsewhere, beyond chance. Numbers are cut at their quartiles.
        level : float, default=0.95
            Level of the intervals.
        n_resamples : int, default=1000
            Number of bootstrap samples for the intervals of overall scores.
        random_state : int, RandomState instance or None, default=None
            Seed of the bootstrap samples.

        Returns
        -------
        report : ImbalanceReport
            The report.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> from skimbalance.report import ImbalanceReport
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = LogisticRegression(max_iter=1000).fit(X[::2], y[::2])
        >>> ImbalanceReport.from_estimator(clf, X[1::2], y[1::2]).flags
        []
        >>> report = ImbalanceReport.from_estimator(
        ...     clf, X[1::2], y[1::2], importance=True, slices=X[1::2, 0], random_state=0
        ... )
        >>> sorted(report.frame("importance").index[:2])  # the columns that matter most
        [2, 3]
        >>> report.frame("slices")["n_rows"].to_list()  # by quarters of the first column
        [22, 16, 21, 16]
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "classes_"):
            raise ValueError(
                f"The 'estimator' parameter of {cls.__name__} must be a classifier, with its "
                f"classes as 'classes_'. Got {estimator!r} instead."
            )
        n_repeats = checked_repeats(importance, cls.__name__)
        slices = named_slices(slices, X, cls.__name__)
        several = with_several(estimator, X, y, cls.__name__)
        if several is None:
            labels = all_labels(None, cls.__name__, classes_=estimator.classes_, y=y)
            has_proba = hasattr(estimator, "predict_proba")
            proba = posterior(estimator, X, labels) if has_proba else None
            decided = estimator.predict(X)
        else:
            y, decided, proba, labels = several
        report = cls.from_predictions(
            y,
            decided,
            proba,
            labels=labels,
            pos_label=pos_label,
            slices=slices,
            level=level,
            n_resamples=n_resamples,
            random_state=random_state,
        )
        if n_repeats:
            report.summary["importance"] = importance_of(
                estimator, X, y, labels, report.summary, pos_label, n_repeats, random_state,
                cls.__name__,
            )  # fmt: skip
        shape: tuple[int, ...] = getattr(X, "shape", ())
        columns = {"columns": f"{shape[1]:,}"} if len(shape) == 2 else {}
        report.about = {"model": repr(estimator), **data_name(X), **columns, **report.about}
        return report

    @classmethod
    def from_oof(
        cls,
        ensemble: Any,
        y: npt.ArrayLike,
        *,
        pos_label: Any = None,
        slices: Any = None,
        level: float = 0.95,
        n_resamples: int = 1000,
        random_state: int | np.random.RandomState | None = None,
    ) -> Self:
        """Judge an ensemble on its own training rows, without another split.

        Decisions and posteriors of a row are those of the networks that left it out, by rules and
        calibrators that were learnt without its fold.

        Parameters
        ----------
        ensemble : ImbalancedEnsembleClassifier
            Fitted on class labels, or on a label indicator matrix.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels of the training rows, as `fit` got them. Rows that no fold held out are
            left out; all others count the same, whatever their weights in `fit`.
        pos_label : label, default=None
            The class that slices and the reject option are about, see `from_estimator`.
        slices : array-like or DataFrame, default=None
            Columns with a value for each row, see `from_estimator`.
        level : float, default=0.95
            Level of the intervals.
        n_resamples : int, default=1000
            Number of bootstrap samples for the intervals of overall scores.
        random_state : int, RandomState instance or None, default=None
            Seed of the bootstrap samples.

        Returns
        -------
        report : ImbalanceReport
            The report; it also gives the objective of the ensemble.

        Raises
        ------
        ValueError
            If y is not that of the fit; or if the ensemble was loaded from a model file, which
            holds nothing of the training rows, or was fitted by `fit_stream`.

        Examples
        --------
        >>> from sklearn.datasets import make_classification
        >>> from skimbalance import ImbalancedEnsembleClassifier, ImbalancedMLPClassifier
        >>> from skimbalance.report import ImbalanceReport
        >>> X, y = make_classification(300, weights=[0.8], class_sep=2.0, random_state=0)
        >>> network = ImbalancedMLPClassifier((16,), epochs=20)
        >>> clf = ImbalancedEnsembleClassifier(network, random_state=0).fit(X, y)
        >>> report = ImbalanceReport.from_oof(clf, y, random_state=0)
        >>> report.to_dict()["n_rows"]
        300
        """
        check_is_fitted(ensemble)
        if not hasattr(ensemble, "oof_prediction_"):
            raise ValueError(
                f"The 'ensemble' parameter of {cls.__name__}.from_oof must be fitted and have "
                "'oof_prediction_', which model files and 'fit_stream' leave out. Got "
                f"{type(ensemble).__name__}: use from_estimator with rows that it has not seen."
            )
        is_held_out, held_out = ensemble._held_out_labels(y)
        labels = ensemble.classes_
        if ensemble.multilabel_:
            held_out = np.where(held_out < 0, np.nan, held_out)
            labels = getattr(y, "columns", None)
        report = cls.from_predictions(
            held_out,
            ensemble.oof_prediction_[is_held_out],
            ensemble.oof_proba_[is_held_out],
            labels=labels,
            pos_label=pos_label,
            slices=None if slices is None else slices_of(slices, is_held_out, cls.__name__),
            level=level,
            n_resamples=n_resamples,
            random_state=random_state,
        )
        name = "accuracy" if ensemble.objective is None else ensemble.objective
        name = "objective" if callable(name) else name
        report.about = {
            "model": repr(ensemble),
            "columns": f"{ensemble.n_features_in_:,}",
            "out of fold": f"{name} {ensemble.objective_score_:.3f}",
            **report.about,
        }
        return report

    @classmethod
    def from_predictions(
        cls,
        y_true: npt.ArrayLike,
        y_pred: npt.ArrayLike,
        proba: npt.ArrayLike | None = None,
        *,
        labels: npt.ArrayLike | None = None,
        pos_label: Any = None,
        slices: Any = None,
        level: float = 0.95,
        n_resamples: int = 1000,
        random_state: int | np.random.RandomState | None = None,
    ) -> Self:
        """Judge predictions.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,) or (n_samples, n_labels), or sequences
            True and predicted class labels, in the forms of `classification_summary`.
        proba : array-like of shape (n_samples, n_classes), (n_samples, n_labels) or \
(n_sequences, n_steps, n_classes), default=None
            Posteriors in the population; those of classes sum to 1.
        labels : array-like of shape (n_classes,) or (n_labels,), default=None
            All class labels in the order of the columns of `proba`, or the names of the labels. By
            default the sorted labels of `y_true` and `y_pred`, or the names of the columns.
        pos_label : label, default=None
            The class that slices and the reject option are about, see `from_estimator`.
        slices : array-like or DataFrame, default=None
            Columns with a value for each row, see `from_estimator`.
        level : float, default=0.95
            Level of the intervals.
        n_resamples : int, default=1000
            Number of bootstrap samples for the intervals of overall scores.
        random_state : int, RandomState instance or None, default=None
            Seed of the bootstrap samples.

        Returns
        -------
        report : ImbalanceReport
            The report.

        Raises
        ------
        ValueError
            If class labels are unknown or missing, or the rows of `proba` are not posteriors of
            all classes.

        Examples
        --------
        >>> from skimbalance.report import ImbalanceReport
        >>> proba = [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]
        >>> report = ImbalanceReport.from_predictions([0, 1, 1], [0, 0, 1], proba)
        >>> report.to_dict()["overall"]["balanced_accuracy"]
        0.75
        """
        if labels is None:
            labels = labels_in(y_true, y_pred, proba, cls.__name__)
        summary = classification_summary(
            y_true,
            y_pred,
            proba,
            labels=labels,
            level=level,
            n_resamples=n_resamples,
            random_state=random_state,
        )
        if are_sequences(y_true, proba):
            y_true, y_pred, proba, _ = steps_of(y_true, y_pred, proba, cls.__name__)
        summary = with_answers(
            summary, y_true, y_pred, proba, labels,
            pos_label=pos_label, slices=slices, owner=cls.__name__,
        )  # fmt: skip
        return cls(summary, y_true, y_pred, proba, labels=labels)

    def frame(self, part: str = "classes") -> "pd.DataFrame":
        """Scores by class, or another part of the report, as a table for computing.

        Parameters
        ----------
        part : {"classes", "entities", "reject_option", "importance", "slices"}, default="classes"
            "classes" are the scores by class, or in the multilabel case by label; "entities" those
            by type of entity, where the classes of sequences are tags; "reject_option"
            has scores of the rows kept, by the share of rows that are left to people; "importance"
            has a row for each column of X, and "slices" for each slice, if they were asked for.

        Returns
        -------
        frame : DataFrame
            A row for each class, named by its label; intervals as columns "recall_low",
            "recall_high" and so on; nan where a score is not defined.

        Raises
        ------
        ValueError
            If the report does not have the part.

        Examples
        --------
        >>> from skimbalance.report import ImbalanceReport
        >>> ImbalanceReport.from_predictions([0, 0, 1], [0, 1, 1]).frame()["precision"].to_dict()
        {0: 1.0, 1: 0.5}
        """
        parts = {"classes": self.summary.get("labels"), **self.summary}
        has = [name for name in FRAMES if parts.get(name) is not None]
        if part not in has:
            raise ValueError(
                "The 'part' parameter of ImbalanceReport.frame must be a part that the report "
                f"has, one of {has!r}. Got {part!r} instead."
            )
        return FRAMES[part](parts[part])

    def to_dict(self) -> dict[str, Any]:
        """Everything in `classification_summary`, the flags, and what else the report says.

        Returns
        -------
        report : dict
            Plain Python objects, which JSON can hold. Beside those of `classification_summary` and
            "flags" it may have

            - "reject_option", with posteriors of classes and at least 20 rows: "label", the class
              that it is about; "share", 0.05; "all" and "rejected", the numbers of rows, of rows of
              the class ("support") and of wrong decisions ("errors") in all rows and in this share
              of the least sure ones; "p_value", the probability of at least as many wrong decisions
              in random rows; and "curve", the scores of the rows kept for each "share" from 0 to
              0.5;
            - "importance": "label", "average_precision" with all columns, "n_repeats", and
              "columns", the most important first, with the "mean" and the deviation "std" of what
              the average precision loses;
            - "slices": "label", and "parts", each with "column", "value", numbers of rows, scores
              with intervals, and p-values against all other rows, adjusted by Holm's method.

        Examples
        --------
        >>> import json
        >>> from skimbalance.report import ImbalanceReport
        >>> report = ImbalanceReport.from_predictions([0, 0, 1], [0, 1, 1])
        >>> json.loads(json.dumps(report.to_dict())) == report.to_dict()
        True
        """
        return copy.deepcopy(self.summary) | {"flags": list(self.flags)}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an HTML page with figures, in one file, to open in a browser, print or send.

        Parameters
        ----------
        path : str or path-like
            The file, such as "report.html". An existing file is replaced only once the new page
            is complete.

        Raises
        ------
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from skimbalance.report import ImbalanceReport
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "report.html")
        ...     ImbalanceReport.from_predictions([0, 0, 1], [0, 1, 1]).save(path)
        ...     "<h1>" in path.read_text()
        True
        """
        numbers = {name: f"{n:,}" for name, n in sizes(self.summary).items()}
        blocks = [
            ("", f"<p>{self._caption()}</p>"),
            ("Findings", flags_html(self.flags)),
            *((heading, table_html(table)) for heading, table in tables(self.summary)),
            *class_figures(self.y_true, self.y_pred, self.proba, self.labels),
            *((answer.heading, answer.html()) for answer in answers(self.summary)),
            ("How this report was made", facts_html(numbers | self.about)),
        ]
        write_page(path, page("Imbalance report", blocks))

    def _repr_html_(self):
        parts = [table_html(table) for _, table in tables(self.summary)]
        parts += [answer.html(brief=True) for answer in answers(self.summary)]
        return "\n".join([f"<p>{self._caption()}</p>", flags_html(self.flags), *parts])

    def __str__(self):
        more = answers(self.summary)
        frames = [table for _, table in tables(self.summary)]
        texts = (
            # Headings of several words, one below the other, keep a table narrow.
            table_text(table.rename(columns=lambda name: name.replace(" ", "\n")))
            for table in frames + [answer.table for answer in more if not answer.is_long]
        )
        sentences = (
            self._caption(),
            *(answer.sentences for answer in more),
            *(f"! {flag}" for flag in self.flags),
        )
        return "\n".join(["\n\n".join(texts), "", *map(paragraph, sentences)])

    def _caption(self) -> str:
        """What the tables are about, in a few sentences."""
        return caption(self.summary, self.about.get("out of fold"))

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
from skimbalance.metrics._targets import (
    are_sequences,
    is_multilabel,
    label_matrix,
    label_names,
    steps_of,
)
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
    """How far a classifier can be trusted, class by class.

    Built by `from_estimator`, `from_oof` or `from_predictions`. ``str()`` gives plain tables, a
    notebook shows them as HTML, `save` writes a page with figures.

    Parameters
    ----------
    summary : dict
        The figures, as in `skimbalance.metrics.classification_summary`.
    y_true : array-like of shape (n_samples,)
        True class labels.
    y_pred : array-like of shape (n_samples,)
        Predicted class labels.
    proba : array-like of shape (n_samples, n_classes), default=None
        Posteriors in the population.
    labels : array-like of shape (n_classes,), default=None
        All class labels in the order of the columns of `proba`. By default the sorted labels of
        `y_true` and `y_pred`.

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
        X : array-like of shape (n_samples, n_features)
            Test rows.
        y : array-like of shape (n_samples,)
            Class labels of the rows. Those that the classifier does not know count as never
            predicted.
        pos_label : label, default=None
            The class, or in the multilabel case the label, that importances, slices and the reject
            option are about. None stands for the rarest.
        importance : bool or int, default=False
            Whether to measure what the average precision of this class loses when a column of X is
            shuffled, and in how many shuffles; True is 5. Each shuffle of a column predicts all
            rows once.
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
            Fitted on class labels.
        y : array-like of shape (n_samples,)
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
            If y is not that of the fit; if the ensemble was fitted on a label indicator matrix; or
            if it was loaded from a model file, which holds nothing of the training rows.

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
                "'oof_prediction_', which model files do not hold. Got "
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
        y_true : array-like of shape (n_samples,)
            True class labels.
        y_pred : array-like of shape (n_samples,)
            Predicted class labels.
        proba : array-like of shape (n_samples, n_classes), default=None
            Posteriors in the population; rows sum to 1.
        labels : array-like of shape (n_classes,), default=None
            All class labels in the order of the columns of `proba`. By default the sorted labels
            of `y_true` and `y_pred`.
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
        has_sequences = are_sequences(y_true, proba)
        if labels is None and not has_sequences:
            if is_multilabel(y_true):
                n_labels = label_matrix(y_true, "y_true", cls.__name__, missing=True).shape[1]
                labels = label_names(None, y_true, n_labels, cls.__name__)
            else:
                labels = all_labels(None, cls.__name__, y_true=y_true, y_pred=y_pred)
        summary = classification_summary(
            y_true,
            y_pred,
            proba,
            labels=labels,
            level=level,
            n_resamples=n_resamples,
            random_state=random_state,
        )
        if has_sequences:
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
        part : {"classes", "reject_option", "importance", "slices"}, default="classes"
            "classes" are the scores by class, or in the multilabel case by label; "reject_option"
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
        import pandas as pd

        if part != "classes":
            has = [name for name in FRAMES if name in self.summary]
            if part not in has:
                raise ValueError(
                    "The 'part' parameter of ImbalanceReport.frame must be a part that the report "
                    f"has, one of {['classes', *has]!r}. Got {part!r} instead."
                )
            return FRAMES[part](self.summary[part])
        columns: dict[str, Any] = {}
        parts = self.summary["labels" if "labels" in self.summary else "classes"]
        for name in parts[0]:
            values = [scores[name] for scores in parts]
            if name.endswith("_interval"):
                score = name.removesuffix("_interval")
                columns[f"{score}_low"], columns[f"{score}_high"] = zip(*values, strict=True)
            elif name in ("label", "n_rows", "support", "predicted"):
                columns[name] = values
            else:
                columns[name] = np.array(values, dtype=float)
        return pd.DataFrame(columns).set_index("label")

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
        blocks = [
            ("", f"<p>{self._caption()}</p>"),
            ("Findings", flags_html(self.flags)),
            *((heading, table_html(table)) for heading, table in self._tables()),
            *self._figures(),
            *((answer.heading, answer.html()) for answer in answers(self.summary)),
            ("How this report was made", facts_html(self._facts())),
        ]
        write_page(path, page("Imbalance report", blocks))

    def _repr_html_(self):
        tables = (table_html(table) for _, table in self._tables())
        more = (answer.html(brief=True) for answer in answers(self.summary))
        return "\n".join([f"<p>{self._caption()}</p>", flags_html(self.flags), *tables, *more])

    def __str__(self):
        more = answers(self.summary)
        tables = [table for _, table in self._tables()]
        texts = (
            # Headings of several words, one below the other, keep a table narrow.
            table_text(table.rename(columns=lambda name: name.replace(" ", "\n")))
            for table in tables + [answer.table for answer in more if not answer.is_long]
        )
        sentences = (
            self._caption(),
            *(answer.sentences for answer in more),
            *(f"! {flag}" for flag in self.flags),
        )
        return "\n".join(["\n\n".join(texts), "", *map(paragraph, sentences)])

    def _facts(self) -> dict[str, str]:
        """What the page says of the making, by its name."""
        return {name: f"{n:,}" for name, n in sizes(self.summary).items()} | self.about

    def _caption(self) -> str:
        """What the tables are about, in a few sentences."""
        return caption(self.summary, self.about.get("out of fold"))

    def _tables(self) -> list[tuple[str, "pd.DataFrame"]]:
        """Headings and tables of readable texts, for the text, a notebook and the page."""
        return tables(self.summary)

    def _figures(self) -> list[tuple[str, str]]:
        """Headings and pictures of the page."""
        return class_figures(self.y_true, self.y_pred, self.proba, self.labels)

"""The ensemble: bagged networks whose out-of-fold posteriors tune calibration and decisions."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, Self

import joblib
import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse
from sklearn.utils import column_or_1d, get_tags

from skimbalance._fit.checkpoint import check_checkpoint, with_hint
from skimbalance._fit.estimator import OwnRows, errors_of_own_rows
from skimbalance._fit.streams.fit import checked_thinning, streamed
from skimbalance._response import FitArguments
from skimbalance._validation import (
    HasMethods,
    Interval,
    StrOptions,
    check_sample_weight,
    checked_groups,
    checked_target,
    class_indices,
    label_codes,
    n_rows,
    safe_indexing,
    validate_parameter_constraints,
)
from skimbalance.classifier import RECIPE, ImbalancedMLPClassifier
from skimbalance.decision._base import TunedClassifier, one_on_average
from skimbalance.decision._folds import (
    check_trained,
    cv_splits,
    parts_of_folds,
    stratified_parts,
    with_rows,
)
from skimbalance.decision._learning import HeldOut, out_of_fold
from skimbalance.decision._multilabel import dense_indicator
from skimbalance.decision._parameters import OBJECTIVE_CONSTRAINTS
from skimbalance.decision._rows import Rows, rows_of_each
from skimbalance.ensemble._bag import Bag, reading
from skimbalance.ensemble._blend import Blend, blended, share_of_trees, with_trees
from skimbalance.ensemble._trees import TreeBag

__all__ = ["ImbalancedEnsembleClassifier"]

# With cv="auto": folds, as long as the rarest class has so many rows; with fewer rows each fold
# holds out one of them, or there are at least three folds.
FOLDS, FOLDS_OF_RARE, FEWEST_FOLDS = 8, 5, 3
ENOUGH_ROWS = 40


class ImbalancedEnsembleClassifier(TunedClassifier):
    """Bagged networks for tables with rare classes: calibrated, tuned, and good out of the box.

    The rows are cut into stratified folds, and a network is trained on all folds but one, for each
    of them; all networks train as one stack. A posterior is the mean of theirs. Each row was left
    out by one network: these out-of-fold posteriors choose the epoch, calibrate the posteriors,
    tune the decisions for `objective`, and give an honest score of all this without another split.
    The networks follow a recipe for tables: see Notes. Rows that do not fit into memory are for
    `fit_stream`.

    Parameters
    ----------
    estimator : ImbalancedMLPClassifier, default=None
        What each network is. None stands for ``ImbalancedMLPClassifier(**RECIPE)``, with
        ``skimbalance.classifier.RECIPE``; for changes, give it with some of these parameters
        changed. Its rows for early stopping are the fold that it does not train on.

    objective : str, scorer, callable or None, default="f1_macro"
        Metric that the decisions maximise: one of those of `TunedDecisionClassifierCV`, among them
        scikit-learn's scorers of decisions; None for the most probable class.

    level, cost_matrix, pos_label
        What some objectives take, see `TunedDecisionClassifierCV`.

    calibration : {"vector", "temperature", "isotonic"} or None, default="vector"
        Calibration of the posteriors, see `TunedDecisionClassifierCV`.

    cv : "auto", int, cross-validation splitter or iterable, default="auto"
        Folds. "auto" is 8; 5 where the rarest class has fewer than 40 rows, and not more than it
        has rows, but at least 3. An int is a number of stratified folds. Where all networks train
        on the same rows, with X_val or by `fit_stream`, it is their number.

    trees : bool, default=True
        Whether the posteriors are blended with those of boosted trees, scikit-learn's
        `HistGradientBoostingClassifier`, on the same folds. Their share is learnt from the
        out-of-fold posteriors: trees are better where the classes are divided by thresholds of
        single columns. Without trees a single row is predicted several times as fast. In the
        multilabel case, and for sparse X, there are networks only.

    n_repeats : int, default=1
        How often the rows are cut into folds anew. Two repeats train twice as many networks.

    random_state : int, RandomState instance or None, default=None
        Seed of the folds and of the networks. The same value gives the same results.

    verbose : int, default=0
        1 shows a progress bar over the epochs of all networks.

    checkpoint : str, path-like or None, default=None
        Folder in which the fits of the networks are kept, about once a second, so that the same fit
        goes on where one that was killed stopped, with the same result; see
        `ImbalancedMLPClassifier`. What comes after the networks (trees, calibration, decisions) is
        done anew. `random_state` must be set.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) or (n_labels,)
        Class labels; in the multilabel case the numbers 0, 1, ... of the labels.
    estimators_ : list of ImbalancedMLPClassifier
        The networks.
    share_of_trees_ : float
        Share of the trees in the logarithms of the posteriors; 0 without trees.
    best_epochs_ : list of int
        For each repeat the epoch, counted from 1, whose weights its networks kept.
    oof_proba_ : ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
        Posterior of each training row by the networks that left it out, calibrated without its
        fold. NaN for rows that no fold held out, among them those of weight 0.
    oof_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Decision for each training row, by a rule that was tuned without its fold; without meaning
        where `oof_proba_` is NaN. Model files and `fit_stream` leave both arrays out.
    majority_fraction_ : float
        After `fit_stream`: share of the rows of the most frequent class that were trained on.
    objective_score_ : float
        Objective of these decisions; for objective=None the share of right ones.
    multilabel_, pos_label_, calibrator_, decision_matrix_, decision_weights_, threshold_, \
threshold_std_, curve_
        See `TunedDecisionClassifierCV`.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X had any.

    See Also
    --------
    ImbalancedMLPClassifier : A single network.
    TunedDecisionClassifierCV : Calibrates and tunes any classifier.
    skimbalance.report.ImbalanceReport.from_oof : A report on the out-of-fold decisions.

    Notes
    -----
    The recipe: numbers by median and quartiles, clipped smoothly, and beside each a learnt
    piecewise-linear function of it, in bins that a decision tree found on its column [2]_; two
    hidden layers of 128 with a learnt SELU in the NTK parametrisation, AdamW under the schedule
    "coslog4", dropout of 0.15 [1]_; plain cross-entropy without weights, as the posteriors are
    calibrated and the decisions tuned afterwards; moving averages of the weights, judged after
    each epoch on the rows left out; about 2,000 steps, and a stop after 200 without a new best.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart. "Better by Default: Strong Pre-Tuned MLPs and
       Boosted Trees on Tabular Data." NeurIPS 2024. arXiv:2407.04491
    .. [2] Y. Gorishniy, I. Rubachev, A. Babenko. "On Embeddings for Numerical Features in Tabular
       Deep Learning." NeurIPS 2022. arXiv:2203.05556
    .. [3] L. Breiman. "Bagging Predictors." Machine Learning 24, 1996. doi:10.1007/BF00058655

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.metrics import f1_score
    >>> from skimbalance import ImbalancedEnsembleClassifier
    >>> X, y = make_classification(1200, weights=[0.9], random_state=0)
    >>> clf = ImbalancedEnsembleClassifier(random_state=0).fit(X[:800], y[:800])
    >>> clf.predict_proba(X[800:]).shape, clf.oof_proba_.shape
    ((400, 2), (800, 2))
    >>> bool(f1_score(y[800:], clf.predict(X[800:]), average="macro") > 0.8)
    True
    """

    estimator_: Bag | Blend

    # With metadata routing, groups reach the folds without being asked for, as in splitters.
    __metadata_request__fit = {"groups": True}

    _parameter_constraints = {
        "estimator": [ImbalancedMLPClassifier, None],
        **OBJECTIVE_CONSTRAINTS,
        "objective": [str, callable, None],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split"]), "array-like",
               HasMethods("__next__"), StrOptions({"auto"})],
        "trees": ["boolean"],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "checkpoint": [str, os.PathLike, None],
    }  # fmt: skip

    def __init__(
        self,
        estimator: ImbalancedMLPClassifier | None = None,
        *,
        objective: str | Callable[[np.ndarray, np.ndarray], float] | None = "f1_macro",
        level: float | None = None,
        cost_matrix: npt.ArrayLike | None = None,
        pos_label: Any = None,
        calibration: str | None = "vector",
        cv: Any = "auto",
        trees: bool = True,
        n_repeats: int = 1,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> None:
        self.estimator = estimator
        self.objective = objective
        self.level = level
        self.cost_matrix = cost_matrix
        self.pos_label = pos_label
        self.calibration = calibration
        self.cv = cv
        self.trees = trees
        self.n_repeats = n_repeats
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint = checkpoint

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: npt.ArrayLike | None = None,
        *,
        groups: npt.ArrayLike | None = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: npt.ArrayLike | None = None,
    ) -> Self:
        """Train the networks, calibrate their posteriors and tune the decisions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows: an array, or a table with numbers, booleans and categories; values may
            be missing.
        y : array-like of shape (n_samples,), or indicator of shape (n_samples, n_labels)
            Class labels, or a label indicator matrix of 0 and 1, dense or sparse, with NaN where a
            label is missing, which then counts nowhere.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each row counts: in training, in the calibration and in the objective. A row
            of weight 0 is as absent.
        groups : array-like of shape (n_samples,), default=None
            Groups of the rows. No group is divided between the rows that train a network and those
            that it leaves out.
        X_val, y_val : array-like of shape (n_val, ...), default=None
            Held-out rows of your own, in the form of X and y. All networks then train on all rows
            of X, and differ by their seeds; these rows take the place of those out of fold in
            stopping, calibration, tuning, and in `oof_proba_` and `oof_prediction_`.
        sample_weight_val : array-like of shape (n_val,), default=None
            How much each of your held-out rows counts.

        Returns
        -------
        self : ImbalancedEnsembleClassifier
            Fitted.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid.
        """
        checkpoint = self._check_fit()
        own = OwnRows(X_val, y_val, sample_weight_val)
        self._check_own(own)
        weight = None if sample_weight is None else np.asarray(sample_weight)
        split = {} if groups is None else {"groups": groups}
        fit = {"sample_weight": weight, "own": own, "stream": None}
        arguments, params = FitArguments(fit, split, weight), self.get_params(deep=False)
        try:
            self._tune(X, y, checked_target(y), params, arguments)
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt(with_hint(str(error), checkpoint)) from None
        if self.objective is None:
            self.objective_score_ += 1.0  # minus the share of wrong decisions
        return self

    def fit_stream(
        self,
        source: Any,
        target: str | Sequence[str] | None = None,
        *,
        sample_weight: str | None = None,
        majority_fraction: float | str | None = None,
        majority_ratio: float | None = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: npt.ArrayLike | None = None,
    ) -> Self:
        """Train the networks on rows that need not fit into memory.

        The rows are read, drawn and stored as by the `fit_stream` of `ImbalancedMLPClassifier`. All
        networks train on the same rows and differ by their seeds; `cv` is their number. The
        held-out rows, up to 100,000, take the place of those out of fold: they choose the epoch,
        calibrate the posteriors and tune the decisions, weighted so that each class has its share
        among all rows. Boosted trees need their rows in memory: they train on up to 131,072 of the
        training rows.

        Parameters
        ----------
        source : str, path, pyarrow.dataset.Dataset, dask DataFrame or callable
            A Parquet or CSV file, or a folder of them; a data set of pyarrow; a DataFrame of Dask;
            or a function that returns, at each call, a new iterator of batches (X, y) or
            (X, y, weight). See `ImbalancedMLPClassifier.fit_stream`.
        target : str or list of str, default=None
            Column of the class labels; or columns of 0 and 1, a label each. All other columns are
            X. None if the source is a function.
        sample_weight : str, default=None
            Column of the weights of the rows.
        majority_fraction : float in (0, 1] or "auto", default=None
            Fraction of the most frequent class to train on; None is all. "auto" leaves 2 million
            rows in all, but no fewer of this class than the next one has. The posteriors are those
            among all rows.
        majority_ratio : float, default=None
            In place of a fraction: rows of that class for each row of the others.
        X_val, y_val, sample_weight_val : array-like of shape (n_val, ...), default=None
            Held-out rows of your own, as in `fit`; they should have the class shares of all rows.

        Returns
        -------
        self : ImbalancedEnsembleClassifier
            Fitted, with the attribute `majority_fraction_`, and without `oof_proba_` and
            `oof_prediction_`, as the held-out rows are not shown.

        Raises
        ------
        ValueError
            If a parameter or a row is not valid, or the source gives other rows in the second pass.
        OSError
            If the folder of temporary files is full.

        Examples
        --------
        >>> import numpy as np
        >>> from skimbalance import ImbalancedEnsembleClassifier, ImbalancedMLPClassifier
        >>> def batches():
        ...     rng = np.random.default_rng(0)
        ...     for _ in range(10):
        ...         X = rng.normal(size=(1000, 3))
        ...         yield X, (X[:, 0] > 2).astype(int)
        >>> network = ImbalancedMLPClassifier((8,))
        >>> clf = ImbalancedEnsembleClassifier(network, cv=2, random_state=0)
        >>> clf.fit_stream(batches, majority_ratio=5).predict([[3.0, 0.0, 0.0]])
        array([1])
        """
        owner, network = type(self).__name__, self._network()
        checkpoint = self._check_fit()
        thinning = checked_thinning(majority_fraction, majority_ratio, owner)
        own = OwnRows(X_val, y_val, sample_weight_val)
        network._check_own(own)
        self._check_number("for fit_stream")
        given = {"source": source, "target": target, "sample_weight": sample_weight}
        seed = int(self._rng().integers(2**31))
        reader = reading(
            network, self.verbose, self.checkpoint, early_stopping=True, random_state=seed
        )
        try:
            with streamed(reader, given, thinning, own) as stream:
                reader.set_params(
                    early_stopping=network.early_stopping, random_state=network.random_state
                )
                self._tune_stream(reader, stream)
                fraction = stream.majority_fraction
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt(with_hint(str(error), checkpoint)) from None
        self.majority_fraction_ = fraction
        if self.objective is None:
            self.objective_score_ += 1.0  # minus the share of wrong decisions
        return self

    def _tune_stream(self, reader, stream):
        """Fit on a stream that a network has read."""
        judges, division = stream.rows.held_out, stream.rows.division
        if judges is None or (judges.y.ndim == 1 and np.ptp(judges.y) == 0):
            raise ValueError(
                "At least 2 classes must have 2 rows each in the source, one to train and one to "
                f"hold out. Got {division.n_rows.tolist()} rows of the classes "
                f"{reader.classes_.tolist()!r}."
            )
        is_multilabel = judges.y.ndim == 2
        data = Rows(
            judges.X[0][judges.index], None, judges.y, one_on_average(judges.weight),
            reader.classes_, stream.rows.counts if is_multilabel else division.n_rows,
        )  # fmt: skip
        arguments = FitArguments({"own": None, "stream": (reader, stream)}, {}, None)
        fit = self._fit_labels if is_multilabel else self._fit_classes
        fit(data, self.get_params(deep=False), arguments)

    def _network(self):
        """What each network is, not fitted."""
        return ImbalancedMLPClassifier(**RECIPE) if self.estimator is None else self.estimator

    def _check_fit(self):
        """Check the parameters by themselves; the folder of checkpoints, if there is one."""
        params, owner = self.get_params(deep=False), type(self).__name__
        validate_parameter_constraints(self._parameter_constraints, params, owner)
        if self.n_repeats > 1 and not isinstance(self.cv, str | Integral):
            raise ValueError(
                "The 'n_repeats' parameter of ImbalancedEnsembleClassifier must be 1 unless 'cv' "
                f"is 'auto' or an int. Got {self.n_repeats!r} instead: let the splitter repeat."
            )
        checkpoint = self.checkpoint or self._network().checkpoint
        check_checkpoint(checkpoint, self.random_state, owner)
        return checkpoint

    def _check_own(self, own):
        """Check the parameters that held-out rows of the caller restrict."""
        owner = type(self).__name__
        if self._network().validation is not None:
            raise ValueError(
                f"The 'validation' parameter of the network of {owner} must be None, as 'cv' holds "
                f"out rows. Got {self._network().validation!r}: give a splitter as 'cv'."
            )
        self._network()._check_own(own)
        if own.X is not None:
            self._check_number("where X_val and y_val are the held-out rows")

    def _check_number(self, case):
        """Check that `cv` is a number of networks, in a case in which it has to be."""
        if not isinstance(self.cv, str | Integral):
            raise ValueError(
                f"The 'cv' parameter of {type(self).__name__} must be 'auto' or an int {case}: the "
                f"number of networks. Got {self.cv!r} instead."
            )

    def _held_out(self, data, arguments):
        """The estimator, the rows held out, and a mask of the judged classes."""
        if arguments.fit["stream"] is not None:
            return self._on_stream(data, *arguments.fit["stream"])
        if arguments.fit["own"].X is not None:
            return self._on_own_rows(data, arguments)
        target, n_classes = data.target, len(data.classes)
        rng = self._rng()
        repeats = [self._splits(data, arguments.split, rng) for _ in range(self.n_repeats)]
        splits = [split for repeat in repeats for split in repeat]
        if target.ndim == 1:
            check_trained(splits, target, data.classes)
        bag = Bag.fit(
            self._network(), data.X, data.y, arguments.fit["sample_weight"], repeats, rng,
            classes=data.classes, verbose=self.verbose, checkpoint=self.checkpoint,
        )  # fmt: skip
        tests, rows = [test for _, test in splits], bag.rows(data.X)
        row, proba = _averaged(tests, bag.left_out(rows, tests))
        estimator: Bag | Blend = bag
        if self._has_trees(rows, target):
            trees, probas = TreeBag.fit(
                rows, target, data.weight, n_classes, bag.categories, splits, rng
            )
            _, of_trees = _averaged(tests, probas)
            share = share_of_trees(proba, of_trees, target[row], data.weight[row])
            proba, estimator = blended(proba, of_trees, share), Blend(bag, trees, share)
        first = [test for _, test in repeats[0]]
        part = np.empty(len(target), int)
        part[np.concatenate(first)] = parts_of_folds(first, target, self._rng)
        held_out = HeldOut(row, part[row], proba, target[row], data.weight[row])
        trained = [with_rows(target[train], n_classes) for train, _ in splits]
        judged = np.all(trained, axis=0) & with_rows(target[row], n_classes, held_out.weight)
        return estimator, held_out, judged

    def _on_own_rows(self, data, arguments):
        """The same as `_held_out`, with all networks judged by the caller's held-out rows."""
        own, rng = arguments.fit["own"], self._rng()
        with errors_of_own_rows():
            if data.target.ndim == 1:
                labels = column_or_1d(checked_target(own.y, multilabel=False, each_once=True))
                target = class_indices(labels, data.classes)
            else:
                target = dense_indicator(own.y)
            weight = one_on_average(check_sample_weight(own.weight, target))
        split = np.arange(len(data.target)), np.empty(0, int)
        repeats = [[split] * self._n_nets(data)] * self.n_repeats
        bag = Bag.fit(
            self._network(), data.X, data.y, arguments.fit["sample_weight"], repeats, rng,
            classes=data.classes, own=own, verbose=self.verbose, checkpoint=self.checkpoint,
        )  # fmt: skip
        kept = np.flatnonzero(weight)  # a row of weight 0 is as absent
        judges = bag.rows(own.X)[kept], target[kept], weight[kept]
        train = bag.rows(data.X), data.target, data.weight
        estimator, held_out, judged = self._judged(data, bag, train, judges, rng)
        return estimator, replace(held_out, row=kept), judged

    def _on_stream(self, data, reader, stream):
        """The same as `_held_out`, on the rows of a stream; `data` holds those that judge."""
        rng = np.random.default_rng(stream.course.seed)
        n_nets, sample = self._n_nets(data), stream.rows.sample
        bag = Bag.fit_stream(self._network(), reader, stream, n_nets, self.n_repeats, rng)
        judges = data.X, data.target, data.weight
        train = sample.X[0], sample.y, one_on_average(sample.weight)
        return self._judged(data, bag, train, judges, rng, shift=-np.log(stream.rows.kept))

    def _n_nets(self, data):
        """Number of networks that all train on the same rows."""
        return _auto_folds(data.class_rows) if isinstance(self.cv, str) else int(self.cv)

    def _has_trees(self, rows, target):
        """Whether trees stand beside the networks."""
        return self.trees and target.ndim == 1 and not issparse(rows)

    def _judged(self, data, bag, train, judges, rng, shift=None):
        """The same as `_held_out`, for networks that were all trained and judged by some rows.

        `train` and `judges` are rows, targets and weights; `shift` is that of `with_trees`.
        """
        rows, target, weight = judges
        n_classes, proba = len(data.classes), bag.posterior(rows)
        estimator: Bag | Blend = bag
        if self._has_trees(rows, target):
            estimator, proba = with_trees(bag, proba, train, judges, rng, shift)
        part = stratified_parts(target, rng)
        held_out = HeldOut(np.arange(len(target)), part, proba, target, weight)
        # A class is known by its rows, a label by rows with and without it.
        known = np.all(np.reshape(data.class_rows, (n_classes, -1)) > 0, axis=1)
        return estimator, held_out, known & with_rows(target, n_classes, weight)

    def _splits(self, data, split_params, rng):
        """Training rows and held-out rows of the networks of one repeat."""
        cv, owner = self.cv, type(self).__name__
        rows = np.arange(len(data.target))
        if isinstance(cv, str | Integral) or hasattr(cv, "split"):
            rows = np.flatnonzero(data.weight)  # a row of weight 0 is as absent
        target = data.target[rows]
        if "groups" in split_params:
            groups = checked_groups(split_params["groups"], len(data.target), owner)
            split_params = {"groups": groups[rows]}
        if isinstance(cv, str) and cv == "auto":
            cv = _auto_folds(rows_of_each(target, len(data.classes)))
        X, y = (part if len(rows) == len(data.target) else safe_indexing(part, rows)
                for part in (data.X, data.y))  # fmt: skip
        splits = cv_splits(cv, X, y, target, rng, split_params=split_params, owner=owner)
        return [(rows[train], rows[test]) for train, test in splits]

    def _set_out_of_fold(self, held_out, tuned, data, arguments):
        """The networks, and their posteriors and decisions for the rows that they left out."""
        bag, self.share_of_trees_ = self.estimator_, 0.0
        if isinstance(bag, Blend):
            self.share_of_trees_ = bag.share
            bag = bag.nets
        self.estimators_, self.best_epochs_ = bag.nets, bag.best_epochs
        if arguments.fit["stream"] is not None:
            return
        own = arguments.fit["own"].y
        n_judged: Any = len(data.target) if own is None else n_rows(own)
        self.oof_proba_, decided = out_of_fold(held_out, tuned.out_of_part, n_judged)
        self.oof_prediction_ = decided if decided.ndim == 2 else self.classes_[decided]
        self._oof_target = joblib.hash(held_out.y.tolist())

    def _held_out_labels(self, y):
        """Which rows were held out, and their class labels or label codes, from the y of the fit.

        Raises
        ------
        ValueError
            If y is not that of the fit.
        """
        labels = checked_target(y, multilabel=self.multilabel_)
        is_held_out = ~np.isnan(self.oof_proba_[:, 0])
        each = "a row of the label matrix" if self.multilabel_ else "a class label"
        rule = f"y must be that of the fit, with {each} for each of {len(is_held_out)} rows."
        if labels.shape[0] != len(is_held_out):
            raise ValueError(f"{rule} Got {labels.shape[0]} rows.")
        if self.multilabel_:
            matches = labels.shape[1:] == self.oof_proba_.shape[1:]
            labels = label_codes(labels)[is_held_out] if matches else None
            codes = labels
        else:
            labels = column_or_1d(labels)[is_held_out]
            codes = class_indices(labels, self.classes_)
        if codes is None or joblib.hash(codes.tolist()) != self._oof_target:
            other = "labels" if self.multilabel_ else "class labels"
            raise ValueError(f"{rule} Got other {other}, or another order of the rows.")
        return is_held_out, labels

    def __sklearn_tags__(self):
        """The tags of the networks."""
        tags, inner = super().__sklearn_tags__(), get_tags(self._network())
        tags.input_tags = inner.input_tags
        tags.classifier_tags = inner.classifier_tags
        return tags


def _auto_folds(class_rows):
    """Number of folds, from the rows of each class, or of those without and with each label."""
    n_rows = class_rows if class_rows.ndim == 1 else class_rows[:, 1]
    rarest = int(n_rows[n_rows > 0].min(initial=ENOUGH_ROWS))
    if rarest >= ENOUGH_ROWS:
        return FOLDS
    return int(np.clip(rarest, FEWEST_FOLDS, FOLDS_OF_RARE))


def _averaged(tests, probas):
    """The rows that were held out, and the mean of their posteriors."""
    row, place = np.unique(np.concatenate(tests), return_inverse=True)
    total = np.zeros((len(row), probas[0].shape[1]))
    np.add.at(total, place, np.concatenate(probas))
    return row, total / np.bincount(place)[:, np.newaxis]

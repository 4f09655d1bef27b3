"""A fit on the rows of a stream: two passes over the source, then training from a disk."""

import reprlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial as bind
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skimbalance._fit.data import Data
from skimbalance._fit.estimator import OwnRows
from skimbalance._fit.held_out import check_judges
from skimbalance._fit.parameters import warn_without_effect
from skimbalance._fit.plan import Course, Plan
from skimbalance._fit.streams.cluster import Pieces
from skimbalance._fit.streams.division import Thinning, divide
from skimbalance._fit.streams.plan import plan_stream
from skimbalance._fit.streams.rows import DrawnRows, draw_rows
from skimbalance._fit.streams.source import Source, open_source
from skimbalance._fit.streams.survey import Survey
from skimbalance._fit.targets import Labels
from skimbalance.sampling._streams import STREAMS

__all__ = ["StreamedFit", "checked_thinning", "fit_stream", "plan_of", "streamed"]

# The losses whose logits are those of the posterior, up to a shift by class.
SHIFTED = "crossentropy"


@dataclass(frozen=True, eq=False)
class StreamedFit:
    """What a fit on a stream starts from.

    Parameters
    ----------
    rows : DrawnRows
        The rows that it uses.
    course : Course
        Where it stands, with the counts of all rows.
    """

    rows: DrawnRows
    course: Course

    @property
    def majority_fraction(self) -> float:
        """Share of the rows of the majority that are trained on, of those that are not held out."""
        return self.rows.division.majority_fraction


def checked_thinning(fraction: Any, ratio: Any, owner: str) -> Thinning:
    """How much of the majority is trained on.

    Raises
    ------
    ValueError
        If a value is out of range, or both are given.
    """
    if fraction is not None and ratio is not None:
        raise ValueError(
            f"At most one of 'majority_fraction' and 'majority_ratio' must be given to fit_stream "
            f"of {owner}. Got {fraction!r} and {ratio!r}."
        )
    if not (
        fraction is None
        or (isinstance(fraction, str) and fraction == "auto")
        or (_is_number(fraction) and 0 < fraction <= 1)
    ):
        raise ValueError(
            f"The argument majority_fraction of fit_stream of {owner} must be None, 'auto' or a "
            f"number above 0 and at most 1. Got {fraction!r} instead."
        )
    if ratio is not None and not (_is_number(ratio) and 0 < ratio < np.inf):
        raise ValueError(
            f"The argument majority_ratio of fit_stream of {owner} must be None or a positive "
            f"number. Got {ratio!r} instead."
        )
    return Thinning(fraction, None if ratio is None else float(ratio))


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def fit_stream(estimator: Any, given: Mapping[str, Any], thinning: Thinning, own: OwnRows) -> None:
    """Fit an estimator; if that fails, leave it as it was.

    Parameters
    ----------
    estimator : ImbalancedMLPClassifier
        The estimator, with checked parameters.
    given : mapping
        ``source``, ``target`` and ``sample_weight`` as the caller gave them; ``client`` of the
        Dask cluster that is to train, if one is.
    thinning : Thinning
        How much of the majority is trained on.
    own : OwnRows
        Held-out rows of the caller.

    Raises
    ------
    KeyboardInterrupt
        If the fit is interrupted; once steps have been taken, the estimator is fitted by them.
    """
    before, interrupted = dict(vars(estimator)), None
    try:
        with streamed(estimator, given, thinning, own) as stream:
            plan = plan_of(estimator, stream)
            defaults = estimator._shared_defaults
            warn_without_effect(plan.settings, plan.target, defaults, partial=False)
            try:
                result = estimator._train(plan)
            except KeyboardInterrupt as error:
                result, interrupted = getattr(error, "result", None), error
                if result is None:
                    raise
            estimator._set_fitted(plan, result, stream.course)
            estimator.majority_fraction_ = stream.majority_fraction
    except BaseException as error:
        vars(estimator).clear()
        vars(estimator).update(before)
        if isinstance(error, KeyboardInterrupt):
            text = str(error) or "Interrupted before the training began."
            raise KeyboardInterrupt(f"{text} Nothing has been learnt yet.") from None
        raise
    if interrupted is not None:
        raise KeyboardInterrupt(f"{interrupted} The estimator keeps what it has learnt so far.")


def plan_of(estimator: Any, stream: StreamedFit) -> Plan:
    """The plan of a fit of an estimator on a stream."""
    settings, network = estimator._design(stream.rows.sample, stream.course, None)
    return plan_stream(settings, stream.rows, network, stream.course)


@contextmanager
def streamed(
    estimator: Any, given: Mapping[str, Any], thinning: Thinning, own: OwnRows
) -> Iterator[StreamedFit]:
    """Read the rows for a fit; on the way, the estimator learns the columns and the classes.

    Parameters
    ----------
    estimator : ImbalancedMLPClassifier
        The estimator; its attributes of columns and classes are set.
    given : mapping
        ``source``, ``target`` and ``sample_weight`` as the caller gave them.
    thinning : Thinning
        How much of the majority is trained on.
    own : OwnRows
        Held-out rows of the caller.
    """
    owner = type(estimator).__name__
    client, columns = given.get("client"), estimator.categorical_features
    _check(estimator, owner)
    if client is not None:
        _check_client(client, estimator, owner)
    source = open_source(given["source"], given["target"], given["sample_weight"], owner)
    source.verbose = estimator.verbose
    seed = int(check_random_state(estimator.random_state).randint(2**31))
    pieces = None if client is None else Pieces(client, source, seed)
    survey = pieces.survey(columns, owner) if pieces else Survey.of(source, columns, owner)
    _learn(estimator, survey)
    held_out = None if own.X is None else estimator._read_own(own)
    rows = _drawn(estimator, pieces or source, survey, thinning, held_out, seed)
    course = Course(seed=seed, n_before=0, previous=None, partial=False, counts=rows.counts)
    with rows.cache:
        yield StreamedFit(rows, course)


def _check(estimator, owner):
    """Check that the parameters are such as a stream can have."""
    if not isinstance(estimator.sampling, str):
        raise ValueError(
            f"The 'sampling' parameter of {owner} must be one of {[*STREAMS]!r} for fit_stream, "
            f"as samplers need all rows in memory. Got {estimator.sampling!r}: leave it out, or "
            "thin out the majority by 'majority_fraction'."
        )
    for name, why in (
        ("validation", "which would need all rows at once: give X_val and y_val"),
        ("warm_start", "as a stream is fitted anew"),
    ):
        value = getattr(estimator, name)
        if value is not None and value is not False:
            raise ValueError(
                f"The {name!r} parameter of {owner} must have its default for fit_stream, {why}. "
                f"Got {reprlib.repr(value)} instead."
            )
    if getattr(estimator, "_skl_callbacks", None):
        raise ValueError(
            f"The callbacks of scikit-learn must be left out for fit_stream of {owner}, as they "
            "would be shown all rows. Got some by 'set_callbacks'."
        )


def _check_client(client, estimator, owner):
    """Check that the workers of a cluster can train the network in turns."""
    if not hasattr(client, "nthreads") or client.asynchronous:
        raise ValueError(
            f"The argument client of fit_stream of {owner} must be a client of Dask's distributed "
            f"that is not asynchronous. Got {client!r} instead."
        )
    for name in ("callbacks", "checkpoint"):
        if getattr(estimator, name, None):
            raise ValueError(
                f"The {name!r} parameter of {owner} must be None where fit_stream has a client, as "
                f"no process trains the whole time. Got {getattr(estimator, name)!r} instead."
            )


def _learn(estimator, survey):
    """Set what the estimator knows of columns and classes."""
    first, label_names = survey.first, survey.label_names
    # The survey knows what the columns hold: only their number and names are learnt here.
    X = _table(np.zeros(first.X.shape), survey.columns)
    y = first.y if label_names is None else _table(first.y, label_names)
    estimator._read(X, y, first.weight, resume=False, classes=survey.classes)
    estimator._reader = survey.reader
    target = estimator._target
    if isinstance(target, Labels):
        without, with_it = survey.class_rows.T > 0
        either = np.where(with_it, 1, -1)
        target.warn_about(
            np.stack([np.where(without, 0, either), np.where(with_it, 1, np.where(without, 0, -1))])
        )


def _table(X, columns):
    """An array with the names of its columns, if they have names."""
    if columns is None or hasattr(X, "columns"):
        return X
    import pandas as pd

    return pd.DataFrame(X, columns=columns)


def _read_blocks(estimator, dtype, source):
    """The rows of a source, or of a piece of it, as the estimator reads them, in some type."""
    for block in source.blocks():
        X = _table(block.X, source.columns)
        try:
            data = estimator._read(X, block.y, block.weight, resume=True)
        except ValueError as error:
            raise ValueError(f"In the second pass over the source: {error}") from error
        yield replace(data, X=tuple(x.astype(dtype, copy=False) for x in data.X), content=None)


def _drawn(estimator, source: Source | Pieces, survey, thinning, held_out, seed):
    """The rows that the fit uses."""
    target = estimator._target
    is_multilabel = isinstance(target, Labels)
    if held_out is not None:
        every = np.ones((1, target.n_outputs)) if is_multilabel else np.arange(target.n_outputs)
        check_judges(Data((), np.arange(1), every, np.ones(1), False), held_out, target)
    settings = estimator._settings()
    division = divide(
        settings, target, survey.stratum_rows, survey.extremes, thinning, own=held_out is not None
    )
    by_shift = not is_multilabel and settings.loss == SHIFTED
    read = bind(_read_blocks, estimator, survey.dtype)
    found: Any
    if isinstance(source, Pieces):
        found = source.draw(read, target, survey, division, by_shift=by_shift)
    else:
        found = draw_rows(
            bind(read, source), target, division, seed, tempfile.gettempdir(),
            weighted=survey.weighted, by_shift=by_shift,
        )  # fmt: skip
    cache, counts, drawn, sample = found
    return DrawnRows(
        target, division, survey.class_weights, by_shift, cache, counts,
        drawn if held_out is None else held_out, sample, survey.totals,
        is_multilabel and bool(np.any(survey.class_rows.sum(axis=1) < survey.n_rows)),
    )  # fmt: skip

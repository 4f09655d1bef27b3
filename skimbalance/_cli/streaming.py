"""Training from files larger than memory.

A first pass finds out what the columns and the class labels are. A second one reads the rows as a
network takes them, and sets apart those by which --time or --groups judge. What a text file holds
is then in a temporary file, as reading text takes ten times as long. `fit_stream` trains from there
or from a Parquet file, which it reads twice. Memory holds one part, the rows that judge, and with
--time the moment of each row.
"""

import pickle
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skimbalance._cli.arguments import goal
from skimbalance._cli.columns import as_trained
from skimbalance._cli.judges import Batch, Judges, Sample
from skimbalance._cli.output import import_training, progress, shows_progress
from skimbalance._cli.roles import Roles, beside, with_names
from skimbalance._cli.tables import Table
from skimbalance._cli.targets import LabelColumns, TargetColumn, target_columns
from skimbalance.compare._strategies import STRATEGIES, TUNED, make_strategy

__all__ = ["Streamed", "train_streaming"]

ROWS = 10_000

_IN_MEMORY = ("over_sampling", "under_sampling", "smote", "tuned_decision")

# Gives rows, and which of them are held out, in a pass with a name.
_Reader = Callable[[str], Iterator[tuple[Batch, np.ndarray]]]


class Streamed(NamedTuple):
    """What training gives.

    Parameters
    ----------
    model : classifier
        Fitted.
    kinds : dict of str to str
        What each column holds.
    counts : dict or ndarray
        How many rows have each class label, or each label, see `counts_of`.
    interrupted : bool
        Whether Ctrl-C ended the training early.
    """

    model: Any
    kinds: dict[str, str]
    counts: Any
    interrupted: bool


def train_streaming(table: Table, roles: Roles, strategy: str, args: Namespace) -> Streamed:
    """Train a strategy on a table that need not fit into memory.

    Parameters
    ----------
    table : Table
        The rows.
    roles : Roles
        What its columns are for.
    strategy : str
        Name of the strategy.
    args : Namespace
        `seed`, `checkpoint`, `majority_fraction` and `majority_ratio`, and what the goal is.

    Returns
    -------
    streamed : Streamed
    """
    possible = [name for name in STRATEGIES if name not in _IN_MEMORY]
    if strategy not in possible:
        raise ValueError(
            f"The strategy of --stream must be one of {possible!r}, as the others need all rows "
            f"in memory. Got '{strategy}' instead."
        )
    judges = Judges(table, roles, args.seed)
    kinds, targets = _first_pass(table, roles, judges)
    judges.decide(targets, tuned=strategy in TUNED)
    model = _model(strategy, targets.counts, args)
    style = roles.style_of_weights(kinds)
    text = [name for name, kind in kinds.items() if kind == "text"]

    def read(label):
        for part in progress(table.parts(ROWS), label):
            given = beside(part, roles, style, table)
            X, labels = as_trained(part, kinds, table), targets.labels(part)
            # Text as a list of levels and their numbers: it is small, and soon counted.
            X = X.astype(dict.fromkeys(text, "category"))
            rows = Batch(X, with_names(labels, roles.target), given.get("sample_weight"))
            yield rows, judges.among(given, len(X))

    import_training()
    interrupted = False
    with tempfile.TemporaryFile() as file:
        own = Sample(judges.option, targets, args.seed)
        source = _source(read, file, own, is_text=table.is_text, judged=judges.hold_out)
        given = {name: vars(args)[name] for name in ("majority_fraction", "majority_ratio")}
        if judges.hold_out:
            given |= zip(("X_val", "y_val", "sample_weight_val"), own.rows(), strict=True)
        try:
            model.fit_stream(source, **given)
        except KeyboardInterrupt:
            if not _is_fitted(model):
                raise
            interrupted = True
    return Streamed(model, kinds, targets.counts, interrupted)


def _model(strategy: str, counts: Any, args: Namespace) -> Any:
    """The network of a strategy, or the ensemble, which read mixed tables by themselves."""
    from skimbalance.classifier import ImbalancedMLPClassifier

    if isinstance(counts, dict):
        # A few rows, in which the classes have the same order of frequency.
        order = np.unique([*counts.values()], return_inverse=True)[1]
        y = np.repeat([*counts], 1 + order)
    else:
        y = np.array([[0], [1]]).repeat(len(counts), axis=1)
    tuned = strategy in TUNED
    model = make_strategy(
        strategy, np.zeros((1, 1)), y, objective=args.objective or "f1_macro",
        # Early stopping on held-out rows, which are many, says how many epochs are needed.
        network=None if tuned else ImbalancedMLPClassifier(random_state=args.seed),
        random_state=args.seed, verbose=int(shows_progress()), checkpoint=args.checkpoint,
        **goal(args, y),
    )  # fmt: skip
    return model if tuned else model[-1]


def _first_pass(
    table: Table, roles: Roles, judges: Judges
) -> tuple[dict[str, str], TargetColumn | LabelColumns]:
    """What each column holds, and the target."""
    columns, targets = roles.feature_columns(table), target_columns(table, roles.target)
    for part in progress(table.parts(ROWS), "look"):
        columns.look(part)
        targets.look(part)
        judges.look(part)
    targets.decide()
    return columns.kinds(), targets


def _source(
    read: _Reader, file: IO[bytes], own: Sample, *, is_text: bool, judged: bool
) -> Callable[[], Iterator[tuple]]:
    """What passes over the training rows, each time anew; held-out rows are put into a sample."""
    if is_text or judged:
        for rows, held_out in read("read"):
            own.add(rows.take(np.flatnonzero(held_out)))
            if is_text:
                _store(rows.take(np.flatnonzero(~held_out)), file)
    labels = iter(["count"])

    def source():
        label = next(labels, "draw")
        if is_text:
            parts = progress(_stored(file), label, lambda rows: len(rows.X))
        else:
            parts = (rows.take(np.flatnonzero(~held_out)) for rows, held_out in read(label))
        for X, y, weight in parts:
            if len(X):
                yield (X, y) if weight is None else (X, y, weight)

    return source


def _store(rows: Batch, file: IO[bytes]) -> None:
    try:
        pickle.dump(rows, file, pickle.HIGHEST_PROTOCOL)
        file.flush()  # else a full disk may be said by a later call
    except OSError as error:
        raise OSError(
            "The folder of temporary files must have room for the table, in numbers of 8 bytes. "
            f"Got '{tempfile.gettempdir()}': {error.strerror or error}. Name a larger folder in "
            "the environment variable TMPDIR."
        ) from error


def _stored(file: IO[bytes]) -> Iterator[Batch]:
    place = 0
    while True:
        file.seek(place)  # wherever another pass stands
        try:
            rows = pickle.load(file)
        except EOFError:
            return
        place = file.tell()
        yield rows


def _is_fitted(model: Any) -> bool:
    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    return True

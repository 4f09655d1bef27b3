"""Model files that are safe to open: no pickle, only known types, written whole or not at all.

A file is a zip archive as skops writes it, arrays beside a description of the objects, with one
more member that says what the model is for.
"""

import copy
import io
import json
import os
import reprlib
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skimbalance._page.files import replacing
from skimbalance._validation import labels_and_values

__all__ = ["load_model", "model_info", "save_model"]

#: Version of the file format: one more whenever older releases cannot read the files.
FORMAT = 2

_INFO, _SCHEMA = "skimbalance.json", "schema.json"

# What a file may unpack to: this many bytes, or this many times its own size. A model that would
# be more, as it is mostly zeros, is stored without compression.
_FEW_BYTES, _MOST_TIMES = 2**20, 20
_MOST_MEMBERS = 100_000

# The classes of this package that a file may hold. They hold numbers, arrays and each other, and
# loading them runs no other code; a function that builds a network must be trusted by name. Their
# full names are part of the format: if a class moves or is renamed, its line here and FORMAT
# change.
_STORED = (
    "skimbalance._fit.encoding.Encoder",
    "skimbalance._fit.encoding.Vocabulary",
    "skimbalance._fit.perceptron.Architecture",
    "skimbalance._fit.plan.Fitted",
    "skimbalance._fit.targets.Classes",
    "skimbalance._fit.targets.Labels",
    "skimbalance._fit.targets.Steps",
    "skimbalance._keras.network.Found",
    "skimbalance._losses.batch.SigmoidF1",
    "skimbalance._losses.batch.SoftF1",
    "skimbalance._losses.sigmoid.AsymmetricCrossentropy",
    "skimbalance._losses.sigmoid.BinaryFocalCrossentropy",
    "skimbalance._losses.sigmoid.DistributionBalancedCrossentropy",
    "skimbalance._losses.sigmoid.LabelCrossentropy",
    "skimbalance._losses.softmax.Crossentropy",
    "skimbalance._losses.softmax.ExpectedCost",
    "skimbalance._losses.softmax.FocalCrossentropy",
    "skimbalance._losses.softmax.GeneralizedCrossentropy",
    "skimbalance._losses.softmax.LDAMCrossentropy",
    "skimbalance._losses.softmax.LogitAdjustedCrossentropy",
    "skimbalance._losses.softmax.Poly1Crossentropy",
    "skimbalance._losses.softmax.VectorScalingCrossentropy",
    "skimbalance.classifier.ImbalancedMLPClassifier",
    "skimbalance.decision._calibration.IsotonicCalibration",
    "skimbalance.decision._calibration.LabelCalibration",
    "skimbalance.decision._calibration.LogScaling",
    "skimbalance.decision._tuned.TunedDecisionClassifierCV",
    "skimbalance.ensemble._bag.Bag",
    "skimbalance.ensemble._blend.Blend",
    "skimbalance.ensemble._boosted.BoostedTrees",
    "skimbalance.ensemble._ensemble.ImbalancedEnsembleClassifier",
    "skimbalance.ensemble._trees.TreeBag",
    "skimbalance.keras_classifier.ImbalancedKerasClassifier",
    "skimbalance.model_selection.IterativeStratifiedKFold",  # before 0.2
    "skimbalance.model_selection.StratifiedSequenceKFold",
    "skimbalance.model_selection._folds.IterativeStratifiedKFold",
    "skimbalance.model_selection._folds.StratifiedSequenceKFold",
    "skimbalance.model_selection._time.TimeHoldout",
    "skimbalance.persistence._Pairs",
    "skimbalance.persistence._files._Pairs",
    "skimbalance.preprocessing._CategoricalColumns",
    "skimbalance.preprocessing._NumericColumns",
    "skimbalance.preprocessing._bins.Bins",
    "skimbalance.preprocessing._encoder.TableEncoder",
    "skimbalance.preprocessing._reader.TableReader",
    "skimbalance.preprocessing._steps._CategoricalColumns",
    "skimbalance.preprocessing._steps._NumericColumns",
    "skimbalance.prior._corrected.PriorCorrectedClassifier",
    "skimbalance.prior._corrected._ClassCounter",
    "skimbalance.sampling._each_class.EachClassSMOTE",
    "skimbalance.sequence_classifier.ImbalancedSequenceClassifier",
)
_IMBLEARN_MODULES = ("combine", "over_sampling", "under_sampling")
# Types inside losses, and inside the public estimators of scikit-learn, which skops itself trusts.
# A dtype is read as that of an empty array.
_OTHERS = (
    "imblearn.pipeline.Pipeline",
    "keras.src.dtype_policies.dtype_policy.DTypePolicy",
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.utils._bunch.Bunch",
)

# Where scikit-learn's estimators keep what `set_fit_request` and its like asked for.
_REQUESTS = "_metadata_request"

# And what `set_callbacks` set, which no prediction needs.
_CALLBACKS = "_skl_callbacks"

# How attributes begin that hold something for each training row, which no prediction needs.
_OF_TRAINING_ROWS = "oof_"


def save_model(
    estimator: Any,
    path: str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    target: str | list[str] | None = None,
    trusted: Sequence[str] = (),
) -> None:
    """Save a fitted estimator in a file that is safe to open.

    A draft of the file is written in the same folder and read again, and only then replaces an
    existing file, so that a failure leaves that file as it was. Samplers are stored unfitted:
    predictions do not need them, and they hold training rows. Attributes that begin with
    ``oof_``, which hold out-of-fold posteriors and decisions of the training rows, are left out. A
    parameter that is a pandas Series or DataFrame is stored as a dict by label. Requests for
    metadata, which only a later fit or score needs, are left out: call `set_fit_request` again
    before it.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier or pipeline of skimbalance, scikit-learn or imbalanced-learn.
    path : str or path-like
        The file; an existing file is replaced.
    columns : dict of str to str, default=None
        What each input column holds, by its name, for `model_info`: "number", "text", or the
        style of numbers in a CSV file, such as "number, as 1.234,5". By default the names that
        the estimator saw in `fit`, with None.
    target : str, list of str or None, default=None
        Name of the predicted column, for `model_info`; or in the multilabel case the name of each
        label.
    trusted : sequence of str, default=()
        Full names of further types and functions that the model holds, such as "module.build"
        for a custom network. See `load_model`.

    Raises
    ------
    ValueError
        If the model holds a type that is not trusted, such as a custom function, or 'columns' or
        'target' hold anything but text.

    See Also
    --------
    load_model : Reads the file.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skimbalance.persistence import load_model, model_info, save_model
    >>> X, y = make_classification(random_state=0)
    >>> clf = LogisticRegression().fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.skim")
    ...     save_model(clf, path, target="defect")
    ...     loaded, info = load_model(path), model_info(path)
    >>> bool((loaded.predict_proba(X) == clf.predict_proba(X)).all()), info["target"]
    (True, 'defect')
    """
    import skops.io  # seconds, as it looks at all estimators

    unknown = dict.fromkeys(map(str, getattr(estimator, "feature_names_in_", ())))
    info = {
        "format": FORMAT,
        "skimbalance": version("skimbalance"),
        "scikit-learn": version("scikit-learn"),
        "columns": unknown if columns is None else columns,
        "target": list(target) if isinstance(target, list | tuple) else target,
    }
    if not _is_text(info):
        raise ValueError(
            "The 'columns' parameter must be a dict of str to str or None, and the 'target' "
            "parameter a str, a list of str or None. Got "
            f"columns={reprlib.repr(columns)} and target={reprlib.repr(target)} instead."
        )
    owner = f"The model of type {type(estimator).__name__}"
    _check_kind(estimator, owner)
    with replacing(path) as draft:
        for compression in (ZIP_DEFLATED, ZIP_STORED):
            try:
                skops.io.dump(_lean(estimator), draft, compression=compression)
            except (TypeError, AttributeError, RecursionError) as error:
                raise ValueError(_not_storable(estimator, owner, error)) from error
            with ZipFile(draft, "a") as archive:
                archive.writestr(_INFO, json.dumps(info))
                sizes = _bytes_unpacked(archive)
            if sizes <= _most_bytes(draft):
                break
        _load(draft, trusted, owner)


def load_model(path: str | os.PathLike[str], *, trusted: Sequence[str] = ()) -> Any:
    """Load an estimator that `save_model` saved.

    Nothing in the file is executed, and an `ImbalancedMLPClassifier` predicts without importing
    TensorFlow. A custom network is built again by its function, which must be trusted by name.

    Parameters
    ----------
    path : str or path-like
        The file.
    trusted : sequence of str, default=()
        Full names of further types and functions to accept, as in `save_model`, beside those of
        skimbalance and imbalanced-learn and the estimators of scikit-learn. Trees need
        "sklearn.tree._tree.Tree", or
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": scikit-learn does not
        check their nodes, so that a forged tree can crash the process.

    Returns
    -------
    estimator : estimator
        The fitted estimator; it predicts the same bits as the one that was saved.

    Raises
    ------
    ValueError
        If the file is damaged, is not a model file or is one of another format, or holds a type
        that is not trusted.

    References
    ----------
    skops.io, secure persistence with skops.
    https://skops.readthedocs.io/en/stable/persistence.html

    Examples
    --------
    >>> from skimbalance.persistence import load_model
    >>> clf = load_model("model.skim")  # doctest: +SKIP
    """
    model_info(path)
    return _load(path, trusted, f"The file '{path}'")


def model_info(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a model file says about its model, without loading it.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    info : dict
        "skimbalance" and "scikit-learn": the versions that wrote the file; "columns": a dict
        of the input columns' names to "number", "text", a style such as "number, as 1.234,5", or
        None if unknown; "target": the name of the predicted column, a list of the labels' names,
        or None; "format": an int.

    Raises
    ------
    ValueError
        If the file is damaged, is not a model file or is one of another format.

    Examples
    --------
    >>> from skimbalance.persistence import model_info
    >>> model_info("model.skim")["target"]  # doctest: +SKIP
    'grade'
    """
    with _sound(path), _opened(path) as archive:
        info = json.loads(archive.read(_INFO))
        of_file, writer = info["format"], info["skimbalance"]
        if not _is_text(info):
            raise ValueError("it does not say what the columns are.")
    if of_file != FORMAT:
        raise ValueError(
            f"The file '{path}' must be of format {FORMAT}, which this version of skimbalance "
            f"reads. Got format {of_file!r}, written by skimbalance {writer}: load it with the "
            "version that wrote it, or train and save the model again."
        )
    return info


def _is_text(info: dict[str, Any]) -> bool:
    """Whether what the columns and the target are is text, or None."""
    columns, target = info["columns"], info["target"]
    targets = target if isinstance(target, list) else [target]
    return (
        isinstance(columns, Mapping)
        and all(isinstance(name, str) for name in columns)
        and all(isinstance(text, str | None) for text in columns.values())
        and (target is None or all(isinstance(name, str) for name in targets))
    )


class _Pairs:
    """Stands in a file for a dict whose keys are not all text; calling the class makes the dict.

    The format keeps keys as text, and would read False back as True.
    """

    _items: dict[Any, Any]

    def __new__(cls, keys, values):
        """Return a dict."""
        return dict(zip(keys, values, strict=True))

    @classmethod
    def of(cls, items: dict[Any, Any]) -> "_Pairs":
        """The stand-in of a dict."""
        pairs = object.__new__(cls)
        pairs._items = items
        return pairs

    def __reduce__(self):
        return _Pairs, (list(self._items), list(self._items.values()))


def _lean(value: Any) -> Any:
    """A copy to store: samplers unfitted, nothing of training rows, dicts with keys of any type.

    A Series or a DataFrame, which this package reads by its labels, becomes a dict by label.
    """
    if hasattr(value, "fit_resample") and not hasattr(value, "steps"):
        return type(value)(**{k: _lean(v) for k, v in value.get_params(deep=False).items()})
    if isinstance(value, BaseEstimator):
        new = copy.copy(value)
        for name in [*vars(new)]:
            if name in (_REQUESTS, _CALLBACKS) or name.startswith(_OF_TRAINING_ROWS):
                del vars(new)[name]
        vars(new).update({name: _lean(part) for name, part in vars(new).items()})
        return new
    if hasattr(value, "iloc"):
        value = dict(zip(*labels_and_values(value), strict=True))
    if type(value) in (list, tuple):
        return type(value)(map(_lean, value))
    if type(value) is dict:
        items = {key: _lean(part) for key, part in value.items()}
        return items if all(type(key) is str for key in items) else _Pairs.of(items)
    return value


def _load(path: str | os.PathLike[str], trusted: Sequence[str], owner: str) -> Any:
    """The estimator in the file, if all its types are trusted."""
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    if isinstance(trusted, str) or not all(isinstance(name, str) for name in trusted):
        raise ValueError(
            f"The 'trusted' parameter must be a list of full names. Got {trusted!r} instead."
        )
    safe = [*_safe_types(), *trusted]
    with _sound(path):
        with _opened(path) as archive:
            _check_repetition(json.loads(archive.read(_SCHEMA)))
            _check_archives_within(archive, path)
        others = sorted(set(skops.io.get_untrusted_types(file=path)) - set(safe))
        if not others:
            try:
                estimator = skops.io.load(path, trusted=safe)
            except UntrustedTypesFoundException as error:  # a method, which no list admits
                others = [_first_line(error)]
    if others:
        raise ValueError(
            f"{owner} must hold only types of skimbalance, scikit-learn, imbalanced-learn, NumPy "
            f"and SciPy that are known to be safe. Got {', '.join(others)} instead: "
            f"{_remedy(others)}"
        )
    try:
        _check_estimator(estimator, owner)
        _check_parts(estimator, owner)
    except (AttributeError, TypeError, LookupError, RecursionError) as error:
        if isinstance(error, NotFittedError):
            raise
        raise ValueError(
            f"{owner} must hold a whole estimator. Got one that lacks something: "
            f"{_first_line(error)}"
        ) from error
    return estimator


def _remedy(others: list[str]) -> str:
    """What to type for types that are not trusted."""
    remedy = (
        "only if you know where the model comes from, name it in 'trusted', which save_model and "
        f"load_model both take: trusted={others!r}"
    )
    local = [name for name in others if name.startswith("__main__.") or "<" in name]
    if local:
        remedy += f"; and define {', '.join(local)} in a module, where other programs find it"
    return f"{remedy}."


def _check_kind(value: Any, owner: str) -> None:
    """Check that a value is an estimator, fitted or not."""
    if isinstance(value, type) or not hasattr(value, "fit"):
        raise ValueError(
            f"{owner} must hold a fitted estimator. Got {reprlib.repr(value)} instead."
        )


def _check_estimator(value: Any, owner: str) -> None:
    """Check that a value is a fitted estimator."""
    _check_kind(value, owner)
    try:
        check_is_fitted(value)
    except NotFittedError:
        raise NotFittedError(
            f"{owner} must hold a fitted estimator. Got one that is not fitted: call 'fit' first."
        ) from None


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[ZipFile]:
    """An archive that is not much larger than the file."""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ValueError("it is not a regular file.")
    with ZipFile(path) as archive:
        _check_size(_bytes_unpacked(archive), path)
        if len(archive.filelist) > _MOST_MEMBERS:
            raise ValueError(f"it has more than {_MOST_MEMBERS} members.")
        yield archive


def _check_size(n_bytes: int, path: str | os.PathLike[str]) -> None:
    most = _most_bytes(path)
    if n_bytes > most:
        raise ValueError(f"it unpacks to {n_bytes} bytes, and not to {most} at most.")


def _check_archives_within(archive: ZipFile, path: str | os.PathLike[str]) -> None:
    """Check the sizes in archives in the archive: sparse matrices are such."""
    n_bytes = _bytes_unpacked(archive)
    for member in archive.infolist():
        with archive.open(member) as file:
            if file.read(2) == b"PK":
                with ZipFile(io.BytesIO(archive.read(member))) as inner:
                    n_bytes += _bytes_unpacked(inner)
    _check_size(n_bytes, path)


def _bytes_unpacked(archive: ZipFile) -> int:
    return sum(member.file_size for member in archive.infolist())


def _most_bytes(path: str | os.PathLike[str]) -> int:
    return max(_FEW_BYTES, _MOST_TIMES * os.path.getsize(path))


def _check_repetition(schema: Any) -> None:
    """Check that the description of a model is not much longer than it reads.

    An object that stands in several places has the same "__id__" in each. skops looks at it in
    each place, and at what is in it: nested repetitions would take time without end.
    """
    n_read, n_within, unfinished = 0, dict[Any, int](), set()

    def n_seen(node):
        """The number of parts that skops looks at below a part, which is none if it is a leaf."""
        nonlocal n_read
        if not isinstance(node, dict | list):
            return 0
        n_read += 1
        parts = node.values() if isinstance(node, dict) else node
        name = node.get("__id__") if isinstance(node, dict) else None
        if name is None:
            return 1 + sum(map(n_seen, parts))
        if name in unfinished:
            raise ValueError("it has an object that holds itself.")
        unfinished.add(name)
        own = 1 + sum(map(n_seen, parts))
        unfinished.remove(name)
        n_within[name] = max(own, n_within.get(name, 0))
        return n_within[name]

    if n_seen(schema) > 1_000 + 2 * n_read:
        raise ValueError("it repeats objects within objects.")


def _check_parts(estimator: Any, owner: str) -> None:
    """Check what the types alone do not tell: shapes of networks, and states of generators."""
    seen: dict[int, Any] = {}
    waiting = [estimator]
    while waiting:
        part = waiting.pop()
        if id(part) in seen or isinstance(part, type | np.ndarray):
            continue
        seen[id(part)] = part
        if isinstance(part, np.random.RandomState):
            _check_generator(part, owner)
        if isinstance(part, list | tuple | set):
            waiting += part
        else:
            attributes = part if isinstance(part, dict) else getattr(part, "__dict__", {})
            waiting += attributes.values()
            if hasattr(attributes.get("network"), "dense_layers"):
                _check_shapes(attributes, owner)
            wrong = part.wrong_parts() if hasattr(part, "wrong_parts") else []
            if wrong:
                raise ValueError(f"{owner} must hold whole trees. Got other {wrong[0]!r}.")


def _check_generator(generator: np.random.RandomState, owner: str) -> None:
    """Check that the next number is one of those that the generator has: NumPy does not."""
    state: Any = generator.get_state(legacy=False)
    if not 0 <= state["state"].get("pos", 0) <= 624:  # the length of a Mersenne twister
        raise ValueError(f"{owner} must hold random generators in a state that exists.")


def _check_shapes(state: Mapping[str, Any], owner: str) -> None:
    """Check that the weights of a multi-layer perceptron fit its layers."""
    network, encoder = state["network"], state["encoder"]
    got = {name: np.shape(weight) for name, weight in state["weights"].items()}
    # The kernels first: they say how large all weights are, before such are made to compare.
    expected = {f"{name}/kernel": shape for name, *shape in network.dense_layers()}
    wrong = [name for name, shape in expected.items() if list(got.get(name, ())) != shape]
    if not wrong:
        weights = network.initial_weights(np.random.default_rng(0), None)
        expected = {name: np.shape(weight) for name, weight in weights.items()}
        wrong = [name for name in expected | got if expected.get(name) != got.get(name)]
    if encoder is not None and not wrong:
        wrong = encoder.wrong_shapes(network.n_features)
        wrong += ["n_codes"] * (encoder.n_codes != network.n_codes)
    if wrong:
        raise ValueError(
            f"{owner} must hold weights that fit its layers. Got {wrong[0]!r} of another shape."
        )


def _not_storable(estimator: Any, owner: str, error: Exception) -> str:
    """The sentence on an estimator that no file can hold; it names the parameter if it can."""
    import skops.io

    params: dict[str, Any] = getattr(estimator, "get_params", dict)()
    # From the inside out: a pipeline's 'steps' hold what is wrong in one of them.
    for name in sorted(params, key=lambda name: -name.count("__")):
        try:
            skops.io.dumps(_lean(params[name]))
        except (TypeError, AttributeError, RecursionError):
            return (
                f"{owner} must hold only objects that a model file can store. Got {name}="
                f"{reprlib.repr(params[name])} instead: give a number, a text, an "
                "array or a function there, or use joblib if nobody else will open the file."
            )
    return (
        f"{owner} must hold only objects that a model file can store. Got an error instead: "
        f"{_first_line(error)}"
    )


def _safe_types() -> list[str]:
    names = [*_STORED, *_OTHERS]
    for name in _IMBLEARN_MODULES:
        module = import_module(f"imblearn.{name}")
        names += [_full_name(getattr(module, public)) for public in module.__all__]
    # Splitters of scikit-learn hold numbers; skops trusts estimators alone.
    parts = vars(import_module("sklearn.model_selection")).values()
    names += [_full_name(cls) for cls in parts if isinstance(cls, type) and hasattr(cls, "split")]
    return names


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


@contextmanager
def _sound(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn any error in reading into what it means: the file is not a model file."""
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise  # the file cannot be opened at all
        raise ValueError(
            f"The file '{path}' must be a model file of skimbalance. Got a damaged file or one of "
            f"another kind: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]

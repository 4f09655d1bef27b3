"""Model files that are safe to open: no pickle, only known types, written whole or not at all.

A file is a zip archive as skops writes it, arrays beside a description of the objects, with one
more member that says what the model is for.
"""

import io
import json
import os
import reprlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from sklearn.exceptions import NotFittedError

from skimbalance._page.files import replacing
from skimbalance.persistence._archive import (
    INFO,
    SCHEMA,
    bytes_unpacked,
    check_archives_within,
    check_repetition,
    first_line,
    most_bytes,
    opened,
    regular_file,
    sound,
)
from skimbalance.persistence._checks import (
    add_missing_parameters,
    check_estimator,
    check_kind,
    check_parts,
)
from skimbalance.persistence._keras import (
    check_networks,
    unknown_keras_names,
    with_keras_objects,
)
from skimbalance.persistence._lean import lean
from skimbalance.persistence._signature import UNSIGNED, check_key, check_signature, signed
from skimbalance.persistence._types import FORMAT, OLDEST, safe_types

__all__ = ["load_model", "model_info", "save_model"]


def save_model(
    estimator: Any,
    path: str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    target: str | list[str] | None = None,
    trusted: Sequence[str] = (),
    key: bytes | None = None,
) -> None:
    """Save a fitted estimator in a file that is safe to open.

    A draft of the file is written in the same folder and read again, and only then replaces an
    existing file, so that a failure leaves that file as it was. Samplers are stored unfitted:
    predictions do not need them, and they hold training rows. Attributes that begin with
    ``oof_``, which hold out-of-fold posteriors and decisions of the training rows, are left out. A
    parameter that is a pandas Series or DataFrame is stored as a dict by label, a path as text, and
    an object of Keras as its config. Requests for metadata, which only a later fit or score needs,
    are left out: call `set_fit_request` again before it.

    Of a custom network the file holds Keras' config and the weights, and not the function that
    builds it: set `model` again before a further fit, or trust the function.

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
        Full names of further types and functions that the model holds, such as
        "my_layers.Attention" for a custom layer, or "my_networks.build" for the function that
        builds a network, which is then stored itself. See `load_model`.
    key : bytes, default=None
        A secret with which the file is signed, such as ``secrets.token_bytes(32)``; None leaves it
        unsigned. `load_model` with the same key refuses any other file. The signature is
        HMAC-SHA256 [1]_ of the file but for its last 64 bytes, which are the signature.

    Raises
    ------
    ValueError
        If the model holds a type that is not trusted, such as a custom function, or a network that
        its config does not describe; or if 'columns' or 'target' hold anything but text, or 'key'
        is not bytes.

    See Also
    --------
    load_model : Reads the file.

    References
    ----------
    .. [1] H. Krawczyk, M. Bellare, R. Canetti. "HMAC: Keyed-Hashing for Message Authentication."
       RFC 2104, 1997. doi:10.17487/RFC2104

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
    check_key(key)
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
    check_kind(estimator, owner)
    with replacing(path) as draft:
        for compression in (ZIP_DEFLATED, ZIP_STORED):
            draft.write_bytes(_content(estimator, trusted, owner, info, compression, key))
            with open(draft, "rb") as file, ZipFile(file) as archive:
                n_unpacked = bytes_unpacked(archive)
            if n_unpacked <= most_bytes(os.path.getsize(draft)):
                break
        _load(draft.read_bytes(), path, trusted, owner)


def load_model(
    path: str | os.PathLike[str], *, trusted: Sequence[str] = (), key: bytes | None = None
) -> Any:
    """Load an estimator that `save_model` saved.

    Nothing in the file is executed, and an `ImbalancedMLPClassifier` or an ensemble predicts
    without importing TensorFlow. A custom network is built from its config, of known layers only.

    Parameters
    ----------
    path : str or path-like
        The file.
    trusted : sequence of str, default=()
        Full names of further types and functions to accept, as in `save_model`, beside those of
        skimbalance and imbalanced-learn, the estimators of scikit-learn, its scorers, and Keras'
        layers, losses, metrics and optimizers. Trees need
        "sklearn.tree._tree.Tree", or
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": scikit-learn does not
        check their nodes, so that a forged tree can crash the process. A ``Lambda`` layer needs
        "keras.layers.Lambda", and then runs the code that it holds.
    key : bytes, default=None
        The secret with which the file was signed: a file without this signature, or one that has
        changed since, is refused before it is read. None looks at no signature.

    Returns
    -------
    estimator : estimator
        The fitted estimator; it predicts the same bits as the one that was saved.

    Raises
    ------
    ValueError
        If the file is damaged, is not a model file or is one of another format, holds a type that
        is not trusted, or lacks the signature of 'key'.

    References
    ----------
    skops.io, secure persistence with skops.
    https://skops.readthedocs.io/en/stable/persistence.html

    Examples
    --------
    >>> from skimbalance.persistence import load_model
    >>> clf = load_model("model.skim")  # doctest: +SKIP
    """
    check_key(key)
    with sound(path), regular_file(path) as file:
        content = file.read()
    if key is not None:
        check_signature(content, key, path)
    _info(io.BytesIO(content), path)
    return _load(content, path, trusted, f"The file '{path}'")


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
    with sound(path):
        opened_file = regular_file(path)
    with opened_file as file:
        return _info(file, path)


def _info(file: BinaryIO, path: str | os.PathLike[str]) -> dict[str, Any]:
    """What an open file says about its model; an error if this release cannot read it."""
    with sound(path), opened(file) as archive:
        info = json.loads(archive.read(INFO))
        of_file, writer = info["format"], info["skimbalance"]
        if not _is_text(info):
            raise ValueError("it does not say what the columns are.")
    if not (type(of_file) is int and OLDEST <= of_file <= FORMAT):
        raise ValueError(
            f"The file '{path}' must be of format {OLDEST} to {FORMAT}, which this version of "
            f"skimbalance reads. Got format {of_file!r}, written by skimbalance {writer}: load it "
            "with the version that wrote it, or train and save the model again."
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


def _content(
    estimator: Any,
    trusted: Sequence[str],
    owner: str,
    info: dict[str, Any],
    compression: int,
    key: bytes | None,
) -> bytes:
    """What a model file holds."""
    import skops.io  # seconds, as it looks at all estimators

    content = io.BytesIO()
    try:
        skops.io.dump(lean(estimator, trusted), content, compression=compression)
    except (TypeError, AttributeError, RecursionError) as error:
        raise ValueError(_not_storable(estimator, owner, error)) from error
    with ZipFile(content, "a") as archive:
        archive.writestr(INFO, json.dumps(info))
        archive.comment = b"" if key is None else UNSIGNED
    return content.getvalue() if key is None else signed(content.getvalue(), key)


def _load(content: bytes, path: str | os.PathLike[str], trusted: Sequence[str], owner: str) -> Any:
    """The estimator in a file, if all its types are trusted."""
    if isinstance(trusted, str) or not all(isinstance(name, str) for name in trusted):
        raise ValueError(
            f"The 'trusted' parameter must be a list of full names. Got {trusted!r} instead."
        )
    with sound(path):
        with opened(io.BytesIO(content)) as archive:
            check_repetition(json.loads(archive.read(SCHEMA)))
            check_archives_within(archive, len(content))
        estimator, others = _objects(content, trusted)
        if not others:
            estimator = with_keras_objects(estimator, trusted)
            add_missing_parameters(estimator)
    if others:
        raise ValueError(
            f"{owner} must hold only types of skimbalance, scikit-learn, imbalanced-learn, Keras, "
            f"NumPy and SciPy that are known to be safe. Got {', '.join(others)} instead: "
            f"{_remedy(others)}"
        )
    try:
        check_estimator(estimator, owner)
        check_parts(estimator, owner)
        check_networks(estimator, trusted, owner)
    except (AttributeError, TypeError, LookupError, RecursionError) as error:
        if isinstance(error, NotFittedError):
            raise
        raise ValueError(
            f"{owner} must hold a whole estimator. Got one that lacks something: "
            f"{first_line(error)}"
        ) from error
    return estimator


def _objects(content: bytes, trusted: Sequence[str]) -> tuple[Any, list[str]]:
    """The estimator, with descriptions of Keras' objects; or the names that are not trusted."""
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    safe = [*safe_types(), *trusted]
    try:
        estimator = skops.io.loads(content, trusted=safe)
    except UntrustedTypesFoundException as error:
        others = set(skops.io.get_untrusted_types(data=content)) - set(safe)
        return None, sorted(others) or [first_line(error)]  # the latter is a method
    return estimator, sorted(unknown_keras_names(estimator, trusted))


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


def _not_storable(estimator: Any, owner: str, error: Exception) -> str:
    """The sentence on an estimator that no file can hold; it names the parameter if it can."""
    import skops.io

    params: dict[str, Any] = getattr(estimator, "get_params", dict)()
    # From the inside out: a pipeline's 'steps' hold what is wrong in one of them.
    for name in sorted(params, key=lambda name: -name.count("__")):
        try:
            skops.io.dumps(lean(params[name]))
        except (TypeError, AttributeError, RecursionError):
            return (
                f"{owner} must hold only objects that a model file can store. Got {name}="
                f"{reprlib.repr(params[name])} instead: give a number, a text, an "
                "array or a function there, or use joblib if nobody else will open the file."
            )
    return (
        f"{owner} must hold only objects that a model file can store. Got an error instead: "
        f"{first_line(error)}"
    )

"""Fitted estimators as ONNX files, and as parts of those that skl2onnx makes."""

import os
import reprlib
from importlib.util import find_spec
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skimbalance._page.files import check_replaceable, replacing

__all__ = ["register_onnx_converters", "to_onnx"]


def to_onnx(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to an ONNX file, which predicts without Python.

    The file holds all of it: how columns are read and standardised, networks, trees, calibration
    and the tuned decision. In ONNX Runtime it gives the same decisions and, to 1e-5 and mostly to
    1e-7, the same probabilities.

    Parameters
    ----------
    estimator : estimator
        A fitted `ImbalancedMLPClassifier`, `ImbalancedEnsembleClassifier` or
        `ImbalancedKerasClassifier`, a `TunedDecisionClassifierCV` or `PriorCorrectedClassifier` of
        one of them or of a classifier that skl2onnx converts, or a pipeline or search of
        scikit-learn that ends in one of these, whose steps skl2onnx converts.
    path : str or path-like
        The file; an existing file is replaced once the new one is written.

    Raises
    ------
    ImportError
        If the package onnx is not installed, or skl2onnx or tf2onnx, where they are needed.
    NotFittedError
        If the estimator is not fitted.
    ValueError
        If there is no ONNX for the estimator, or for a part of it.

    See Also
    --------
    skimbalance.persistence.save_model : A file that this library loads again.
    skimbalance.persistence.register_onnx_converters : Estimators of scikit-learn around ours.

    Notes
    -----
    If all columns are numbers, the input is "X", of type float64 and shape (n_samples,
    n_features); rows of float32 are cast to float64 first. If some columns are categories, each
    column is an input of shape (n_samples, 1) by its name ("x0", "x1", ... without names): text as
    strings, and numbers as float64. A missing number is NaN; a missing category is an empty text,
    or one of "None", "nan" and "<NA>", as which ONNX Runtime reads Python's missing values. The
    inputs of a Keras network are as the network takes them.

    The output "label" is what `predict` returns, the class label of each row or the label
    indicator, and "probabilities" what `predict_proba` returns, in the order of the file's property
    "classes" (in JSON). Rows are not checked: infinite numbers give no error.

    References
    ----------
    .. [1] Open Neural Network Exchange. https://onnx.ai

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skimbalance import TunedDecisionClassifierCV
    >>> from skimbalance.persistence import to_onnx
    >>> X, y = make_classification(300, weights=[0.9], random_state=0)
    >>> clf = TunedDecisionClassifierCV(LogisticRegression(), random_state=0).fit(X, y)
    >>> to_onnx(clf, "model.onnx")  # doctest: +SKIP
    >>> import onnxruntime  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession("model.onnx")  # doctest: +SKIP
    >>> label, proba = session.run(None, {"X": X})  # doctest: +SKIP
    """
    _check_installed("to_onnx", "onnx")
    _check_fitted(estimator, "to_onnx")
    check_replaceable(path)
    from skimbalance.persistence._onnx._model import model_of

    content = model_of(estimator).SerializeToString()
    _check_runs(content)
    with replacing(path) as draft, open(draft, "wb") as file:
        file.write(content)


def register_onnx_converters() -> None:
    """Let skl2onnx convert our estimators inside those of scikit-learn.

    This adds them to the tables that skl2onnx keeps for the whole process, as its
    `update_registered_converter` does. From then on `skl2onnx.to_onnx` and
    `skl2onnx.convert_sklearn` take a `ColumnTransformer` and one of our classifiers in a pipeline,
    or a `CalibratedClassifierCV` or `VotingClassifier` of them.

    Raises
    ------
    ImportError
        If the package skl2onnx is not installed.

    See Also
    --------
    skimbalance.persistence.to_onnx : One of our estimators alone, or after steps of numbers.

    Notes
    -----
    The probabilities are float64 if the first input is, else float32; labels and probabilities are
    otherwise as in `to_onnx`. skl2onnx reads no missing categories.

    References
    ----------
    .. [1] sklearn-onnx, how to register converters of other libraries.
       https://onnx.ai/sklearn-onnx/

    Examples
    --------
    >>> from skimbalance.persistence import register_onnx_converters
    >>> register_onnx_converters()  # doctest: +SKIP
    """
    _check_installed("register_onnx_converters", "skl2onnx")
    from skl2onnx import update_registered_converter

    from skimbalance.persistence._onnx._converter import OURS, add_nodes, set_types

    for cls, options in OURS.items():
        update_registered_converter(
            cls, f"Skimbalance{cls.__name__}", set_types, add_nodes, options=options
        )


def _check_installed(owner: str, package: str) -> None:
    if find_spec(package) is None:
        raise ImportError(
            f"{owner} needs the package {package}, which is not installed: "
            "pip install 'skimbalance[onnx]'"
        )


def _check_runs(content: bytes) -> None:
    """Check that ONNX Runtime, if there is one, has all operators of a model in its types."""
    if find_spec("onnxruntime") is None:
        return
    import onnxruntime

    try:
        onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:  # of many kinds
        raise ValueError(
            "An ONNX model must hold only what ONNX Runtime can run. Got the error: "
            f"{str(error).strip().splitlines()[0]}"
        ) from error


def _check_fitted(estimator: Any, owner: str) -> None:
    if isinstance(estimator, type) or not isinstance(estimator, BaseEstimator):
        raise ValueError(
            f"{owner} must get a fitted estimator. Got {reprlib.repr(estimator)} instead."
        )
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        raise NotFittedError(
            f"{owner} must get a fitted estimator. Got one that is not fitted: call 'fit' first."
        ) from None

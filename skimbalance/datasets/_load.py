"""Loaders of the bundled data sets, in the way of scikit-learn."""

import csv
import gzip
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import Bunch

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "load_abalone_19",
    "load_ann_thyroid",
    "load_credit_risk_grade",
    "load_page_blocks",
    "load_yeast",
]

_DATA_MODULE = "skimbalance.datasets.data"


def _check_flag(name: str, value: Any, owner: str) -> None:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"The '{name}' parameter of {owner} must be a bool. Got {value!r} instead.")


def _parse(cells: Sequence[str]) -> tuple[np.ndarray, list[str] | None]:
    """A column as integers, or floats, or codes of categories; and its categories or None."""
    texts = np.array(cells)
    for dtype, numbers in ((np.int64, texts), (np.float64, np.where(texts == "", "nan", texts))):
        try:
            return numbers.astype(dtype), None
        except ValueError:
            continue
    categories, codes = np.unique(texts, return_inverse=True)
    return codes, categories.tolist()


def _read(name: str) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """The columns of a data set, and the categories of those that hold text, both by name."""
    path = files(_DATA_MODULE) / f"{name}.csv.gz"
    with path.open("rb") as raw, gzip.open(raw, "rt", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    columns, categories = {}, {}
    for column, texts in zip(header, zip(*rows, strict=True), strict=True):
        columns[column], names = _parse(texts)
        if names is not None:
            categories[column] = names
    return columns, categories


def _to_frame(columns: dict[str, np.ndarray], categories: dict[str, list[str]]) -> "pd.DataFrame":
    import pandas as pd  # optional: only as_frame=True needs it

    return pd.DataFrame(
        {
            name: pd.Categorical.from_codes(values, categories[name])
            if name in categories
            else values
            for name, values in columns.items()
        }
    )


def _load(name: str, target_names: list[str], *, return_X_y: bool, as_frame: bool) -> Any:
    """Load a data set; nothing is cached, so that the caller owns everything returned."""
    _check_flag("return_X_y", return_X_y, f"load_{name}")
    _check_flag("as_frame", as_frame, f"load_{name}")
    columns, categories = _read(name)
    feature_names = [column for column in columns if column != "target"]
    if as_frame:
        frame = _to_frame(columns, categories)
        frame.attrs["name"] = name
        data, target = frame[feature_names], frame["target"]
    else:
        frame = None
        data = np.column_stack([columns[column] for column in feature_names]).astype(np.float64)
        target = columns["target"]
        if "target" in categories:
            target = np.array(categories["target"])[target]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=frame,
        feature_names=feature_names,
        target_names=np.array(target_names),
        categories={column: categories[column] for column in feature_names if column in categories},
        DESCR=(files(_DATA_MODULE) / f"{name}.md").read_text(encoding="utf-8"),
        filename=f"{name}.csv.gz",
        data_module=_DATA_MODULE,
    )


def load_abalone_19(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load the abalone measurements: shells of 19 rings (1) against all others (0).

    A binary set of 4177 rows and 8 features; 32 rows (0.77 %) are positive.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a `Bunch`.
    as_frame : bool, default=False
        If True, `data` is a pandas DataFrame whose column `sex` is categorical, and `target` a
        Series. If False, `data` is a float64 array, in which `sex` is its position in
        ``categories["sex"]``.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        The data set: `data` of shape (4177, 8), `target` of shape (4177,), `frame` (None unless
        `as_frame`), `feature_names`, `target_names` (in the order of the sorted labels),
        `categories` (column to names), `DESCR`, `filename` and `data_module`.
    (data, target) : tuple if `return_X_y` is True
        The features and the class labels alone.

    References
    ----------
    Nash et al. (1994). Abalone. UCI Machine Learning Repository.
    https://doi.org/10.24432/C55C7W

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.datasets import load_abalone_19
    >>> bunch = load_abalone_19()
    >>> bunch.data.shape, np.bincount(bunch.target).tolist()
    ((4177, 8), [4145, 32])
    >>> bunch.categories
    {'sex': ['F', 'I', 'M']}
    """
    names = ["other", "19 rings"]
    return _load("abalone_19", names, return_X_y=return_X_y, as_frame=as_frame)


def load_ann_thyroid(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load the thyroid patients: normal (3) and two rare kinds of abnormal function (1, 2).

    A set of 7200 rows, 21 features and 3 classes; classes 1 and 2 are 2.3 % and 5.1 % of the rows.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a `Bunch`.
    as_frame : bool, default=False
        If True, `data` is a pandas DataFrame, in which binary columns are integers, and `target`
        a Series. If False, `data` is a float64 array.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        The data set: `data` of shape (7200, 21), `target` of shape (7200,), `frame` (None unless
        `as_frame`), `feature_names`, `target_names` (in the order of the sorted labels),
        `categories` (empty), `DESCR`, `filename` and `data_module`.
    (data, target) : tuple if `return_X_y` is True
        The features and the class labels alone.

    References
    ----------
    Quinlan (1986). Thyroid Disease. UCI Machine Learning Repository.
    https://doi.org/10.24432/C5D010

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.datasets import load_ann_thyroid
    >>> X, y = load_ann_thyroid(return_X_y=True)
    >>> X.shape, np.bincount(y)[1:].tolist()
    ((7200, 21), [166, 368, 6666])
    """
    # The source does not say which number means which abnormal class: the labels are the names.
    names = ["1", "2", "3"]
    return _load("ann_thyroid", names, return_X_y=return_X_y, as_frame=as_frame)


def load_credit_risk_grade(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load the loans and their grades, from 'A' (33 % of the rows) to 'G' (0.2 %).

    A set of 32581 rows, 10 features and 7 classes, with missing values and text columns.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a `Bunch`.
    as_frame : bool, default=False
        If True, `data` is a pandas DataFrame with 3 categorical columns, and `target` a
        categorical Series. If False, `data` is a float64 array, in which a category is its
        position in ``categories[column]``, and `target` an array of str. Missing values are NaN.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        The data set: `data` of shape (32581, 10), `target` of shape (32581,), `frame` (None unless
        `as_frame`), `feature_names`, `target_names` (in the order of the sorted labels),
        `categories` (column to names), `DESCR`, `filename` and `data_module`.
    (data, target) : tuple if `return_X_y` is True
        The features and the class labels alone.

    References
    ----------
    laotse. Credit Risk Dataset. Kaggle.
    https://www.kaggle.com/datasets/laotse/credit-risk-dataset

    Examples
    --------
    >>> from skimbalance.datasets import load_credit_risk_grade
    >>> bunch = load_credit_risk_grade()
    >>> bunch.data.shape, int((bunch.target == "G").sum())
    ((32581, 10), 64)
    >>> bunch.categories["person_home_ownership"]
    ['MORTGAGE', 'OTHER', 'OWN', 'RENT']
    """
    return _load("credit_risk_grade", list("ABCDEFG"), return_X_y=return_X_y, as_frame=as_frame)


def load_page_blocks(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load the blocks of printed pages: text (1) and four rarer kinds (2 to 5).

    A set of 5472 rows, 10 features and 5 classes; the rarest, graphic (3), is 0.5 % of the rows.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a `Bunch`.
    as_frame : bool, default=False
        If True, `data` is a pandas DataFrame, in which counts of pixels are integers, and `target`
        a Series. If False, `data` is a float64 array.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        The data set: `data` of shape (5472, 10), `target` of shape (5472,), `frame` (None unless
        `as_frame`), `feature_names`, `target_names` (in the order of the sorted labels),
        `categories` (empty), `DESCR`, `filename` and `data_module`.
    (data, target) : tuple if `return_X_y` is True
        The features and the class labels alone.

    References
    ----------
    Malerba (1995). Page Blocks Classification. UCI Machine Learning Repository.
    https://doi.org/10.24432/C5J590

    Examples
    --------
    >>> import numpy as np
    >>> from skimbalance.datasets import load_page_blocks
    >>> bunch = load_page_blocks()
    >>> dict(zip(bunch.target_names.tolist(), np.bincount(bunch.target)[1:].tolist()))
    {'text': 4913, 'horizontal line': 329, 'graphic': 28, 'vertical line': 87, 'picture': 115}
    """
    names = ["text", "horizontal line", "graphic", "vertical line", "picture"]
    return _load("page_blocks", names, return_X_y=return_X_y, as_frame=as_frame)


def load_yeast(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load the yeast proteins and their ten places in the cell.

    A set of 1484 rows, 8 features and 10 classes; the rarest, 'ERL', has 5 rows (0.3 %).

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a `Bunch`.
    as_frame : bool, default=False
        If True, `data` is a pandas DataFrame, and `target` a categorical Series. If False,
        `data` is a float64 array, and `target` an array of str.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        The data set: `data` of shape (1484, 8), `target` of shape (1484,), `frame` (None unless
        `as_frame`), `feature_names`, `target_names` (in the order of the sorted labels),
        `categories` (empty), `DESCR`, `filename` and `data_module`.
    (data, target) : tuple if `return_X_y` is True
        The features and the class labels alone.

    References
    ----------
    Nakai (1991). Yeast. UCI Machine Learning Repository. https://doi.org/10.24432/C5KG68

    Examples
    --------
    >>> from skimbalance.datasets import load_yeast
    >>> X, y = load_yeast(return_X_y=True)
    >>> X.shape, int((y == "ERL").sum())
    ((1484, 8), 5)
    """
    names = ["CYT", "ERL", "EXC", "ME1", "ME2", "ME3", "MIT", "NUC", "POX", "VAC"]
    return _load("yeast", names, return_X_y=return_X_y, as_frame=as_frame)

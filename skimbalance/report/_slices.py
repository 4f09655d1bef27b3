"""For whom a classifier is worse: scores of one class in the slices that columns make."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import fisher_exact

from skimbalance._page import shown
from skimbalance._validation import n_rows, some_of
from skimbalance.metrics._decisions import f1_of_jaccard, jeffreys, proportions
from skimbalance.metrics._p_values import SIGNIFICANCE, holm
from skimbalance.metrics._plain import parts_by_name, plain_floats
from skimbalance.metrics._scores import ratio

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "named_slices",
    "slice_columns",
    "slice_flags",
    "slice_frame",
    "slice_scores",
    "slice_table",
    "slices_of",
]

# Columns of more different numbers or times are cut at their quartiles.
_MOST_NUMBERS = 10

# Values with fewer rows, and all but the most frequent values, share a slice.
_FEWEST_ROWS = 20
_MOST_VALUES = 10

# The scores that are tested.
_TESTED = ("recall", "precision")
_MOST_NAMED = 10


def named_slices(slices: Any, X: Any, owner: str) -> Any:
    """The columns of X that are named, as a table; or the slices, if they are no names.

    Parameters
    ----------
    slices : str, list of str, or array-like
        Names of columns, or columns.
    X : DataFrame, or anything else
        The rows.
    owner : str
        For errors.

    Raises
    ------
    ValueError
        If a name is none of the columns.
    """
    X = X.to_pandas() if hasattr(X, "to_pandas") else X
    known = [*getattr(X, "columns", [])]
    if isinstance(slices, str):
        names = [slices]
    elif isinstance(slices, list | tuple) and all(isinstance(name, str) for name in slices):
        if len(slices) == n_rows(X) and not {*slices} <= {*known}:
            return slices
        names = [*slices]
    else:
        return slices
    wrong = [name for name in names if known.count(name) != 1]
    if wrong:
        found = f"the columns are {some_of(known)}" if known else "X has no names of columns"
        raise ValueError(
            f"The 'slices' parameter of {owner} must name columns of X, or have a value for each "
            f"row. Got {wrong[0]!r}, but {found}: give the values of the column instead."
        )
    return X[names]


def slice_columns(slices: Any, n_expected: int, owner: str) -> "list[tuple[str, pd.Series]]":
    """Names and values of the columns that make slices.

    Parameters
    ----------
    slices : array-like of shape (n_samples,) or (n_samples, n_columns)
        Columns.
    n_expected : int
        Number of rows.
    owner : str
        For errors.

    Raises
    ------
    ValueError
        If there is not a value for each row.
    """
    import pandas as pd

    columns: list[tuple[Any, Any]] = [(getattr(slices, "name", None) or "slice", slices)]
    if hasattr(slices, "columns"):
        columns = [(name, slices[name]) for name in slices.columns]
    elif not hasattr(slices, "name") and np.ndim(slices) in (1, 2):
        frame = pd.DataFrame(slices)
        ends = [f" {k}" for k in range(frame.shape[1])] if frame.shape[1] > 1 else [""]
        columns = [(f"slice{end}", frame.iloc[:, k]) for k, end in enumerate(ends)]
    for name, values in columns:
        if np.shape(values) != (n_expected,):
            raise ValueError(
                f"The 'slices' parameter of {owner} must have a value for each of the {n_expected} "
                f"rows. Got shape {np.shape(values)} for {name!r}: give an array, a Series or a "
                "table of these rows, or, where X is a table, the names of its columns as text."
            )
    series = [
        values if hasattr(values, "iloc") else pd.Series(np.asarray(values))
        for _, values in columns
    ]
    return [
        (str(name), values.reset_index(drop=True).infer_objects())
        for (name, _), values in zip(columns, series, strict=True)
    ]


def slices_of(slices: Any, mask: np.ndarray, owner: str) -> "pd.DataFrame":
    """The slices of the rows in a mask, as a table."""
    import pandas as pd

    return pd.DataFrame(dict(slice_columns(slices, len(mask), owner)))[mask]


def slice_scores(
    columns: "list[tuple[str, pd.Series]]",
    is_true: np.ndarray,
    is_decided: np.ndarray,
    level: float,
) -> dict[str, Any]:
    """Scores of one class in each slice.

    Parameters
    ----------
    columns : list of (str, Series)
        Names and values, as from `slice_columns`.
    is_true, is_decided : ndarray of bool of shape (n_samples,)
        Which rows are of the class, and which are decided to be.
    level : float
        Level of the intervals.

    Returns
    -------
    slices : dict
        "parts", a list with a dict for each slice: "column" and "value"; numbers of
        rows, "n_rows", of the class, "support", decided for it, "predicted", and found, "hits";
        "recall", "precision" and "f1", each with its Jeffreys interval; and "recall_p_value" and
        "precision_p_value", by Fisher's exact test of the slice against all other rows, adjusted
        for the number of all these tests (Holm). The two slices of a column have one test. None
        stands for what is not defined.
    """
    hit = is_true & is_decided
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    parts: list[dict[str, Any]] = []
    tests: list[tuple[list[dict[str, Any]], str, float]] = []
    for column, values in columns:
        names, of_row = _divided(values)
        n = len(names)
        hits, predicted, actual = (
            np.bincount(of_row[mask], minlength=n) for mask in (hit, is_decided, is_true)
        )
        counts = {
            "column": [column] * n,
            "value": names,
            "n_rows": np.bincount(of_row, minlength=n).tolist(),
            "support": actual.tolist(),
            "predicted": predicted.tolist(),
            "hits": hits.tolist(),
        }
        of_column = parts_by_name(counts)
        for name, (found, total) in proportions(hits, predicted, actual).items():
            score, ends = ratio(found, total, np.nan), jeffreys(found, total, tails)
            if name == "f1":
                score, ends = f1_of_jaccard(score), f1_of_jaccard(ends)
            cells = zip(of_column, plain_floats(score), ends.tolist(), strict=True)
            for part, value, interval in cells:
                part |= {name: value, f"{name}_interval": interval}
            if name in _TESTED:
                tests += _tests(of_column, name, found, total)
        parts += of_column
    adjusted = holm(np.array([p for _, _, p in tests])).tolist()
    for part in parts:
        part |= {f"{name}_p_value": None for name in _TESTED}
    for (tested, name, _), p in zip(tests, adjusted, strict=True):
        for part in tested:
            part[f"{name}_p_value"] = p
    return {"parts": parts}


def _tests(of_column, name, found, total):
    """Slices, score and p-value of each test within a column."""
    if len(of_column) == 1:
        return
    rest_found, rest_total = found.sum() - found, total.sum() - total
    groups = [of_column] if len(of_column) == 2 else [[part] for part in of_column]
    for k, tested in enumerate(groups):
        if total[k] and rest_total[k]:
            table = [[found[k], total[k] - found[k]],
                     [rest_found[k], rest_total[k] - rest_found[k]]]  # fmt: skip
            yield tested, name, float(fisher_exact(table).pvalue)


def _divided(values):
    """Names of slices, and the slice of each row.

    Each row is in one slice: by quartiles, by value, or with other rare values.
    """
    import pandas as pd

    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    is_time = pd.api.types.is_datetime64_any_dtype(values)
    if (is_number or is_time) and values.nunique() > _MOST_NUMBERS:
        names, codes = _quartiles(values)
        fewest = 1
    else:
        coded = pd.Categorical(values)
        names, codes = [_text(value) for value in coded.categories], np.array(coded.codes)
        fewest = _FEWEST_ROWS
    codes = codes.astype(int)
    names, codes = [*names, "missing"], np.where(codes < 0, len(names), codes)
    counts = np.bincount(codes, minlength=len(names))
    largest = np.argsort(-counts, kind="stable")[:_MOST_VALUES]
    is_kept = np.zeros(len(names), bool)
    is_kept[largest] = counts[largest] >= fewest
    is_rest = (counts > 0) & ~is_kept
    if np.count_nonzero(is_rest) < 2:
        is_kept, is_rest = counts > 0, np.zeros(len(names), bool)
    place = np.cumsum(is_kept) - 1
    place[is_rest] = np.count_nonzero(is_kept)
    kept = [name for name, is_one in zip(names, is_kept, strict=True) if is_one]
    n_rest = np.count_nonzero(is_rest)
    return kept + [f"{n_rest} other values"] * bool(n_rest), place[codes]


def _quartiles(values):
    """Names of the parts between the quartiles, and the part of each row; -1 where missing."""
    edges = values.quantile([0.25, 0.5, 0.75], interpolation="lower").unique()
    edges = [edge for edge in edges if edge < values.max()] or [values[values < values.max()].max()]
    codes = sum((values > edge).to_numpy(int, na_value=0) for edge in edges)
    texts = [_text(edge) for edge in edges]
    middle = [f"over {low}, up to {high}" for low, high in pairwise(texts)]
    codes = np.where(values.isna(), -1, codes)
    return [f"up to {texts[0]}", *middle, f"over {texts[-1]}"], codes


def _text(value):
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    return shown(str(value).removesuffix(" 00:00:00"))


def slice_flags(slices: dict[str, Any], noun: str) -> Iterator[str]:
    """In which slices a score is lower than elsewhere, beyond chance, in sentences.

    The noun is "class" or "label".
    """
    for name, total in zip(_TESTED, ("support", "predicted"), strict=True):
        low = []
        for part in slices["parts"]:
            same = [other for other in slices["parts"] if other["column"] == part["column"]]
            p = part[f"{name}_p_value"]
            if p is None or p > SIGNIFICANCE:
                continue
            n_others = sum(other[total] for other in same) - part[total]
            others = (sum(other["hits"] for other in same) - part["hits"]) / n_others
            if part[name] < others:
                ends = "[{:.2f}, {:.2f}]".format(*part[f"{name}_interval"])
                low.append(
                    f"{part['column']}: {part['value']} ({part[name]:.2f} {ends}, elsewhere "
                    f"{others:.2f}, p = {p:.2g})"
                )
        if low:
            more = f" and {len(low) - _MOST_NAMED} more" if len(low) > _MOST_NAMED else ""
            yield (
                f"{name.capitalize()} of {noun} {slices['label']!r} is lower than elsewhere, "
                f"beyond chance: {', '.join(low[:_MOST_NAMED])}{more}."
            )


def slice_frame(slices: dict[str, Any]) -> "pd.DataFrame":
    """A row for each slice; intervals in two columns, and nan where a score is not defined."""
    import pandas as pd

    frame = pd.DataFrame(slices["parts"])
    for name in ("recall", "precision", "f1"):
        place = frame.columns.get_loc(f"{name}_interval")
        low, high = zip(*frame.pop(f"{name}_interval"), strict=True)
        frame.insert(place, f"{name}_low", low)
        frame.insert(place + 1, f"{name}_high", high)
        frame[name] = frame[name].astype(float)
    for name in _TESTED:
        frame[f"{name}_p_value"] = frame[f"{name}_p_value"].astype(float)
    return frame.set_index(["column", "value"])


def slice_table(slices: dict[str, Any]) -> "pd.DataFrame":
    """The same in readable texts."""
    import pandas as pd

    def score(part, name):
        value, ends = part[name], part[f"{name}_interval"]
        return "-" if value is None else "{:.3f} [{:.2f}, {:.2f}]".format(value, *ends)

    return pd.DataFrame(
        [
            {
                "slice": f"{part['column']}: {part['value']}",
                "rows": str(part["n_rows"]),
                f"of {slices['label']}": str(part["support"]),
                **{name: score(part, name) for name in _TESTED},
                "F1": "-" if part["f1"] is None else f"{part['f1']:.3f}",
                **{
                    f"p of {name}": "-" if (p := part[f"{name}_p_value"]) is None else f"{p:.2g}"
                    for name in _TESTED
                },
            }
            for part in slices["parts"]
        ],
        dtype=object,
    )

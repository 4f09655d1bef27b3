"""Sets of the benchmark of predictive quality, and what a model gets to see of them."""

import dataclasses
import pathlib
import sys
import warnings

import numpy as np
import pandas as pd
from common import TINY
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import skimbalance.datasets

MAX_ROWS = 12_000
# A subsample keeps this many rows of a class, or all of fewer.
KEPT_ROWS_OF_A_CLASS = 20
# Smaller classes of sets with several classes are dropped.
MIN_ROWS_OF_A_CLASS = 10
# Above this part of a set, rows that occur again are dropped.
MAX_DUPLICATES = 0.1
# The most frequent levels that a column keeps; the others become missing, or one level.
MAX_LEVELS_OF_TABLES, MAX_LEVELS_OF_ARRAYS = 200, 30


@dataclasses.dataclass(frozen=True)
class TableSet:
    """A set after the protocol's selection of rows.

    X has numbers as float64, with missing values, and other columns as categories. y holds the
    class of each row, from 0 to n_classes - 1.
    """

    name: str
    X: pd.DataFrame
    y: np.ndarray

    @property
    def n_classes(self):
        """Number of classes, all of which have rows."""
        return int(self.y.max()) + 1


def names_of_sets(folder, max_rows=MAX_ROWS):
    """Binary and multi-class sets of a folder, or those of the package, the least costly first."""
    if TINY:
        return ["simulated"]
    if folder is None:
        return [name.removeprefix("load_") for name in skimbalance.datasets.__all__]
    index = pathlib.Path(folder) / "index.csv"
    if not index.exists():
        sys.exit(
            f"The folder '{folder}' must contain index.csv, with the columns name, task, n, d and "
            "classes, and a file NAME.parquet for each name."
        )
    table = pd.read_csv(index)
    table = table[table.task.isin(["binary", "multiclass"])]
    cost = table.n.clip(upper=max_rows) * np.sqrt(table.d) * table.classes
    return list(table.name[cost.sort_values(kind="stable").index])


def load_set(folder, name, max_rows=MAX_ROWS):
    """Read a set and select its rows, which are the same for every model."""
    if TINY:
        X, y = make_classification(200, 4, n_informative=4, n_redundant=0, n_classes=3,
                                   n_clusters_per_class=1, random_state=0)  # fmt: skip
        frame = pd.DataFrame(X, columns=list("abcd")).assign(target=y)
        frame["d"] = frame.d.round().astype(str)
    elif folder is None:
        frame = getattr(skimbalance.datasets, f"load_{name}")(as_frame=True).frame
    else:
        frame = pd.read_parquet(pathlib.Path(folder) / f"{name}.parquet")
    return select(name, frame, max_rows)


def select(name, frame, max_rows=MAX_ROWS):
    """The rows of a table with the column "target" that the protocol keeps."""
    if frame.duplicated().mean() > MAX_DUPLICATES:
        frame = frame.drop_duplicates()
    target = frame["target"].astype(str)
    sizes = target.value_counts()
    if len(sizes) > 2:
        kept = target.isin(sizes.index[sizes >= MIN_ROWS_OF_A_CLASS])
        frame, target = frame[kept], target[kept]
    y = np.unique(target.to_numpy(), return_inverse=True)[1]
    if len(y) > max_rows:
        rows = drawn_rows(y, max_rows)
        frame, y = frame.iloc[rows], y[rows]
    columns = {
        column: values.astype("float64" if pd.api.types.is_numeric_dtype(values) else "category")
        for column, values in frame.drop(columns="target").reset_index(drop=True).items()
    }
    return TableSet(name, pd.DataFrame(columns), y)


def drawn_rows(y, n_rows):
    """Positions of some `n_rows` rows, drawn from each class in proportion."""
    rng = np.random.default_rng(0)
    sizes = np.bincount(y)
    drawn = np.maximum(
        np.round(sizes * n_rows / len(y)).astype(int), np.minimum(sizes, KEPT_ROWS_OF_A_CLASS)
    )
    return np.sort(
        np.concatenate(
            [rng.choice(np.flatnonzero(y == k), n, replace=False) for k, n in enumerate(drawn)]
        )
    )


def is_category(values):
    """Whether a column has categories."""
    return isinstance(values.dtype, pd.CategoricalDtype)


def fit_table(X):
    """Keep categories; levels that are unknown or beyond the 200 most frequent become missing."""
    kept = [column for column in X if X[column].notna().any()]
    levels = {}
    for column in filter(lambda column: is_category(X[column]), kept):
        sizes = X[column].value_counts()
        levels[column] = list(sizes[sizes > 0].index[:MAX_LEVELS_OF_TABLES])

    def transform(table):
        return table[kept].assign(
            **{column: table[column].cat.set_categories(names) for column, names in levels.items()}
        )

    return transform


def fit_texts(X):
    """As `fit_table`, with categories as texts, which CatBoost asks for."""
    as_table = fit_table(X)

    def transform(table):
        table = as_table(table)
        return table.assign(
            **{
                column: table[column].astype(object).map(str)
                for column in table
                if is_category(table[column])
            }
        )

    return transform


def fit_imputed(X):
    """As `fit_table`, with medians for missing numbers, and a column that marks them."""
    as_table = fit_table(X)
    table = as_table(X)
    medians = table.select_dtypes("number").median()
    missing = [column for column in medians.index if table[column].isna().any()]

    def transform(table):
        table = as_table(table)
        marks = {f"{column}__missing": table[column].isna().astype(float) for column in missing}
        return table.fillna(medians.to_dict()).assign(**marks)

    return transform


def fit_array(X):
    """Medians for missing numbers and marks of them, standardised; one-hot categories."""
    categories = [column for column in X if is_category(X[column])]
    numbers = [c for c in X if c not in categories and X[c].notna().any()]
    transformer = ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(
                    SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
                ),
                numbers,
            ),
            (
                "categories",
                OneHotEncoder(
                    max_categories=MAX_LEVELS_OF_ARRAYS,
                    handle_unknown="infrequent_if_exist",
                    sparse_output=False,
                ),
                categories,
            ),
        ],
        sparse_threshold=0,
    )

    def codes(table):
        # A missing category has the code -1, and is a level of its own.
        return table.assign(**{column: table[column].cat.codes for column in categories})

    transformer.fit(codes(X))

    def transform(table):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Found unknown categories")
            return transformer.transform(codes(table))

    return transform


# What a model gets: functions that learn from the training rows how to transform any rows.
INPUTS = {
    "table": fit_table,
    "texts": fit_texts,
    "imputed": fit_imputed,
    "array": fit_array,
}

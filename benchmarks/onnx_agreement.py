"""How far ONNX Runtime agrees with our predictions on every bundled data set, and its time.

Half of the rows train. The other half is predicted, at once and one row alone, also with a fifth of
its cells missing and, in columns of text, a fifth of a category that the fit did not have.
"""

import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from common import pick, print_machine, print_table, quiet, spread, times
from sklearn.model_selection import train_test_split

from skimbalance import (
    ImbalancedEnsembleClassifier,
    ImbalancedMLPClassifier,
    TunedDecisionClassifierCV,
)
from skimbalance.datasets import (
    load_abalone_19,
    load_ann_thyroid,
    load_credit_risk_grade,
    load_page_blocks,
    load_yeast,
)
from skimbalance.persistence import to_onnx

SETS = pick(
    (load_abalone_19, load_ann_thyroid, load_credit_risk_grade, load_page_blocks, load_yeast),
    (load_yeast,),
)
REPEATS = pick(20, 2)
NETWORK = ImbalancedMLPClassifier(random_state=0, epochs=pick("auto", 1))
CLASSIFIERS = {"network": NETWORK} | pick(
    {
        "tuned network": TunedDecisionClassifierCV(NETWORK, random_state=0),
        "ensemble": ImbalancedEnsembleClassifier(random_state=0),
    },
    {},
)
TYPES = {"tensor(double)": float, "tensor(string)": object}


def damaged(X):
    """Rows with missing cells, and unknown categories."""
    rng, X = np.random.default_rng(0), X.copy()
    for name in X:
        is_text = X[name].dtype.kind not in "iufb"
        column = X[name].astype(object if is_text else float)
        draw = rng.random(len(X))
        column[draw < 0.2] = None if is_text else np.nan
        if is_text:
            column[draw > 0.8] = "never seen"
        X[name] = column
    return X


def inputs(session, X):
    """A table as the inputs of a session."""
    needed = session.get_inputs()
    if [node.name for node in needed] == ["X"]:
        return {"X": X.to_numpy(dtype=float)}
    return {node.name: X[node.name].to_numpy(TYPES[node.type])[:, None] for node in needed}


def main():
    """Fit, compare and print the table."""
    quiet()
    rows = []
    for load in SETS:
        X, y = load(return_X_y=True, as_frame=True)
        often = y.isin(y.value_counts().loc[lambda n: n >= 10].index)
        X_train, X_test, y_train, _ = train_test_split(
            X[often], y[often].to_numpy(), test_size=0.5, stratify=y[often], random_state=0
        )
        for name, estimator in CLASSIFIERS.items():
            clf = estimator.fit(X_train, y_train)
            rows.append([load.__name__.removeprefix("load_"), name, *compared(clf, X_test)])
    print_machine()
    print_table(
        ["set", "classifier", "largest difference", "equal decisions", "the same, damaged rows",
         "equal decisions", "one row, ONNX Runtime (ms)", "one row, ours (ms)",
         "1,000 rows, ONNX Runtime (ms)", "1,000 rows, ours (ms)"],
        rows,
    )  # fmt: skip


def compared(clf, X):
    """Agreement and times of a classifier for some rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        to_onnx(clf, path)
        session = onnxruntime.InferenceSession(path)
    cells = []
    for table in (X, damaged(X)):
        label, proba = session.run(None, inputs(session, table))
        difference = np.abs(proba - clf.predict_proba(table)).max()
        agree = np.sum(label == np.asarray(clf.predict(table)))
        cells += [f"{difference:.1e}", f"{agree:,} of {len(table):,}"]
    for part in (X[:1], X[:1000]):
        given = inputs(session, part)
        cells.append(spread(times(lambda g=given: session.run(None, g), REPEATS), 1e3, 2))
        cells.append(spread(times(lambda p=part: clf.predict_proba(p), REPEATS), 1e3, 2))
    return cells


if __name__ == "__main__":
    main()

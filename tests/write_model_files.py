"""Writes the model files that every later release must read: run it from the repository's root.

Files that exist are left as they are. When FORMAT changes, run it once and commit what it wrote.
"""

import json
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTENC
from imblearn.pipeline import make_pipeline
from sklearn.linear_model import LogisticRegression

from skimbalance import (
    ImbalancedEnsembleClassifier,
    ImbalancedKerasClassifier,
    ImbalancedMLPClassifier,
    ImbalancedSequenceClassifier,
    PriorCorrectedClassifier,
)
from skimbalance.decision import TunedDecisionClassifierCV
from skimbalance.losses import FocalCrossentropy
from skimbalance.persistence import save_model
from skimbalance.persistence._types import FORMAT
from skimbalance.preprocessing import table_steps

DATA = Path(__file__).parent / "data"

N = 80
RNG = np.random.default_rng(0)
COLUMNS = {
    "size": RNG.normal(size=N).round(3).tolist(),
    "width": [None if k % 9 == 0 else round(v, 3) for k, v in enumerate(RNG.normal(size=N))],
    "colour": [("red", "blue", "green", None)[k] for k in RNG.integers(4, size=N)],
}
Y = np.where(np.array(COLUMNS["size"]) > 0.8, "rare", "many")
NUMBERS = RNG.normal(size=(N, 3)).round(3)
TOKENS = [list(word) for word in ("aaxa", "aax", "axaaa", "aa") * 10]
TAGS = [["rare" if token == "x" else "O" for token in word] for word in TOKENS]


def build(meta):
    """A custom network."""
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            keras.layers.Dense(3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


def models():
    """Estimators of each kind, and their rows."""
    few = {"epochs": 2, "random_state": 0}
    table = pd.DataFrame(COLUMNS)
    clean, encode, categorical = table_steps(table)
    sampler = SMOTENC(categorical, k_neighbors=2, random_state=0)
    focal = {"loss": FocalCrossentropy(gamma=1.0, from_logits=True)}
    adam = keras.optimizers.Adam(0.01, beta_1=0.8)
    logistic = LogisticRegression()
    yield "mlp", ImbalancedMLPClassifier((4,), optimizer=adam, **focal, **few), table, Y
    yield "pipeline", make_pipeline(clean, sampler, encode, logistic), table, Y
    yield "own", ImbalancedKerasClassifier(build, optimizer="adam", **few), NUMBERS, Y
    yield "tagger", ImbalancedSequenceClassifier("conv1d", units=2, **few), TOKENS, TAGS
    yield "tuned", TunedDecisionClassifierCV(logistic, cv=2, random_state=0), NUMBERS, Y
    corrected = PriorCorrectedClassifier(logistic, priors={"many": 0.9, "rare": 0.1})
    yield "corrected", corrected, NUMBERS, Y
    network = ImbalancedMLPClassifier((4,), epochs=2)
    ensemble = ImbalancedEnsembleClassifier(network, cv=2, random_state=0)
    yield "ensemble", ensemble, NUMBERS, Y


def main():
    """Write the files, with some rows and what they must give beside them."""
    for name, model, rows, y in models():
        path = DATA / f"format_{FORMAT}_{name}.skim"
        if path.exists():
            continue
        model.fit(rows, y)
        save_model(model, path, target="kind")
        few = rows[:10]
        proba = np.asarray(model.predict_proba(few)).tolist()
        decided = [np.asarray(part).tolist() for part in model.predict(few)]
        if not isinstance(few, list):
            few = few.to_dict("list") if hasattr(few, "to_dict") else few.tolist()
        expected = {"rows": few, "predict_proba": proba, "predict": decided}
        text = json.dumps(expected).replace("NaN", "null")
        path.with_suffix(".json").write_text(text + "\n")


if __name__ == "__main__":
    main()

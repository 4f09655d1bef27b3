"""Three remedies for rare fraud, class weights, oversampling and focal loss, and a plain network.

What to see: the remedies mainly move the decision. More frauds are found at the price of more false
alarms; the ranking of the payments (average precision) hardly improves. So choose the strength of a
remedy by the costs of a missed fraud and of a false alarm; each remedy is shown mild and strong.
Run it with ``python examples/fraud_three_ways.py``; it takes about 30 seconds.
"""

import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.model_selection import RepeatedStratifiedKFold, cross_validate
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedMLPClassifier

SCORES = ["precision", "recall", "f1", "average_precision"]

# Means and standard deviations of the columns for each kind of payment. The columns are log amount,
# log minutes since the last payment, log km from home, risk of the merchant and risk of the hour.
KINDS = {
    "honest": ([3.5, 6.0, 1.5, 0.0, 0.0], [1.2, 1.5, 1.2, 1.0, 1.0]),
    # Small sums in quick succession, to test whether the card works.
    "card test": ([1.0, 3.0, 1.5, 1.0, 0.5], [0.8, 1.2, 1.2, 1.0, 1.0]),
    # Large sums, far away.
    "stolen card": ([5.0, 4.5, 3.5, 0.5, 0.5], [1.0, 1.5, 1.2, 1.0, 1.0]),
}


def simulate_payments(n_samples=20_000, fraud_share=0.01, seed=0):
    """Return payments; about `fraud_share` of them are frauds (1), of two kinds that overlap."""
    rng = np.random.default_rng(seed)
    shares = [1 - fraud_share, fraud_share / 2, fraud_share / 2]
    kind = rng.choice(len(KINDS), n_samples, p=shares)
    means, spreads = (np.array(values) for values in zip(*KINDS.values(), strict=True))
    return rng.normal(means[kind], spreads[kind]), (kind > 0).astype(int)


def network(**parameters):
    """Return a network whose only remedies for the imbalance are those in `parameters`."""
    parameters = {"class_weight": None, **parameters}
    # Behind a sampler, many rows held out for early stopping would be synthetic frauds.
    # (ImbalancedMLPClassifier(sampling=SMOTE()) holds rows out before it samples.)
    return ImbalancedMLPClassifier(
        (64, 32), epochs=20, early_stopping=False, random_state=0, **parameters
    )


def oversampled(share):
    """Return a pipeline that adds synthetic frauds to the training rows."""
    sampler = SMOTE(sampling_strategy=share, random_state=0)
    return make_pipeline(StandardScaler(), sampler, network())


def models():
    """Return the classifiers, by name."""
    return {
        "plain": network(),
        "class weights, square root": network(class_weight=0.5),
        "class weights, balanced": network(class_weight="balanced"),
        "oversampling, 1 to 10": oversampled(0.1),
        "oversampling, 1 to 1": oversampled(1.0),
        "focal loss": network(loss="focal", gamma=2.0),
        "focal loss, alpha=0.9": network(loss="focal", gamma=2.0, alpha=0.9),
    }


def main(n_repeats=2):
    """Print a line for each model; return the mean scores, by name of the model."""
    X, y = simulate_payments()
    cv = RepeatedStratifiedKFold(n_splits=5, n_repeats=n_repeats, random_state=0)
    print(f"{len(y)} payments, {y.sum()} frauds; mean +- std of {cv.get_n_splits()} folds.\n")
    print(f"{'':29}" + "".join(f"{score:>16}" for score in ["precision", "recall", "F1", "AP"]))
    means = {}
    for name, model in models().items():
        folds = cross_validate(model, X, y, scoring=SCORES, cv=cv)
        values = [folds[f"test_{score}"] for score in SCORES]
        cells = [f"{v.mean():8.2f} +- {v.std():.2f}" for v in values]
        print(f"{name:29}" + "".join(cells), flush=True)
        means[name] = {score: v.mean() for score, v in zip(SCORES, values, strict=True)}
    return means


if __name__ == "__main__":
    main()

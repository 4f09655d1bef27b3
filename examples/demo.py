"""The whole job in one go: search the best remedy for rare classes, and look at what it gained.

A grid search over resampling, layers, class weights and the focal loss' gamma on the blocks of
printed pages (five classes, the rarest 0.5 % of the rows); then the winner beside a plain network
on rows that neither has seen, as a table and as a figure, demo.png. Look how much the answer
depends on the goal: macro-F1 wants light weights if any, balanced accuracy equal classes. Run it
with ``make demo`` or ``python examples/demo.py``; it takes about a minute.
"""

import time

import joblib
import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline
from imblearn.under_sampling import RandomUnderSampler
from matplotlib.figure import Figure
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    matthews_corrcoef,
    precision_recall_curve,
    precision_recall_fscore_support,
)
from sklearn.model_selection import (
    GridSearchCV,
    ParameterGrid,
    StratifiedKFold,
    cross_validate,
    train_test_split,
)
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from skimbalance import ImbalancedMLPClassifier
from skimbalance.datasets import load_page_blocks

GRID = {
    "smote": [SMOTE(random_state=0), RandomUnderSampler(random_state=0), "passthrough"],
    "net__hidden_layer_sizes": [(64,), (128, 64)],
    # Powers of the inverse class frequency; "balanced" is 1. Behind a sampler they change nothing.
    "net__class_weight": [None, 0.25, 0.5, "balanced"],
    # Of the focal loss; 0 is plain cross-entropy.
    "net__gamma": [0.0, 2.0],
}
# What the candidates are scored by; macro-F1 picks the winner.
GOALS = {"f1_macro": "macro-F1", "balanced_accuracy": "balanced accuracy"}
EPOCHS = 30
CV = StratifiedKFold(5)

# Blue and vermilion of M. Okabe and K. Ito's palette, which the colour-blind can tell apart.
STYLES = {
    "plain": {"color": "#0072B2", "linestyle": "--"},
    "winner": {"color": "#D55E00", "linestyle": "-"},
}


def make_pipeline(epochs, **parameters):
    """Standardised columns, a place for a sampler, the network."""
    network = ImbalancedMLPClassifier(
        epochs=epochs,
        # Rows held out behind SMOTE would be synthetic for the most part.
        early_stopping=False,
        random_state=0,
        **parameters,
    )
    return Pipeline([("scale", StandardScaler()), ("smote", "passthrough"), ("net", network)])


def scores_with_progress(bar):
    """Return a scorer by macro-F1 and balanced accuracy, which also moves the bar by one."""

    def score(estimator, X, y):
        y_pred = estimator.predict(X)
        bar.update()
        return {
            "f1_macro": f1_score(y, y_pred, average="macro"),
            "balanced_accuracy": balanced_accuracy_score(y, y_pred),
        }

    return score


def search(X, y, grid, epochs):
    """Grid search by macro-F1, with a progress bar over the fits."""
    n_fits = len(ParameterGrid(grid)) * CV.get_n_splits()
    # Threads and not processes: they share the progress bar and TensorFlow's compiled programs.
    with (
        tqdm(total=n_fits, desc="grid search", unit="fit") as bar,
        joblib.parallel_config(backend="threading", n_jobs=2),
    ):
        return GridSearchCV(
            make_pipeline(epochs, loss="focal"),
            grid,
            scoring=scores_with_progress(bar),
            refit="f1_macro",
            cv=CV,
        ).fit(X, y)


def evaluate(model, X, y):
    """Scores of rows that the model has not seen: by class, and over all."""
    proba, y_pred = model.predict_proba(X), model.predict(X)
    precision, recall, f1, support = precision_recall_fscore_support(y, y_pred, zero_division=0)
    curves, ap = [], []
    for k, label in enumerate(model.classes_):
        curves.append(precision_recall_curve(y == label, proba[:, k])[:2])
        ap.append(average_precision_score(y == label, proba[:, k]))
    return {
        "by class": np.column_stack([precision, recall, f1, ap]),
        "support": support,
        "curves": curves,
        "average precision": ap,
        "overall": {
            "balanced accuracy": balanced_accuracy_score(y, y_pred),
            "macro-F1": np.mean(f1),
            "MCC": matthews_corrcoef(y, y_pred),
            "macro average precision": np.mean(ap),
        },
    }


def print_cross_validation(plain_folds, result):
    """Print the best settings for each goal, and what they reach in cross-validation."""
    print(f"\nCross-validated{'':17}" + "".join(f"{goal:>20}" for goal in GOALS.values()))
    cells = [plain_folds[f"test_{goal}"] for goal in GOALS]
    print(f"{'plain network':32}" + "".join(f"{c.mean():11.3f} +- {c.std():.3f}" for c in cells))
    table = result.cv_results_
    for goal, name in GOALS.items():
        best = np.argmin(table[f"rank_test_{goal}"])
        cells = [(table[f"mean_test_{g}"][best], table[f"std_test_{g}"][best]) for g in GOALS]
        print(f"{'best by ' + name:32}" + "".join(f"{m:11.3f} +- {s:.3f}" for m, s in cells))
        for parameter, value in table["params"][best].items():
            print(f"    {parameter} = {value!r}")


def print_report(names, plain, winner):
    """Print the scores of both side by side."""
    columns = f"{'precision':>10}{'recall':>7}{'F1':>7}{'AP':>7}"
    print(f"{'':32}{'plain network':>31}{'winner':>31}")
    print(f"{'class':25}{'support':>7}{columns}{columns}")
    for k, name in enumerate(names):
        cells = [
            f"{precision:10.3f}{recall:7.3f}{f1:7.3f}{ap:7.3f}"
            for precision, recall, f1, ap in (plain["by class"][k], winner["by class"][k])
        ]
        print(f"{name:25}{plain['support'][k]:7}" + "".join(cells))
    for name, value in plain["overall"].items():
        print(f"{name:32}{value:31.3f}{winner['overall'][name]:31.3f}")


def draw(path, names, plain, winner, histories):
    """Draw learning curves and, class by class, precision against recall."""
    figure = Figure(figsize=(11, 6.5), layout="constrained")
    first, *others = figure.subplots(2, 3).flat
    for name, history in histories.items():
        # The focal loss has another scale than cross-entropy: compare how they fall.
        loss = np.array(history["loss"]) / history["loss"][0]
        first.plot(np.arange(1, len(loss) + 1), loss, label=name, **STYLES[name])
    first.set(title="Learning curves", xlabel="epoch", ylabel="training loss / that of epoch 1")
    first.set_ylim(0, None)
    first.legend()
    for k, (ax, name) in enumerate(zip(others, names, strict=False)):
        for model, scores in (("plain", plain), ("winner", winner)):
            precision, recall = scores["curves"][k]
            label = f"{model}, AP {scores['average precision'][k]:.2f}"
            ax.step(recall, precision, where="post", label=label, **STYLES[model])
        ax.set(title=f"{name} ({plain['support'][k]} test rows)", xlabel="recall")
        ax.set(ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.05))
        ax.legend(loc="lower left")
    figure.savefig(path, dpi=120)


def main(grid=GRID, epochs=EPOCHS, figure="demo.png"):
    """Search, compare, draw; return the fitted search and the scores of both networks."""
    bunch = load_page_blocks()
    X_train, X_test, y_train, y_test = train_test_split(
        bunch.data, bunch.target, test_size=0.3, stratify=bunch.target, random_state=0
    )
    print(f"Page blocks: {len(y_train)} rows to search and train on, {len(y_test)} to test.")

    plain = make_pipeline(epochs, class_weight=None)
    plain_folds = cross_validate(plain, X_train, y_train, scoring=list(GOALS), cv=CV)
    start = time.perf_counter()
    plain.fit(X_train, y_train)
    plain_seconds = time.perf_counter() - start

    start = time.perf_counter()
    result = search(X_train, y_train, grid, epochs)
    search_seconds = time.perf_counter() - start

    print_cross_validation(plain_folds, result)
    print(f"\nOn {len(y_test)} other rows, plain network and winner by macro-F1:\n")
    scores = {"plain": evaluate(plain, X_test, y_test), "winner": evaluate(result, X_test, y_test)}
    print_report(bunch.target_names, **scores)
    print(f"{'seconds to train':32}{plain_seconds:31.1f}{result.refit_time_:31.1f}")
    print(f"{'seconds to search':32}{'':31}{search_seconds:31.1f}")
    fewest = scores["plain"]["support"].min()
    print(f"\nOne row more or less of the rarest class moves its recall by {1 / fewest:.3f}.")

    histories = {"plain": plain["net"].history_, "winner": result.best_estimator_["net"].history_}
    draw(figure, bunch.target_names, **scores, histories=histories)
    print(f"The figure is in {figure}.")
    return result, scores


if __name__ == "__main__":
    main()

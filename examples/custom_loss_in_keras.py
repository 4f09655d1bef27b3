"""The losses and class weights of skimbalance in your own Keras model, fed by tf.data.

A loss of `skimbalance.losses` goes into ``model.compile(loss=...)`` of any Keras model. It includes
the class weights, so that these also work for sequences, where Keras' own ``class_weight`` argument
fails. Run it with ``python examples/custom_loss_in_keras.py``; it takes about 20 seconds.
"""

import keras
import numpy as np
import tensorflow as tf
from sklearn.metrics import balanced_accuracy_score, recall_score
from sklearn.model_selection import train_test_split

from skimbalance import compute_class_weight
from skimbalance.datasets import load_ann_thyroid
from skimbalance.losses import Crossentropy, FocalCrossentropy, LogitAdjustedCrossentropy


def batches(X, y):
    """Return training rows as a tf.data pipeline."""
    rows = tf.data.Dataset.from_tensor_slices((X, y))
    return rows.shuffle(len(y), seed=0).batch(64).prefetch(tf.data.AUTOTUNE)


def print_recalls(name, y, y_pred):
    """Print the recall of each class; return their mean."""
    recalls = recall_score(y, y_pred, average=None)
    balanced_accuracy = balanced_accuracy_score(y, y_pred)
    cells = "".join(f"{recall:8.2f}" for recall in recalls)
    print(f"{name:38}{cells}{balanced_accuracy:19.3f}", flush=True)
    return balanced_accuracy


def table_model(X):
    """Return a network for the rows of a table; it returns logits, so losses need from_logits."""
    normalization = keras.layers.Normalization()
    normalization.adapt(X)
    return keras.Sequential(
        [
            keras.Input((X.shape[1],)),
            normalization,
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(3),
        ]
    )


def sequence_model():
    """Return a network that maps sequences (batch, time, 2) to logits of every time step."""
    return keras.Sequential(
        [
            keras.Input((None, 2)),
            keras.layers.Conv1D(16, 5, padding="causal", activation="relu"),
            keras.layers.Dense(2),
        ]
    )


def simulate_sequences(n_sequences, seed, n_steps=50):
    """Return sensor readings; a step is an alarm (1) if the mean of three readings is high."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_sequences, n_steps, 2)).astype("float32")
    level = X[..., 0].copy()
    level[:, 2:] += X[:, 1:-1, 0] + X[:, :-2, 0]
    y = (level / 3 + 0.3 * rng.normal(size=level.shape) > 1.3).astype("int32")
    return X, y


def tables(epochs=15):
    """Compare losses on thyroid patients: three classes, two with 2 % and 5 % of the rows."""
    X, y = load_ann_thyroid(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X.astype("float32"), y - 1, test_size=0.3, stratify=y, random_state=0
    )
    counts = np.bincount(y_train)
    weights = compute_class_weight("balanced", counts)
    losses = {
        "Keras cross-entropy": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "Crossentropy, weighted": Crossentropy(class_weight=weights, from_logits=True),
        "FocalCrossentropy, weighted": FocalCrossentropy(
            gamma=2.0, class_weight=weights, from_logits=True
        ),
        "LogitAdjustedCrossentropy": LogitAdjustedCrossentropy(counts, from_logits=True),
    }
    print(f"A table: the classes have {counts.tolist()} training rows.\n")
    print(f"{'recall of class':38}{0:8}{1:8}{2:8}{'balanced accuracy':>19}")
    scores = {}
    for name, loss in losses.items():
        keras.utils.set_random_seed(0)
        model = table_model(X_train)
        model.compile(optimizer="adam", loss=loss)
        model.fit(batches(X_train, y_train), epochs=epochs, shuffle=False, verbose=0)
        logits = model.predict(X_test, verbose=0)
        scores[name] = print_recalls(name, y_test, logits.argmax(axis=-1))
    return scores


def sequences(epochs=5):
    """Compare losses on sequences with a class for every time step, few of which are alarms."""
    X, y = simulate_sequences(2000, seed=0)
    X_test, y_test = simulate_sequences(1000, seed=1)
    counts = np.bincount(y.ravel())
    weights = compute_class_weight("balanced", counts)
    print(f"\nSequences: targets have the shape {y.shape}; {counts.tolist()} time steps per class.")

    print("Result of Keras' own fit(..., class_weight=...):")
    model = sequence_model()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    print("  class indices:", error_of_class_weight(model, X, y, weights))
    model.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True))
    print("  one-hot:", error_of_class_weight(model, X, np.eye(2)[y], weights), end="\n\n")

    print(f"{'recall of class':38}{0:8}{1:8}{'balanced accuracy':>19}")
    losses = {
        "Keras cross-entropy": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "Crossentropy, weighted": Crossentropy(class_weight=weights, from_logits=True),
        "FocalCrossentropy, square root weights": FocalCrossentropy(
            gamma=2.0, class_weight=compute_class_weight(0.5, counts), from_logits=True
        ),
    }
    scores = {}
    for name, loss in losses.items():
        keras.utils.set_random_seed(0)
        model = sequence_model()
        model.compile(optimizer="adam", loss=loss)
        model.fit(batches(X, y), epochs=epochs, shuffle=False, verbose=0)
        logits = model.predict(X_test, verbose=0)
        scores[name] = print_recalls(name, y_test.ravel(), logits.argmax(axis=-1).ravel())
    return scores


def error_of_class_weight(model, X, y, weights):
    """Return the name of the error by which Keras refuses class weights for these targets.

    (If sequences had as many steps as a batch has rows, it would be worse: Keras would take the
    position of the largest class index for the class of the sequence, and train without an error.)
    """
    try:
        model.fit(X, y, class_weight=dict(enumerate(weights)), verbose=0)
    except Exception as error:  # its type depends on the version of Keras
        return type(error).__name__
    return "no error"


def main():
    """Print both parts; return the balanced accuracy of each loss for both."""
    return tables(), sequences()


if __name__ == "__main__":
    main()

"""
Weights 1 : 100 or 0.01 : 0.99, does it matter?
===============================================

Here it does not: class weights are scaled so that the mean weight of a training row is 1, and both
give the same network, bit by bit. In Keras' own ``fit`` it does: a factor on all weights is a
factor on the learning rate, which Adam mostly undoes and SGD does not.
"""

# %%
# In skimbalance
# --------------
# One row in a hundred is rare. Only the ratio of the weights counts, which is 1 to 100 both times,
# and ``class_weight_`` shows what became of them.
import keras
import matplotlib.pyplot as plt
import numpy as np

from skimbalance import ImbalancedMLPClassifier, compute_class_weight

rng = np.random.default_rng(0)
X = rng.normal(size=(6000, 10)).astype("float32")
y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=6000) > 4.2).astype(int)
X_train, X_test, y_train, y_test = X[:3000], X[3000:], y[:3000], y[3000:]
print(f"{y.mean():.1%} of the rows are rare")

clf = ImbalancedMLPClassifier((16,), epochs=10, random_state=0)
probabilities = []
for weights in [{0: 1, 1: 100}, {0: 0.01, 1: 1}]:
    clf.set_params(class_weight=weights).fit(X_train, y_train)
    probabilities.append(clf.predict_proba(X_test))
    print(weights, "became", {k: round(float(w), 2) for k, w in clf.class_weight_.items()})
print("equal bit by bit:", np.array_equal(*probabilities))

# %%
# In Keras' own fit
# -----------------
# The weights 1 : 100 have a mean of about 2 on these rows, and 0.01 : 1 of about 0.02. Keras
# multiplies each row's loss by its weight as it is. The same model with the same initial weights
# and the same batches trains with both, and with "balanced" weights of mean 1. All are judged
# alike: by the log-loss on other rows, in which both classes count the same.
balanced = dict(enumerate(compute_class_weight("balanced", np.bincount(y_train))))
schemes = {"1 : 100": {0: 1, 1: 100}, "mean 1": balanced, "0.01 : 1": {0: 0.01, 1: 1}}
test_weight = np.where(y_test == 1, 0.5 / y_test.mean(), 0.5 / (1 - y_test.mean()))
optimizers = {"SGD": (keras.optimizers.SGD, 0.02), "Adam": (keras.optimizers.Adam, 0.005)}
fig, axes = plt.subplots(2, 1, figsize=(5, 6.4), sharex=True, sharey=True, layout="constrained")
lines = [("#D55E00", "s--"), ("#7F7F7F", "o-"), ("#0072B2", "^:")]
for ax, (name, (optimizer, rate)) in zip(axes, optimizers.items(), strict=True):
    for (scheme, weights), (color, line) in zip(schemes.items(), lines, strict=True):
        start = keras.initializers.GlorotUniform(seed=0)
        model = keras.Sequential(
            [
                keras.layers.Dense(16, activation="relu", kernel_initializer=start),
                keras.layers.Dense(1, activation="sigmoid", kernel_initializer=start),
            ]
        )
        model.compile(
            optimizer(rate), "binary_crossentropy", steps_per_execution=10, jit_compile=False
        )
        history = model.fit(
            X_train,
            y_train,
            class_weight=weights,
            validation_data=(X_test, y_test, test_weight),
            batch_size=64,
            epochs=10,
            shuffle=False,
            verbose=0,
        ).history
        ax.plot(range(1, 11), history["val_loss"], line, color=color, label=scheme)
    ax.set(title=f"Keras' fit with {name}", ylabel="balanced log-loss")
axes[0].legend(title="class weights")
axes[1].set_xlabel("epochs")
plt.show()

# %%
# With SGD, the small weights hardly move the network in ten epochs, and the large ones train it
# faster than the weights of mean 1: it is the same training at about a fiftieth and at twice the
# learning rate. Adam divides a step by the size of the recent gradients :cite:p:`kingma2015adam`,
# so that a common factor cancels, and the three lines nearly coincide.
#
# What to do
# ----------
# Write weights in whichever way you can read, or let ``class_weight="balanced"`` or a number
# between 0 and 1 compute them, see :doc:`/guide/weights`. If you train in Keras yourself, take the
# weights of :func:`skimbalance.compute_class_weight`: they have mean 1, so that a learning rate
# that was good without weights stays about right. Not only SGD sees their size: clipped gradients,
# weight decay inside the loss, and losses that are compared from run to run do, too.

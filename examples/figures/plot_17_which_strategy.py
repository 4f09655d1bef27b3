"""
Which strategy, and how sure is that?
=====================================

:func:`skimbalance.compare_strategies` trains strategies for imbalance on the same folds, and says
which one to use. For the macro-F1 on proteins in yeast cells no remedy clearly beats the plain
network, as the leading three differ by far less than the folds do. Class weights and under-sampling
are behind in the mean. That is no law: the best remedy depends on the data and on the goal.
"""

# %%
# There are nine places in the cell where a protein may be. The most frequent one has 463 rows, and
# the rarest 20; a tenth place with 5 rows is left out. `objective` is what is compared, and what
# "tuned_decision" tunes its decision for. A smaller network than the default saves time.
import matplotlib.pyplot as plt

from skimbalance import ImbalancedMLPClassifier, compare_strategies
from skimbalance.datasets import load_yeast

X, y = load_yeast(return_X_y=True, as_frame=True)
X, y = X[y != "ERL"], y[y != "ERL"]
comparison = compare_strategies(
    X,
    y,
    strategies=["plain", "sqrt_weighted", "class_weighted", "under_sampling", "tuned_decision"],
    network=ImbalancedMLPClassifier((16,), learning_rate=3e-3, epochs=20, early_stopping=False),
    objective="f1_macro",
    random_state=0,
    verbose=0,
)

# %%
# Each grey tick is a fold, and the marks are means. The ticks of one strategy spread more widely
# than the means of the leading strategies differ. Strategies on a blue background are not
# significantly worse than the best one. Without axes, ``comparison.plot()`` also draws the recall
# of each class.
fig, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
comparison.plot(ax=ax)
plt.show()

# %%
# The table says the same in numbers. `p` is the probability of a difference from the best strategy
# that is as large as this one, if both were equally good. It allows for the rows that the folds
# share :cite:p:`nadeau2003inference` and for the number of strategies :cite:p:`holm1979simple`.
print(comparison)

# %%
# Even under-sampling, which is far behind, has a `p` near the usual limit of 0.05. Five folds are
# weak evidence, as they share most of their training rows. So "not significantly worse" does not
# mean "as good": it means that these rows cannot tell.
#
# What to do
# ----------
# State your goal first, as `objective`. Take the strategy that is recommended: the simplest one
# within one standard error of the best, which ``comparison.best_estimator()`` trains on all rows.
# Repeat the folds (``n_repeats=3``) where you must know more exactly, and judge the choice on rows
# that took no part in it, as the best of several scores is too high on average.
# :doc:`/guide/strategy` has a decision tree, and what each strategy does.

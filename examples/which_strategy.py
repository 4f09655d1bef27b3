"""Which strategy should I use? A dozen remedies on the same folds of a data set.

The rows are blocks of printed pages; the classes are text (1), horizontal line (2), graphic (3),
vertical line (4) and picture (5). The example prints the table and the recommendation, and draws
the figure of the README. Run it with ``python examples/which_strategy.py``; it takes less than
a minute.
"""

from skimbalance import compare_strategies
from skimbalance.datasets import load_page_blocks


def main(figure="which_strategy.png", **options):
    """Compare, print and draw; return the comparison."""
    X, y = load_page_blocks(return_X_y=True, as_frame=True)
    comparison = compare_strategies(X, y, objective="f1_macro", random_state=0, **options)
    print(comparison)
    comparison.plot().figure_.savefig(figure, dpi=120)
    print(f"The figure is in {figure}.")
    return comparison


if __name__ == "__main__":
    main()

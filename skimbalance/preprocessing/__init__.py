"""Mixed tables: the steps that turn their columns into finite numbers."""

# Two of the names are those of classes in older model files.
from skimbalance.preprocessing._steps import (  # noqa: F401
    TableSteps,
    _CategoricalColumns,
    _NumericColumns,
    table_steps,
)

__all__ = ["TableSteps", "table_steps"]

"""Scores as plain Python objects, which JSON can hold."""

from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["json_label", "parts_by_name", "plain_floats"]


def plain_floats(values: Iterable[float]) -> list[float | None]:
    """Python floats, with None for nan."""
    return [None if np.isnan(value) else float(value) for value in values]


def json_label(label: Any) -> Any:
    """Numbers and texts unchanged; other labels, such as dates, as text."""
    return label if isinstance(label, str | int | float) else str(label)


def parts_by_name(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """A dict for each class, from a list for each score."""
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]

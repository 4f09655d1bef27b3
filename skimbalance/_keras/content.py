"""What names the content of a fit: the same key in every process, another one for other content."""

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import partial
from importlib.metadata import version
from types import CodeType, FunctionType, ModuleType
from typing import Any

import joblib
import keras
import numpy as np

from skimbalance._engine.job import Job, Rows, StreamedRows
from skimbalance._keras.key import names_in
from skimbalance._keras_private import layers_in

__all__ = ["content_key", "of_network"]

#: Packages whose version stands for their functions and classes.
PACKAGES = ("skimbalance", "keras", "tensorflow", "numpy")

# What a function may refer to by the name of a global that is a part of what it computes. Other
# objects are left out, as these names are also those of attributes.
PLAIN = bool | int | float | complex | str | bytes | tuple | np.ndarray | FunctionType | type

# Rows are read in blocks of at most so many rows; so many learning rates are looked at.
BLOCK, RATES = 2**12, 100


def content_key(job: Job, *parts: Any) -> str:
    """A key of all that a fit depends on.

    Parameters
    ----------
    job : Job
        The fit, without its program.
    *parts : object
        What the program is made of: network, target, loss, optimizer, schedule.

    Returns
    -------
    key : str
        Hexadecimal. It differs with each release of the packages that compute, too.
    """
    n_steps = job.epochs * job.n_steps
    steps = np.unique(np.linspace(0, n_steps - 1, RATES).astype(int))
    last = job.first_epoch + job.epochs - 1
    content = (
        [version(name) for name in PACKAGES],
        keras.config.floatx(),
        job.weights,
        [_of_rows(rows) for rows in (job.rows, job.validation) if rows is not None],
        [job.order(job.first_epoch), job.order(last)],
        (job.first_epoch, job.epochs, job.batch_size, job.weight_decay),
        [job.learning_rates(int(step), 1) for step in steps],
        dict(job.arguments),
        (job.score is None, job.score_weight, job.monitor),
        (job.patience, job.tol, job.deferred_until, job.early_weight),
        None if job.vote is None else (job.vote.committee.key, job.vote.member),
        [_described(part) for part in (job.metrics, *parts)],
    )
    return str(joblib.hash(content, hash_name="sha1"))


def of_network(network: Any) -> Any:
    """What a network computes, apart from its weights, as a part of `content_key`."""
    try:
        return network.key
    except Exception:  # whatever the config of a layer raises, or the lack of a graph
        layers = layers_in(network.model, include_self=False)
        return [type(network.model), *layers]


def _of_rows(rows: Rows | StreamedRows) -> tuple[Any, ...]:
    """Rows as the network sees them, a hash for each block; their targets, weights and lengths."""
    if isinstance(rows, StreamedRows):
        return tuple(map(_of_part(rows), range(len(rows.sizes))))
    numbers = np.arange(len(rows))
    taken = (rows.take(numbers[i : i + BLOCK]) for i in range(0, len(rows), BLOCK))
    blocks = [hashlib.blake2b(part.tobytes()).digest() for parts in taken for part in parts]
    return blocks, rows.shapes, rows.y, rows.weight, rows.lengths


def _of_part(rows: StreamedRows) -> Callable[[int], tuple[Any, ...]]:
    """A function to the content of a part of the rows."""
    dtypes = [keras.config.floatx()] * len(rows.shapes)

    def content(number: int) -> tuple[Any, ...]:
        part = rows.read(number, dtypes)
        values = [*part.X, part.y, rows.weigh(part, True), rows.weigh(part, False)]
        order = rows.order(part.y, number, 0)
        return tuple(hashlib.blake2b(v.tobytes()).digest() for v in [*values, order])

    return content


def _described(value: Any, within: tuple[int, ...] = ()) -> Any:
    """Something of numbers, texts and arrays that is equal for what computes the same."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return value
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind != "O":
        return value
    if id(value) in within:
        return "..."
    within = (*within, id(value))
    if isinstance(value, list | tuple | set | frozenset):
        parts = [_described(part, within) for part in value]
        return sorted(parts, key=repr) if isinstance(value, set | frozenset) else parts
    if isinstance(value, dict):
        # Names that Keras makes up differ from one process to the next.
        kept = {str(key): part for key, part in value.items() if key != "name"}
        return {key: _described(part, within) for key, part in sorted(kept.items())}
    if isinstance(value, ModuleType):
        return value.__name__
    return [_described(part, within) for part in _parts(value)]


def _parts(value: Any) -> Iterator[Any]:
    """What a function, a class or an object is made of."""
    if isinstance(value, CodeType):
        yield from (value.co_code, value.co_consts, value.co_names, value.co_varnames)
        return
    named = value if isinstance(value, type) or inspect.isroutine(value) else type(value)
    yield getattr(named, "__module__", None)
    yield getattr(named, "__qualname__", None)
    if inspect.isfunction(value):
        if not _is_installed(value):
            yield from _of_function(value)
    elif isinstance(value, type):
        if not _is_installed(value):
            yield [*value.__bases__, {k: v for k, v in vars(value).items() if not _is_idle(k)}]
    elif isinstance(value, partial):
        yield from (value.func, value.args, value.keywords)
    elif inspect.ismethod(value):
        yield from (value.__self__, value.__func__)
    elif isinstance(value, staticmethod | classmethod):
        yield value.__func__
    elif isinstance(value, property):
        yield from (value.fget, value.fset)
    elif is_dataclass(value):
        yield {field.name: getattr(value, field.name) for field in fields(value)}
    elif not inspect.isroutine(value):
        yield from _of_object(value)


def _of_object(value: Any) -> Iterator[Any]:
    """The class of an object, and its config or else its attributes."""
    yield type(value)
    try:
        yield value.get_config()
    except Exception:  # it has none, or one that cannot be made
        attributes: dict[str, Any] = getattr(value, "__dict__", {})
        yield {} if isinstance(value, keras.layers.Layer) else attributes


def _of_function(function: Any) -> Iterator[Any]:
    """The code of a function, and the values of all that it refers to."""
    code, scope = function.__code__, function.__globals__
    yield from (code, function.__defaults__, function.__kwdefaults__)
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet
            yield None
    used = {name: scope[name] for name in sorted(names_in(code)) if name in scope}
    yield {f"global {name}": value for name, value in used.items() if isinstance(value, PLAIN)}


def _is_installed(value: Any) -> bool:
    """Whether a function or class belongs to an installed package, whose version stands for it."""
    name = (getattr(value, "__module__", None) or "").split(".")[0]
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return (
        name in sys.stdlib_module_names - {"__main__"}
        or name == "skimbalance"
        or ("site-packages" in file or "dist-packages" in file)
    )


def _is_idle(name: str) -> bool:
    """Whether an attribute of a class says nothing of what it computes."""
    return name.startswith("__") and name not in ("__init__", "__call__")

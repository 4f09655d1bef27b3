"""Parameters with a prefix: to whom they go, and whether that one takes them."""

import inspect
from functools import cache

import keras

__all__ = [
    "FIT_PARAMS",
    "PREFIXES",
    "accepted",
    "callback_classes",
    "check_names",
    "check_routed",
    "taken_by_model",
]

PREFIXES = ("model", "optimizer", "loss", "metrics", "callbacks", "fit")

#: Parameters of `fit__...`: those of the classifier itself.
FIT_PARAMS = ("batch_size", "epochs", "verbose")

# What a build function may take that no user gives.
GIVEN = {"meta", "compile_kwargs", "params"}

# What scikeras calls otherwise.
INSTEAD = {
    "build_fn": "'model'",
    "callbacks": "'callbacks'",
    "shuffle": "'sampling', and 'shuffle' is its default",
    "validation_split": "'validation_fraction', with early_stopping=True",
}


def accepted(function):
    """Names of the parameters that a callable takes, and whether it takes any others, too."""
    params = inspect.signature(function).parameters.values()
    names = {p.name for p in params if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return names, any(p.kind == p.VAR_KEYWORD for p in params)


def taken_by_model(model):
    """Names of the parameters of a build function, and whether it takes any others, too."""
    is_object = hasattr(model, "get_config") and not inspect.isclass(model)
    if not callable(model) or is_object:
        return set(), False
    names, any_other = accepted(model)
    return names - GIVEN, any_other


def check_names(owner, params, losses):
    """Check that losses and optimizers that are given by name exist, and callbacks likewise.

    Parameters
    ----------
    owner : str
        Name of the classifier.
    params : dict
        Its parameters.
    losses : iterable of str
        Names that Keras does not have to know.

    Raises
    ------
    ValueError
        If there is none of a name.
    """
    callback_classes(params["callbacks"], owner)
    for name, known, find, ours in (
        ("loss", keras.losses, keras.losses.get, sorted(losses)),
        ("optimizer", keras.optimizers, _optimizer_class, []),
    ):
        value = params[name]
        if not isinstance(value, str) or value in ours:
            continue
        try:
            find(value)
        except ValueError:
            others = f"one of {ours!r}, or " if ours else ""
            raise ValueError(
                f"The {name!r} parameter of {owner} must be {others}a name that {known.__name__} "
                f"knows. Got {value!r} instead."
            ) from None


def _optimizer_class(name):
    return _stock_optimizers().get(name.lower()) or type(keras.optimizers.get(name))


@cache
def _stock_optimizers():
    """Keras' own optimizers by name: to have one made takes milliseconds of every fit."""
    kinds = filter(inspect.isclass, vars(keras.optimizers).values())
    return {k.__name__.lower(): k for k in kinds if issubclass(k, keras.optimizers.Optimizer)}


def callback_classes(callbacks, owner):
    """The same callbacks; those given by a name as the class of Keras' that is called so."""

    def found(callback):
        named = isinstance(callback, str)
        found = getattr(keras.callbacks, callback, None) if named else callback
        if not hasattr(found, "on_epoch_end"):
            raise ValueError(
                f"The 'callbacks' parameter of {owner} must be a Keras callback, its class or the "
                f"name of that, or a list or dict of them. Got {callback!r} instead."
            )
        return found

    return None if callbacks is None else keras.tree.map_structure(found, callbacks)


def check_routed(owner, params, routed):
    """Check that somebody takes each of the routed parameters.

    Parameters
    ----------
    owner : str
        Name of the classifier.
    params : dict
        Its parameters.
    routed : iterable of str
        Names of the routed ones.

    Raises
    ------
    ValueError
        If nobody takes one: with the names that there are.
    """
    params = {**params, "callbacks": callback_classes(params["callbacks"], owner)}
    for name in routed:
        prefix, _, rest = name.partition("__")
        if not rest:
            prefix, rest = "model", name
        names, allowed = _takers(prefix, rest, params)
        if allowed:
            continue
        last = rest.rpartition("__")[2]
        remedy = f" Use {INSTEAD[last]}." if prefix in ("model", "fit") and last in INSTEAD else ""
        raise ValueError(
            f"The routed parameter {name!r} of {owner} must be one that somebody takes: "
            f"{_list_of(prefix, names)}. Got a value for {name!r}, which nobody takes.{remedy}"
        )


def _list_of(prefix, names):
    if names:
        return f"those of this prefix are {sorted(f'{prefix}__{name}' for name in names)!r}"
    if prefix in ("optimizer", "loss", "metrics", "callbacks"):
        known_by = "a name or a class" if prefix in ("optimizer", "callbacks") else "a class"
        return f"{prefix!r} takes parameters where it is given as {known_by}"
    if prefix == "model":
        return "the 'model' has no parameters of its own"
    return f"the prefixes are {[f'{p}__' for p in PREFIXES]!r}"


def _takers(prefix, rest, params):
    """Names that are taken behind a prefix, and whether `rest` is one."""
    if prefix == "fit":
        return FIT_PARAMS, rest in FIT_PARAMS
    if prefix == "model":
        names, any_other = taken_by_model(params["model"])
        return names, rest in names or (any_other and "__" not in rest)
    if prefix not in PREFIXES:
        return (), False
    item = params[prefix]
    if prefix == "optimizer":
        item = _optimizer_class(item) if isinstance(item, str) else item
        names = _of_items(item, ())
        return names, rest in names
    *path, last = rest.split("__")
    names = _of_items(item, path)
    return {"__".join((*path, name)) for name in names}, last in names


def _of_items(item, path):
    """Names that a class takes, or each class of a list or dict; a path leads to one of them."""
    if isinstance(item, dict | list | tuple):
        items = item if isinstance(item, dict) else {str(i): x for i, x in enumerate(item)}
        if path:
            return _of_items(items.get(path[0]), path[1:])
        of_each = [_of_items(x, ()) for x in items.values()]
        return set.intersection(*of_each) if of_each else set()
    if path or not inspect.isclass(item):
        return set()
    names = set()
    for kind in item.__mro__[:-1]:
        if "__init__" in vars(kind):
            names |= accepted(vars(kind)["__init__"])[0]
    return names - {"self"}

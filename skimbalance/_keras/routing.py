"""Parameters with a prefix: which component gets them, and whether it accepts them."""

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

# Parameters of a build function that the classifier fills in, not the user.
FILLED_IN = {"meta", "compile_kwargs", "params"}

# Parameters of scikeras that have another name here.
INSTEAD = {
    "build_fn": "'model'",
    "callbacks": "'callbacks'",
    "shuffle": "'sampling', and 'shuffle' is its default",
    "validation_split": "'validation_fraction', with early_stopping=True",
}


def accepted(function):
    """Names of the parameters that a callable takes, and whether it also takes any others."""
    params = inspect.signature(function).parameters.values()
    names = {p.name for p in params if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return names, any(p.kind == p.VAR_KEYWORD for p in params)


def taken_by_model(model):
    """Names of the parameters of a build function, and whether it also takes any others."""
    is_object = hasattr(model, "get_config") and not inspect.isclass(model)
    if not callable(model) or is_object:
        return set(), False
    names, any_other = accepted(model)
    return names - FILLED_IN, any_other


def check_names(owner, params, losses):
    """Check that losses, optimizers and callbacks that are given by name exist.

    Parameters
    ----------
    owner : str
        Name of the classifier.
    params : dict
        Its parameters.
    losses : iterable of str
        Names of this package's losses, which Keras does not know.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    callback_classes(params["callbacks"], owner)
    for name, module, find, extra_names in (
        ("loss", keras.losses, keras.losses.get, sorted(losses)),
        ("optimizer", keras.optimizers, _optimizer_class, []),
    ):
        value = params[name]
        if not isinstance(value, str) or value in extra_names:
            continue
        try:
            find(value)
        except ValueError:
            others = f"one of {extra_names!r}, or " if extra_names else ""
            raise ValueError(
                f"The {name!r} parameter of {owner} must be {others}a name that {module.__name__} "
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
    """The callbacks, in which Keras' classes take the place of their names."""

    def resolved(callback):
        is_name = isinstance(callback, str)
        value = getattr(keras.callbacks, callback, None) if is_name else callback
        if not hasattr(value, "on_epoch_end"):
            raise ValueError(
                f"The 'callbacks' parameter of {owner} must be a Keras callback, its class or the "
                f"name of its class, or a list or dict of them. Got {callback!r} instead."
            )
        return value

    return None if callbacks is None else keras.tree.map_structure(resolved, callbacks)


def check_routed(owner, params, routed):
    """Check that a component accepts each of the routed parameters.

    Parameters
    ----------
    owner : str
        Name of the classifier.
    params : dict
        Its parameters.
    routed : iterable of str
        Names of the routed parameters.

    Raises
    ------
    ValueError
        If no component accepts one; the message lists the accepted names.
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
            f"The routed parameter {name!r} of {owner} must be one that a component "
            f"accepts: {_list_of(prefix, names)}. Got a value for {name!r}, which is not "
            f"accepted.{remedy}"
        )


def _list_of(prefix, names):
    if names:
        return f"those with this prefix are {sorted(f'{prefix}__{name}' for name in names)!r}"
    if prefix in ("optimizer", "loss", "metrics", "callbacks"):
        forms = "a name or a class" if prefix in ("optimizer", "callbacks") else "a class"
        return f"{prefix!r} takes parameters only if it is given as {forms}"
    if prefix == "model":
        return "the 'model' takes no parameters"
    return f"the prefixes are {[f'{p}__' for p in PREFIXES]!r}"


def _takers(prefix, rest, params):
    """Names that are accepted after a prefix, and whether `rest` is one of them."""
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
        names_of_items = [_of_items(x, ()) for x in items.values()]
        return set.intersection(*names_of_items) if names_of_items else set()
    if path or not inspect.isclass(item):
        return set()
    names = set()
    for kind in item.__mro__[:-1]:
        if "__init__" in vars(kind):
            names |= accepted(vars(kind)["__init__"])[0]
    return names - {"self"}

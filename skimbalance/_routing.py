"""Parameters with a prefix: to whom they go, and whether that one takes them."""

import inspect

import keras

__all__ = ["FIT_PARAMS", "PREFIXES", "accepted", "check_routed"]

PREFIXES = ("model", "optimizer", "loss", "metrics", "callbacks", "fit")

#: Parameters of `fit__...`: those of the classifier itself.
FIT_PARAMS = ("batch_size", "epochs", "verbose")

# What a build function may take that no user gives.
GIVEN = {"meta", "compile_kwargs", "params"}


def accepted(function):
    """Names of the parameters that a callable takes, and whether it takes any others, too."""
    params = inspect.signature(function).parameters.values()
    names = {p.name for p in params if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return names, any(p.kind == p.VAR_KEYWORD for p in params)


def check_routed(owner, params, routed):
    """Check that somebody takes each of the routed parameters.

    Parameters
    ----------
    owner : str
        Name of the classifier.
    params : dict
        Its parameters.
    routed : dict
        Of these, the routed ones.

    Raises
    ------
    ValueError
        If nobody takes one: with the names that there are.
    """
    for name in routed:
        prefix, _, rest = name.partition("__")
        if not rest:
            prefix, rest = "model", name
        names = _takers(prefix, rest, params)
        if names is None or rest.rpartition("__")[2] in names:
            continue
        raise ValueError(
            f"The routed parameter {name!r} of {owner} must be one that somebody takes: "
            f"{_list_of(prefix, rest, names)}. Got a value for {name!r}, which nobody takes."
        )


def _list_of(prefix, rest, names):
    lead = rest.rpartition("__")[0]
    full = sorted("__".join(filter(None, (prefix, lead, name))) for name in names)
    if full:
        return f"those of this prefix are {full!r}"
    if prefix in ("optimizer", "loss", "metrics", "callbacks"):
        return (
            f"{prefix!r} takes parameters where it is given as a name or a class, not as an object"
        )
    return f"the prefixes are {[f'{p}__' for p in PREFIXES]!r}"


def _takers(prefix, rest, params):
    """Names that are taken behind a prefix; None if any is."""
    if prefix not in PREFIXES:
        return set()
    if prefix == "fit":
        return set(FIT_PARAMS)
    item = params[prefix]
    if prefix == "model":
        if not inspect.isroutine(item) and not callable(item):
            return set()
        names, any_other = accepted(item)
        return None if any_other else names - GIVEN
    return _of_items(_as_class(prefix, item), rest.split("__")[:-1])


def _of_items(item, path):
    """Names that a class takes, or each class of a list or dict; a path leads to one of them."""
    if isinstance(item, dict | list | tuple):
        items = item if isinstance(item, dict) else {str(i): x for i, x in enumerate(item)}
        if path:
            return _of_items(items.get(path[0]), path[1:])
        of_each = [_of_items(x, ()) for x in items.values()]
        return set.intersection(*of_each) if of_each else set()
    if not inspect.isclass(item):
        return set()
    names = set()
    for kind in item.__mro__[:-1]:
        if "__init__" in vars(kind):
            names |= accepted(kind.__init__)[0]
    return names - {"self"}


def _as_class(prefix, item):
    """The class behind a name."""
    if prefix == "optimizer" and isinstance(item, str):
        return type(keras.optimizers.get(item))
    if prefix == "metrics" and isinstance(item, list | tuple):
        return [_as_class(prefix, x) for x in item]
    if prefix == "metrics" and isinstance(item, str):
        try:
            return type(keras.metrics.get(item))
        except ValueError:
            return item
    return item

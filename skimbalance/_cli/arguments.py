"""What the options of several commands say, and whether they go together."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skimbalance._validation import some_of

__all__ = ["check_goal", "check_thinning", "check_time", "goal", "said"]


def check_time(args: argparse.Namespace) -> None:
    """Check that nothing else says which rows train and which judge.

    Raises
    ------
    ValueError
        If something does.
    """
    others = {"--groups": args.groups is not None, "--repeats": vars(args).get("repeats", 1) > 1}
    for option, given in others.items():
        if args.time is not None and given:
            raise ValueError(
                f"The option --time must be given without {option}, as it says by itself which "
                "rows train and which judge. Got both."
            )


def check_thinning(args: argparse.Namespace) -> None:
    """Check that rows are thinned out only where they are read in parts, and in one way.

    Raises
    ------
    ValueError
        If not.
    """
    given = {
        option: value
        for option, value in (
            ("--majority-fraction", args.majority_fraction),
            ("--majority-ratio", args.majority_ratio),
        )
        if value is not None
    }
    if len(given) > 1:
        raise ValueError(
            "The options --majority-fraction and --majority-ratio must not be given together, as "
            "each says how many rows are kept. Got both."
        )
    if given and not args.stream:
        ((option, value),) = given.items()
        raise ValueError(
            f"The option {option} must only be given with --stream. Got '{value}' without it."
        )


def check_goal(args: argparse.Namespace, takers: Mapping[str, Sequence[str]]) -> None:
    """Check that the objective, its level and its class go together.

    Parameters
    ----------
    args : Namespace
        Arguments of the command.
    takers : dict of str to list of str
        For "level" and "pos_label" the objectives that take them.

    Raises
    ------
    ValueError
        If the level is missing, or one of the two is given in vain.
    """
    objective = args.objective or "f1_macro"
    for option, name in (("level", "level"), ("positive", "pos_label")):
        given = getattr(args, option) is not None
        if given and objective not in takers[name]:
            raise ValueError(
                f"The option --{option} must only be given with an --objective that takes it: "
                f"{', '.join(takers[name])}. Got '{objective}'."
            )
    if objective in takers["level"] and args.level is None:
        raise ValueError(
            f"The option --level must be given with --objective {objective}, which needs a number. "
            "Got none."
        )


def said(args: argparse.Namespace) -> dict[str, Any]:
    """What the options say of the rows and of the goal, by their names, for JSON."""
    options = ("groups", "weight", "time", "level", "positive")
    return {name: vars(args)[name] for name in options if vars(args)[name] is not None}


def goal(args: argparse.Namespace, y: Any) -> dict[str, Any]:
    """The level and the class of the objective, as parameters, if they are given."""
    given: dict[str, Any] = {} if args.level is None else {"level": args.level}
    if args.positive is not None:
        classes = {str(label): label for label in np.unique(y).tolist()}
        if y.ndim == 2 or args.positive not in classes:
            got = "several targets" if y.ndim == 2 else f"'{args.positive}'"
            raise ValueError(
                "The option --positive must name a class of the target"
                f"{'' if y.ndim == 2 else f': {some_of(list(classes))}'}. Got {got}."
            )
        given["pos_label"] = classes[args.positive]
    return given

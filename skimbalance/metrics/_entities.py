"""Spans of entities in sequences of tags."""

import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from skimbalance.metrics._clusters import Sums

__all__ = ["are_tags", "entity_sums", "spans"]

_TAG = re.compile(r"[BIELSU]-.+")

# The last and the only step of an entity have another letter in each scheme: BIOES, BILOU.
_LETTERS = {"L": "E", "U": "S"}


def are_tags(labels: Iterable[object]) -> bool:
    """Whether class labels are the tags of a scheme such as IOB2, BIOES or BILOU.

    They are if all are "O", or a letter, a hyphen and the type of an entity, as "B-PER".
    """
    labels = list(labels)
    return any(label != "O" for label in labels) and all(
        isinstance(label, str) and (label == "O" or bool(_TAG.fullmatch(label))) for label in labels
    )


def spans(tags: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Yield type, first and last step of each entity, as conlleval and seqeval's default mode do.

    An entity begins at B, S or U, or at a tag of another type; or at any tag after its last one (E,
    L, S, U) or after O. So a tagger that forgets a B still gives an entity.
    """
    start, kind, last = 0, None, "O"
    for step, tag in enumerate([*tags, "O"]):
        letter, _, of_type = tag.partition("-")
        letter = _LETTERS.get(letter, letter)
        goes_on = last in "BI" and letter in "IE" and of_type == kind
        if kind is not None and not goes_on:
            yield kind, start, step - 1
        if letter == "O":
            kind = None
        elif not goes_on:
            start, kind = step, of_type
        last = letter


def entity_sums(y: np.ndarray, decided: np.ndarray, sequence: np.ndarray) -> tuple[list[str], Sums]:
    """Types of entities, and the sums of `metrics._scores` in each sequence and of each type.

    An entity is found if type, first and last step are right.

    Parameters
    ----------
    y, decided : ndarray of str of shape (n_steps,)
        True and predicted tags of all steps.
    sequence : ndarray of int of shape (n_steps,)
        The sequence of each step, ascending.
    """
    cuts = np.flatnonzero(np.diff(sequence)) + 1
    pairs = [
        ({*spans(true.tolist())}, {*spans(predicted.tolist())})
        for true, predicted in zip(np.split(y, cuts), np.split(decided, cuts), strict=True)
    ]
    types = sorted({entity[0] for pair in pairs for found in pair for entity in found})
    index = {name: k for k, name in enumerate(types)}
    hits, n_predicted, n_actual = np.zeros((3, len(pairs), len(types)))
    for i, (true, predicted) in enumerate(pairs):
        for sums, entities in (
            (hits, true & predicted),
            (n_predicted, predicted),
            (n_actual, true),
        ):
            for entity in entities:
                sums[i, index[entity[0]]] += 1
    return types, (hits, n_predicted, n_actual)

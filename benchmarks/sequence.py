"""Sequence labelling: entities in tweets, diseases in abstracts; what each remedy does to them.

Run: python benchmarks/sequence.py [folder]
The folder, by default ../shared/data beside the checkout, has wnut17_ner.parquet (WNUT 2017,
emerging entities; CC BY 4.0; github.com/leondz/emerging_entities_17) and ncbi_disease_ner.parquet
(NCBI disease corpus, by its own terms; github.com/cambridgeltl/MTL-Bioinformatics-2016): a row a
token, in columns split, sentence_id, position, token and tag (BIO).

Fits see the official train and dev parts, of which the classifier itself holds out a fifth, to
stop by and to tune decisions on. The settings below were chosen by scores on dev of fits on train;
test is for the table only. One fit serves both halves of a line, as tuning changes no network.
"""

import copy
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from common import print_machine, print_table, quiet
from sklearn.metrics import f1_score

from skimbalance import ImbalancedSequenceClassifier

FOLDER = Path(__file__).parents[2] / "shared" / "data"

# Entities of the test part, as published.
SETS = {"wnut17_ner": 1079, "ncbi_disease_ner": 960}

REMEDIES = {
    "cross-entropy": {"class_weight": None},
    "class_weight=0.5": {"class_weight": 0.5},
    'class_weight="balanced"': {"class_weight": "balanced"},
    "focal": {"class_weight": None, "loss": "focal"},
    "logit_adjusted": {"class_weight": None, "loss": "logit_adjusted"},
}
WORDS = {"min_frequency": 2, "embedding_dim": 64, "dropout": 0.5, "epochs": 10}
CHARACTERS = {"min_frequency": 2, "dropout": 0.2, "epochs": 12}
INPUTS = {"words": (WORDS, 2), "characters": (CHARACTERS, 1)}


def load(folder, name):
    """Part of the data ("train", "dev", "test") -> sentences, and their tags."""
    import pandas as pd

    try:
        table = pd.read_parquet(Path(folder) / f"{name}.parquet")
    except FileNotFoundError:
        sys.exit(f"The data sets of {__file__} must be in {folder}. Got no {name}.parquet there.")
    sentences = table.sort_values(["sentence_id", "position"]).groupby(["split", "sentence_id"])
    parts = {}
    for (split, _), rows in sentences:
        words, tags = parts.setdefault(split, ([], []))
        words.append(rows["token"].tolist())
        tags.append(rows["tag"].tolist())
    return parts


def entities(tags):
    """Spans (start, end, type) of BIO tags; an I- that goes on from nothing begins one."""
    spans, start, kind = set(), None, None
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, of_tag = tag.partition("-")
        if start is not None and (prefix != "I" or of_tag != kind):
            spans.add((start, i, kind))
            start = None
        if start is None and prefix != "O":
            start, kind = i, of_tag
    return spans


def entity_f1(true, decided):
    """F1 of entities: span and type are to be exact."""
    found, there, right = 0, 0, 0
    for tags, guessed in zip(true, decided, strict=True):
        spans, guesses = entities(tags), entities(guessed)
        found, there, right = found + len(guesses), there + len(spans), right + len(spans & guesses)
    return 2 * right / max(found + there, 1)


def token_f1(true, decided):
    """Mean F1 of all tags but O."""
    true, decided = np.concatenate(true), np.concatenate(decided)
    tags = [tag for tag in np.unique(true) if tag != "O"]
    return f1_score(true, decided, labels=tags, average="macro", zero_division=0)


def check_entities():
    """Cases by hand: two entities side by side, one that begins with I-, one at the end."""
    tags = ["B-a", "I-a", "B-a", "O", "I-b", "I-a", "O", "B-b"]
    assert entities(tags) == {(0, 2, "a"), (2, 3, "a"), (4, 5, "b"), (5, 6, "a"), (7, 8, "b")}
    assert entities(["O", "O"]) == set()
    assert entity_f1([tags], [tags]) == 1.0
    # Two of five found, and one that is none.
    guessed = ["B-a", "I-a", "O", "O", "O", "O", "B-a", "B-b"]
    assert entity_f1([tags], [guessed]) == 2 * 2 / (5 + 3)


def spelled(words, tags):
    """Sentences as strings, and a tag for each character: that of its word; O for spaces."""
    text = [" ".join(sentence) for sentence in words]
    of_characters = []
    for sentence, of_words in zip(words, tags, strict=True):
        characters = []
        for word, tag in zip(sentence, of_words, strict=True):
            characters += [tag] * len(word) + ["O"]
        of_characters.append(characters[:-1])
    return text, of_characters


def read_back(words, of_characters):
    """The tag of each word: that of most of its characters."""
    decided = []
    for sentence, characters in zip(words, of_characters, strict=True):
        starts = np.cumsum([0, *(len(word) + 1 for word in sentence)])
        decided.append(
            [
                Counter(characters[start : start + len(word)]).most_common(1)[0][0]
                for start, word in zip(starts, sentence, strict=False)
            ]
        )
    return decided


def scores(form, options, train, test):
    """Token and entity F1, plain and tuned, and the seconds of a fit."""
    X, y = spelled(*train) if form == "characters" else train
    words, tags = test
    X_test = spelled(*test)[0] if form == "characters" else words
    tuned = ImbalancedSequenceClassifier(objective="f1_macro", validation_fraction=0.2, **options)
    start = time.perf_counter()
    tuned.fit(X, y)
    seconds = time.perf_counter() - start
    plain = copy.copy(tuned)
    plain._decision = None
    row = []
    for clf in (plain, tuned):
        decided = [y.tolist() for y in clf.predict(X_test)]
        decided = read_back(words, decided) if form == "characters" else decided
        row += [token_f1(tags, decided), entity_f1(tags, decided)]
    return [*row, seconds]


def rows_of(form, settings, n_seeds, parts):
    """A line for each remedy."""
    train = [a + b for a, b in zip(parts["train"], parts["dev"], strict=True)]
    for remedy, options in REMEDIES.items():
        options = {**settings, **options}
        of_seeds = [
            scores(form, {**options, "random_state": seed}, train, parts["test"])
            for seed in range(n_seeds)
        ]
        *f1s, seconds = zip(*of_seeds, strict=True)
        yield [remedy, *map(mean_and_error, f1s), f"{statistics.mean(seconds):.0f}"]


def main(folder=FOLDER, inputs=INPUTS):
    """Measure and print."""
    quiet()
    check_entities()
    sets = {name: load(folder, name) for name in SETS}
    for name, n_entities in SETS.items():
        assert sum(len(entities(tags)) for tags in sets[name]["test"][1]) == n_entities
    print_machine()
    header = ["", "token F1", "entity F1", "tuned: token F1", "tuned: entity F1", "seconds"]
    for name, parts in sets.items():
        for form, (settings, n_seeds) in inputs.items():
            print(f"\n{name}, {form}, seeds: {n_seeds}\n")
            print_table(header, rows_of(form, settings, n_seeds, parts))


def mean_and_error(values):
    """Mean and, of several seeds, its standard error."""
    mean = f"{statistics.mean(values):.3f}"
    if len(values) == 1:
        return mean
    return f"{mean} +- {statistics.stdev(values) / len(values) ** 0.5:.3f}"


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Sequence labelling: what each remedy does for entities in tweets and diseases in abstracts.

Run: python benchmarks/sequence.py [folder]
The folder, by default ../shared/data beside the checkout, must contain wnut17_ner.parquet (WNUT
2017, emerging entities; CC BY 4.0; github.com/leondz/emerging_entities_17) and
ncbi_disease_ner.parquet (NCBI disease corpus, with terms of its own;
github.com/cambridgeltl/MTL-Bioinformatics-2016). Each token is a row, with the columns split,
sentence_id, position, token and tag (BIO).

Fits see the official train and dev parts; the classifier holds out a fifth of them for early
stopping and for tuning decisions. The settings below were chosen by scores on dev of fits on train;
test is used for the table only. One fit serves both halves of a line, as tuning does not change the
network.
"""

import copy
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from common import ARGUMENTS, TINY, pick, print_machine, print_table, quiet
from sklearn.metrics import f1_score

from skimbalance import ImbalancedSequenceClassifier

FOLDER = Path(__file__).parents[2] / "shared" / "data"

# Published number of entities in the test part.
SETS = pick({"wnut17_ner": 1079, "ncbi_disease_ner": 960}, {"simulated": 20})

REMEDIES = {
    "cross-entropy": {"class_weight": None},
    "class_weight=0.5": {"class_weight": 0.5},
    'class_weight="balanced"': {"class_weight": "balanced"},
    "focal": {"class_weight": None, "loss": "focal"},
    "logit_adjusted": {"class_weight": None, "loss": "logit_adjusted"},
}
REMEDIES = pick(REMEDIES, {name: REMEDIES[name] for name in ("cross-entropy", "focal")})
WORDS = {"min_frequency": 2, "embedding_dim": pick(64, 8), "dropout": 0.5, "epochs": pick(10, 1)}
CHARACTERS = {"min_frequency": 2, "dropout": 0.2, "epochs": pick(12, 1)}

# Settings, and the number of seeds.
INPUTS = {"words": (WORDS, pick(2, 1)), "characters": (CHARACTERS, 1)}


def load(folder, name):
    """Sentences and their tags, by part of the data ("train", "dev" and "test")."""
    if TINY:
        return {part: simulated() for part in ("train", "dev", "test")}
    import pandas as pd

    try:
        table = pd.read_parquet(Path(folder) / f"{name}.parquet")
    except FileNotFoundError:
        sys.exit(f"The folder '{folder}' must contain {name}.parquet. That file is missing.")
    sentences = table.sort_values(["sentence_id", "position"]).groupby(["split", "sentence_id"])
    parts = {}
    for (split, _), rows in sentences:
        words, tags = parts.setdefault(split, ([], []))
        words.append(rows["token"].tolist())
        tags.append(rows["tag"].tolist())
    return parts


def simulated():
    """Twenty sentences with an entity each, and their tags."""
    return [["in", "New", "York", "now"]] * 20, [["O", "B-place", "I-place", "O"]] * 20


def entities(tags):
    """Spans (start, end, type) of BIO tags; an I- without a B- before it begins a span, too."""
    spans, start, kind = set(), None, None
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, tag_kind = tag.partition("-")
        if start is not None and (prefix != "I" or tag_kind != kind):
            spans.add((start, i, kind))
            start = None
        if start is None and prefix != "O":
            start, kind = i, tag_kind
    return spans


def entity_f1(true, decided):
    """F1 of entities; both span and type must be right."""
    n_true, n_decided, n_right = 0, 0, 0
    for true_tags, decided_tags in zip(true, decided, strict=True):
        true_spans, decided_spans = entities(true_tags), entities(decided_tags)
        n_true, n_decided = n_true + len(true_spans), n_decided + len(decided_spans)
        n_right += len(true_spans & decided_spans)
    return 2 * n_right / max(n_true + n_decided, 1)


def token_f1(true, decided):
    """Mean F1 of all tags except O."""
    true, decided = np.concatenate(true), np.concatenate(decided)
    tags = [tag for tag in np.unique(true) if tag != "O"]
    return f1_score(true, decided, labels=tags, average="macro", zero_division=0)


def check_entities():
    """Check cases by hand: two adjacent entities, one that begins with I-, one at the end."""
    tags = ["B-a", "I-a", "B-a", "O", "I-b", "I-a", "O", "B-b"]
    assert entities(tags) == {(0, 2, "a"), (2, 3, "a"), (4, 5, "b"), (5, 6, "a"), (7, 8, "b")}
    assert entities(["O", "O"]) == set()
    assert entity_f1([tags], [tags]) == 1.0
    # Two of five are found, and one is wrong.
    decided = ["B-a", "I-a", "O", "O", "O", "O", "B-a", "B-b"]
    assert entity_f1([tags], [decided]) == 2 * 2 / (5 + 3)


def spelled(words, tags):
    """Sentences as strings, and the tag of each character: that of its word, or O for spaces."""
    texts = [" ".join(sentence) for sentence in words]
    character_tags = []
    for sentence, word_tags in zip(words, tags, strict=True):
        sentence_tags = []
        for word, tag in zip(sentence, word_tags, strict=True):
            sentence_tags += [tag] * len(word) + ["O"]
        character_tags.append(sentence_tags[:-1])
    return texts, character_tags


def read_back(words, character_tags):
    """The tag of each word, which is the tag of most of its characters."""
    decided = []
    for sentence, sentence_tags in zip(words, character_tags, strict=True):
        starts = np.cumsum([0, *(len(word) + 1 for word in sentence)])
        decided.append(
            [
                Counter(sentence_tags[start : start + len(word)]).most_common(1)[0][0]
                for start, word in zip(starts, sentence, strict=False)
            ]
        )
    return decided


def scores(form, options, train, test):
    """Token and entity F1, first plain and then tuned, and the seconds of the fit."""
    X, y = spelled(*train) if form == "characters" else train
    words, tags = test
    X_test = spelled(*test)[0] if form == "characters" else words
    tuned = ImbalancedSequenceClassifier(objective="f1_macro", validation_fraction=0.2, **options)
    start = time.perf_counter()
    tuned.fit(X, y)
    seconds = time.perf_counter() - start
    plain = copy.copy(tuned)
    plain._decision = None  # decides as without an objective
    row = []
    for clf in (plain, tuned):
        decided = [y.tolist() for y in clf.predict(X_test)]
        decided = read_back(words, decided) if form == "characters" else decided
        row += [token_f1(tags, decided), entity_f1(tags, decided)]
    return [*row, seconds]


def rows_of(form, settings, n_seeds, parts):
    """Yield a table row for each remedy."""
    train = [a + b for a, b in zip(parts["train"], parts["dev"], strict=True)]
    for remedy, options in REMEDIES.items():
        options = {**settings, **options}
        by_seed = [
            scores(form, {**options, "random_state": seed}, train, parts["test"])
            for seed in range(n_seeds)
        ]
        *f1s, seconds = zip(*by_seed, strict=True)
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
    """Mean, and its standard error if there are several values."""
    mean = f"{statistics.mean(values):.3f}"
    if len(values) == 1:
        return mean
    return f"{mean} +- {statistics.stdev(values) / len(values) ** 0.5:.3f}"


if __name__ == "__main__":
    main(*ARGUMENTS)

"""Summaries of sequences: scores of the steps, of entities, and intervals of whole sequences."""

import json

import numpy as np
import pytest
from sklearn.metrics import log_loss, precision_recall_fscore_support

from skimbalance.metrics import classification_summary, score_intervals
from skimbalance.metrics._clusters import class_intervals
from skimbalance.metrics._decisions import jeffreys
from skimbalance.metrics._entities import are_tags, spans

TAGS = np.array(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])


def drawn(n=80, seed=0):
    """True tags of sequences, decisions, and posteriors."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 9, n)
    index = [rng.choice(5, length, p=[0.6, 0.1, 0.1, 0.1, 0.1]) for length in lengths]
    proba = np.zeros((n, lengths.max(), 5))
    for i, steps in enumerate(index):
        proba[i, : len(steps)] = rng.dirichlet(np.ones(5), len(steps)) / 2
        proba[i, np.arange(len(steps)), steps] += 0.5
        proba[i, : len(steps) : 3] = rng.dirichlet(np.ones(5), len(steps[::3]))
    decided = [p[: len(steps)].argmax(axis=1) for p, steps in zip(proba, index, strict=True)]
    return [TAGS[steps] for steps in index], [TAGS[d] for d in decided], proba


def summary(*args, **options):
    return classification_summary(*args, random_state=0, **options)


# Steps


def test_scores_are_those_of_the_steps_one_after_the_other():
    y, decided, proba = drawn()
    flat = [np.concatenate(y), np.concatenate(decided)]
    of_steps = np.concatenate([p[: len(steps)] for p, steps in zip(proba, y, strict=True)])
    ours = summary(y, decided, proba, labels=TAGS)
    expected = summary(*flat, of_steps, labels=TAGS)
    assert ours["n_rows"] == expected["n_rows"] == len(flat[0])
    assert ours["n_sequences"] == len(y)
    for one, other in zip(ours["classes"], expected["classes"], strict=True):
        for name in ("label", "support", "predicted", "precision", "recall", "f1", "expected"):
            assert one[name] == pytest.approx(other[name]), name
        assert one["average_precision"] == pytest.approx(other["average_precision"])
        assert one["calibration_error_by_chance"] >= 0.9 * other["calibration_error_by_chance"]
    for part in ("overall", "dummy"):
        for name in ("balanced_accuracy", "f1_macro", "mcc", "log_loss", "brier"):
            assert ours[part][name] == pytest.approx(expected[part][name])
    order = np.argsort(TAGS)
    assert ours["overall"]["log_loss"] == pytest.approx(
        log_loss(flat[0], of_steps[:, order], labels=TAGS[order])
    )
    assert json.loads(json.dumps(ours, allow_nan=False)) == ours


def test_sequences_of_one_step_have_the_intervals_of_rows():
    y, decided, _ = drawn()
    y, decided = np.concatenate(y), np.concatenate(decided)
    ours = summary([[tag] for tag in y], [[tag] for tag in decided], n_resamples=4000)
    expected = score_intervals(y, decided, random_state=0, n_resamples=4000)
    for name in ("precision", "recall", "f1"):
        intervals = [c[f"{name}_interval"] for c in ours["classes"]]
        np.testing.assert_allclose(intervals, expected[name])
    for name in ("balanced_accuracy", "f1_macro", "mcc"):
        ends = ours["overall"][f"{name}_interval"]
        np.testing.assert_allclose(ends, expected[name], atol=0.1 * np.ptp(expected[name]))


def test_steps_that_repeat_themselves_within_a_sequence_say_nothing_new():
    y, _, _ = drawn(200)
    rng = np.random.default_rng(0)
    decided = [steps if rng.random() < 0.7 else np.full_like(steps, "O") for steps in y]
    ours = summary(y, decided)
    often = summary(*([np.repeat(s, 5) for s in of] for of in (y, decided)))
    for one, other in zip(ours["classes"], often["classes"], strict=True):
        assert other["support"] == 5 * one["support"]
        np.testing.assert_allclose(
            one["recall_interval"], other["recall_interval"], atol=1 / one["support"]
        )
    ends, other = (s["overall"]["f1_macro_interval"] for s in (ours, often))
    np.testing.assert_allclose(ends, other, atol=0.2 * np.ptp(ends))
    flat = [np.repeat(np.concatenate(of), 5) for of in (y, decided)]
    as_rows = summary(*flat)["overall"]["f1_macro_interval"]
    assert np.ptp(as_rows) < 0.7 * np.ptp(other)


def test_a_class_of_one_sequence_is_not_certain_however_long_it_is():
    y = [["rare"] * 50, *([["O"] * 5] * 20)]
    recall = summary(y, y)["classes"][1]["recall_interval"]
    np.testing.assert_allclose(
        recall, score_intervals(["rare", "O"], ["rare", "O"], n_resamples=1)["recall"][0]
    )


@pytest.mark.parametrize("recall", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("n_sequences", [10, 40, 200])
def test_recall_intervals_hold_the_truth_where_steps_of_a_sequence_are_alike(recall, n_sequences):
    """Recalls of single sequences spread by a beta distribution around the recall of all."""
    rng = np.random.default_rng(0)
    shape = (n_sequences, 1000)  # each class is another test set
    actual = rng.integers(1, 20, shape).astype(float)
    hits = rng.binomial(actual.astype(int), rng.beta(2 * recall, 2 * (1 - recall), shape))
    ends = class_intervals((hits.astype(float), actual, actual), 0.95)["recall"]
    holds = np.mean((ends[:, 0] <= recall) & (recall <= ends[:, 1]))
    assert holds > 0.9
    as_rows = jeffreys(hits.sum(axis=0), actual.sum(axis=0), [0.025, 0.975])
    assert np.mean((as_rows[:, 0] <= recall) & (recall <= as_rows[:, 1])) < 0.75


def test_masked_steps_do_not_count():
    y, decided, proba = drawn()
    array, by_tagger = np.full((2, *proba.shape[:2]), "?", dtype=TAGS.dtype)
    mask = np.arange(proba.shape[1]) < np.array([[len(steps)] for steps in y])
    array[mask], by_tagger[mask] = np.concatenate(y), np.concatenate(decided)
    expected = summary(y, decided, proba, labels=TAGS)
    masked = np.ma.masked_array(array, ~mask)
    assert summary(masked, by_tagger, proba, labels=TAGS) == expected
    assert summary(array, np.ma.masked_array(by_tagger, ~mask), proba, labels=TAGS) == expected
    padded = [np.ma.masked_array(np.append(s, "-100"), [*[False] * len(s), True]) for s in y]
    longer = [np.append(s, "O") for s in decided]
    assert summary(padded, longer)["overall"] == summary(y, decided)["overall"]


def test_padding_of_numbers_is_masked_alike():
    y = np.ma.masked_equal([[0, 1, -100], [0, -100, -100]], -100)
    ours = summary(y, np.array([[0, 1, 1], [1, 1, 1]]), labels=[0, 1])
    assert [c["support"] for c in ours["classes"]] == [2, 1]
    assert "entities" not in ours


@pytest.mark.parametrize(
    ("y", "decided", "words"),
    [
        ([["a", "b"], ["a"]], [["a", "b"], ["a", "b"]], "'y_pred' .* Got 2 steps for the 1 of seq"),
        ([["a", "b"], ["a"]], [["a", "b"]], "inconsistent numbers of samples"),
        ([["a", "b"], ["a"]], [["a", "b"], [0]], "one type"),
    ],
)
def test_sequences_of_other_lengths_are_refused(y, decided, words):
    with pytest.raises(ValueError, match=words):
        classification_summary(y, decided)


# Entities


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        # The examples of seqeval's and nervaluate's README.
        ("O O O B-MISC I-MISC I-MISC O", [("MISC", 3, 5)]),
        ("B-PER I-PER O", [("PER", 0, 1)]),
        ("B-PER I-PER O B-LOC", [("PER", 0, 1), ("LOC", 3, 3)]),
        # Entities that touch, that lack their B, and that change their type.
        ("B-A B-A I-A", [("A", 0, 0), ("A", 1, 2)]),
        ("O I-A I-A", [("A", 1, 2)]),
        ("B-A I-B", [("A", 0, 0), ("B", 1, 1)]),
        ("B-A-1 I-A-1", [("A-1", 0, 1)]),
        ("S-A B-A I-A E-A S-B", [("A", 0, 0), ("A", 1, 3), ("B", 4, 4)]),
        ("U-A B-A I-A L-A U-B", [("A", 0, 0), ("A", 1, 3), ("B", 4, 4)]),
        ("O O", []),
    ],
)
def test_spans_by_hand(tags, expected):
    assert list(spans(tags.split())) == expected


@pytest.mark.parametrize("scheme", ["BI", "BIES"])
def test_spans_are_those_of_seqeval(scheme):
    labelling = pytest.importorskip(
        "seqeval.metrics.sequence_labeling", reason="seqeval, which is not in the extra test"
    )
    rng = np.random.default_rng(0)
    tags = ["O", *(f"{letter}-{kind}" for letter in scheme for kind in "AB")]
    for _ in range(300):
        sequence = rng.choice(tags, 8).tolist()
        assert list(spans(sequence)) == labelling.get_entities(sequence)


def test_spans_are_those_of_nervaluate():
    loaders = pytest.importorskip("nervaluate.loaders", reason="nervaluate, of the extra test")
    rng = np.random.default_rng(0)
    sequences = [rng.choice(TAGS, 8).tolist() for _ in range(300)]
    for sequence, found in zip(sequences, loaders.ListLoader().load(sequences), strict=True):
        assert list(spans(sequence)) == [(e.label, e.start, e.end) for e in found]


def test_entities_of_seqevals_readme():
    y = [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    decided = [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    ours = summary(y, decided)
    by_type = {e["label"]: (e["precision"], e["recall"], e["f1"]) for e in ours["entities"]}
    assert by_type == {"MISC": (0, 0, 0), "PER": (1, 1, 1)}
    assert ours["entities_overall"]["f1_micro"] == ours["entities_overall"]["f1_macro"] == 0.5


def test_entities_of_one_step_are_steps():
    y, decided, _ = drawn()
    y, decided = (
        [np.char.replace(tags.astype("U5"), "I-", "B-") for tags in of] for of in (y, decided)
    )
    ours = summary(y, decided)
    steps = {c["label"]: c for c in ours["classes"]}
    for entity in ours["entities"]:
        of_steps = steps[f"B-{entity['label']}"]
        assert {**entity, "label": ""} == {**of_steps, "label": ""}
    expected = precision_recall_fscore_support(
        np.concatenate(y), np.concatenate(decided), labels=["B-LOC", "B-PER"], average="micro"
    )
    assert ours["entities_overall"]["f1_micro"] == pytest.approx(expected[2])


def test_other_labels_are_no_tags():
    assert are_tags(["O", "B-PER"])
    for labels in (["O"], ["O", "NAME"], ["B", "O"], [0, 1], ["a-b", "O"]):
        assert not are_tags(labels)
    y = [["O", "NAME"], ["O"]]
    assert "entities" not in summary(y, y)

"""The service of the examples: answers are those of the model, bad rows get one sentence."""

import asyncio
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from skimbalance import ImbalancedMLPClassifier
from skimbalance.persistence import save_model
from skimbalance.preprocessing import table_steps

pytest.importorskip("fastapi")
httpx = pytest.importorskip("httpx")

FOLDER = Path(__file__).parents[1] / "examples" / "service"
KINDS = {"age": "number", "home": "text"}
ROW = {"age": 41.5, "home": "own"}


@pytest.fixture(scope="module")
def service():
    spec = importlib.util.spec_from_file_location("example_service", FOLDER / "service.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(n=60):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.normal(40, 10, n), "home": rng.choice(["own", "rent"], n)})
    X.loc[::9, "age"] = np.nan
    X.loc[1::9, "home"] = None
    return X, np.where(X.age.fillna(30) + 9 * (X.home == "own") > 50, "rare", "common")


def fitted():
    X, y = table()
    clean, encode, _ = table_steps(X)
    return make_pipeline(clean, encode, LogisticRegression()).fit(X, y)


@pytest.fixture(scope="module")
def app(service, tmp_path_factory):
    path = tmp_path_factory.mktemp("service") / "model.skim"
    save_model(fitted(), path, columns=KINDS, target="grade")
    return service.create_app(str(path))


def ask(app, *bodies, path="/predict"):
    """Status and content of the answers to requests that are sent at once."""

    async def send():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            if not bodies:
                return [await client.get(path)]
            as_text = (text if isinstance(text, str) else json.dumps(text) for text in bodies)
            return await asyncio.gather(*(client.post(path, content=text) for text in as_text))

    answers = [(answer.status_code, answer.json()) for answer in asyncio.run(send())]
    return answers if len(bodies) > 1 else answers[0]


def as_json(X):
    return [
        {name: None if pd.isna(cell) else cell for name, cell in row.items()}
        for row in X.to_dict("records")
    ]


def test_it_says_that_it_lives_and_what_the_model_is(app, service):
    assert ask(app, path="/health") == (200, {"status": "ok"})
    status, about = ask(app, path="/model")
    assert status == 200
    assert about["columns"] == KINDS
    assert (about["target"], about["classes"]) == ("grade", ["common", "rare"])
    assert about["most_rows"] == service.MOST_ROWS


def test_answers_are_those_of_the_model(app):
    X, _ = table()
    X.loc[2, "home"] = "unknown in the fit"
    model = fitted()
    status, answers = ask(app, as_json(X))
    assert status == 200
    assert [answer["decision"] for answer in answers] == model.predict(X).tolist()
    for k, label in enumerate(model.classes_):
        posteriors = [answer["posterior"][label] for answer in answers]
        np.testing.assert_array_equal(posteriors, model.predict_proba(X)[:, k])


def test_rows_at_once_get_the_answers_of_rows_alone(app):
    rows = as_json(table(24)[0])
    _, alone = zip(*(ask(app, row) for row in rows), strict=True)
    status, together = ask(app, rows)
    assert status == 200
    for answer, of_row in zip(together, alone, strict=True):
        assert answer["decision"] == of_row["decision"]
        assert answer["posterior"] == pytest.approx(of_row["posterior"], rel=1e-9)
    at_once = ask(app, *rows, *([rows] * 6))
    assert at_once == [*((200, answer) for answer in alone), *([(200, together)] * 6)]


def test_several_labels_have_a_decision_and_a_posterior_each(service, tmp_path):
    X, y = table()
    labels = np.column_stack([y == "rare", X.home == "own"]).astype(int)
    X = X[["age"]].fillna(0)
    model = OneVsRestClassifier(LogisticRegression()).fit(X, labels)
    save_model(model, tmp_path / "m", columns={"age": "number"}, target=["rare", "owner"])
    _, answers = ask(service.create_app(str(tmp_path / "m")), as_json(X))
    assert [[*answer["decision"].values()] for answer in answers] == model.predict(X).tolist()
    posteriors = [[*answer["posterior"].values()] for answer in answers]
    np.testing.assert_array_equal(posteriors, model.predict_proba(X))
    assert answers[0]["decision"].keys() == {"rare", "owner"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"age": 1.0}, "The column 'home' must be in each row.*none in row 0"),
        (ROW | {"colour": "red"}, "The column 'colour' must be left out.*'red' in row 0"),
        (ROW | {"age": "old"}, "The column 'age' must hold a finite number.*'old' in row 0"),
        ([ROW, ROW | {"age": [1]}], "The column 'age' must hold a finite number.*1.* in row 1"),
        (ROW | {"home": 7}, "The column 'home' must hold text or null. Got 7 in row 0"),
        (ROW | {"age": 10**400}, "The column 'age' must hold a finite number.*000 in row 0"),
        ('{"age": NaN, "home": "own"}', "The column 'age' must hold a finite .*nan in row 0"),
        ('{"age": -Infinity, "home": ""}', "The column 'age' must hold a finite .*-inf in row 0"),
        ('{"age": "\\ud800", "home": ""}', "The column 'age' must hold a finite number"),
        ([ROW, 3], "A row must be an object.*Got 3 in row 1"),
        ([], "a row or a list of 1 to 1000 rows. Got 0 rows"),
        ([ROW] * 1001, "a row or a list of 1 to 1000 rows. Got 1001 rows"),
        ("3", "a row or a list of 1 to 1000 rows. Got 3"),
        ("{", "The body must be JSON. Got something else"),
        ("[" * 100_000, "The body must be JSON. Got something else"),
        ("", "The body must be JSON. Got something else"),
    ],
)
def test_a_bad_row_gets_one_sentence(app, body, said):
    status, answer = ask(app, body)
    assert status == 422
    assert re.search(said, answer["detail"]), answer
    assert len(answer["detail"]) < 200


def test_what_the_model_itself_refuses_gets_its_sentence(service, tmp_path):
    X, y = table()
    model = LogisticRegression().fit(X[["age"]].fillna(0), y)
    save_model(model, tmp_path / "m", columns={"age": "number"})
    status, answer = ask(service.create_app(str(tmp_path / "m")), {"age": None})
    assert status == 422
    assert "NaN" in answer["detail"]


def test_a_body_that_is_too_long_is_not_read(app, service):
    status, answer = ask(app, " " * (service.MOST_BYTES + 1))
    assert status == 413
    assert f"{service.MOST_BYTES} bytes at most" in answer["detail"]


def test_a_file_that_does_not_say_what_its_columns_hold_is_refused(service, tmp_path):
    save_model(fitted(), tmp_path / "m")
    with pytest.raises(ValueError, match="must say which columns hold numbers and which text"):
        service.create_app(str(tmp_path / "m"))


# Loaded before the process forks, as servers with several processes do.
FORKED = """
import multiprocessing, sys
sys.path.insert(0, sys.argv[1])
from service import Model

model = Model(sys.argv[2])
row = {"age": 41.5, "home": "own"}
expected = model.answers([row] * 300)

def answer(number):
    assert model.answers([row] * 300) == expected
    return model.answers([row])[0]["decision"]

with multiprocessing.get_context("fork").Pool(3) as pool:
    print(len(pool.map(answer, range(9))))
print(*sorted({"tensorflow", "keras", "scikeras", "matplotlib", "tqdm"} & {*sys.modules}))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
def test_a_network_answers_in_forked_processes_without_tensorflow(tmp_path):
    clf = ImbalancedMLPClassifier((8,), epochs=1, early_stopping=False, random_state=0)
    save_model(clf.fit(*table()), tmp_path / "m", columns=KINDS)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKED, FOLDER, tmp_path / "m"],
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["9"]

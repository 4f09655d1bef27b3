"""MLflow keeps, loads and serves our classifiers as those of scikit-learn, without a pickle.

Runs are written to a folder, as a new database takes MLflow seconds.
"""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedMLPClassifier, TunedDecisionClassifierCV
from skimbalance.datasets import load_abalone_19
from skimbalance.persistence import load_model, save_model
from skimbalance.report import ImbalanceReport

pytestmark = [
    pytest.mark.slow,
    # Of MLflow's own code: its import, and calls of pandas, scikit-learn and others that will go.
    pytest.mark.filterwarnings("ignore:The filesystem tracking backend:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The .route. decorator is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow"),
    pytest.mark.filterwarnings("ignore:.y_pred. was renamed to .y_proba.:FutureWarning"),
]

# No pickle, which older releases of MLflow write by default; and no search for what is needed.
SAFE = {"serialization_format": "skops", "pip_requirements": ["skimbalance"]}


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    """MLflow with an experiment in a folder of its own; what it changes is undone."""
    module = pytest.importorskip("mlflow", reason="mlflow, of the extra mlflow, is not installed")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    # A scoring server sets this one.
    monkeypatch.setenv("_MLFLOW_IS_IN_SERVING_ENVIRONMENT", "false")
    yield module
    module.sklearn.autolog(disable=True)


@pytest.fixture(scope="module")
def table():
    """Shells: sex as text, and seven numbers."""
    X, y = load_abalone_19(return_X_y=True, as_frame=True)
    rows = np.r_[np.flatnonzero(y), np.flatnonzero(y == 0)[:200]]
    return X.iloc[rows].astype({"sex": str}), y.iloc[rows]


@pytest.fixture(scope="module")
def network(table):
    return ImbalancedMLPClassifier((4,), epochs=1, random_state=0).fit(*table)


def types_of(model):
    """What a user names in `skops_trusted_types`."""
    return skops.io.get_untrusted_types(data=skops.io.dumps(model))


def posted(model, rows):
    """The answer of MLflow's scoring server to some rows as JSON, without a port."""
    httpx = pytest.importorskip("httpx", reason="httpx, of the extra test, is not installed")
    from mlflow.pyfunc import scoring_server

    async def answer():
        app = httpx.ASGITransport(scoring_server.init(model))
        async with httpx.AsyncClient(transport=app, base_url="http://model") as client:
            text = rows.to_json(orient="split")
            return await client.post("/invocations", json={"dataframe_split": json.loads(text)})

    return asyncio.run(answer())


def test_a_logged_model_predicts_the_same_loaded_and_served(mlflow, table, network):
    X, _ = table
    options = SAFE | {"input_example": X[:2], "skops_trusted_types": types_of(network)}
    with mlflow.start_run():
        by_method = {
            method: mlflow.sklearn.log_model(
                network,
                name=method,
                signature=mlflow.models.infer_signature(X, getattr(network, method)(X)),
                pyfunc_predict_fn=method,
                **options,
            ).model_uri
            for method in ("predict", "predict_proba")
        }
    loaded = mlflow.sklearn.load_model(by_method["predict"])
    assert loaded.get_params() == network.get_params()
    np.testing.assert_array_equal(loaded.predict_proba(X), network.predict_proba(X))
    for method, uri in by_method.items():
        expected = getattr(network, method)(X)
        model = mlflow.pyfunc.load_model(uri)
        np.testing.assert_array_equal(model.predict(X), expected)
        answer = posted(model, X)
        assert answer.status_code == 200, answer.text
        np.testing.assert_allclose(answer.json()["predictions"], expected, rtol=1e-9)
    answer = posted(model, X.drop(columns="length"))
    assert answer.status_code == 400
    assert "Model is missing inputs ['length']" in answer.text


def test_mlflow_makes_only_types_that_were_named(mlflow, table, tmp_path):
    X, y = table
    numbers = X.drop(columns="sex")
    model = TunedDecisionClassifierCV(LogisticRegression(), objective="f1").fit(numbers, y)
    types = types_of(model)
    path = "skimbalance.decision._tuned.TunedDecisionClassifierCV"
    assert path in types
    others = [name for name in types if name != path]
    with pytest.raises(mlflow.MlflowException, match=f"untrusted types.*\n*.*{path}"):
        mlflow.sklearn.save_model(model, tmp_path / "refused", skops_trusted_types=others, **SAFE)
    mlflow.sklearn.save_model(model, tmp_path / "model", skops_trusted_types=types, **SAFE)
    loaded = mlflow.sklearn.load_model((tmp_path / "model").as_uri())
    np.testing.assert_array_equal(loaded.predict(numbers), model.predict(numbers))


def test_a_run_keeps_the_model_file_and_the_report(mlflow, table, tmp_path):
    X, y = table
    numbers = X.drop(columns="sex")
    model = LogisticRegression().fit(numbers, y)
    report = ImbalanceReport.from_estimator(model, numbers, y, n_resamples=10, random_state=0)
    overall = report.to_dict()["overall"]
    scores = {name: score for name, score in overall.items() if isinstance(score, float)}
    save_model(model, tmp_path / "model.skim")
    report.save(tmp_path / "report.html")
    with mlflow.start_run() as run:
        mlflow.log_metrics(scores)
        mlflow.log_artifact(tmp_path / "model.skim")
        mlflow.log_artifact(tmp_path / "report.html")
    kept = mlflow.get_run(run.info.run_id)
    assert kept.data.metrics == pytest.approx(scores)
    for name in ("model.skim", "report.html"):
        path = mlflow.artifacts.download_artifacts(f"{kept.info.artifact_uri}/{name}")
        assert Path(path).read_bytes() == (tmp_path / name).read_bytes()
    loaded = load_model(tmp_path / "model.skim")
    np.testing.assert_array_equal(loaded.predict_proba(numbers), model.predict_proba(numbers))


def test_autolog_notes_pipelines_and_searches_around_our_classifiers(mlflow, table):
    X, y = table
    numbers = X.drop(columns="sex")
    fit = GridSearchCV.fit
    tuned = TunedDecisionClassifierCV(LogisticRegression(), cv=2, random_state=0)
    mlflow.sklearn.autolog(log_models=False, log_datasets=False)
    with mlflow.start_run() as run:
        pipeline = make_pipeline(StandardScaler(), tuned).fit(numbers, y)
    kept = mlflow.get_run(run.info.run_id).data
    assert kept.params["tuneddecisionclassifiercv__cv"] == "2"
    assert kept.metrics["training_score"] == pipeline.score(numbers, y)
    grid = {"objective": ["balanced_accuracy", "f1"]}
    with mlflow.start_run() as run:
        search = GridSearchCV(tuned, grid, cv=StratifiedKFold(2), scoring="f1").fit(numbers, y)
    kept = mlflow.get_run(run.info.run_id).data
    assert kept.metrics["best_cv_score"] == search.best_score_
    assert kept.params["best_objective"] == search.best_params_["objective"]
    mlflow.sklearn.autolog(disable=True)
    assert GridSearchCV.fit is fit

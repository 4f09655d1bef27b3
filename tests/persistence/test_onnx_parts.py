"""Each part of an ONNX graph computes what its part of an estimator computes."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.isotonic import IsotonicRegression

from skimbalance._fit.perceptron import ACTIVATIONS, Architecture
from skimbalance._fit.plan import Fitted
from skimbalance.decision._calibration import IsotonicCalibration, LabelCalibration, LogScaling
from skimbalance.ensemble._boosted import BoostedTrees
from skimbalance.ensemble._trees import TreeBag
from skimbalance.posterior import (
    CLOSED_FORMS,
    LABEL_CLOSED_FORMS,
    label_posterior,
    log_posterior,
)
from skimbalance.preprocessing._encoder import TableEncoder
from skimbalance.preprocessing._reader import TableReader
from skimbalance.prior._labels import shift_labels
from skimbalance.prior._shift import shift_prior

onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX comes with the extra 'onnx'")
TensorProto = pytest.importorskip("onnx").TensorProto
_graph = pytest.importorskip("skimbalance.persistence._onnx._graph")
_network = pytest.importorskip("skimbalance.persistence._onnx._network")
_posterior = pytest.importorskip("skimbalance.persistence._onnx._posterior")
_rows = pytest.importorskip("skimbalance.persistence._onnx._rows")
_trees = pytest.importorskip("skimbalance.persistence._onnx._trees")

COUNTS = np.array([60.0, 30.0, 10.0])
# Arguments of each loss beside weights and sampling.
LOSS_ARGUMENTS = {
    "crossentropy": [{}],
    "focal": [{"gamma": 0.0}, {"gamma": 2.0}],
    "logit_adjusted": [{"class_counts": COUNTS, "tau": 1.5}],
    "ldam": [{"class_counts": COUNTS, "max_margin": 0.5, "scale": 2.0}],
    "vector_scaling": [{"class_counts": COUNTS, "gamma": 0.3, "tau": 1.0}],
    "poly1": [{"epsilon": -1.0}, {"epsilon": 0.0}, {"epsilon": 2.0}],
    "generalized": [{"q": 0.7}],
}
LABEL_LOSS_ARGUMENTS = {
    "crossentropy": [{}],
    "focal": [{"gamma": 2.0}, {"gamma": 1.0, "alpha": 0.25}],
    "asymmetric": [
        {"gamma_pos": 1.0, "gamma_neg": 4.0, "margin": 0.05},
        {"gamma_pos": 0.0, "gamma_neg": 0.0, "margin": 0.2},
        {"gamma_pos": 1.0, "gamma_neg": 2.0, "margin": 0.0},
    ],
}
CASES = [(loss, of) for loss, each in LOSS_ARGUMENTS.items() for of in each]
LABEL_CASES = [(loss, of) for loss, each in LABEL_LOSS_ARGUMENTS.items() for of in each]


def computed(make, *arrays):
    """The value that ``make(graph, *inputs)`` describes, for some inputs."""
    names = [f"in_{i}" for i in range(len(arrays))]
    graph = _graph.Graph(taken=[*names, "out"])
    inputs = [
        graph.input(
            name,
            TensorProto.STRING if array.dtype == object else TensorProto.DOUBLE,
            [None, array.shape[1]],
        )
        for name, array in zip(names, arrays, strict=True)
    ]
    graph.output("out", graph.double(make(graph, *inputs)), TensorProto.DOUBLE, [None, None])
    session = onnxruntime.InferenceSession(graph.model("test", {}).SerializeToString())
    return session.run(None, dict(zip(names, arrays, strict=True)))[0]


def close(got, expected, atol=1e-9):
    np.testing.assert_allclose(got, expected, atol=atol, rtol=0)


# Networks


def table(rng, n_rows=120):
    """A matrix with gaps, a column far from zero, a constant one, and two of levels."""
    X = rng.normal(size=(n_rows, 6))
    X[:, 1] = 1e6 + 10 * X[:, 1]
    X[:, 2] = 7.0
    X[rng.random(n_rows) < 0.2, 0] = np.nan
    X[:, 4] = rng.integers(-1, 4, n_rows)
    X[:, 5] = rng.integers(0, 50, n_rows)
    X[rng.random(n_rows) < 0.2, 4] = np.nan
    return X, np.array([-1, -1, -1, -1, 4, 50])


def new_rows(X, n_levels):
    """Rows with gaps, unknown levels and numbers beyond those of training."""
    X = X[::3].copy()
    X[::2, 3] *= 100.0
    X[1::5, 1] = np.nan
    X[::4, 4], X[::7, 5] = -1.0, np.nan
    return X


def as_rows(graph, X, n_levels):
    """Rows of a matrix of numbers and numbers of levels."""
    columns, codes = [], {}
    for j, n in enumerate(n_levels):
        column = X.columns([j])
        if n >= 0:
            known = graph.op("Where", graph.op("Less", column, 0.0), float(n + 1), column)
            known = graph.op("Where", graph.op("IsNaN", column), float(n), known)
            codes[j] = graph.cast(known, TensorProto.INT64)
            column = known
        columns.append(column)
    return _rows.Rows(graph.concat(columns), codes)


@pytest.mark.parametrize("embedding", [None, "piecewise_linear", "periodic"])
@pytest.mark.parametrize("standardize", [True, False, "robust"])
def test_inputs_of_networks(embedding, standardize):
    rng = np.random.default_rng(0)
    X, n_levels = table(rng)
    if standardize is False:
        X[:, 1] -= 1e6
    index, y = np.arange(len(X)), rng.integers(0, 2, len(X))
    encoder = TableEncoder.learn(X, index, None, n_levels, standardize=standardize)
    if embedding == "piecewise_linear":
        encoder = encoder.with_bins(X, index, y)
    network = Architecture(6, 3, (5,), "tanh", None, False, embedding, ntk=standardize == "robust")
    check_network(network.for_inputs(encoder), encoder, X, n_levels)


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
@pytest.mark.parametrize("activation", [*ACTIVATIONS, "parametric_selu"])
def test_layers_of_networks(activation, normalization):
    X = 3 * np.random.default_rng(0).normal(size=(50, 4))
    network = Architecture(4, 3, (6, 5), activation, normalization, False)
    check_network(network, None, X, np.full(4, -1))


def check_network(network, encoder, X, n_levels):
    rng = np.random.default_rng(1)
    rows = X if encoder is None else encoder.transform(X)
    weights = network.initial_weights(rng, None, lambda rng: rows)
    # No weight is 0 or 1, as some are before training.
    weights = {
        name: np.float32(value + 0.1 * np.abs(rng.normal(size=np.shape(value))))
        for name, value in weights.items()
    }
    fitted = Fitted(network, weights, encoder, {})
    seen = new_rows(X, n_levels) if np.any(n_levels >= 0) else X
    got = computed(
        lambda graph, X: _network.perceptron_logits(graph, fitted, as_rows(graph, X, n_levels)),
        seen,
    )
    expected = fitted.forward(seen)
    close(got, expected, atol=2e-6 * np.abs(expected).max())


def test_rows_of_a_table():
    frame = pd.DataFrame(
        {
            "number": [1.5, np.nan, 3.0, 3.0],
            "text": ["b", "a", "a", "b"],
            "code": pd.Series([7, 2, 2, 7], dtype="category"),
            "empty": ["", "x", "x", ""],
        }
    )
    reader = TableReader.learn(frame, "from_dtype", "the test")
    new = pd.DataFrame(
        {
            "number": [np.nan, -1.0, 2.0],
            "text": ["a", None, "z"],
            "code": [np.nan, 7.0, 3.0],
            "empty": ["", None, "y"],
        }
    )
    expected = reader.matrix(new)
    n_levels = reader.n_levels
    expected = np.where((n_levels >= 0) & (expected < 0), n_levels + 1.0, expected)
    expected = np.where((n_levels >= 0) & np.isnan(expected), n_levels, expected)
    columns = [
        new[name].to_numpy(dtype=object if kind == TensorProto.STRING else float)[:, None]
        for name, kind in zip(new, _rows.column_types(reader), strict=True)
    ]
    got = computed(lambda graph, *X: _rows.rows_of(graph, reader, X, "test").matrix, *columns)
    np.testing.assert_array_equal(got, expected)


def test_levels_of_text_and_numbers_in_one_column_are_refused():
    reader = TableReader(([1, "a"], None), (False, None))
    with pytest.raises(ValueError, match=r"all text or all numbers in each column.* Got 1 and 'a'"):
        computed(
            lambda graph, *X: _rows.rows_of(graph, reader, X, "Clf").matrix, *np.ones((2, 3, 1))
        )


def test_categories_need_an_input_for_each_column():
    reader = TableReader((["a"], None), (True, None))
    with pytest.raises(ValueError, match="an input for each of its 2 columns"):
        computed(lambda graph, X: _rows.rows_of(graph, reader, [X], "Clf").matrix, np.ones((3, 2)))


# Trees


@pytest.mark.parametrize("n_classes", [2, 3])
def test_trees(n_classes):
    rng = np.random.default_rng(0)
    X, n_levels = table(rng, 400)
    y = np.isnan(X[:, 0]).astype(int) + (X[:, 4] == 1) + (X[:, 5] % 5 > 2)
    y = np.minimum(y, n_classes - 1)
    known = np.where((n_levels >= 0) & (X < 0), np.nan, X)
    models = []
    # The second model has not seen the first class, and not all levels.
    for rows in (np.arange(400), np.flatnonzero((y > 0) & ~(X[:, 5] > 40))):
        model = HistGradientBoostingClassifier(max_iter=6, categorical_features=[4, 5])
        if n_classes == 3 or len(models) == 0:
            models.append(BoostedTrees.of(model.fit(known[rows], y[rows])))
    bag = TreeBag(models, n_classes, np.array([4, 5]))
    new = np.concatenate([X, new_rows(X, n_levels)])
    got = computed(
        lambda graph, X: _trees.trees_posterior(graph, bag, as_rows(graph, X, n_levels), n_levels),
        new,
    )
    close(got, bag.mean(new), atol=1e-6)


def test_trees_of_one_leaf():
    X, y = np.arange(30.0)[:, None], np.repeat([0, 1], 15)
    model = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=20).fit(X, y)
    bag = TreeBag([BoostedTrees.of(model)], 2, np.empty(0, int))
    got = computed(
        lambda graph, X: _trees.trees_posterior(graph, bag, _rows.Rows(X, {}), np.array([-1])), X
    )
    close(got, model.predict_proba(X), atol=1e-6)


# Posteriors


def test_all_closed_forms_have_cases():
    assert set(LOSS_ARGUMENTS) == set(CLOSED_FORMS)
    assert set(LABEL_LOSS_ARGUMENTS) == set(LABEL_CLOSED_FORMS)


def logits(n_columns):
    rng = np.random.default_rng(0)
    return np.concatenate([scale * rng.normal(size=(20, n_columns)) for scale in (0.1, 2, 30)])


@pytest.mark.parametrize(("loss", "arguments"), CASES)
def test_closed_forms(loss, arguments):
    weighting = {"class_weight": np.array([0.5, 1.0, 4.0]), "sampling_ratio": np.array([1, 1, 2])}
    z, arguments = logits(3), {**arguments, **weighting}
    got = computed(
        lambda graph, z: _posterior.posterior(graph, loss, z, {"loss": loss, **arguments}), z
    )
    close(got, np.exp(log_posterior(loss, z, **arguments)))


@pytest.mark.parametrize(("loss", "arguments"), LABEL_CASES)
def test_closed_forms_of_labels(loss, arguments):
    weighting = {"class_weight": np.array([[0.5, 3.0], [1, 1]]), "sampling_ratio": np.ones((2, 2))}
    z, arguments = logits(2), {**arguments, **weighting}
    got = computed(
        lambda graph, z: _posterior.posterior_of_labels(
            graph, loss, z, {"loss": loss, **arguments}
        ),
        z,
    )
    close(got, label_posterior(loss, z, **arguments))


def probabilities(n_columns):
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.full(n_columns, 0.3), size=40)
    return np.concatenate([proba, np.eye(n_columns)])


def test_calibrators():
    rng = np.random.default_rng(0)
    isotonic = IsotonicRegression(out_of_bounds="clip", y_min=0, y_max=1)
    isotonic.fit(rng.uniform(0.2, 0.8, 50), rng.integers(0, 2, 50))
    two = LogScaling(np.array([1.2, 0.7]), np.array([0.1, -0.2]))
    for calibrator, proba in (
        (LogScaling(np.array([1.2, 0.7, 2]), np.array([0.1, -0.2, 0])), probabilities(3)),
        (IsotonicCalibration(isotonic), probabilities(2)),
        (LabelCalibration([two, None, IsotonicCalibration(isotonic)]), rng.random((30, 3))),
    ):
        got = computed(lambda graph, p, of=calibrator: _posterior.calibrated(graph, of, p), proba)
        close(got, calibrator(proba))


def test_priors():
    old, new = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.9, 0.0])
    proba = probabilities(3)[:40]
    got = computed(lambda graph, p: _posterior.shifted(graph, p, old, new), proba)
    close(got, shift_prior(proba, old, new, "priors"))
    old, new = np.array([[0.9, 0.1], [1.0, 0.0]]), np.array([[0.5, 0.5], [1.0, 0.0]])
    proba = np.random.default_rng(0).random((20, 2))
    got = computed(lambda graph, p: _posterior.shifted(graph, p, old, new), proba)
    close(got, shift_labels(proba, old, new))

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.utils import Bunch

import skimbalance
from skimbalance import datasets

# Published facts: features, rows of each class, a bound on the share of the rarest class, licence.
FACTS = {
    "abalone_19": (8, {0: 4145, 1: 32}, 0.01, "CC BY 4.0"),
    "ann_thyroid": (21, {1: 166, 2: 368, 3: 6666}, 0.025, "CC BY 4.0"),
    "page_blocks": (10, {1: 4913, 2: 329, 3: 28, 4: 87, 5: 115}, 0.01, "CC BY 4.0"),
    "credit_risk_grade": (
        10,
        {"A": 10777, "B": 10451, "C": 6458, "D": 3626, "E": 964, "F": 241, "G": 64},
        0.01,
        "CC0",
    ),
    "yeast": (
        8,
        {"CYT": 463, "NUC": 429, "MIT": 244, "ME3": 163, "ME2": 51, "ME1": 44, "EXC": 35,
         "VAC": 30, "POX": 20, "ERL": 5},
        0.01,
        "CC BY 4.0",
    ),
}  # fmt: skip

each_set = pytest.mark.parametrize("name", [n.removeprefix("load_") for n in datasets.__all__])


def load(name, **options):
    return getattr(datasets, f"load_{name}")(**options)


def counts_of(y):
    labels, counts = np.unique(np.asarray(y), return_counts=True)
    return dict(zip(labels.tolist(), counts.tolist(), strict=True))


@each_set
def test_facts(name):
    n_features, counts, share, _ = FACTS[name]
    bunch = load(name)
    assert isinstance(bunch, Bunch)
    assert bunch.frame is None
    assert bunch.data.dtype == np.float64
    assert bunch.data.shape == (sum(counts.values()), n_features)
    assert len(bunch.feature_names) == n_features
    assert counts_of(bunch.target) == counts
    assert len(bunch.target_names) == len(counts)
    assert min(counts_of(bunch.target).values()) / len(bunch.target) < share
    assert (Path(datasets.__file__).parent / "data" / bunch.filename).is_file()


@each_set
def test_descr_states_what_the_data_hold(name):
    bunch, (_, counts, _, licence) = load(name), FACTS[name]
    # One row a class: | label | meaning | rows |
    stated = re.findall(r"^\| (\w+) +\|[^|]+\| (\d+) +\|$", bunch.DESCR, flags=re.MULTILINE)
    assert {label: int(rows) for label, rows in stated} == {str(k): n for k, n in counts.items()}
    assert f"- Rows: {len(bunch.data)}" in bunch.DESCR
    assert f"- Features: {bunch.data.shape[1]}" in bunch.DESCR
    assert f"Licence: {licence}" in bunch.DESCR
    ratio = max(counts.values()) / min(counts.values())
    assert f"(largest class to smallest): {ratio:.1f}" in bunch.DESCR
    missing = np.isnan(bunch.data).sum(axis=0)
    for column, n_missing in zip(bunch.feature_names, missing, strict=True):
        assert n_missing == 0 or f"{column} {n_missing}" in bunch.DESCR
    assert missing.any() or "no missing values" in bunch.DESCR


@each_set
def test_frame_agrees_with_array(name):
    pd = pytest.importorskip("pandas")
    array, framed = load(name), load(name, as_frame=True)
    assert list(framed.data.columns) == array.feature_names
    assert list(framed.frame.columns) == [*array.feature_names, "target"]
    pd.testing.assert_frame_equal(framed.frame.drop(columns="target"), framed.data)
    np.testing.assert_array_equal(np.asarray(framed.target), array.target)
    for j, column in enumerate(array.feature_names):
        values = framed.data[column]
        assert (values.dtype == "category") == (column in array.categories)
        if column in array.categories:
            names = array.categories[column]
            assert names == sorted(names) == list(values.cat.categories)
            values = values.cat.codes
        np.testing.assert_array_equal(values, array.data[:, j])


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("ann_thyroid", [f"x{i}" for i in range(1, 16)]),
        ("page_blocks", ["Height", "Lenght", "Area", "Blackpix", "Blackand", "Wb_trans"]),
        ("credit_risk_grade", ["loan_amnt", "loan_status", "cb_person_cred_hist_length"]),
    ],
)
def test_integers_stay_integers(name, columns):
    pytest.importorskip("pandas")
    frame = load(name, as_frame=True).data
    assert list(frame.select_dtypes("integer").columns) == columns


def test_page_blocks_columns_mean_what_descr_says():
    damaged = [4, 13]  # named in DESCR
    data = np.delete(load("page_blocks").data, damaged, axis=0)
    height, length, area, eccen, p_black, p_and, mean_tr, blackpix, blackand, wb_trans = data.T
    np.testing.assert_array_equal(area, height * length)
    np.testing.assert_allclose(eccen, length / height, atol=1e-2)
    np.testing.assert_allclose(p_black, blackpix / area, atol=1e-3)
    np.testing.assert_allclose(p_and, blackand / area, atol=1e-3)
    np.testing.assert_allclose(mean_tr, blackpix / wb_trans, atol=1e-2)


@each_set
def test_data_and_target_alone(name):
    bunch = load(name)
    X, y = load(name, return_X_y=True)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)


@each_set
def test_data_and_target_alone_as_frame(name):
    pd = pytest.importorskip("pandas")
    bunch = load(name, as_frame=True)
    X, y = load(name, return_X_y=True, as_frame=True)
    pd.testing.assert_frame_equal(X, bunch.data)
    pd.testing.assert_series_equal(y, bunch.target)


@each_set
def test_caller_owns_the_result(name):
    spoilt, expected = load(name), load(name)
    spoilt.data[:] = -1
    spoilt.target[:] = spoilt.target[0]
    spoilt.target_names[:] = ""
    spoilt.feature_names.clear()
    spoilt.categories.clear()
    again = load(name)
    for key in ("data", "target", "target_names", "feature_names"):
        np.testing.assert_array_equal(again[key], expected[key])
    assert again.categories == expected.categories


@each_set
@pytest.mark.parametrize("option", ["return_X_y", "as_frame"])
@pytest.mark.parametrize("value", [1, "yes", None])
def test_bad_flag(name, option, value):
    message = f"The '{option}' parameter of load_{name} must be a bool. Got {value!r} instead."
    with pytest.raises(TypeError, match=re.escape(message)):
        load(name, **{option: value})


def test_options_are_keyword_only():
    with pytest.raises(TypeError, match="positional"):
        datasets.load_abalone_19(True)


@pytest.mark.slow
def test_arrays_need_neither_pandas_nor_tensorflow():
    # scikit-learn imports pandas where it is installed, so it is hidden here.
    code = (
        "import sys; sys.modules['pandas'] = None;"
        "from skimbalance.datasets import load_abalone_19; load_abalone_19();"
        "print('tensorflow' in sys.modules)"
    )
    root = Path(skimbalance.__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert (run.stdout.strip(), run.returncode) == ("False", 0), run.stderr

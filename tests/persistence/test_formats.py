"""Files of each format that was ever released or kept load, and mean what they meant."""

import json
from importlib import import_module

import numpy as np
import pytest
import write_model_files

from skimbalance._keras.stored import NAMES
from skimbalance.persistence import _types, load_model, model_info

pd = pytest.importorskip("pandas")

FILES = sorted(write_model_files.DATA.glob("format_[3-9]_*.skim"))


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_files_of_each_format_predict_what_they_predicted(file):
    expected = json.loads(file.with_suffix(".json").read_text())
    clf, rows = load_model(file), expected["rows"]
    if isinstance(rows, dict):
        rows = pd.DataFrame(rows)
    elif not isinstance(rows[0][0], str):
        rows = np.array(rows)
    np.testing.assert_allclose(clf.predict_proba(rows), expected["predict_proba"], atol=1e-6)
    assert [np.asarray(part).tolist() for part in clf.predict(rows)] == expected["predict"]
    assert model_info(file)["target"] == "kind"
    assert clf.get_params()


def test_there_are_files_of_each_format_and_kind():
    kinds = {name for name, *_ in write_model_files.models()}
    for number in range(3, _types.FORMAT + 1):
        names = {file.stem for file in FILES}
        assert {f"format_{number}_{kind}" for kind in kinds} <= names
    assert all(file.stat().st_size < 40_000 for file in FILES)


def test_names_of_the_format_are_where_it_says():
    for name in [*_types._STORED, *NAMES]:
        module, _, cls = name.rpartition(".")
        if not module.startswith("keras."):
            assert isinstance(getattr(import_module(module), cls), type), name

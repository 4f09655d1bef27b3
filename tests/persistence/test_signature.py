"""The signature of a model file: a changed byte is found, before anything is read."""

import hashlib
import hmac
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from skimbalance.persistence import load_model, model_info, save_model

KEY, OTHER = b"a key", b"another key"
X = np.random.default_rng(0).normal(size=(40, 2))
CLF = LogisticRegression().fit(X, X[:, 0] > 1)


@pytest.fixture
def path(tmp_path):
    save_model(CLF, tmp_path / "m.skim", key=KEY, target="y")
    return tmp_path / "m.skim"


def test_it_is_hmac_sha256_of_all_but_the_last_64_bytes(path):
    content = path.read_bytes()
    expected = hmac.new(KEY, content[:-64], hashlib.sha256).hexdigest()
    assert content[-64:] == expected.encode()
    with zipfile.ZipFile(path) as archive:
        assert archive.comment == expected.encode()
        assert archive.testzip() is None


def test_a_signed_file_is_loaded_with_its_key_and_without_any(path):
    for options in ({"key": KEY}, {}):
        loaded = load_model(path, **options)
        assert loaded.predict_proba(X).tobytes() == CLF.predict_proba(X).tobytes()
    assert model_info(path)["target"] == "y"


@pytest.mark.parametrize("key", [OTHER, KEY + b" ", KEY[:-1]])
def test_another_key_is_refused(key, path):
    with pytest.raises(ValueError, match=r"m\.skim' must have the signature .* another key"):
        load_model(path, key=key)


def test_each_changed_byte_is_found_before_the_file_is_read(path, monkeypatch):
    whole = path.read_bytes()
    monkeypatch.setattr(zipfile, "ZipFile", None)
    monkeypatch.setattr(skops.io, "loads", None)
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ValueError, match="must have the signature"):
            load_model(path, key=KEY)
    for changed in (whole[:-1], whole + b"0", whole[1:], b""):
        path.write_bytes(changed)
        with pytest.raises(ValueError, match="must have the signature"):
            load_model(path, key=KEY)


def test_an_unsigned_file_is_refused_with_a_key(path):
    save_model(CLF, path)
    with pytest.raises(ValueError, match=r"Got one without\."):
        load_model(path, key=KEY)
    assert load_model(path) is not None


@pytest.mark.parametrize("key", ["text", b"", 5, bytearray(b"a")], ids=repr)
def test_a_key_is_bytes_and_is_not_shown(key, path, tmp_path):
    new = tmp_path / "new"
    for call, arguments in ((save_model, (CLF, new)), (load_model, (path,))):
        with pytest.raises(ValueError, match="'key' parameter must be None or bytes") as refused:
            call(*arguments, key=key)
        assert "text" not in str(refused.value)
    assert not new.exists()

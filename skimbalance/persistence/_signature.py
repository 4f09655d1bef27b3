"""A signature that tells a model file from any other: HMAC-SHA256 with the user's key.

It is the archive's comment, the last 64 bytes of the file, and signs all bytes before them.
"""

import hashlib
import hmac
import os
import re
from typing import Any

__all__ = ["UNSIGNED", "check_key", "check_signature", "signed"]

_LENGTH = 64

#: The comment of an archive that is still to be signed.
UNSIGNED = b"0" * _LENGTH


def check_key(key: Any) -> None:
    """Check that a key is bytes, and not empty.

    Raises
    ------
    ValueError
        If it is not.
    """
    if key is not None and not (isinstance(key, bytes) and key):
        got = "b''" if key == b"" else f"a {type(key).__name__}"
        raise ValueError(
            "The 'key' parameter must be None or bytes that only you know, such as those of "
            f"secrets.token_bytes(32). Got {got} instead."
        )


def signed(content: bytes, key: bytes) -> bytes:
    """A file with a signature in the place of its last bytes."""
    body = content[:-_LENGTH]
    return body + _signature(body, key)


def check_signature(content: bytes, key: bytes, path: str | os.PathLike[str]) -> None:
    """Check that a file was signed with a key, and not changed since.

    Raises
    ------
    ValueError
        If it was not.
    """
    body, signature = content[:-_LENGTH], content[-_LENGTH:]
    if not hmac.compare_digest(signature, _signature(body, key)):
        is_signed = re.fullmatch(rb"[0-9a-f]{64}", signature)
        got = "one that was changed, or signed with another key" if is_signed else "one without"
        raise ValueError(
            f"The file '{path}' must have the signature of this 'key', by 'save_model' with the "
            f"same one. Got {got}."
        )


def _signature(body: bytes, key: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).hexdigest().encode()

"""What is left out of a config before it is sent to a tracker: what looks like a secret, by its key or its value."""

import os
import re
from typing import Any

LEFT_OUT = "(left out)"
_SECRET = re.compile(
    r"(^|_)(api_?key|access_?key|private_?key|token|secret|password|passwd|credentials?)$", re.IGNORECASE
)
_LOGIN = re.compile(r"(?<=://)[^/\s@]+(?=@)")  # user:password@ of an address
_SHORTEST = 8  # a value of the environment that is shorter says little, and stands in other words by chance


def without_secrets(value: Any, key: str = "") -> Any:
    """The config with secrets left out: texts under keys such as `token` or `api_key`, logins in addresses, and the
    values of environment variables that are named so, wherever they stand.
    """
    if isinstance(value, dict):
        return {name: without_secrets(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner, key) for inner in value]
    if not isinstance(value, str):
        return value
    return LEFT_OUT if value and _SECRET.search(key) else without_credentials(value)


def without_credentials(text: str) -> str:
    """The text without logins in addresses and without the values of environment variables that are secrets."""
    for name, secret in os.environ.items():
        if len(secret) >= _SHORTEST and _SECRET.search(name):
            text = text.replace(secret, LEFT_OUT)
    return _LOGIN.sub(LEFT_OUT, text)

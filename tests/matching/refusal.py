"""What a user is told of a matcher's setting that cannot be."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tasks.settings import load_settings
from warehouse.errors import SettingsError


def refusal(section: str, key: str, value: object) -> str:
    """The message, which names section, key and value in one line, without what comes before them."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "mine.toml"
        file.write_text(f"[matching.{section}]\n{key} = {json.dumps(value)}\n", encoding="utf-8")
        with pytest.raises(SettingsError) as refused:
            load_settings(file)
    message = str(refused.value)
    start = f"key 'matching.{section}.{key}' is {value!r}: "
    assert start in message
    assert "\n" not in message
    return message.split(start)[1]

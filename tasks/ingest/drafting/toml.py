"""Values and comments as TOML writes them."""

import json
from collections.abc import Mapping, Sequence


def one_line(text: str) -> str:
    """Text that a TOML comment may hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def toml(value: object) -> str:
    r"""A value as TOML writes it.

    >>> toml('say "é"\n'), toml(["a", 1.0]), toml({"add to cart": 3})
    ('"say \\"é\\"\\n"', '["a", 1.0]', '{"add to cart" = 3}')
    """
    if isinstance(value, str):  # a JSON string is a TOML string, but for DEL
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{toml(str(key))} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    return json.dumps(value)

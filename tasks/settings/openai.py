"""The settings of the engine "openai": any server that speaks the OpenAI protocol."""

import json
from typing import Any, Literal

from pydantic import Field, field_validator

from tasks.settings.section import Section


class OpenAi(Section):
    """An OpenAI-compatible server, for `engine = "openai"`."""

    base_urls: tuple[str, ...] = Field(default=("http://127.0.0.1:8000/v1",), min_length=1)
    """Addresses up to /v1; several servers with the same model share the work."""
    model: str = ""
    """The name that the servers know the model by."""
    api: Literal["completions", "chat"] = "completions"
    """"completions" if the model reads ChatML; "chat" if its server should apply a template."""
    api_key_env: str = Field(default="", pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")
    """The environment variable that holds the API key; empty for servers that want none."""
    concurrency: int = Field(default=8, ge=1, le=256)
    """How many requests are under way at once, over all servers."""
    timeout_s: float = Field(default=120.0, gt=0)
    """An answer that is not whole after so many seconds is asked for again."""
    attempts: int = Field(default=6, ge=1, le=20)
    """How often one answer is asked for before the run stops."""
    backoff_s: float = Field(default=1.0, ge=0)
    """The upper end of the random wait before an answer is asked for again; it doubles each time."""
    max_wait_s: float = Field(default=60.0, gt=0)
    """The longest such wait; a server that asks for a longer one stops the run."""
    log_probs: bool = True
    """Whether texts must come with log-probabilities; false keeps texts of servers that give none."""
    omit: tuple[str, ...] = ()
    """Fields of a request that the server refuses: OpenAI's own takes neither "top_k" nor "min_p"."""
    extra: dict[str, Any] = Field(default={})
    """Further fields of every request, as the server knows them."""
    price_prompt: float = Field(default=0.0, ge=0)
    """What a million prompt tokens cost, for the cost report."""
    price_completion: float = Field(default=0.0, ge=0)
    """What a million written tokens cost."""

    @field_validator("base_urls")
    @classmethod
    def _check_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no web address, and user information, which would be stored with the settings."""
        for url in urls:
            if not url.startswith(("http://", "https://")) or url.count("://") != 1:
                raise ValueError(f"{url!r} is no address: give one such as http://127.0.0.1:8000/v1")
            if "@" in url or "?" in url:
                raise ValueError(
                    "an address holds no key or password: put the key into api_key_env's variable"
                )
        return tuple(url.rstrip("/") for url in urls)

    def identity(self) -> str:
        """All that a text depends on besides prompt, sampling and seed: not where the model runs."""
        values = self.model_dump(mode="json", include={"model", "api", "log_probs", "omit", "extra"})
        return json.dumps(values, sort_keys=True)

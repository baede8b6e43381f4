"""The settings of fusion: how the matchers' scores become one list."""

from typing import Literal

from pydantic import Field, field_validator

from tasks.settings.rule_conflicts import AsWritten, contradiction, today
from tasks.settings.rules import Rule
from tasks.settings.section import Section


class Fusion(Section):
    """How the matchers' scores become one list."""

    normaliser: Literal["zscore", "min_max", "rank", "sigmoid", "auto"] = "zscore"
    """How a user's scores are put on one scale, over the candidate union; "auto": the best out of fold."""
    method: Literal["weighted", "reciprocal_rank", "gated", "ranker", "auto"] = "auto"
    """How they become one score; "auto": weighted, unless another one is surely better out of fold."""
    trials: int = Field(default=200, ge=2)
    """Optuna trials of each weight search."""
    max_diversity: float = Field(default=0.8, ge=0, le=1)
    """The search tries diversity dials from 0 to this."""
    max_ndcg_loss: float = Field(default=0.05, ge=0, lt=1)
    """The most varied point is published within this share of the best NDCG; 0 is the most accurate one."""
    diverse_catalogue_ratio: float = Field(default=1.3, ge=0)
    """A second, diverse point has so many times the effective catalogue of the best single matcher..."""
    diverse_ild_ratio: float = Field(default=1.12, ge=0)
    """... and so many times its diversity within a list, both on validation."""
    list_length: int = Field(default=100, ge=1, le=1000)
    """How many items are published per user: the longest list that can be asked for."""
    reranker: Literal["mmr", "dpp", "calibrated"] = "dpp"
    """How lists are made diverse."""
    category_cap: int = Field(default=0, ge=0, le=1000)
    """At most so many items of one category, as long as the best 100 have others; 0 is no cap."""
    promote: Literal["when_better", "always", "never"] = "when_better"
    """When a search replaces the fusion model of the lists: "when_better" (surely), "always", "never"."""
    max_list_age_hours: float = Field(default=36.0, ge=0)
    """Published lists that no run has renewed, or found up to date, for so long raise an alert; 0: never."""

    rules: tuple[Rule, ...] = ()
    """What published lists must not hold, and what is moved in them."""

    @field_validator("rules")
    @classmethod
    def _check_rules(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        if why := contradiction(rules, AsWritten(), today()):
            raise ValueError(why)
        return rules

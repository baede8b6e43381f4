"""Settings of matching: which matchers there are, what all share, and the section of each."""

from typing import Literal

from pydantic import Field, field_validator

from tasks.settings import matchers as sections
from tasks.settings.renamed import renamed_matcher
from tasks.settings.section import Section


class Matching(Section):
    """The matchers and what they are fitted with."""

    matchers: tuple[str, ...] = Field(
        default=(
            *("cosine_max", "cosine_mean", "ease", "ease_plain", "ials"),
            *("popularity", "inverse_popularity", "sasrec", "slit", "two_tower"),
        ),
        min_length=1,
    )
    """Which matchers score every user."""
    adapt: Literal["auto", "on", "off"] = "auto"
    """Whether settings that you do not give are adapted to the data; "auto": but for movielens-100k."""
    adapt_minutes: float = Field(default=3.0, gt=0)
    """What the search for them may take on two free processors, by an estimate of its work."""
    adapt_change: float = Field(default=0.5, gt=0)
    """They are searched anew once users, items or events have changed by more than this share."""
    adapt_anew: bool = False
    """Search them anew in any case: what `polyrec run --adapt` sets."""
    least_share: float = Field(default=0.5, ge=0, le=1)
    """Adaptation leaves out a trained matcher whose NDCG is below this share of the best one's."""
    candidates: int = Field(default=100, ge=10)
    """Each matcher proposes so many items per user; the union is scored by all."""
    block_users: int = Field(default=128, ge=1)
    """Users scored at once: bounds the memory of scoring."""
    search_texts: int = Field(default=200_000, ge=1)
    """From so many texts on, cosine's best items are searched for in blocks: exactly, in bounded memory."""
    ann_texts: int = Field(default=2_000_000, ge=1)
    """From so many texts on, they are looked up in an approximate index."""
    ann_recall: float = Field(default=0.95, gt=0, le=1)
    """Share of the exact best candidates that the index must find, measured when it is made."""
    ease: sections.EaseSettings = sections.EaseSettings()
    popularity: sections.PopularitySettings = sections.PopularitySettings()
    slit: sections.SlitSettings = sections.SlitSettings()
    search_keyword: sections.SearchKeywordSettings = sections.SearchKeywordSettings()
    search_semantic: sections.SearchSemanticSettings = sections.SearchSemanticSettings()
    cosine: sections.CosineSettings = sections.CosineSettings()
    cosine_attention: sections.CosineAttentionSettings = sections.CosineAttentionSettings()
    content_knn: sections.ContentKnnSettings = sections.ContentKnnSettings()
    two_tower: sections.TwoTowerSettings = sections.TwoTowerSettings()
    factor_map: sections.FactorMapSettings = sections.FactorMapSettings()
    ease_plain: sections.PlainEaseSettings = sections.PlainEaseSettings()
    infinite_ae: sections.InfiniteAeSettings = sections.InfiniteAeSettings()
    ials: sections.IalsSettings = sections.IalsSettings()
    category_popularity: sections.CategoryPopularitySettings = sections.CategoryPopularitySettings()
    sasrec: sections.SasrecSettings = sections.SasrecSettings()
    relevance: sections.RelevanceSettings = sections.RelevanceSettings()
    relevance_student: sections.RelevanceStudentSettings = sections.RelevanceStudentSettings()
    cross_encoder: sections.CrossEncoderSettings = sections.CrossEncoderSettings()
    external: tuple[sections.ExternalSettings, ...] = ()

    @field_validator("matchers")
    @classmethod
    def _check_matchers(cls, matchers: tuple[str, ...]) -> tuple[str, ...]:
        if told := next(filter(None, map(renamed_matcher, matchers)), None):
            raise ValueError(told)
        return matchers

    @field_validator("external")
    @classmethod
    def _check_names(
        cls, external: tuple[sections.ExternalSettings, ...]
    ) -> tuple[sections.ExternalSettings, ...]:
        names = [one.name for one in external]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two external models are called {twice[0]!r}; give each a name of its own")
        return external

    @property
    def chosen_external(self) -> tuple[sections.ExternalSettings, ...]:
        """Those that are among the matchers."""
        return tuple(one for one in self.external if one.name in self.matchers)

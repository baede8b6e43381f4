"""Settings of matching: which matchers there are, what all share, and the section of each."""

from pydantic import Field, field_validator

from tasks.settings import matchers as of
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
    ease: of.EaseSettings = of.EaseSettings()
    popularity: of.PopularitySettings = of.PopularitySettings()
    slit: of.SlitSettings = of.SlitSettings()
    search_keyword: of.SearchKeywordSettings = of.SearchKeywordSettings()
    search_semantic: of.SearchSemanticSettings = of.SearchSemanticSettings()
    cosine: of.CosineSettings = of.CosineSettings()
    cosine_attention: of.CosineAttentionSettings = of.CosineAttentionSettings()
    content_knn: of.ContentKnnSettings = of.ContentKnnSettings()
    two_tower: of.TwoTowerSettings = of.TwoTowerSettings()
    factor_map: of.FactorMapSettings = of.FactorMapSettings()
    ease_plain: of.PlainEaseSettings = of.PlainEaseSettings()
    infinite_ae: of.InfiniteAeSettings = of.InfiniteAeSettings()
    ials: of.IalsSettings = of.IalsSettings()
    category_popularity: of.CategoryPopularitySettings = of.CategoryPopularitySettings()
    sasrec: of.SasrecSettings = of.SasrecSettings()
    relevance: of.RelevanceSettings = of.RelevanceSettings()
    relevance_student: of.RelevanceStudentSettings = of.RelevanceStudentSettings()
    cross_encoder: of.CrossEncoderSettings = of.CrossEncoderSettings()
    external: tuple[of.ExternalSettings, ...] = ()

    @field_validator("matchers")
    @classmethod
    def _check_matchers(cls, matchers: tuple[str, ...]) -> tuple[str, ...]:
        if told := next(filter(None, map(renamed_matcher, matchers)), None):
            raise ValueError(told)
        return matchers

    @field_validator("external")
    @classmethod
    def _check_names(cls, external: tuple[of.ExternalSettings, ...]) -> tuple[of.ExternalSettings, ...]:
        names = [one.name for one in external]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two external models are called {twice[0]!r}; give each a name of its own")
        return external

    @property
    def chosen_external(self) -> tuple[of.ExternalSettings, ...]:
        """Those that are among the matchers."""
        return tuple(one for one in self.external if one.name in self.matchers)

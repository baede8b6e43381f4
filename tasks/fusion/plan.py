"""What the weight search is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.fusion.points import Ratios, Trial, most_accurate, most_diverse
from tasks.fusion.rerank_head import RerankContext
from tasks.settings.fusion import Fusion


@dataclass(frozen=True)
class Plan:
    """What is searched, and how points are chosen."""

    k: int
    """Length of the lists that trials are evaluated by."""
    trials: int
    """Of each of the searches."""
    max_diversity: float
    """The dial is tried from 0 to this."""
    max_ndcg_loss: float = 0.0
    """Of the published point, see `most_diverse`."""
    ratios: Ratios | None = None
    """Of the diverse point, see `most_accurate`; None: it is the published one."""
    method: str = "weighted"
    normaliser: str = "zscore"
    seed: int = 0
    """The same seed gives the same tuning."""

    @classmethod
    def of(cls, fusion: Fusion, k: int, seed: int) -> "Plan":
        """As the settings have it."""
        ratios = Ratios(fusion.diverse_catalogue_ratio, fusion.diverse_ild_ratio)
        asked = fusion.trials, fusion.max_diversity, fusion.max_ndcg_loss
        return cls(k, *asked, ratios, fusion.method, fusion.normaliser, seed)

    def published(self, trials: Sequence[Trial]) -> Trial:
        """The trial that is published."""
        return most_diverse(trials, self.max_ndcg_loss)

    def diverse(self, trials: Sequence[Trial]) -> Trial:
        """The trial for those who ask for diversity."""
        return self.published(trials) if self.ratios is None else most_accurate(trials, self.ratios)

    def caps(self, context: RerankContext) -> tuple[int, ...]:
        """Caps on a category that are tried: that of the settings, and half of a list, if that is stricter.

        A cap makes lists varied in themselves at less cost than the dial does. Where diversity is not asked
        for, or items have no categories, no other cap is tried.
        """
        asked, half = context.category_cap, max(1, self.k // 2)
        known = context.categories is not None and context.categories.n_categories > 0
        more = known and self.max_diversity > 0 and (asked == 0 or half < asked)
        return (asked, half) if more else (asked,)

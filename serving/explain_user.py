"""One user's candidates as the published fusion saw them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import polars as pl

from serving.lists import reranking_context
from serving.published import check_user, published_fusion
from tasks.arrays.types import Floats, Positions
from tasks.fusion.candidate_store import candidates_of_row
from tasks.fusion.candidates import Candidates
from tasks.fusion.model import FusionModel
from tasks.fusion.rerank import rerank
from tasks.fusion.rerank_head import RerankContext
from warehouse.columns import ITEM
from warehouse.errors import PolyrecError
from warehouse.snapshot import Snapshot


class NoCandidates(PolyrecError):
    """No model proposed anything to a user."""


@dataclass(frozen=True)
class UserFusion:
    """The candidates of a user, fused again from the scores that were kept: nothing is fitted or searched."""

    snapshot: Snapshot
    user_id: str
    item_ids: list[str]
    """C, ascending."""
    candidates: Candidates
    """Of this one user; item codes are places among the ids."""
    model: FusionModel

    @classmethod
    def read(cls, snapshot: Snapshot, user_id: str) -> Self:
        """Read what was kept with the publication.

        Raises:
            PolyrecError: the user is unknown.
            NoCandidates: the user has none.
        """
        check_user(snapshot, user_id)
        rows = snapshot.query("candidates_of_user", user_id=user_id)
        if rows.is_empty():
            raise NoCandidates(
                f"user {user_id!r} has no candidates: no model proposed anything, or lists were published "
                "before the user came; look again after the next `polyrec run`"
            )
        item_ids, candidates = candidates_of_row(rows.row(0, named=True))
        model = FusionModel.from_record(published_fusion(snapshot))
        return cls(snapshot, user_id, item_ids, candidates, model)

    @property
    def matchers(self) -> tuple[str, ...]:
        """The M names."""
        return self.candidates.matchers

    @cached_property
    def normalised(self) -> Floats:
        """(C, M)."""
        return self.model.normaliser(self.candidates)[0]

    @cached_property
    def scores(self) -> Floats:
        """(C,) fused."""
        return self.model.scores(self.candidates)[0]

    def contributions(self, column: int) -> dict[str, float]:
        """What each model adds to the score of a candidate."""
        row = np.zeros(1, dtype=np.int64)
        parts = self.model.contributions(self.candidates, row, np.array([column]))[0]
        return dict(zip(self.matchers, parts.tolist(), strict=True))

    def place_by_score(self, column: int) -> int:
        """The place of a candidate among all, 1 for the highest score; equals stand by their codes."""
        before = self.scores[:column] >= self.scores[column]
        after = self.scores[column + 1 :] > self.scores[column]
        return 1 + int(before.sum() + after.sum())

    def own_ranks(self, column: int) -> dict[str, int | None]:
        """The place of a candidate by each model alone; None where a model tells no two candidates apart."""
        scores = self.candidates.scores[0]
        ranks = 1 + (scores > scores[column]).sum(axis=0)  # (M,)
        tells = np.ptp(scores, axis=0) > 0
        return {
            name: int(rank) if told else None
            for name, rank, told in zip(self.matchers, ranks, tells, strict=True)
        }

    @cached_property
    def _context(self) -> RerankContext:
        """What the published lists are re-ranked by."""
        return reranking_context(self.snapshot, self.user_id, pl.Series(ITEM, self.item_ids))

    def lists(self, scores: Floats, k: int) -> Positions:
        """(S, k) places among the candidates: lists by scores (S, C), re-ranked as the published ones."""
        items = np.broadcast_to(self.candidates.items, scores.shape)
        context = self._context.of(np.zeros(len(scores), dtype=np.int64))
        return rerank(scores, items, context, self.model.diversity, k)

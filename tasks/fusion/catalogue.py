"""What the steps of fusion read of the warehouse: codes, vectors, candidates, lists' validation."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from tasks.arrays.codes import category_matrix, codes, interaction_matrix, text_tensor
from tasks.arrays.types import Codes, Floats
from tasks.fusion.candidates import Candidates
from tasks.fusion.objective import Validation
from tasks.fusion.rerank_head import RerankContext
from tasks.fusion.similarity import mean_text_vectors
from tasks.fusion.user_features import user_features
from tasks.items.recommendable import recommendable_items, relevant_events
from tasks.run.stage import StageRun
from warehouse.columns import HISTORY_OF_FIT, ITEM, RANK, TIME, TRAIN, USER, VALIDATION

USERS_AT_ONCE = 2048  # whose rows are pivoted together: bounds memory


@dataclass(frozen=True)
class Catalogue:
    """Codes and vectors that every step of fusion needs."""

    user_ids: list[str]
    item_ids: list[str]
    categories: np.ndarray
    recommendable: np.ndarray
    """(N,) bool: which items lists for validation may hold."""
    vectors: np.ndarray
    """(N, D) of the items' texts."""

    @classmethod
    def read(cls, run: StageRun) -> "Catalogue":
        """Read items, users and the live texts' vectors."""
        items = run.warehouse.query("items")
        item_ids = items[ITEM].to_list()
        vectors = mean_text_vectors(text_tensor(run.warehouse.query("live_text_vectors"), item_ids))
        categories, _ = category_matrix(items["categories"].to_list())
        return cls(
            run.warehouse.query("users")[USER].to_list(),
            item_ids,
            categories,
            recommendable_items(run.warehouse, run.settings, TRAIN),
            vectors,
        )

    def context(self, run: StageRun, fit: str, reranker: str, category_cap: int) -> RerankContext:
        """What re-ranking of a fit's lists goes by, for all users."""
        history = interaction_matrix(_events(run, fit), self.user_ids, self.item_ids)
        return RerankContext.assemble(
            self.vectors, self.categories, history, reranker=reranker, category_cap=category_cap
        )

    def user_features(self, run: StageRun, fit: str) -> Floats:
        """(U, F) what a fit knows of all users."""
        events = _events(run, fit)
        return user_features(
            len(self.user_ids),
            codes(events[USER], self.user_ids),
            codes(events[ITEM], self.item_ids),
            events[TIME].to_numpy().astype(np.int64),
            self.vectors,
        )

    def candidates(self, run: StageRun, fit: str, matchers: Iterable[str]) -> Candidates:
        """The candidates of a fit with the scores of some matchers."""
        names, blocks = list(matchers), list[Candidates]()
        for start in range(0, max(1, len(self.user_ids)), USERS_AT_ONCE):
            some = self.user_ids[start : start + USERS_AT_ONCE] or [""]
            of_users = {"first": some[0], "last": some[-1]}
            rows = run.warehouse.query("scores_of_users", fit=fit, matchers=names, **of_users)
            blocks.append(Candidates.from_frame(rows, self.user_ids, self.item_ids, names))
        found = Candidates.joined(blocks)
        return found.with_user_features(self.user_features(run, fit))

    def relevant(self, run: StageRun) -> csr_array:
        """(U, N) bool: validation events that lists can be right about."""
        events = relevant_events(run.warehouse, run.settings, VALIDATION)
        return interaction_matrix(events, self.user_ids, self.item_ids)

    def validation(self, run: StageRun) -> Validation:
        """What lists of the settings' re-ranker are validated against."""
        fusion = run.settings.fusion
        context = self.context(run, TRAIN, fusion.reranker, fusion.category_cap)
        return Validation(self.relevant(run), self.user_ids, self.categories, context, self.recommendable)

    def rows(self, users: np.ndarray, items: Codes) -> pl.DataFrame:
        """Lists of users (U,), items (U, k) -1 padded, as rows: user_id, rank, item_id."""
        row, place = np.nonzero(items >= 0)
        return pl.DataFrame(
            {
                USER: pl.Series(self.user_ids, dtype=pl.String).gather(users[row]),
                RANK: (place + 1).astype(np.int32),
                ITEM: pl.Series(self.item_ids, dtype=pl.String).gather(items[row, place]),
            }
        )


def _events(run: StageRun, fit: str) -> pl.DataFrame:
    """What a fit knows of users' past."""
    parts = list(HISTORY_OF_FIT[fit])
    return run.warehouse.query("fit_interactions", protocol=run.settings.data.protocol, parts=parts)

"""A part and the fit that its lists come from, to fuse again what one part of the job is changed in.

Nothing else differs: interests, other matchers, the split, the search's seed and trials are the same. The
warehouse is read once, then let go of, since searching takes minutes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tasks.arrays.codes import codes
from tasks.arrays.types import Codes, Floats, Vectors
from tasks.evaluation.truth import read_truth
from tasks.fusion.candidates import Candidates
from tasks.fusion.model import WEIGHTED, FusionModel
from tasks.fusion.objective import Validation
from tasks.fusion.plan import Plan
from tasks.fusion.points import Trial
from tasks.fusion.rerank_head import RerankContext
from tasks.fusion.similarity import mean_text_vectors
from tasks.fusion.tuning import FEWEST_USERS, Tuning, tune
from tasks.fusion.user_features import user_features
from tasks.items.recommendable import FIT_OF_PART
from tasks.matching.contract import Matcher
from tasks.matching.data import Fit, read_fit
from tasks.matching.registry import build
from tasks.matching.retrieve import Retrieval
from tasks.metrics.evaluator import Evaluation, Truth, evaluate_lists
from tasks.run.adaptation import kept_choice
from tasks.run.stage import data_fingerprint
from tasks.settings import Settings
from tasks.settings.adaptation import adapted
from warehouse.columns import ITEM, MATCHER, SCORE, USER, VALIDATION
from warehouse.connection import Warehouse, writing
from warehouse.errors import PolyrecError, WarehouseError
from warehouse.forgetting import exists


@dataclass(frozen=True)
class Source:
    """A finished warehouse that is open, and which data set and split it holds."""

    warehouse: Warehouse
    data: str
    """Fingerprint of the data set."""
    split_hash: str
    settings: Settings
    """As the last adaptation to the data has them."""


@contextmanager
def reading(settings: Settings, purpose: str) -> Iterator[Source]:
    """Open the warehouse; refuse one without data, or a protocol by which nothing is split yet."""
    if not exists(settings.data_folder):
        raise WarehouseError(f"there is no data yet in {settings.data_folder}; run `polyrec run`")
    with writing(settings.data_folder, purpose, settings.lock_timeout_s) as warehouse:
        split = warehouse.query("split_parts")
        if settings.data.protocol not in split["protocol"]:
            raise PolyrecError(
                f"events are not split by the protocol {settings.data.protocol}; run all stages: polyrec run"
            )
        settings = adapted(settings, kept_choice(warehouse))
        yield Source(warehouse, data_fingerprint(warehouse), split["split_hash"][0], settings)


def read_window(warehouse: Warehouse, settings: Settings, fit: str) -> Fit:
    """Read a fit for which all stages up to embedding have run."""
    if warehouse.query("user_vectors", fit=fit).is_empty():
        raise PolyrecError(f"no user has interests of the fit {fit}; run all stages: polyrec run")
    return read_fit(warehouse, settings, fit)


def too_few_users(users: int) -> PolyrecError:
    """What a study says that is asked for by so few users of validation."""
    return PolyrecError(
        f"users who can be judged on validation: {users}; it takes {FEWEST_USERS}: one to choose by, another "
        "to evaluate on; deliver more events, set another [data] protocol, or loosen [catalogue] or "
        "min_value in [evaluation]"
    )


class Window:
    """A part and the fit that its lists come from, with all that does not depend on texts.

    Args:
        fit: nothing is fitted yet.
        truth: of the part, whose V users are evaluated.
        user_ids: of these users, the rows of `truth`.
        settings: of the run.
    """

    def __init__(self, fit: Fit, truth: Truth, user_ids: Sequence[str], settings: Settings) -> None:
        self.fit, self.truth, self.settings = fit, truth, settings
        self.users = codes(pl.Series(USER, user_ids, dtype=pl.String), fit.user_ids)

    @classmethod
    def read(cls, warehouse: Warehouse, settings: Settings, part: str) -> "Window":
        """Read a part, its fit and its users' interests."""
        truth, user_ids, _ = read_truth(warehouse, settings, part)
        if part == VALIDATION and len(user_ids) < FEWEST_USERS:
            raise too_few_users(len(user_ids))
        return cls(read_window(warehouse, settings, FIT_OF_PART[part]), truth, user_ids, settings)

    @cached_property
    def _others(self) -> dict[str, Matcher]:
        """The matchers that read no texts, fitted once for all variants."""
        matching = self.settings.matching
        built = {name: build(name, matching) for name in matching.matchers}
        others = {name: one for name, one in built.items() if not one.reads_texts}
        for matcher in others.values():
            matcher.fit(self.fit.data)
        return others

    @cached_property
    def relevant(self) -> csr_array:
        """(U, N) bool over all users."""
        return self._of_all(self.truth.relevant)

    def _of_all(self, of_users: csr_array) -> csr_array:
        """(U, N) bool over all users of the evaluated users' (V, N)."""
        rows, items = of_users.nonzero()
        shape = (len(self.fit.user_ids), len(self.fit.item_ids))
        matrix = csr_array((np.ones(len(rows), dtype=bool), (self.users[rows], items)), shape=shape)
        matrix.sort_indices()
        return matrix

    def candidates(self, vectors: Vectors | None) -> Candidates:
        """What every matcher thinks of the evaluated users' candidates, texts having these vectors."""
        names = self.settings.matching.matchers
        matchers = [matcher for name in names if (matcher := self._matcher(name, vectors))]
        return self.pivoted(self.proposed(matchers), [matcher.name for matcher in matchers])

    def proposed(self, matchers: Sequence[Matcher], seconds: dict[str, float] | None = None) -> pl.DataFrame:
        """Candidates by fitted matchers: user and item codes, matcher, score, own_rank.

        When `seconds` is given, each matcher's scoring time is added under its name.
        """
        matching = self.settings.matching
        retrieval = Retrieval(
            matchers,
            self.fit.data,
            matching.block_users,
            matching.candidates,
            self.truth.recommendable,
            seconds={} if seconds is None else seconds,
        )
        return pl.concat(list(retrieval.candidates(self.users)))

    def pivoted(self, found: pl.DataFrame, names: Sequence[str]) -> Candidates:
        """Rows by code (user, item, matcher, score) as candidates, matchers in this order."""
        rows = found.select(
            pl.Series(USER, pl.Series(self.fit.user_ids, dtype=pl.String).gather(found["user"])),
            pl.Series(ITEM, pl.Series(self.fit.item_ids, dtype=pl.String).gather(found["item"])),
            pl.col("matcher").alias(MATCHER),
            pl.col("score").alias(SCORE),
        )
        return Candidates.from_frame(rows, self.fit.user_ids, self.fit.item_ids, names)

    def _matcher(self, name: str, vectors: Vectors | None) -> Matcher | None:
        if name in self._others:
            return self._others[name]
        if vectors is None:
            return None
        matcher = build(name, self.settings.matching)
        matcher.fit(replace(self.fit.data, text_vectors=vectors))
        return matcher

    def context(self, vectors: Vectors | None) -> RerankContext:
        """What re-ranking goes by: texts, or content if they are left out, and the tastes of users."""
        content, categories, fusion = self.truth.vectors, self.truth.categories, self.settings.fusion
        assert content is not None
        return RerankContext.assemble(
            mean_text_vectors(content[:, None] if vectors is None else vectors),
            categories,
            self._of_all(self.truth.history),
            reranker=fusion.reranker,
            category_cap=fusion.category_cap,
        )

    def search(
        self,
        candidates: Candidates,
        context: RerankContext,
        publish: bool,
        on_trial: Callable[[str, Trial], None] | None = None,
    ) -> Tuning:
        """Search the weights as fusion does, with the same seed and trials.

        Where methods are to be compared it is the weighted sum, so that what is left out counts alone.
        """
        fusion = self.settings.fusion
        if fusion.method == "auto":
            fusion = fusion.model_copy(update={"method": WEIGHTED})
        truth = self.truth
        validation = Validation(
            self.relevant, self.fit.user_ids, truth.categories, context, truth.recommendable
        )
        plan = Plan.of(fusion, truth.k, self.settings.seed)
        return tune(self._with_features(candidates), validation, plan, on_trial=on_trial, publish=publish)

    def evaluate(self, users: NDArray[np.int64], lists: Codes) -> Evaluation:
        """Evaluate lists (U', k) of some users; a user of this part without one has an empty list."""
        items = np.full((len(self.users), self.truth.k), -1, dtype=np.int32)
        items[np.searchsorted(self.users, users)] = lists
        return evaluate_lists(items, self.truth)

    def evaluate_model(
        self, candidates: Candidates, context: RerankContext, model: FusionModel
    ) -> Evaluation:
        """Evaluate the lists that a fusion chosen elsewhere gives here."""
        lists = model.lists(self._with_features(candidates), context, self.truth.k)
        return self.evaluate(candidates.users, lists)

    def _with_features(self, candidates: Candidates) -> Candidates:
        return candidates.with_user_features(self._features)

    @cached_property
    def _features(self) -> Floats:
        """(U, F) of all users, by the fit's own texts whatever texts a variant has."""
        data = self.fit.data
        vectors = mean_text_vectors(data.text_vectors)
        return user_features(len(self.fit.user_ids), data.user, data.item, data.time, vectors)

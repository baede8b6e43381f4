"""Lists for people whom no fit knows: from a query, a profile, or the items that they just chose.

Nothing is learned and nothing is written: the matchers that the last run fitted score visitors as they score
users.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from serving.lists import DIVERSE, Dial, check_reranking
from serving.published import AGAIN, fitted_matchers, published_fusion, unknown_items
from serving.sentences import sentence
from serving.shortness import why_short
from tasks.arrays.codes import category_matrix
from tasks.arrays.types import Flags, Floats
from tasks.embedding.interests import Histories, interest_vectors
from tasks.fusion.candidates import Candidates
from tasks.fusion.model import LEARNED, FusionModel, Point
from tasks.fusion.nearest import Likeness
from tasks.fusion.rerank_head import RerankContext, tastes
from tasks.fusion.similarity import mean_text_vectors
from tasks.fusion.user_features import user_features
from tasks.items.item import Item
from tasks.matching.contract import FloatArray, IntArray, Matcher, VisitorBatch
from tasks.matching.retrieve import top_items
from tasks.matching.saved import Manifest, load_matchers
from tasks.matching.search_semantic import SearchSemantic
from tasks.rules.book import read_rules
from tasks.settings import Settings
from warehouse.columns import ITEM, SLOT
from warehouse.errors import PolyrecError, WarehouseError
from warehouse.snapshot import Snapshot

KEYWORD, SEMANTIC, POPULARITY = "search_keyword", "search_semantic", "popularity"
VISITOR = np.array(-1)  # the user code of somebody of whom no rule knows anything


@dataclass(frozen=True)
class Visitor:
    """What is known of somebody."""

    history: Sequence[str] = ()
    """Ids of items, the latest last."""
    query: str | None = None
    """What they ask for."""
    profile: str | None = None
    """A text about them."""


class Visitors:
    """Loaded once, it answers any number of visitors, one after the other."""

    def __init__(
        self,
        snapshot: Snapshot,
        settings: Settings,
        manifest: Manifest,
        matchers: Mapping[str, Matcher],
    ) -> None:
        """Get one from `load`."""
        self._snapshot, self._settings = snapshot, settings
        self._item_ids = manifest.item_ids
        book = read_rules(snapshot, settings, manifest.recommendable)
        self._allowed = book.allowed(VISITOR, np.arange(len(manifest.item_ids)))
        self._code = {item_id: code for code, item_id in enumerate(manifest.item_ids)}
        self._matchers = dict(matchers)
        semantic = matchers[SEMANTIC]
        assert isinstance(semantic, SearchSemantic)
        self._semantic = semantic
        fusion = published_fusion(snapshot)
        self._categories, _ = category_matrix(snapshot.query("items")["categories"].to_list())
        self._vectors = mean_text_vectors(semantic.text_vectors.swapaxes(0, 1))
        self._likeness = Likeness(self._vectors, semantic.directions)
        self._context = RerankContext.assemble(
            self._vectors,
            self._categories,
            reranker=fusion["reranker"],
            category_cap=fusion["category_cap"],
            table_items=0,
        )
        self._model = FusionModel.from_record(fusion)

    @classmethod
    def load(cls, snapshot: Snapshot, settings: Settings) -> "Visitors":
        """Read the matchers that go with what is published; the snapshot must stay open.

        Raises:
            WarehouseError: the saved matchers are not there, or not those of the publication.
        """
        folder, manifest = fitted_matchers(snapshot, settings)
        model = FusionModel.from_record(published_fusion(snapshot))
        needed = {KEYWORD, SEMANTIC, POPULARITY, *(model.ranker.matchers if model.ranker else ())}
        names = sorted({*needed, *set(model.matchers) & set(manifest.matchers)})
        if missing := [name for name in names if name not in manifest.matchers]:
            raise WarehouseError(f"matcher {missing[0]} is not among those saved in {folder}; {AGAIN}")
        return cls(snapshot, settings, manifest, load_matchers(folder, names))

    def recommend(
        self, visitor: Visitor, k: int = 10, diversity: Dial = None, reranker: str | None = None
    ) -> dict[str, Any]:
        """A list of k items, or as many as there are (`note` says why), with its reasons.

        Dial (0 to 1) and re-ranker are those of the published fusion when None; "diverse" is the dial of its
        diverse point, with the weights that go with it.

        Raises:
            PolyrecError: nothing is known, an item is not in the catalogue, k or dial is out of range, or
                there is no such re-ranker.
        """
        start = perf_counter()
        check_reranking(diversity, reranker)
        history = self._check(visitor, k)
        interests, wanted = self._directions(visitor, history)
        batch = VisitorBatch(history, np.array([0, len(history)]), interests[None], [visitor.query or ""])
        model = self._model_for(visitor, diverse=diversity == DIVERSE)
        if diversity is not None and diversity != DIVERSE:
            model = replace(model, diversity=diversity)
        found = self._candidates(batch, model.matchers)
        total = model.scores(found)  # (1, C)
        context = self._context_of(history, reranker)
        places = model.reranked(total, found, context, min(k, max(total.shape[1], 1)))[0]
        places = places[places >= 0]
        parts = model.contributions(found, np.zeros_like(places), places)  # (k, M)
        items = found.items[0, places].astype(np.int64)
        left = int(self._open_to(history).sum())
        return {
            "visitor": {"query": visitor.query, "profile": visitor.profile},
            **self._told(items, history, total[0, places], parts, found.matchers, wanted),
            "note": why_short("this visitor", len(items), k, left),
            "milliseconds": round(1000 * (perf_counter() - start), 1),
        }

    def _told(
        self,
        items: IntArray,
        history: IntArray,
        scores: Floats,
        parts: Floats,
        matchers: Sequence[str],
        wanted: FloatArray,
    ) -> dict[str, Any]:
        """Items (k,) with scores (k,), contributions (k, M) and reasons, and the history (H,), latest first.

        The texts of reasons are those nearest to `wanted` (Q, D).
        """
        slots = self._semantic.nearest_slots(wanted, items)
        one = np.zeros(len(items) + len(history), dtype=np.int64)
        near = self._likeness.nearest(one[: len(items)], items, one[len(items) :], history)
        shown = self._shown([*items, *history])
        listed = []
        for at, item in enumerate(items):
            of_item = shown[item]
            said = of_item.reason(slots[at])
            of_matchers = dict(zip(matchers, parts[at].tolist(), strict=True))
            like = None if near[at] < 0 else shown[near[at]].head["title"]
            listed.append(
                {
                    "rank": at + 1,
                    "item_id": self._item_ids[item],
                    **of_item.head,
                    "score": float(scores[at]),
                    "contributions": dict(sorted(of_matchers.items(), key=lambda entry: -entry[1])),
                    **said,
                    "reason": sentence(of_matchers, said["text"], like),
                }
            )
        past = [{"item_id": self._item_ids[item], **shown[item].head} for item in history[::-1]]
        return {"items": listed, "history": past}

    def _context_of(self, history: IntArray, reranker: str | None) -> RerankContext:
        """What a visitor's list is re-ranked by."""
        chosen = np.ones(len(history), dtype=bool), (np.zeros_like(history), history)
        taste = tastes(csr_array(chosen, shape=(1, len(self._item_ids))), self._categories)
        return replace(self._context, tastes=taste, reranker=reranker or self._context.reranker)

    def _check(self, visitor: Visitor, k: int) -> IntArray:
        """Refuse what cannot be answered; return the codes of the history, each once, at its latest place."""
        if k < 1:
            raise PolyrecError(f"k must be at least 1, got {k}; give another --k")
        for name, text in (("query", visitor.query), ("profile", visitor.profile)):
            if text is not None and not text.strip():
                raise PolyrecError(f"the {name} is empty; give --{name} some words")
        if not visitor.history and visitor.query is None and visitor.profile is None:
            raise PolyrecError("nothing is known of the visitor; give --query, --history or --profile")
        if unknown := [item_id for item_id in visitor.history if item_id not in self._code]:
            raise unknown_items(self._snapshot, dict.fromkeys(unknown))
        latest_first = dict.fromkeys(self._code[item_id] for item_id in reversed(visitor.history))
        return np.array(list(latest_first)[::-1], dtype=np.int64)

    def _directions(self, visitor: Visitor, history: IntArray) -> tuple[FloatArray, FloatArray]:
        """What the visitor is drawn to: interests (I, D), and what reasons are told by (Q, D).

        Interests are those of the history, as users have them, and the profile. Only where there is neither,
        the query stands for an interest: otherwise it would be counted as a taste and as a question.
        """
        embedding, n_events = self._settings.embedding, len(history)
        found, _ = interest_vectors(
            self._semantic.directions,
            Histories.of_one(history, np.arange(n_events), np.ones(n_events, dtype=np.float32)),
            embedding.interests,
            embedding.half_life_items,
            self._settings.seed,
        )
        said = self._semantic.directions_of([visitor.profile or "", visitor.query or ""])
        profile, query = said[:1], said[1:]
        interests = np.concatenate([found[0], profile])
        if not interests.any():
            interests = query
        return interests, np.concatenate([interests, query])

    def _model_for(self, visitor: Visitor, diverse: bool = False) -> FusionModel:
        """The published fusion with weights for this visitor, by the rule of docs/architecture/serving.md."""
        settings, model = self._settings.visitors, self._model.as_diverse if diverse else self._model
        asked = settings.query_weight if visitor.query else 0.0
        weights = {name: (1 - asked) * weight for name, weight in model.weights.items()}
        for name, share in ((KEYWORD, settings.keyword_share), (SEMANTIC, 1 - settings.keyword_share)):
            weights[name] = weights.get(name, 0.0) + asked * share
        if not visitor.history:
            weights[POPULARITY] = max(weights.get(POPULARITY, 0.0), (1 - asked) * settings.popularity_weight)
        needed = () if model.ranker is None else (LEARNED, *model.ranker.matchers)
        used = {name for name, weight in weights.items() if weight and name in self._matchers}
        kept = {name: weight for name, weight in weights.items() if name in needed or name in used}
        return model.at(Point(kept, model.diversity, model.category_cap))

    def _candidates(self, batch: VisitorBatch, matchers: Sequence[str]) -> Candidates:
        """The union of what matchers propose, scored by all; one that knows nothing proposes nothing.

        Where all know nothing, what is popular is proposed.
        """
        rows = {name: self._matchers[name].score_visitors(batch)[0] for name in matchers}  # N each
        allowed = self._open_to(batch.item)
        telling = [
            row
            for name, row in rows.items()
            if self._matchers[name].proposes and allowed.any() and np.ptp(row[allowed]) > 0
        ]
        telling = telling or [self._matchers[POPULARITY].score_visitors(batch)[0]]
        most = self._settings.matching.candidates
        proposed = [top_items(row[None], most, allowed[None])[0] for row in telling]
        items = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *proposed]))
        items = items[items >= 0]
        scores = np.stack([row[items] for row in rows.values()], axis=1)  # (C, M)
        nobody = np.zeros(1, dtype=np.int64)  # user 0, the only one
        when = np.zeros(len(batch.item), dtype=np.int64)  # just now, all of it
        features = user_features(1, when, batch.item, when, self._vectors)
        return Candidates(nobody, items[None].astype(np.int32), scores[None], tuple(rows), features)

    def _open_to(self, history: IntArray) -> Flags:
        """(N,) bool: items that may be shown and are not in a history (H,)."""
        allowed = self._allowed.copy()
        allowed[history] = False
        return allowed

    def _shown(self, items: Iterable[int]) -> dict[int, "Shown"]:
        """What is shown of items, by code."""
        rows = self._snapshot.query("items_with_texts", items=[self._item_ids[item] for item in items])
        return {
            self._code[str(item_id)]: Shown(of_item.to_dicts()) for (item_id,), of_item in rows.group_by(ITEM)
        }


class Shown:
    """What is shown of an item."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        """Take the item's rows, one a text."""
        self.head = {"title": Item.of(rows[0]).titled, "categories": rows[0]["categories"]}
        self._texts = {row[SLOT]: {"text": row["text"], "angle": row["angle"]} for row in rows}

    def reason(self, slot: int) -> dict[str, str | None]:
        """The text in a slot and its angle."""
        return self._texts.get(slot, {"text": None, "angle": None})


def item_ids(given: Sequence[str]) -> tuple[str, ...]:
    """Ids as they were given: one text separates them by commas; of several, each is an id.

    >>> item_ids(["50, 181"]), item_ids(["1,2", "50"]), item_ids([])
    (('50', '181'), ('1,2', '50'), ())
    """
    ids = tuple(item_id.strip() for item_id in given[0].split(",")) if len(given) == 1 else tuple(given)
    if not all(ids):
        raise PolyrecError(
            f"an id is missing in {','.join(given)!r}; give --history ids separated by commas, like 50,181"
        )
    return ids

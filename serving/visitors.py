"""Lists for people whom no fit knows: from a query, a profile, or the items that they just chose.

Nothing is learned and nothing is written: the matchers that the last run fitted score visitors as they score
users.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.lists import BadRequest
from serving.ruled import allowed_for_visitors
from tasks.content import titled
from tasks.embedding.interests import interest_vectors
from tasks.fusion.candidates import Candidates
from tasks.fusion.contributions import contributions, fused_scores
from tasks.fusion.lists import weight_vector
from tasks.fusion.normalise import zscore
from tasks.fusion.rerank import ItemSimilarity, mean_text_vectors, mmr
from tasks.matching.contract import FloatArray, IntArray, VisitorBatch, VisitorMatcher
from tasks.matching.retrieve import top_items
from tasks.matching.saved import Manifest, load_for_visitors, read_manifest
from tasks.matching.search_semantic import SearchSemantic
from tasks.settings import Settings
from warehouse.columns import ALL, ITEM, SLOT
from warehouse.errors import WarehouseError
from warehouse.snapshot import Snapshot

KEYWORD, SEMANTIC, POPULARITY = "search_keyword", "search_semantic", "popularity"
AGAIN = "make them again with `polyrec run`"


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
        matchers: Mapping[str, VisitorMatcher],
    ) -> None:
        """Get one from `load`."""
        self._snapshot, self._settings = snapshot, settings
        self._item_ids = manifest.item_ids
        self._allowed = allowed_for_visitors(snapshot, settings, manifest.recommendable)
        self._code = {item_id: code for code, item_id in enumerate(manifest.item_ids)}
        self._matchers = dict(matchers)
        semantic = matchers[SEMANTIC]
        assert isinstance(semantic, SearchSemantic)
        self._semantic = semantic
        self._similarity = ItemSimilarity(
            mean_text_vectors(semantic.text_vectors.swapaxes(0, 1)), table_items=0
        )
        published = snapshot.query("current_publication").row(0, named=True)
        self._weights: dict[str, float] = json.loads(published["weights"])
        self._diversity: float = published["diversity"]

    @classmethod
    def load(cls, snapshot: Snapshot, settings: Settings) -> "Visitors":
        """Read the matchers that go with what is published.

        Args:
            snapshot: what is published; it must stay open.
            settings: of the project.

        Raises:
            WarehouseError: the saved matchers are not there, or not those of the publication.
        """
        folder = settings.data_folder / "matchers" / ALL
        manifest = read_manifest(folder)
        if manifest is None:
            raise WarehouseError(f"no fitted matchers in {folder}; {AGAIN}")
        _check_same(snapshot, manifest, folder)
        weights = json.loads(snapshot.query("current_publication")["weights"][0])
        names = sorted({*weights, KEYWORD, SEMANTIC, POPULARITY})
        if missing := [name for name in names if name not in manifest.matchers]:
            raise WarehouseError(f"matcher {missing[0]} is not among those saved in {folder}; {AGAIN}")
        return cls(snapshot, settings, manifest, load_for_visitors(folder, names))

    def recommend(self, visitor: Visitor, k: int = 10, diversity: float | None = None) -> dict[str, Any]:
        """A list with its reasons.

        Args:
            visitor: what is known.
            k: how many items.
            diversity: of the re-ranking, 0 to 1; that of the published fusion when None.

        Raises:
            BadRequest: nothing is known, an item is not in the catalogue, or k or diversity is out of range.
        """
        start = perf_counter()
        history = self._check(visitor, k, diversity)
        interests, wanted = self._directions(visitor, history)
        batch = VisitorBatch(history, np.array([0, len(history)]), interests[None], [visitor.query or ""])
        weights = self._weights_for(visitor)
        found = self._candidates(batch, weights)
        dial = self._diversity if diversity is None else diversity
        vector, normalised = weight_vector(found, weights), zscore(found.scores, found.present)
        parts = contributions(normalised, vector)  # (1, C, M)
        total = fused_scores(normalised, vector)  # (1, C)
        places = mmr(total, found.items, self._similarity, dial, k)[0]
        places = places[places >= 0]
        items = found.items[0, places].astype(np.int64)
        slots = self._semantic.nearest_slots(wanted, items)
        shown = self._shown([*items, *history])
        return {
            "visitor": {"query": visitor.query, "profile": visitor.profile},
            "items": [
                {
                    "rank": rank,
                    "item_id": self._item_ids[item],
                    **shown[self._item_ids[item]].head,
                    "score": float(total[0, place]),
                    "contributions": _largest_first(found.matchers, parts[0, place]),
                    **shown[self._item_ids[item]].reason(slot),
                }
                for rank, (item, place, slot) in enumerate(zip(items, places, slots, strict=True), start=1)
            ],
            "history": [
                {"item_id": self._item_ids[item], **shown[self._item_ids[item]].head}
                for item in history[::-1]
            ],
            "milliseconds": round(1000 * (perf_counter() - start), 1),
        }

    def _check(self, visitor: Visitor, k: int, diversity: float | None) -> IntArray:
        """Refuse what cannot be answered; return the codes of the history, each once, at its latest place."""
        if diversity is not None and not 0 <= diversity <= 1:
            raise BadRequest(f"diversity must be between 0 and 1, got {diversity}; give another --diversity")
        most = self._settings.matching.candidates
        if not 1 <= k <= most:
            raise BadRequest(
                f"k must be between 1 and {most}, got {k}; give another --k, or raise [matching] candidates"
            )
        for name, text in (("query", visitor.query), ("profile", visitor.profile)):
            if text is not None and not text.strip():
                raise BadRequest(f"the {name} is empty; give --{name} some words")
        if not visitor.history and visitor.query is None and visitor.profile is None:
            raise BadRequest("nothing is known of the visitor; give --query, --history or --profile")
        if unknown := [item_id for item_id in visitor.history if item_id not in self._code]:
            raise BadRequest(
                f"no item {unknown[0]!r} in the published catalogue; see the ids with `polyrec export`"
            )
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
            np.zeros(n_events, dtype=np.int64),
            history,
            np.arange(n_events),
            np.ones(n_events, dtype=np.float32),
            1,
            embedding.interests,
            embedding.half_life_items,
            self._settings.seed,
            are_centred=True,
        )
        said = self._semantic.directions_of([visitor.profile or "", visitor.query or ""])
        profile, query = said[:1], said[1:]
        interests = np.concatenate([found[0], profile])
        if not interests.any():
            interests = query
        return interests, np.concatenate([interests, query])

    def _weights_for(self, visitor: Visitor) -> dict[str, float]:
        """What each matcher weighs for this visitor: docs/architecture.md states the rule."""
        settings = self._settings.visitors
        asked = settings.query_weight if visitor.query else 0.0
        weights = {name: (1 - asked) * weight for name, weight in self._weights.items()}
        for name, share in ((KEYWORD, settings.keyword_share), (SEMANTIC, 1 - settings.keyword_share)):
            weights[name] = weights.get(name, 0.0) + asked * share
        if not visitor.history:
            weights[POPULARITY] = max(weights.get(POPULARITY, 0.0), (1 - asked) * settings.popularity_weight)
        return {name: weight for name, weight in weights.items() if weight and name in self._matchers}

    def _candidates(self, batch: VisitorBatch, weights: Mapping[str, float]) -> Candidates:
        """The union of what matchers propose, scored by all; one that knows nothing proposes nothing."""
        rows = {name: self._matchers[name].score_visitors(batch)[0] for name in weights}  # N each
        allowed = self._allowed.copy()
        allowed[batch.item] = False
        proposed = (
            [
                top_items(row[None], self._settings.matching.candidates, allowed[None])[0]
                for name, row in rows.items()
                if self._matchers[name].proposes and np.ptp(row[allowed]) > 0
            ]
            if allowed.any()
            else []
        )
        items = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *proposed]))
        items = items[items >= 0]
        scores = np.stack([row[items] for row in rows.values()], axis=1)  # (C, M)
        return Candidates(
            np.zeros(1, dtype=np.int64), items[None].astype(np.int32), scores[None], tuple(rows)
        )

    def _shown(self, items: Iterable[int]) -> dict[str, "Shown"]:
        """What is shown of items, by id."""
        rows = self._snapshot.query("items_with_texts", items=[self._item_ids[item] for item in items])
        return {str(item_id): Shown(of_item.to_dicts()) for (item_id,), of_item in rows.group_by(ITEM)}


class Shown:
    """What is shown of an item."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        """Take the item's rows, one a text."""
        self.head = {
            "title": titled(rows[0]["title"], rows[0]["year"]),
            "categories": rows[0]["categories"],
        }
        self._texts = {row[SLOT]: {"text": row["text"], "angle": row["angle"]} for row in rows}

    def reason(self, slot: int) -> dict[str, str | None]:
        """The text in a slot and its angle."""
        return self._texts.get(slot, {"text": None, "angle": None})


def item_ids(listed: str | None) -> tuple[str, ...]:
    """Ids out of a text that separates them by commas.

    >>> item_ids("50, 181"), item_ids(None)
    (('50', '181'), ())
    """
    if listed is None:
        return ()
    ids = tuple(item_id.strip() for item_id in listed.split(","))
    if not all(ids):
        raise BadRequest(
            f"an id is missing in {listed!r}; give --history ids separated by commas, like 50,181"
        )
    return ids


def _check_same(snapshot: Snapshot, manifest: Manifest, folder: Path) -> None:
    """Refuse matchers that were fitted on other data than the published lists."""
    models = snapshot.query("matcher_models", fit=ALL)
    same_fit = set(models["fingerprint"]) == {manifest.fingerprint}
    if not same_fit or snapshot.query("items")[ITEM].to_list() != manifest.item_ids:
        raise WarehouseError(
            f"the matchers in {folder} are not those of the published lists: a run is going on, or stopped "
            "before it published; wait for it, or finish it with `polyrec run`"
        )


def _largest_first(names: Sequence[str], parts: NDArray[np.float64]) -> dict[str, float]:
    """Contributions by matcher, the largest first."""
    return dict(sorted(zip(names, parts.tolist(), strict=True), key=lambda entry: -entry[1]))

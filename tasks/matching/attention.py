"""Cosine whose slots are weighed by learned attention: which of an item's texts a user listens to.

Attention as in Bahdanau et al., "Neural Machine Translation by Jointly Learning to Align and Translate",
ICLR 2015, over the K texts of an item in the place of words.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from tasks.arrays.vectors import centred, unit
from tasks.matching.contract import FloatArray, IntArray, TrainingData
from tasks.matching.cosine import TextCosine, similarities
from tasks.matching.deterministic import descend, deterministic
from tasks.matching.reductions import LOWEST, NONE, attended
from tasks.matching.training_prefixes import pasts, with_past
from tasks.matching.whitening import mapped
from tasks.settings.matchers import CosineAttentionSettings

EVENTS = 10_000  # events learned from at most: there are few parameters
REACH = 60  # events of a past: with the half-life below, older ones weigh next to nothing
HALF_LIFE_ITEMS = 15.0
NEGATIVES = 15
BATCH = 512
FIRST_SCALE = 10.0  # of cosines, as logits of which item it was; learned further


class CosineAttention(TextCosine[CosineAttentionSettings]):
    """The cosine with a softmax over slots in the place of a fixed reduction.

    Slot k of an item has the logit bias[k] + weight[k] . interest + slope * cosine; the score is the sum of
    the cosines weighed by the softmax of these. At first all are zero, which is the mean. Learned from events
    of the fit window: what the user had done before is one interest, and the item that came next should score
    higher than items drawn at random. Without item vectors, or without events that have a past, the mean
    stays.
    """

    name = "cosine_attention"

    def fit(self, data: TrainingData) -> None:
        """Lay the texts out, then learn what to listen to."""
        super().fit(data)
        n_slots, _, n_dimensions = self._arrays["texts"].shape
        learned = {
            "slot_bias": np.zeros(n_slots, dtype=np.float32),
            "slot_weight": np.zeros((n_slots, n_dimensions), dtype=np.float32),
            "slope": np.zeros(1, dtype=np.float32),
        }
        interests, cosines = self._examples(data.learned)
        if len(interests):
            learned = self._train(interests, cosines, data.seed)
        self._arrays |= learned

    def _reduced(
        self, interests: FloatArray, texts: FloatArray, there: NDArray[np.bool_], items: IntArray | None
    ) -> FloatArray:
        """Reduce over slots by attention: (R, N), -inf where an item has no text."""
        logits = list(self._slot_logits(interests))
        return attended(similarities(interests, texts, there), logits, float(self._array("slope")[0]))

    def _importance(self, interests: FloatArray, similarity: FloatArray) -> FloatArray:
        """The logits: (K, R, P)."""
        there = np.maximum(similarity, LOWEST)
        logits = self._slot_logits(interests)[:, :, None] + self._array("slope")[0] * there
        return np.where(similarity == NONE, NONE, logits)

    def _slot_logits(self, interests: FloatArray) -> FloatArray:
        """How much interests (R, D) listen to each slot: (K, R)."""
        return self._array("slot_weight") @ interests.T + self._array("slot_bias")[:, None]

    def _examples(self, data: TrainingData) -> tuple[FloatArray, FloatArray]:
        """Pasts as interests (M, D), and the cosines (M, 1 + NEGATIVES, K) of what came next and did not.

        A cosine is NaN where an item has no text in a slot.
        """
        texts, there = self._arrays["texts"], self._arrays["there"]  # (K, N, D), (K, N)
        described = np.flatnonzero(there.any(axis=0))
        events = with_past(data)
        events = events[np.isin(data.item[events], described)]
        rng = np.random.default_rng(data.seed)
        if len(events) > EVENTS:
            events = np.sort(rng.choice(events, EVENTS, replace=False))
        history = pasts(data, events, REACH).weighted(data, len(events), HALF_LIFE_ITEMS)
        directions = centred(data.item_vectors)
        interests = mapped(unit(np.asarray(history @ directions)), self._arrays.get("whitening"))
        kept = np.any(interests != 0, axis=1)
        events, interests = events[kept], interests[kept]
        if not len(events):
            return interests, np.zeros((0, 1 + NEGATIVES, len(texts)), dtype=np.float32)
        drawn = rng.choice(described, (len(events), NEGATIVES))
        items = np.column_stack([data.item[events], drawn])  # (M, 1 + NEGATIVES)
        cosines = np.empty((*items.shape, len(texts)), dtype=np.float32)
        for start in range(0, len(events), BATCH):
            part = slice(start, start + BATCH)
            for slot, of_slot in enumerate(texts):
                cosines[part, :, slot] = np.einsum("mnd,md->mn", of_slot[items[part]], interests[part])
        cosines[~there.T[items]] = np.nan
        return interests, cosines

    def _train(self, interests: FloatArray, cosines: FloatArray, seed: int) -> dict[str, FloatArray]:
        """Learn to tell what came next from what was drawn, by softmax cross-entropy over these items."""
        n_slots = cosines.shape[2]
        with deterministic(seed) as generator:
            queries, values = torch.from_numpy(interests), torch.from_numpy(cosines)
            missing = values.isnan()
            values = values.nan_to_num()
            # An item drawn without any text cannot occur: every row of slots has one that is there.
            bias = torch.zeros(n_slots, requires_grad=True)
            weight = torch.zeros(n_slots, interests.shape[1], requires_grad=True)
            slope = torch.zeros(1, requires_grad=True)
            scale = torch.full((1,), float(np.log(FIRST_SCALE)), requires_grad=True)
            optimiser = torch.optim.AdamW(
                [
                    {"params": [bias, weight, slope], "weight_decay": self.settings.weight_decay},
                    {"params": [scale], "weight_decay": 0.0},
                ],
                lr=self.settings.learning_rate,
            )
            for _ in range(self.settings.epochs):
                order = torch.randperm(len(queries), generator=generator)
                for chosen in order.split(BATCH):
                    logits = (queries[chosen] @ weight.T + bias)[:, None, :] + slope * values[chosen]
                    attention = torch.softmax(logits.masked_fill(missing[chosen], -torch.inf), dim=2)
                    scores = (attention * values[chosen]).sum(dim=2) * scale.exp()  # (B, 1 + NEGATIVES)
                    loss = functional.cross_entropy(scores, torch.zeros(len(chosen), dtype=torch.int64))
                    descend(optimiser, loss)
        return {
            "slot_bias": bias.detach().numpy(),
            "slot_weight": weight.detach().numpy(),
            "slope": slope.detach().numpy(),
        }

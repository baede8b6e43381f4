"""A small network that has learned a language model's relevance, cheap enough for all pairs.

Knowledge distillation (Hinton, Vinyals & Dean, 2015): the language model labels some thousand pairs of a user
and a text with their relevance, the student learns the labels from vectors.
"""

import numpy as np
import torch
from torch import nn

from tasks.arrays.vectors import centred, unit
from tasks.matching.base import ArrayMatcher
from tasks.matching.contract import FloatArray, IntArray, PairBatch, TrainingData, UserBatch, VisitorBatch
from tasks.matching.deterministic import descend, deterministic
from tasks.matching.training_data import RelevanceLabels
from tasks.settings.matchers import RelevanceStudentSettings

BATCH = 128


class RelevanceStudent(ArrayMatcher[RelevanceStudentSettings]):
    """Predicts the relevance of a text to a history from their vectors, and takes an item's K texts together.

    A history is the mean vector of the items that the language model was told of: as many of a user's last.
    Relevance is learned about each user's mean, since only differences between a user's items order a list.
    A score is 0 without labels, for a user without history and for an item without text.
    """

    name = "relevance_student"
    reads_texts = True
    of_users = ("latest",)

    def fit(self, data: TrainingData) -> None:
        """Learn from the labels, and lay out what is the same for all users."""
        texts = centred(data.text_vectors)  # (N, K, D)
        there = np.any(texts != 0, axis=-1)  # (N, K)
        n_texts = there.sum(axis=1, keepdims=True)
        own = centred(data.item_vectors)
        items = np.where(n_texts > 0, texts.sum(axis=1) / np.maximum(n_texts, 1), own)  # (N, D)
        labels = data.relevance_labels
        length = labels.context.shape[1] if labels is not None else 1
        self._arrays = {
            "n_users": np.array([data.n_users]),
            "items": items.astype(np.float32),
            "there": np.ascontiguousarray(there.T),  # (K, N)
            "latest": data.latest(length),
        }
        network = self._trained(texts, labels, data.seed)
        if network is None:
            return
        with torch.no_grad():
            text = network.text(torch.from_numpy(texts.swapaxes(0, 1).copy())).tanh()  # (K, N, d)
            of_user, of_text, of_both = network.hidden.weight.chunk(3, dim=1)
            arrays = {
                "user_weight": network.user.weight,
                "user_bias": network.user.bias,
                "text": text,
                "text_part": text @ of_text.T + network.hidden.bias,  # (K, N, h)
                "user_part": of_user,
                "both_part": of_both,
                "out": network.out.weight[0],
            }
            self._arrays |= {key: value.numpy().copy() for key, value in arrays.items()}

    def _trained(self, texts: FloatArray, labels: RelevanceLabels | None, seed: int) -> "_Network | None":
        """Return the network that learned the labels of texts (N, K, D) that are there."""
        if labels is None or not len(labels.value):
            return None
        kept = np.flatnonzero(self._array("there")[labels.slot, labels.item])
        if not len(kept):
            return None
        group, value = labels.group[kept], labels.value[kept].astype(np.float64)
        n = np.maximum(np.bincount(group, minlength=len(labels.context)), 1)
        value -= (np.bincount(group, value, minlength=len(labels.context)) / n)[group]
        value /= max(float(value.std()), 1e-6)
        history = torch.from_numpy(self._history(labels.context)[group])
        text = torch.from_numpy(texts[labels.item[kept], labels.slot[kept]])
        target = torch.from_numpy(value.astype(np.float32))
        with deterministic(seed):
            network = _Network(texts.shape[2], self.settings.hidden)
            optimiser = torch.optim.AdamW(
                network.parameters(), lr=self.settings.learning_rate, weight_decay=self.settings.weight_decay
            )
            for _ in range(self.settings.epochs):
                for batch in torch.randperm(len(target)).split(BATCH):
                    loss = (network(history[batch], text[batch]) - target[batch]).square().mean()
                    descend(optimiser, loss)
        return network

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32; a user without history scores 0 everywhere."""
        return self._scores(self._array("latest")[self._known(users.users)])

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32; a visitor without history scores 0 everywhere."""
        length = self._array("latest").shape[1]
        context = np.full((len(visitors), length), -1, dtype=np.int64)
        for row in range(len(visitors)):
            items = visitors.item[visitors.start[row] : visitors.start[row + 1]][-length:]
            context[row, length - len(items) :] = items
        return self._scores(context)

    def best_slot(self, pairs: PairBatch) -> IntArray:
        """Return (P,) int64: the most relevant slot, -1 where user or item has nothing to match."""
        slots = np.full(len(pairs.users), -1, dtype=np.int64)
        users = self._known(pairs.users)
        if "out" not in self._arrays:
            return slots
        for user in np.unique(users):
            history = self._history(self._array("latest")[user : user + 1])
            if history.any():
                chosen = np.flatnonzero(users == user)
                values = self._values(history[0])[:, pairs.items[chosen]]  # (K, P)
                known = np.isfinite(values).any(axis=0)
                slots[chosen] = np.where(known, values.argmax(axis=0), -1)
        return slots

    def _scores(self, contexts: IntArray) -> FloatArray:
        """Score contexts (B, L) of item codes: (B, N)."""
        there = self._array("there")
        out = np.zeros((len(contexts), there.shape[1]), dtype=np.float32)
        if "out" not in self._arrays:
            return out
        n_texts = there.sum(axis=0)
        for row, history in enumerate(self._history(contexts)):
            if history.any():
                values = self._values(history)
                if self.settings.reduction == "max":
                    reduced = values.max(axis=0)
                else:
                    reduced = np.where(there, values, 0).sum(axis=0) / np.maximum(n_texts, 1)
                out[row] = np.where(n_texts > 0, reduced, 0)
        return out

    def _values(self, history: FloatArray) -> FloatArray:
        """Return the relevance (K, N) of every text to a history (D,); -inf where there is no text."""
        user = np.tanh(self._array("user_weight") @ history + self._array("user_bias"))  # (d,)
        inner = self._array("text") @ (user[:, None] * self._array("both_part").T)  # (K, N, h)
        inner += self._array("text_part") + self._array("user_part") @ user
        np.maximum(inner, 0, out=inner)
        return np.where(self._array("there"), inner @ self._array("out"), np.float32(-np.inf))

    def _history(self, contexts: IntArray) -> FloatArray:
        """Return mean item vectors (B, D) of unit length of contexts (B, L); zeros where there is nothing."""
        items = self._array("items")
        padded = np.vstack([items, np.zeros((1, items.shape[1]), dtype=np.float32)])  # row -1: no item
        return unit(padded[contexts].mean(axis=1))


class _Network(nn.Module):
    """(history, text, their product), each projected, to one figure."""

    def __init__(self, dimensions: int, hidden: int) -> None:
        super().__init__()
        self.user = nn.Linear(dimensions, hidden)
        self.text = nn.Linear(dimensions, hidden)
        self.hidden = nn.Linear(3 * hidden, hidden)
        self.out = nn.Linear(hidden, 1, bias=False)  # a constant orders nothing

    def forward(self, history: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """(B, D) and (B, D) to (B,)."""
        user, text = self.user(history).tanh(), self.text(text).tanh()
        joined = torch.cat([user, text, user * text], dim=1)  # (B, 3d)
        return self.out(self.hidden(joined).relu())[:, 0]

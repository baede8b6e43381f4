"""A cross-encoder: history and item are read together, by MiniLM tuned on what people had next.

Nogueira & Cho, "Passage Re-ranking with BERT", 2019. The loss is the softmax over a positive and negatives.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from torch import nn

from tasks.items.content import neutral
from tasks.matching.base import ARRAYS, read_description, write_description
from tasks.matching.contract import FloatArray, IntArray, PairBatch, TrainingData
from tasks.matching.deterministic import descend
from tasks.matching.training_prefixes import block_bounds
from tasks.models.encoder import encoder_folder
from tasks.settings.matchers import CrossEncoderSettings

PAIRS_AT_ONCE = 64
WARM_UP = 0.1  # share of the steps in which the learning rate rises; then it falls to 0
NAMES = "names.json"


class CrossEncoder:
    """Reads [what a user had last, an item's title and texts] as one input and gives one score.

    It is tuned on the fit window alone: a positive is an event of a user, its history what the same user had
    strictly before; negatives are drawn from the user's candidates, which are never what the user had.
    """

    name = "cross_encoder"

    def __init__(self, settings: CrossEncoderSettings) -> None:
        self.settings = settings
        self._network: _Network | None = None

    def fit(
        self, data: TrainingData, candidates: PairBatch, on_step: Callable[[float], None] | None = None
    ) -> None:
        """Tune the encoder, and look up what each user had last.

        Negatives are drawn from `candidates`, which other matchers propose; `on_step` gets every step's loss.
        """
        if data.names is None:
            raise ValueError("a cross-encoder reads words; give TrainingData names")
        self._texts = [  # title, then texts, of every item
            [neutral(title), *filter(None, texts)]
            for title, texts in zip(data.names.titles, data.names.texts, strict=True)
        ]
        self._latest = data.latest(self.settings.items)
        rng = np.random.default_rng(data.seed)
        events = _Events(data, candidates, self.settings.items)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(data.seed)
            self._network = _Network()
            # Word vectors are half of all weights, and so few steps meet too few of the words to tune them.
            self._network.encoder.get_input_embeddings().requires_grad_(False)
            tuned = [one for one in self._network.parameters() if one.requires_grad]
            optimiser = torch.optim.AdamW(tuned, lr=self.settings.learning_rate)
            schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._rate)
            self._network.train()
            for _ in range(self.settings.steps if len(events) else 0):
                histories, items = events.draw(rng, self.settings.groups, self.settings.negatives)
                logits = self._logits(histories, items.ravel()).view(items.shape)  # (G, 1 + negatives)
                loss = nn.functional.cross_entropy(logits, torch.zeros(len(items), dtype=torch.long))
                descend(optimiser, loss)
                schedule.step()
                if on_step is not None:
                    on_step(loss.item())
            self._network.eval()

    def _rate(self, step: int) -> float:
        """Return the share of the learning rate at a step: up, then down."""
        steps = self.settings.steps
        rising = max(1, round(WARM_UP * steps))
        return min((step + 1) / rising, (steps - step) / max(1, steps - rising + 1))

    def score_pairs(self, pairs: PairBatch) -> FloatArray:
        """Return (P,) float32; pairs of like length are read together."""
        out = np.zeros(len(pairs.users), dtype=np.float32)
        self._fitted()
        lengths = [len(self._texts[item]) for item in pairs.items]
        order = np.argsort(lengths, kind="stable")
        with torch.inference_mode():
            for start in range(0, len(order), PAIRS_AT_ONCE):
                chosen = order[start : start + PAIRS_AT_ONCE]
                histories = self._latest[pairs.users[chosen]]
                out[chosen] = self._logits(histories, pairs.items[chosen]).numpy()
        return out

    def save(self, folder: Path) -> None:
        """Write weights and histories, words, then the description: a folder with a description is whole."""
        network = self._fitted()
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {f"network.{key}": value.numpy() for key, value in network.state_dict().items()}
        save_file(arrays | {"latest": self._latest}, folder / ARRAYS)
        (folder / NAMES).write_text(json.dumps(self._texts, ensure_ascii=False), encoding="utf-8")
        write_description(folder, self.name, self.settings.model_dump())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a matcher that `save` wrote."""
        matcher = cls(CrossEncoderSettings(**read_description(folder)[1]))
        arrays = load_file(folder / ARRAYS)
        matcher._latest = arrays.pop("latest")
        matcher._texts = json.loads((folder / NAMES).read_text(encoding="utf-8"))
        matcher._network = _Network()
        weights = {key.removeprefix("network."): torch.from_numpy(value) for key, value in arrays.items()}
        matcher._network.load_state_dict(weights)
        matcher._network.eval()
        return matcher

    def _logits(self, histories: IntArray, items: IntArray) -> torch.Tensor:
        """Score items (P,) for histories (G, L), P a multiple of G: (P,)."""
        read = ["; ".join(self._texts[item][0] for item in row if item >= 0) for row in histories]
        each = len(items) // max(len(read), 1)
        first = [text for text in read for _ in range(each)]
        second = [" ".join(self._texts[item]) for item in items]
        return self._fitted()(first, second, self.settings.max_tokens)

    def _fitted(self) -> "_Network":
        if self._network is None:
            raise RuntimeError(f"matcher {self.name} is not fitted; call fit or load first")
        return self._network


class _Events:
    """What can be a positive: events of users who have candidates, with something strictly earlier."""

    def __init__(self, data: TrainingData, candidates: PairBatch, length: int) -> None:
        learned = data.learned
        self._length = length
        self._item, self._user = learned.item, learned.user
        order = np.argsort(candidates.users, kind="stable")
        self._candidates = candidates.items[order]
        bounds = np.searchsorted(candidates.users[order], np.arange(data.n_users + 1))
        self._first, self._stop = bounds[:-1], bounds[1:]
        self._start = np.searchsorted(learned.user, learned.user)  # (E,) first event of the user
        self._block, _ = block_bounds(learned)  # (E,) first event of the same time
        has_candidates = self._stop > self._first
        self._positives = np.flatnonzero((self._block > self._start) & has_candidates[learned.user])

    def __len__(self) -> int:
        return len(self._positives)

    def draw(self, rng: np.random.Generator, groups: int, negatives: int) -> tuple[IntArray, NDArray[Any]]:
        """Return histories (G, L) and items (G, 1 + negatives), the positive first."""
        chosen = rng.choice(self._positives, groups)
        histories = np.full((groups, self._length), -1, dtype=np.int64)
        items = np.empty((groups, 1 + negatives), dtype=np.int64)
        for row, event in enumerate(chosen):
            past = self._item[max(self._start[event], self._block[event] - self._length) : self._block[event]]
            histories[row, self._length - len(past) :] = past
            user = self._user[event]
            of_user = self._candidates[self._first[user] : self._stop[user]]
            items[row] = [self._item[event], *rng.choice(of_user, negatives)]
        return histories, items


class _Network(nn.Module):
    """MiniLM with a linear layer on the mean of its token vectors."""

    def __init__(self) -> None:
        super().__init__()
        from transformers import AutoModel, AutoTokenizer

        folder = encoder_folder()
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self.encoder = AutoModel.from_pretrained(folder, dtype=torch.float32)
        self.head = nn.Linear(self.encoder.config.hidden_size, 1)

    def forward(self, first: list[str], second: list[str], max_tokens: int) -> torch.Tensor:
        """Score P pairs of texts: (P,)."""
        cut = {"truncation": "longest_first", "max_length": max_tokens}
        read = self._tokenizer(first, second, padding=True, return_tensors="pt", **cut)
        vectors = self.encoder(**read).last_hidden_state  # (P, S, D)
        mask = read["attention_mask"][:, :, None].float()
        return self.head((vectors * mask).sum(dim=1) / mask.sum(dim=1))[:, 0]

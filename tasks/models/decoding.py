"""The decoding loop that the in-process engines share.

The loop computes a part of a prompt once for all the prompts that share it, then branches: with K angles an
item's facts are read once, not K times. Rows that are finished leave the batch once that pays. The
log-probability of a text falls out of the same logits that it was sampled from, before temperature and
truncation: no second pass over the text is needed.
"""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tasks.models.engine import END, Engine, Generation, Prompt, Sampling, ends_sentence, opening_of
from tasks.models.prefill import chunks

Int = NDArray[np.int64]
# Continuations of one prompt that are scored in one step: bounds what is padded, and the logits (100 MB).
CONTINUATIONS_AT_ONCE = 16
# To drop finished rows from the cache costs this much for each row that stays, in steps of a row. They are
# dropped once more than that was computed for them. With OpenVINO 0.28 ms a row, beside 0.6 ms for a step.
MOVING_A_ROW = 0.5


class CausalEngine(Engine):
    """An autoregressive language model with a key-value cache whose rows can be picked anew each step."""

    tokenizer: Tokenizer
    end_tokens: frozenset[int]

    @abstractmethod
    def reset(self) -> None:
        """Forget every row of the cache."""

    @abstractmethod
    def keep(self) -> None:
        """Remember the cache as it is now."""

    @abstractmethod
    def go_back(self) -> None:
        """Make the cache what it was when `keep` was last called; this may be done again and again."""

    @abstractmethod
    def forward(self, ids: Int, mask: Int, positions: Int, rows: Int, keep: int) -> NDArray[np.float32]:
        """Extend cache rows by tokens.

        Args:
            ids: (R, S) token ids, padded on the left.
            mask: (R, P + S) 1 for a token, 0 for padding, the P cached places included.
            positions: (R, S) position of each token among its row's real tokens.
            rows: (R,) which cached row each row continues; a row may be continued several times or dropped.
            keep: at how many of the last places logits are wanted.

        Returns:
            (R, keep, V) logits.
        """

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int]
    ) -> list[Generation]:
        """Write one sentence per prompt; `seeds[i]` alone drives the draws of prompt i."""
        if not prompts:
            return []
        logits, mask = self._read(prompts)
        generators = [np.random.Generator(np.random.Philox(seed)) for seed in seeds]
        tokens: list[list[int]] = [[] for _ in prompts]
        log_probs = np.zeros(len(prompts))
        behind = np.arange(len(prompts))  # the prompt behind each row of the batch
        going = np.ones(len(prompts), dtype=bool)
        wasted = 0
        for step in range(sampling.max_new_tokens):
            rows = np.flatnonzero(going)
            chosen, gained = self._draw(logits[:, -1], rows, sampling, [generators[i] for i in behind[rows]])
            for row, token, gain in zip(rows.tolist(), chosen.tolist(), gained, strict=True):
                prompt = behind[row]
                piece = self.tokenizer.decode([token], skip_special_tokens=False)
                if token in self.end_tokens or "\n" in piece:
                    going[row] = False  # the end mark is no part of the text
                    continue
                tokens[prompt].append(token)
                log_probs[prompt] += gain
                if END.search(piece.rstrip()):
                    going[row] = not ends_sentence(self._text(prompts[prompt], tokens[prompt]))
            if not going.any() or step + 1 == sampling.max_new_tokens:
                break
            ids = np.zeros((len(going), 1), dtype=np.int64)
            ids[rows, 0] = chosen
            kept = np.flatnonzero(going)
            wasted += len(going) - len(kept)
            if wasted > MOVING_A_ROW * len(kept):
                ids, behind, going, wasted = ids[kept], behind[kept], going[kept], 0
            else:
                kept = np.arange(len(going))
            mask = np.concatenate([mask[kept], np.ones((len(kept), 1), dtype=np.int64)], axis=1)
            logits = self.forward(ids, mask, mask.sum(axis=1, keepdims=True) - 1, kept, 1)
        texts = [self._text(prompt, written) for prompt, written in zip(prompts, tokens, strict=True)]
        return [
            Generation(text, len(written), float(log_prob), ends_sentence(text))
            for text, written, log_prob in zip(texts, tokens, log_probs, strict=True)
        ]

    def log_prob(self, prompts: Sequence[Prompt], continuations: Sequence[str]) -> NDArray[np.float64]:
        """Return log p(continuation | prompt) in nats: (P,). An empty continuation has 0."""
        targets = [self._encode(continuation) for continuation in continuations]
        longest = max((len(target) for target in targets), default=0)
        if not longest:
            return np.zeros(len(prompts))
        rows = [[token for part in prompt for token in self._encode(part)] for prompt in prompts]
        ids, mask = _pad_left([row + target for row, target in zip(rows, targets, strict=True)])
        self.reset()
        logits = self.forward(
            ids, mask, np.maximum(mask.cumsum(axis=1) - 1, 0), np.arange(len(ids)), longest + 1
        )
        total = np.zeros(len(prompts))
        for row, target in enumerate(targets):
            if target:
                total[row] = _log_prob_of(logits[row, -len(target) - 1 : -1], target)
        return total

    def log_prob_after(self, prompt: Prompt, continuations: Sequence[str]) -> NDArray[np.float64]:
        """Return log p(continuation | prompt) in nats, the prompt read once: (P,).

        Continuations are read in batches of like length, so that little is computed for padding; each batch
        goes on from the cache as the prompt left it.
        """
        total = np.zeros(len(continuations))
        targets = [self._encode(continuation) for continuation in continuations]
        rows = sorted((row for row, target in enumerate(targets) if target), key=lambda at: len(targets[at]))
        if not rows:
            return total
        *prefix, last = (token for part in prompt for token in self._encode(part))
        self.reset()
        if prefix:
            ids, read = _pad_left([prefix])
            self.forward(ids, read, np.arange(len(prefix))[None], np.zeros(1, dtype=np.int64), 1)
        self.keep()
        for start in range(0, len(rows), CONTINUATIONS_AT_ONCE):
            batch = rows[start : start + CONTINUATIONS_AT_ONCE]
            # The prompt's last token predicts the first of a continuation, whose own last predicts nothing.
            ids, own = _pad_left([[last, *targets[row][:-1]] for row in batch])
            mask = np.concatenate([np.ones((len(batch), len(prefix)), dtype=np.int64), own], axis=1)
            positions = np.maximum(mask.cumsum(axis=1) - 1, 0)[:, len(prefix) :]
            branches = np.zeros(len(batch), dtype=np.int64) if prefix else np.arange(len(batch))
            self.go_back()
            logits = self.forward(ids, mask, positions, branches, ids.shape[1])
            for at, row in enumerate(batch):
                total[row] = _log_prob_of(logits[at, -len(targets[row]) :], targets[row])
        return total

    def prompt_length(self, prompt: Prompt) -> int:
        """Return how many tokens a prompt has."""
        return sum(len(self._encode(part)) for part in prompt)

    def _read(self, prompts: Sequence[Prompt]) -> tuple[NDArray[np.float32], Int]:
        """Fill the cache with the prompts, each shared part once; return last logits and the mask."""
        depth = max(map(len, prompts))
        if any(len(prompt) != depth for prompt in prompts):
            raise ValueError(f"prompts must have equally many parts, got {sorted({len(p) for p in prompts})}")
        self.reset()
        known: dict[Prompt, int] = {(): 0}
        mask = np.zeros((1, 0), dtype=np.int64)
        logits = np.zeros((1, 1, 1), dtype=np.float32)
        for level in range(1, depth + 1):
            paths = [*dict.fromkeys(prompt[:level] for prompt in prompts)] if level < depth else [*prompts]
            parents = [known[path[:-1]] for path in paths]
            ids, own = _pad_left([self._encode(path[-1]) for path in paths])
            logits, mask = self._extend(ids, own, mask, parents)
            known = {path: row for row, path in enumerate(paths)}
        return logits, mask

    def _extend(
        self, ids: Int, own: Int, mask: Int, parents: Sequence[int]
    ) -> tuple[NDArray[np.float32], Int]:
        """Let R rows go on from rows of the cache; return last logits (R, 1, V) and the mask (R, P + S)."""
        before = mask.shape[1]
        mask = np.concatenate([mask[parents], own], axis=1)
        positions = np.maximum(mask.cumsum(axis=1) - 1, 0)
        logits = np.zeros((1, 1, 1), dtype=np.float32)
        place: dict[int, int] = {}  # in the cache, of the rows that are there
        of_parent = {parent: parent for parent in parents}  # likewise, of a row that continues it
        for rows, first, last in chunks(own.sum(axis=1).tolist(), parents):
            from_rows = np.array([place.get(row, of_parent[parents[row]]) for row in rows.tolist()])
            end = before + last
            logits = self.forward(
                ids[rows, first:last], mask[rows, :end], positions[rows, before + first : end], from_rows, 1
            )
            place = {row: at for at, row in enumerate(rows.tolist())}
            of_parent = {parents[row]: at for row, at in place.items()}
        return logits, mask

    @staticmethod
    def _draw(
        logits: NDArray[np.float32], rows: Int, sampling: Sampling, generators: Sequence[np.random.Generator]
    ) -> tuple[Int, NDArray[np.floating]]:
        """Draw a token for the rows (L,) of logits (R, V) by the Gumbel maximum, each by its own generator.

        Returns tokens (L,) and log-probabilities (L,).
        """
        size = min(sampling.top_k, logits.shape[1])
        # Two passes over the vocabulary per token: torch takes both over all cores, numpy over one.
        vocabulary = torch.from_numpy(logits)
        top = torch.topk(vocabulary, size, sorted=False).indices.numpy()[rows]
        top.sort(axis=1)  # by token id, so that a draw means the same token whatever order topk left
        likeliest = logits[rows[:, None], top]
        noise = np.stack([generator.gumbel(size=size) for generator in generators])
        picked = (likeliest / sampling.temperature + noise).argmax(axis=1)[:, None]
        gained = np.take_along_axis(likeliest, picked, axis=1)[:, 0]
        gained -= torch.logsumexp(vocabulary, dim=1).numpy()[rows]
        return np.take_along_axis(top, picked, axis=1)[:, 0].astype(np.int64), gained

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def _text(self, prompt: Prompt, tokens: list[int]) -> str:
        """The opening that the prompt gives the answer, and what the model wrote after it."""
        return (opening_of(prompt) + self.tokenizer.decode(tokens)).strip()


def _log_prob_of(logits: NDArray[np.float32], tokens: Sequence[int]) -> float:
    """Sum of log p(token) over T tokens, from the logits (T, V) that predict each."""
    likely = torch.from_numpy(logits.astype(np.float64)).log_softmax(dim=1)
    return float(likely[np.arange(len(tokens)), tokens].sum())


def _pad_left(rows: Sequence[Sequence[int]]) -> tuple[Int, Int]:
    """Token lists to ids (R, S) and mask (R, S)."""
    if not all(rows):
        raise ValueError("every part of a prompt must have a token to predict from; leave no part empty")
    longest = max(map(len, rows))
    ids = np.zeros((len(rows), longest), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, tokens in enumerate(rows):
        ids[row, longest - len(tokens) :] = tokens
        mask[row, longest - len(tokens) :] = 1
    return ids, mask

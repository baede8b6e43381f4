"""SASRec: self-attention over what a user did, in order.

Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018. All places of a history are trained
with a softmax over items, as Klenitskiy and Vasilev recommend ("Turning Dross Into Gold Loss: is BERT4Rec
really better than SASRec?", RecSys 2023); targets are drawn from what follows soon, as in Pancha et al.,
"PinnerFormer", KDD 2022.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import islice

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import nn

from tasks.arrays.vectors import centred, unit
from tasks.matching.augmentation import augmented
from tasks.matching.base import ArrayMatcher
from tasks.matching.contract import FloatArray, IntArray, TrainingData, UserBatch, VisitorBatch
from tasks.matching.deterministic import descend, deterministic
from tasks.matching.retrieve import top_items
from tasks.matching.sasrec_network import Network
from tasks.matching.sequences import in_order, later_events, newest_items, windows
from tasks.metrics.ranking import contains, mean_defined, ndcg
from tasks.settings.matchers import SasrecSettings

USERS_AT_ONCE = 256
SHARE = 10  # for early stopping, one event in so many is set aside
LENGTH = 10  # of the lists that say when to stop
DEVIATION = 0.05  # of item vectors before training
AVERAGED = 0.99  # what a step keeps of the mean of the weights


class Sasrec(ArrayMatcher[SasrecSettings]):
    """What comes next, from a network that reads the last items of a history.

    In training every place of every history predicts an item of a later block, the nearer the likelier,
    against all items or so many drawn at random. Events of one block are shuffled anew in each epoch. The
    weights kept are an exponential mean over the steps. Scores are inner products of what the network knows
    after a user's last item with the items' vectors; a user without history scores 0 everywhere.
    """

    name = "sasrec"
    of_users = ("users",)

    def __init__(self, settings: SasrecSettings, name: str = "") -> None:
        super().__init__(settings, name)
        self.reads_texts = settings.text_start

    def fit(self, data: TrainingData) -> None:
        """Train, then read every history as it is now."""
        with deterministic(data.seed):
            epochs = self._best_epochs(data.learned) if self.settings.patience else self.settings.epochs
            network = next(islice(self._training(data.learned), epochs - 1, None))
            state = {f"network.{key}": value.numpy() for key, value in network.state_dict().items()}
            counts = {"n_users": np.array([data.n_users]), "epochs": np.array([epochs])}
            self._arrays = {**state, **counts, "users": self._users(network, data)}

    def _best_epochs(self, data: TrainingData) -> int:
        """The number of epochs after which what is set aside of the window is predicted best."""
        earlier, relevant = set_aside(data)
        best, best_epoch = -1.0, 1
        for epoch, network in enumerate(islice(self._training(earlier), self.settings.epochs), 1):
            users, items = self._users(network, earlier), network.items.weight.detach().numpy()
            reached = ndcg_of(lambda some, u=users, i=items: u[some] @ i.T, earlier, relevant)
            if reached > best:
                best, best_epoch = reached, epoch
            elif epoch - best_epoch >= self.settings.patience:
                break
        return best_epoch

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32; a user without history scores 0 everywhere."""
        return self._array("users")[self._known(users.users)] @ self._array("network.items.weight").T

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32 for what the visitors did, in their order."""
        vectors = self._array("network.items.weight")
        with torch.device("meta"):  # no weights are drawn: those of the fit take their places
            network = self._made(len(vectors))
        prefix = "network."
        network.load_state_dict(
            {
                key.removeprefix(prefix): torch.from_numpy(value)
                for key, value in self._arrays.items()
                if key.startswith(prefix)
            },
            assign=True,
        )
        who = np.repeat(np.arange(len(visitors)), np.diff(visitors.start))
        return self._read(network, who, visitors.item, len(visitors)) @ vectors.T

    def _made(self, n_items: int) -> Network:
        return Network(n_items, self.settings.factors, self.settings.blocks, self.settings.dropout)

    def _first_vectors(self, data: TrainingData) -> FloatArray:
        """(N, D): random, or the main components of what texts and content say of the items."""
        vectors = np.random.default_rng(data.seed).normal(size=(data.n_items, self.settings.factors))
        texts = unit(data.text_vectors.sum(axis=1))  # the mean of those there are: a missing one is 0
        content = np.hstack([centred(texts), centred(data.item_vectors)])  # (N, 2 D')
        if self.settings.text_start and content.any():
            left, strength, _ = np.linalg.svd(content, full_matrices=False)
            components = (left * strength)[:, : self.settings.factors]
            there = content.any(axis=1)
            vectors[there, : components.shape[1]] = components[there] / components[there].std()
        return (DEVIATION * vectors).astype(np.float32)

    def _training(self, data: TrainingData) -> Iterator[Network]:
        """Yield, after each epoch, the network with the mean of the weights over all steps until then."""
        rng = np.random.default_rng(data.seed)
        torch.manual_seed(data.seed)
        network = self._made(data.n_items)
        with torch.no_grad():
            network.items.weight.copy_(torch.from_numpy(self._first_vectors(data)))
        averaged = deepcopy(network).requires_grad_(False)
        optimiser = torch.optim.Adam(network.parameters(), self.settings.learning_rate, betas=(0.9, 0.98))
        steps = 0
        while True:
            network.train()
            for items, targets in self._batches(data, rng):
                loss = self._loss(network, items, targets, rng)
                descend(optimiser, loss)
                steps += 1
                kept = min(AVERAGED, steps / (steps + 9))
                for mean, parameter in zip(averaged.parameters(), network.parameters(), strict=True):
                    mean.lerp_(parameter.detach(), 1 - kept)
            yield averaged

    def _users(self, network: Network, data: TrainingData) -> FloatArray:
        """(U, D) what the network knows of everybody; events of one block are read in a seeded order."""
        ties = np.random.default_rng(data.seed).permutation(data.n_items)
        order = in_order(data, ties[data.item])
        return self._read(network, data.user, data.item[order], data.n_users)

    def _batches(
        self, data: TrainingData, rng: np.random.Generator
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield items and targets (B, L), -1 where nothing is to be predicted, of one epoch."""
        data = augmented(data, self.settings.augmentation, rng)
        item = data.item[in_order(data, rng.random(len(data.user)))]
        later = later_events(data, self.settings.half_life_items, rng)
        cut = windows(data.user, data.n_users, self.settings.length, rng)
        cut = cut[rng.permutation(len(cut))]
        for start in range(0, len(cut), self.settings.batch):
            place = cut[start : start + self.settings.batch]
            target = np.where(place >= 0, later[place], -1)
            if (target >= 0).any():
                items = np.where(place >= 0, item[place], 0)
                yield torch.from_numpy(items), torch.from_numpy(np.where(target >= 0, item[target], -1))

    def _loss(
        self, network: Network, items: torch.Tensor, targets: torch.Tensor, rng: np.random.Generator
    ) -> torch.Tensor:
        """Mean of -log softmax at the targets, over all items or the target and the drawn ones."""
        wanted = targets >= 0
        hidden, target = network(items)[wanted], targets[wanted]  # (T, D), (T,)
        n_items = network.items.num_embeddings
        if not 0 < self.settings.negatives < n_items:
            return nn.functional.cross_entropy(hidden @ network.items.weight.T, target)
        drawn = torch.from_numpy(rng.choice(n_items, self.settings.negatives, replace=False))
        own = (hidden * network.items(target)).sum(dim=1, keepdim=True)  # (T, 1)
        # Each drawn item stands for as many as it was drawn from.
        others = hidden @ network.items(drawn).T + np.log(n_items / self.settings.negatives)
        others = others.masked_fill(drawn == target[:, None], -torch.inf)
        return (torch.logsumexp(torch.cat([own, others], dim=1), dim=1) - own[:, 0]).mean()

    def _read(self, network: Network, user: IntArray, item: IntArray, n_users: int) -> FloatArray:
        """(U, D) what the network knows after the newest items of users: (E,) and (E,), oldest first."""
        items, size = newest_items(user, item, n_users, self.settings.length)  # (U, L), (U,)
        network.eval()
        out = np.zeros((n_users, self.settings.factors), dtype=np.float32)
        with torch.no_grad():
            for start in range(0, len(items), USERS_AT_ONCE):
                some = slice(start, start + USERS_AT_ONCE)
                hidden = network(torch.from_numpy(items[some])).numpy()  # (B, L, D)
                out[some] = hidden[np.arange(len(hidden)), np.maximum(size[some] - 1, 0)]
        out[size == 0] = 0
        return out


def set_aside(data: TrainingData) -> tuple[TrainingData, csr_array]:
    """Return the earlier events, and (U, N) bool: the later ones of users who have earlier ones.

    Later are the blocks that begin in the last tenth of each history.
    """
    n_events = np.bincount(data.user, minlength=data.n_users)[data.user]
    later = data.position_back < np.maximum(n_events // SHARE, 1)
    earlier = data.with_events(~later)
    held = later & np.isin(data.user, earlier.user)
    pairs = np.unique(np.stack([data.user[held], data.item[held]]), axis=1)
    shape = (data.n_users, data.n_items)
    relevant = csr_array((np.ones(pairs.shape[1], dtype=bool), (pairs[0], pairs[1])), shape=shape)
    relevant.sort_indices()
    return earlier, relevant


def ndcg_of(score: Callable[[IntArray], FloatArray], data: TrainingData, relevant: csr_array) -> float:
    """Mean NDCG@10 of the later events (U, N); 0 when there are none.

    `score` gives (B, N) scores of users (B,); what they have among the earlier events `data` is left out.
    """
    n_relevant = np.diff(relevant.indptr)
    users = np.flatnonzero(n_relevant)
    values = [np.zeros(0)]
    for start in range(0, len(users), USERS_AT_ONCE):
        some = users[start : start + USERS_AT_ONCE]
        lists = top_items(score(some), LENGTH, data.seen[some].toarray() == 0)
        values.append(ndcg(contains(relevant[some], lists), n_relevant[some]))
    return mean_defined(np.concatenate(values)) if len(users) else 0.0

"""An autoencoder of histories that is infinitely wide, which makes it a kernel regression over users.

Sachdeva et al., "Infinite Recommendation Networks: A Data-Centric Approach", NeurIPS 2022. Its kernel is that
of Jacot et al., "Neural Tangent Kernel: Convergence and Generalization in Neural Networks", NeurIPS 2018, by
the arc-cosines of Cho and Saul, "Kernel Methods for Deep Learning", NeurIPS 2009. Beyond so many users some
stand for all: Williams and Seeger, "Using the Nyström Method to Speed Up Kernel Machines", NeurIPS 2000.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from tasks.arrays.recency import recency_weights
from tasks.arrays.vectors import unit
from tasks.matching.base import ArrayMatcher, above_zero, check_dense_items, sparse_parts, zero_or_more
from tasks.matching.contract import FloatArray, Parameter, TrainingData, UserBatch, VisitorBatch
from tasks.matching.ease import item_features

Floats = NDArray[np.float64]
USERS_AT_ONCE = 512
# What keeps the smaller system solvable where two landmarks are nearly alike, beside a kernel of 1.
JITTER = 1e-8


class InfiniteAutoencoder(ArrayMatcher):
    """Who resembles this user in what was done, and in what it is like, and what have they done.

    A history h (N,) becomes the features [x, content norm(x F)], of unit length: x is h / users^discount of
    unit length, F (N, F) the items' features. Two users' kernel k is the neural tangent kernel of their
    cosine. With T (U, N) the histories that are learned from, scores are k(h, .) A, where
    A = (K + regularisation I)^-1 T over the landmarks: all users, if there are no more than `landmarks`;
    otherwise that many, drawn by the seed, and A solves (K_mn K_nm + regularisation K_mm) A = K_mn T, whose
    cost grows with users, not with their square.

    Args:
        regularisation: the ridge term, above 0; a user's kernel with itself is 1.
        content: what likeness of content weighs beside the items themselves; 0 leaves it out.
        discount: how much less items count that many have; 0 counts all alike.
        layers: of the network, from 1 on.
        learned_half_life_items: an item this many positions back counts half in the histories T.
        half_life_items: the same in the history that the model is applied to; None weighs all alike, as well.
        landmarks: at most so many users stand for all.
    """

    name = "infinite_ae"

    def __init__(
        self,
        regularisation: float,
        content: float,
        discount: float,
        layers: int,
        learned_half_life_items: float | None,
        half_life_items: float | None,
        landmarks: int,
    ) -> None:
        super().__init__()
        above_zero(self.name, regularisation=regularisation, layers=layers, landmarks=landmarks)
        zero_or_more(self.name, content=content, discount=discount)
        self.regularisation = regularisation
        self.content = content
        self.discount = discount
        self.layers = layers
        self.learned_half_life_items = learned_half_life_items
        self.half_life_items = half_life_items
        self.landmarks = landmarks

    def parameters(self) -> dict[str, Parameter]:
        """Return the arguments that make this matcher again."""
        return {
            "regularisation": self.regularisation,
            "content": self.content,
            "discount": self.discount,
            "layers": self.layers,
            "learned_half_life_items": self.learned_half_life_items,
            "half_life_items": self.half_life_items,
            "landmarks": self.landmarks,
        }

    def fit(self, data: TrainingData) -> None:
        """Choose the landmarks and solve in float64."""
        check_dense_items(self.name, data.n_items)
        learned = data.learned
        targets = learned.weighted(recency_weights(learned.position_back, self.learned_half_life_items))
        targets = sparse.csr_matrix(targets[np.flatnonzero(np.diff(targets.indptr))], dtype=np.float64)
        n_users = len(targets.indptr) - 1
        drawn = np.arange(n_users)
        if n_users > self.landmarks:
            rng = np.random.default_rng(data.seed)
            drawn = np.sort(rng.choice(n_users, self.landmarks, replace=False))
        common = np.asarray(learned.seen.sum(axis=0)).ravel() + 1.0
        history = data.weighted(recency_weights(data.position_back, self.half_life_items))
        features = item_features(data) if self.content else np.zeros((data.n_items, 0))
        self._arrays = {
            "n_users": np.array([data.n_users]),
            "scale": common**-self.discount,
            "features": features.astype(np.float32),
            **sparse_parts("history", history),
        }
        events, content = self._described(targets[drawn])
        self._arrays |= {**sparse_parts("landmarks", events), "landmark_content": content}
        self._arrays["answers"] = self._solve(targets, drawn).astype(np.float32)

    def score(self, users: UserBatch) -> FloatArray:
        """Return (B, N) float32; a user without history scores 0 everywhere."""
        histories = self._sparse("history", len(self._array("scale")))
        return self._answer(histories[self._known(users.users)])

    def score_visitors(self, visitors: VisitorBatch) -> FloatArray:
        """Return (B, N) float32; a visitor without history scores 0 everywhere."""
        return self._answer(visitors.history(len(self._array("scale")), self.half_life_items))

    def _solve(self, targets: sparse.csr_matrix, drawn: NDArray[np.intp]) -> Floats:
        """Return A (M, N).

        Args:
            targets: (U, N), no row of which is empty.
            drawn: (M,) the rows that are landmarks.
        """
        n_users, n_items = len(targets.indptr) - 1, len(self._array("scale"))
        if not n_users:
            return np.zeros((0, n_items))
        among = self._kernel(targets[drawn])
        if len(drawn) == n_users:
            system, right = among, targets.toarray()
            system[np.diag_indices_from(system)] += self.regularisation
        else:
            system = self.regularisation * among
            system[np.diag_indices_from(system)] += JITTER * n_users
            right = np.zeros((len(drawn), n_items))
            for start in range(0, n_users, USERS_AT_ONCE):
                some = targets[start : start + USERS_AT_ONCE]
                kernel = self._kernel(some)
                system += kernel.T @ kernel
                right += np.asarray((some.T @ kernel).T)
        return linalg.solve(
            system, right, overwrite_a=True, overwrite_b=True, assume_a="pos", check_finite=False
        )

    def _answer(self, histories: sparse.csr_matrix) -> FloatArray:
        """Return (B, N) float32: the kernel with the landmarks times their answers."""
        answers = self._array("answers")
        out = np.zeros((len(histories.indptr) - 1, len(self._array("scale"))), dtype=np.float32)
        some = np.flatnonzero(np.diff(histories.indptr))
        if len(some) and len(answers):
            kernel = self._kernel(histories[some])
            # What all kernels share is added once, at the end: the rest is small, so float32 loses little.
            level = tangent_kernel(np.zeros(1), self.layers)  # of two users who have nothing in common
            answered = (kernel - level).astype(np.float32) @ answers
            out[some] = answered + (level * answers.sum(axis=0, dtype=np.float64)).astype(np.float32)
        return out

    def _kernel(self, histories: sparse.csr_matrix) -> Floats:
        """Return (B, M): the kernel of histories (B, N) with the landmarks."""
        events, content = self._described(histories)
        landmarks = self._sparse("landmarks", len(self._array("scale")))
        cosine = (events @ landmarks.T).toarray() + content @ self._array("landmark_content").T
        return tangent_kernel(cosine, self.layers)

    def _described(self, histories: sparse.csr_matrix) -> tuple[sparse.csr_matrix, Floats]:
        """Return x (B, N) and its content (B, F), both scaled so that together they have unit length."""
        # In double precision: near a cosine of 1 the kernel turns rounding into its square root.
        scaled = sparse.csr_matrix(histories.astype(np.float64) @ sparse.diags_array(self._array("scale")))
        length = np.sqrt(np.asarray(scaled.power(2).sum(axis=1)).ravel())
        x = sparse.diags_array(1 / np.where(length > 0, length, 1)) @ scaled
        like = self.content * unit(np.asarray(x @ self._array("features").astype(np.float64)))
        both = np.sqrt(1 + (like**2).sum(axis=1))
        return sparse.csr_matrix(sparse.diags_array(1 / both) @ x), like / both[:, None]


def tangent_kernel(cosine: Floats, layers: int) -> Floats:
    """The neural tangent kernel of a network with ReLU, scaled so that an input with itself has 1.

    Args:
        cosine: of two inputs of unit length, any shape.
        layers: of hidden units.

    >>> tangent_kernel(np.array([1.0, 0.0, -1.0]), 1).round(3)
    array([1.   , 0.159, 0.   ])
    """
    covariance = np.clip(cosine, -1, 1)
    tangent = covariance
    for _ in range(layers):
        angle = np.arccos(covariance)
        derivative = (np.pi - angle) / np.pi
        covariance = np.clip(np.sqrt(1 - covariance**2) / np.pi + derivative * covariance, -1, 1)
        tangent = tangent * derivative + covariance
    return tangent / (layers + 1)

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
from tasks.arrays.types import Floats
from tasks.arrays.vectors import unit
from tasks.matching.base import HistoryMatcher, check_dense_items, sparse_parts
from tasks.matching.contract import FloatArray, TrainingData
from tasks.matching.ease import item_features
from tasks.settings.matchers import InfiniteAeSettings

USERS_AT_ONCE = 512
# What keeps the smaller system solvable where two landmarks are nearly alike, beside a kernel of 1.
JITTER = 1e-8


class InfiniteAutoencoder(HistoryMatcher[InfiniteAeSettings]):
    """Who resembles this user in what was done, and in what it is like, and what have they done.

    A history h (N,) becomes the features [x, content norm(x F)], of unit length: x is h / users^discount of
    unit length, F (N, F) the items' features. Two users' kernel k is the neural tangent kernel of their
    cosine. With T (U, N) the histories that are learned from, scores are k(h, .) A, where
    A = (K + regularisation I)^-1 T over the landmarks: all users, if there are no more than `landmarks`;
    otherwise that many, drawn by the seed, and A solves (K_mn K_nm + regularisation K_mm) A = K_mn T, whose
    cost grows with users, not with their square.
    """

    name = "infinite_ae"

    def fit(self, data: TrainingData) -> None:
        """Choose the landmarks and solve in float64."""
        check_dense_items(self.name, data.n_items)
        learned, settings = data.learned, self.settings
        targets = learned.weighted(recency_weights(learned.position_back, settings.learned_half_life_items))
        targets = sparse.csr_matrix(targets[np.flatnonzero(np.diff(targets.indptr))], dtype=np.float64)
        n_users = len(targets.indptr) - 1
        drawn = np.arange(n_users)
        if n_users > settings.landmarks:
            rng = np.random.default_rng(data.seed)
            drawn = np.sort(rng.choice(n_users, settings.landmarks, replace=False))
        common = np.asarray(learned.seen.sum(axis=0)).ravel() + 1.0
        features = item_features(data) if settings.content else np.zeros((data.n_items, 0))
        scale = common**-settings.discount
        self._keep(data, scale=scale, features=features.astype(np.float32))
        events, content = self._described(targets[drawn])
        self._arrays |= {**sparse_parts("landmarks", events), "landmark_content": content}
        self._arrays["answers"] = self._solve(targets, drawn).astype(np.float32)

    def _solve(self, targets: sparse.csr_matrix, drawn: NDArray[np.intp]) -> Floats:
        """Return A (M, N) from histories (U, N), none empty, whose rows `drawn` (M,) are the landmarks."""
        n_users, n_items = len(targets.indptr) - 1, self.n_items
        if not n_users:
            return np.zeros((0, n_items))
        among = self._kernel(targets[drawn])
        if len(drawn) == n_users:
            system, right = among, targets.toarray()
            system[np.diag_indices_from(system)] += self.settings.regularisation
        else:
            system = self.settings.regularisation * among
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

    def score_histories(self, histories: sparse.csr_matrix) -> FloatArray:
        """Return (B, N) float32: the kernel with the landmarks times their answers."""
        answers = self._array("answers")
        out = np.zeros((len(histories.indptr) - 1, self.n_items), dtype=np.float32)
        some = np.flatnonzero(np.diff(histories.indptr))
        if len(some) and len(answers):
            kernel = self._kernel(histories[some])
            # What all kernels share is added once, at the end: the rest is small, so float32 loses little.
            level = tangent_kernel(np.zeros(1), self.settings.layers)  # of users with nothing in common
            answered = (kernel - level).astype(np.float32) @ answers
            out[some] = answered + (level * answers.sum(axis=0, dtype=np.float64)).astype(np.float32)
        return out

    def forget_users(self) -> bool:
        """Nobody can be scored without the landmarks, who are users."""
        return False

    def _kernel(self, histories: sparse.csr_matrix) -> Floats:
        """Return (B, M): the kernel of histories (B, N) with the landmarks."""
        events, content = self._described(histories)
        landmarks = self._sparse("landmarks", self.n_items)
        cosine = (events @ landmarks.T).toarray() + content @ self._array("landmark_content").T
        return tangent_kernel(cosine, self.settings.layers)

    def _described(self, histories: sparse.csr_matrix) -> tuple[sparse.csr_matrix, Floats]:
        """Return x (B, N) and its content (B, F), both scaled so that together they have unit length."""
        # In double precision: near a cosine of 1 the kernel turns rounding into its square root.
        scaled = sparse.csr_matrix(histories.astype(np.float64) @ sparse.diags_array(self._array("scale")))
        length = np.sqrt(np.asarray(scaled.power(2).sum(axis=1)).ravel())
        x = sparse.diags_array(1 / np.where(length > 0, length, 1)) @ scaled
        like = self.settings.content * unit(np.asarray(x @ self._array("features").astype(np.float64)))
        both = np.sqrt(1 + (like**2).sum(axis=1))
        return sparse.csr_matrix(sparse.diags_array(1 / both) @ x), like / both[:, None]


def tangent_kernel(cosine: Floats, layers: int) -> Floats:
    """The neural tangent kernel of a network with ReLU, scaled so that an input with itself has 1.

    `cosine` is of two inputs of unit length, any shape; `layers` are those of hidden units.

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

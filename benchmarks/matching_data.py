"""Vectors for the matching benchmark: like those of sentences, or without any structure.

Real ones are all-MiniLM-L6-v2's of MovieLens-100K films: four plain sentences a film, after the film's own
content, as the pipeline encodes texts. There are 1,682 films, so a catalogue of any size is made from them:

- an item's centre is a real film's and a draw from a Gaussian with the films' covariance, half and half;
- each of its texts adds how some real text differs from its film: real directions, real lengths;
- a user's interest is the mean of ten films drawn from the forty nearest to a film, as an interest is the
  mean of a cluster of a history.

Everything is centred and of unit length, as matching has it. "isotropic" is Gaussian noise of unit length:
every direction alike, which sentences never are.
"""

from typing import Literal

import numpy as np

from tasks.arrays.vectors import centred, unit
from tasks.corpus.fallback import fallback_text
from tasks.ingest.movielens import read_movielens
from tasks.items.item import items_of
from tasks.matching.contract import FloatArray
from tasks.models.encoder import DIMENSIONS, load_encoder

Kind = Literal["sentences", "isotropic"]
ANGLES = ("audience", "mood", "story", "style")
BLOCK = 4096  # rows made at once
NEAR, OF_NEAR = 40, 10


def real_vectors() -> FloatArray:
    """Return (films, 4, 384) float32: the vectors of four plain sentences of every film."""
    films = items_of(read_movielens().items.select("title", "year", "categories"))
    texts = [film.content_with(fallback_text(film, "film", angle)) for film in films for angle in ANGLES]
    return load_encoder().encode(texts).reshape(-1, len(ANGLES), DIMENSIONS)


class Catalogue:
    """Makes texts and users of any number.

    Args:
        kind: "sentences" or "isotropic".
        real: (films, 4, D) float32, as `real_vectors` gives them.
        seed: of everything drawn.
    """

    def __init__(self, kind: Kind, real: FloatArray, seed: int) -> None:
        self.kind, self.seed, self.n_dimensions = kind, seed, real.shape[2]
        texts = centred(real)
        self._films = texts.mean(axis=1)  # (films, D)
        self._differences = (texts - self._films[:, None]).reshape(-1, self.n_dimensions)
        spread = np.cov(self._films, rowvar=False)
        values, axes = np.linalg.eigh(spread)
        self._root = (axes * np.sqrt(np.maximum(values, 0))).T.astype(np.float32)  # (D, D)

    def texts(self, n_items: int, n_slots: int) -> FloatArray:
        """Return (N, K, D) float32 of unit length, made block by block: no second copy of it ever lives."""
        out = np.empty((n_items, n_slots, self.n_dimensions), dtype=np.float32)
        rng = np.random.default_rng((self.seed, 1))
        for at in range(0, n_items, BLOCK):
            part = out[at : at + BLOCK]
            if self.kind == "isotropic":
                part[:] = rng.standard_normal(part.shape, dtype=np.float32)
            else:
                drawn = rng.standard_normal((len(part), self.n_dimensions), dtype=np.float32) @ self._root
                centre = (self._films[rng.integers(len(self._films), size=len(part))] + drawn) * 0.5**0.5
                chosen = rng.integers(len(self._differences), size=part.shape[:2])
                part[:] = self._differences[chosen]
                part += centre[:, None]
            part[:] = unit(part)
        return out

    def users(self, n_users: int) -> FloatArray:
        """Return (U, D) float32 of unit length: one interest a user."""
        rng = np.random.default_rng((self.seed, 2))
        if self.kind == "isotropic":
            return unit(rng.standard_normal((n_users, self.n_dimensions), dtype=np.float32))
        directions = unit(self._films)
        near = np.argsort(-(directions @ directions.T), axis=1, kind="stable")[:, :NEAR]  # (films, 40)
        out = np.empty((n_users, self.n_dimensions), dtype=np.float32)
        for user, film in enumerate(rng.integers(len(near), size=n_users)):
            out[user] = directions[rng.choice(near[film], min(OF_NEAR, near.shape[1]), replace=False)].mean(
                axis=0
            )
        return unit(out)

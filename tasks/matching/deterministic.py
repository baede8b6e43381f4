"""Training in torch that gives the same twice."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Sums depend on how work is cut up among threads, so their number is part of the result.
THREADS = 1


def descend(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """Take one step down the gradient of a loss."""
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


@contextmanager
def deterministic(seed: int) -> Iterator[torch.Generator]:
    """Seed torch, fix its threads and allow only deterministic algorithms; afterwards all is as it was.

    Yields a generator for what is drawn by hand.
    """
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(THREADS)
        torch.use_deterministic_algorithms(True)
        try:
            yield torch.Generator().manual_seed(seed)
        finally:
            torch.use_deterministic_algorithms(strict)
            torch.set_num_threads(threads)

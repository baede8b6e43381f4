"""The network of SASRec: causal self-attention over what a user did, in order."""

import torch
from torch import nn

HALF_LIVES = (4.0, 32.0)  # of the heads when training begins: one for the last few items, one for the taste


class Network(nn.Module):
    """Item vectors and blocks of self-attention; scores are inner products with item vectors.

    Places are told apart by a bias that falls linearly with the distance (Press et al., "Train Short, Test
    Long: Attention with Linear Biases", ICLR 2022), which makes an item weigh half at every so many places
    back. Each head learns its own half-life, in the place of a vector for every position.
    `factors` is D, the length of an item's vector.
    """

    def __init__(self, n_items: int, factors: int, blocks: int, dropout: float) -> None:
        super().__init__()
        self.items = nn.Embedding(n_items, factors)
        self.rates = nn.Parameter(torch.log(torch.log(torch.tensor(2.0)) / torch.tensor(HALF_LIVES)))
        self.blocks = nn.ModuleList(Block(factors, dropout) for _ in range(blocks))
        self.last = nn.LayerNorm(factors)
        self.dropout = nn.Dropout(dropout)

    def forward(self, items: torch.Tensor) -> torch.Tensor:
        """Return (B, L, D): out[b, l] says what may come after the items [b, :l + 1], codes (B, L).

        What stands after the end of a sequence changes nothing before it.
        """
        place = torch.arange(items.shape[1])
        distance = (place[:, None] - place).float()  # (L, L)
        bias = -self.rates.exp()[:, None, None] * distance  # (heads, L, L)
        bias = bias.masked_fill(distance < 0, -torch.inf)
        x = self.dropout(self.items(items) * self.items.weight.shape[1] ** 0.5)
        for block in self.blocks:
            x = block(x, bias)
        return self.last(x)


class Block(nn.Module):
    """Self-attention and a feed-forward layer; each reads normalised values and adds to what goes in."""

    def __init__(self, factors: int, dropout: float) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(factors)
        self.projections = nn.Linear(factors, 3 * factors)
        self.output = nn.Linear(factors, factors)
        self.before_layers = nn.LayerNorm(factors)
        self.layers = nn.Sequential(nn.Linear(factors, factors), nn.ReLU(), nn.Linear(factors, factors))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Mix x (B, L, D) along L, with a bias (heads, L, L) of the logits: -inf where a place is hidden."""
        shape = (*x.shape[:2], len(bias), -1)
        query, key, value = (
            part.view(shape).transpose(1, 2)  # (B, heads, L, D / heads)
            for part in self.projections(self.before_attention(x)).chunk(3, dim=-1)
        )
        logits = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5 + bias  # (B, heads, L, L)
        attended = self.dropout(logits.softmax(dim=-1)) @ value
        x = x + self.dropout(self.output(attended.transpose(1, 2).reshape(x.shape)))
        return x + self.dropout(self.layers(self.before_layers(x)))

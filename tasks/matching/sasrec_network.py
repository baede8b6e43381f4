"""The network of SASRec: causal self-attention over what a user did, in order."""

import torch
from torch import nn


class Block(nn.Module):
    """Self-attention and a feed-forward layer, each added to what goes in (normalised before, not after)."""

    def __init__(self, factors: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(factors)
        self.projections = nn.Linear(factors, 3 * factors)
        self.output = nn.Linear(factors, factors)
        self.before_layers = nn.LayerNorm(factors)
        self.layers = nn.Sequential(nn.Linear(factors, factors), nn.ReLU(), nn.Linear(factors, factors))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Mix (B, L, D) along L.

        Args:
            x: (B, L, D).
            bias: (heads, L, L), added to attention logits; -inf where a place may not be looked at.
        """
        shape = (*x.shape[:2], self.heads, -1)
        query, key, value = (
            part.view(shape).transpose(1, 2)  # (B, heads, L, D / heads)
            for part in self.projections(self.before_attention(x)).chunk(3, dim=-1)
        )
        logits = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5 + bias
        attended = self.dropout(logits.softmax(dim=-1)) @ value
        x = x + self.dropout(self.output(attended.transpose(1, 2).reshape(x.shape)))
        return x + self.dropout(self.layers(self.before_layers(x)))


class Network(nn.Module):
    """Item vectors, positions, and blocks of self-attention; scores are inner products with item vectors."""

    def __init__(
        self, n_items: int, length: int, factors: int, blocks: int, heads: int, dropout: float, pos: str = "abs"
    ) -> None:
        super().__init__()
        self.items = nn.Embedding(n_items, factors)
        self.pos = pos
        self.positions = nn.Parameter(0.02 * torch.randn(length, factors))
        self.slopes = nn.Parameter(torch.log(0.6931 / (4.0 * 8.0 ** torch.arange(heads))))
        self.blocks = nn.ModuleList(Block(factors, heads, dropout) for _ in range(blocks))
        self.last = nn.LayerNorm(factors)
        self.dropout = nn.Dropout(dropout)
        self.heads = heads

    def forward(self, items: torch.Tensor) -> torch.Tensor:
        """Return (B, L, D): what is known after each item of (B, L) int64 codes."""
        length = items.shape[1]
        x = self.items(items) * self.items.weight.shape[1] ** 0.5
        place = torch.arange(length)
        distance = (place[:, None] - place).float()
        bias = torch.zeros(self.heads, length, length)
        if "abs" in self.pos:
            x = x + self.positions[:length]
        if "alibi" in self.pos:
            bias = -self.slopes.exp()[:, None, None] * distance.clamp(min=0)
        bias = bias.masked_fill(distance < 0, -torch.inf)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, bias)
        return self.last(x)

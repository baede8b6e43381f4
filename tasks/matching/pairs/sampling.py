"""Which pairs expensive matchers score: the best candidates of a sample of users."""

from collections.abc import Sequence
from hashlib import blake2b

import polars as pl

from warehouse.columns import ITEM, MATCHER, SCORE, USER


def sampled_users(user_ids: Sequence[str], n: int, seed: int) -> list[str]:
    """Draw n users, sorted: by a hash of seed and id, so that a larger sample holds a smaller one.

    >>> small, large = (sampled_users(list("abcdefgh"), n, seed=0) for n in (3, 5))
    >>> set(small) < set(large)
    True
    """
    drawn = sorted(
        user_ids, key=lambda user: (blake2b(f"{seed}:{user}".encode(), digest_size=8).digest(), user)
    )
    return sorted(drawn[:n])


def top_together(scores: pl.DataFrame, n: int, without: Sequence[str] = ()) -> pl.DataFrame:
    """Give the n candidates of each user with the best mean rank over matchers: user_id, item_id.

    The rows are those of matching.scores of one fit. Candidates are what one of the matchers proposed itself;
    `without` names matchers that neither propose nor rank.
    """
    rows = scores.filter(~pl.col(MATCHER).is_in(list(without)))
    proposed = rows.filter(pl.col("own_rank").is_not_null()).select(USER, ITEM).unique()
    ranked = rows.join(proposed, on=[USER, ITEM], how="semi").with_columns(
        rank=pl.col(SCORE).rank(descending=True).over(USER, MATCHER)
    )
    mean = ranked.group_by(USER, ITEM).agg(pl.col("rank").mean()).sort(USER, "rank", ITEM)
    return mean.group_by(USER, maintain_order=True).head(n).select(USER, ITEM)

"""Why a list is shorter than was asked for, in one sentence."""

import json

from warehouse.snapshot import Snapshot


def why_short(whom: str, n: int, k: int, left: int) -> str | None:
    """Why n items come where k were asked for; None where they are not fewer.

    `left` items are there that lists may hold and the person did not have.

    >>> why_short("user 'a'", 1, 10, 1)
    "1 item is all that is left for user 'a': fewer than the 10 asked for."
    >>> why_short("this visitor", 3, 10, 9)
    '3 items are all that models proposed and rules allow for this visitor: fewer than the 10 asked for.'
    >>> why_short("this visitor", 0, 10, 0)
    'Nothing is left for this visitor: the history has every item that lists may hold.'
    """
    if n >= k:
        return None
    if n == 0 and left == 0:
        return f"Nothing is left for {whom}: the history has every item that lists may hold."
    if n == 0:
        return f"Nothing is there for {whom}: models proposed nothing that rules allow."
    count = "1 item is" if n == 1 else f"{n:,} items are"
    what = "is left" if n == left else "models proposed and rules allow"
    return f"{count} all that {what} for {whom}: fewer than the {k:,} asked for."


def why_user_short(snapshot: Snapshot, user_id: str, n: int, k: int) -> str | None:
    """The same of a user's published list of n items."""
    if n >= k:
        return None
    left = snapshot.query("items_left", user_id=user_id)["items"][0]
    whom = f"user {user_id!r}"
    if n and n == _list_length(snapshot):
        return f"{n:,} items are a whole published list, of the {k:,} asked for: list_length in [fusion]."
    return why_short(whom, n, k, left)


def _list_length(snapshot: Snapshot) -> int | None:
    """How long lists were to be when they were made; None where it is not known."""
    runs = snapshot.query("last_runs")
    runs = runs.filter(runs["stage"] == "fusion")
    return json.loads(runs["settings"][0])["fusion"]["list_length"] if runs.height else None

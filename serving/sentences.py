"""What is known of a recommendation, in one plain sentence: filled templates, nothing is written freely."""

from collections.abc import Mapping, Sequence

# What people read in the place of a matcher's name; one that is not here is called by its name.
LABELS = {
    "cosine_max": "what its texts say",
    "cosine_mean": "what all its texts say together",
    "cosine_logsumexp": "what its texts say",
    "cosine_attention": "what its texts say, weighed by what was learned",
    "content_knn": "likeness to your history",
    "two_tower": "a learned match of your history with its content",
    "factor_map": "what its content is usually chosen with",
    "ease": "what is chosen together",
    "ease_plain": "what is chosen together, whatever its content",
    "ials": "the choices of people like you",
    "infinite_ae": "the choices of people whose histories are like yours",
    "slit": "what is chosen next",
    "sasrec": "the order of your choices",
    "popularity": "what is popular now",
    "category_popularity": "what is popular in your categories",
    "inverse_popularity": "what few people know",
    "relevance_student": "a language model's judgement",
    "search_keyword": "the words of the query",
    "search_semantic": "the meaning of the query",
}
MOST_NAMED = 2
NAMED_FROM = 0.1  # a smaller share is not named beside a larger one
LEAST_NAMED = 0.005  # less would be written as 0%
MOST_OF_IT = 0.5


def label(matcher: str) -> str:
    """What people read in the place of a matcher's name.

    >>> label("slit"), label("my_own_model")
    ('what is chosen next', 'my own model')
    """
    return LABELS.get(matcher, matcher.replace("_", " "))


def shares(contributions: Mapping[str, float]) -> dict[str, float]:
    """Each model's part of all that was said for or against, the largest first; without signs they add to 1.

    >>> shares({"slit": 1.0, "ease": 2.0, "inverse_popularity": -1.0})
    {'ease': 0.5, 'slit': 0.25, 'inverse_popularity': -0.25}
    """
    total = sum(map(abs, contributions.values()))
    largest_first = sorted(contributions.items(), key=lambda entry: -entry[1])
    return {name: value / total if total else 0.0 for name, value in largest_first}


def sentence(
    contributions: Mapping[str, float],
    text: str | None = None,
    like: str | None = None,
    cause: str | None = None,
) -> str:
    """Why an item is recommended, in one sentence: the models' contributions to its score, its text, a title.

    `like` is the title of the item in the history that is most like it. `cause`, of that without which it
    would stand further down, goes before `like`.

    >>> sentence({"sasrec": 0.6, "ease": 0.2, "popularity": -0.2}, "A tense voyage.", like="Alien (1979)")
    'Like "Alien (1979)" in your history; its text says: "A tense voyage."; mostly from the order of your \
choices (60%) and what is chosen together (20%).'
    >>> sentence({"sasrec": 0.001, "ease": -0.6}, "A tense voyage.")  # less than 0.5% of it is not told
    'Its text says: "A tense voyage."'
    >>> sentence({"sasrec": 0.5}, cause="Alien (1979)")
    'Because "Alien (1979)" is in your history; mostly from the order of your choices (100%).'
    """
    parts = []
    if cause is not None:
        parts.append(f'because "{cause}" is in your history')
    elif like is not None:
        parts.append(f'like "{like}" in your history')
    if text is not None:
        parts.append(f'its text says: "{text}"')
    if models := _models(shares(contributions)):
        parts.append(models)
    if not parts:
        return "Nothing is known of why."
    line = "; ".join(parts)
    return f"{line[0].upper()}{line[1:]}" + ("" if line.endswith('."') else ".")


def _models(of_all: Mapping[str, float]) -> str:
    """The one or two models that say most for an item."""
    named = [(name, share) for name, share in of_all.items() if share > 0][:MOST_NAMED]
    named = [(name, share) for name, share in named if share >= NAMED_FROM] or named[:1]
    named = [(name, share) for name, share in named if share >= LEAST_NAMED]
    if not named:
        return ""
    how = "mostly" if sum(share for _, share in named) >= MOST_OF_IT else "in part"
    return f"{how} from {_and([f'{label(name)} ({share:z.0%})' for name, share in named])}"


def _and(parts: Sequence[str]) -> str:
    return " and ".join(parts)


def without(title: str, place: int, place_without: int, n_candidates: int) -> str:
    """What an item's place would be if one action had not happened; both places are made in the same way.

    >>> without("Heat (1995)", 3, 14, 700)
    'Scored again without "Heat (1995)" in the history, it is in place 14 of 700; with all of it, in place 3.'
    """
    again = f'Scored again without "{title}" in the history, it'
    if place == place_without:
        return f"{again} scores less, but stays in place {place} of {n_candidates}."
    return f"{again} is in place {place_without} of {n_candidates}; with all of it, in place {place}."


def lacking(score: float, lowest_listed: float | None, length: int, rules: Sequence[str] = ()) -> str:
    """What a candidate lacks that is not in the published list; `rules` had a part in its order.

    >>> lacking(0.9, 1.25, 100)
    'Its score is 0.900; the lowest of the 100 listed items has 1.250, so it lacks 0.350.'
    """
    if lowest_listed is None:
        return f"Its score is {score:z.3f}; nothing is listed at all."
    if score > lowest_listed:
        by = f"diversity or the {'rule' if len(rules) == 1 else 'rules'} {', '.join(map(repr, rules))}"
        return (
            f"Its score is {score:z.3f}, above the lowest of the {length} listed items "
            f"({lowest_listed:z.3f}): {by if rules else 'diversity'} put another in its place."
        )
    return (
        f"Its score is {score:z.3f}; the lowest of the {length} listed items has {lowest_listed:z.3f}, "
        f"so it lacks {lowest_listed - score:z.3f}."
    )

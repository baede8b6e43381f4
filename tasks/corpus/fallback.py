"""The plain text that is shown where no model wrote a good one."""

from collections.abc import Callable

from tasks.items.content import neutral, shortened
from tasks.items.item import Item

TITLE_WORDS = 20
# For the angles of the built-in sets; `{kind}` is "a film from 1995", `{traits}` the categories.
_BY_ANGLE = {
    "activity": ("What there is at {name}, {kind}: {traits}.", "There is something to do at {name}, {kind}."),
    "audience": ("For those who like {traits}: {name}, {kind}.", "For those who look for {kind}: {name}."),
    "moment": ("When it is time for {traits}: {name}, {kind}.", "There is a time for {name}, {kind}."),
    "mood": ("{name}, {kind}, feels like {traits}.", "{name}, {kind}, has a mood of its own."),
    "purpose": ("{name} is {kind} for {traits}.", "{name} is {kind} that has its purpose."),
    "reason": ("Who follows {traits} may want {name}, {kind}.", "There may be a reason for {name}, {kind}."),
    "story": ("{name} is {kind} with {traits}.", "{name} is {kind}."),
    "style": ("{name}, {kind}, has the style of {traits}.", "{name}, {kind}, has a style of its own."),
    "topic": ("{name} is {kind} about {traits}.", "{name} is what {kind} is about."),
    "use": ("{name} is {kind} to use for {traits}.", "{name} is {kind} to use."),
}
_ANY_ANGLE = ("{name}, {kind}; {angle}: {traits}.", "{name}, {kind}; {angle}.")


def fallback_text(
    item: Item, noun: str, angle: str, may_show: Callable[[str], bool] = lambda _part: True
) -> str:
    """One true sentence from title, year and categories, never empty.

    A title or category that `may_show` refuses is left out.

    >>> fallback_text(Item("Toy Story", 1995, ["Animation", "Comedy"]), "film", "audience")
    'For those who like animation and comedy: Toy Story, a film from 1995.'
    >>> fallback_text(Item("", None, []), "article", "as_gift")
    'This one, an article; as gift.'
    """
    title = shortened(item.title, TITLE_WORDS).rstrip(".!?")
    name = title if title and may_show(item.title) else "This one"
    traits = [neutral(category).lower() for category in item.categories if may_show(category)]
    traits = [trait for trait in traits if trait]
    kind = f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"
    with_traits, without = _BY_ANGLE.get(angle, _ANY_ANGLE)
    text = (with_traits if traits else without).format(
        name=name,
        kind=kind if item.year is None else f"{kind} from {item.year}",
        traits=_listed(traits),
        angle=angle.replace("_", " "),
    )
    return text[:1].upper() + text[1:]


def _listed(words: list[str]) -> str:
    """Words as a sentence lists them.

    >>> _listed(["action"]), _listed(["action", "crime", "drama"])
    ('action', 'action, crime and drama')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)

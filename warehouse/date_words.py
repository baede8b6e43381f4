"""How people write dates: patterns that bring them, step by step, into the form of ISO 8601.

A step is a pattern and what takes its place; steps are taken in order, on every text. Case does not matter.
Month names become `m01` to `m12`.
"""

Steps = list[tuple[str, str]]

FULL_WIDTH = ("０１２３４５６７８９：／．，－", "0123456789:/.,-")
"""Signs of the width of a Chinese character, and what they stand for."""

_MONTHS = (
    "jan january januar jänner jaenner januari janvier janv janeiro gennaio gen enero ene",
    "feb february februar februari février fevrier févr fevr fév febbraio febrero fevereiro fev",
    "mar march märz maerz mär mrz mars marzo março marco maart mrt marts",
    "apr april avril avr aprile abril abr",
    "may mai maggio mag mayo maio mei maj",
    "jun june juni juin giugno giu junio junho",
    "jul july juli juillet juil luglio lug julio julho",
    "aug august août aout agosto ago augustus augusti",
    "sep sept september septembre settembre set septiembre setembro",
    "oct october oktober okt octobre ottobre ott octubre outubro out",
    "nov november novembre noviembre novembro",
    "dec december dezember dez décembre decembre déc dicembre dic diciembre dezembro desember des",
)
_WEEKDAYS = (
    "mon monday tue tues tuesday wed wednesday thu thur thurs thursday fri friday sat saturday sun sunday "
    "mo di mi do fr sa so montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag "
    "lun lundi mardi mer mercredi jeu jeudi ven vendredi sam samedi dim dimanche lunes martes miércoles "
    "jueves viernes sábado domingo lunedì martedì mercoledì giovedì venerdì sabato"
)
_BETWEEN = "de|of|at|um|uhr|den|the|del|alle|às|à|le"


def _any(words: str) -> str:
    return "|".join(sorted(words.split(), key=len, reverse=True))


WORDS: Steps = [
    (r"^(?:" + _any(_WEEKDAYS) + r")\b[.,]* *", ""),
    *(
        (rf"(^|[^\pL])(?:{_any(words)})\.?($|[^\pL])", rf"\1 m{number:02} \2")
        for number, words in enumerate(_MONTHS, start=1)
    ),
    (rf"(^|[ \d])(?:{_BETWEEN})\.?($| )", r"\1 "),
    (r" *\([^()]*\)$", ""),  # the name of a zone behind its offset, as browsers write it
    (r" +", " "),
    (r"^ ", ""),
    (r"^(\d{1,2})(?:st|nd|rd|th|er|[.º])? ?[/-]? ?m(\d\d) ?[/-]? ?(\d{4})(.*)$", r"\3-\2-\1 \4"),
    (r"^(\d{1,2})(?:st|nd|rd|th|er|[.º])? ?[/-]? ?m(\d\d) ?[/-]? ?(\d\d)(\D.*)?$", r"Y\3-\2-\1 \4"),
    (r"^m(\d\d) (\d{1,2}) (\d{1,2}:\d\d(?::\d\d)?)( .*)? (\d{4})$", r"\5-\1-\2 \3\4"),
    (r"^m(\d\d) ?[/-]? ?(\d{1,2})(?:st|nd|rd|th|\.)?[ /-]+(\d{4})(.*)$", r"\3-\1-\2 \4"),
    (r"^(\d{4}) ?[/-]? ?m(\d\d) ?[/-]? ?(\d{1,2})(.*)$", r"\1-\2-\3 \4"),
]
"""Weekdays and months by their names, in eight languages."""

MARKS: Steps = [
    (r"(?:上午|午前|오전) *([\d:时時点點시 分분秒초]+)", r" \1 am"),
    (r"(?:下午|午後|오후) *([\d:时時点點시 分분秒초]+)", r" \1 pm"),
    (r"(\d{1,2}) ?[时時点點시] ?(?:(\d{1,2}) ?[分분])?(?: ?(\d{1,2}) ?[秒초])?", r" \1:\2:\3"),
    (r"^(\d{4}) ?[年년] ?(\d{1,2}) ?[月월] ?(\d{1,2}) ?[日일]?(.*)$", r"\1-\2-\3 \4"),
    (r" +", " "),
]
"""Dates and times with a Chinese, Japanese or Korean word behind each number."""

LETTERS: Steps = [
    (r" (\d{1,2}) ?h ?(\d\d)?\b", r" \1:\2"),
    *((rf" 0?{hour}((?::\d\d)*(?:\.\d+)?) ?p\.?m\b\.?", rf" {hour + 12}\1") for hour in range(1, 12)),
    (r" 12((?::\d\d)*(?:\.\d+)?) ?a\.?m\b\.?", r" 00\1"),
    (r" (\d{1,2}(?::\d\d)*(?:\.\d+)?) ?[ap]\.?m\b\.?", r" \1"),
]
"""Times of twelve hours, and times with an h."""

TIMES: Steps = [
    (r"^(\d{4}-\d{1,2}-\d{1,2}) ?[T:_-] ?(\d)", r"\1 \2"),
    (r"^(\S+ \d{1,2})\.(\d\d)(?:\.(\d\d))?( .*)?$", r"\1:\2:\3\4"),
    (r"^(\S+ \d{1,2})$", r"\1:00"),
    (r":+( |$)", r"\1"),
    (r"^(\S+ \d{1,2})( |$)", r"\1:00\2"),
    (r"(:\d\d(?:\.\d+)?) ?(?:UTC|GMT)?([+-]\d\d):?(\d\d)?$", r"\1\2:\3"),
    (r":$", ""),
    (r"^(\S+) *$", r"\1"),
]
"""The time behind a date that is as ISO 8601 writes it."""

_YEARS = [(r"^Y([0-6]\d)-", r"20\1-"), (r"^Y([7-9]\d)-", r"19\1-")]

FIRST: Steps = [
    (r"^(\d{8,19}),\d+$", r"\1"),  # a number of seconds with a decimal comma
    (r"(:\d\d),(\d+)", r"\1.\2"),
    (r"[\s\x{a0}\x{202f},]+", " "),
]

NUMBERS: Steps = [
    (r"^(\d{4}) ?[./] ?(\d{1,2}) ?[./] ?(\d{1,2})\.?(\D.*)?$", r"\1-\2-\3 \4"),
    (r"^(\d{4})(\d\d)(\d\d)[T _-](\d\d):?(\d\d)(?::?(\d\d))?(.*)$", r"\1-\2-\3 \4:\5:\6\7"),
]
"""Dates in numbers, the year first."""

_ORDERS = {"day_first": r"\3-\2-\1 \4", "month_first": r"\3-\1-\2 \4"}


def in_order(dots: str | None, others: str | None) -> Steps:
    """Dates in numbers, the year last, by the order of day and month where dots or other signs are between.

    Where the order is not known, a date is read that can have one order only.
    """
    steps: Steps = []
    for signs, order in ((r"\.", dots), (r"[/-]", others)):
        between = rf" ?{signs} ?"
        for first, second, how in (
            [(r"\d{1,2}", r"\d{1,2}", order)]
            if order
            else [
                (r"1[3-9]|2\d|3[01]", r"0?\d|1[0-2]", "day_first"),
                (r"0?\d|1[0-2]", r"1[3-9]|2\d|3[01]", "month_first"),
            ]
        ):
            start = rf"^({first}){between}({second}){between}"
            steps.append((rf"{start}(\d{{4}})(\D.*)?$", _ORDERS[how]))
            steps.append((rf"{start}(\d\d)(\D.*)?$", "Y" + _ORDERS[how]))
    return [*steps, *_YEARS, (" +", " ")]

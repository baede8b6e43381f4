"""Personal data and links in a text, by their form and, where there is one, their check digit."""

import re

_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}\s?(?:@|\(at\)|\[at\])\s?[\w-]{1,63}\s?(?:\.|\(dot\)|\[dot\])\s?\w{2,}",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"(?<![\w+])\+?\(?\d(?:[ ().\-/]{0,3}\d){6,}(?!\w)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
_LINK = re.compile(
    r"\b(?:https?|ftp)\s?:\s?/\s?/|\bwww\d?\.\w"
    r"|(?<![\w-])[\w-]{2,63}\.(?:com|org|net|info|biz|io|co|app|dev|shop|online|site|xyz|ru|cn|de|uk|fr|tv|me|ly|gg|to)(?![\w.]\w)",
    re.IGNORECASE,
)
_PHONE_DIGITS = range(9, 16)  # E.164 allows 15; what is shorter is a span of years or a count
_CARD_DIGITS = range(13, 20)


def personal_data(text: str) -> str | None:
    """Name the first kind of personal data that a text holds.

    >>> personal_data("Mail jo.doe@mail.org."), personal_data("Call +44 20 7946 0958.")
    ('e-mail address', 'phone number')
    >>> personal_data("Seen 1939-1945.")
    """
    if _EMAIL.search(text):
        return "e-mail address"
    if any(is_iban(found.group()) for found in _IBAN.finditer(text)):
        return "bank account"
    for found in _DIGITS.finditer(text):
        digits = re.sub(r"\D", "", found.group())
        if len(digits) in _CARD_DIGITS and passes_luhn(digits):
            return "card number"
        if len(digits) in _PHONE_DIGITS or (len(digits) >= 7 and found.group().startswith("+")):
            return "phone number"
    return None


def has_link(text: str) -> bool:
    """Whether a text holds the address of a page.

    >>> has_link("See www.films.example."), has_link("Go to films.com."), has_link("Of L.A. in 3.5 acts.")
    (True, True, False)
    """
    return bool(_LINK.search(text))


def passes_luhn(digits: str) -> bool:
    """The check of card numbers (ISO/IEC 7812): every second digit doubled, the sum a multiple of ten.

    >>> passes_luhn("4111111111111111"), passes_luhn("4111111111111112")
    (True, False)
    """
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def is_iban(text: str) -> bool:
    """The check of bank accounts (ISO 13616): the first four moved last, letters as 10 to 35; 1 modulo 97.

    >>> is_iban("GB82 WEST 1234 5698 7654 32"), is_iban("GB82 WEST 1234 5698 7654 33")
    (True, False)
    """
    plain = text.replace(" ", "")
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1

"""The one form in which an address, a number or a name is hashed: as the platforms' own guides describe it.

Google: "Format your customer data file" (support.google.com/google-ads/answer/7659867) and "Customer Match" of the
Google Ads API. Meta: "Customer file custom audiences", hashing and normalising (developers.facebook.com). TikTok:
"Create a custom audience with a customer file" (ads.tiktok.com/help). What they say is told at each function.
"""

import re
import unicodedata
from hashlib import sha256

from segments.audiences.countries import country

# E.164 allows 15 digits; no country has subscribers with fewer than seven digits and their calling code.
_FEWEST_DIGITS, _MOST_DIGITS = 7, 15
# From here on a number that begins with its country's calling code, and not with a trunk prefix, is taken to have it.
_DIGITS_WITH_AREA = 9
# A trunk prefix in brackets, as in +44 (0)20 7946 0000, is not dialled from abroad.
_BRACKETED_TRUNK = re.compile(r"\(\s*0\s*\)")
_NO_DIGITS = re.compile(r"[^0-9]+")
# What people write between digits; whatever else stands there makes it something that is no number.
_NUMBER = re.compile(r"\+?[0-9\s().\-/–]+")
# An extension is no part of the number that a platform knows.
_EXTENSION = re.compile(r"\s*(?:ext\.?|x|#)\s*[0-9]+$", re.IGNORECASE)
_GOOGLE_MAIL = ("gmail.com", "googlemail.com")


def hashed(text: str) -> str:
    """SHA-256 of the text's UTF-8, as 64 lower-case hexadecimal digits; nothing for nothing."""
    return sha256(text.encode()).hexdigest() if text else ""


def email(address: str) -> str:
    """Trimmed and in lower case, spaces taken out wherever they are: all three say so. Nothing for what is no address.

    Only the domain tells whether letters' case counts, and no platform heeds it.
    """
    text = "".join(address.split()).lower()
    name, at, domain = text.rpartition("@")
    return text if at and name and "." in domain else ""


def google_email(address: str) -> str:
    """As `email`; of gmail.com and googlemail.com addresses the dots before the @ go, too.

    What follows a plus stays: the guide of Customer Match takes nothing but the dots out.
    """
    text = email(address)
    name, _, domain = text.rpartition("@")
    return f"{name.replace('.', '')}@{domain}" if domain in _GOOGLE_MAIL else text


def phone(number: str, country_name: str = "") -> str:
    """E.164: a plus, the calling code and the number, digits only; nothing for what cannot be brought to that form.

    A number that begins with + or 00 has its calling code. Any other gets that of the customer's country and loses
    its trunk prefix; where the country is not known nobody can say whose number it is.
    """
    text = _EXTENSION.sub("", unicodedata.normalize("NFKC", number).strip())
    if not _NUMBER.fullmatch(text):
        return ""
    is_international = text.startswith(("+", "00"))
    digits = _NO_DIGITS.sub("", _BRACKETED_TRUNK.sub("", text) if is_international else text)
    digits = digits.removeprefix("00") if is_international else _with_calling_code(digits, country_name)
    is_possible = _FEWEST_DIGITS <= len(digits) <= _MOST_DIGITS and not digits.startswith("0")
    return f"+{digits}" if is_possible else ""


def _with_calling_code(digits: str, country_name: str) -> str:
    known = country(country_name)
    if known is None:
        return ""
    is_longer = len(digits) > known.longest
    has_area = bool(known.trunk) and len(digits) >= len(known.calling) + _DIGITS_WITH_AREA
    if digits.startswith(known.calling) and (is_longer or has_area):
        # The calling code is there, only its plus is not.
        rest = digits.removeprefix(known.calling)
    else:
        rest = digits.removeprefix(known.trunk)
    return f"{known.calling}{rest}" if 0 < len(rest) <= known.longest else ""


def meta_phone(number: str, country_name: str = "") -> str:
    """Meta: the same digits with their calling code, without plus, signs and leading zeros."""
    return phone(number, country_name).removeprefix("+")


def meta_name(name: str) -> str:
    """Meta: lower case without punctuation; letters of other alphabets stay, as UTF-8."""
    return " ".join("".join(sign for sign in name.lower() if not _is_punctuation(sign)).split())


def meta_city(city: str) -> str:
    """Meta: lower case without punctuation and without spaces."""
    return meta_name(city).replace(" ", "")


def meta_country(name: str) -> str:
    """Meta: the two letters of ISO 3166-1 in lower case; nothing for a country that is not known."""
    known = country(name)
    return known.code.lower() if known else ""


def _is_punctuation(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "PSC"

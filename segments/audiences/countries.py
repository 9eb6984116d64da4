"""Countries as customers' records name them, and how telephone numbers are dialled there (ITU-T E.164 and E.123)."""

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Country:
    """One country.

    code      two letters of ISO 3166-1      calling   its calling code, digits without +
    trunk     what comes before a number that is dialled within the country and is left out from abroad; "" for none
    longest   most digits that a number has after the calling code
    """

    code: str
    calling: str
    trunk: str
    longest: int


# Code, calling code, trunk prefix (- for none), longest number, then names: the English one and those of the country.
_TABLE = """
AE 971 0 9 United Arab Emirates,UAE
AR 54 0 11 Argentina
AT 43 0 13 Austria,Österreich
AU 61 0 9 Australia
BD 880 0 10 Bangladesh
BE 32 0 9 Belgium,Belgique,België
BG 359 0 9 Bulgaria,България
BR 55 0 11 Brazil,Brasil
CA 1 1 10 Canada
CH 41 0 9 Switzerland,Schweiz,Suisse,Svizzera
CL 56 - 9 Chile
CN 86 0 11 China
CO 57 - 10 Colombia
CR 506 - 8 Costa Rica
CY 357 - 8 Cyprus,Κύπρος
CZ 420 - 9 Czechia,Czech Republic,Česko
DE 49 0 11 Germany,Deutschland
DK 45 - 8 Denmark,Danmark
DZ 213 0 9 Algeria,Algérie
EC 593 0 9 Ecuador
EE 372 - 8 Estonia,Eesti
EG 20 0 10 Egypt
ES 34 - 9 Spain,España
FI 358 0 12 Finland,Suomi
FR 33 0 9 France
GB 44 0 10 United Kingdom,UK,Great Britain,England,Scotland,Wales,Northern Ireland
GH 233 0 9 Ghana
GR 30 - 10 Greece,Ελλάδα
HK 852 - 8 Hong Kong
HR 385 0 9 Croatia,Hrvatska
HU 36 06 9 Hungary,Magyarország
ID 62 0 12 Indonesia
IE 353 0 9 Ireland,Éire
IL 972 0 9 Israel
IN 91 0 10 India
IS 354 - 7 Iceland,Ísland
IT 39 - 11 Italy,Italia
JP 81 0 10 Japan
KE 254 0 9 Kenya
KR 82 0 10 South Korea,Korea
LI 423 - 7 Liechtenstein
LK 94 0 9 Sri Lanka
LT 370 0 8 Lithuania,Lietuva
LU 352 - 9 Luxembourg
LV 371 - 8 Latvia,Latvija
MA 212 0 9 Morocco,Maroc
MC 377 - 9 Monaco
MT 356 - 8 Malta
MX 52 - 10 Mexico,México
MY 60 0 10 Malaysia
NG 234 0 10 Nigeria
NL 31 0 9 Netherlands,The Netherlands,Holland,Nederland
NO 47 - 8 Norway,Norge
NZ 64 0 10 New Zealand
PE 51 0 9 Peru,Perú
PH 63 0 10 Philippines
PK 92 0 10 Pakistan
PL 48 - 9 Poland,Polska
PT 351 - 9 Portugal
RO 40 0 9 Romania,România
RS 381 0 9 Serbia,Srbija,Србија
SA 966 0 9 Saudi Arabia
SE 46 0 9 Sweden,Sverige
SG 65 - 8 Singapore
SI 386 0 8 Slovenia,Slovenija
SK 421 0 9 Slovakia,Slovensko
TH 66 0 9 Thailand
TN 216 - 8 Tunisia,Tunisie
TR 90 0 10 Turkey,Türkiye
TW 886 0 9 Taiwan
UA 380 0 9 Ukraine,Україна
US 1 1 10 United States,USA,United States of America,U.S.A.,U.S.,America
UY 598 0 8 Uruguay
VN 84 0 10 Vietnam,Viet Nam
ZA 27 0 9 South Africa
"""


def country(name: str) -> Country | None:
    """The country that is called so, in English or by itself, or by its two letters; None when it is not known."""
    return _by_name().get(name.strip().casefold())


@cache
def _by_name() -> dict[str, Country]:
    found: dict[str, Country] = {}
    for line in _TABLE.strip().splitlines():
        code, calling, trunk, longest, names = line.split(" ", 4)
        one = Country(code, calling, "" if trunk == "-" else trunk, int(longest))
        found |= {name.casefold(): one for name in (code, *names.split(","))}
    return found

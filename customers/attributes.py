"""The registry of what is known about customers: the built-in columns, how files call them and how people read them."""

from dataclasses import dataclass

from customers.files.schema import Column, Kind
from customers.models import Consent, Gender

BUILT_IN: tuple[Column, ...] = (
    Column(
        "external_id",
        "Customer id",
        Kind.TEXT,
        max_length=200,
        is_required=True,
        aliases=("customer", "customer no", "customer number", "customer key", "cust id", "client id", "user id", "account id", "id"),
    ),
    Column("first_name", "First name", Kind.TEXT, max_length=200, aliases=("given name", "forename", "fname")),
    Column("last_name", "Last name", Kind.TEXT, max_length=200, aliases=("surname", "family name", "lname")),
    Column("email", "E-mail", Kind.EMAIL, max_length=254, aliases=("email address", "mail", "mail address")),
    Column("phone", "Phone", Kind.TEXT, max_length=50, aliases=("phone number", "telephone", "mobile", "tel")),
    Column(
        "gender",
        "Gender",
        Kind.CATEGORY,
        categories={
            Gender.FEMALE.value: ("f", "w", "woman"),
            Gender.MALE.value: ("m", "man"),
            Gender.OTHER.value: ("diverse", "d", "x", "non-binary", "nonbinary"),
        },
        aliases=("genre", "sex"),
    ),
    Column(
        "birth_date", "Birth date", Kind.DATE, aliases=("date of birth", "birthday", "dob", "born", "born on")
    ),
    Column("age", "Age", Kind.NUMBER, unit="years", minimum=0, maximum=130, aliases=("age in years",)),
    Column(
        "annual_income",
        "Annual income",
        Kind.NUMBER,
        unit="k$",
        minimum=0,
        aliases=("income", "yearly income", "salary"),
        factors={"$": 0.001, "usd": 0.001},
    ),
    Column(
        "spending_score",
        "Spending score",
        Kind.NUMBER,
        minimum=0,
        maximum=100,
        aliases=("spend score", "score", "spending"),
    ),
    Column("city", "City", Kind.TEXT, max_length=200, aliases=("town",)),
    Column("country", "Country", Kind.TEXT, max_length=100, aliases=("country code", "nation")),
    Column(
        "joined_on",
        "Joined on",
        Kind.DATE,
        aliases=("joined", "join date", "signup date", "sign up date", "registered on", "customer since"),
    ),
    Column(
        "consent",
        "Consent",
        Kind.CATEGORY,
        categories={
            Consent.GRANTED.value: ("yes", "y", "true", "1", "opt-in", "subscribed"),
            Consent.DENIED.value: ("no", "n", "false", "0", "opt-out", "unsubscribed"),
            Consent.UNKNOWN.value: ("n/a", "na", "none", "-"),
        },
        aliases=("marketing consent", "opt in", "newsletter"),
    ),
)


@dataclass(frozen=True, slots=True)
class FeatureLabel:
    """How people read a feature: its name and its unit."""

    label: str
    unit: str = ""

    @property
    def with_unit(self) -> str:
        """`Annual income (k$)`, or the label alone when there is no unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


def columns() -> tuple[Column, ...]:
    """Every column that an import can fill, in the order in which people read them."""
    return BUILT_IN


def column(key: str) -> Column:
    """The column of that key. Raises KeyError."""
    for one in columns():
        if one.key == key:
            return one
    raise KeyError(key)


def feature_labels() -> dict[str, FeatureLabel]:
    """What segmentations can be made of: each numeric column's key, with how people read it."""
    return {one.key: FeatureLabel(one.label, one.unit) for one in columns() if one.kind is Kind.NUMBER}

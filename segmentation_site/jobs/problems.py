"""What can go wrong for a user, as something that every door knows how to show."""

from typing import Any, ClassVar

from django.utils.translation import gettext_noop


class Problem(Exception):
    """One thing that can go wrong: a code for programs, a sentence and a remedy for people.

    Subclasses set the class attributes; `sentence` and `remedy` may name the keyword arguments in braces.
    """

    code: ClassVar[str] = "problem"
    sentence: ClassVar[str] = gettext_noop("Something went wrong.")
    remedy: ClassVar[str] = ""
    # What an API answers; pages show the sentence and the remedy.
    http_status: ClassVar[int] = 400
    # Names of facts that an API's caller gets beside the sentence, to act on without reading it.
    told: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, pointer: str = "", **facts: Any) -> None:
        self.facts = facts
        self.pointer = pointer
        super().__init__(self.detail)

    @property
    def members(self) -> dict[str, Any]:
        """The facts that programs are told, by name."""
        return {name: self.facts[name] for name in self.told}

    @property
    def detail(self) -> str:
        """The sentence and the remedy, filled in."""
        text = f"{self.sentence} {self.remedy}".strip()
        return text.format(**self.facts) if self.facts else text

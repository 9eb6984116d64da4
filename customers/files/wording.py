"""Sentences that pages translate when they show them."""


def gettext_noop(text: str) -> str:
    """Marks a sentence, or a template of some, for the catalogues; English it is and stays here."""
    return text

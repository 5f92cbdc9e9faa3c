"""Which language a text is in, by the model that the package py3langid carries.

Knows nothing about documents or questions.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

_PIECE = 2_000  # characters; three pieces of this size are looked at


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def language_of(text: str) -> str:
    """The ISO 639 code of the language of a document, from its start, middle and end."""
    if len(text) > 3 * _PIECE:
        middle = (len(text) - _PIECE) // 2
        text = " ".join((text[:_PIECE], text[middle : middle + _PIECE], text[-_PIECE:]))
    return str(_identifier().classify(text)[0])


def probability(text: str, language: str) -> float:
    """How likely it is that a short text is in a language, between 0 and 1."""
    return float(dict(_identifier().rank(text)).get(language, 0.0))

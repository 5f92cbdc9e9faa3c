"""A benchmark's template, cut at the document into what stands before and after it."""

from __future__ import annotations

from ..sample import Prompt


def split_template(
    template: str, *, document: str, fields: dict[str, str], chat: bool = False
) -> Prompt:
    """Fill a `str.format` template everywhere but at `{document}`.

    Args:
        document: the name of the document's field.
        fields: the other fields; what they hold is never read as a template.

    Raises:
        ValueError: the template has no such document field.
        KeyError: a field of the template is missing.
    """
    before, found, after = template.partition(f"{{{document}}}")
    if not found:
        raise ValueError(f"the template has no field {{{document}}}")
    return Prompt(before.format(**fields), after.format(**fields), chat=chat)


def paper_question(prompt: Prompt) -> str:
    """What the published evaluation takes for the question: from the last "Question" on.

    It cuts inside instructions such as "Question 1. ..." (reference D.3, 9).
    """
    text = prompt.after + prompt.reply
    start = text.rfind("Question")
    return text if start < 0 else text[start:]

"""The version of the prompts: a hash over all templates that make-lqa uses."""

from __future__ import annotations

import hashlib

from lcirc_cli.lqa.settings import KINDS
from lcirc_cli.prompts import load

GROUPS = ("span", "list", "yes_no", "choice")  # kinds that answers are asked for in alike
TEMPLATES = (
    "system",
    "question",
    "question_multi",
    "question_unanswerable",
    "kind_span",
    "kind_number",
    "kind_yes_no",
    "kind_list",
    "kind_choice",
    "support",
    "evidence_answer",
    "closed_book",
    "document_answer",
    "answer_span",
    "answer_number",
    "answer_yes_no",
    "answer_list",
    "answer_choice",
    *(f"local/question_{kind}" for kind in KINDS),
    *(f"local/{check}_{kind}" for check in ("evidence", "closed_book") for kind in GROUPS),
    "probe",
    "local/system",
    "local/support",
    "local/document_answer",
)


def prompt_hashes() -> dict[str, str]:
    """For each template the first 16 hexadecimal digits of its SHA-256."""
    return {
        name: hashlib.sha256(load(f"lqa/{name}.txt").encode()).hexdigest()[:16]
        for name in TEMPLATES
    }


def prompts_version() -> str:
    """One hash of 16 hexadecimal digits over all templates."""
    joined = "\n".join(f"{name} {digest}" for name, digest in prompt_hashes().items())
    return hashlib.sha256(joined.encode()).hexdigest()[:16]

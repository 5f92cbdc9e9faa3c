"""A scripted model for the tests of make-lqa: it answers by rules, from the prompt alone.

Questions ask which word follows some words of the key sentence, so that any later request can be
answered from its own text: no state, and the same reply to the same request for ever. A share of
the pairs is spoiled on purpose, each in a way that one of the filters must notice.
"""

from __future__ import annotations

import hashlib
import json
import re
from itertools import pairwise

SPOILS = ("quote", "answer", "known", "long", "pointing")
_SPOILED_OF_100 = 30


def reply_to(user: str) -> str:
    """The reply to a prompt, as JSON."""
    if "Write one question" in user:
        return json.dumps(_question(user))
    question = _part(user, "QUESTION")
    if user.startswith("Does the evidence prove"):
        return json.dumps({"supported": _yes(_part(user, "ANSWER"), question, user)})
    if user.startswith("Answer the question from the evidence"):
        return json.dumps(_from_evidence(user, question))
    if user.startswith("Answer the question from what you know"):
        return json.dumps(_closed_book(user, question))
    if user.startswith("Below are the parts of a long document"):
        found = _draw(question, "answerable") < 20
        return json.dumps({"answerable": found, "answer": "it does" if found else "", "quote": ""})
    if "ok" in user:
        return '{"ok": true}'
    raise AssertionError(f"an unknown prompt: {user[:80]!r}")


def _draw(*labels: str) -> int:
    digest = hashlib.sha256("\x1f".join(labels).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") % 100


def _part(user: str, heading: str) -> str:
    """The text under a heading in capitals, up to the next empty line."""
    match = re.search(rf"^{heading}[^\n]*\n(.*?)(?=\n\n|\Z)", user, re.DOTALL | re.MULTILINE)
    return match.group(1).strip() if match else ""


def _evidence(user: str) -> str:
    match = re.search(r"^EVIDENCE\n(.*?)\n\nQUESTION\n", user, re.DOTALL | re.MULTILINE)
    assert match is not None
    return match.group(1)


def _words(text: str) -> list[str]:
    return re.findall(r"\S+", text)


def _follower(text: str, lead: str) -> list[str]:
    """The two words that stand after `lead` in a text."""
    even = " ".join(text.split())
    at = even.find(lead + " ")
    return even[at + len(lead) + 1 :].split()[:2] if at != -1 else []


def _lead(sentence: str) -> tuple[str, list[str]]:
    """Three words of a sentence and the two that follow them."""
    words = _words(sentence)
    start = _draw(sentence, "lead") % max(1, len(words) - 5)
    lead = " ".join(words[start : start + 3]).replace('"', "'")
    return lead, words[start + 3 : start + 5]


def _question(user: str) -> dict[str, object]:
    if "does NOT answer" in user:
        topic = " ".join(_words(_part(user, "KEY SENTENCE"))[:4])
        return {"question": f"Who first wrote a letter about {topic}?", "missing": "letters"}
    if "passages from different places" in user:
        return _multi_question(user)
    sentence = _part(user, "KEY SENTENCE")
    lead, follow = _lead(sentence)
    task = _part(user, "TASK")
    quote = sentence
    spoiled = _draw(user, "spoil") < _SPOILED_OF_100
    spoil = SPOILS[_draw(user, "which") % len(SPOILS)] if spoiled else ""
    value = _kinds(task, lead, follow, user)
    if spoil == "quote":
        words = _words(quote)
        words[len(words) // 2] = "zyxwv"
        quote = " ".join(words)
    if spoil == "answer" and isinstance(value["answer"], str) and "yes" not in task:
        value["answer"] = "quite another thing"
    if spoil == "known" and isinstance(value["answer"], str):
        value["question"] = f"{value['question']} [known: {value['answer']}]"
    if spoil == "long":
        value["question"] = "Why " * 80 + str(value["question"])
    if spoil == "pointing":
        value["question"] = f"According to the passage, {value['question']}"
    return value | {"quote": quote}


def _kinds(task: str, lead: str, follow: list[str], user: str) -> dict[str, object]:
    if "right answer is" in task:
        wanted = "yes" if '"yes"' in task else "no"
        second = follow[0] if wanted == "yes" else "elephants"
        return {"question": f'Does "{second}" come after "{lead}"?', "answer": wanted}
    if "several things" in task:
        return {"question": f'Which two words come after "{lead}"?', "answer": follow}
    question = f'Which words come after "{lead}"?'
    if "wrong_options" in task:
        passage = _words(_part(user, "PASSAGE"))
        wrong = [f"{a} {b}" for a, b in pairwise(passage)]
        wrong = [pair for pair in dict.fromkeys(wrong) if pair != " ".join(follow)]
        step = max(1, len(wrong) // 3)
        chosen = wrong[::step][:3]
        return {"question": question, "answer": " ".join(follow), "wrong_options": chosen}
    return {"question": question, "answer": " ".join(follow)}


def _multi_question(user: str) -> dict[str, object]:
    passages = re.findall(
        r"^PASSAGE \d\n(.*?)(?=\n\nPASSAGE \d\n|\n\n+OTHER EXTRACTS|\n\n+TASK\n)",
        user,
        re.DOTALL | re.MULTILINE,
    )
    quotes, leads, follows = [], [], []
    for passage in passages:
        words = list(re.finditer(r"\S+", passage))[:20]
        quote = passage[words[0].start() : words[-1].end()]
        lead, follow = _lead(quote)
        quotes.append(quote)
        leads.append(f'"{lead}"')
        follows.append(follow[0])
    task = _part(user, "TASK")
    if "right answer is" in task:
        value = _kinds(task, leads[0].strip('"'), follows[:1], user)
        value["question"] = f"{value['question']} And what about {' and '.join(leads[1:])}?"
    elif "several things" in task:
        value = {"question": f"Which words come after {' and '.join(leads)}?", "answer": follows}
    else:
        value = _kinds(task, leads[0].strip('"'), follows, user)
        value["question"] = f"Which words come after {' and '.join(leads)}?"
    return value | {"quotes": quotes}


def _answers(question: str, text: str) -> list[str]:
    """What the rules of `_kinds` give for a question, from the text."""
    leads = re.findall(r'"([^"]+)"', question)
    if question.startswith("Does"):
        follow = _follower(text, leads[1])
        return ["yes" if follow and follow[0] == leads[0] else "no"]
    if len(leads) > 1:
        return [follow[0] for lead in leads if (follow := _follower(text, lead))]
    return _follower(text, leads[0]) if leads else []


def _bare(question: str) -> str:
    return question.split(" [known:")[0]


def _yes(answer: str, question: str, user: str) -> bool:
    found = _answers(_bare(question), _evidence(user))
    return answer in ("; ".join(found), " ".join(found))


def _from_evidence(user: str, question: str) -> dict[str, object]:
    found = _answers(_bare(question), _evidence(user))
    if '"answer" is the list' in user:
        return {"answerable": bool(found), "answer": found}
    return {"answerable": bool(found), "answer": " ".join(found)}


def _closed_book(user: str, question: str) -> dict[str, object]:
    hint = re.search(r"\[known: (.*?)\]", question, re.DOTALL)
    if hint is None:
        return {"known": False, "answer": [] if '"answer" is the list' in user else ""}
    return {"known": True, "answer": hint.group(1)}

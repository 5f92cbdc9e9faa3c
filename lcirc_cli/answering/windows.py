"""The text that the language model reads itself: the question, and parts of the document.

`build_prompt` is the one place where prompts are made: answering, training and benchmarks call it,
so all of them see the same tokens. Knows nothing about compression.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lcirc_cli.backbones.chat import TemplateError, TemplateLimitError, render
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.errors import UsageError
from lcirc_cli.evidence import Passage, PassageIndex, Text
from lcirc_cli.prompts import fill, load

# Document tokens in the window unless a person says otherwise: about three passages; the head
# and tail that the paper keeps (appendix A.1: windows of 4,096).
BUDGETS = {"evidence": 512, "ends": 4_096, "none": 0}
HISTORY_TURNS = 3

Turn = tuple[str, str]  # a question and its answer


@dataclass(frozen=True)
class Window:
    """A prompt, and how many of its tokens are document text."""

    prompt: list[int]
    shown: int


def build_prompt(
    backbone: Backbone,
    *,
    question: str,
    passages: Sequence[str] = (),
    history: Sequence[Turn] = (),
    form: str = "auto",
) -> list[int]:
    """Token ids that end where the answer begins.

    What looks like a special token in a question or passage is taken apart, so that a document
    can't end a turn. In plain text earlier turns stand between the passages and the question: what
    a question refers to is right before it, and all prompts about the passages begin alike.

    Args:
        form: auto gives turns to a model with a chat template and plain text to any other;
            plain gives plain text to both. An adapter says what it was trained with
            (`LcircConfig.prompt_form`).
    """
    tokenizer: Any = backbone.tokenizer
    asked = _asked(tokenizer, question)
    turns = [(_asked(tokenizer, before), plain(tokenizer, said)) for before, said in history]
    if uses_turns(backbone, form=form):
        text = _conversation(tokenizer, [*turns, (_below(tokenizer, passages, asked), "")])
        return tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    opening = load("ask_answer.txt")
    earlier = "".join(f"{before}{opening} {said}\n\n" for before, said in turns)
    text = _below(tokenizer, passages, earlier + asked) + opening
    return tokenizer(text, verbose=False)["input_ids"]


def uses_turns(backbone: Backbone, *, form: str = "auto") -> bool:
    """Whether prompts are turns of a conversation; if not, an answer ends with its line."""
    return form != "plain" and bool(backbone.tokenizer.chat_template)


def _conversation(tokenizer: Any, turns: Sequence[Turn]) -> str:
    """The turns in the model's own form, up to where it answers the last one."""
    messages = [
        {"role": role, "content": content}
        for turn in turns
        for role, content in zip(("user", "assistant"), turn, strict=True)
    ]
    return as_turns(tokenizer, messages[:-1], system=load("ask_system.txt"))


def as_turns(tokenizer: Any, messages: Sequence[dict[str, str]], *, system: str = "") -> str:
    """Messages in the model's own form, up to where it answers.

    Args:
        system: the system's turn, if there is one; it begins the first message for a model that
            has no such turn.

    Raises:
        TemplateError: the template doesn't take such messages, or goes over a limit.
    """
    if system:
        try:
            return render(tokenizer, [{"role": "system", "content": system}, *messages])
        except TemplateLimitError:
            raise
        except TemplateError:
            begun = {**messages[0], "content": f"{system}\n\n{messages[0]['content']}"}
            messages = [begun, *messages[1:]]
    return render(tokenizer, messages)


def make_window(
    backbone: Backbone,
    index: PassageIndex,
    *,
    kind: str,
    question: str,
    ranked: Sequence[Passage] = (),
    history: Sequence[Turn] = (),
    form: str = "auto",
    budget: int,
    room: int,
) -> Window:
    """The prompt for a question with as much of the indexed texts as `budget` allows.

    Args:
        kind: evidence (the best passages), ends (head and tail) or none.
        ranked: passages from best to worst, for evidence.
        form: see `build_prompt`.
        budget: document tokens.
        room: tokens of the whole prompt, at most. Earlier turns give way first, then the
            document's text.

    Raises:
        UsageError: the question alone is longer than `room`.
    """
    history = list(history)[-HISTORY_TURNS:]
    asked = below_the_last(question, history)
    while True:
        if kind == "evidence":
            texts, shown = best_texts(index, ranked, budget, question=asked)
        elif kind == "ends":
            texts, shown = _ends(index.texts, budget)
        else:
            texts, shown = [], 0
        prompt = build_prompt(
            backbone, question=question, passages=texts, history=history, form=form
        )
        over = len(prompt) - room
        if over <= 0:
            return Window(prompt, shown)
        if history:
            history.pop(0)
        elif shown:
            budget = max(0, min(budget, shown) - over)
        else:
            raise _too_long(len(prompt), room, backbone)


def check_room(
    backbone: Backbone, questions: Sequence[str], *, form: str = "auto", room: int
) -> None:
    """Whether questions have room without any text or earlier turn, before anything is computed.

    Raises:
        UsageError: one of them alone is longer than `room`.
    """
    around = len(build_prompt(backbone, question="?", form=form))
    for question in questions:
        # A token is a byte at least, and a character at most four: most need no closer look.
        if around + 4 * len(question) > room:
            size = len(build_prompt(backbone, question=question, form=form))
            if size > room:
                raise _too_long(size, room, backbone)


def _too_long(size: int, room: int, backbone: Backbone) -> UsageError:
    return UsageError(
        f"the question is too long: {size:,} tokens, and the model {backbone.name} has room for "
        f"{max(0, room):,} besides the answer; shorten it, or lower --max-new-tokens"
    )


def below_the_last(question: str, history: Sequence[Turn]) -> str:
    """A question with the one before it, if there is one, for what is looked up by words."""
    return " ".join([*(before for before, _ in history[-1:]), question])


def best_texts(
    index: PassageIndex, ranked: Sequence[Passage], budget: int, *, question: str
) -> tuple[list[str], int]:
    """The best passages that fit in `budget` tokens, in document order, and how many tokens.

    Of the very best one at least a part is there; the rest of a sentence comes before what is
    ranked below it. Of a table only the rows are there that the question names; all tokens of the
    passage count.
    """
    chosen, used = fitting(index.with_halves(ranked), budget)
    if not chosen and ranked and budget > 0:
        return [index.beginning(ranked[0], tokens=budget)], budget
    chosen.sort(key=lambda passage: passage.first_token)
    return index.shown(chosen, question=question), used


def fitting(ranked: Iterable[Passage], budget: int) -> tuple[list[Passage], int]:
    """The passages up to the first that no longer fits in `budget` tokens, and how many tokens."""
    chosen: list[Passage] = []
    used = 0
    for passage in ranked:
        size = passage.end_token - passage.first_token
        if used + size > budget:
            break
        chosen.append(passage)
        used += size
    return chosen, used


def _ends(texts: Sequence[Text], budget: int) -> tuple[list[str], int]:
    """Head and tail of each text, half of its share each; all of it where it fits."""
    shown: list[str] = []
    used = 0
    share = budget // len(texts)
    for each in texts:
        size = len(each.starts)
        if size <= share:
            shown.append(each.text)
        elif share > 1:
            tail = share // 2
            shown.append(each.text[: each.starts[share - tail]])
            shown.append(each.text[each.starts[size - tail] :])
        used += min(size, share)
    return shown, used


def _asked(tokenizer: Any, question: str) -> str:
    question = plain(tokenizer, question.strip())
    return fill(load("ask_question.txt"), question=question)


def _below(tokenizer: Any, passages: Sequence[str], asked: str) -> str:
    """What is asked, below the passages where there are any."""
    if not passages:
        return asked
    text = "\n\n".join(plain(tokenizer, passage.strip()) for passage in passages)
    return fill(load("ask_passages.txt"), passages=text, asked=asked)


def plain(tokenizer: Any, text: str) -> str:
    """The text with what looks like a special token taken apart."""
    for token in tokenizer.all_special_tokens:
        if len(token) > 1 and token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text

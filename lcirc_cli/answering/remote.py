"""Questions answered by a model on a server, from the passages that we rank for them.

Steering, ranking, citations and the check of the answer are the same as without it; only the
answer's words come from elsewhere. Knows nothing about files or the command line.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

import numpy as np

from lcirc_cli.answering.answer import (
    Answer,
    Finish,
    Read,
    Timings,
    TokenCounts,
    check_settings,
    says_refusal,
)
from lcirc_cli.answering.answerer import Answerer
from lcirc_cli.answering.checked import Checked, bare
from lcirc_cli.answering.follow_ups import needed_turns
from lcirc_cli.answering.shown import READER_TOKENS, Shown, as_text, choose, sent
from lcirc_cli.answering.waiting import run, watched
from lcirc_cli.answering.windows import Turn
from lcirc_cli.backbones.tokens import encode
from lcirc_cli.endpoints.chat import ChatRequest, Refused
from lcirc_cli.endpoints.dialect import Dialect
from lcirc_cli.endpoints.endpoint import EndpointModel
from lcirc_cli.endpoints.settings import ReaderSettings
from lcirc_cli.errors import EndpointError, UsageError
from lcirc_cli.evidence import Backing, citations
from lcirc_cli.prompts import REFUSAL, fill, load

READER_NEW_TOKENS = 1_000  # of an answer; models that think before it need most of them
IN_FLIGHT = 4
RANKED_AT_ONCE = 4  # questions; each has a memory of its own meanwhile
_LETTERS = 32  # of a token, at most: a reply with more is not the one that was asked for


@dataclass(frozen=True)
class RemoteAnswerer:
    """Answers questions with the passages of an `Answerer` and the words of a server's model."""

    answerer: Answerer
    reader: ReaderSettings

    def answer(
        self,
        questions: Sequence[str],
        *,
        history: Sequence[Turn] = (),
        on_token: Callable[[str], object] | None = None,
    ) -> list[Answer]:
        """Answers in order; `Engine.ask` says what is raised.

        Args:
            on_token: with one question: called with pieces of its answer.
        """
        check_settings(self.answerer.settings)
        if not all(question.strip() for question in questions):
            raise UsageError("the question is empty")
        start = time.perf_counter()
        asked = [
            one
            for at in range(0, len(questions), RANKED_AT_ONCE)
            for one in self._prepare(questions[at : at + RANKED_AT_ONCE], history)
        ]
        return run(self._answers(asked, on_token, start))

    def _prepare(self, questions: Sequence[str], history: Sequence[Turn]) -> list[_Asked]:
        answerer = self.answerer
        turns = [needed_turns(question, history) for question in questions]
        steered = answerer.steer(questions, turns=turns, reads_memory=False)
        budget = answerer.settings.window_tokens
        budget = READER_TOKENS if budget is None else budget
        index = answerer.collection.index
        return [
            _Asked(
                question,
                scores,
                choose(index, scores, budget=budget),
                needed,
                steered.seconds,
            )
            for question, needed, scores in zip(
                questions, turns, answerer.rank(questions, steered, turns=turns), strict=True
            )
        ]

    async def _answers(
        self, asked: Sequence[_Asked], on_token: Callable[[str], object] | None, start: float
    ) -> list[Answer]:
        answerer, model = self.answerer, open_reader(self.reader)
        slots = asyncio.Semaphore(self.reader.in_flight or IN_FLIGHT)

        async def one(each: _Asked) -> Answer:
            async with slots:
                return await self._one(model, each, on_token, start)

        tasks = [asyncio.ensure_future(one(each)) for each in asked]
        try:
            work: asyncio.Future[list[Answer]] = asyncio.gather(*tasks)
            return await watched(work, answerer.watch)
        finally:
            for task in tasks:
                task.cancel()  # after an error the others must not ask on
            await model.aclose()

    async def _one(
        self,
        model: EndpointModel,
        asked: _Asked,
        on_token: Callable[[str], object] | None,
        start: float,
    ) -> Answer:
        answerer = self.answerer
        index, settings = answerer.collection.index, answerer.settings
        request = ChatRequest(
            purpose="answer",
            system=fill(load("reader_system.txt"), refusal=REFUSAL),
            user=asked.prompt(as_text(index, asked.shown)),
            schema={},
            max_tokens=settings.max_new_tokens or READER_NEW_TOKENS,
            temperature=settings.temperature,
            seed=settings.seed,
        )
        backing, passages = Backing(index), {one.id: one.passage for one in asked.shown}

        def backed(sentence: str, ids: Set[int]) -> bool:
            return backing.holds(sentence, [passages[id] for id in sorted(ids)])

        checked = Checked(passages, backed, on_token)
        begun = time.perf_counter()
        finish, first = await read_streamed(model, request, checked)
        words = bare(checked.text)
        cited = citations(
            asked.question,
            "" if says_refusal(words) else words,
            index=index,
            scores=asked.scores,
            limit=max(1, settings.citations),
        )
        tokenizer = answerer.backbone.tokenizer
        sent_tokens = sum(one.tokens for one in asked.shown)
        size = answerer.collection.num_tokens
        return Answer(
            question=asked.question,
            answer=checked.text,
            citations=tuple(cited[: settings.citations]),
            found=not says_refusal(words) and any(citation.strong for citation in cited),
            tokens=TokenCounts(
                document=size,
                window=len(encode(tokenizer, f"{request.system}\n{request.user}")[0]),
                memory=0,
                answer=len(encode(tokenizer, checked.text)[0]),
            ),
            timings=Timings(
                load_s=answerer.load_s,
                compress_s=asked.compress_s,
                first_token_s=(first or begun) - start,
                total_s=time.perf_counter() - start,
            ),
            method=settings.method,
            window=settings.window,
            model=answerer.backbone.name,
            adapter=answerer.adapter.name,
            memory_sha256=answerer.collection.sha256,
            left_out=size - sent_tokens,
            finish=finish,
            shown=sent_tokens,
            read=Read(
                url=str(self.reader.address),
                model=model.name,
                tokens=sent_tokens,
                passages=sent(
                    index,
                    asked.shown,
                    used=checked.used,
                    question=asked.question,
                    answer=words,
                ),
            ),
        )


@dataclass(frozen=True)
class _Asked:
    """A question with its ranking [P] and what is shown for it."""

    question: str
    scores: np.ndarray
    shown: list[Shown]
    history: Sequence[Turn]
    compress_s: float

    def prompt(self, passages: str) -> str:
        turns = "".join(
            f"Earlier question: {q}\nIts answer: {bare(a)}\n\n" for q, a in self.history
        )
        return fill(
            load("reader_question.txt"),
            passages=passages,
            earlier=turns,
            question=self.question.strip(),
        )


def open_reader(reader: ReaderSettings) -> EndpointModel:
    """The model, ready for requests of plain text.

    Raises:
        UsageError: its address or key can't be used.
    """
    reader.validate()
    assert reader.reader is not None and reader.reader_model is not None
    return EndpointModel(
        reader.reader,
        reader.reader_model,
        dialect=Dialect("none"),
        timeout=reader.timeout,
        patience=reader.patience,
    )


async def read_streamed(
    model: EndpointModel, request: ChatRequest, checked: Checked
) -> tuple[Finish, float | None]:
    """Have a request answered into `checked`; why it ended, and when its first text came.

    Raises:
        EndpointError: no answer, an empty one, or one far longer than was asked for.
    """
    first: float | None = None
    left = _LETTERS * request.max_tokens

    def add(piece: str) -> None:
        nonlocal first, left
        first = first or time.perf_counter()
        left -= len(piece)
        if left < 0:
            raise EndpointError(
                f"the model {model.name} doesn't stop at the {request.max_tokens:,} tokens that "
                "it was asked for; use another server"
            )
        checked.add(piece)

    try:
        reply = await model.complete(request, on_text=add)
    except Refused as refusal:
        raise EndpointError(
            f"the model {model.name} refuses the request ({refusal}); a lower --window-tokens "
            "makes it shorter"
        ) from refusal
    checked.end()
    if not checked.has_begun:
        raise EndpointError(
            f"the model {model.name} gave no answer within {request.max_tokens:,} tokens; one "
            "that thinks first needs more --max-new-tokens"
        )
    return "stop" if reply.complete else "length", first

"""A batch of questions to a collection of memories: steer, rank, show, generate, cite.

Knows nothing about files. Legend: B questions, N document tokens, P passages.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lcirc_cli.adapters.loading import LoadedAdapter
from lcirc_cli.answering.answer import (
    WITHOUT_MEMORY,
    Answer,
    AskSettings,
    SegmentCounts,
    Timings,
    TokenCounts,
    says_refusal,
)
from lcirc_cli.answering.collection import Collection
from lcirc_cli.answering.drafts import Draft, Steered
from lcirc_cli.answering.follow_ups import needed_turns
from lcirc_cli.answering.generation import Decoding, generate
from lcirc_cli.answering.judging import NEVER, ByConfidence, Judge, Unjudged
from lcirc_cli.answering.stages import Chosen, TokenScores
from lcirc_cli.answering.steering import score, steer
from lcirc_cli.answering.windows import (
    BUDGETS,
    Turn,
    Window,
    check_room,
    make_window,
    uses_turns,
)
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.backbones.tokens import encode_questions
from lcirc_cli.errors import UsageError
from lcirc_cli.evidence import citations, ranking
from lcirc_cli.model import LcircForCausalLM, Memory

Watch = Callable[[str, int, int], object]


@dataclass(frozen=True)
class Answerer:
    """Answers questions to one collection with one group of settings.

    Attributes:
        watch: told what is being done, and how many of how many segments are: "steering" (the
            question's pass over the memory), then "reading" (the window), (0, 0). While a model on
            a server answers, "waiting" comes four times a second, so that it may be stopped.
    """

    backbone: Backbone
    adapter: LoadedAdapter
    model: LcircForCausalLM
    collection: Collection
    settings: AskSettings
    load_s: float
    watch: Watch | None = None

    def answer(
        self,
        questions: Sequence[str],
        *,
        history: Sequence[Turn] = (),
        on_token: Callable[[str], object] | None = None,
    ) -> list[Answer]:
        """Answers in order; `Engine.ask` says what is raised."""
        start = time.perf_counter()
        drafts = self.drafts(questions, history=history, on_token=on_token)
        return [self._finish(draft, start=start) for draft in drafts]

    def drafts(
        self,
        questions: Sequence[str],
        *,
        history: Sequence[Turn] = (),
        on_token: Callable[[str], object] | None = None,
        refuses: bool = True,
    ) -> list[Draft]:
        """Everything before answers are judged; what is raised is that of `answer`.

        Args:
            refuses: False gives the best answers that are no refusal, whatever the adapter says.
        """
        self.check(questions)
        turns = [needed_turns(question, history) for question in questions]
        steered = self.steer(questions, turns=turns)
        scores = self.rank(questions, steered, turns=turns)
        windows = [
            self._window(question, ranked, history=needed)
            for question, ranked, needed in zip(questions, scores, turns, strict=True)
        ]
        if self.watch is not None:
            self.watch("reading", 0, 0)
        refuse_from: Sequence[float] | None = [NEVER] * len(questions)
        if refuses:
            refuse_from = self.judge().refuse_from(questions, scores)
        generated = generate(
            self.backbone,
            [window.prompt for window in windows],
            model=self.model if self.adapted else None,
            memory=steered.memory,
            decoding=Decoding(
                max_new_tokens=self.settings.new_tokens,
                temperature=self.settings.temperature,
                seed=self.settings.seed,
                one_line=not uses_turns(self.backbone, form=self._form),
                refuse_from=refuse_from,
                asked=questions if refuse_from else None,
            ),
            on_text=on_token,
        )
        return [
            Draft(question, steered, row, ranked, window, one)
            for row, (question, ranked, window, one) in enumerate(
                zip(questions, scores, windows, generated, strict=True)
            )
        ]

    def check(self, questions: Sequence[str]) -> None:
        """Raises UsageError for a question that is empty, or longer than the model has room for."""
        if not all(question.strip() for question in questions):
            raise UsageError("the question is empty")
        check_room(self.backbone, questions, form=self._form, room=self._room)

    def steer(
        self,
        questions: Sequence[str],
        *,
        turns: Sequence[Sequence[Turn]] | None = None,
        reads_memory: bool = True,
    ) -> Steered:
        """The memory that the language model will read; through closed gates it reads nothing.

        Args:
            turns: see `rank`.
            reads_memory: False gives what ranks passages alone.
        """
        start = time.perf_counter()
        self.adapter.check(self.settings.method)
        if self.settings.method == "none" or not self.adapter.has_open_gates:
            return Steered(None, 0.0)
        if self.settings.method == "lcirc":
            states = [memory.states[:] for memory in self.collection.memories]
            return Steered(Memory(torch.cat(states)[None]), time.perf_counter() - start)
        if self.adapter.adapter.mixer is None:  # the reader's passages are found by words alone
            return Steered(None, 0.0)
        latents = reads_memory and self.settings.method != "reader"
        most = self.collection.most_segments(self.settings.segments, latents=latents)
        chosen = [
            self.collection.best_segments(text, most=most, before=before[-1][0] if before else None)
            for text, before in zip(questions, turns or [()] * len(questions), strict=True)
        ]
        question = self.model.question_keys(*encode_questions(self.backbone.tokenizer, questions))
        trained, progress = self.adapter.config.trained, self._steps(chosen)
        read = (self.model, self.collection, question)
        memory: Memory | None = None
        evidence: list[TokenScores] | None = None
        if latents:
            memory, evidence = steer(*read, chosen=chosen, evidence=trained, progress=progress)
        elif trained:
            evidence = score(*read, chosen=chosen, progress=progress)
        return Steered(memory, time.perf_counter() - start, evidence, chosen)

    def _steps(self, chosen: Sequence[Chosen]) -> Callable[[float], object] | None:
        """Progress of the passes, in segments, from the tokens that they have read."""
        if self.watch is None:
            return None
        watch, done = self.watch, 0.0
        each = set(chosen)  # questions with the same segments share a pass
        total = sum(len(numbers) for numbers in each)
        tokens_in_all = sum(self.collection.places.tokens(numbers) for numbers in each)
        watch("steering", 0, total)

        def step(tokens: float) -> None:
            nonlocal done
            done += tokens
            watch("steering", round(total * done / tokens_in_all), total)

        return step

    def rank(
        self,
        questions: Sequence[str],
        steered: Steered,
        *,
        turns: Sequence[Sequence[Turn]] | None = None,
    ) -> list[np.ndarray]:
        """For each question the scores [P] of the collection's passages.

        Args:
            turns: for each the earlier turns that it needs (`needed_turns`).
        """
        evidence = steered.evidence
        return [
            self.collection.scores(
                question,
                before=before[-1][0] if before else None,
                evidence=None if evidence is None else evidence[row],
            )
            for row, (question, before) in enumerate(
                zip(questions, turns or [()] * len(questions), strict=True)
            )
        ]

    def judge(self, *, own: bool = True) -> Judge:
        """What decides about the answers.

        Args:
            own: they are asked for with our own prompt, and not with a benchmark's.
        """
        settings, model = self.settings, self.adapter.confidence
        fitted = settings.window == "evidence" and settings.window_tokens != 0
        if model is None or not self.adapted:
            return Unjudged()
        if own and fitted:
            return ByConfidence(model, self.collection.index)
        return Unjudged(refuses=False)  # without its score it refuses nearly everything

    @property
    def adapted(self) -> bool:
        """Whether what is asked is read through the adapter, and not by the bare model."""
        return self.settings.method != "none" and self.adapter.changes

    @property
    def _form(self) -> str:
        return self.adapter.config.prompt_form

    @property
    def _room(self) -> int:
        """Tokens that a prompt may have."""
        return self.backbone.max_positions - self.settings.new_tokens

    def _window(self, question: str, scores: np.ndarray, *, history: Sequence[Turn]) -> Window:
        kind, budget = self.settings.window, self.settings.window_tokens
        passages = self.collection.index.passages
        return make_window(
            self.backbone,
            self.collection.index,
            kind=kind,
            question=question,
            ranked=passages.ordered(ranking(scores)),
            history=history,
            form=self._form,
            budget=BUDGETS[kind] if budget is None else budget,
            room=self._room,
        )

    def _finish(self, draft: Draft, *, start: float) -> Answer:
        settings, collection = self.settings, self.collection
        question, scores, window = draft.question, draft.scores, draft.window
        judged = self.judge().judge(question, draft.generated, scores=scores)
        refused = says_refusal(judged.text)
        cited = citations(
            question,
            "" if refused else judged.text,  # its words say nothing of the place
            index=collection.index,
            scores=scores,
            limit=max(1, settings.citations),
        )
        backed = judged.confidence is not None or any(citation.strong for citation in cited)
        steered = draft.steered.segments(draft.row)
        left_out = collection.tokens_left_out(steered or collection.places.all)
        if settings.method in WITHOUT_MEMORY:
            left_out = collection.num_tokens - window.shown
        return Answer(
            question=question,
            answer=judged.text,
            citations=tuple(cited[: settings.citations]),
            found=judged.found and backed,
            tokens=TokenCounts(
                document=collection.num_tokens,
                window=len(window.prompt),
                memory=draft.steered.latents(draft.row),
                answer=draft.generated.num_tokens,
            ),
            timings=Timings(
                load_s=self.load_s,
                compress_s=draft.steered.seconds,
                first_token_s=draft.generated.first_token_at - start,
                total_s=draft.generated.ended_at - start,
            ),
            method=settings.method,
            window=settings.window,
            model=self.backbone.name,
            adapter=self.adapter.name,
            memory_sha256=collection.sha256,
            left_out=left_out,
            finish="stop" if refused else draft.generated.finish,
            confidence=judged.confidence,
            shown=window.shown,
            segments=SegmentCounts(len(collection.places), len(steered or ())),
        )

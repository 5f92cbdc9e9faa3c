"""The generator `local`: a backbone in this process that fills in the reply's form.

A small model follows worked examples better than instructions, so it is shown those where the
request has any. It rarely writes correct JSON by itself. Here the form is written for it, piece
by piece, and the model only fills the fields: text up to the closing quote, a choice by
likelihood, a list while it prefers another entry to the end. A field that must be copied can only
continue whole words of the request's source. So every reply is of the form asked for; whether it
is any good, the filters say.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lcirc_cli.backbones.chat import render
from lcirc_cli.backbones.loading import load_backbone
from lcirc_cli.endpoints.chat import ChatRequest, Refused, Reply
from lcirc_cli.lqa.models.forms import COPIED

if TYPE_CHECKING:
    import torch

    from lcirc_cli.backbones.loading import Backbone

_FIELD_TOKENS = 96  # the most for one text field
_LOOKED_AT = 64  # likeliest tokens tried where only copying is allowed
_TOP = 50  # likeliest tokens to draw from


class LocalModel:
    """A `ChatModel` in this process; one request at a time."""

    varies = False

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone
        self.troubles: Counter[str] = Counter()  # there are none
        self.name = f"{backbone.name}@{backbone.fingerprint[:12]}"
        self._turn = asyncio.Lock()

    @classmethod
    def load(cls, name: str, *, device: str, dtype: str, offline: bool) -> LocalModel:
        """Load a backbone by its name.

        Raises:
            ModelError: there is none, or it can't be fetched.
        """
        return cls(load_backbone(name, device=device, dtype=dtype, offline=offline))

    async def aclose(self) -> None:
        """Nothing to let go of."""

    async def complete(self, request: ChatRequest) -> Reply:
        """Answer one request.

        Raises:
            Refused: the prompt is longer than the model's window.
        """
        async with self._turn:
            return await asyncio.to_thread(self._complete, request)

    def _complete(self, request: ChatRequest) -> Reply:
        writer = _Writer(self._backbone, request)
        value = {
            name: writer.field(name, field, first=index == 0)
            for index, (name, field) in enumerate(request.schema["properties"].items())
        }
        return Reply(
            json.dumps(value, ensure_ascii=False),
            prompt_tokens=writer.prompt_tokens,
            reply_tokens=writer.fed - writer.prompt_tokens,
        )


class _Writer:
    """One reply in the making: the model's cache, and the chances of the next token.

    What the form fixes waits as text until the model has to say something, and is then cut into
    tokens together with what follows: `": true` is two tokens wherever the model has read it, and
    it is at a loss after the three that its pieces would make.
    """

    def __init__(self, backbone: Backbone, request: ChatRequest) -> None:
        import torch
        from transformers import DynamicCache

        self._torch: Any = torch
        self._lm = backbone.lm
        self._tokenizer = backbone.tokenizer
        self._request = request
        self._source = request.source or request.user
        self._chance = torch.Generator().manual_seed(request.seed)
        self._cache = DynamicCache()
        self._ends = set(backbone.eos_ids)
        self.fed = 0
        prompt = _prompt_ids(backbone, request)
        if len(prompt) + request.max_tokens > backbone.max_positions:
            raise Refused(
                f"a prompt of {len(prompt):,} tokens leaves no room in {backbone.max_positions:,}"
            )
        self._logits = self._feed(prompt)
        self._waiting = ""  # written, and not shown to the model yet
        self.prompt_tokens = self.fed

    def field(self, name: str, schema: Mapping[str, Any], *, first: bool) -> Any:
        """Write one field of the form, and return its value."""
        self._write(f"{'{' if first else ', '}{json.dumps(name)}: ")
        return self._value(schema)

    def _value(self, schema: Mapping[str, Any]) -> Any:
        if schema["type"] == "boolean":
            return self._choose(("true", "false")) == "true"
        if schema["type"] == "array":
            return self._list(schema)
        if "enum" in schema:
            quoted = [json.dumps(word, ensure_ascii=False) for word in schema["enum"]]
            return json.loads(self._choose(tuple(quoted)))
        self._write('"')
        text = self._text(copied=schema.get("description") == COPIED)
        self._write('"')
        return text

    def _list(self, schema: Mapping[str, Any]) -> list[Any]:
        entries: list[Any] = []
        self._write("[")
        while len(entries) < schema["maxItems"]:
            if len(entries) >= schema["minItems"] and not self._goes_on(bool(entries)):
                break
            if entries:
                self._write(", ")
            entries.append(self._value(schema["items"]))
        self._write("]")
        return entries

    def _goes_on(self, begun: bool) -> bool:
        """Whether another entry is likelier than the list's end."""
        more, end = self._scores((', "' if begun else '"', "]"), only_first=True)
        return more > end

    def _text(self, *, copied: bool) -> str:
        """Free text up to the closing quote mark, which is not written."""
        self._logits = self._feed(self._tokens(self._waiting))
        self._waiting, text = "", ""
        ids: list[int] = []
        while len(ids) < min(_FIELD_TOKENS, self._request.max_tokens):
            token = self._next_copied(ids, text) if copied else self._next()
            if token is None or token in self._ends:
                break
            grown = self._decode([*ids, token])
            stop = _closing(grown)
            if stop is not None:
                text = grown[:stop]
                break
            ids.append(token)
            text = grown
            self._logits = self._feed([token])
        while copied and text and not _stands_in(self._source, text, whole=True):
            text = text[:-1]  # cut within a word, by the limit or for want of a likely token
        return _unescaped(text).strip()

    def _next(self) -> int:
        """The likeliest token, or one drawn at the request's temperature."""
        if self._request.temperature <= 0:
            return int(self._logits.argmax())
        values, ids = self._logits.topk(min(_TOP, len(self._logits)))
        chances = (values / self._request.temperature).softmax(-1)
        drawn = self._torch.multinomial(chances, 1, generator=self._chance)
        return int(ids[drawn])

    def _next_copied(self, ids: list[int], text: str) -> int | None:
        """The likeliest token with which the text still stands in the source; None at its end."""
        for token in itertools.chain(self._likely(), self._following(text)):
            grown = self._decode([*ids, token])
            stop = None if token in self._ends else _closing(grown)
            if token in self._ends or stop is not None:
                if _stands_in(self._source, text if stop is None else grown[:stop], whole=True):
                    return token
                continue
            if grown != text and _stands_in(self._source, grown):
                return token
        return None

    def _likely(self) -> Iterator[int]:
        count = min(_LOOKED_AT, len(self._logits))
        yield from self._logits.topk(count).indices.tolist()

    def _following(self, text: str) -> Iterator[int]:
        """How the source goes on where it holds the text: needed where nothing likely fits."""
        places = itertools.islice(_ends_of(self._source, text), _LOOKED_AT)
        following = {self._tokens(self._source[place : place + 40])[0] for place in places}
        yield from sorted(following, key=lambda token: -float(self._logits[token]))

    def _choose(self, choices: tuple[str, ...]) -> str:
        """The likeliest of some pieces of text, which is written."""
        scores = self._scores(choices)
        best = choices[scores.index(max(scores))]
        self._write(best)
        return best

    def _scores(self, choices: tuple[str, ...], *, only_first: bool = False) -> list[float]:
        """For each piece of text the mean log-probability of the tokens that are not all the same.

        Args:
            only_first: the first of these tokens alone.
        """
        every = [self._tokens(self._waiting + choice) for choice in choices]
        least = min(len(ids) for ids in every) - 1
        same = next((i for i in range(least) if len({ids[i] for ids in every}) > 1), least)
        fed, scores = self.fed, []
        for ids in every:
            logits = self._torch.cat([self._logits[None], self._feed(ids, every=True)[:-1]])
            chances = logits.log_softmax(-1)[range(len(ids)), ids]
            scores.append(float(chances[same : same + 1 if only_first else None].mean()))
            self._cache.crop(-len(ids))
            self.fed = fed
        return scores

    def _write(self, text: str) -> None:
        self._waiting += text

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids))

    def _tokens(self, text: str) -> list[int]:
        found: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    def _feed(self, ids: list[int], *, every: bool = False) -> torch.Tensor:
        """Run tokens through the model; the logits after the last, float32 [V], or all [N, V]."""
        with self._torch.inference_mode():
            out = self._lm(
                input_ids=self._torch.tensor([ids], device=self._lm.device),
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=0 if every else 1,
            )
        self.fed += len(ids)
        logits: torch.Tensor = out.logits[0].float().cpu()
        return logits if every else logits[-1]


def _prompt_ids(backbone: Backbone, request: ChatRequest) -> list[int]:
    messages = [
        {"role": "system", "content": request.system},
        {"role": "user", "content": request.user},
    ]
    tokenizer: Any = backbone.tokenizer
    if request.examples:
        text = f"{request.examples}\n"
    elif tokenizer.chat_template is None:
        text = f"{request.system}\n\n{request.user}\n\n"
    else:
        text = render(tokenizer, messages)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _closing(text: str) -> int | None:
    """Where a JSON string ends: the first quote mark without a backslash, or a line's end."""
    for index, char in enumerate(text):
        if char == "\n" and text[:index].strip():
            return index
        if char == '"' and (index == 0 or text[index - 1] != "\\"):
            return index
    return None


def _stands_in(source: str, text: str, *, whole: bool = False) -> bool:
    """Whether a text occurs in the source from a word's start, and (`whole`) to a word's end."""
    text = text.strip() if whole else text.lstrip()
    start = source.find(text) if text else -1
    while start != -1:
        before, after = source[start - 1 : start], source[start + len(text) :][:1]
        if not (before.isalnum() and text[0].isalnum()) and not (
            whole and after.isalnum() and text[-1].isalnum()
        ):
            return True
        start = source.find(text, start + 1)
    return False


def _ends_of(source: str, text: str) -> Iterator[int]:
    """Where each occurrence of a text ends; the words' starts for the empty text."""
    rule = re.escape(text.lstrip()) + r"(?=.)" if text.strip() else r"\b(?=\w)"
    return (match.end() for match in re.finditer(rule, source, re.DOTALL))


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text

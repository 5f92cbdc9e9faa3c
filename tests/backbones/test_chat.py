"""Chat templates of strangers: rendered as transformers does, and stopped where they go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from lcirc_cli.backbones import chat
from lcirc_cli.errors import ModelError

from ..engine.tiny import CHAT

MESSAGES = [
    {"role": "system", "content": "Be \ud83d brief."},
    {"role": "user", "content": 'Is "é" here?\n</s>'},
]
USUAL = {
    "turns": CHAT,
    "names and filters": "{{ bos_token }}{% set ns = namespace(n=0) %}{% for m in messages %}"
    "{% set ns.n = ns.n + 1 %}{{ m | tojson }}{{ ns.n ~ m['content'][:4] | trim }}"
    "{% endfor %}{% generation %}{% endgeneration %}{{ '!' if add_generation_prompt }}",
}
ENDLESS = {
    "loop": "{% for a in range(99999) %}{% for b in range(99999) %}{% set c = a * b %}{% endfor %}"
    "{% endfor %}",
    "power": "{{ 9 ** (9 ** 9) }}",
    "memory": "{% set a = 'x' * 5000000000 %}",
    "doubled": "{% set ns = namespace(a='x' * 1000) %}{% for i in range(60) %}{% set ns.a = ns.a ~ "
    "ns.a %}{% endfor %}",
    "output": "{% for a in range(90000) %}0123456789{% endfor %}",
    "raised": "{{ raise_exception('no') }}",
    "unsafe": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "syntax": "{% for %}",
    "division": "{{ 1 // 0 }}",
}


def with_template(template: str) -> Any:
    return SimpleNamespace(
        get_chat_template=lambda: template,
        special_tokens_map={"bos_token": "<s>", "additional_special_tokens": ["<a>"]},
    )


@pytest.mark.parametrize("name", USUAL)
def test_the_text_is_that_of_transformers(name: str, tiny_tokenizer: Any) -> None:
    tiny_tokenizer.chat_template = USUAL[name]
    tiny_tokenizer.bos_token = "<s>"
    expected = tiny_tokenizer.apply_chat_template(
        MESSAGES, tokenize=False, add_generation_prompt=True
    )
    assert chat.render(tiny_tokenizer, MESSAGES) == expected


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(chat, "CPU_SECONDS", 0.2)
    chat._CHILD._end()
    yield
    chat._CHILD._end()


SLOW = ("power", "memory", "doubled")  # each ends the child


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in ENDLESS]
)
def test_a_template_that_goes_on_is_stopped(name: str) -> None:
    started = time.process_time()
    with pytest.raises(ModelError, match="the model's chat template") as caught:
        chat.render(with_template(ENDLESS[name]), MESSAGES)
    assert caught.value.exit_code == 4 and "\n" not in str(caught.value)
    assert time.process_time() - started < 1
    # The next one is rendered as if nothing had been.
    assert chat.render(with_template("{{ messages | length }}"), MESSAGES) == "2"


def test_a_long_document_fits() -> None:
    long = [{"role": "user", "content": "word " * 200_000}]
    assert chat.render(with_template("{{ messages[0]['content'] }}"), long) == "word " * 200_000

"""Tokens, quotes, replies, agreement of answers, languages: the parts that only see text."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from lcirc_cli.backbones.loading import load_tokenizer
from lcirc_cli.backbones.tokens import encode
from lcirc_cli.endpoints.replies import (
    UnreadableReply,
    flag_field,
    list_field,
    parse_object,
    text_field,
)
from lcirc_cli.lqa.documents.language import language_of, probability
from lcirc_cli.lqa.documents.tokens import TokenCounter, byte_level
from lcirc_cli.lqa.pairs.locate import find_quote, occurs, words_of_document
from lcirc_cli.lqa.pairs.scoring import agreement, contains, token_f1

from .corpus import document

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
HARD = [
    "",
    " ",
    "\n\n\t  x",
    "It's 12,345.67 — in 1999's  spring;   5 km\n\n  7",
    "naïve café № ½ ²³ ٣٤ 漢字テスト 🙂👩‍👩‍👧 \u200b\u00a0end",
    "a" * 300 + " 0001 " + "\r\n" * 3,
    "<eos> inside <eos><eos>",
    "x\ud7ff \ufffd \x00\x07 tab\there",
]


def _pre_tokenizers() -> dict[str, pre_tokenizers.PreTokenizer]:
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    no_rule = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    split = pre_tokenizers.Split(pattern=_regex(LLAMA3), behavior="isolated")
    return {
        "gpt2": byte_level,
        "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(True), byte_level]),
        "digit runs": pre_tokenizers.Sequence([pre_tokenizers.Digits(False), byte_level]),
        "llama3": pre_tokenizers.Sequence([split, no_rule]),
    }


def _regex(pattern: str) -> object:
    from tokenizers import Regex

    return Regex(pattern)


def _trained(rule: pre_tokenizers.PreTokenizer, *, normal: str | None = None) -> Tokenizer:
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = rule
    core.decoder = decoders.ByteLevel()
    if normal:
        core.normalizer = normalizers.NFC()
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<eos>"],
        show_progress=False,
    )
    texts = [document(number) for number in range(5)] + [text * 3 for text in HARD]
    core.train_from_iterator(texts, trainer)
    return core


def _counted(core: Tokenizer, text: str) -> int:
    """Special tokens taken apart, as documents are tokenised."""
    core.encode_special_tokens = True
    return len(core.encode(text, add_special_tokens=False).ids)


@pytest.mark.parametrize("name", list(_pre_tokenizers()))
def test_tiktoken_counts_as_the_tokenizer_does(name: str) -> None:
    core = _trained(_pre_tokenizers()[name], normal="NFC" if name == "llama3" else None)
    core.add_tokens(["<tool>"])  # no special one: these stay whole
    count = byte_level(json.loads(core.to_str()))
    for text in [*HARD, document(9), "e\u0301 combining", "a <tool> of one token"]:
        assert count(text) == _counted(core, text), text


def test_bytes_that_the_vocabulary_lacks_are_not_counted() -> None:
    core = _trained(_pre_tokenizers()["smollm"])
    specification = json.loads(core.to_str())
    missing = [letter for letter in "ÀÁõö÷" if letter in specification["model"]["vocab"]]
    assert len(missing) == 5
    for letter in missing:
        del specification["model"]["vocab"][letter]
    reference = Tokenizer.from_str(json.dumps(specification))
    count = byte_level(specification)
    # Each of these letters stands for a byte that no UTF-8 text has; others still agree.
    for text in HARD:
        assert count(text) == _counted(reference, text)


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"type": "Unigram"}},
        {"normalizer": {"type": "Replace"}},
        {"pre_tokenizer": {"type": "Metaspace"}},
        {"pre_tokenizer": None},
    ],
)
def test_other_tokenizers_are_not_for_tiktoken(change: dict[str, object]) -> None:
    specification = json.loads(_trained(_pre_tokenizers()["gpt2"]).to_str())
    with pytest.raises((ValueError, TypeError)):
        byte_level(specification | change)


@pytest.mark.parametrize("kind", ["byte-level BPE", "metaspace"])
def test_any_backbones_tokens_are_counted(tmp_path: Path, kind: str) -> None:
    rule = _pre_tokenizers()["gpt2"] if kind == "byte-level BPE" else pre_tokenizers.Metaspace()
    PreTrainedTokenizerFast(tokenizer_object=_trained(rule), eos_token="<eos>").save_pretrained(
        tmp_path
    )
    (tmp_path / "config.json").write_text("{}", "utf-8")
    counter = TokenCounter(str(tmp_path))
    tokenizer = load_tokenizer(tmp_path, "it")
    for text in HARD:
        assert counter.count(text) == len(encode(tokenizer, text)[0]), text


def test_smollm2_counts_on_real_texts(data_dir: Path) -> None:
    from lcirc_cli.backbones import smollm2

    if not smollm2.is_cached():
        pytest.skip("the default model is not here; run: lcirc pull smollm2")
    counter = TokenCounter("smollm2", offline=True)
    core = Tokenizer.from_file(str(smollm2.folder() / "tokenizer.json"))
    seen = 0
    for path in sorted((data_dir / "text").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for _, line in zip(range(6), file, strict=False):
                text = json.loads(line)["text"][:60_000]
                assert counter.count(text) == _counted(core, text)
                seen += 1
    assert seen >= 20


TEXT = 'The “old” mill\nstood   there - until 1850. The mill stood. He said: "The mill stood."'


@pytest.mark.parametrize(
    ("quote", "near", "found"),
    [
        ("The mill stood", 0, "The mill stood"),
        ('The "old" mill stood there', 0, "The “old” mill\nstood   there"),
        ("there – until", 0, "there - until"),
        ('"The mill stood."', 99, "The mill stood."),
        ("The mill stands", 0, None),
        ("the mill stood", 0, None),
        ("mill stoo d", 0, None),
        ("  \n", 0, None),
    ],
)
def test_quotes_are_found_word_for_word_or_not_at_all(
    quote: str, near: int, found: str | None
) -> None:
    span = find_quote(TEXT, quote, near=near)
    assert (TEXT[slice(*span)] if span else None) == found


def test_the_nearest_of_several_occurrences_is_taken() -> None:
    text = "a stone. " * 50
    for near in (0, 100, 333, 449):
        start, end = find_quote(text, "a stone", near=near) or (0, 0)
        assert text[start:end] == "a stone"
        assert abs(start - near) <= 9


@given(some.text(alphabet="ab \n“\"'-–.", min_size=1, max_size=60), some.data())
def test_any_stretch_of_a_text_is_found_in_it(text: str, data: some.DataObject) -> None:
    start = data.draw(some.integers(0, len(text) - 1))
    quote = text[start : data.draw(some.integers(start + 1, len(text)))]
    span = find_quote(text, quote, near=start)
    if quote.strip(" \n\"'“"):
        assert span is not None
        assert text[slice(*span)] in quote


def test_phrases_of_a_document() -> None:
    even = words_of_document(TEXT)
    assert occurs(even, "mill Stood there")
    assert occurs(even, "until 1850.")
    assert not occurs(even, "windmill stood")
    assert not occurs(even, "...")


@pytest.mark.parametrize(
    "reply",
    [
        '{"a": "x"}',
        'Sure!\n```json\n{"a": "x"}\n```\nDone.',
        '<think>{"a": "no"}</think>{"a": "x"}',
        '{"a": "x",}',
        'first {broken then {"a": "x"}',
        '\ufeff {"a": "x", "b": {"c": "}"}}',
    ],
)
def test_wrapped_json_is_read(reply: str) -> None:
    assert parse_object(reply)["a"] == "x"


@pytest.mark.parametrize("reply", ["", "no", '{"a": "x"', "[1, 2]", "{a: x}", "{" * 5000])
def test_what_is_no_json_is_unreadable(reply: str) -> None:
    with pytest.raises(UnreadableReply):
        parse_object(reply)


def test_fields_of_replies() -> None:
    value = {"n": 3, "t": True, "s": " x ", "l": ["a", 2], "w": "a; b", "e": "", "no": "No"}
    assert text_field(value, "n") == "3"
    assert text_field(value, "s") == "x"
    assert text_field(value, "e", empty=True) == ""
    assert list_field(value, "l", least=2, most=3) == ("a", "2")
    assert list_field(value, "w", least=2, most=3) == ("a", "b")
    assert flag_field(value, "t") and not flag_field(value, "no")
    for read in (
        lambda: text_field(value, "e"),
        lambda: text_field(value, "missing"),
        lambda: list_field(value, "l", least=3, most=4),
        lambda: flag_field(value, "s"),
    ):
        with pytest.raises(UnreadableReply):
            read()


@pytest.mark.parametrize(
    ("kind", "said", "gold", "agrees"),
    [
        ("span", ["The Duke of York"], ["duke of york"], True),
        ("span", ["It was sold to the Duke of York."], ["the Duke of York"], True),
        ("span", ["Duke of Kent"], ["the King"], False),
        ("span", [""], ["the King"], False),
        ("number", ["1,850 barrels"], ["1850"], True),
        ("number", ["in March 1851"], ["March 1850"], False),
        ("number", ["twelve"], ["twelve"], True),
        ("yes_no", ["Yes, it did"], ["yes"], True),
        ("yes_no", ["No"], ["yes"], False),
        ("yes_no", ["perhaps"], ["no"], False),
        ("choice", ["The red one"], ["red one"], True),
        ("choice", ["red"], ["red one"], False),
        ("list", ["copper", "the tin"], ["tin", "copper"], True),
        ("list", ["copper"], ["tin", "copper", "iron"], False),
    ],
)
def test_agreement(kind: str, said: list[str], gold: list[str], agrees: bool) -> None:
    assert (agreement(kind, said, gold) >= 0.6) is agrees


def test_words_in_a_row() -> None:
    assert contains("He sold the red barn, in May.", "red barn")
    assert not contains("He sold the red, old barn.", "red barn")
    assert not contains("He sold it.", "the")
    assert token_f1("a b c d", "c d e f") == pytest.approx(2 * 2 / 7)  # "a" is an article


def test_languages() -> None:
    german = "Der alte Müller stand am Fluss und wartete auf das Boot aus der Stadt. " * 4
    assert language_of(document(1)) == "en"
    assert language_of(german) == "de"
    assert probability("Who sold the mill to the duke?", "en") > 0.3
    assert probability("Wer hat dem Herzog die alte Mühle verkauft?", "en") < 0.02
    assert language_of("Le vieux meunier attendait le bateau au bord de la rivière. " * 4) == "fr"

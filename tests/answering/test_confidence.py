"""The odds of an answer's tokens, and the probabilities that follow from an answer's signals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from lcirc_cli.adapters.confidence import OUTCOMES, SIGNALS, Confidence, ConfidenceModel
from lcirc_cli.answering import generation
from lcirc_cli.answering.generation import Decoding, Generated, generate
from lcirc_cli.answering.signals import signals
from lcirc_cli.answering.token_odds import TokenOdds
from lcirc_cli.engine import Engine
from lcirc_cli.evidence import PassageIndex, Text

ROWS = {name: [0.0, 0.0, 0.0] for name in (*SIGNALS, "constant")}


def test_the_odds_are_those_of_the_tokens_that_were_said(engine: Engine) -> None:
    """Of each prompt of a batch, as the model alone says them word by word."""
    prompts = [list(range(10, 40)), list(range(20, 35))]
    decoding = Decoding(max_new_tokens=5, verbatim=True)
    said = generate(engine.backbone, prompts, decoding=decoding)
    lm: Any = engine.backbone.lm
    for prompt, one in zip(prompts, said, strict=True):
        ids, expected = list(prompt), []
        for _ in one.log_p:
            with torch.no_grad():
                log_p_V = lm(torch.tensor([ids])).logits[0, -1].log_softmax(dim=-1)
            ids.append(int(log_p_V.argmax()))
            expected.append(float(log_p_V.max()))
        assert one.log_p == pytest.approx(expected, abs=1e-4)
        assert one.num_tokens <= len(one.log_p) <= one.num_tokens + 1
        with torch.no_grad():
            p_V = lm(torch.tensor([prompt])).logits[0, -1].softmax(dim=-1)
        assert one.entropy == pytest.approx(float(-(p_V * p_V.log()).sum()), abs=1e-4)


def test_unlikely_tokens_have_their_own_odds() -> None:
    """Where something after it chose them, as when the refusal is taken out."""
    odds, scores = TokenOdds(), torch.tensor([[0.25, 0.75]]).log()
    rows = torch.tensor([[7, 0, 1]])
    for length in (1, 2):
        assert torch.equal(odds(rows[:, :length], scores), scores)
    assert odds.of(rows) == [pytest.approx([math.log(0.25), math.log(0.75)])]


def _index(*texts: str) -> PassageIndex:
    text = "\n\n".join(texts)
    starts = np.array([at for at in range(len(text)) if at == 0 or text[at - 1] == " "], np.int64)
    return PassageIndex([Text("d", text, starts)])


def test_the_signals_of_an_answer() -> None:
    index = _index("The mill at Arden was built by Jonas Pell in 1702.")
    question = "Who built the mill?"
    said = Generated(
        "Jonas Pell", 2, 0.0, refusal=0.5, log_p=(math.log(0.5), math.log(0.25)), entropy=1.5
    )
    values = dict(
        zip(
            SIGNALS,
            signals(question, said, index=index, scores=index.scores(question)),
            strict=True,
        )
    )
    assert values["refusal"] == pytest.approx(0) and values["names"] == 0
    assert values["entropy"] == 1.5
    assert values["first"] == pytest.approx(math.log(0.5))
    assert values["least"] == pytest.approx(math.log(0.25))
    assert values["mean"] == pytest.approx(math.log(0.125) / 2)
    assert values["stands"] == values["words"] == 1 and values["yes_no"] == values["says_not"] == 0
    other = Generated("no, the document does not say", 6, 0.0, refusal=1.0)
    values = dict(
        zip(SIGNALS, signals("x?", other, index=index, scores=index.scores("x?")), strict=True)
    )
    assert values["yes_no"] == values["says_not"] == 1
    assert values["stands"] == values["matched"] == values["margin"] == 0
    assert all(map(math.isfinite, values.values()))


@pytest.mark.parametrize(
    ("answer", "near"), [("1702", 1.0), ("Jonas Pell", 1.0), ("six", 0.5), ("four", 0.0)]
)
def test_a_right_answer_stands_where_the_question_s_words_are(answer: str, near: float) -> None:
    """Words count by their idf, and those that the answer itself has do not."""
    index = _index(
        "The mill was built by Jonas Pell in 1702, and nobody knows what it looked like then.",
        "It holds forty sacks of flour, six wheels, a mill stone, and not one light of any kind.",
    )
    said = Generated(answer, 2, 0.0, refusal=0.1)
    question = "When was the mill built?"
    values = signals(question, said, index=index, scores=index.scores(question))
    found = values[SIGNALS.index("near")]
    assert found == pytest.approx(near) if near in (0, 1) else 0 < found < 1
    assert values[SIGNALS.index("absent")] == 0
    other = signals("How old is the bridge?", said, index=index, scores=index.scores("bridge"))
    assert other[SIGNALS.index("absent")] == 1 and other[SIGNALS.index("near")] == 0


def test_probabilities_follow_the_weights() -> None:
    config = {**ROWS, "refusal": [0.0, 2.0, 0.0], "constant": [1.0, 0.0, 0.0]}
    model = ConfidenceModel.of(config)
    assert model.to_config() == config
    values = [0.0] * len(SIGNALS)
    sure = model.of_signals(values)
    assert sure.right == pytest.approx(math.e / (math.e + 2)) and not sure.refuses
    values[SIGNALS.index("refusal")] = 3.0
    assert model.of_signals(values).refuses
    values[SIGNALS.index("refusal")] = 1e6  # no overflow
    assert model.of_signals(values) == Confidence(0.0, 1.0)


@pytest.mark.parametrize(
    "broken",
    [
        {"stands": [0.0, 0.0]},
        {"stands": [0.0, math.nan, 0.0]},
        {"stands": "much"},
        {"another": [0.0] * len(OUTCOMES)},
    ],
)
def test_weights_that_are_none_are_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"confidence|stands"):
        ConfidenceModel.of({**ROWS, **broken})


def test_what_a_batch_says_after_a_line_is_no_part_of_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some rows go on: the odds and the count of one that has ended are those of its line."""
    tokenizer: Any = engine.backbone.tokenizer
    line = tokenizer("Who?\n")["input_ids"]
    assert "\n" not in tokenizer.decode(line[:-1])
    row = [*line, *[tokenizer.pad_token_id] * 3]
    rows = [(row, [-float(n) for n in range(len(row))], 0.5)]
    monkeypatch.setattr(generation, "_continued", lambda *_: rows)
    decoding = Decoding(max_new_tokens=len(row), one_line=True)
    (said,) = generate(engine.backbone, [[10, 11]], decoding=decoding)
    assert (said.text, said.finish, said.num_tokens) == ("Who?", "stop", len(line))
    assert said.log_p == tuple(-float(n) for n in range(len(line)))

"""Batches, padding, streaming and folded questions give the states of one document alone."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from lcirc_cli.model import LcircForCausalLM, Memory, Segment, states
from lcirc_cli.model.perceiver import SegmentKeys

from .tiny import FORMS, batch, distance, last_state, segments_of, tiny_model, tokens

TOLERANCE = 1e-5
LENGTHS = (20, 7, 33, 16)  # 3, 1, 5 and 2 segments of 8 tokens


@pytest.fixture(params=["paper", "average", "paper-contextual", "average-contextual"])
def model(request: pytest.FixtureRequest) -> LcircForCausalLM:
    form, _, contextual = request.param.partition("-")
    return tiny_model(**FORMS[form], segment_inputs=2 if contextual else 0)


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def alone(model: LcircForCausalLM, ids: Tensor, question_ids: Tensor | None = None) -> Memory:
    question = None if question_ids is None else model.question_keys(question_ids[None])
    return model.compress(segments_of(model, [ids]), question=question).memory


def padded(rows: list[Tensor]) -> tuple[Tensor, Tensor]:
    longest = max(map(len, rows))
    ids = torch.stack([torch.nn.functional.pad(row, (0, longest - len(row))) for row in rows])
    mask = torch.stack([torch.arange(longest) < len(row) for row in rows])
    return ids, mask


@pytest.mark.parametrize("asked", [False, True], ids=["lcirc", "qd-lcirc"])
def test_a_batch_of_unequal_documents_is_one_by_one(model: LcircForCausalLM, asked: bool) -> None:
    documents, questions = tokens(*LENGTHS), tokens(3, 6, 4, 6, seed=4)
    question = model.question_keys(*padded(questions)) if asked else None
    together = model.compress(segments_of(model, documents), question=question).memory
    mask = together.mask_BM
    assert mask is not None
    for index, ids in enumerate(documents):
        single = alone(model, ids, questions[index] if asked else None)
        kept = together.states_BMD[index][mask[index]]
        assert distance(kept, single.states_BMD[0]) < TOLERANCE
        assert distance(last_state(together)[index], last_state(single)[0]) < TOLERANCE
        assert len(kept) == 3 * -(-len(ids) // 8)


def test_logits_of_a_batch_are_one_by_one(model: LcircForCausalLM) -> None:
    documents, windows = tokens(*LENGTHS), batch(4, 6)
    memory = model.compress(segments_of(model, documents)).memory
    logits = model(windows, memory=memory).logits
    for index, ids in enumerate(documents):
        single = model(windows[index : index + 1], memory=alone(model, ids)).logits
        assert distance(logits[index], single[0]) < TOLERANCE


@pytest.mark.parametrize("asked", [False, True], ids=["lcirc", "qd-lcirc"])
def test_padding_of_a_segment_changes_nothing(model: LcircForCausalLM, asked: bool) -> None:
    ids, question_ids = tokens(20)[0], tokens(4, seed=4)[0]
    segments = segments_of(model, [ids])
    last = segments[-1].inputs_BND
    rubbish = torch.full((1, 8, last.shape[2]), 7.0)
    rubbish[:, : last.shape[1]] = last
    mask = torch.arange(8)[None] < last.shape[1]
    question = model.question_keys(question_ids[None]) if asked else None
    found = model.compress([*segments[:-1], Segment(rubbish, mask)], question=question).memory
    expected = alone(model, ids, question_ids if asked else None)
    assert distance(found.states_BMD, expected.states_BMD) < TOLERANCE


def test_padding_of_a_question_changes_nothing(model: LcircForCausalLM) -> None:
    ids, question_ids = tokens(20)[0], tokens(4, seed=4)[0]
    longer = torch.cat([question_ids, torch.full((5,), 50)])[None]
    question = model.question_keys(longer, torch.arange(9)[None] < 4)
    found = model.compress(segments_of(model, [ids]), question=question).memory
    expected = alone(model, ids, question_ids)
    assert distance(found.states_BMD, expected.states_BMD) < TOLERANCE


@pytest.mark.parametrize("asked", [False, True], ids=["lcirc", "qd-lcirc"])
def test_streaming_is_one_shot(model: LcircForCausalLM, asked: bool) -> None:
    """Segments one at a time, each recurrence continuing from the last state of the one before."""
    ids = tokens(33)[0]
    question = model.question_keys(tokens(4, seed=4)[0][None]) if asked else None
    segments = segments_of(model, [ids])
    whole = model.compress(segments, question=question).memory
    parts: list[Tensor] = []
    for segment in segments:
        keys, carry = model.adapter.keys(segment.inputs_BND), parts[-1] if parts else None
        (state,) = states(model.adapter, [keys], question=question, carry_BKD=carry)
        parts.append(state.latents_BKD)
    assert torch.equal(torch.cat(parts, dim=1), whole.states_BMD)


def test_a_segments_keys_are_gone_before_the_next_ones_are_made(model: LcircForCausalLM) -> None:
    made: list[weakref.ref[Tensor]] = []

    def keys() -> Iterator[SegmentKeys]:
        for segment in segments_of(model, tokens(33)):
            assert all(before() is None for before in made)
            yield _noted(model.adapter.keys(segment.inputs_BND), made)

    assert len(list(states(model.adapter, keys()))) == len(made) == 5


def _noted(keys: SegmentKeys, made: list[weakref.ref[Tensor]]) -> SegmentKeys:
    made.append(weakref.ref(keys.layers[0].k_BGNd))
    return keys


def test_several_questions_of_a_document_side_by_side(model: LcircForCausalLM) -> None:
    """Rows are document by document, each document's questions next to one another."""
    documents = tokens(20, 9)
    questions = [tokens(5, 3, 7, seed=seed) for seed in (4, 5)]
    keys = model.question_keys(*padded([row for rows in questions for row in rows]))
    folded = model.compress(segments_of(model, documents), question=keys).memory
    assert folded.states_BMD.shape[0] == 6
    for document, ids in enumerate(documents):
        for index, question_ids in enumerate(questions[document]):
            row = 3 * document + index
            kept = folded.states_BMD[row]
            if folded.mask_BM is not None:
                kept = kept[folded.mask_BM[row]]
            expected = alone(model, ids, question_ids).states_BMD[0]
            assert distance(kept, expected) < TOLERANCE


def test_evidence_of_folded_questions_is_one_by_one(model: LcircForCausalLM) -> None:
    documents = tokens(8, 5)
    segment = segments_of(model, documents)[0]
    keys = model.adapter.keys(segment.inputs_BND, segment.mask_BN)
    questions = [tokens(5, 3, seed=seed) for seed in (4, 5)]
    rows = [row for pair in questions for row in pair]
    scores = model.adapter.evidence(model.question_keys(*padded(rows)), keys)
    pairs = 4 * 3  # heads times latents
    assert scores.shape == (4, pairs, 8)
    for row, question_ids in enumerate(rows):
        ids = documents[row // 2]
        single = segments_of(model, [ids])[0]
        expected = model.adapter.evidence(
            model.question_keys(question_ids[None]), model.adapter.keys(single.inputs_BND)
        )
        assert distance(scores[row, :, : len(ids)], expected[0]) < TOLERANCE
        assert torch.all(scores[row, :, len(ids) :] == float("-inf"))


@pytest.mark.parametrize("retained", [1, 3, 9])
def test_retained_segments(model: LcircForCausalLM, retained: int) -> None:
    documents = tokens(20, 33)
    whole = model.compress(segments_of(model, documents)).memory
    model.adapter.config.retained_segments = retained
    some = model.compress(segments_of(model, documents)).memory
    kept = 3 * min(retained, 5)
    assert torch.equal(some.states_BMD, whole.states_BMD[:, -kept:])
    assert whole.mask_BM is not None
    assert some.mask_BM is not None
    assert torch.equal(some.mask_BM, whole.mask_BM[:, -kept:])


def test_the_question_steers_qd_and_only_qd(model: LcircForCausalLM) -> None:
    ids, (first, second) = tokens(20)[0], tokens(5, 5, seed=4)
    one, other = alone(model, ids, first), alone(model, ids, second)
    assert distance(one.states_BMD, other.states_BMD) > 1e-2
    plain = alone(model, ids)
    assert distance(plain.states_BMD, one.states_BMD) > 1e-2
    assert torch.equal(plain.states_BMD, alone(model, ids).states_BMD)
    windows = batch(1, 6)
    logits = [model(windows, memory=each).logits for each in (one, other)]
    assert distance(*logits) > 1e-2


def test_question_independent_work_is_done_once() -> None:
    """Keys of a segment serve every question, and equal what a question alone would compute."""
    model = tiny_model()
    segment = segments_of(model, tokens(8))[0]
    calls = []
    model.adapter.perceiver.layers[0].attention.k.register_forward_hook(lambda *_: calls.append(1))
    keys = model.adapter.keys(segment.inputs_BND)
    for question_ids in tokens(5, 3, seed=4):
        question = model.question_keys(question_ids[None])
        state = model.adapter.step(None, keys, question).latents_BKD
        expected = alone(model, tokens(8)[0], question_ids)
        assert torch.equal(state, last_state(expected))
    assert len(calls) == 1 + 2  # once for both questions; once each when compressed alone


def test_nothing_to_compress() -> None:
    model = tiny_model()
    with pytest.raises(ValueError, match="no segments"):
        model.compress([])
    with pytest.raises(ValueError, match="no segments"):
        model.compress(segments_of(model, [torch.zeros(0, dtype=torch.long)]))


def test_an_empty_document_in_a_batch_leaves_no_latents() -> None:
    model = tiny_model()
    documents = [torch.zeros(0, dtype=torch.long), tokens(20)[0]]
    found = model.compress(segments_of(model, documents)).memory
    assert found.mask_BM is not None
    assert found.mask_BM.sum(dim=1).tolist() == [0, 9]
    logits = model(batch(2, 6), memory=found).logits
    assert torch.isfinite(logits).all()
    expected = model(batch(2, 6)[1:], memory=alone(model, documents[1])).logits
    assert distance(logits[1], expected[0]) < TOLERANCE


def test_an_adapter_without_a_mixer_takes_no_question() -> None:
    model = tiny_model(query_mixer=False)
    with pytest.raises(ValueError, match="no query mixer"):
        model.question_keys(tokens(4)[0][None])
    assert len(alone(model, tokens(20)[0])) == 9


def test_a_segment_longer_than_the_position_table_is_refused() -> None:
    model = tiny_model()
    with pytest.raises(ValueError, match="17 tokens is longer than the adapter's 16"):
        model.compress([Segment(torch.zeros(1, 17, 32))])

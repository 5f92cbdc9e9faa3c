"""How far gradients reach: each plan against detaching by hand, in float64."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lcirc_cli.model import Backpropagation, LcircAdapter, Memory, Segment
from lcirc_cli.model.recurrence import compress

from .tiny import FORMS, distance, gradients, random_adapter

TOLERANCE = 1e-9
S, K, D = 5, 3, 32


@pytest.fixture(params=list(FORMS))
def adapter(request: pytest.FixtureRequest) -> LcircAdapter:
    return random_adapter(**FORMS[request.param]).double()


@pytest.fixture
def segments() -> list[Segment]:
    generator = torch.Generator().manual_seed(3)
    return [
        Segment(torch.randn(2, n, D, generator=generator, dtype=torch.float64))
        for n in (8, 8, 5, 8, 3)
    ]


def question(adapter: LcircAdapter) -> Tensor:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(2, 4, D, generator=generator, dtype=torch.float64)


def loss_of(memory: Memory) -> Tensor:
    """Something in which every number of the memory has a part of its own."""
    x = memory.states_BMD
    weights = torch.linspace(-1.0, 1.0, x.numel(), dtype=x.dtype).view_as(x)
    return (weights * x).sum() + (x[:, :1] * x[:, 1:]).mean()


def trained(adapter: LcircAdapter) -> list[Tensor]:
    return [p for name, p in adapter.named_parameters() if not name.startswith("injection")]


def of_plan(
    adapter: LcircAdapter,
    segments: list[Segment],
    plan: Backpropagation,
    *,
    retained: int | None = None,
) -> list[Tensor]:
    asked = adapter.question_keys(question(adapter))
    memory = compress(adapter, segments, question=asked, retained=retained, plan=plan).memory
    return gradients(loss_of(memory), trained(adapter))


def by_hand(
    adapter: LcircAdapter,
    segments: list[Segment],
    *,
    cut: Callable[[int], bool] = lambda index: False,
    grown: Callable[[int], bool] = lambda index: True,
    scale: float = 1.0,
    first: int = 0,
) -> list[Tensor]:
    """Gradients through the states with `grown`, detached before the segments with `cut`.

    The memory's values are the same everywhere, so the loss is linear in the states' gradients:
    its gradient with respect to the memory is taken once and sent on by hand.
    """
    asked = adapter.question_keys(question(adapter))
    states: list[Tensor] = []
    carry: Tensor | None = None
    for index, segment in enumerate(segments):
        keys = adapter.keys(segment.inputs_BND)
        carry = adapter.step(
            carry.detach() if carry is not None and cut(index) else carry, keys, asked
        ).latents_BKD
        states.append(carry)
    memory = torch.cat(states[first:], dim=1).detach().requires_grad_(True)
    (wanted,) = torch.autograd.grad(loss_of(Memory(memory)), memory)
    pieces = dict(zip(range(first, len(states)), wanted.split(K, dim=1), strict=True))
    surrogate = sum(
        scale * (states[index] * piece).sum() for index, piece in pieces.items() if grown(index)
    )
    assert isinstance(surrogate, Tensor)
    return gradients(surrogate, trained(adapter))


def same(left: list[Tensor], right: list[Tensor]) -> bool:
    return max(map(distance, left, right)) < TOLERANCE


def test_full_is_plain_autograd(adapter: LcircAdapter, segments: list[Segment]) -> None:
    asked = adapter.question_keys(question(adapter))
    memory = compress(adapter, segments, question=asked).memory
    expected = gradients(loss_of(memory), trained(adapter))
    assert same(of_plan(adapter, segments, Backpropagation("full")), expected)
    assert same(by_hand(adapter, segments), expected)


def test_values_do_not_depend_on_the_plan(adapter: LcircAdapter, segments: list[Segment]) -> None:
    expected = compress(adapter, segments).memory.states_BMD
    plans = [
        Backpropagation("full"),
        Backpropagation("truncated", states=2),
        Backpropagation("selective", states=2),
        Backpropagation("selective", states=3, neighbours=True),
    ]
    for plan in plans:
        memory = compress(adapter, segments, plan=plan).memory
        # Not equal to the bit: SDPA may take another kernel where no gradient is wanted.
        assert distance(memory.states_BMD, expected) < 1e-12


@pytest.mark.parametrize("states", [1, 2, 4])
def test_truncated_is_detaching_by_hand(
    adapter: LcircAdapter, segments: list[Segment], states: int
) -> None:
    found = of_plan(adapter, segments, Backpropagation("truncated", states=states))
    expected = by_hand(
        adapter,
        segments,
        cut=lambda index: index == S - states,
        grown=lambda index: index >= S - states,
    )
    assert same(found, expected)
    assert not same(found, by_hand(adapter, segments))


def test_truncated_over_everything_is_full(adapter: LcircAdapter, segments: list[Segment]) -> None:
    for states in (S, S + 3):
        found = of_plan(adapter, segments, Backpropagation("truncated", states=states))
        assert same(found, by_hand(adapter, segments))


def test_selective_over_everything(adapter: LcircAdapter, segments: list[Segment]) -> None:
    """With neighbours connected it is the full gradient, without them the direct paths."""
    joined = Backpropagation("selective", states=S, neighbours=True)
    direct = Backpropagation("selective", states=S)
    assert same(of_plan(adapter, segments, joined), by_hand(adapter, segments))
    expected = by_hand(adapter, segments, cut=lambda index: True)
    assert same(of_plan(adapter, segments, direct), expected)
    assert not same(expected, by_hand(adapter, segments))


class Drawing(Backpropagation):
    """A plan whose draw is given, to go through all of them."""

    chosen: set[int] = frozenset()  # type: ignore[assignment]

    def drawn(self, num_segments: int, retained: int | None) -> set[int]:
        return self.chosen


def drawing(chosen: tuple[int, ...], **options: bool) -> Drawing:
    plan = Drawing("selective", states=len(chosen), **options)  # type: ignore[arg-type]
    object.__setattr__(plan, "chosen", set(chosen))
    return plan


@pytest.mark.parametrize(("states", "retained"), [(1, None), (2, None), (3, None), (2, 4)])
def test_the_mean_over_all_draws_is_the_direct_paths(
    adapter: LcircAdapter, segments: list[Segment], states: int, retained: int | None
) -> None:
    first = 0 if retained is None else S - retained
    draws = list(itertools.combinations(range(first, S), states))
    found = [of_plan(adapter, segments, drawing(draw), retained=retained) for draw in draws]
    mean = [torch.stack(each).mean(dim=0) for each in zip(*found, strict=True)]
    expected = by_hand(adapter, segments, cut=lambda index: True, first=first)
    assert same(mean, expected)
    assert not same(found[0], expected)


def test_one_draw_is_detaching_by_hand(adapter: LcircAdapter, segments: list[Segment]) -> None:
    chosen = (0, 1, 3)
    for neighbours, rescale in itertools.product((False, True), repeat=2):
        found = of_plan(adapter, segments, drawing(chosen, neighbours=neighbours, rescale=rescale))
        expected = by_hand(
            adapter,
            segments,
            cut=lambda index, joined=neighbours: not (joined and index - 1 in chosen),
            grown=lambda index: index in chosen,
            scale=S / len(chosen) if rescale else 1.0,
        )
        assert same(found, expected)


def test_draws() -> None:
    plan = Backpropagation("selective", states=3, seed=7)
    assert plan.drawn(10, None) == plan.drawn(10, None)
    seen: set[int] = set()
    for seed in range(200):
        draw = Backpropagation("selective", states=3, seed=seed).drawn(10, 6)
        assert len(draw) == 3  # without replacement
        assert draw <= set(range(4, 10))  # never a state that is not kept
        seen |= draw
    assert seen == set(range(4, 10))
    assert Backpropagation("selective", states=8).drawn(3, None) == {0, 1, 2}
    assert Backpropagation("truncated", states=2).drawn(5, 3) == {3, 4}
    assert Backpropagation("full").drawn(3, 2) == {0, 1, 2}


def test_every_segment_is_drawn_equally_often() -> None:
    counts = dict.fromkeys(range(6), 0)
    for seed in range(1200):
        for index in Backpropagation("selective", states=2, seed=seed).drawn(6, None):
            counts[index] += 1
    # 400 expected each, with a standard deviation of 16.
    assert all(320 < count < 480 for count in counts.values())


def test_undrawn_segments_keep_no_graph(adapter: LcircAdapter, segments: list[Segment]) -> None:
    """Their work is done without gradients: the memory in use does not grow with the document."""
    graphs: list[bool] = []
    adapter.perceiver.layers[0].attention.k.register_forward_hook(
        lambda _module, _args, out: graphs.append(out.requires_grad)
    )
    memory = compress(adapter, segments, plan=drawing((1, 4))).memory
    assert graphs == [False, True, False, False, True]
    assert memory.states_BMD.requires_grad


def test_retained_segments_in_training(adapter: LcircAdapter, segments: list[Segment]) -> None:
    whole = compress(adapter, segments).memory.states_BMD
    memory = compress(
        adapter, segments, retained=2, plan=Backpropagation("selective", states=2)
    ).memory
    assert distance(memory.states_BMD, whole[:, -2 * K :]) < 1e-12


def test_training_without_segments(adapter: LcircAdapter) -> None:
    with pytest.raises(ValueError, match="no segments"):
        compress(adapter, [], plan=Backpropagation())


@pytest.mark.parametrize("plan", [Backpropagation("full"), Backpropagation("selective", states=5)])
def test_a_document_that_ended_gets_gradients_of_its_own_segments_only(
    adapter: LcircAdapter, segments: list[Segment], plan: Backpropagation
) -> None:
    """Gradients of a padded batch are the sum of the documents', without NaN."""
    ended = []
    for index, segment in enumerate(segments):
        n = segment.inputs_BND.shape[1]
        ended.append(Segment(segment.inputs_BND, torch.tensor([[True] * n, [index < 2] * n])))

    def of(rows: list[Segment]) -> list[Tensor]:
        memory = compress(adapter, rows, plan=plan).memory
        states = memory.states_BMD
        if memory.mask_BM is not None:
            states = states * memory.mask_BM[..., None]
        weights = torch.arange(states.shape[1])[:, None]
        return gradients((states.square() * weights).sum(), trained(adapter))

    together = of(ended)
    first = of([Segment(segment.inputs_BND[:1]) for segment in segments])
    second = of([Segment(segment.inputs_BND[1:]) for segment in segments[:2]])
    expected = [a + b for a, b in zip(first, second, strict=True)]
    assert all(torch.isfinite(gradient).all() for gradient in together)
    assert same(together, expected)

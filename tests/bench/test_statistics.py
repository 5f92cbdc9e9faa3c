"""Bootstrap: known answers, pairing, and that a table can be made again."""

from __future__ import annotations

import numpy as np
import pytest

from lcirc_cli.bench.metrics import geometric, mean_of
from lcirc_cli.bench.report.statistics import interval, paired_difference


def _column(values: list[float]) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


def test_the_value_is_the_mean_and_lies_inside() -> None:
    found = interval(_column([0, 1, 1, 0, 1, 1, 0, 1]), mean_of)
    assert found.value == pytest.approx(0.625)
    assert found.low < found.value < found.high


def test_a_constant_has_no_width() -> None:
    found = interval(_column([0.25] * 9), mean_of)
    assert (found.value, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25))


def test_it_agrees_with_the_normal_interval_of_a_proportion() -> None:
    values = _column([1.0] * 120 + [0.0] * 280)
    found = interval(values, mean_of)
    half = 1.96 * (0.3 * 0.7 / 400) ** 0.5
    assert found.low == pytest.approx(0.3 - half, abs=0.006)
    assert found.high == pytest.approx(0.3 + half, abs=0.006)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    hits = 0
    for seed in range(100):
        found = interval(random.normal(size=(60, 1)), mean_of, seed=seed)
        hits += found.low <= 0 <= found.high
    assert 86 <= hits <= 100


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(1).random((50, 3))
    assert interval(values, geometric) == interval(values, geometric)
    assert interval(values, geometric) != interval(values, geometric, seed=1)


def test_pairing_removes_what_is_common() -> None:
    random = np.random.default_rng(2)
    hard = random.random((200, 1))
    better = hard + 0.05
    found = paired_difference(better, hard, mean_of)
    assert found.value == pytest.approx(0.05)
    assert found.high - found.low < 1e-9
    alone = interval(better, mean_of)
    assert alone.high - alone.low > 0.05


def test_combined_scores_are_differences_of_combinations() -> None:
    ones, halves = np.ones((10, 3)), np.full((10, 3), 0.5)
    assert paired_difference(ones, halves, geometric).value == pytest.approx(0.5)


def test_many_samples_are_drawn_in_blocks() -> None:
    found = interval(np.linspace(0, 1, 5_000)[:, None], mean_of)
    assert found.low == pytest.approx(0.5, abs=0.01)


def test_nothing_to_average_and_unequal_lengths_are_errors() -> None:
    with pytest.raises(ValueError, match="nothing"):
        interval(np.empty((0, 1)), mean_of)
    with pytest.raises(ValueError, match="pair"):
        paired_difference(np.ones((3, 1)), np.ones((2, 1)), mean_of)

"""How fast documents of 16K, 64K and 128K tokens are compressed, and in how much memory.

    python tests/perf/compression.py [--quick] [--dtype bfloat16]

Preset `smollm2-raw`, random tokens, LCIRC as ingest runs it: per token against the bare LM's
prefill of 8,192 tokens in one piece, and against the machine's fastest matrix product, all in one
dtype and one run. Then what ingest costs with the preset `smollm2`, whose segments are
read by the LM's first j layers. --quick: one round instead of four, and the prefill is the time of
one of the LM's layers, taken as often as there are layers. Peak memory is that of a process for
each length, counted from after the model is loaded (what is resident then is in it). Prints JSON
lines.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import Any

from _measuring import (
    PIECE,
    adapted,
    dtype_of,
    emit,
    fastest,
    load,
    matmul_rate,
    peak_mb,
    prefill_s,
    restart_peak,
    some_tokens,
    spread_percent,
    take_dtype,
)

from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.compression.features import stored_features
from lcirc_cli.compression.recurrence import run_pass
from lcirc_cli.compression.segments import Segments, group_segments, segment_lengths
from lcirc_cli.cost.operations import count_segments, latents, segment_keys
from lcirc_cli.model import LcircForCausalLM
from lcirc_cli.model.decoders import decoder_layers

LENGTHS = (16_384, 65_536, 131_072)
ROUNDS = 4
SHIPPED_TOKENS = 16_384


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    take_dtype(parser)
    parser.add_argument("--quick", action="store_true", help="one round, one layer's prefill")
    parser.add_argument("--peak", type=int, metavar="TOKENS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak is not None:
        print(peak_of(options.peak, options.dtype))
        return
    backbone = load(options.dtype)
    rate = matmul_rate(backbone)
    layers = 1 if options.quick else None
    per_token = prefill_s(backbone, PIECE, layers=layers) / PIECE
    common = {
        "dtype": dtype_of(backbone),
        "matmul_tera": rate / 1e12,
        "prefill_us_a_token": 1e6 * per_token,
        "prefill_layers_run": layers or "all",
    }
    rounds = 1 if options.quick else ROUNDS
    raw(backbone, rate=rate, prefill=per_token, rounds=rounds, common=common)
    shipped(backbone, prefill=per_token)


def raw(
    backbone: Backbone, *, rate: float, prefill: float, rounds: int, common: dict[str, Any]
) -> None:
    """The published form on raw embeddings, at each length."""
    model = adapted(backbone, "smollm2-raw")
    config = model.adapter.config
    taken = {tokens: [] for tokens in LENGTHS}  # type: dict[int, list[float]]
    documents = {tokens: document(model, backbone, tokens) for tokens in LENGTHS}
    for _ in range(rounds):  # in turns, so that a busy moment meets all lengths
        for tokens, segments in documents.items():
            taken[tokens].append(fastest(lambda s=segments: run_pass(model, s), 1))  # type: ignore[misc]
    each = {tokens: min(each_round) / tokens for tokens, each_round in taken.items()}
    peaks = {tokens: in_a_process(tokens, common["dtype"]) for tokens in LENGTHS}
    shares = []
    for tokens in LENGTHS:
        count = count_segments(config, tokens)
        operations = segment_keys(config, tokens) + latents(config, tokens, segments=count)
        shares.append(operations / (each[tokens] * tokens) / rate)
        emit(
            "compression",
            preset="smollm2-raw",
            tokens=tokens,
            us_a_token=1e6 * each[tokens],
            prefill_over_compression=prefill / each[tokens],
            percent_of_matmul_rate=100 * shares[-1],
            peak_mb=peaks[tokens],
            **common,
        )
    emit(
        "compression in all",
        dtype=common["dtype"],
        least_prefill_over_compression=prefill / max(each.values()),
        least_percent_of_matmul_rate=100 * min(shares),
        time_a_token_differs_percent=spread_percent(each.values()),
        peak_differs_percent=spread_percent(peaks.values()),
        limits={
            "least_prefill_over_compression": 80,
            "least_percent_of_matmul_rate": 60,
            "time_a_token_differs_percent": 10,
            "peak_differs_percent": 5,
        },
    )


def shipped(backbone: Backbone, *, prefill: float) -> None:
    """What ingest costs a token with the default model's own preset, and what of the LM it runs."""
    model = adapted(backbone, "smollm2")
    ids = some_tokens(SHIPPED_TOKENS, backbone)
    ran = [0] * model.adapter.config.num_lm_layers

    def count(index: int) -> Any:
        def hook(_layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            hidden = args[0] if args else kwargs["hidden_states"]
            ran[index] += hidden.shape[0] * hidden.shape[1]

        return hook

    handles = [
        layer.register_forward_pre_hook(count(index), with_kwargs=True)
        for index, layer in enumerate(decoder_layers(backbone.lm))
    ]
    features: dict[str, Any] = {}

    def ingest() -> None:
        features.update(stored_features(model, ids))
        groups = group_segments(segment_lengths(len(ids), model.adapter.config))
        run_pass(model, Segments(ids, features, groups))

    each = fastest(ingest, 1) / len(ids)
    for handle in handles:
        handle.remove()
    # The layer after the last one is entered once a window, only to stop there.
    layers = model.adapter.config.segment_inputs
    emit(
        "ingest with the shipped preset",
        dtype=dtype_of(backbone),
        tokens=len(ids),
        us_a_token=1e6 * each,
        prefill_over_ingest=prefill / each,
        layers_of_the_lm=layers,
        tokens_through_each_of_these=sorted({n / len(ids) for n in ran[:layers]}),
    )


def document(model: LcircForCausalLM, backbone: Backbone, tokens: int) -> Segments:
    """Random tokens, cut as ingest cuts them."""
    lengths = segment_lengths(tokens, model.adapter.config)
    return Segments(some_tokens(tokens, backbone), {}, group_segments(lengths))


def in_a_process(tokens: int, dtype: str) -> float:
    """Peak memory in MB of a process that compresses so many tokens."""
    command = [sys.executable, __file__, "--peak", str(tokens), "--dtype", dtype]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def peak_of(tokens: int, dtype: str) -> float:
    """Compress, and say what this process needed at most, with Python and the model, in MB."""
    backbone = load(dtype)
    model = adapted(backbone, "smollm2-raw")
    segments = document(model, backbone, tokens)
    restart_peak()
    run_pass(model, segments)
    return peak_mb()


if __name__ == "__main__":
    main()

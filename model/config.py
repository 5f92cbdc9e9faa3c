"""Settings of an adapter.

Names follow the paper: K latents a segment, segment length, injected layers A.
Knows nothing about tokenizers or files.
"""

from __future__ import annotations

from functools import cache
from reprlib import repr as _short
from typing import Any

from transformers import PreTrainedConfig


class LcircConfig(PreTrainedConfig):
    """Everything that decides the shape and the behaviour of a `LcircAdapter`.

    Defaults are the paper's (Llama-2-7B). transformers accepts unknown keys and wrong types in
    silence, so `validate` checks both and is called by the adapter.
    """

    model_type = "lcirc"

    # backbone
    base_model: str = "meta-llama/Llama-2-7b-hf"
    base_fingerprint: str = ""  # set by training; an adapter fits one set of weights
    hidden_size: int = 4096  # D
    num_lm_layers: int = 32
    # document
    segment_length: int = 2048
    max_segment_length: int = 4096  # rows of the position table
    segment_inputs: int = 0  # j: 0 = token embeddings, else hidden states after j LM layers
    feature_window: int = 2048  # tokens that the LM reads at once to make those hidden states
    feature_dtype: str = "int8"  # how they are stored: int8, bfloat16, float32
    retained_segments: int | None = None  # keep the states of the last ... segments only
    # compressor
    num_latents: int = 64  # K
    perceiver_layers: int = 4
    perceiver_heads: int = 32
    perceiver_head_dim: int = 128
    perceiver_ffn_size: int = 11008
    perceiver_start: str = "random"  # or "average": see perceiver.py
    shares: str = "length"  # what "average" latents divide among them: length or evidence
    evidence_latents: int = 0  # at most so many of the K look for evidence; 0 = all
    query_mixer: bool = True
    mixer_ffn_size: int = 11008  # 0 = no feed-forward
    norm: str = "layernorm"  # or "rmsnorm"
    norm_eps: float = 1e-5
    # injection
    injection_layers: list[int] | None = None  # A, in order
    injection_heads: int = 32
    injection_kv_heads: int = 32
    injection_head_dim: int = 128
    injection_ffn_size: int = 11008  # 0 = no feed-forward
    injection_memory_norm: bool = False
    injection_qk_norm: bool = False
    injection_bias: bool = False
    gate_init: float = 0.0
    # reader: low-rank weights beside the decoder's linear layers, see reader.py
    reader_rank: int = 0  # 0 = none: the decoder stays as it is
    reader_targets: dict[str, list[int]] | None = None  # path inside a decoder layer to [in, out]
    # Whether it is on where a memory is injected. False: the memory was trained without it.
    reader_beside_memory: bool = True
    # window
    prompt_form: str = "auto"  # what it was trained with: the model's chat turns, or "plain"
    ask_method: str = "qd-lcirc"  # what answers best beside passages; "reader" injects no memory
    # What its answers are worth with the best passages in the window: weights of signals;
    # `lcirc_cli.adapters.confidence` knows and checks them. None leaves refusing to decoding.
    confidence: dict[str, list[float]] | None = None
    # state
    initializer_range: float = 0.02
    trained: bool = False  # False: gates are closed and the output says so

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        depth = self.num_lm_layers
        if self.injection_layers is None and type(depth) is int and depth <= _MOST["num_lm_layers"]:
            self.injection_layers = _paper_layers(depth)

    @property
    def compression(self) -> float:
        """Document tokens for each latent."""
        return self.segment_length / self.num_latents

    def validate(self) -> None:
        """Raises ValueError with the first thing that can't work."""
        self._check_names_and_types()
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {_short(getattr(self, name))}")
        for name in _NOT_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, but is {getattr(self, name)!r}")
        for name, most in _MOST.items():
            if not getattr(self, name) <= most:  # also where it is NaN
                raise ValueError(f"{name} must be at most {most:,}, not {getattr(self, name)!r}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} must be {' or '.join(choices)}, not {getattr(self, name)!r}"
                )
        for holds, message in self._relations():
            if not holds:
                raise ValueError(message)

    def _check_names_and_types(self) -> None:
        fields = dict(LcircConfig.__annotations__)
        for name in self.__dict__:
            if not (name in fields or name.startswith("_") or name in _library_names()):
                raise ValueError(f"there is no setting {name!r} in an lcirc adapter's config")
        for name, kind in fields.items():
            value = getattr(self, name)
            # True is an int in Python; here it is always a mistake.
            right = isinstance(value, _TYPES[kind]) and isinstance(value, bool) == (kind == "bool")
            if not right:
                raise ValueError(f"{name} must be {kind}, not {_short(value)}")

    def _relations(self) -> list[tuple[bool, str]]:
        """What must hold between settings, with the message for when it doesn't."""
        layers, depth = self.injection_layers or [], self.num_lm_layers
        return [
            (
                self.segment_length <= self.max_segment_length,
                f"segment_length {self.segment_length} is over max_segment_length "
                f"{self.max_segment_length}",
            ),
            (
                self.segment_inputs <= depth,
                f"segment_inputs {self.segment_inputs} is outside 0..{depth}",
            ),
            (
                # Else windows and segments would end at different tokens.
                self.segment_inputs == 0 or self.feature_window % self.segment_length == 0,
                f"feature_window {self.feature_window} must be a multiple of segment_length "
                f"{self.segment_length}",
            ),
            (
                bool(layers)
                and all(type(layer) is int and 0 <= layer < depth for layer in layers)
                and layers == sorted(set(layers)),
                f"injection_layers {_short(layers)} must be increasing and within 0..{depth - 1}",
            ),
            (
                self.injection_heads % self.injection_kv_heads == 0,
                "injection_heads must be a multiple of injection_kv_heads",
            ),
            (
                self.perceiver_start == "random"
                or self.perceiver_heads * self.perceiver_head_dim == self.hidden_size,
                "perceiver_start 'average' needs perceiver_heads * perceiver_head_dim = "
                "hidden_size",
            ),
            (
                self.shares == "length" or self.perceiver_start == "average",
                "shares 'evidence' needs perceiver_start 'average'",
            ),
            (
                (self.reader_rank == 0) == (not self.reader_targets)
                and all(_is_shape(shape) for shape in (self.reader_targets or {}).values()),
                f"reader_targets {_short(self.reader_targets)} must give [in, out] for each "
                "linear layer where reader_rank is over 0, and nothing else",
            ),
            (
                self.ask_method != "reader" or self.reader_rank > 0,
                "ask_method 'reader' needs a reader: reader_rank is 0",
            ),
            (
                self.retained_segments is None or self.retained_segments > 0,
                "retained_segments must be positive or none",
            ),
        ]


_TYPES: dict[str, Any] = {
    "int": int,
    "float": (int, float),
    "bool": bool,
    "str": str,
    "int | None": (int, type(None)),
    "list[int] | None": (list, type(None)),
    "dict[str, list[float]] | None": (dict, type(None)),
    "dict[str, list[int]] | None": (dict, type(None)),
}
_POSITIVE = (
    "hidden_size",
    "num_lm_layers",
    "segment_length",
    "max_segment_length",
    "feature_window",
    "num_latents",
    "perceiver_layers",
    "perceiver_heads",
    "perceiver_head_dim",
    "perceiver_ffn_size",
    "injection_heads",
    "injection_kv_heads",
    "injection_head_dim",
    "norm_eps",
)
_NOT_NEGATIVE = (
    "segment_inputs",
    "evidence_latents",
    "mixer_ffn_size",
    "injection_ffn_size",
    "reader_rank",
    "initializer_range",
)
# Beyond any model there is: a file that asks for more is damaged, or meant to do harm.
_MOST = {
    **dict.fromkeys(("num_lm_layers", "perceiver_layers"), 1_000),
    **dict.fromkeys(("segment_length", "max_segment_length", "feature_window"), 2**24),
    **dict.fromkeys(("hidden_size", "num_latents", "reader_rank"), 2**17),
    **dict.fromkeys(("perceiver_ffn_size", "mixer_ffn_size", "injection_ffn_size"), 2**22),
    **dict.fromkeys(("perceiver_heads", "injection_heads", "injection_kv_heads"), 2**14),
    **dict.fromkeys(("perceiver_head_dim", "injection_head_dim"), 2**14),
    **dict.fromkeys(("evidence_latents", "segment_inputs"), 2**17),
    **dict.fromkeys(("norm_eps", "gate_init", "initializer_range"), 1e3),
}
_CHOICES = {
    "perceiver_start": ("random", "average"),
    "shares": ("length", "evidence"),
    "prompt_form": ("auto", "plain"),
    "ask_method": ("qd-lcirc", "lcirc", "reader"),
    "norm": ("layernorm", "rmsnorm"),
    "feature_dtype": ("int8", "bfloat16", "float32"),
}


@cache
def _library_names() -> frozenset[str]:
    """Settings that transformers itself keeps in every config."""
    return frozenset({*dir(PreTrainedConfig), *PreTrainedConfig().__dict__, "torch_dtype"})


def _is_shape(value: Any) -> bool:
    """Two positive whole numbers."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(type(size) is int and 0 < size <= _MOST["perceiver_ffn_size"] for size in value)
    )


def _paper_layers(num_layers: int) -> list[int]:
    """Every third layer and the last one: 0, 3, ..., 30, 31 for 32 layers (A.1)."""
    return sorted({*range(0, num_layers, 3), num_layers - 1})

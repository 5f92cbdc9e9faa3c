"""`LcircAdapter`: everything that trains, and nothing else.

Latents, Perceiver, query mixer, injection blocks and the reader (where there is one) as one
`PreTrainedModel`, saved as `config.json` + `model.safetensors` and registered with the Auto
classes. The frozen LM is not part of it.

Legend: B batch, n tokens of a segment, K latents, T question tokens, D hidden size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers import initialization as init

from .attention import Backend
from .config import LcircConfig
from .evidence import focus
from .layers import CrossAttention, FeedForward, GatedCrossAttention, KeysValues
from .perceiver import Perceiver, SegmentKeys
from .query_mixer import QueryMixer
from .reader import Reader
from .recurrence import State


class LcircAdapter(PreTrainedModel):
    """The trained part of LCIRC and QD-LCIRC.

    What does not depend on the question: `keys`. What does: `question_keys` (once a question)
    and `step` (once a segment and question).

    Raises:
        ValueError: the configuration can't work (`LcircConfig.validate`).
    """

    config_class = LcircConfig
    config: LcircConfig
    base_model_prefix = "lcirc"
    main_input_name = "inputs_BND"
    supports_gradient_checkpointing = True
    _no_split_modules = ["GatedCrossAttention"]  # noqa: RUF012

    def __init__(self, config: LcircConfig) -> None:
        super().__init__(config)
        config.validate()
        K, D = config.num_latents, config.hidden_size
        self.latents = nn.Parameter(torch.empty(K, D))
        averaging = config.perceiver_start == "average"
        # Queries are h_{i-1} in the paper; with averages, h_0 + tanh(c) h_{i-1}, c from 0.
        self.carry_gate = nn.Parameter(torch.zeros(())) if averaging else None
        self.perceiver = Perceiver(config)
        self.mixer = QueryMixer(config) if config.query_mixer else None
        self.injection = nn.ModuleList(
            _injection_block(config) for _ in config.injection_layers or []
        )
        # How far each injected head trusts the evidence's odds; 1 is Bayes' rule.
        self.prior_scale: nn.Parameter | None = None
        if config.shares == "evidence":
            self.prior_scale = nn.Parameter(torch.ones(len(self.injection), config.injection_heads))
        self.reader: Reader | None = None
        if config.reader_rank:
            self.reader = Reader(
                config.reader_targets or {}, layers=config.num_lm_layers, rank=config.reader_rank
            )
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            init.normal_(module.weight, std=self.config.initializer_range)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm | nn.RMSNorm):
            init.ones_(module.weight)
            if isinstance(module, nn.LayerNorm):
                init.zeros_(module.bias)
        elif isinstance(module, GatedCrossAttention):
            module.start()
        elif module is self:
            # Last, over what the parts got above; transformers passes over modules that have no
            # parameters of their own, as the mixer is.
            self.perceiver.start(std=self.config.initializer_range)
            if self.mixer is not None:
                self.mixer.start()
            if self.reader is not None:
                self.reader.start()
            # With averages the latents only tell heads apart: what they look for is the question.
            init.normal_(self.latents, std=1.0 if self.carry_gate is None else 0.1)
            if self.carry_gate is not None:
                init.zeros_(self.carry_gate)
            if self.prior_scale is not None:
                init.ones_(self.prior_scale)

    def keys(self, inputs_BND: Tensor, mask_BN: Tensor | None = None) -> SegmentKeys:
        """A segment's keys and values for every Perceiver layer; independent of the question."""
        return self.perceiver.keys(inputs_BND, mask_BN)

    def evidence_keys(self, inputs_BND: Tensor) -> SegmentKeys:
        """What `evidence` reads of a segment, without what only the latents read."""
        return self.perceiver.evidence_keys(inputs_BND)

    def question_keys(self, question_BTD: Tensor, mask_BT: Tensor | None = None) -> KeysValues:
        """The question's keys and values for the mixer, once a question.

        Raises:
            ValueError: the adapter has no query mixer.
        """
        if self.mixer is None:
            raise ValueError("this adapter has no query mixer; use the method lcirc")
        return self.mixer.keys(self.perceiver.standardise(question_BTD), mask_BT)

    def queries(
        self, previous_BKD: Tensor | None, question: KeysValues | None, *, batch: int = 1
    ) -> Tensor:
        """g_i [B, K, D]: the previous state, steered by the question if there is one.

        B is the question's batch, else the previous state's, else `batch`.
        """
        if question is not None:
            batch = question.k_BGNd.shape[0]
        elif previous_BKD is not None:
            batch = previous_BKD.shape[0]
        start = self.latents.expand(batch, -1, -1)
        if previous_BKD is None:
            latents = start
        elif self.carry_gate is None:
            latents = previous_BKD
        else:
            previous_BKD = self.perceiver.standardise(previous_BKD)
            latents = start + self.carry_gate.tanh() * previous_BKD
        if question is not None and self.mixer is not None:
            latents = self.mixer(latents, question)
        return latents

    def step(
        self, previous_BKD: Tensor | None, segment: SegmentKeys, question: KeysValues | None
    ) -> State:
        """h_i [B, K, D] from h_{i-1} (None = the learned h_0) and a segment."""
        batch = segment.layers[0].k_BGNd.shape[0]
        queries = self.queries(previous_BKD, question, batch=batch)
        if question is None or self.config.shares == "length":
            return State(self.perceiver(queries, segment))
        scores_BRN = self.evidence(question, segment)
        mask_BN = _of_questions(segment.layers[0].mask_BN, len(scores_BRN))
        divided = focus(scores_BRN, mask_BN, num_latents=self.config.num_latents)
        latents_BKD = self.perceiver(queries, segment, share_BKN=divided.share_BKN)
        return State(latents_BKD, divided.prior_BK, scores_BRN)

    def evidence(self, question: KeysValues, segment: SegmentKeys) -> Tensor:
        """What each token of a segment has of what the question looks for, [B, R, n].

        The logits before the softmax between `mixer(h_0, question)` and the segment's keys, one
        row for each of R pairs of head and latent, of the first `evidence_latents` (design, 3.3);
        `passage_scores` makes them one score a passage. Padded tokens get -inf. float32 or wider.
        """
        looking = self.latents[: self.config.evidence_latents or None]
        queries = looking.expand(question.k_BGNd.shape[0], -1, -1)
        if self.mixer is not None:
            queries = self.mixer(queries, question)
        logits = self.perceiver.evidence_logits(queries, segment).flatten(1, 2)
        scores = logits.to(torch.promote_types(logits.dtype, torch.float32))
        mask = _of_questions(segment.layers[0].mask_BN, len(scores))
        return scores if mask is None else scores.masked_fill(~mask[:, None], float("-inf"))

    def forward(self, inputs_BND: Tensor, mask_BN: Tensor | None = None) -> Tensor:
        """One segment from h_0 without a question, [B, K, D]; the recurrence is `compress`."""
        return self.step(None, self.keys(inputs_BND, mask_BN), None).latents_BKD

    def set_attention(self, backend: Backend) -> None:
        """Use `sdpa` or `flash` in every cross-attention."""
        for module in self.modules():
            if isinstance(module, CrossAttention):
                module.backend = backend

    def gates(self) -> dict[str, float]:
        """tanh of each injection gate, by LM layer, for logs."""
        layers = self.config.injection_layers or []
        return {
            f"layer_{layer}": float(block.attention_gate.detach().tanh())
            for layer, block in zip(layers, self.injection, strict=True)
            if isinstance(block, GatedCrossAttention)
        }

    @classmethod
    def load(cls, folder: str | Path, **kwargs: Any) -> LcircAdapter:
        """`from_pretrained` that refuses what it would only report.

        Raises:
            ValueError: keys are missing, unexpected or of another shape.
            OSError: no adapter there.
        """
        if Path(folder).is_dir() and not (Path(folder) / "config.json").is_file():
            # transformers would go on with the defaults: the paper's 2.7 billion parameters.
            raise OSError(f"{folder} is not an adapter folder: there is no config.json in it")
        loaded: Any = cls.from_pretrained(
            str(folder),
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            use_safetensors=True,  # never a pickle
            **kwargs,
        )
        adapter, report = loaded
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            if names := sorted(str(name) for name in report[kind]):
                raise ValueError(
                    f"the adapter in {folder} has {kind.replace('_', ' ')}: {', '.join(names[:5])}"
                    f"{' ...' if len(names) > 5 else ''}"
                )
        return adapter.eval()


def _of_questions(mask_BN: Tensor | None, questions: int) -> Tensor | None:
    """A mask of documents, repeated for the questions of each."""
    return None if mask_BN is None else mask_BN.repeat_interleave(questions // len(mask_BN), dim=0)


def _injection_block(config: LcircConfig) -> GatedCrossAttention:
    attention = CrossAttention(
        config.hidden_size,
        config.injection_heads,
        kv_heads=config.injection_kv_heads,
        head_dim=config.injection_head_dim,
        norm=config.norm,
        eps=config.norm_eps,
        context_norm=config.injection_memory_norm,
        qk_norm=config.injection_qk_norm,
        bias=config.injection_bias,
    )
    feed_forward = None
    if config.injection_ffn_size:
        feed_forward = FeedForward(
            config.hidden_size, config.injection_ffn_size, norm=config.norm, eps=config.norm_eps
        )
    return GatedCrossAttention(attention, feed_forward, gate_init=config.gate_init)


AutoConfig.register("lcirc", LcircConfig)
AutoModel.register(LcircConfig, LcircAdapter)

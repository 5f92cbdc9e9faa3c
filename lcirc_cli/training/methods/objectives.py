"""Losses: the answer's tokens, and the evidence's place among all passages of the document.

Legend: B questions, T window tokens, L label tokens, N document tokens, P passages, D hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lcirc_cli.model import LcircForCausalLM, Memory, Segment, passage_scores
from lcirc_cli.model.evidence import SHARPNESS
from lcirc_cli.model.layers import KeysValues
from lcirc_cli.training.data.windows import IGNORED, make_windows


def label_losses(
    model: LcircForCausalLM,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    *,
    memory: Memory | None,
) -> Tensor:
    """Cross-entropy at each token of the answers, in nats, row by row, [L]."""
    logits_LV, labels_L = label_logits(model, prompts, answers, memory=memory)
    return F.cross_entropy(logits_LV, labels_L, reduction="none")


def label_logits(
    model: LcircForCausalLM,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    *,
    memory: Memory | None,
) -> tuple[Tensor, Tensor]:
    """Logits before each token of the answers, row by row, [L, V] in float32, and the tokens, [L].

    Padding stands at the end, where a causal model can't see it.
    """
    windows = make_windows(prompts, answers, device=model.device)
    with model.reading(memory):
        hidden = model.lm.base_model(
            input_ids=windows.input_ids_BT, use_cache=False
        ).last_hidden_state
    return _head_logits(model.lm, hidden, windows.labels_BT)


def head_losses(lm: Any, hidden_BTD: Tensor, labels_BT: Tensor) -> Tensor:
    """The same from the last hidden states; the LM head runs at label positions only.

    labels_BT holds, at each position, the token to be predicted *there* from what is before it
    (not shifted), or -100.
    """
    logits_LV, labels_L = _head_logits(lm, hidden_BTD, labels_BT)
    return F.cross_entropy(logits_LV, labels_L, reduction="none")


def _head_logits(lm: Any, hidden_BTD: Tensor, labels_BT: Tensor) -> tuple[Tensor, Tensor]:
    wanted = labels_BT[:, 1:] != IGNORED
    logits_LV = own_logits(lm, lm.get_output_embeddings()(hidden_BTD[:, :-1][wanted]).float())
    return logits_LV, labels_BT[:, 1:][wanted]


def own_logits(lm: Any, logits: Tensor) -> Tensor:
    """What the LM's own forward pass makes of its output projection.

    Granite divides by `logits_scaling` (HyperCLOVA X multiplies by it), Cohere multiplies by
    `logit_scale` (MPT has the field and ignores it), Falcon-H1 by `lm_head_multiplier`; Gemma 2,
    its descendants and others bend the logits within +/- a cap. The rest stay as they are.
    """
    config = lm.config.get_text_config()
    factor = 1.0
    if scaling := getattr(config, "logits_scaling", None):
        factor = scaling if config.model_type == "hyperclovax" else 1 / scaling
    if config.model_type.startswith("cohere"):
        factor = getattr(config, "logit_scale", None) or 1.0
    factor *= getattr(config, "lm_head_multiplier", None) or 1.0
    if factor != 1.0:
        logits = logits * factor
    for name in ("final_logit_softcapping", "logits_soft_cap"):
        if cap := getattr(config, name, None):
            logits = cap * torch.tanh(logits / cap)
    return logits


def evidence_scores(
    model: LcircForCausalLM, question: KeysValues, segments: Sequence[Segment]
) -> Tensor:
    """Evidence scores of all tokens of a document, [B, R, N], without compressing it."""
    adapter = model.adapter
    scores = [
        adapter.evidence(question, adapter.keys(each.inputs_BND, each.mask_BN)) for each in segments
    ]
    return torch.cat(scores, dim=2)


def evidence_loss(
    scores_BRN: Tensor, evidence: Sequence[Sequence[tuple[int, int]]], *, passage_tokens: int
) -> Tensor | None:
    """Contrastive loss over all passages of the document (design, 3.3), mean over questions.

    Passages that touch gold evidence are positive together: -log(sum of their softmax).
    Questions without evidence don't count.

    Returns:
        None if no question has evidence.
    """
    N = scores_BRN.shape[2]
    passages = [(start, min(start + passage_tokens, N)) for start in range(0, N, passage_tokens)]
    gold_BP = torch.tensor(
        [
            [any(a < end and start < b for a, b in spans) for start, end in passages]
            for spans in evidence
        ],
        device=scores_BRN.device,
    )
    rows = gold_BP.any(dim=1)
    if not rows.any():
        return None
    logits_BP = SHARPNESS * passage_scores(scores_BRN[rows], passages)
    log_share = logits_BP.log_softmax(dim=-1)
    return -log_share.masked_fill(~gold_BP[rows], float("-inf")).logsumexp(dim=-1).mean()

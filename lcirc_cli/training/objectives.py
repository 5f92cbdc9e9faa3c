"""Losses: the answer's tokens, and the evidence's place among all passages of the document.

Legend: B questions, T window tokens, N document tokens, P passages, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lcirc_cli.model import LcircForCausalLM, Memory

IGNORED = -100


def label_losses(
    model: LcircForCausalLM, input_ids_BT: Tensor, labels_BT: Tensor, *, memory: Memory | None
) -> tuple[Tensor, Tensor]:
    """Cross-entropy at each label, in nats, and the row of each: ([L], [L]).

    labels_BT holds, at each position, the token to be predicted *there* from what is before it
    (not shifted), or -100. The LM head runs at label positions only, and padding stands at the
    end, where a causal model can't see it.
    """
    lm = model.lm
    with model.injector.attached(memory):
        hidden = lm.base_model(input_ids=input_ids_BT, use_cache=False).last_hidden_state
    wanted = labels_BT[:, 1:] != IGNORED
    logits = lm.get_output_embeddings()(hidden[:, :-1][wanted]).float()
    losses = F.cross_entropy(logits, labels_BT[:, 1:][wanted], reduction="none")
    return losses, wanted.nonzero()[:, 0]


def evidence_loss(
    token_scores_BN: Tensor, evidence: Sequence[Sequence[tuple[int, int]]], *, passage_tokens: int
) -> Tensor | None:
    """Contrastive loss over all passages of the document (design, 3.3), mean over questions.

    A passage's score is the log-sum-exp of its tokens' scores; passages that touch gold evidence
    are positive together: -log(sum of their softmax). Questions without evidence don't count.

    Returns:
        None if no question has evidence.
    """
    N = token_scores_BN.shape[1]
    gold = torch.zeros(token_scores_BN.shape, dtype=torch.bool)
    for row, spans in enumerate(evidence):
        for start, end in spans:
            gold[row, start:end] = True
    rows = gold.any(dim=1)
    if not rows.any():
        return None
    short = -N % passage_tokens
    scores = F.pad(token_scores_BN, (0, short), value=float("-inf"))
    passages_BP = scores.view(len(scores), -1, passage_tokens).logsumexp(dim=-1)
    gold_BP = F.pad(gold, (0, short)).view(len(gold), -1, passage_tokens).any(dim=-1)
    log_share = passages_BP.log_softmax(dim=-1)
    gold_BP, rows = gold_BP.to(log_share.device), rows.to(log_share.device)
    return -log_share.masked_fill(~gold_BP, float("-inf"))[rows].logsumexp(dim=-1).mean()

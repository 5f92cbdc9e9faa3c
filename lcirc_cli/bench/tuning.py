"""Fine-tuning for the rows that the paper leaves out: LoRA without a memory, and summaries.

`window`: LoRA on the backbone, trained on questions with a part of the document around the answer
in the window: what fine-tuning alone gives. `autocompressor`: summary embeddings and LoRA, trained
on questions whose document is there as summaries only. Both see the same samples in the same
order, drawn by the seed. Needs the extra `peft`.

Legend: T tokens, k summary tokens, D hidden size.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lcirc_cli import files
from lcirc_cli.backbones import Backbone
from lcirc_cli.errors import UsageError
from lcirc_cli.prompts import load
from lcirc_cli.windows import build_prompt

from .sample import Sample
from .systems.autocompressor import SUMMARY_TOKENS
from .systems.gold import gold_ids

KINDS = ("window", "autocompressor")
_NAME = "tuned"


@dataclass(frozen=True)
class TuneSettings:
    """How a baseline is fine-tuned.

    Attributes:
        tokens: of the document that one step sees, around the answer where it has a place.
        segment: document tokens of a summary (autocompressor).
        rank: of the LoRA matrices.
    """

    kind: str
    steps: int = 500
    seed: int = 0
    learning_rate: float = 2e-4
    tokens: int = 1024
    segment: int = 512
    rank: int = 8


def tune(
    backbone: Backbone,
    samples: Sequence[Sample],
    settings: TuneSettings,
    out: Path,
    *,
    advance: Callable[[float], object],
) -> float:
    """Train, write the folder that `window@FOLDER` or `autocompressor@FOLDER` reads.

    The backbone must be in float32 and is changed: load it for this alone.

    Returns:
        The mean loss of the last tenth of the steps, nats a token.

    Raises:
        UsageError: peft is missing, or there is nothing to train on.
        StorageError: the folder can't be written.
    """
    if not samples:
        raise UsageError("there are no questions to tune on")
    lm = _with_lora(backbone, settings)
    summary = _start(backbone) if settings.kind == "autocompressor" else None
    trained = [p for p in lm.parameters() if p.requires_grad]
    if summary is not None:
        trained.append(summary)
    optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=0.0)
    losses = []
    for step in range(settings.steps):
        draw = random.Random(f"{settings.seed}/{step}")
        loss = _loss(backbone, draw.choice(samples), settings, summary, draw)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        losses.append(loss.item())
        advance(1)
    _save(lm, summary, settings, out)
    last = losses[-max(1, len(losses) // 10) :]
    return sum(last) / len(last)


def _with_lora(backbone: Backbone, settings: TuneSettings) -> Any:
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise UsageError("tuning needs peft: pip install 'lcirc[peft]'") from error
    lm: Any = backbone.lm
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        config = LoraConfig(r=settings.rank, lora_alpha=2 * settings.rank, task_type="CAUSAL_LM")
        return inject_adapter_in_model(config, lm, adapter_name=_NAME)


def _start(backbone: Backbone) -> torch.nn.Parameter:
    weight: Any = backbone.lm.get_input_embeddings().weight
    return torch.nn.Parameter(
        weight[backbone.eos_ids[0]].detach().expand(SUMMARY_TOKENS, -1).clone()
    )


def _loss(
    backbone: Backbone,
    sample: Sample,
    settings: TuneSettings,
    summary_kD: Tensor | None,
    draw: random.Random,
) -> Tensor:
    """Mean nats of the answer's tokens, or of the refusal where there is no answer."""
    part = _part(backbone, sample, settings.tokens, draw)
    answer = draw.choice(sample.answers) if sample.answers else load("refusal.txt")
    wanted = gold_ids(backbone, answer)
    embed: Any = backbone.lm.get_input_embeddings()
    passages = [part] if summary_kD is None else []
    prompt = build_prompt(backbone, question=sample.question, passages=passages)
    ids = torch.tensor([*prompt, *wanted], device=embed.weight.device)
    inputs = embed(ids)
    if summary_kD is not None:
        inputs = torch.cat([_summaries(backbone, part, summary_kD, settings.segment), inputs])
    lm: Any = backbone.lm
    logits = lm(inputs_embeds=inputs[None], use_cache=False, logits_to_keep=len(wanted) + 1).logits
    return torch.nn.functional.cross_entropy(logits[0, :-1].float(), ids[-len(wanted) :])


def _summaries(backbone: Backbone, text: str, summary_kD: Tensor, segment: int) -> Tensor:
    """As in `systems.autocompressor`, with gradients through all segments."""
    lm: Any = backbone.lm
    embed, tokenizer = lm.get_input_embeddings(), backbone.tokenizer
    ids = torch.tensor(
        tokenizer(text, add_special_tokens=False)["input_ids"], device=embed.weight.device
    )
    summaries = summary_kD[:0]
    for part in ids.split(segment):
        inputs = torch.cat([summaries, embed(part), summary_kD])
        hidden = lm.base_model(inputs_embeds=inputs[None], use_cache=False).last_hidden_state
        summaries = torch.cat([summaries, hidden[0, -len(summary_kD) :]])
    return summaries


def _part(backbone: Backbone, sample: Sample, tokens: int, draw: random.Random) -> str:
    """About `tokens` tokens of the document, somewhere around the evidence if there is any."""
    tokenizer: Any = backbone.tokenizer
    encoded = tokenizer(sample.document, add_special_tokens=False, return_offsets_mapping=True)
    offsets = encoded["offset_mapping"]
    if len(offsets) <= tokens:
        return sample.document
    middle = draw.randrange(len(offsets))
    if sample.evidence:
        start = sample.evidence[0][0]
        middle = next((i for i, (_, end) in enumerate(offsets) if end > start), 0)
    first = max(0, min(middle - draw.randrange(tokens), len(offsets) - tokens))
    return sample.document[offsets[first][0] : offsets[first + tokens - 1][1]]


def _save(lm: Any, summary: Tensor | None, settings: TuneSettings, out: Path) -> None:
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    with files.atomic_folder(out) as folder:
        lm.peft_config[_NAME].save_pretrained(folder)
        weights = get_peft_model_state_dict(lm, adapter_name=_NAME)
        contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        save_file(contiguous, folder / "adapter_model.safetensors")
        if summary is not None:
            save_file({"summary_embeddings": summary.detach().cpu()}, folder / "model.safetensors")
        (folder / "tuning.json").write_text(json.dumps(asdict(settings), indent=2) + "\n")

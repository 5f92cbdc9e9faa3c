"""The folder of a fine-tuned baseline: what `lcirc train --method window|autocompressor` writes.

`method.json` says what it is and for which backbone, LoRA weights are in peft's own form, and an
autocompressor's summary tokens in `model.safetensors` (`summary_embeddings` [k, D]). `lcirc bench`
reads it; LoRA folders of others and summary tokens alone are read too. Knows nothing of training.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcirc_cli.backbones.folders import read_json
from lcirc_cli.baselines import lora, summaries
from lcirc_cli.errors import ModelError
from lcirc_cli.files import is_file
from lcirc_cli.files.schema import Check, choice, number, optional, table, text, whole

if TYPE_CHECKING:
    from torch import Tensor

    from lcirc_cli.backbones.loading import Backbone

_CARD, _SUMMARIES = "method.json", "model.safetensors"


@dataclass(frozen=True)
class MethodCard:
    """What a fine-tuned baseline is.

    Attributes:
        method: window or autocompressor; empty for a folder that others made.
        base_model: name of the backbone, for people.
        base_fingerprint: of the backbone; empty = unknown.
        prompt_form: of the prompts that it was trained with; see `build_prompt`.
        segment_tokens: document tokens that one summary stands for (autocompressor).
        refusal_threshold: the probability of the refusal from which it is said (window); None
            leaves refusing to decoding.
    """

    method: str = ""
    base_model: str = ""
    base_fingerprint: str = ""
    prompt_form: str = "auto"
    segment_tokens: int = summaries.SEGMENT_TOKENS
    refusal_threshold: float | None = None


_TEXT = partial(text, most=10_000)
_CARD_FIELDS: Mapping[str, Check] = {
    "method": optional(_TEXT),
    "base_model": optional(_TEXT),
    "base_fingerprint": optional(_TEXT),
    "prompt_form": optional(partial(choice, among=("auto", "plain"))),
    "segment_tokens": optional(partial(whole, least=1, most=2**24)),
    "refusal_threshold": optional(partial(number, least=0.0, most=1e3)),
}


def save(folder: Path, lm: Any, card: MethodCard, summary_kD: Tensor | None) -> None:
    """Write LoRA weights, summary tokens where there are any, and the card."""
    from safetensors.torch import save_file

    lora.save(lm, folder)
    if summary_kD is not None:
        tensor = summary_kD.detach().float().cpu().contiguous()
        save_file({"summary_embeddings": tensor}, folder / _SUMMARIES)
    (folder / _CARD).write_text(json.dumps(asdict(card), indent=2) + "\n", "utf-8")


def load_card(folder: str, backbone: Backbone, *, method: str) -> MethodCard:
    """The card of a folder; what is assumed of folders without one.

    Raises:
        ModelError: a damaged card, or one of another method or backbone.
    """
    path = Path(folder) / _CARD
    if not is_file(path):
        return MethodCard()
    try:
        card = MethodCard(**table(read_json(path), "it", fields=_CARD_FIELDS, closed=True))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} can't be used: {error}") from error
    if card.method != method:
        raise ModelError(f"{folder} was trained as {card.method!r}: use {card.method}@{folder}")
    if card.base_fingerprint and card.base_fingerprint != backbone.fingerprint:
        raise ModelError(
            f"{folder} was trained on the model {card.base_model}, but {backbone.name} is loaded: "
            "choose another with --model"
        )
    return card


def load_summary_tokens(folder: str, backbone: Backbone) -> Tensor:
    """The summary tokens of an autocompressor, [k, D].

    Raises:
        ModelError: there are none, or they are of another width.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    weight: Any = backbone.lm.get_input_embeddings().weight
    path = Path(folder) / _SUMMARIES
    if not is_file(path):
        raise ModelError(f"{folder} holds no autocompressor: there is no {_SUMMARIES} in it")
    try:
        summary = load_file(path)["summary_embeddings"]
    except (OSError, KeyError, SafetensorError) as error:
        raise ModelError(f"{folder} holds no autocompressor: {error}") from error
    if summary.dim() != 2 or summary.shape[1] != weight.shape[1]:
        raise ModelError(f"the autocompressor in {folder} was made for another width")
    if not (len(summary) and summary.is_floating_point() and bool(summary.isfinite().all())):
        raise ModelError(f"the summary tokens in {folder} are not finite numbers")
    return summary.to(weight)

"""The folder of a fine-tuned baseline: what `lcirc train --method window|autocompressor` writes.

`method.json` says what it is and for which backbone, LoRA weights are in peft's own form, and an
autocompressor's summary tokens in `model.safetensors` (`summary_embeddings` [k, D]). `lcirc bench`
reads it; LoRA folders of others and summary tokens alone are read too. Knows nothing of training.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcirc_cli.baselines import lora, summaries
from lcirc_cli.errors import ModelError

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
        refusal_threshold: the probability of the refusal from which it is said (window), as an
            adapter's `refusal_thresholds`; None leaves refusing to decoding.
    """

    method: str = ""
    base_model: str = ""
    base_fingerprint: str = ""
    prompt_form: str = "auto"
    segment_tokens: int = summaries.SEGMENT_TOKENS
    refusal_threshold: float | None = None


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
    if not path.is_file():
        return MethodCard()
    try:
        card = MethodCard(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path} can't be read: {error}") from error
    if not isinstance(card.refusal_threshold, (int, float, type(None))):
        raise ModelError(f"{path}: refusal_threshold must be a number or null")
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
    try:
        summary = load_file(Path(folder) / _SUMMARIES)["summary_embeddings"]
    except (OSError, KeyError, SafetensorError) as error:
        raise ModelError(f"{folder} holds no autocompressor: {error}") from error
    if summary.dim() != 2 or summary.shape[1] != weight.shape[1]:
        raise ModelError(f"the autocompressor in {folder} was made for another width")
    return summary.to(weight)

"""What rounding the weights does to the next token: python scripts/rounded_logits.py DIR [options]

The first window of each of the first documents of a set is read by the default model as it is kept
and with its weights rounded to bfloat16, float16, and back, all computed in float32. Prints a JSON
line for each rounding, over all tokens: the mean divergence (KL) from the kept model in nats, the
percentage whose likeliest next token is the same, and the mean loss's change.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from qa_sets import read_set
from torch import Tensor

from lcirc_cli.backbones.loading import load_backbone


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--documents", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=384, help="of each document")
    options = parser.parse_args()
    backbone = load_backbone("smollm2", device="cpu", dtype="float32", offline=True)
    lm: Any = backbone.lm
    tokenizer: Any = backbone.tokenizer
    texts = [each.text for each in read_set(options.folder)[: options.documents]]
    windows = [
        torch.tensor(tokenizer(text, verbose=False)["input_ids"][: options.tokens])
        for text in texts
    ]
    kept = [parameter.clone() for parameter in lm.parameters()]
    before = [log_probabilities(lm, ids_T) for ids_T in windows]
    for dtype in (torch.bfloat16, torch.float16):
        for parameter, value in zip(lm.parameters(), kept, strict=True):
            parameter.copy_(value.to(dtype))
        rows = [
            compared(old_TV, log_probabilities(lm, ids_T), ids_T)
            for ids_T, old_TV in zip(windows, before, strict=True)
        ]
        kl, same, change = torch.cat(rows).mean(dim=0).tolist()
        figures = {"kl": kl, "same_top": 100 * same, "loss_change": change}
        tokens = sum(map(len, rows))
        shown = {key: round(value, 6) for key, value in figures.items()}
        print(json.dumps({"dtype": str(dtype), "tokens": tokens, **shown}), flush=True)


def log_probabilities(lm: Any, ids_T: Tensor) -> Tensor:
    """log p of what follows each token but the last, [T - 1, V]."""
    logits: Tensor = lm(input_ids=ids_T[None]).logits
    return logits[0, :-1].log_softmax(dim=-1)


def compared(old_TV: Tensor, new_TV: Tensor, ids_T: Tensor) -> Tensor:
    """KL, whether the likeliest token is the same, and the loss's change, [T - 1, 3]."""
    kl = (old_TV.exp() * (old_TV - new_TV)).sum(dim=-1)
    same = old_TV.argmax(dim=-1) == new_TV.argmax(dim=-1)
    change = (old_TV - new_TV).gather(1, ids_T[1:, None])[:, 0]
    return torch.stack([kl, same.float(), change], dim=1)


if __name__ == "__main__":
    main()

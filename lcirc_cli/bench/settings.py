"""What `lcirc bench run` is asked for: all that its command line says. Loads no model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lcirc_cli.settings import MAX_SEED, setting

from .sample import Protocols

# Where a run is kept and how it is reported; all else makes it this run and no other.
_FREE = ("tasks", "systems", "out", "data_dir", "baseline", "compare_paper", "keep_prompts")


@dataclass(frozen=True)
class RunRequest:
    """The command line of a run; what its fields are is said in their help."""

    tasks: tuple[str, ...]
    systems: tuple[str, ...] = setting(
        names=("--system", "-s"),
        metavar="NAME[+WINDOW][@ADAPTER][~shuffled]",
        help="Give it again. retrieval@MODEL ranks with a sentence encoder.",
    )
    out: Path = setting(  # noqa: RUF009 # a field
        names=("--out", "-o"), metavar="DIR", help="Rows and report; a run goes on."
    )
    data_dir: Path | None = setting(  # noqa: RUF009
        None, metavar="DIR", help="The published files; else from the Hub."
    )
    limit: int | None = setting(
        None, min=1, metavar="N", help="Questions or whole texts a task, by --seed."
    )
    seed: int = setting(0, min=0, max=MAX_SEED, metavar="S")
    protocol: Protocols = setting(  # noqa: RUF009
        "official", help="paper repeats the published LCIRC evaluation."
    )
    window: int = setting(
        4096, min=64, metavar="TOKENS", help="What the LM reads at most, with ends."
    )
    evidence: int = setting(512, min=1, metavar="TOKENS", help="Passages in the window.")
    segments: int = setting(
        0,
        min=0,
        metavar="N",
        help="That a question of qd-lcirc steers, as in lcirc ask; 0: all, as in the paper.",
    )
    join: int = setting(1, min=1, metavar="N", help="qa: N documents joined to one.")
    open_questions: bool = setting(
        False, help="qa: ask as a person asks, without listing a question's options."
    )
    lengths: tuple[int, ...] = setting(
        (4096, 8192, 16384, 32768),
        metavar="N,N,...",
        help="needle, perplexity: tokens of context; 65536,131072 and more are possible. "
        "perplexity: of texts that reach the greatest.",
    )
    facts: int = setting(2, min=1, metavar="N", help="needle: facts a cell.")
    batch: int = setting(4, min=1, metavar="N", help="Questions of a document at once.")
    baseline: str | None = setting(
        None, metavar="SYSTEM", help="Differences to it; default the first."
    )
    compare_paper: bool = setting(
        False, names=("--compare",), help="Put Tables 4 and 5 beside the scores."
    )

    keep_prompts: bool = setting(
        False, names=("--keep-prompts",), help="Put the whole prompts into samples.jsonl."
    )

    def deciding(self) -> dict[str, Any]:
        """The values that make it this run."""
        return {
            each.name: getattr(self, each.name)
            for each in dataclasses.fields(self)
            if each.name not in _FREE
        }

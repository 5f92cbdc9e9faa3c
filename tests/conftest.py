"""Fixtures that the whole suite shares: real data, tiny random models, and the command line.

Nothing here, and no test, reaches the network: sockets are blocked in this process
(pyproject.toml), and child processes get the offline switches below.
"""

from __future__ import annotations

import os
import signal

# A shell starts background jobs with Ctrl-C ignored, and children inherit that: a suite run there
# would test how commands answer to a signal that never reaches them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before anything imports the Hub's client, which reads it once.
os.environ["HF_HUB_OFFLINE"] = "1"
# Before anything imports torch: several threads make tiny models no faster, and where another
# worker of the suite has the other core they wait for each other, up to thirty times as long.
os.environ["OMP_NUM_THREADS"] = "1"

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

FAMILIES = ("llama", "qwen3", "gemma3", "gpt2")
VOCABULARY = 320
# Left as they are; every other LCIRC_* variable of the person is hidden from the tests.
KEPT = ("LCIRC_DATA", "LCIRC_CACHE")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("LCIRC_") and name not in KEPT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere")  # the person's own settings


@pytest.fixture(autouse=True)
def _loud_again() -> Any:
    """`--quiet` in one test must not silence the next."""
    yield
    from lcirc_cli import console

    console.set_quiet(False)


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real documents and questions, named by LCIRC_DATA."""
    folder = os.environ.get("LCIRC_DATA")
    if not folder:
        pytest.skip("set LCIRC_DATA to the folder of real documents")
    return Path(folder)


# --- models ---------------------------------------------------------------------------------


def make_tiny_tokenizer() -> Any:
    """A byte-level BPE tokenizer built in memory: any text goes in and comes back unchanged.

    Tokens are bytes, a few common words and word ends, and the specials <pad> (0), <eos> (1).
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pieces = ["<pad>", "<eos>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    merges: list[tuple[str, str]] = []
    for word in ("Ġthe", "Ġand", "Ġof", "Ġin", "Ġis", "ing", "er", "ed"):
        grown = word[0]
        for letter in word[1:]:
            if (grown, letter) not in merges:
                merges.append((grown, letter))
                pieces.append(grown + letter)
            grown += letter
    core = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, merges))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    assert len(pieces) <= VOCABULARY
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<eos>")


def make_tiny_lm(family: str = "llama", *, seed: int = 0, positions: int = 1024) -> Any:
    """A random decoder of a family: 3 layers, hidden size 32, float32, no dropout, eval mode."""
    import torch
    import transformers

    shape = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "max_position_embeddings": positions,
        "initializer_range": 0.1,
        "pad_token_id": 0,
        "bos_token_id": None,
        "eos_token_id": 1,
    }
    grouped = {**shape, "num_key_value_heads": 2, "head_dim": 8}
    if family == "llama":
        config: Any = transformers.LlamaConfig(**grouped)
    elif family == "qwen3":
        config = transformers.Qwen3Config(**grouped)
    elif family == "gemma3":
        config = transformers.Gemma3TextConfig(**grouped, sliding_window=16)
    elif family == "gpt2":
        inner = shape.pop("intermediate_size")
        config = transformers.GPT2Config(
            **shape, n_inner=inner, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0
        )
    else:
        raise ValueError(f"no tiny model of family {family!r}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        lm = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    return lm.eval().requires_grad_(False)


def make_tiny_backbone(family: str = "llama", *, seed: int = 0, positions: int = 1024) -> Any:
    """A `Backbone` of a tiny random model and the tiny tokenizer."""
    from lcirc_cli.backbones import fingerprints
    from lcirc_cli.backbones.loading import Backbone

    tokenizer = make_tiny_tokenizer()
    return Backbone(
        name=f"tiny-{family}",
        lm=make_tiny_lm(family, seed=seed, positions=positions),
        tokenizer=tokenizer,
        fingerprint=fingerprints.of_constant(f"tiny-{family}-{seed}-{positions}"),
        tokenizer_fingerprint=fingerprints.of_tokenizer(tokenizer),
        max_positions=positions,
        eos_ids=(1,),
    )


@pytest.fixture
def tiny_tokenizer() -> Any:
    return make_tiny_tokenizer()


@pytest.fixture
def tiny_lm() -> Callable[..., Any]:
    """`tiny_lm(family="llama", seed=0, positions=1024)`: a fresh tiny random decoder."""
    return make_tiny_lm


@pytest.fixture
def tiny_backbone() -> Callable[..., Any]:
    """`tiny_backbone(family="llama", seed=0, positions=1024)`: a fresh tiny `Backbone`."""
    return make_tiny_backbone


@pytest.fixture(scope="session")
def smollm2() -> Any:
    """The default backbone in float32 on the CPU, shared by the session: leave it as it was."""
    from lcirc_cli.backbones import smollm2 as default_model
    from lcirc_cli.backbones.loading import load_backbone

    if not default_model.is_cached():
        pytest.skip("the default model is not here; run: lcirc pull smollm2")
    return load_backbone("smollm2", device="cpu", dtype="float32", offline=True)


# --- the command line -----------------------------------------------------------------------


class Outcome(NamedTuple):
    """What a run of `lcirc` left."""

    status: int
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """`cli("pull", "smollm2")` runs one command line in this process (no start-up time)."""
    from lcirc_cli import app

    def run(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        status = app.run([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run


PRELOAD = ["lcirc_cli.training.run", "lcirc_cli.bench.run", "lcirc_cli.answering.answer"]
PRELOAD += ["transformers.models.llama.modeling_llama"]


@dataclass
class Child:
    """A process that runs one command line; what it prints goes to files."""

    process: Any
    out: Path
    err: Path

    def send_signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def finish(self, timeout: float = 500) -> Outcome:
        """Wait for its end; the status is negative after a signal."""
        self.process.join(timeout)
        assert self.process.exitcode is not None, "it did not end"
        told = (path.read_text("utf-8") for path in (self.out, self.err))
        return Outcome(self.process.exitcode, *told)


def _become_lcirc(
    words: list[str], streams: list[Path], folder: Path, environment: dict[str, str]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), number)
    sys.argv = ["lcirc", *words]
    from lcirc_cli.__main__ import main

    main()


@pytest.fixture
def lcirc_child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Child]]:
    """`lcirc_child("doctor", env={...}, cwd=folder)` begins `lcirc` in a process of its own.

    It is forked from one that has imported the libraries, which takes longer than most tests.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    folder, children = tmp_path_factory.mktemp("children"), list[Any]()

    def begin(
        *arguments: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> Child:
        streams = [folder / f"{len(children)}.{name}" for name in ("out", "err")]
        for path in streams:
            path.touch()
        environment = {**os.environ, "LCIRC_OFFLINE": "1", **(env or {})}
        given = (list(map(str, arguments)), streams, cwd or folder, environment)
        children.append(context.Process(target=_become_lcirc, args=given))
        children[-1].start()
        return Child(children[-1], *streams)

    yield begin
    for process in children:
        process.kill()
        process.join()

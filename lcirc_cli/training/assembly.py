"""The parts of a run from its settings: what trains, what it learns from, how it reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from lcirc_cli import console
from lcirc_cli.backbones.loading import Backbone
from lcirc_cli.errors import UsageError
from lcirc_cli.files import cache_dir, make_folder
from lcirc_cli.qa.hub import is_streamed
from lcirc_cli.training.data.corpus import Corpus, load_corpus
from lcirc_cli.training.data.feature_cache import FeatureCache
from lcirc_cli.training.data.streams import BlockedCorpus, open_streams
from lcirc_cli.training.distributed import Processes
from lcirc_cli.training.methods.adapter import build_model, calibrate
from lcirc_cli.training.methods.learner import (
    AdapterLearner,
    Learner,
    ReaderLearner,
    has_compiler,
)
from lcirc_cli.training.methods.reader_stage import ReaderStage
from lcirc_cli.training.methods.readers import MemoryReader, PassageReader, Reader
from lcirc_cli.training.methods.stages import QuestionAnswering, Stage, StreamedStage
from lcirc_cli.training.methods.text_stages import LanguageModelling, Reconstruction
from lcirc_cli.training.settings import TrainSettings
from lcirc_cli.training.sharding import check_sharding, is_sharded, shard_backbone

STAGES: dict[str, Callable[..., Stage]] = {
    "qa": QuestionAnswering,
    "lm": LanguageModelling,
    "reconstruct": Reconstruction,
}


@dataclass(frozen=True)
class Assembly:
    """The parts of a run.

    Attributes:
        corpus: the documents that were read before the first step.
        streamed: whether there are more than those.
        form: how the document is kept, in words.
    """

    learner: Learner
    reader: Reader
    stage: Stage
    corpus: Corpus
    streamed: bool
    form: str

    @property
    def trained(self) -> int:
        """Parameters that train."""
        return sum(p.numel() for p in self.learner.module.parameters() if p.requires_grad)


def assemble(
    settings: TrainSettings,
    backbone: Backbone,
    *,
    offline: bool = False,
    processes: Processes = Processes(),  # noqa: B008 # frozen
) -> Assembly:
    """Read the data and build the method; nothing is written but cached features.

    Raises:
        UsageError: settings that don't work for these data or this backbone.
        DocumentError, EndpointError, ModelError: as their parts raise them.
    """
    blocks: BlockedCorpus | None = None
    if any(map(is_streamed, settings.data)):
        blocks = open_streams(settings, backbone, offline=offline)
        corpus = blocks.block(0)
        if processes.first and settings.evidence_weight > 0 and not _has_evidence(corpus):
            console.warn(
                "the first block of the streamed data does not say where answers stand: "
                "evidence_weight trains nothing there"
            )
    else:
        corpus = load_corpus(settings.data, backbone, questions=settings.stage == "qa")
    if settings.method == "qd-lcirc":
        built = _adapter(settings, backbone, corpus, keep=blocks is None, processes=processes)
    else:
        built = (_reader if settings.method == "reader" else _tuned)(settings, backbone)
    learner, reader, make, form = built
    try:
        if blocks is None:
            stage: Stage = make(corpus=corpus)
        else:
            steps = max(1, settings.stream_documents // settings.documents)
            stage = StreamedStage(make, blocks, corpus, steps=steps)
    except ValueError as error:
        raise UsageError(f"stage {settings.stage}: {error}") from error
    return Assembly(learner, reader, stage, corpus, blocks is not None, form)


def _has_evidence(corpus: Corpus) -> bool:
    """Whether any question says where its answer stands; true without questions."""
    asked = [question for group in corpus.questions for question in group]
    return not asked or any(question.evidence for question in asked)


Built = tuple[Learner, Reader, Callable[..., Stage], str]


def _adapter(
    settings: TrainSettings,
    backbone: Backbone,
    corpus: Corpus,
    *,
    keep: bool,
    processes: Processes,
) -> Built:
    """An adapter; `keep` stores documents' features on the disk, which streamed ones would fill."""
    model = build_model(settings, backbone)
    if settings.gradient_checkpointing and model.adapter.reader is not None:
        raise UsageError(
            "an adapter with a reader can't be trained with gradient_checkpointing yet: leave it "
            "out, or use --method reader"
        )
    sharded = is_sharded(settings, processes)
    if sharded:
        check_sharding(settings, model.adapter.config, processes)
    folder = make_folder(cache_dir() / "features") if keep else None
    cache = FeatureCache(model, folder, fingerprint=backbone.fingerprint)
    if not settings.init and settings.warm_start:
        calibrate(model, corpus, cache)
    if sharded:
        shard_backbone(model)
    make = partial(STAGES[settings.stage], model, backbone, cache=cache, settings=settings)
    return (
        AdapterLearner(model, checkpointing=settings.gradient_checkpointing),
        MemoryReader(model, backbone, cache=cache),
        make,
        f"1 latent for each {model.adapter.config.compression:g} tokens",
    )


def _reader(settings: TrainSettings, backbone: Backbone) -> Built:
    """An adapter's reader alone; its memory is that of --init, or none."""
    if settings.compile and backbone.lm.device.type == "cpu" and not has_compiler():
        raise UsageError("compile=true needs a C++ compiler (g++, or the one that CXX names)")
    model = build_model(settings, backbone)
    return (
        ReaderLearner(
            model, checkpointing=settings.gradient_checkpointing, compiled=settings.compile
        ),
        PassageReader(model, backbone, budget=settings.window_tokens),
        partial(ReaderStage, model, backbone, settings=settings),
        "passages in the window",
    )


def _tuned(settings: TrainSettings, backbone: Backbone) -> Built:
    from lcirc_cli.training.methods.baselines import (
        TunedLearner,
        TunedQuestionAnswering,
        TunedReader,
    )

    learner = TunedLearner(backbone, settings)
    make = partial(TunedQuestionAnswering, learner, backbone, settings=settings)
    form = "no memory"
    if settings.method == "autocompressor":
        form = f"{settings.summary_tokens} summary vectors for each {settings.summary_segment:,}"
        form += " tokens"
    return learner, TunedReader(learner, backbone, settings=settings), make, form

"""A run of make-lqa from its settings to a finished data set: the module that knows all stages.

Everything that takes long is kept under OUT/work as it is done, so the same command after a kill
goes on where it stopped. Folders there are named by what decides their content: other settings
get other folders, and replies are shared wherever the requests are the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lcirc_cli import console
from lcirc_cli.documents.cleaning import clean_text
from lcirc_cli.endpoints.dialect import Dialect
from lcirc_cli.errors import DocumentError, UsageError
from lcirc_cli.executors.stage import Stage, run_stage
from lcirc_cli.files import atomic_write, make_folder
from lcirc_cli.files.locks import locked
from lcirc_cli.lqa.choice import choose_model
from lcirc_cli.lqa.dataset import output, prompt_hash, sample_page
from lcirc_cli.lqa.dataset.card import card
from lcirc_cli.lqa.dataset.writer import PARTS, WriteShard
from lcirc_cli.lqa.documents import duplicates
from lcirc_cli.lqa.documents.inputs import Unit, plan_units
from lcirc_cli.lqa.documents.prepare import (
    ReadUnits,
    WritePrepared,
    document_filters,
    save_benchmarks,
)
from lcirc_cli.lqa.documents.shards import ReadShard, ShardPlan, load_plan, plan_shards, save_plan
from lcirc_cli.lqa.models.opening import ModelChoice
from lcirc_cli.lqa.pairs.progress import show_progress
from lcirc_cli.lqa.pairs.step import MakePairs
from lcirc_cli.lqa.settings import DocumentSettings, LqaSettings, pairs_hash, plan_hash
from lcirc_cli.qa import hub
from lcirc_cli.qa.rows import read_rows
from lcirc_cli.version import __version__

MOST_READERS = 64  # tasks that read inputs; the same for any number of workers


@dataclass(frozen=True)
class Paths:
    """Where a run keeps what."""

    out: Path
    documents: Path  # of these inputs and filters
    pairs: Path  # of these documents and these settings for pairs

    @property
    def prepared(self) -> Path:
        return self.documents / "prepared"

    @property
    def duplicates(self) -> Path:
        return self.documents / "duplicates"

    @property
    def plan(self) -> Path:
        return self.documents / "plan.json"

    @property
    def shards(self) -> Path:
        return self.pairs / "shards"


def make_data(settings: LqaSettings, *, overwrite: bool = False) -> dict[str, Any]:
    """Make the data set, or go on with it; return its manifest.

    Raises:
        UsageError: OUT holds a data set of other settings, or the executor can't be used.
        DocumentError: an input can't be read, or no document is left after the filters.
        EndpointError: the endpoint doesn't answer.
        StorageError: no space.
    """
    work = make_folder(settings.out / "work")
    with locked(work / "run"):
        units = plan_units(
            settings.documents.inputs, out=settings.out, offline=settings.engine.offline
        )
        names = {
            "documents": plan_hash(settings.documents, _states(units, settings.documents)),
            "pairs": pairs_hash(settings.pairs, prompt_hash.prompts_version()),
        }
        finished = _finished(settings.out, names, overwrite=overwrite)
        if finished is not None:
            console.note(f"{settings.out} is finished; nothing to do")
            return finished
        folder = make_folder(work / f"documents-{names['documents']}")
        paths = Paths(settings.out, folder, make_folder(folder / f"pairs-{names['pairs']}"))
        plan = _prepare(settings, units, paths)
        _find_duplicates(settings, plan, paths)
        _make_pairs(settings, plan, paths)
        return _finish(settings, plan, paths, names)


def _states(units: Sequence[Unit], settings: DocumentSettings) -> list[list[str]]:
    states = [unit.state() for unit in units]
    for name in settings.decontaminate:
        try:
            found = Path(name).stat()
        except OSError as error:
            raise DocumentError(f"can't read {name}: {error.strerror}") from error
        states.append([name, str(found.st_size), str(found.st_mtime_ns)])
    return states


def _finished(out: Path, names: dict[str, str], *, overwrite: bool) -> dict[str, Any] | None:
    """The manifest in OUT, if it is of this very run."""
    manifest = output.read_manifest(out)
    if manifest is None:
        return None
    if manifest.get("run") == names:
        return manifest
    if not overwrite:
        raise UsageError(
            f"{out} holds a data set made with other inputs or settings; "
            "choose another --out, or add --overwrite"
        )
    (out / output.MANIFEST).unlink()
    return None


def _prepare(settings: LqaSettings, units: Sequence[Unit], paths: Paths) -> ShardPlan:
    if not paths.plan.exists():
        wanted = settings.documents
        console.note(f"reading {len(units)} input{'s' if len(units) != 1 else ''}")
        make_folder(paths.prepared)
        benchmarks = save_benchmarks(wanted.decontaminate, paths.documents / "benchmarks.npy")
        # One reader where the documents are counted: the first ones in order are taken.
        tasks = 1 if wanted.max_documents else min(len(units), MOST_READERS)
        steps = [
            ReadUnits(units),
            *document_filters(wanted, benchmarks, offline=settings.engine.offline),
            WritePrepared(
                paths.prepared,
                chunk=wanted.documents_per_shard,
                most=wanted.max_documents,
                license=wanted.license,
            ),
        ]
        run_stage(Stage("prepare", steps, tasks), paths.documents / "logs", settings.engine)
        plan = plan_shards(paths.prepared, tasks, size=wanted.documents_per_shard)
        save_plan(paths.plan, plan)
    plan = load_plan(paths.plan)
    if plan.documents == 0:
        told = ", ".join(f"{count:,} {reason}" for reason, count in plan.dropped.items())
        raise DocumentError(
            f"no document is left after the filters ({told or 'the inputs hold none'}); "
            "look at --min-tokens and --language"
        )
    return plan


def _find_duplicates(settings: LqaSettings, plan: ShardPlan, paths: Paths) -> None:
    reader = ReadShard(paths.prepared, plan)
    folder = make_folder(paths.duplicates)
    for stage in duplicates.stages(folder, reader, len(plan.shards)):
        run_stage(stage, paths.documents / "logs", settings.engine)


def _make_pairs(settings: LqaSettings, plan: ShardPlan, paths: Paths) -> None:
    removing, removed = duplicates.removal(paths.duplicates)
    left = plan.documents - duplicates.count_removed(paths.duplicates)
    console.note(f"{left:,} documents, {settings.pairs.pairs_per_document * left:,} pairs to make")
    progress = make_folder(paths.pairs / "progress")
    steps = [
        ReadShard(paths.prepared, plan),
        *removing,
        MakePairs(
            settings.pairs,
            settings.engine,
            _choice(settings, paths),
            replies=paths.documents / "replies",
            progress=progress,
        ),
        WriteShard(make_folder(paths.shards), settings.pairs, removed),
    ]
    stage = Stage("pairs", steps, len(plan.shards))
    with show_progress(progress, left):
        run_stage(stage, paths.pairs / "logs", settings.engine)


def _choice(settings: LqaSettings, paths: Paths) -> ModelChoice:
    """The model, with the endpoint's dialect as it was when the run began."""
    known = paths.pairs / "dialect.json"
    if known.exists():
        dialect = Dialect(**json.loads(known.read_text("utf-8")))
        return ModelChoice(settings.pairs.generator, settings.documents.model, dialect)
    choice = choose_model(settings.pairs.generator, settings.documents.model, settings.engine)
    if choice.dialect.examples:
        console.note(
            f"{settings.pairs.generator} does not keep to the form that it is told, and the "
            "endpoint does not make it: it is shown worked examples instead"
        )
    atomic_write(known, json.dumps(asdict(choice.dialect)).encode())
    return choice


def _finish(
    settings: LqaSettings, plan: ShardPlan, paths: Paths, names: dict[str, str]
) -> dict[str, Any]:
    folders = [paths.shards / f"{index:05d}" for index in range(len(plan.shards))]
    numbers = output.add_up(folders, plan.dropped)
    before = sorted(paths.prepared.glob("*-dropped.jsonl.gz"))
    files = output.join_shards(folders, paths.out, before=before)
    about = {
        "made_by": f"lcirc {__version__}",
        "run": names,
        "generator": settings.pairs.generator,
        "prompts": prompt_hash.prompts_version(),
        "prompt_files": prompt_hash.prompt_hashes(),
        "settings": {
            "documents": asdict(settings.documents),
            "pairs": asdict(settings.pairs),
        },
        "statistics": numbers.to_json(),
    }
    from lcirc_cli.lqa.dataset.plots import draw_all  # slow to import, and only needed here

    plots = make_folder(paths.out / "plots")
    for name, picture in draw_all(numbers).items():
        atomic_write(plots / name, picture)
    atomic_write(paths.out / "README.md", clean_text(card(numbers, about))[0].encode("utf-8"))
    output.write_manifest(paths.out, files, about)
    manifest = output.read_manifest(paths.out)
    assert manifest is not None
    return manifest


def write_sample(out: Path, count: int, *, seed: int) -> Path:
    """Write OUT/sample.html: `count` accepted pairs beside their evidence, and some rejected."""
    pairs = sample_page.choose(output.accepted_pairs(out), count, seed=seed)
    rejected = out / PARTS["rejected-pairs"]
    rows = read_rows(rejected) if rejected.exists() else iter(())
    dropped = sample_page.choose((({}, row) for row in rows), max(1, count // 4), seed=seed)
    path = out / "sample.html"
    text, _ = clean_text(sample_page.page(pairs, [row for _, row in dropped]))
    atomic_write(path, text.encode("utf-8"))
    console.note(f"a sample to read: {path}")
    return path


def push(out: Path, repository: str) -> str:
    """Upload a finished data set without its working files; return its address."""
    return hub.push(out, repository, ignore=("work/*", "work/**", "*.lock", "*.tmp"))

"""Invented documents for the tests of make-lqa: plain English, no two alike, any number of them."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

_FIRST = """Anselm Berta Cornelis Dorothea Evert Fenna Gerrit Hilde Isaak Johanna Klaas Lucretia
Matthijs Nelleke Otto Petronella Quirijn Roelof Saskia Theunis Ursula Volkert Willemina""".split()
_LAST = """Vrooman Bleecker Cuyler Douw Egberts Fonda Gansevoort Hallenbeck Jansen Kip Lansing
Maerschalk Nieukirk Oothout Pruyn Quackenbush Roseboom Staats Truax Visscher Wendell""".split()
_TRADE = """clockmaker brewer surveyor bookbinder miller shipwright apothecary glazier printer
weaver cooper farrier organist botanist lensgrinder tanner chandler engraver""".split()
_PLACE = """Delft Haarlem Leiden Gouda Hoorn Zutphen Kampen Deventer Enkhuizen Breda Tiel Venlo
Sluis Franeker Dokkum Middelburg Bergen Alkmaar Purmerend Zierikzee""".split()
_THING = """dials barrels charts ledgers windows anchors lenses saddles candles maps hinges bells
tiles kettles ropes organs seeds pumps scales looms""".split()
_MADE = "brass copper oak silver linen iron walnut pewter marble leather glass ivory cedar".split()
_DEED = """sold lent promised delivered refused pledged returned shipped repaired measured insured
counted auctioned inherited borrowed""".split()
_WHEN = """spring summer autumn winter harvest market fair flood frost siege truce""".split()

_SENTENCES = (
    "In the {when} of {year} the {trade} {name} of {place} {deed} {n} {made} {thing} to {other}.",
    "A letter from {place} says that {name} {deed} the {made} {thing} before the {when} ended.",
    "{name}, a {trade} by training, kept {n} {thing} of {made} in a cellar near {place}.",
    "When the bridge at {place} fell, {other} {deed} all {thing} that were made of {made}.",
    "The council of {place} asked {name} why the {trade} had {deed} only {n} {thing}.",
    "Nobody in {place} believed that {n} {made} {thing} could be {deed} in a single {when}.",
    "After {year} the workshop of {name} moved to {place}, where {made} was cheaper.",
    "{other} wrote that the {thing} from {place} were better than any {made} {thing} at home.",
    "It took {n} days until the {trade} from {place} had {deed} what {name} owed him.",
    "The {when} of {year} was so long that {name} {deed} {n} {thing} for bread.",
)


def document(number: int, *, sentences: int = 60) -> str:
    """The text of a document; the same number gives the same text."""
    draw = random.Random(number)
    paragraphs, current = [], []
    for index in range(sentences):
        current.append(
            draw.choice(_SENTENCES).format(
                when=draw.choice(_WHEN),
                year=draw.randrange(1580, 1850),
                trade=draw.choice(_TRADE),
                name=f"{draw.choice(_FIRST)} {draw.choice(_LAST)}",
                other=f"{draw.choice(_FIRST)} {draw.choice(_LAST)}",
                place=draw.choice(_PLACE),
                deed=draw.choice(_DEED),
                n=draw.randrange(3, 400),
                made=draw.choice(_MADE),
                thing=draw.choice(_THING),
            )
        )
        if len(current) == 6 or index == sentences - 1:
            paragraphs.append(" ".join(current))
            current = []
    return "\n\n".join(paragraphs)


def write_documents(path: Path, count: int, *, sentences: int = 60, first: int = 0) -> Path:
    """A .jsonl.gz file of `count` documents."""
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for number in range(first, first + count):
            text = document(number, sentences=sentences)
            row = {"id": f"doc-{number}", "title": f"Chronicle {number}", "text": text}
            file.write(json.dumps(row) + "\n")
    return path


def write_tokenizer_folder(path: Path) -> Path:
    """A model folder with a byte-level BPE tokenizer and no weights: enough to count tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<eos>"],
        show_progress=False,
    )
    core.train_from_iterator((document(number) for number in range(4)), trainer)
    path.mkdir(parents=True, exist_ok=True)
    core.save(str(path / "tokenizer.json"))
    (path / "config.json").write_text('{"model_type": "llama"}')
    return path

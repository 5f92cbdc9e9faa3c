"""Makes hundreds of bad PDF files from a seed, and can read them all.

    python tests/documents/mutate.py FOLDER [--count 300] [--seed 1]    # writes them
    python tests/documents/mutate.py --check [--first 0] [--count 300]  # reads them

`--check` prints a JSON line for each file, and last the largest memory that any reading process
took. File i of a seed is always the same; every kind of damage comes up once in each round through
`KINDS`.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from raw_pdf import FONT, flate, objects, show, stream, text_pdf, write

_TEXT = (
    "The harbour master wrote that every boat\nmust leave before noon (see page {page}).\n{words}"
)
_WORDS = "grain silver letters clocks maps bread lanterns bridges storms hills".split()
Random = random.Random


def base(rng: Random) -> bytes:
    """A sound PDF of one to six pages."""
    texts = [
        _TEXT.format(page=page, words=" ".join(rng.choices(_WORDS, k=30)))
        for page in range(rng.randint(1, 6))
    ]
    return text_pdf(texts, compress=rng.random() < 0.5)


# --- damage to the bytes of a sound file ----------------------------------------------------


def flip_bytes(rng: Random) -> bytes:
    data = bytearray(base(rng))
    for _ in range(rng.choice((1, 5, 50, 500))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def cut_end(rng: Random) -> bytes:
    data = base(rng)
    return data[: rng.randrange(len(data))]


def cut_start(rng: Random) -> bytes:
    data = base(rng)
    return data[rng.randrange(1, len(data)) :]


def cut_middle(rng: Random) -> bytes:
    data = base(rng)
    start, end = sorted(rng.sample(range(len(data)), 2))
    return data[:start] + data[end:]


def repeat_block(rng: Random) -> bytes:
    data = base(rng)
    start, end = sorted(rng.sample(range(len(data)), 2))
    return data[:end] + data[start:end] * rng.randint(1, 20) + data[end:]


def noise_block(rng: Random) -> bytes:
    data = bytearray(base(rng))
    start = rng.randrange(len(data))
    noise = rng.randbytes(rng.randint(1, 2000))
    return bytes(data[:start]) + noise + bytes(data[start:])


def change_numbers(rng: Random) -> bytes:
    values = (b"0", b"-1", b"1", b"7", b"65535", b"2147483648", b"99999999999999999999")

    def change(match: re.Match[bytes]) -> bytes:
        return rng.choice(values) if rng.random() < 0.05 else match[0]

    return re.sub(rb"\d+", change, base(rng))


def change_names(rng: Random) -> bytes:
    def change(match: re.Match[bytes]) -> bytes:
        return (
            rng.choice((b"/Kids", b"/Pages", b"/X", b"/", b"/Length"))
            if rng.random() < 0.1
            else match[0]
        )

    return re.sub(rb"/[A-Za-z0-9]+", change, base(rng))


def only_noise(rng: Random) -> bytes:
    return b"%PDF-1.7\n" + rng.randbytes(rng.randint(0, 5000))


# --- bombs ----------------------------------------------------------------------------------


def flate_bomb(rng: Random) -> bytes:
    packed = _packed(b" ", rng.choice((60, 100, 200)))
    return write(objects([stream(packed, b"/Filter /FlateDecode")]))


def flate_bomb_twice(rng: Random) -> bytes:
    twice = zlib.compress(_packed(b"\0", rng.choice((100, 300))), 9)
    return write(objects([stream(twice, b"/Filter [/FlateDecode /FlateDecode]")]))


def _packed(byte: bytes, mebibytes: int) -> bytes:
    packer = zlib.compressobj(9)
    block = byte * (1 << 20)
    return b"".join(packer.compress(block) for _ in range(mebibytes)) + packer.flush()


def many_filters(rng: Random) -> bytes:
    filters = b" ".join(
        rng.choices(
            (b"/ASCIIHexDecode", b"/FlateDecode", b"/LZWDecode"), k=rng.choice((5, 20, 5000))
        )
    )
    return write(objects([stream(b"00" * 1000, b"/Filter [%s]" % filters)]))


def runlength_bomb(rng: Random) -> bytes:
    packed = zlib.compress(b"\x81A" * (rng.choice((1, 4)) << 20), 9)
    return write(objects([stream(packed, b"/Filter [/FlateDecode /RunLengthDecode]")]))


def predictor_bomb(rng: Random) -> bytes:
    columns = rng.choice((10**6, 10**9, 2**31))
    extra = b"/DecodeParms << /Predictor 12 /Columns %d /Colors 4 /BitsPerComponent 16 >>" % columns
    return write(objects([flate(show("hello"), extra)]))


def operator_bomb(rng: Random) -> bytes:
    piece = rng.choice((b"(a) Tj ", b"q ", b"[ 1 2 3 ] TJ ", b"1 0 0 1 0 0 cm ", b"BT ET "))
    return write(objects([flate(b"BT /F1 12 Tf " + piece * (8_000_000 // len(piece)))]))


def nested_arrays(rng: Random) -> bytes:
    depth = rng.choice((100, 5_000, 200_000))
    opening, closing = rng.choice(((b"[", b"]"), (b"<</A ", b">>"), (b"(", b")")))
    nest = opening * depth + closing * depth
    if rng.random() < 0.5:
        return write(objects([stream(b"BT %s TJ ET" % nest)]))
    made = objects([stream(show("hello"))])
    made[FONT] = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Widths %s >>" % nest
    return write(made)


def object_stream_bomb(rng: Random) -> bytes:
    made = objects([stream(show("hello"))])
    count = rng.choice((10**5, 10**7, 10**9))
    made[20] = flate(b"21 0 << >>", b"/Type /ObjStm /N %d /First 5" % count)
    return write(made, trailer=b"/Info 21 0 R")


def long_lengths(rng: Random) -> bytes:
    length = rng.choice((10**9, 2**40, -5, 10**18))
    return write(objects([stream(show("hello"), length=length)]))


def to_unicode_bomb(rng: Random) -> bytes:
    made = objects([stream(show("hello"))])
    last = rng.choice((b"<FFFF>", b"<00FFFFFF>", b"<FFFFFFFF>"))
    cmap = b"begincmap 1 beginbfrange <00000000> %s <0041> endbfrange endcmap" % last
    made[FONT] = made[FONT][:-2] + b"/ToUnicode 20 0 R >>"
    made[20] = flate(cmap * rng.choice((1, 100)))
    return write(made)


def form_bomb(rng: Random) -> bytes:
    """Forms that each draw the next one ten times: 10 to the power of their count."""
    made = objects([stream(b"/X0 Do")])
    forms = rng.choice((3, 6, 12))
    names = b"/XObject << %s >>" % b" ".join(b"/X%d %d 0 R" % (i, 20 + i) for i in range(forms))
    made[4] = made[4].replace(b"/Resources <<", b"/Resources << %s" % names)
    for i in range(forms):
        draws = b"/X%d Do " % (i + 1) * 10 if i + 1 < forms else show("bottom")
        resources = b"/Resources << %s /Font << /F1 3 0 R >> >>" % names
        made[20 + i] = stream(draws, b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] " + resources)
    return write(made)


def many_kids(rng: Random) -> bytes:
    made = objects([stream(show("hello"))])
    kids = b"4 0 R " * rng.choice((1_000, 150_000))
    made[2] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, rng.choice((1, 10**9, -1)))
    return write(made)


def dense_xref(rng: Random) -> bytes:
    count = rng.choice((10**6, 10**9))
    return text_pdf(["hello"]).replace(b"xref\n0 6\n", b"xref\n0 %d\n" % count)


# --- loops ----------------------------------------------------------------------------------


def page_tree_loop(rng: Random) -> bytes:
    made = objects([stream(show("hello"))])
    kid = rng.choice((b"2 0 R", b"7 0 R"))
    made[2] = b"<< /Type /Pages /Kids [4 0 R %s] /Count 2 /Parent 2 0 R >>" % kid
    made[7] = b"<< /Type /Pages /Kids [2 0 R 7 0 R] /Count 1 /Parent 7 0 R >>"
    return write(made)


def previous_loop(rng: Random) -> bytes:
    data = write(objects([stream(show("hello"))]), trailer=b"/Prev 0000000000")
    target = rng.choice((data.index(b"xref\n"), 0, 10, len(data) - 1))
    return data.replace(b"/Prev 0000000000", b"/Prev %010d" % target)


def outline_loop(rng: Random) -> bytes:
    made = objects([stream(show("hello"))])
    made[1] = b"<< /Type /Catalog /Pages 2 0 R /Outlines 20 0 R >>"
    made[20] = b"<< /Type /Outlines /First 21 0 R /Last 21 0 R /Count 1 >>"
    made[21] = b"<< /Title (a) /Parent 20 0 R /Next 21 0 R /First %d 0 R >>" % rng.choice((20, 21))
    return write(made)


def reference_loop(rng: Random) -> bytes:
    """An entry that leads to itself."""
    made = objects([stream(show("hello")), stream(show("second page"))])
    where = rng.choice(("contents", "resources", "length", "font", "form", "kids"))
    if where == "contents":
        made[4] = made[4].replace(b"/Contents 5 0 R", b"/Contents [20 0 R 5 0 R]")
        made[20] = b"[20 0 R 20 0 R]"
    elif where == "resources":
        made[4] = re.sub(rb"/Resources << .*?>> >>", b"/Resources 20 0 R", made[4])
        made[20] = b"20 0 R"
    elif where == "length":
        made[5] = made[5].replace(b"/Length %d" % len(show("hello")), b"/Length 20 0 R")
        made[20] = b"20 0 R"
    elif where == "font":
        made[FONT] = b"<< /Type /Font /Subtype /Type0 /DescendantFonts [3 0 R] /ToUnicode 3 0 R >>"
    elif where == "form":
        names = b"/XObject << /X 20 0 R >>"
        made[4] = made[4].replace(b"/Resources <<", b"/Resources << %s" % names)
        made[5] = stream(b"/X Do " + show("hello"))
        extra = b"/Type /XObject /Subtype /Form /Resources << %s >>" % names
        made[20] = stream(b"/X Do /X Do", extra)
    else:
        made[2] = b"<< /Type /Pages /Kids 20 0 R /Count 2 >>"
        made[20] = b"20 0 R"
    return write(made)


# --- whole, but without text, pages or a key -------------------------------------------------


def no_pages(rng: Random) -> bytes:
    made = objects([])
    if rng.random() < 0.3:
        made[2] = rng.choice((b"<< /Type /Pages >>", b"null", b"[1 2 3]"))
    return write(made)


def no_root(rng: Random) -> bytes:
    root = rng.choice((b"", b"/Root 99 0 R", b"/Root 3 0 R", b"/Root null"))
    return text_pdf(["hello"]).replace(b"/Root 1 0 R", root)


def image_only(rng: Random) -> bytes:
    made = objects([stream(b"q 600 0 0 700 0 0 cm /Im Do Q")] * rng.randint(1, 5))
    for number in [number for number in made if number >= 4 and number % 2 == 0]:
        made[number] = made[number].replace(
            b"/Resources <<", b"/Resources << /XObject << /Im 90 0 R >>"
        )
    extra = b"/Type /XObject /Subtype /Image /Width 64 /Height 64 /BitsPerComponent 8"
    made[90] = flate(rng.randbytes(64 * 64), extra + b" /ColorSpace /DeviceGray")
    return write(made)


def encrypted(rng: Random) -> bytes:
    """Made unreadable by an /Encrypt entry that no password opens, or that makes no sense."""
    entry = rng.choice(
        (
            b"<< /Filter /Standard /V 2 /R 3 /Length 128 /P -4 /O <%s> /U <%s> >>"
            % (rng.randbytes(32).hex().encode(), rng.randbytes(32).hex().encode()),
            b"<< /Filter /Custom /V 9 >>",
            b"<< /Filter /Standard /V 5 /R 6 /O (x) /U (x) >>",
            b"[1 2]",
        )
    )
    made = objects([stream(show("hello"))])
    return write(made, trailer=b"/ID [<00> <00>] /Encrypt " + entry)


KINDS: tuple[Callable[[Random], bytes], ...] = (
    *(flip_bytes, cut_end, cut_start, cut_middle, repeat_block, noise_block, change_numbers),
    *(change_names, only_noise, flate_bomb, flate_bomb_twice, many_filters, runlength_bomb),
    *(predictor_bomb, operator_bomb, nested_arrays, object_stream_bomb, long_lengths),
    *(to_unicode_bomb, form_bomb, many_kids, dense_xref, page_tree_loop, previous_loop),
    *(outline_loop, reference_loop, no_pages, no_root, image_only, encrypted),
)


def mutations(first: int, count: int, *, seed: int) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of `count` bad files, from number `first` on."""
    for i in range(first, first + count):
        kind = KINDS[i % len(KINDS)]
        yield f"{i:03d}-{kind.__name__}.pdf", kind(Random(f"{seed}:{i}"))


def check(first: int, count: int, *, seed: int) -> None:
    """Read the files as lcirc does, and print how each one ended."""
    import resource

    from lcirc_cli.documents.limits import ReadLimits
    from lcirc_cli.documents.pdf import read_pdf
    from lcirc_cli.errors import DocumentError

    limits = ReadLimits(seconds=60, page_seconds=20, memory_bytes=1 << 30)
    for name, data in mutations(first, count, seed=seed):
        start = time.perf_counter()
        result: dict[str, object]
        try:
            document = read_pdf(data, name=name, sha256="", limits=limits)
            result = {"text": len(document.text.strip()), "notes": document.notes}
        except DocumentError as error:
            result = {"error": str(error)}
        seconds = round(time.perf_counter() - start, 2)
        print(json.dumps({"name": name, "seconds": seconds, **result}), flush=True)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"children_peak_kib": children, "own_peak_kib": own}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.check:
        check(options.first, options.count, seed=options.seed)
    elif options.folder is None:
        parser.error("give a folder, or --check")
    else:
        options.folder.mkdir(parents=True, exist_ok=True)
        for name, data in mutations(options.first, options.count, seed=options.seed):
            (options.folder / name).write_bytes(data)


if __name__ == "__main__":
    main()

"""PDF files that want too much work or memory, or that lead back to themselves; see `mutate.py`."""

from __future__ import annotations

import re
import zlib
from random import Random

from raw_pdf import FONT, flate, objects, show, stream, text_pdf, write

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

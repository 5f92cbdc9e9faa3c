"""PDF files with damaged bytes, and whole ones without text, pages or a key; see `mutate.py`."""

from __future__ import annotations

import re
from random import Random

from raw_pdf import flate, objects, show, stream, text_pdf, write

_TEXT = (
    "The harbour master wrote that every boat\nmust leave before noon (see page {page}).\n{words}"
)
_WORDS = "grain silver letters clocks maps bread lanterns bridges storms hills".split()


def base(rng: Random) -> bytes:
    """A sound PDF of one to six pages."""
    texts = [
        _TEXT.format(page=page, words=" ".join(rng.choices(_WORDS, k=30)))
        for page in range(rng.randint(1, 6))
    ]
    return text_pdf(texts, compress=rng.random() < 0.5)


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

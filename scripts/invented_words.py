"""Invented names and values for `make_forms.py`: nothing that a language model could know.

Every function draws from a `random.Random` and returns text.
"""

from __future__ import annotations

import re
from random import Random

_FIRST = (
    "Ada Alban Alma Anton Astrid Basil Bela Bruno Carla Cedric Clara Conrad Dagny Dario Dora Edda "
    "Egon Elif Emil Esther Farid Flora Frida Gideon Greta Gustav Hanna Hugo Ida Igor Ines Iris "
    "Ivo Jana Jonas Judith Karim Katja Lars Leila Leo Lotte Lucian Magda Malik Marta Milan Mina "
    "Nadia Nils Nora Olga Omar Oskar Paula Pavel Petra Quentin Rafael Renata Rosa Ruben Salma "
    "Samir Selma Sven Tamara Teodor Thea Tomas Ulla Ursula Viktor Vera Wanda Werner Yara Zoltan"
).split()
_LAST_A = (
    "Al An Ar Bar Ber Bol Bren Car Cor Dan Del Dor Ek El Far Fen Gar Gol Hal Har Hol Il Jan Kar "
    "Kel Kor Lam Lin Lor Mar Mel Mor Nar Nor Ol Or Pal Pen Quar Ras Ren Ror Sal Sel Sor Tal Ter "
    "Tor Ul Val Ver Vol War Wen Yor Zan Zel"
).split()
_LAST_B = (
    "berg beck bury dahl din dorf field ford gate haven heim holm kamp kov land lin low man mark "
    "mere mont nev ney owe quist rath ric rose sen ski son stad stein ster ton vale vik wald well "
    "wick wood worth"
).split()
_PLACE_B = (
    "bridge brook by cliff cross dale den end fleet gate ham haven hill holt hurst ing ley mead "
    "minster moor mouth port pool ridge shaw stead stoke thorpe ton wick wold worth"
).split()
_MONTHS = (
    "January February March April May June July August September October November December"
).split()
_ADJECTIVES = (
    "Amber Ancient Arctic Autumn Azure Bold Brass Bright Cedar Copper Coral Crystal Eastern "
    "Emerald Falcon Golden Granite Harbour Hidden Iron Ivory Juniper Lantern Linden Maple Marble "
    "Meadow Northern Opal Orchard Quiet River Rowan Saffron Silver Slate Southern Stone Summer "
    "Thistle Velvet Western Willow Winter"
).split()
_NOUNS = (
    "Anchor Arch Barn Basin Beacon Bell Canal Chapel Compass Court Crane Crown Dome Dragon Eagle "
    "Engine Fountain Gallery Garden Heron Hollow House Kettle Lamp Lion Lodge Market Mill Mirror "
    "Oak Otter Parade Pavilion Quarry Raven Sail School Star Swan Tower Vault Wheel Yard"
).split()


def person(rng: Random) -> str:
    """A first name and a surname."""
    return f"{rng.choice(_FIRST)} {surname(rng)}"


def surname(rng: Random) -> str:
    """A surname."""
    return rng.choice(_LAST_A) + rng.choice(_LAST_B)


def place(rng: Random) -> str:
    """A town."""
    return rng.choice(_LAST_A) + rng.choice(_PLACE_B)


def thing(rng: Random) -> str:
    """The name of a building, a product, a route or the like."""
    return f"{rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}"


def company(rng: Random) -> str:
    """A company or another body."""
    ends = ("Ltd", "& Sons", "Works", "Trust", "Group", "Partners", "Institute", "Cooperative")
    first = surname(rng) if rng.random() < 0.6 else thing(rng)
    return f"{first} {rng.choice(ends)}"


def code(rng: Random) -> str:
    """A number of a file, a contract or an article."""
    letters = "".join(rng.choice("ABCDEFGHKLMNPRSTUVWX") for _ in range(rng.randint(1, 3)))
    mark = rng.choice("-/.")
    return f"{letters}{mark}{rng.randint(10, 9999)}" + (
        f"{mark}{rng.randint(1, 99):02d}" if rng.random() < 0.3 else ""
    )


def date(rng: Random) -> str:
    """A day in one of three forms."""
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1874, 2031)
    name = _MONTHS[month - 1]
    forms = (f"{day} {name} {year}", f"{name} {day}, {year}", f"{year}-{month:02d}-{day:02d}")
    return forms[0 if rng.random() < 0.7 else rng.randint(1, 2)]


def clock(rng: Random) -> str:
    """A time of the day."""
    return f"{rng.randint(5, 22)}:{rng.choice((0, 5, 10, 15, 20, 30, 40, 45, 50)):02d}"


def whole(rng: Random, least: int, most: int) -> str:
    """A whole number, in groups of three where it is large."""
    return f"{rng.randint(least, most):,}"


def year(rng: Random) -> str:
    """A year in reach of memory."""
    return str(rng.randint(1961, 2029))


_NAMED = {f.__name__: f for f in (person, place, thing, company, code, date, clock, year)}
_DRAWN = re.compile(r"\{([^{}]+)\}")


def filled(rng: Random, text: str) -> str:
    """A text with a drawn value in place of each {...}; those of other meaning stay."""
    return _DRAWN.sub(lambda found: _drawn(rng, found[1]) or found[0], text)


def drawn(rng: Random, value: str) -> str:
    """A value by its kind, as `forms.toml` writes it: a kind alone, or a text with {kinds}.

    Raises:
        ValueError: there is no such kind.
    """
    if "{" in value:
        return filled(rng, value)
    found = _drawn(rng, value)
    if found is None:
        raise ValueError(f"no value {value!r}")
    return found


def _drawn(rng: Random, value: str) -> str | None:
    kind, _, rest = value.partition(" ")
    if kind in _NAMED and not rest:
        return _NAMED[kind](rng)
    if kind == "of":
        return rng.choice(rest.split("|"))
    if kind not in ("whole", "plain", "decimal", "money"):
        return None
    least, most, *unit = rest.split(" ", 2)
    if kind == "decimal":
        said = f"{rng.uniform(float(least), float(most)):.{rng.randint(1, 2)}f}"
    else:
        number = rng.randint(int(least), int(most))
        said = str(number) if kind == "plain" else f"{number:,}"
    if kind == "money":
        cents = f".{rng.choice((20, 40, 50, 75, 80, 90))}" if rng.random() < 0.4 else ""
        return "".join(unit) + said + cents
    return " ".join([said, *unit])

"""The labels by which pages name their encoding, and what browsers read for each.

The table is that of the WHATWG Encoding Standard: a label often means more than its name says, as
browsers read `gb2312` as GB 18030 and `iso-8859-1` as Windows-1252. Knows nothing about bytes.
"""

from __future__ import annotations

import codecs

# Codec of Python, then the labels. ISO-8859-n and windows-125n have more labels, made below.
_TABLE = """
utf-8: unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8
cp866: 866 cp866 csibm866 ibm866
iso8859-2: csisolatin2 iso-ir-101 iso_8859-2:1987 l2 latin2
iso8859-3: csisolatin3 iso-ir-109 iso_8859-3:1988 l3 latin3
iso8859-4: csisolatin4 iso-ir-110 iso_8859-4:1988 l4 latin4
iso8859-5: csisolatincyrillic cyrillic iso-ir-144 iso_8859-5:1988
iso8859-6: arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6-e
iso8859-6: iso-8859-6-i iso-ir-127 iso_8859-6:1987
iso8859-7: csisolatingreek ecma-118 elot_928 greek greek8 iso-ir-126 iso_8859-7:1987 sun_eu_greek
iso8859-8: csiso88598e csisolatinhebrew hebrew iso-8859-8-e iso-ir-138 iso_8859-8:1988 visual
iso8859-8: csiso88598i iso-8859-8-i logical
iso8859-10: csisolatin6 iso-ir-157 l6 latin6
iso8859-15: csisolatin9 l9
koi8_r: cskoi8r koi koi8 koi8-r koi8_r
koi8_u: koi8-ru koi8-u
mac_roman: csmacintosh mac macintosh x-mac-roman
mac_cyrillic: x-mac-cyrillic x-mac-ukrainian
cp874: dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874
cp1252: ansi_x3.4-1968 ascii cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591
cp1252: iso_8859-1 iso_8859-1:1987 l1 latin1 latin-1 us-ascii x-user-defined
cp1254: csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5
gb18030: chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk gb18030
big5hkscs: big5 big5-hkscs cn-big5 csbig5 x-x-big5
euc_jp: cseucpkdfmtjapanese euc-jp x-euc-jp
iso2022_jp: csiso2022jp iso-2022-jp
cp932: csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis
cp949: cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601
cp949: ksc_5601 windows-949
utf-16-be: unicodefffe utf-16be
utf-16-le: csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le
"""
_LABELS = {
    label: codec
    for codec, _, labels in (line.partition(": ") for line in _TABLE.strip().split("\n"))
    for label in labels.split()
}
for _part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16):
    for _form in ("iso-8859-{}", "iso8859-{}", "iso8859{}", "iso_8859-{}"):
        _LABELS.setdefault(_form.format(_part), f"iso8859-{_part}")
for _page in range(1250, 1259):
    for _form in ("cp{}", "windows-{}", "x-cp{}"):
        _LABELS[_form.format(_page)] = f"cp{_page}"
# A page that names one of these was not written in it: its markup could not be read as ASCII then
# (UTF-16), or they are no encodings of pages, and turn escapes into characters or raise.
_NEVER_DECLARED = (
    *("utf-16", "utf-32", "utf-7", "idna", "punycode", "undefined"),
    *("unicode-escape", "raw-unicode-escape"),
)


def codec_of(label: str) -> str | None:
    """The codec in which to read a page that names `label`, or None where the name tells nothing.

    Labels that browsers don't know, such as `cp850` or `iso-2022-kr`, mean what Python reads there.
    """
    label = label.strip().lower()
    name = _LABELS.get(label, label)
    try:
        codec = codecs.lookup(name)
        b"a".decode(name, "replace")  # some codecs know no "replace"
    except (LookupError, ValueError):  # not there, or no text encoding; UnicodeError is the latter
        return None
    return None if codec.name.replace("_", "-").startswith(_NEVER_DECLARED) else name

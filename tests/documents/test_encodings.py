"""Encodings as browsers read them, and files that hold two."""

from __future__ import annotations

import codecs

import pytest

from lcirc_cli.documents.encoding import decode_text
from lcirc_cli.documents.encoding_labels import codec_of
from lcirc_cli.documents.html import declared_encoding, read_html
from lcirc_cli.documents.text import read_text


@pytest.mark.parametrize(
    ("label", "encoding", "text"),
    [
        ("gb2312", "gb18030", "朱镕基与陶喆在1998年访问了深圳的工厂。"),
        ("GBK", "gb18030", "李喆创办，鎔"),
        ("Shift_JIS", "cp932", "①受付は九時から～十七時まで。担当は髙橋です。"),
        ("x-sjis", "cp932", "㈱山﨑"),
        ("euc-kr", "cp949", "똠방각하는 뷁이다"),
        ("ks_c_5601-1987", "cp949", "펲시콜라"),
        ("big5", "cp950", "碁恒裏，中國歷史"),
        ("iso-8859-1", "cp1252", "“curly” – 5 €"),
        ("us-ascii", "cp1252", "it’s £5"),
        ("iso-8859-9", "cp1254", "İstanbul’da “ışık” – 5 €"),
        ("tis-620", "cp874", "ราคา “ห้าบาท” …"),
        ("iso-8859-11", "cp874", "กรุงเทพ – ไทย"),
        ("windows-1253", "cp1253", "Η “Αθήνα” – 5 €"),
        ("iso-8859-2", "iso8859-2", "Łódź, Żywiec, Příbram"),
        ("koi8-u", "koi8_u", "Київ і Львів"),
        ("x-mac-cyrillic", "mac_cyrillic", "Москва и реки"),
        ("macintosh", "mac_roman", "“Café” – naïve"),
        ("windows-1255", "cp1255", "שלום עולם"),
        ("x-user-defined", "cp1252", "café"),
    ],
)
def test_labels_mean_what_they_mean_in_browsers(label: str, encoding: str, text: str) -> None:
    page = f'<html><head><META http-equiv=x content="text/html; CHARSET={label}"></head><p>{text}'
    document = read_html(page.encode(encoding), name="a.html")
    assert document.text == text
    assert len(document.notes) == 1 and document.notes[0].startswith("read as ")


def test_every_label_has_a_codec() -> None:
    for label in (
        "latin1",
        "l2",
        "cp1257",
        "iso88598",
        "windows-1258",
        "iso-ir-101",
        "unicode-1-1-utf-8",
    ):
        codec = codec_of(f" {label.upper()} ")
        assert codec is not None and codecs.lookup(codec)
    assert codec_of("utf-16") is None and codec_of("nonsense") is None


def test_vendors_characters_in_japanese() -> None:
    assert decode_text(b"\xad\xa1\xfc\xe2\xb6\xb6", declared="euc-jp")[0] == "①髙橋"
    jis = b"\x1b$B-!F|K\\\x1b(B and \x1b(I1\x1b(B\n"
    assert decode_text(jis, declared="iso-2022-jp")[0] == "①日本 and ｱ\n"


def test_a_declaration_in_a_comment_or_in_text_is_none() -> None:
    page = b"<!-- <meta charset=shift_jis> --><meta charset=windows-1251><p>charset=big5"
    assert declared_encoding(page) == "windows-1251"
    assert declared_encoding(b"<p>encoding=koi8-r") is None


def test_a_mark_of_the_byte_order_wins() -> None:
    page = "<meta charset=windows-1251><p>naïve"
    assert read_html(codecs.BOM_UTF8 + page.encode(), name="x").text == "naïve"
    assert read_html(page.encode("utf-16"), name="x").text == "naïve"


def test_a_page_that_is_no_utf8_though_it_says_so() -> None:
    assert read_html("<meta charset=utf-8><p>café – naïve".encode("cp1252"), name="x").text == (
        "café – naïve"
    )


@pytest.mark.parametrize(
    ("data", "text", "notes"),
    [
        (
            "1914–1918, £40–60 “dear”, Zoë".encode("cp1252") + " the “great” strike".encode(),
            "1914–1918, £40–60 “dear”, Zoë the “great” strike",
            ("read as cp1252", "2 characters in it read as utf-8"),
        ),
        (
            "3–5 men, £40–60 “x”".encode("cp1252") + b" \x9d and \x81",
            "3–5 men, £40–60 “x” \ufffd and \ufffd",
            ("read as cp1252", "2 damaged characters (cp1252) replaced"),
        ),
        (
            "Zoë – “CAFÉ” – “allé…” – Ö".encode("cp1252"),
            "Zoë – “CAFÉ” – “allé…” – Ö",
            ("read as cp1252",),
        ),
        (
            "rent – £5 – £6 – £7 – £8 – £9".encode("cp1252") + " 5 € für Köln 😀 Жизнь".encode(),
            "rent – £5 – £6 – £7 – £8 – £9 5 € für Köln 😀 Жизнь",
            ("read as cp1252", "9 characters in it read as utf-8"),
        ),
        ("naïve café – “x”".encode() + b" \x92 y", "naïve café – “x” \ufffd y", None),
        (
            "1914–1918, “£40–60”\n".encode() + "“dear”, said Zoë – 5 €\n".encode("cp1252"),
            "1914–1918, “£40–60”\n“dear”, said Zoë – 5 €",
            ("5 characters in it read as cp1252",),
        ),
        ("naïve – “x”\nZo".encode() + b"\xc3 and", "naïve – “x”\nZo\ufffd and", None),
        ("naïve – “x”\nplain \u2019".encode()[:-1], "naïve – “x”\nplain \ufffd", None),
        ("naïve – “x”\nplain ".encode() + b"\xe2", "naïve – “x”\nplain \ufffd", None),
    ],
)
def test_files_that_hold_two_encodings(
    data: bytes, text: str, notes: tuple[str, ...] | None
) -> None:
    document = read_text(data, name="a.txt")
    assert document.text == text
    assert document.notes == (notes or ("1 damaged character (utf-8) replaced",))


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        ("Η γέφυρα άνοιξε το 1781 και κόστισε έντεκα χιλιάδες κορώνες.", "cp1253 iso8859_7"),
        ("ΠΡΑΚΤΙΚΑ ΤΗΣ ΕΠΙΤΡΟΠΗΣ ΤΗΣ ΓΕΦΥΡΑΣ", "cp1253"),
        ("הגשר נפתח בשנת 1781 ועלה אחד עשר אלף כתרים.", "cp1255"),
        ("יעדער מענטש ווערט געבוירן פריי און גלייך אין כבוד און רעכט.", "cp1255"),
        ("افتتح الجسر عام 1781 وكلف أحد عشر ألفا.", "cp1256 iso8859_6"),
        ("สะพานเปิดเมื่อปี 1781 และมีค่าใช้จ่ายสูง ต่างมีเหตุผลและมโนธรรม", "cp874"),
        ("Мост открыт в 1781 году.", "cp1251 koi8_r cp866 iso8859_5"),
        ("ПРОТОКОЛ ЗАСЕДАНИЯ КОМИТЕТА ПО СТРОИТЕЛЬСТВУ МОСТА", "cp1251 cp866"),
        ("Всі люди народжуються вільними і рівними у своїй гідності.", "cp1251 koi8_u"),
        ("Visitors in 1903: Иванов 12, Петров 15, Сидоров 3.", "cp1251 koi8_r"),
        ("人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心。", "gb18030"),
        ("人人生而自由,在尊嚴和權利上一律平等。他們賦有理性和良心。", "big5"),
        ("모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.", "cp949"),
        ("Die Brücke wurde 1781 eröffnet – «été», ÄÖÜ, Où était l’été ?", "cp1252"),
    ],
)
def test_alphabets_are_told_by_their_letters(text: str, encodings: str) -> None:
    for encoding in encodings.split():
        assert read_text(text.encode(encoding), name="a.txt").text == text, encoding

"""PDF: filled forms, notes, stamps, comments, attachments, fonts that can't be read, scans."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from lcirc_cli.documents import pdf, read_document
from lcirc_cli.documents.page_ranges import parse_page_ranges

from .laid_out import put, read_bytes
from .raw_pdf import objects, stream, write


def annotated(content: str, *annotations: str, catalogue: str = "") -> bytes:
    """One page with these annotations; fields of a form are listed in the catalogue too."""
    made = objects([stream(content.encode("cp1252"))])
    numbers = [20 + i for i in range(len(annotations))]
    listed = " ".join(f"{number} 0 R" for number in numbers).encode()
    made[4] = made[4].replace(b"/Parent", b"/Annots [%s] /Parent" % listed)
    for number, body in zip(numbers, annotations, strict=True):
        made[number] = f"<< /Type /Annot /F 4 {body} >>".encode("cp1252")
    fields = b" ".join(
        b"%d 0 R" % number
        for number, body in zip(numbers, annotations, strict=True)
        if "/Widget" in body
    )
    form = b"/AcroForm << /Fields [%s] /DA (/F1 0 Tf) >>" % fields if fields else b""
    made[1] = b"<< /Type /Catalog /Pages 2 0 R %s %s >>" % (form, catalogue.encode())
    return write(made)


def widget(kind: str, name: str, box: str, more: str) -> str:
    return f"/Subtype /Widget /FT /{kind} /T ({name}) /Rect [{box}] {more}"


def page_of(data: bytes) -> str:
    (page,), _ = read_bytes(data)
    return page


def test_what_a_form_was_filled_with_stands_beside_its_label() -> None:
    content = "\n".join(
        [
            put(72, 700, "Name of the applicant:", size=12),
            put(72, 660, "Waters applied for:", size=12),
            put(72, 620, "Night fishing:", size=12),
            put(72, 580, "Boat:", size=12),
        ]
    )
    data = annotated(
        content,
        widget("Tx", "applicant", "250 695 450 715", "/V (Odo Brightwater)"),
        widget("Ch", "waters", "250 655 450 675", "/Ff 131072 /Opt [(Serrin) (Lune)] /V (Lune)"),
        widget("Btn", "night", "250 615 270 635", "/V /Yes /AS /Yes"),
        widget("Btn", "boat", "250 575 270 595", "/V /Off /AS /Off"),
    )
    assert page_of(data).split("\n") == [
        "Name of the applicant:\tOdo Brightwater",
        "Waters applied for:\tLune",
        "Night fishing:\t[x]",
        "Boat:\t[ ]",
    ]


def test_what_a_tick_means_stands_beside_it_where_the_page_does_not_say() -> None:
    lines = [put(72, 700, "Meal:"), put(72, 660, "Size:"), put(172, 660, "large")]
    lines += [put(72, 620, "Car:"), put(72, 580, "Boat:")]
    data = annotated(
        "\n".join(lines),
        widget("Btn", "meal", "150 695 165 710", "/V /vegetarian /AS /vegetarian"),
        widget("Btn", "size", "150 655 165 670", "/Ff 32768 /V /Large /AS /Large"),
        widget("Btn", "car", "150 615 165 630", "/V /Yes /AS /Yes"),
        widget("Btn", "boat", "150 575 165 590", "/V /s2 /AS /s2"),
    )
    said = ["Meal:\t[x] vegetarian", "Size:\t(x) large", "Car:\t[x]", "Boat:\t[x]"]
    assert page_of(data).split("\n") == said


def test_a_field_without_words_beside_it_gives_its_name() -> None:
    data = annotated(
        put(72, 700, "An application"),
        widget("Tx", "town", "72 400 300 420", "/TU (Town of birth) /V (Lund)"),
        widget("Btn", "member", "72 300 90 318", "/V /Yes /AS /Yes"),
    )
    assert page_of(data).split("\n\n") == ["An application", "Town of birth: Lund", "member: yes"]


def test_hidden_and_empty_fields_say_nothing() -> None:
    data = annotated(
        put(72, 700, "An application"),
        widget("Tx", "a", "72 400 300 420", "/V ()"),
        widget("Tx", "b", "72 300 300 320", "/V (secret)").replace("/Subtype", "/F 2 /Subtype"),
    ).replace(b"/F 4 /F 2", b"/F 2")
    assert page_of(data) == "An application"


def test_notes_stamps_and_comments_follow_the_page() -> None:
    data = annotated(
        put(72, 700, "An application"),
        "/Subtype /FreeText /Rect [72 500 400 560] /Contents (Clerk: fee of 35 crowns paid.)",
        "/Subtype /Stamp /Rect [72 400 200 440] /Contents (Received 2 June)",
        "/Subtype /Text /Rect [72 300 90 320] /T (Ida) /Contents (Check the date.)",
        "/Subtype /Highlight /Rect [72 700 90 712] /Contents (Who is this?)",
        "/Subtype /Link /Rect [72 200 90 220] /Contents (nothing)",
    )
    assert page_of(data).split("\n\n") == [
        "An application",
        "Clerk: fee of 35 crowns paid.",
        "Stamp: Received 2 June",
        "Comment by Ida: Check the date.",
        "Comment: Who is this?",
    ]


def test_attachments_are_counted(tmp_path: Path) -> None:
    plain = write(objects([stream(put(72, 700, "See the files.").encode())]))
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(plain)))
    writer.add_attachment("prices.xlsx", b"1")
    writer.add_attachment("plan.pdf", b"2")
    writer.write(tmp_path / "a.pdf")
    (note,) = read_document(tmp_path / "a.pdf").notes
    assert note.startswith("2 attached files are not read (") and "prices.xlsx" in note


def test_texts_that_are_attached_are_read_after_the_pages(tmp_path: Path) -> None:
    plain = write(objects([stream(put(72, 700, "See the files.").encode())]))
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(plain)))
    writer.add_attachment("fees.txt", "The fee is 35 crowns.\x1b[31m\r\nÄpfel.\n".encode())
    writer.add_attachment("plan.pdf", b"2")
    writer.add_attachment("empty.txt", b"  ")
    writer.add_attachment("none.csv", b"\0\1\2")
    writer.write(tmp_path / "a.pdf")
    document = read_document(tmp_path / "a.pdf")
    assert document.text == "See the files.\n\nThe fee is 35 crowns.[31m\nÄpfel."
    first, last = document.pages
    assert (first.number, first.section) == (1, None)
    assert last.number is None and (last.section or "").startswith("attached file fees")
    assert (last.section or "").isprintable()
    read, unread, *_ = document.notes
    assert read.startswith("1 attached text is read after the pages (fees")
    assert unread.startswith("3 attached files are not read (") and "plan.pdf" in unread
    few = read_document(tmp_path / "a.pdf", pages=parse_page_ranges("1"))
    assert few.text == "See the files." and few.notes[0].startswith("4 attached files are not read")


def test_names_of_attachments_are_cleaned_and_few(tmp_path: Path) -> None:
    plain = write(objects([stream(put(72, 700, "See the files.").encode())]))
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(plain)))
    for number in range(7):
        writer.add_attachment(f"{number}\x1b[31m" + "long" * 50, b"1")
    writer.write(tmp_path / "a.pdf")
    (note,) = read_document(tmp_path / "a.pdf").notes
    assert note.startswith("7 attached files are not read (") and note.isprintable()
    assert ", ...)" in note and len(note) < 600


def unmapped(body: str, *, base: int) -> bytes:
    """A page whose body is in a composite font without a table of characters.

    Glyphs are numbered by the letters' codes less `base`, as subsets of fonts are.
    """
    codes = "".join(f"{max(1, ord(c) - base):04x}" for c in body)
    content = f"{put(72, 740, 'Minutes')} BT /F2 12 Tf 72 700 Td <{codes}> Tj ET"
    made = objects([stream(content.encode())])
    made[4] = made[4].replace(b"/F1 3 0 R", b"/F1 3 0 R /F2 30 0 R")
    made[30] = (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /Odd /Encoding /Identity-H "
        b"/DescendantFonts [31 0 R] >>"
    )
    made[31] = (
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Odd /CIDToGIDMap /Identity /DW 600 "
        b"/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>"
    )
    return write(made)


@pytest.mark.parametrize("base", [29, 95, -1000])
def test_a_font_that_cannot_be_read_is_told_by_page(base: int) -> None:
    body = "the members of the council met in the old hall and talked of the harbour"
    (page,), notes = read_bytes(unmapped(body, base=base))
    assert page == "Minutes"
    assert notes == [
        "page 1: most of its letters can't be read (font without a table of characters); run OCR"
    ]


def test_a_picture_with_a_printed_number_is_probably_a_scan() -> None:
    made = objects([stream(b"q 600 0 0 780 0 0 cm /Im Do Q " + put(300, 20, "7").encode())])
    made[4] = made[4].replace(b"/Resources <<", b"/Resources << /XObject << /Im 30 0 R >>")
    made[30] = stream(
        bytes(100),
        b"/Type /XObject /Subtype /Image /Width 10 /Height 10 /BitsPerComponent 8 "
        b"/ColorSpace /DeviceGray",
    )
    (page,), notes = read_bytes(write(made))
    assert page == "7"
    assert notes == ["page 1: almost no text on a picture, probably a scan; run OCR"]


def test_the_second_reader_takes_over_what_pdfium_cannot_open(
    tmp_path: Path,
) -> None:
    path = tmp_path / "book.pdf"
    path.write_bytes(write(objects([stream(put(72, 700, "Read by the other.").encode())])))
    reading = pdf._Reading(path, "book.pdf", None, None, pdf.DEFAULT_LIMITS, readers=("pypdf",))
    reading.run()
    document = reading.document("")
    assert document.text == "Read by the other."
    assert document.notes == (
        "damaged: read with pypdf, which knows no columns, tables, forms or comments",
    )

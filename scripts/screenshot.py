"""Takes docs/serve.png: a real question on the page of `lcirc serve`, with the quote's page opened.

    python scripts/screenshot.py [--out docs/serve.png] [--scheme dark] [--width 390]

Needs the extra `serve`, playwright, and a Chromium of the system. The handbook is read first, which
takes a minute; its memory is kept in build/, so that the next run needs none.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
QUESTION = "Which environment variable holds the password?"
# A browser of a test asks nobody else for anything.
QUIET = """--disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --no-sandbox""".split()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "serve.png")
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    parser.add_argument("--width", type=int, default=1360)
    parser.add_argument("--height", type=int, default=820)
    wanted = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("there is no Chromium: apt-get install chromium")
    memory = _memory()
    with tempfile.TemporaryDirectory() as folder:
        lcirc = [sys.executable, "-m", "lcirc_cli", "serve", str(memory), "--port", "0"]
        server = subprocess.Popen(lcirc, cwd=folder, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            address = re.search(r"http://\S+", server.stdout.readline())
            assert address is not None, "the server did not begin"
            _take(address[0], chromium, wanted)
        finally:
            server.terminate()
            server.wait(30)
    _shrink(wanted.out)
    print(f"{wanted.out}: {wanted.out.stat().st_size:,} bytes")


def _memory() -> Path:
    """The handbook's memory, beside a copy of the handbook, whose pages are shown."""
    folder = ROOT / "build" / "screenshot"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "docs" / "handbook.pdf", folder)
    ingest = [sys.executable, "-m", "lcirc_cli", "ingest", str(folder / "handbook.pdf")]
    subprocess.run(ingest, check=True)
    return folder / "handbook.lcirc"


def _take(address: str, chromium: str, wanted: argparse.Namespace) -> None:
    size = {"width": wanted.width, "height": wanted.height}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_page(viewport=size, color_scheme=wanted.scheme)  # type: ignore[arg-type]
        page.goto(address)
        page.get_by_text("handbook.pdf").first.wait_for()
        page.get_by_label("Your question").fill(QUESTION)
        page.get_by_role("button", name="Ask").click()
        page.locator(".quote").first.wait_for(timeout=120_000)
        page.locator(".quote").first.click()
        page.locator(".box").first.wait_for()
        page.locator(".sheet img").evaluate("image => image.decode()")
        page.wait_for_timeout(1_000)  # it scrolls to the mark
        page.screenshot(path=wanted.out)
        browser.close()


def _shrink(path: Path) -> None:
    """With as few colours as are needed: a README should load fast."""
    with Image.open(path) as image:
        image.convert("RGB").quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()

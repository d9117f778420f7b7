"""Makes the pictures of the console in the documentation: `python -m tests.console.pictures`, from the root.

They show the made-up records of sample.py, seen in Chromium at twice the density.
"""

import base64
from pathlib import Path

from tests.e2e.browser import browser

from .pages.console_page import KEY, ConsolePage
from .sample_process import Sample

FOLDER = Path(__file__).resolve().parents[2] / "docs/images"
WIDTH, HEIGHT, DENSITY = 1440, 1000, 1.5
PICTURES = {"console": ("light", "overview"), "invocation": ("dark", "invocations?filter=outcome:failed")}


def main() -> None:
    sample = Sample(KEY)
    try:
        with browser() as tab:
            page = ConsolePage(tab, sample.url)
            page.enters()
            for name, (theme, path) in PICTURES.items():
                page.looks(theme, WIDTH, HEIGHT)
                tab.call(
                    "Emulation.setDeviceMetricsOverride",
                    width=WIDTH,
                    height=HEIGHT,
                    deviceScaleFactor=DENSITY,
                    mobile=False,
                )
                page.opens(path)
                if path == "overview":
                    page.waits("document.querySelectorAll('.chart, .figures, .transactions tbody').length === 3")
                if path.startswith("invocations"):
                    page.waits("document.querySelectorAll('main .span-line .span-time').length > 0")
                picture = tab.call("Page.captureScreenshot", format="png")["data"]
                (FOLDER / f"{name}.png").write_bytes(base64.b64decode(picture))
                page.is_well()
    finally:
        sample.end()


if __name__ == "__main__":
    main()

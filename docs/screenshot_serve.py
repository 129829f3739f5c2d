"""Takes docs/images/serve-*.png: every view of the path view, on the demo's ledger.

Run ``make demo`` first, then

    PYTHONPATH=. .venv/bin/python docs/screenshot_serve.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import click
import httpx
from playwright.sync_api import Page
from screenshots import IMAGES, browser_page

from dagster_project.demo.execute import DAGSTER_HOME
from dagster_project.settings import ROOT

BLOCKED = "/v?namespace=default&name=models%2Fmixed_student"
PUBLIC = "/v?namespace=default&name=finetune%2Fsmoltalk_assistant"
#: View, where it is, the part of it that is shown, and whether in the dark.
VIEWS: tuple[tuple[str, str, str | None, bool], ...] = (
    ("verdicts", "/", None, False),
    ("blocked", BLOCKED, None, False),
    ("path", PUBLIC, "#path", False),
    ("path-dark", PUBLIC, "#path", True),
    ("incidents", "/incidents", None, False),
    ("waivers", "/waivers", None, False),
    ("impact", "/impact?model=gpt-4*", None, False),
    ("search", "/search?q=stories", None, False),
    ("runbook", "/runbooks/restricted-model", None, False),
)


@contextmanager
def serving(ledger: Path, folder: Path, *arguments: str) -> Generator[str]:
    """The server on a free port; yields its address.

    Args:
        ledger: folder of the ledger.
        folder: to run in.
        arguments: further ones of ``lineage-guard serve``.
    """
    place = str(ledger.resolve())
    command = [sys.executable, "-m", "lineage_guard.cli", "serve", "--port", "0", "--ledger", place, *arguments]
    # The demo's own models are in a catalog file of its own, as guard() is told.
    env = {**os.environ, "LINEAGE_GUARD_CATALOG": str(ROOT / "dagster_project" / "catalog.yaml")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, cwd=folder) as server:
        try:
            assert server.stdout is not None
            said = server.stdout.readline()
            if " at http" not in said:
                raise RuntimeError("the server did not start")
            url = said.split(" at ")[1].split()[0].rstrip("/")
            httpx.get(f"{url}/", timeout=60).raise_for_status()
            yield url
        finally:
            server.terminate()


def shoot(page: Page, url: str, to: Path) -> None:
    """Take every view.

    Args:
        page: in a browser.
        url: of the server.
        to: folder for the images.
    """
    page.set_viewport_size({"width": 1280, "height": 860})
    for name, address, part, dark in VIEWS:
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.goto(url + address)
        if page.locator("#graph").count():
            page.locator("#graph[data-nodes]").wait_for()
        if part:
            page.locator(part).evaluate("e => e.scrollIntoView()")
        page.wait_for_load_state("networkidle")
        if dark:
            page.get_by_role("button", name="Show all").click()
        bottom = page.locator("footer").bounding_box()
        height = min(860.0, bottom["y"] + bottom["height"]) if bottom else 860.0
        page.screenshot(path=to / f"serve-{name}.png", clip={"x": 0, "y": 0, "width": 1280, "height": height})


@click.command()
@click.option("--to", type=click.Path(path_type=Path), default=IMAGES, help="Folder for the images.")
@click.option("--ledger", type=click.Path(path_type=Path), default=DAGSTER_HOME / "lineage_guard", help="Its folder.")
def main(to: Path, ledger: Path) -> None:
    """Take them all; fails when a view is not there."""
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        waivers = Path(folder) / "waivers.yaml"
        # Nothing is waived in the demo; this is the example of the page on waivers.
        [example] = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "waivers.md").read_text("utf-8"), re.DOTALL)
        waivers.write_text(example, "utf-8")
        with serving(ledger, Path(folder), "--waivers", waivers.name) as url, browser_page() as page:
            shoot(page, url, to)
    for image in sorted(to.glob("serve-*.png")):
        click.echo(f"{image} {image.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()

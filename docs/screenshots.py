"""Takes the screenshots in docs/images from a live Dagster webserver on the demo's home.

Run ``make demo`` first, then ``.venv/bin/python docs/screenshots.py``. Needs Chromium (Debian:
``apt-get install chromium``); nothing leaves this machine.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import click
import httpx
from playwright.sync_api import Page, TimeoutError, expect, sync_playwright

from dagster_project.demo.execute import DAGSTER_HOME
from dagster_project.settings import HOME, ROOT

IMAGES = ROOT / "docs" / "images"
#: What Dagster's interface draws dialogs in, behind which nothing can be seen well.
DIALOG = ".bp5-overlay-backdrop, .bp4-overlay-backdrop, [role=dialog]"
#: How long to wait for a welcome that may not come, in milliseconds.
WELCOME_MS = 5_000
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def webserver(log: Path) -> Generator[str]:
    """A Dagster webserver on the demo's home; yields its URL once it has loaded the deployment."""
    port = free_port()
    env = {**os.environ, "DAGSTER_HOME": str(DAGSTER_HOME), "DEMO_HOME": str(HOME), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "dagster_webserver", "-w", "workspace.yaml", "-p", str(port), "-h", "127.0.0.1"]
    with log.open("wb") as out, subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out) as server:
        url = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 180
            while not _answers(url):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the webserver did not start; its log is {log}")
                time.sleep(0.5)
            yield url
        finally:
            server.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/server_info", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def browser_page() -> Generator[Page]:
    """A page in headless Chromium: the system's, or the one Playwright has."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        try:
            yield browser.new_page(viewport={"width": 1500, "height": 950}, device_scale_factor=1)
        finally:
            browser.close()


def close_banners(page: Page) -> None:
    """Close what Dagster shows to people who open it for the first time, and wait until it is gone.

    Its welcome is drawn some time after the page itself, and fades for a while after it was closed.
    """
    dialogs = page.locator(DIALOG)
    with suppress(TimeoutError):
        dialogs.first.wait_for(state="visible", timeout=WELCOME_MS)
    for name in ("Skip", "Dismiss", "Close", "Not now"):
        for button in page.get_by_role("button", name=name, exact=True).all():
            if button.is_visible():
                button.click()
    expect(dialogs).to_have_count(0, timeout=30_000)


def open_asset(page: Page, url: str, asset: str, view: str, until: str) -> None:
    """Open a tab of an asset's page and wait until a text stands there."""
    page.goto(f"{url}/assets/{asset}?view={view}")
    page.get_by_text(until).first.wait_for(timeout=120_000)
    close_banners(page)


@click.command()
@click.option("--to", type=click.Path(path_type=Path), default=IMAGES, help="Folder for the images.")
def main(to: Path) -> None:
    """Take them all; fails when the UI does not show what must be in them."""
    to.mkdir(parents=True, exist_ok=True)
    with webserver(HOME / "webserver.log") as url, browser_page() as page:
        open_asset(page, url, "models/mixed_student", "overview", "Failed")
        page.screenshot(path=to / "blocked-training-asset.png")
        page.set_viewport_size({"width": 2100, "height": 900})
        open_asset(page, url, "models/mixed_student", "checks", "BLOCKED")
        page.screenshot(path=to / "blocked-check.png")
    for image in sorted(to.glob("*.png")):
        click.echo(f"{image} {image.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()

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
#: The run that the demo left behind.
NEWEST_RUN = "{ runsOrError(limit: 1) { ... on Runs { results { runId } } } }"
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
            # Waiting for a condition evaluates it, which the policy of Dagster's pages forbids.
            yield browser.new_page(viewport={"width": 1500, "height": 950}, device_scale_factor=1, bypass_csp=True)
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


def open_page(page: Page, url: str, until: str) -> None:
    """Open a page and wait until a text stands there."""
    page.goto(url)
    page.get_by_text(until).first.wait_for(timeout=120_000)


def open_asset(page: Page, url: str, asset: str, view: str, until: str) -> None:
    """Open a tab of an asset's page and wait until a text stands there."""
    open_page(page, f"{url}/assets/{asset}?view={view}", until)


def asset_graph(page: Page, url: str, image: Path) -> None:
    """What is upstream of the asset that was stopped, as the graph draws it."""
    open_asset(page, url, "models/mixed_student", "lineage&lineageScope=upstream&lineageDepth=4", "0 / 1 Passed")
    for kind in ("restricted", "guarded"):
        expect(page.get_by_text(kind, exact=True).first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("1 / 1 Passed").first).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Loading...")).to_have_count(0, timeout=60_000)
    page.screenshot(path=image)


def step_failure(page: Page, url: str, image: Path) -> None:
    """The failure of the step that was stopped, opened."""
    answer = httpx.post(f"{url}/graphql", json={"query": NEWEST_RUN}, timeout=60).json()
    run = answer["data"]["runsOrError"]["results"][0]["runId"]
    open_page(page, f"{url}/runs/{run}?logs=step%3Amodels__mixed_student", "STEP_FAILURE")
    page.get_by_text("View full message").last.click()
    dialog = page.get_by_role("dialog").last
    for text in ("Failure: BLOCKED", "lineage_guard/findings", "RESTRICTED_MODEL", "curated/mixed_set"):
        expect(dialog.get_by_text(text).first).to_be_visible(timeout=30_000)
    # The dialog fades in: shown as it is when it has.
    page.wait_for_function("document.getAnimations().every(a => a.playState !== 'running')")
    page.screenshot(path=image, animations="disabled")


def check_history(page: Page, url: str, image: Path) -> None:
    """Every verdict on the asset that was stopped: the step's, and those of the sensor."""
    open_asset(page, url, "models/mixed_student", "checks", "BLOCKED")
    page.get_by_text("Execution history").click()
    rows = page.get_by_text("BLOCKED default:models/mixed_student")
    expect(rows.nth(1)).to_be_visible(timeout=30_000)
    page.screenshot(path=image)


def trained_version(page: Page, url: str, image: Path) -> None:
    """What was trained, with its sources and the duties that travel with it."""
    open_asset(page, url, "finetune/magpie_assistant", "events", "lineage_guard/sources")
    expect(page.get_by_text("meta-llama/Llama-3.1-405B-Instruct").first).to_be_attached()
    duties = page.get_by_text("Built with Llama").first
    duties.scroll_into_view_if_needed()
    page.get_by_text("lineage_guard/declaration").first.scroll_into_view_if_needed()
    expect(duties).to_be_in_viewport(timeout=30_000)
    page.screenshot(path=image)


@click.command()
@click.option("--to", type=click.Path(path_type=Path), default=IMAGES, help="Folder for the images.")
def main(to: Path) -> None:
    """Take them all; fails when the UI does not show what must be in them."""
    to.mkdir(parents=True, exist_ok=True)
    with webserver(HOME / "webserver.log") as url, browser_page() as page:
        open_asset(page, url, "models/mixed_student", "overview", "Failed")
        close_banners(page)
        page.screenshot(path=to / "blocked-training-asset.png")
        asset_graph(page, url, to / "dagster-graph.png")
        step_failure(page, url, to / "dagster-step-failure.png")
        check_history(page, url, to / "dagster-check-history.png")
        page.set_viewport_size({"width": 2100, "height": 900})
        open_asset(page, url, "models/mixed_student", "checks", "BLOCKED")
        page.screenshot(path=to / "blocked-check.png")
        trained_version(page, url, to / "dagster-trained-version.png")
    for image in sorted(to.glob("*.png")):
        click.echo(f"{image} {image.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()

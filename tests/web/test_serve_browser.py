"""The path view in headless Chromium: every view, by keyboard, in the dark, without scripts, with hostile names."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgi_server import running
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from serve_ledger import EVIL, STUDENT, WAIVED, application, fill

from lineage_guard.ledger import open_ledger
from lineage_guard.web.access import access_for
from lineage_guard.web.rendering import to_version

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
#: As in docs/screenshots.py, which starts the same browser.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
#: Of WCAG 2.2, and off unless it is asked for: what is to be hit with a finger is large enough.
TARGETS = "{'target-size': {enabled: true}}"
VIEWS = {
    "list": "/",
    "blocked": to_version(STUDENT),
    "waived": to_version(WAIVED),
    "hostile": to_version(EVIL),
    "search": "/search?q=models",
    "incidents": "/incidents",
    "waivers": "/waivers",
    "impact": "/impact?model=gpt-4o*",
    "runbooks": "/runbooks",
    "runbook": "/runbooks/restricted-model",
    "nothing": "/nope",
}

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("browser")
    fill(folder)
    served = application(open_ledger(folder / "ledger"), access_for("127.0.0.1", (), ()), folder / "waivers.yaml")
    with running(served) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        started = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield started
        started.close()


class Watched:
    """Pages of one context, and all that went wrong in them."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.wrong: list[str] = []
        self.elsewhere: list[str] = []
        context.set_default_timeout(30_000)
        # A policy that stops something says so to the document, not always to the console.
        context.add_init_script(
            "addEventListener('securitypolicyviolation',"
            " e => console.error('CSP ' + e.violatedDirective + ' ' + e.blockedURI))"
        )
        self.page: Page = context.new_page()
        self.page.on("console", lambda m: self.wrong.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.wrong.append(str(e)))
        self.page.on("request", lambda r: None if r.url.startswith(url) else self.elsewhere.append(r.url))

    def fine(self, but: str = "\x00") -> None:
        assert [w for w in self.wrong if but not in w] == []
        assert self.elsewhere == []


@pytest.fixture
def open_page(browser: Browser, url: str) -> Iterator[Any]:
    contexts: list[BrowserContext] = []

    def opened(**options: Any) -> Watched:
        contexts.append(browser.new_context(base_url=url, viewport={"width": 1400, "height": 900}, **options))
        return Watched(contexts[-1], url)

    yield opened
    for context in contexts:
        context.close()


def drawn(page: Page) -> None:
    page.locator("#graph[data-nodes]").wait_for()


def test_every_view_loads_only_from_here_breaks_nothing_and_passes_axe(open_page: Any) -> None:
    watched = open_page()
    page, axe = watched.page, AXE.read_text("utf-8")
    for name, address in VIEWS.items():
        page.emulate_media(color_scheme="light")
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == (404 if name == "nothing" else 200)
        if name in ("blocked", "hostile"):
            drawn(page)
        # Not by a script element: the policy of the page would rightly refuse it.
        page.evaluate(axe)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found = page.evaluate("axe.run(document, {resultTypes: ['violations'], rules: " + TARGETS + "})")
            said = [(v["id"], [n["html"][:200] for n in v["nodes"][:3]]) for v in found["violations"]]
            assert said == [], (name, scheme)
        page.set_viewport_size({"width": 400, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, name
        page.set_viewport_size({"width": 1280, "height": 720})
    watched.fine(but="404")


def test_on_call_gets_from_the_list_to_the_fix(open_page: Any) -> None:
    watched = open_page(permissions=["clipboard-read", "clipboard-write"])
    page = watched.page
    page.goto("/")
    page.get_by_role("link", name="Blocked").first.click()
    page.get_by_role("link", name="default:models/student").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("BLOCKED")
    expect(page.locator(".banner .chain")).to_contain_text("openai/gpt-4o-2024-08-06")
    # All that counts is seen without scrolling.
    for what in (page.locator(".banner .chain"), page.get_by_role("heading", name="How to fix it")):
        box = what.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 900
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("status")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()").startswith(("lineage-guard", "dagster"))
    page.get_by_role("link", name="runbook", exact=False).first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    for view in ("Verdicts", "Incidents", "Waivers", "Impact", "Runbooks"):
        page.get_by_role("navigation", name="Views").get_by_role("link", name=view).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(view)
    page.get_by_role("searchbox", name="Search versions and verdicts").fill("synthetic")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="synthetic/answers").first).to_be_visible()
    watched.fine()


def test_the_drawing_leads_from_the_restricted_source_to_the_training_asset(open_page: Any) -> None:
    watched = open_page()
    page = watched.page
    page.goto(VIEWS["blocked"])
    drawn(page)
    names = page.evaluate(
        "fetch(document.getElementById('graph').dataset.url).then(r => r.json()).then(g => g.nodes.length)"
    )
    assert int(page.locator("#graph").get_attribute("data-nodes") or 0) == names >= 4
    before = float(page.locator("#graph").get_attribute("data-zoom") or 0)
    page.get_by_role("button", name="Zoom in").click()
    assert float(page.locator("#graph").get_attribute("data-zoom") or 0) > before
    page.get_by_role("button", name="Show all").click()
    assert float(page.locator("#graph").get_attribute("data-zoom") or 0) == pytest.approx(before, rel=0.02)
    page.get_by_role("button", name="Larger").click()
    expect(page.get_by_role("button", name="Larger")).to_have_attribute("aria-pressed", "true")
    watched.fine()


def test_a_click_in_the_drawing_opens_the_line_that_says_the_same(open_page: Any) -> None:
    watched = open_page()
    page = watched.page
    page.goto(VIEWS["blocked"])
    drawn(page)
    page.locator("#graph").scroll_into_view_if_needed()
    box = page.locator("#graph").bounding_box()
    assert box is not None
    # Cytoscape keeps itself with its container.
    at = page.evaluate("document.getElementById('graph')._cyreg.cy.nodes('[kind=\"target\"]').renderedPosition()")
    page.mouse.click(box["x"] + at["x"], box["y"] + at["y"])
    expect(page.locator("summary.chosen").first).to_contain_text("models/student")
    expect(page.locator("summary.chosen").first.locator("xpath=..")).to_have_attribute("open", "")
    watched.fine()


def test_by_keyboard_alone_every_node_is_reached_and_spelled_out(open_page: Any) -> None:
    watched = open_page()
    page = watched.page
    page.goto("/?decision=BLOCK")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").endswith("models/student"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/v?**models%2Fstudent**")
    drawn(page)
    wanted = set(page.eval_on_selector_all("summary[data-node]", "all => all.map(e => e.dataset.node)"))
    reached: set[str] = set()
    for _ in range(150):
        page.keyboard.press("Tab")
        node = page.evaluate("document.activeElement.dataset.node || ''")
        if node:
            reached.add(node)
            assert page.evaluate("document.activeElement.parentElement.open")
            assert page.evaluate("document.activeElement.classList.contains('chosen')")
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        if reached == wanted:
            break
    assert reached == wanted
    page.locator("#graph").focus()
    before = float(page.locator("#graph").get_attribute("data-zoom") or 0)
    page.keyboard.press("+")
    assert float(page.locator("#graph").get_attribute("data-zoom") or 0) > before
    watched.fine()


def test_light_and_dark_follow_the_system_until_somebody_chooses(open_page: Any) -> None:
    watched = open_page(color_scheme="dark", reduced_motion="reduce")
    page = watched.page
    page.goto(VIEWS["blocked"])
    drawn(page)
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    dark = page.evaluate(paper)
    page.get_by_role("button", name="Dark").click()
    light = page.evaluate(paper)
    assert (dark, light) == ("rgb(15, 19, 24)", "rgb(255, 255, 255)")
    page.reload()
    assert page.evaluate(paper) == light
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "false")
    watched.fine()


def test_hostile_names_do_nothing(open_page: Any) -> None:
    watched = open_page()
    page = watched.page
    for address in (VIEWS["list"], "/search?q=raw/", VIEWS["impact"], VIEWS["hostile"]):
        page.goto(address)
        if address == VIEWS["hostile"]:
            drawn(page)
            for summary in page.locator(".tree summary").all():
                summary.focus()
        assert page.evaluate("typeof hacked") == "undefined"
        assert page.evaluate("document.querySelectorAll('main img, main script, main iframe').length") == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    watched.fine()


def test_without_scripts_everything_is_said(open_page: Any) -> None:
    watched = open_page(java_script_enabled=False)
    page = watched.page
    page.goto(VIEWS["blocked"])
    for name in ("How to fix it", "Why", "Path", "As judged now", "History of verdicts on it", "What was made from it"):
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    assert page.locator(".tree summary").count() >= 4
    expect(page.locator("#graph")).to_be_hidden()
    expect(page.get_by_role("button", name="Copy").first).to_be_hidden()
    watched.fine()


def test_on_a_telephone_nothing_is_wider_than_it(open_page: Any) -> None:
    watched = open_page()
    watched.page.set_viewport_size({"width": 390, "height": 800})
    for view in ("list", "blocked", "hostile", "waivers"):
        watched.page.goto(VIEWS[view])
        assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
    watched.fine()


def test_where_not_everything_can_be_read_one_way_is_drawn_and_says_so(open_page: Any) -> None:
    watched = open_page()
    page = watched.page
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(VIEWS["blocked"])
    drawn(page)
    away = "document.getElementById('graph')._cyreg.cy.elements('.away').length"
    page.locator("summary", has_text="synthetic/answers").first.focus()
    expect(page.locator(".hint")).to_contain_text("Only the way from synthetic/answers is shown: 3 of 7 nodes")
    assert page.evaluate(away) > 0
    page.get_by_role("button", name="Show all").click()
    assert page.evaluate(away) == 0
    expect(page.locator(".hint")).to_contain_text("Choose a node")
    watched.fine()

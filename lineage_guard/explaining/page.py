"""An explanation as one page: no scripts, nothing loaded from elsewhere, every name inert."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lineage_guard.domain.verdict.explain import headline, terms_text
from lineage_guard.explaining import words
from lineage_guard.pages import style_of, template

if TYPE_CHECKING:
    from jinja2 import Template

    from lineage_guard.domain.verdict.decide import Verdict
    from lineage_guard.explaining.explanation import Explanation


class Asked(Protocol):
    """A verdict with what explains it."""

    @property
    def verdict(self) -> Verdict:
        """The verdict."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What a reader should know about how it was reached."""
        ...

    @property
    def explanation(self) -> Explanation | None:
        """What follows from it."""
        ...


def page(asked: Sequence[Asked]) -> str:
    """The page.

    Args:
        asked: verdicts with their explanations.
    """
    return _template().render(
        answers=[_answer(each) for each in asked], style=style_of(Path(__file__).with_name("page.css"))
    )


def _answer(asked: Asked) -> dict[str, Any]:
    verdict, explanation = asked.verdict, asked.explanation
    assert explanation is not None
    findings = [f for f in verdict.findings if not f.restates]
    return {
        "verdict": verdict,
        "headline": headline(verdict),
        "notes": asked.notes,
        "findings": [(f, terms_text(f.terms) if f.terms else "") for f in findings],
        "causes": [(c, words.counted(c), [words.path_steps(c, p) for p in c.paths]) for c in explanation.causes],
        "heading": words.heading(explanation),
        "changes": [(words.change_name(c), words.done(c)) for c in explanation.remedy.changes],
        "again": words.again(explanation.remedy.again) if explanation.remedy.again else "",
        "splits": [(s.mixed, words.taken_out(s)) for s in explanation.splits],
        "waivers": explanation.waivers,
        "left": explanation.remedy.left,
        "left_out": words.left_out,
        "subject": words.subject,
    }


@cache
def _template() -> Template:
    return template(Path(__file__).with_name("page.html"))

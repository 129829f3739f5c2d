"""An explanation as one page: no scripts, nothing loaded from elsewhere, every name inert."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage_guard.cli.explaining import words
from lineage_guard.domain.explain import headline, terms_text

if TYPE_CHECKING:
    from jinja2 import Template

    from lineage_guard.cli.asking import Asked

_FOLDER = Path(__file__).parent
#: What a browser would not show or would let steer the text around it: control and direction characters.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def page(asked: Sequence[Asked]) -> str:
    """The page.

    Args:
        asked: verdicts with their explanations.
    """
    return _template().render(answers=[_answer(each) for each in asked])


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
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["seen"] = _seen
    return environment.get_template("page.html")


def _seen(value: object) -> str:
    """Text of which every character can be seen."""
    return _UNSEEN.sub(lambda m: f"\\u{ord(m.group()):04x}", str(value))

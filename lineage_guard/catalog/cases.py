"""Files of cases: small lineages in YAML, each with the verdict that a policy is expected to give.

The golden cases of this project and the tests that users write of their own rules are one format. A case that
tests nothing is an error: it would be green whatever the rules say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import yaml

from lineage_guard.catalog.case_steps import productions_of
from lineage_guard.catalog.documents import Document, suggest, text_of
from lineage_guard.catalog.load import Catalog
from lineage_guard.catalog.policy_file import PRESETS, load_policy, parse_policy
from lineage_guard.domain.errors import ConfigError, PolicyError
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.domain.rules.policy import Policy, ReasonCode
from lineage_guard.domain.rules.terms import TRAIN_COMPETING
from lineage_guard.domain.verdict.decide import Decision
from lineage_guard.domain.verdict.expecting import Case, Expected

Json = Mapping[str, Any]
_STUDENT = "student"
_INLINE = "(written in the case)"


@dataclass(frozen=True)
class WrittenCase:
    """A case as it stands in a file.

    Attributes:
        case: the case.
        where: ``file:line:column``.
    """

    case: Case
    where: str
    _document: Document
    _index: int

    @property
    def has_policy(self) -> bool:
        """Whether the case names a policy of its own."""
        return "policy" in self._document.value["cases"][self._index]

    def policy(self, catalog: Catalog, given: str | Path | None = None) -> Policy:
        """What the case is judged by: its own policy, else the given one, else the file's, else the default one.

        Args:
            catalog: what is known of models.
            given: name or file of the policy under test.

        Raises:
            PolicyError: it is wrong, or cannot be read.
        """
        file = cast("Json", self._document.value)
        said = cast("str | Json | None", file["cases"][self._index].get("policy"))
        at = ("cases", self._index, "policy") if said is not None else ("policy",)
        if said is None and given is not None:
            return load_policy(given, catalog)
        said = said if said is not None else cast("str", file.get("policy", "default"))
        if isinstance(said, str):
            path = Path(self._document.name).parent / said
            if said not in PRESETS and not path.exists():
                fix = f"{suggest(said, PRESETS)}, or give a path relative to {Path(self._document.name).name}"
                raise PolicyError(f"no policy is called {said!r}", where=self._document.place(at), fix=fix)
            return load_policy(said if said in PRESETS else path, catalog)
        text = yaml.safe_dump({"format": 1, "name": _INLINE, "import": "default", **said})
        try:
            return parse_policy(text, self._document.name, catalog)
        except PolicyError as problem:
            if problem.where and not problem.where.startswith(f"{self._document.name}:"):
                raise  # it is in a file that is imported
            where = self._document.place(at)
            raise PolicyError(f"the policy of this case: {problem.what}", where=where, fix=problem.fix) from problem


def read_cases(path: Path, catalog: Catalog, at: datetime) -> tuple[WrittenCase, ...]:
    """The cases of a file.

    Args:
        path: the file.
        catalog: knows the public datasets and models that cases may name.
        at: when those are judged that name no time, timezone-aware UTC.

    Raises:
        ConfigError: it cannot be read, or any case is wrong; names line, column and fix.
    """
    try:
        text = text_of(path, ConfigError)
    except OSError as problem:
        raise ConfigError(f"cannot be read: {problem}", where=str(path), fix="check the path") from problem
    return parse_cases(text, str(path), catalog, at)


def parse_cases(text: str, name: str, catalog: Catalog, at: datetime) -> tuple[WrittenCase, ...]:
    """The same, from the text.

    Args:
        text: YAML.
        name: shown in errors, normally the path; policies are looked for beside it.
        catalog: as for ``read_cases``.
        at: as for ``read_cases``.

    Raises:
        ConfigError: any case is wrong.
    """
    document = Document(text, name, ConfigError)
    document.check("policy-cases")
    if "at" in document.value:
        at = document.moment(document.value["at"], ("at",))
    found: dict[str, WrittenCase] = {}
    for i, row in enumerate(cast("list[Json]", document.value["cases"])):
        if row["case"] in found:
            fix = "say what is different; a report names cases by this sentence"
            raise document.fail("two cases have the same name", ("cases", i, "case"), fix)
        found[row["case"]] = WrittenCase(
            _case(document, i, row, catalog, at), document.place(("cases", i)), document, i
        )
    return tuple(found.values())


def _case(document: Document, i: int, row: Json, catalog: Catalog, at: datetime) -> Case:
    here, steps, target = ("cases", i), cast("dict[str, Json]", row["steps"]), row.get("trains", _STUDENT)
    if target not in steps:
        fix = f"{suggest(target, steps)}; `trains` names the step that is trained, without it that is {_STUDENT!r}"
        raise document.fail(f"no step is called {target!r}", (*here, "steps"), fix)
    made = productions_of(document, (*here, "steps"), steps, target, catalog)
    asset = cast("Json | None", row.get("asset"))
    return Case(
        name=row["case"],
        why=row["why"],
        use=row.get("use", TRAIN_COMPETING),
        at=document.moment(row["at"], (*here, "at")) if "at" in row else at,
        target=made[target],
        upstream=tuple(production for name, production in made.items() if name != target),
        expected=_expected(row),
        asset=None if asset is None else _asset(asset),
    )


def _asset(said: Json) -> AssetFacts:
    tags = cast("dict[str, str]", said.get("tags", {}))
    kinds, owners = sorted(said.get("kinds", ())), said.get("owners", ())
    return AssetFacts(said["group"], tuple(sorted(tags.items())), tuple(kinds), tuple(owners))


def _expected(row: Json) -> Expected:
    return Expected(
        decision=Decision(row["decision"]),
        stops=row.get("stops"),
        rule=row.get("rule"),
        reason=ReasonCode(row["reason"]) if "reason" in row else None,
        path=tuple(row["path"]) if "path" in row else None,
        terms=frozenset(row["terms"]) if "terms" in row else None,
        waivers=frozenset(row["waivers"]) if "waivers" in row else None,
        obligation=row.get("obligation"),
        says=row.get("says"),
    )

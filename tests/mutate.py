"""Mutation testing: each module changed one word at a time, and whether a test of ``[tool.mutmut]`` fails.

    .venv-mutate/bin/python tests/mutate.py                     # every module of the table, hours (make mutate)
    .venv-mutate/bin/python tests/mutate.py closure organisation
    .venv-mutate/bin/python tests/mutate.py judging --again     # only what survived the last time
    .venv-mutate/bin/python tests/mutate.py days --tests tests/properties/test_days_of_a_run.py

The mutants are mutmut's. ``mutmut run`` collects the tests anew in each worker and runs all that reach the
function; this collects them once, forks for each mutant and runs the quickest first, until one fails.

mutmut leaves decorated functions alone, which is every property and everything that is cached: here a decorator
is taken apart from its function first (``f = cached_property(_f)``), so that what it holds is mutated too. And
``strict=True`` is taken out of ``zip``: it is a check of our own arithmetic that no input can trip; and what is
only said to the type checker (``cast``) is left out.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import functools
import gc
import json
import os
import resource
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
import pytest
from mutmut.configuration import config
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir
from mutmut.utils.format_utils import get_mutant_name, mangled_name_from_mutant_name

ROOT = Path(__file__).resolve().parents[1]
SEEN = ROOT / "mutants" / "survivors.json"
#: Decorators that only keep or rename what a function answers.
PLAIN = ("property", "cached_property", "cache", "lru_cache")
#: Those that keep it for everybody: any test may be the first to ask, so all of them run against such a mutant.
KEPT = ("cache", "lru_cache")
#: Above what the process holds when it has collected: a mutant that never ends must not take the machine along.
MEMORY = 2 << 30


class Prepared(cst.CSTTransformer):
    """Takes decorators of ``PLAIN`` off their functions, the check of lengths out of ``zip``, and every ``cast``."""

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        """``zip(a, b, strict=True)`` as ``zip(a, b)``, and ``cast(t, a)`` as ``a``."""
        match updated_node.func:
            case cst.Name("zip"):
                return updated_node.with_changes(args=[a for a in updated_node.args if a.keyword is None])
            case cst.Name("cast"):
                return updated_node.args[1].value
            case _:
                return updated_node

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef | cst.FlattenSentinel[cst.BaseStatement]:
        """A decorated function as two statements: the function by itself, and its decorator around it."""
        if len(updated_node.decorators) != 1:
            return updated_node
        decorator = updated_node.decorators[0].decorator
        called = decorator.func if isinstance(decorator, cst.Call) else decorator
        if not (isinstance(called, cst.Name) and called.value in PLAIN):
            return updated_node
        bare = cst.Name(f"_{updated_node.name.value}_{'remembered' if called.value in KEPT else 'bare'}")
        around = cst.Assign([cst.AssignTarget(updated_node.name)], cst.Call(decorator, [cst.Arg(bare)]))
        function = updated_node.with_changes(name=bare, decorators=())
        return cst.FlattenSentinel([function, cst.SimpleStatementLine([around])])


@dataclass(frozen=True)
class Module:
    """One module with all its mutants in it.

    Attributes:
        path: of the module, below the repository.
        code: what mutmut made of it.
        mutants: names of its mutants, as ``MUTANT_UNDER_TEST`` takes them.
    """

    path: Path
    code: str
    mutants: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> Module:
        """The module, mutated."""
        source = cst.parse_module((ROOT / path).read_text(encoding="utf-8")).visit(Prepared()).code
        made = mutate_file_contents(str(path), source, None, None)
        return cls(path, made.code, tuple(get_mutant_name(path, name) for name in made.mutant_names))

    def difference(self, mutant: str) -> str:
        """What a mutant changes, as a diff."""
        defined = {n.name: n for n in ast.walk(ast.parse(self.code)) if isinstance(n, ast.FunctionDef)}
        name = mutant.rpartition(".")[2]
        before, after = (defined[n] for n in (mangled_name_from_mutant_name(name) + "__mutmut_orig", name))
        after.name = before.name
        lines = difflib.unified_diff(ast.unparse(before).split("\n"), ast.unparse(after).split("\n"), n=1, lineterm="")
        return "\n".join(list(lines)[2:])


class Loop:
    """Pytest's loop over the collected tests, replaced: once over all of them, then for each mutant.

    Attributes:
        died: what each mutant died of: ``test``, or ``ended`` (out of time, out of memory, or gone without a word);
            ``survived`` or ``no test`` if it lives.
    """

    def __init__(self, mutants: list[str], of: dict[str, Module]) -> None:
        self._mutants = mutants
        self._of = of
        self.died: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests once as they are, then for each mutant those that reach it."""
        if session.testsfailed:
            raise pytest.UsageError("the tests cannot be collected")
        reaching, seconds = json.loads(self._forked(lambda: self._recorded(session)) or "null") or ({}, {})
        if not seconds:
            raise pytest.UsageError("the tests fail without any mutant")
        items = {item.nodeid: item for item in sorted(session.items, key=lambda item: seconds[item.nodeid])}
        # In the order of a mutant's run, and without one: what fails now would kill every mutant.
        if self._forked(lambda: self._killed(session, list(items.values()), "", 3600)) != "survived":
            raise pytest.UsageError("the tests fail without any mutant when the quickest go first")
        began = time.monotonic()
        for number, mutant in enumerate(self._mutants, 1):
            function = mangled_name_from_mutant_name(mutant)
            reach = set(items) if function.endswith("_remembered") else set(reaching.get(function, ()))
            tests = [item for nodeid, item in items.items() if nodeid in reach]
            # Seconds of the processor, so that a busy machine kills nobody.
            limit = int(10 + 3 * sum(seconds[nodeid] for nodeid in reach))
            run = functools.partial(self._killed, session, tests, mutant, limit)
            self.died[mutant] = (self._forked(run) or "ended") if tests else "no test"
            if self.died[mutant] != "test":
                print(f"\n{mutant}: {self.died[mutant]}\n{self._of[mutant].difference(mutant)}", file=sys.stderr)
            if number % 50 == 0:
                print(f"{number}/{len(self._mutants)} {time.monotonic() - began:.0f} s", file=sys.stderr)
        return True

    @staticmethod
    def _forked(run: Callable[[], str]) -> str:
        """What a function says in a process of its own; nothing if that was ended."""
        reading, writing = os.pipe()
        if not (child := os.fork()):
            try:
                with os.fdopen(writing, "wb") as pipe:
                    pipe.write(run().encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
        return said.decode()

    @staticmethod
    def _recorded(session: pytest.Session) -> str:
        """Which tests reach which function, and how long each takes; nothing if one fails."""
        set_mutant_under_test("stats")
        os.environ["MUTMUT_DEPENDENCY_DEPTH"] = "-1"
        reaching: dict[str, list[str]] = {}
        seconds: dict[str, float] = {}
        for item, following in _pairs(session.items):
            state()._stats.clear()
            began = time.process_time()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            seconds[item.nodeid] = time.process_time() - began
            if session.testsfailed:
                print(f"\n{item.nodeid} fails", file=sys.stderr)
                return ""
            for function in state()._stats:
                reaching.setdefault(function, []).append(item.nodeid)
        return json.dumps((reaching, seconds))

    @staticmethod
    def _killed(session: pytest.Session, tests: list[pytest.Item], mutant: str, limit: int) -> str:
        session.config.pluginmanager.unregister(name="terminalreporter")
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
        set_mutant_under_test(mutant)
        # What was remembered while the tests were collected is not what the mutant says.
        for kept in [o for o in gc.get_objects() if isinstance(o, functools._lru_cache_wrapper)]:
            if kept.__module__.startswith("lineage_guard"):
                kept.cache_clear()
        for item, following in _pairs(tests):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                return "test"
        return "survived"


def _pairs(items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    return zip(items, [*items[1:], None], strict=True)


def main() -> None:
    """Mutate, run, and print a table and every survivor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="names of modules, e.g. closure; without one all")
    parser.add_argument("--again", action="store_true", help="only the mutants that survived the last time")
    parser.add_argument(
        "--only", nargs="+", default=[""], help="only mutants of functions whose name holds one of these"
    )
    parser.add_argument(
        "--tests", nargs="+", default=[], help="instead of those of [tool.mutmut]; one of them of tests/properties"
    )
    asked = parser.parse_args()
    os.chdir(ROOT)
    known = {Path(p).stem for p in config().only_mutate}
    if strange := sorted(set(asked.modules) - known):
        parser.error(f"no module {', '.join(strange)} takes part, see [tool.mutmut]: {', '.join(sorted(known))}")
    paths = [Path(p) for p in config().only_mutate if not asked.modules or Path(p).stem in asked.modules]
    for copied in ("lineage_guard", "tests"):
        shutil.rmtree(ROOT / "mutants" / copied, ignore_errors=True)
    copy_src_dir()
    copy_also_copy_files()
    modules = [Module.of(path) for path in paths]
    for module in modules:
        (ROOT / "mutants" / module.path).write_text(module.code, encoding="utf-8")
    of = {mutant: module for module in modules for mutant in module.mutants}
    before = json.loads(SEEN.read_text(encoding="utf-8")) if asked.again else of
    chosen = [mutant for mutant in of if mutant in before and any(text in mutant for text in asked.only)]
    set_mutant_under_test("")
    sys.path[:0] = [str(ROOT / "mutants")]
    os.chdir("mutants")
    loop = Loop(chosen, of)
    args = ["--rootdir=.", "-q", *config().pytest_add_cli_args]
    ended = pytest.main([*args, *(asked.tests or config().pytest_add_cli_args_test_selection)], plugins=[loop])
    if len(loop.died) < len(chosen):
        sys.exit(int(ended) or 1)
    report(of, loop.died)


def report(of: dict[str, Module], died: dict[str, str]) -> None:
    """Print each survivor and a table, and keep the names of the survivors."""
    lives = [mutant for mutant, how in died.items() if how in ("survived", "no test")]
    print("\n| module | mutants | killed | survived | score |\n|---|--:|--:|--:|--:|")
    run, alive = (Counter(of[m].path.name for m in names) for names in (died, lives))
    for name, count in [*run.items(), ("together", len(died))]:
        left = alive[name] if name in run else len(lives)
        print(f"| `{name}` | {count:,} | {count - left:,} | {left} | {(count - left) / count:.1%} |")
    print(f"\n{Counter(died.values())}")
    SEEN.write_text(json.dumps(lives), encoding="utf-8")


if __name__ == "__main__":
    main()

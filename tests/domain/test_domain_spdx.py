"""Licence expressions: what can be read, what a licensee may choose, and what binds together."""

import pytest

from lineage_guard.domain.rules.spdx import canonical, choices, expression_error, is_listed, licenses_in


@pytest.mark.parametrize(
    "text",
    [
        "MIT",
        "mit OR apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "LicenseRef-acme AND (MIT OR CC-BY-4.0)",
        "DocumentRef-x:LicenseRef-y",
        "GPL-3.0+",
    ],
)
def test_an_expression_that_can_be_read(text):
    assert expression_error(text) is None


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "it is empty"),
        ("  \t", "it is empty"),
        ("Appache-2.0", "'Appache-2.0' is not on the SPDX licence list"),
        ("MIT OR Appache-2.0 OR Nope", "'Appache-2.0' is not on the SPDX licence list"),
        ("licenseref-acme-not", "'licenseref-acme-not' is not on the SPDX licence list"),
    ],
)
def test_an_expression_that_names_no_licence(text, error):
    assert expression_error(text) == error


@pytest.mark.parametrize("text", ["MIT AND", "(MIT", "MIT OR OR MIT", "MIT WITH", "MIT)", "AND"])
def test_an_expression_that_cannot_be_read(text):
    assert (expression_error(text) or "").startswith(f"{text!r} cannot be read: ")


def test_spelling_follows_the_list():
    assert canonical("cc-by-4.0 or (mit and gpl-2.0)") == "CC-BY-4.0 OR (MIT AND GPL-2.0-only)"
    assert canonical("LicenseRef-acme") == "LicenseRef-acme"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("MIT", [("MIT",)]),
        (" MIT ", [("MIT",)]),
        ("(MIT)", [("MIT",)]),
        ("MIT OR MIT", [("MIT",)]),
        ("MIT AND MIT", [("MIT",)]),
        ("MIT OR CC0-1.0", [("MIT",), ("CC0-1.0",)]),
        ("MIT AND CC0-1.0", [("MIT", "CC0-1.0")]),
        (
            "(MIT OR CC0-1.0) AND (ISC OR Zlib)",
            [("MIT", "ISC"), ("MIT", "Zlib"), ("CC0-1.0", "ISC"), ("CC0-1.0", "Zlib")],
        ),
        ("(MIT OR CC0-1.0) AND MIT", [("MIT",), ("CC0-1.0", "MIT")]),
        ("MIT OR (ISC AND (Zlib OR CC0-1.0))", [("MIT",), ("ISC", "Zlib"), ("ISC", "CC0-1.0")]),
        ("Apache-2.0 WITH LLVM-exception", [("Apache-2.0 WITH LLVM-exception",)]),
        ("a licence of our own", [("a licence of our own",)]),
        ("MIT AND", [("MIT AND", "MIT")]),
        ("mit, CC-BY-NC-4.0.", [("mit, CC-BY-NC-4.0.", "MIT", "CC-BY-NC-4.0")]),
        ("MIT/GPL-3.0", [("MIT/GPL-3.0", "MIT", "GPL-3.0")]),
        ("the CC-BY-NC-4.0 licence or another", [("the CC-BY-NC-4.0 licence or another", "CC-BY-NC-4.0")]),
        ("Creative Commons OR MIT", [("Creative Commons",), ("MIT",)]),
        ("MIT\tAND\n\u00a0CC-BY-4.0", [("MIT", "CC-BY-4.0")]),
        ("CC\u2011BY\u2013NC\u22124.0", [("CC-BY-NC-4.0",)]),
        ("MIT AND LicenseRef-Commercial", [("MIT", "LicenseRef-Commercial")]),
        ("MIT AND LicenseRef-Apache-2.0", [("MIT", "LicenseRef-Apache-2.0")]),
        ("DocumentRef-a:LicenseRef-b OR MIT", [("DocumentRef-a:LicenseRef-b",), ("MIT",)]),
        ("(((", [("(((",)]),
    ],
)
def test_what_may_be_chosen(text, found):
    assert list(choices(text)) == found


def test_where_there_are_too_many_choices_everything_binds():
    pairs = [f"(LicenseRef-a{n} OR LicenseRef-b{n})" for n in range(7)]
    assert len(choices(" AND ".join(pairs[:6]))) == 64
    assert choices(" AND ".join(pairs)) == (tuple(f"LicenseRef-{x}{n}" for n in range(7) for x in "ab"),)
    assert choices("MIT OR (" + " AND ".join(pairs) + ")")[0] == ("MIT",)


def test_every_licence_is_named_once():
    assert licenses_in("(MIT OR CC0-1.0) AND (MIT OR Zlib)") == ("MIT", "Zlib", "CC0-1.0")


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("MIT", True),
        ("gpl-3.0+", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", True),
        ("LicenseRef-Apache-2.0", False),
        ("DocumentRef-a:licenseref-b", False),
        ("NOASSERTION", False),
        ("Creative Commons", False),
        ("", False),
    ],
)
def test_what_anybody_may_take_is_on_the_list(text, listed):
    assert is_listed(text) is listed


def test_a_text_in_words_binds_with_the_licences_it_names():
    assert choices("MIT+ foo") == (("MIT+ foo", "MIT+"),)
    assert choices("the X11 licence.") == (("the X11 licence.", "X11"),)
    assert choices("MIT OR Apache-2.0 WITH LLVM-exception") == (("MIT",), ("Apache-2.0 WITH LLVM-exception",))

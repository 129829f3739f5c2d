"""Domain values to JSON and back: versions, models, licences, terms.

Both directions of a value stand next to each other, so that a field cannot be added to one
and forgotten in the other. Absent means ``None`` or empty, whichever the domain has.
"""

from __future__ import annotations

from datetime import date

from lineage_guard.domain.facts import (
    Acknowledgement,
    Assertion,
    Influence,
    License,
    LicenseScope,
    ModelSource,
    Usage,
    Version,
)
from lineage_guard.domain.rules.terms import Confidence, Effect, Restriction, Terms
from lineage_guard.openlineage.facets import Json, present
from lineage_guard.openlineage.reading import Fields, format_time


def version_json(version: Version) -> Json:
    """A version as ``{namespace, name, partition?, run?}``."""
    return present(
        {"namespace": version.namespace, "name": version.name, "partition": version.partition, "run": version.run}
    )


def version_from(fields: Fields) -> Version:
    """The inverse of ``version_json``."""
    return Version(
        fields.text("namespace"), fields.text("name"), fields.maybe_text("partition"), fields.maybe_text("run")
    )


def model_json(model: ModelSource) -> Json:
    """A model use as an entry of ``lineageGuard_modelSource.models``.

    ``influence`` is left out when it follows from ``usage``, ``assertedBy`` when the author says so.
    """
    return present(
        {
            "name": model.model,
            "supplier": model.provider,
            "version": model.version,
            "channel": model.channel,
            "usage": model.usage.value,
            "influence": model.influence.value if model.influence else None,
            "license": model.license,
            "terms": model.terms,
            "purl": model.purl,
            "digest": model.digest,
            "baseModels": list(model.base_models),
            "fields": list(model.fields),
            "partitions": list(model.partitions),
            "recordCount": model.record_count,
            "generatedAt": format_time(model.generated_at) if model.generated_at else None,
            "assertedBy": None if model.asserted_by is Assertion.DECLARED else model.asserted_by.value,
        }
    )


def model_from(fields: Fields) -> ModelSource:
    """The inverse of ``model_json``."""
    return ModelSource(
        provider=fields.text("supplier"),
        model=fields.text("name"),
        version=fields.maybe_text("version"),
        channel=fields.maybe_text("channel"),
        usage=fields.maybe_one_of("usage", Usage) or Usage.GENERATION,
        influence=fields.maybe_one_of("influence", Influence),
        license=fields.maybe_text("license"),
        terms=fields.maybe_text("terms"),
        purl=fields.maybe_text("purl"),
        digest=fields.maybe_text("digest"),
        base_models=fields.texts("baseModels"),
        fields=fields.texts("fields"),
        partitions=fields.texts("partitions"),
        record_count=fields.maybe_integer("recordCount"),
        generated_at=fields.maybe_time("generatedAt"),
        asserted_by=fields.maybe_one_of("assertedBy", Assertion) or Assertion.DECLARED,
    )


def license_json(license_: License) -> Json:
    """A licence as an entry of ``lineageGuard_license.licenses``."""
    return present(
        {
            "expression": license_.expression,
            "acknowledgement": license_.acknowledgement.value,
            "appliesTo": license_.applies_to.value,
            "url": license_.url,
            "termsVersion": license_.terms_version,
            "effectiveFrom": license_.effective_from,
            "textDigest": license_.text_digest,
            "restrictions": list(license_.restrictions),
            "obligations": list(license_.obligations),
        }
    )


def license_from(fields: Fields) -> License:
    """The inverse of ``license_json``."""
    return License(
        expression=fields.text("expression"),
        acknowledgement=fields.maybe_one_of("acknowledgement", Acknowledgement) or Acknowledgement.DECLARED,
        applies_to=fields.maybe_one_of("appliesTo", LicenseScope) or LicenseScope.DATA,
        url=fields.maybe_text("url"),
        terms_version=fields.maybe_text("termsVersion"),
        effective_from=fields.maybe_text("effectiveFrom"),
        text_digest=fields.maybe_text("textDigest"),
        restrictions=fields.texts("restrictions"),
        obligations=fields.texts("obligations"),
    )


def terms_json(terms: Terms) -> Json:
    """The terms that were applied, in full: a decision must be readable without today's catalog."""
    return present(
        {
            "id": terms.id,
            "provider": terms.provider,
            "kind": terms.kind,
            "license": terms.license,
            "effects": {use: effect.name for use, effect in terms.effects.items()},
            "restrictions": sorted(r.value for r in terms.restrictions),
            "obligations": list(terms.obligations),
            "summary": terms.summary,
            "url": terms.url,
            "effectiveFrom": terms.effective_from.isoformat() if terms.effective_from else None,
            "termsVersion": terms.terms_version,
            "confidence": terms.confidence.value,
            "dateRead": terms.date_read.isoformat() if terms.date_read else None,
            "source": terms.source,
        }
    )


def terms_from(fields: Fields) -> Terms:
    """The inverse of ``terms_json``."""
    effects = fields.maybe_fields("effects")
    return Terms(
        id=fields.text("id"),
        provider=fields.text("provider"),
        kind=fields.text("kind"),
        license=fields.text("license"),
        effects={use: effect_from(effects, use) for use in effects.raw} if effects else {},
        restrictions=frozenset(_restriction(fields, text) for text in fields.texts("restrictions")),
        obligations=fields.texts("obligations"),
        summary=fields.maybe_text("summary") or "",
        url=fields.maybe_text("url"),
        effective_from=_day(fields, "effectiveFrom"),
        terms_version=fields.maybe_text("termsVersion"),
        confidence=fields.maybe_one_of("confidence", Confidence) or Confidence.MEMORY,
        date_read=_day(fields, "dateRead"),
        source=fields.maybe_text("source"),
    )


def effect_from(fields: Fields, key: str) -> Effect:
    """An effect by its name."""
    try:
        return Effect[fields.text(key)]
    except KeyError:
        raise fields.bad(key, f"expected one of {', '.join(e.name for e in Effect)}") from None


def _restriction(fields: Fields, text: str) -> Restriction:
    try:
        return Restriction(text)
    except ValueError:
        raise fields.bad("restrictions", f"expected one of {', '.join(Restriction)}, found {text!r}") from None


def _day(fields: Fields, key: str) -> date | None:
    text = fields.maybe_text(key)
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise fields.bad(key, f"expected an ISO 8601 date, found {text!r}") from None

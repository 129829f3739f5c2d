"""Signatures on reports: an in-toto Statement about the file, in a DSSE envelope, with a key that needs no network.

Statement: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md. Envelope:
https://github.com/secure-systems-lab/dsse/blob/master/envelope.md. securesystemslib signs and verifies;
the key is a PEM file with an Ed25519, ECDSA (P-256, P-384, P-521) or RSA key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.extras import needed_for
from lineage_guard.openlineage.codec import version_json
from lineage_guard.openlineage.encode import canonical
from lineage_guard.openlineage.facets import Json
from lineage_guard.openlineage.reading import format_time
from lineage_guard.report.contents import Report

#: Media type of the payload, https://github.com/in-toto/attestation/blob/main/spec/v1/envelope.md.
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://lineage-guard.dev/attestations/audit-report/v1"
#: Where the signature of a file is, after the file's name.
SUFFIX = ".intoto.jsonl"
#: Environment variable with the password of an encrypted key.
PASSWORD_VARIABLE = "LINEAGE_GUARD_SIGNING_PASSWORD"


@dataclass(frozen=True)
class Signed:
    """What a good signature says.

    Attributes:
        name: name of the file as it was signed.
        digest: ``sha256:`` of the file.
        predicate: what the signer says of it: the version, the date and the state of the ledger.
        keyid: digest of the key that signed.
    """

    name: str
    digest: str
    predicate: Mapping[str, Any]
    keyid: str


def statement(data: bytes, name: str, format_: str, report: Report) -> Json:
    """The in-toto Statement about a report file.

    Args:
        data: the bytes of the file.
        name: its name.
        format_: ``json``, ``html``, ``cyclonedx`` or ``spdx``.
        report: what it reports.
    """
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": sha256(data).hexdigest()}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "asOf": format_time(report.as_of),
            "format": format_,
            "generator": {"name": report.basis.generator[0], "version": report.basis.generator[1]},
            "ledger": {"watermark": report.position.watermark},
            "policyDigest": report.basis.policy_digest,
            "version": version_json(report.version),
        },
    }


def sign(content: Mapping[str, Any], key: Path, password: str | None = None) -> bytes:
    """Sign a statement.

    Args:
        content: the statement.
        key: PEM file with the private key (PKCS #8).
        password: of an encrypted key.

    Returns:
        The DSSE envelope, one line of JSON.

    Raises:
        ConfigError: when the key cannot be used, or the extra ``report`` is not installed.
    """
    with needed_for("signing a report", "report"):
        # They re-export without saying so, which type checkers do not take: Any, through importlib.
        serialization: Any = import_module("cryptography.hazmat.primitives.serialization")
        dsse: Any = import_module("securesystemslib.dsse")
        signer: Any = import_module("securesystemslib.signer")
    data = _read(key, "the key")
    try:
        signing = signer.CryptoSigner(serialization.load_pem_private_key(data, password.encode() if password else None))
    except Exception as error:
        raise ConfigError(
            f"the key cannot be used for signing: {error}",
            where=str(key),
            fix=f"name a PEM file with an Ed25519 key (openssl genpkey -algorithm ed25519); "
            f"the password of an encrypted one is read from {PASSWORD_VARIABLE}",
        ) from error
    envelope = dsse.Envelope(canonical(content), PAYLOAD_TYPE, {})
    envelope.sign(signing)
    return canonical(cast("dict[str, Any]", envelope.to_dict())) + b"\n"


def verify(data: bytes, envelope: bytes, key: Path, where: str) -> Signed:
    """Verify that a file is the one that was signed, with the key of its signer.

    Args:
        data: the bytes of the file.
        envelope: its signature.
        key: PEM file with the public key.
        where: the signature's place, for errors.

    Raises:
        ConfigError: when the signature is not by that key, is about another file, or cannot be read.
    """
    with needed_for("verifying a signature", "report"):
        serialization: Any = import_module("cryptography.hazmat.primitives.serialization")
        dsse: Any = import_module("securesystemslib.dsse")
        signer: Any = import_module("securesystemslib.signer")
    try:
        public = signer.SSlibKey.from_crypto(serialization.load_pem_public_key(_read(key, "the key")))
    except ConfigError:
        raise
    except Exception as error:
        fix = "name a PEM file with the public key (openssl pkey -in key.pem -pubout)"
        raise ConfigError(f"the key cannot be used for verifying: {error}", where=str(key), fix=fix) from error
    try:
        signed = dsse.Envelope.from_dict(json.loads(envelope))
        # The key is the one that was named, whatever id a signature gives itself: ids are hints (DSSE, "keyid").
        for signature in signed.signatures.values():
            signature.keyid = public.keyid
        signed.verify([public], 1)
        if signed.payload_type != PAYLOAD_TYPE:
            raise ValueError(f"its payload is {signed.payload_type}, not {PAYLOAD_TYPE}")
        content = cast("dict[str, Any]", json.loads(signed.payload))
        if (content["_type"], content["predicateType"]) != (STATEMENT_TYPE, PREDICATE_TYPE):
            raise ValueError("it is a statement about something else than an audit report")
        [subject] = content["subject"]
        found, expected = sha256(data).hexdigest(), subject["digest"]["sha256"]
        if found != expected:
            raise ValueError(f"the file has sha256 {found}, and {expected} was signed")
        return Signed(str(subject["name"]), f"sha256:{found}", content["predicate"], public.keyid)
    except Exception as error:
        raise ConfigError(
            f"the signature does not hold: {str(error) or type(error).__name__}",
            where=where,
            fix="get the file and its signature again from whoever signed it, and the public key from a trusted place",
        ) from error


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{what} cannot be read: {error.strerror}", where=str(path), fix="check the path") from error

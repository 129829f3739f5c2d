"""Signatures: good ones hold, and every change to file, statement, envelope or key is found."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from report_ledger import STUDENT

from lineage_guard.domain.errors import ConfigError
from lineage_guard.report.document import as_json
from lineage_guard.report.signing import PAYLOAD_TYPE, PREDICATE_TYPE, STATEMENT_TYPE, sign, statement, verify


def keys(folder: Path, private, password: bytes | None = None) -> tuple[Path, Path]:
    secret, public = folder / "key.pem", folder / "public.pem"
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    secret.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return secret, public


@pytest.fixture
def ed(tmp_path) -> tuple[Path, Path]:
    return keys(tmp_path, ed25519.Ed25519PrivateKey.generate())


@pytest.fixture
def data(report) -> bytes:
    return as_json(report)


def test_a_statement_names_the_file_the_version_and_the_ledger(report, data) -> None:
    said = statement(data, "report.json", "json", report)
    assert (said["_type"], said["predicateType"]) == (STATEMENT_TYPE, PREDICATE_TYPE)
    assert said["subject"][0]["name"] == "report.json"
    assert said["predicate"]["version"] == {"namespace": "default", "name": "student", "run": STUDENT.run}
    assert said["predicate"]["ledger"]["watermark"] == report.position.watermark


@pytest.mark.parametrize("make", [ed25519.Ed25519PrivateKey.generate, lambda: ec.generate_private_key(ec.SECP256R1())])
def test_what_was_signed_verifies(report, data, tmp_path, make) -> None:
    secret, public = keys(tmp_path, make())
    envelope = sign(statement(data, "report.json", "json", report), secret)
    assert json.loads(envelope)["payloadType"] == PAYLOAD_TYPE
    signed = verify(data, envelope, public, "here")
    assert signed.name == "report.json"
    assert signed.predicate["asOf"] == "2026-03-11T09:00:00.000000Z"


def test_an_ed25519_signature_is_the_same_each_time(report, data, ed) -> None:
    said = statement(data, "report.json", "json", report)
    assert sign(said, ed[0]) == sign(said, ed[0])


def test_another_file_does_not_verify(report, data, ed) -> None:
    envelope = sign(statement(data, "report.json", "json", report), ed[0])
    with pytest.raises(ConfigError, match="was signed"):
        verify(data.replace(b"BLOCK", b"ALLOW", 1), envelope, ed[1], "here")


def test_another_key_does_not_verify(report, data, ed, tmp_path) -> None:
    envelope = sign(statement(data, "report.json", "json", report), ed[0])
    (tmp_path / "other").mkdir()
    _, other = keys(tmp_path / "other", ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(ConfigError, match="does not hold"):
        verify(data, envelope, other, "here")


def changed_payload(envelope: dict) -> None:
    said = json.loads(base64.b64decode(envelope["payload"]))
    said["predicate"]["asOf"] = "2030-01-01T00:00:00.000000Z"
    envelope["payload"] = base64.b64encode(json.dumps(said).encode()).decode()


def no_signatures(envelope: dict) -> None:
    envelope["signatures"] = []


def other_type(envelope: dict) -> None:
    envelope["payloadType"] = "text/plain"


def not_base64(envelope: dict) -> None:
    envelope["payload"] = 7


@pytest.mark.parametrize("change", [changed_payload, no_signatures, other_type, not_base64])
def test_a_changed_envelope_does_not_verify(report, data, ed, change) -> None:
    envelope = json.loads(sign(statement(data, "report.json", "json", report), ed[0]))
    change(envelope)
    with pytest.raises(ConfigError, match="the signature does not hold"):
        verify(data, json.dumps(envelope).encode(), ed[1], "here")


@pytest.mark.parametrize("junk", [b"", b"[]", b"{}", b"\xff", b'{"payload":""}'])
def test_what_is_no_envelope_does_not_verify(data, ed, junk) -> None:
    with pytest.raises(ConfigError, match="the signature does not hold"):
        verify(data, junk, ed[1], "here")


def test_a_signature_on_something_else_does_not_verify(report, data, ed) -> None:
    other = {**statement(data, "report.json", "json", report), "predicateType": "https://slsa.dev/provenance/v1"}
    with pytest.raises(ConfigError, match="something else"):
        verify(data, sign(other, ed[0]), ed[1], "here")


def test_a_key_id_is_only_a_hint(report, data, ed) -> None:
    envelope = json.loads(sign(statement(data, "report.json", "json", report), ed[0]))
    envelope["signatures"][0]["keyid"] = "by somebody"
    assert verify(data, json.dumps(envelope).encode(), ed[1], "here").name == "report.json"


def test_an_encrypted_key_needs_its_password(report, data, tmp_path) -> None:
    secret, public = keys(tmp_path, ed25519.Ed25519PrivateKey.generate(), b"hush")
    said = statement(data, "report.json", "json", report)
    with pytest.raises(ConfigError, match="LINEAGE_GUARD_SIGNING_PASSWORD"):
        sign(said, secret)
    assert verify(data, sign(said, secret, "hush"), public, "here")


def test_what_is_no_key_is_refused(report, data, tmp_path, ed) -> None:
    said = statement(data, "report.json", "json", report)
    (tmp_path / "junk.pem").write_text("junk")
    with pytest.raises(ConfigError, match="cannot be used for signing"):
        sign(said, tmp_path / "junk.pem")
    with pytest.raises(ConfigError, match="cannot be read"):
        sign(said, tmp_path / "none.pem")
    with pytest.raises(ConfigError, match="cannot be used for verifying"):
        verify(data, sign(said, ed[0]), ed[0], "here")
    (tmp_path / "unfit").mkdir()
    with pytest.raises(ConfigError, match="cannot be used for signing"):
        sign(said, keys(tmp_path / "unfit", x25519.X25519PrivateKey.generate())[0])

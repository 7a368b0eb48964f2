"""A certificate is usable from its first use on, or one sentence says why not."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.support.certificates import write_certificate
from tidewire.errors import StartFailed
from tidewire.server.certificates import Certificate


def _at(folder: Path, password: str = "") -> Certificate:
    tls = write_certificate(folder, password=password)
    return Certificate(str(tls.cert), str(tls.key), tls.key_password_file)


def test_a_context_speaks_no_tls_older_than_1_2(tmp_path: Path) -> None:
    assert _at(tmp_path).context().minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_key_behind_a_password_is_opened_with_it(tmp_path: Path) -> None:
    certificate = _at(tmp_path, password="opensesame")
    certificate.context()
    (tmp_path / "password").write_text("wrong")
    with pytest.raises(StartFailed):
        certificate.context()


@pytest.mark.parametrize("name", ["cert.pem", "key.pem"])
@pytest.mark.parametrize("content", [None, "", "rubbish"])
def test_a_file_that_is_none_is_one_sentence(
    tmp_path: Path, name: str, content: str | None
) -> None:
    certificate = _at(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(StartFailed) as caught:
        certificate.context()
    assert "\n" not in str(caught.value)


def test_renewing_with_what_does_not_fit_leaves_the_context_usable(tmp_path: Path) -> None:
    certificate = _at(tmp_path)
    context = certificate.context()
    old_key = (tmp_path / "key.pem").read_text()
    write_certificate(tmp_path)
    (tmp_path / "key.pem").write_text(old_key)
    with pytest.raises(StartFailed):
        certificate.renew(context)

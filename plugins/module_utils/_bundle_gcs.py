# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles in Cloud Storage, through Google's own client."""

from __future__ import annotations

import contextlib
import os

from ansible_collections.turbostable.tpu.plugins.module_utils import _bundle

try:
    import google.auth.credentials
    import google.auth.exceptions
    import requests
    from google.api_core.exceptions import GoogleAPIError, NotFound, PreconditionFailed
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud import storage
except ImportError as error:
    MISSING: ImportError | None = error
else:
    MISSING = None

ENDPOINT = "https://storage.googleapis.com"
# Seconds for one request without progress, and for all tries of one request.
_TIMEOUT = 60
_PATIENCE = 60


class Bucket:
    """``gs://BUCKET/PREFIX``, with the VM's service account; an ``http://`` endpoint is plaintext and without one."""

    def __init__(self, address, endpoint=ENDPOINT):
        if MISSING:
            raise _bundle.BundleError("{0}; the role xla_cache installs Google's client".format(MISSING))
        name, _slash, prefix = address.removeprefix("gs://").partition("/")
        self.prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self.address = address
        with self._translated():
            self._bucket = _client(endpoint).bucket(name)

    @contextlib.contextmanager
    def _translated(self):
        try:
            yield
        except (GoogleAPIError, google.auth.exceptions.GoogleAuthError, requests.exceptions.RequestException) as error:
            told = " ".join(str(getattr(error, "message", None) or error).split())[:300]
            raise _bundle.BundleError("{0}: {1}".format(self.address, told)) from error
        except OSError as error:
            raise _bundle.BundleError("{0}: {1}".format(self.address, error)) from error

    def _blob(self, fingerprint):
        return self._bucket.blob(self.prefix + fingerprint + _bundle.SUFFIX)

    def has(self, fingerprint):
        with self._translated():
            return bool(self._blob(fingerprint).exists(timeout=_TIMEOUT, retry=_retry()))

    def fetch(self, local, fingerprint):
        """Download the bundle into *local*, whole or not at all."""
        path = _bundle.bundle_path(local, fingerprint)
        temporary = _bundle.temporary_path(path)
        try:
            with self._translated():
                os.makedirs(local, mode=0o700, exist_ok=True)
                _bundle.remove_leftovers(local)
                # It verifies the checksum that Cloud Storage keeps.
                self._blob(fingerprint).download_to_filename(
                    temporary, timeout=_TIMEOUT, retry=_retry(), checksum="crc32c"
                )
                os.chmod(temporary, 0o600)
                os.replace(temporary, path)
        except _bundle.BundleError:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise

    def publish(self, local, fingerprint, most):
        """Upload the bundle unless the store has the same; whether it did. The store stays within *most* bytes."""
        with self._translated():
            blob, path = self._blob(fingerprint), _bundle.bundle_path(local, fingerprint)
            generation = 0
            with contextlib.suppress(NotFound):
                blob.reload(timeout=_TIMEOUT, retry=_retry())
                if (blob.metadata or {}).get("content") == _bundle.content(local, fingerprint):
                    return False
                generation = blob.generation
            blob.metadata = {"content": _bundle.content(local, fingerprint)}
            try:
                # Two publishers at once: the later one finds that the object has changed, and leaves it as it is.
                blob.upload_from_filename(
                    path, if_generation_match=generation, timeout=_TIMEOUT, retry=_retry(), checksum="crc32c"
                )
            except PreconditionFailed:
                return False
            self._evict(fingerprint, most)
            return True

    def _evict(self, keep, most):
        listed = self._bucket.list_blobs(prefix=self.prefix, timeout=_TIMEOUT, retry=_retry())
        blobs = [blob for blob in listed if _is_bundle(blob)]
        blobs.sort(key=lambda blob: blob.updated)
        total = sum(blob.size for blob in blobs)
        for blob in blobs:
            if total > most and blob.name != self.prefix + keep + _bundle.SUFFIX:
                total -= blob.size
                with contextlib.suppress(NotFound):
                    blob.delete(timeout=_TIMEOUT, retry=_retry())


def _is_bundle(blob):
    return blob.name.endswith(_bundle.SUFFIX)


def _retry():
    return storage.retry.DEFAULT_RETRY.with_timeout(_PATIENCE)


def _client(endpoint):
    options = {"api_endpoint": endpoint.rstrip("/")}
    if not endpoint.startswith("http://"):
        return storage.Client(client_options=options)
    credentials = google.auth.credentials.AnonymousCredentials()
    session = AuthorizedSession(credentials)
    # An emulator or a private endpoint is never behind the proxy of the environment.
    session.trust_env = False
    return storage.Client(project="none", credentials=credentials, client_options=options, _http=session)

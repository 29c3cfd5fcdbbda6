# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret from Google's Secret Manager into a file on tmpfs, with the standard library alone.

The module and the look-up plugin import this file, and it is installed on the host as a script that fetches again at
each boot, without a controller. No message in here holds a token or a payload.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import re
import stat
import sys
import tempfile
import time
import urllib.error
import urllib.request

ENDPOINT = "https://secretmanager.googleapis.com"
# Seconds between the attempts at a server that fails or does not answer, and seconds that one attempt may take.
DELAYS = (1, 2, 4)
TIMEOUT = 10
# A payload has 64 KiB at the most.
_MAX_ANSWER = 1 << 20
_METADATA = "/computeMetadata/v1/"
# All of these go into a URL and into the command line of a systemd unit.
_NAMES = {
    "project": re.compile(r"[a-z0-9][a-z0-9.:-]*"),
    "secret": re.compile(r"[A-Za-z0-9_-]{1,255}"),
    "version": re.compile(r"[A-Za-z0-9_-]{1,63}"),
    "endpoint": re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._/-]*)?"),
    "path": re.compile(r"/[A-Za-z0-9._/+@:-]+"),
    "unit": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\.service"),
}


class SecretError(Exception):
    """The secret cannot be had or kept; the message is for the user."""


class NotFoundError(SecretError):
    """There is no such secret or version."""


class DeniedError(SecretError):
    """The account may not read the secret."""


class NoServiceAccountError(SecretError):
    """The VM has no service account."""


class UnreachableError(SecretError):
    """A server did not answer, or went on failing."""


class ChecksumError(SecretError):
    """The payload did not arrive as it was sent."""


class ContentError(SecretError):
    """The secret is no token."""


class PathError(SecretError):
    """The secret must not be kept there."""


def _crc_of_byte(value):
    for _bit in range(8):
        value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value


_CRC_TABLE = [_crc_of_byte(value) for value in range(256)]


def crc32c(data):
    """CRC-32C (Castagnoli) of bytes.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def clean(content, origin):
    """The token in *content* (text or bytes): one line of printable ASCII. *origin* names it in the error."""
    if isinstance(content, bytes):
        content = content.decode("utf-8", "replace")
    content = content.rstrip("\r\n")
    if not content:
        raise ContentError("{0} is empty; expected a token; store the token there".format(origin))
    if not re.match(r"[\x21-\x7e]+\Z", content):
        raise ContentError(
            "{0} has white space, control or non-ASCII characters in it; expected one line with the token alone; "
            "store it without quotes, spaces or further lines".format(origin)
        )
    return content


def check_names(**values):
    """Refuse what is no name, before it gets into a URL or a command line."""
    for kind, value in values.items():
        if not _NAMES[kind].fullmatch(value):
            raise SecretError("{0} {1!r} is not valid; expected {2}".format(kind, value, _NAMES[kind].pattern))


def resource(project, secret, version):
    """The full name of a secret's version."""
    check_names(project=project, secret=secret, version=version)
    return "projects/{0}/secrets/{1}/versions/{2}".format(project, secret, version)


def retry(what, send, sleep=time.sleep, advice="check the network, DNS and firewall on the way there, then run again"):
    """The answer of *send*, ``(status, body)``, tried again while the server fails or does not answer."""
    for delay in (*DELAYS, None):
        try:
            status, body = send()
            problem = "HTTP {0}{1}".format(status, _told(body))
        except (OSError, http.client.HTTPException) as error:
            # urllib wraps the cause; a request that was never sent holds no secret in its error.
            status, body = 0, b""
            problem = str(getattr(error, "reason", None) or error) or type(error).__name__
        if status and status != 429 and status < 500:
            return status, body
        if delay is not None:
            sleep(delay)
    raise UnreachableError(
        "{0} failed {1} times: {2}; expected an answer within {3} s; {4}".format(
            what, len(DELAYS) + 1, problem, TIMEOUT, advice
        )
    )


def hide(answer, token):
    """The *answer* without the access *token*, should a server that refuses it repeat it."""
    status, body = answer
    return status, body if status == 200 else body.replace(token.encode(), b"[token]")


def payload(name, endpoint, status, body, account=""):
    """The payload (bytes) in Secret Manager's answer to ``:access`` of *name*, its checksum verified."""
    if status != 200:
        raise _refusal(name, endpoint, status, body, account)
    try:
        found = json.loads(body.decode())["payload"]
        data = base64.b64decode(found["data"], validate=True)
        expected = int(found["dataCrc32c"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ChecksumError(
            "{0} answered HTTP 200 without payload and checksum for {1}; expected Secret Manager; "
            "check the endpoint".format(endpoint, name)
        ) from None
    if crc32c(data) != expected:
        raise ChecksumError(
            "the payload of {0} from {1} does not match its CRC32C; expected what was stored; run again, and suspect "
            "a proxy on the way if it stays".format(name, endpoint)
        )
    return data


def _refusal(name, endpoint, status, body, account):
    _projects, project, _secrets, secret, _versions, version = name.split("/")
    told = "HTTP {0}{1}".format(status, _told(body))
    who = account or "the caller"
    if status == 404:
        return NotFoundError(
            "{0} has no {1} ({2}); expected a secret with an enabled version; see: gcloud secrets versions list {3} "
            "--project {4}".format(endpoint, name, told, secret, project)
        )
    if status == 403 and b"SCOPE" in body.upper():
        return DeniedError(
            "the access scopes of this VM do not allow {0} to read {1} ({2}); expected the scope cloud-platform; "
            "make the VM with --scopes=cloud-platform".format(who, name, told)
        )
    if status == 403 and b"SERVICE_DISABLED" in body:
        return DeniedError(
            "Secret Manager is not enabled in the project {0} ({1}); enable it with: gcloud services enable "
            "secretmanager.googleapis.com --project {0}".format(project, told)
        )
    if status == 403:
        return DeniedError(
            "{0} may not read {1} ({2}); expected the role roles/secretmanager.secretAccessor; grant it with: gcloud "
            "secrets add-iam-policy-binding {3} --project {4} --role roles/secretmanager.secretAccessor --member "
            "{5}".format(who, name, told, secret, project, "serviceAccount:" + account if account else "MEMBER")
        )
    if status == 401:
        return DeniedError(
            "{0} did not accept the access token of {1} for {2} ({3}); expected an account of Google Cloud; check the "
            "endpoint and the clock".format(endpoint, who, name, told)
        )
    return SecretError(
        "{0} refused {1} ({2}); expected an enabled version; see: gcloud secrets versions describe {3} --secret {4} "
        "--project {5}".format(endpoint, name, told, version, secret, project)
    )


def _told(body):
    """The message in a Google API's error, on one line; nothing of any other body."""
    try:
        message = json.loads(body.decode())["error"]["message"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return ": " + " ".join(str(message).split())[:300]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """urllib would send the access token along to wherever it is redirected."""

    def redirect_request(self, *_args):
        return None


def _get(url, headers, proxies=None):
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler(proxies))
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - check_names lets http and https pass
    try:
        with opener.open(request, timeout=TIMEOUT) as answer:
            return answer.getcode(), answer.read(_MAX_ANSWER)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(_MAX_ANSWER)


class Metadata:
    """The metadata server, as a VM of Google Cloud sees it."""

    def __init__(self, sleep=time.sleep):
        # GCE_METADATA_HOST is what Google's own libraries read.
        self.url = "http://" + os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
        self.sleep = sleep

    def _read(self, path):
        # Never through a proxy: the answer is the identity of this VM.
        return retry(
            "the metadata server {0}".format(self.url),
            lambda: _get(self.url + _METADATA + path, {"Metadata-Flavor": "Google"}, proxies={}),
            self.sleep,
            "run this on a VM of Google Cloud, or give the token from the controller",
        )

    def token(self):
        """An access token of the VM's service account."""
        status, body = self._read("instance/service-accounts/default/token")
        if status == 404:
            raise NoServiceAccountError(
                "this VM has no service account ({0}: HTTP 404); expected one that may read the secret; attach one "
                "with --service-account and --scopes=cloud-platform, or give the token from the controller".format(
                    self.url
                )
            )
        try:
            token = json.loads(body.decode())["access_token"]
        except (ValueError, KeyError, TypeError):
            token = ""
        # A header with a line break in it would raise an error that shows the token.
        if status != 200 or not isinstance(token, str) or not re.match(r"[\x21-\x7e]+\Z", token):
            raise UnreachableError(
                "the metadata server {0} gave no access token (HTTP {1}); expected Google Cloud's; check what answers "
                "there".format(self.url, status)
            )
        return token

    def project(self):
        """The VM's own project."""
        return self._text("project/project-id", "the project's name")

    def account(self):
        """The e-mail address of the VM's service account, or nothing: it only makes an error clearer."""
        try:
            return self._text("instance/service-accounts/default/email", "the service account")
        except SecretError:
            return ""

    def _text(self, path, what):
        status, body = self._read(path)
        text = body.decode("ascii", "replace").strip()
        if status != 200 or not re.match(r"[\w.@:-]+\Z", text):
            raise UnreachableError(
                "the metadata server {0} did not tell {1} (HTTP {2}); expected Google Cloud's; set it yourself".format(
                    self.url, what, status
                )
            )
        return text


def fetch(project, secret, version, endpoint, sleep=time.sleep):
    """The token in a secret, read as the VM's service account."""
    check_names(endpoint=endpoint)
    metadata = Metadata(sleep)
    name = resource(project, secret, version)
    token = metadata.token()
    url = "{0}/v1/{1}:access".format(endpoint.rstrip("/"), name)

    def send():
        return hide(_get(url, {"Authorization": "Bearer " + token}), token)

    status, body = retry("{0} for {1}".format(endpoint, name), send, sleep)
    account = metadata.account() if status in (401, 403) else ""
    return clean(payload(name, endpoint, status, body, account), name)


def filesystem(path, mountinfo):
    """(mount point, type) of the file system that *path* (real, absolute) lies on, by /proc/self/mountinfo's text."""
    found = ("", "")
    for line in mountinfo.splitlines():
        fields, _dash, rest = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), fields.split(" ")[4])
        below = path == point or path.startswith(point.rstrip("/") + "/")
        # A later line hides an earlier one with the same mount point.
        if below and len(point) >= len(found[0]):
            found = (point, rest.split(" ")[0])
    return found


def check_path(path):
    """Refuse a place that outlives a power-off, that others may enter, or that is not the secret's own."""
    check_names(path=path)
    if os.path.normpath(path) != path:
        raise PathError("{0} is not a plain path; expected {1}".format(path, os.path.normpath(path)))
    directory = existing = os.path.dirname(path)
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        point, kind = filesystem(os.path.realpath(existing), mounts.read())
    if kind not in ("tmpfs", "ramfs"):
        raise PathError(
            "{0} is on {1} (mounted on {2}); expected tmpfs, so that the token never reaches a disk; choose a path "
            "below /dev/shm".format(path, kind or "no known file system", point)
        )
    problem = existing == directory and _problem(directory, point)
    if problem:
        raise PathError(
            "{0}, the directory of {1}, is {2}; expected a directory of its own, owned by uid {3}; remove it or choose "
            "another path".format(directory, os.path.basename(path), problem, os.geteuid())
        )


def _problem(directory, point):
    found = os.lstat(directory)
    if directory == point:
        return "a mount point"
    if not stat.S_ISDIR(found.st_mode):
        return "no directory"
    return "" if found.st_uid == os.geteuid() else "owned by uid {0}".format(found.st_uid)


def wanted():
    """What `state` is to say."""
    return {"directory": "0700", "file": "{0}:{1} 0600".format(os.geteuid(), os.getegid()), "content": "current"}


def state(path, token):
    """What is there, in words that a diff may show: neither the token nor anything computed from it."""
    found = {"directory": "absent", "file": "absent", "content": "absent"}
    if os.path.isdir(os.path.dirname(path)):
        found["directory"] = "{0:04o}".format(stat.S_IMODE(os.lstat(os.path.dirname(path)).st_mode))
    if os.path.lexists(path):
        status = os.lstat(path)
        found["file"] = "no regular file"
        found["content"] = "different"
        if stat.S_ISREG(status.st_mode):
            found["file"] = "{0}:{1} {2:04o}".format(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))
            with open(path, "rb") as handle:
                if token is not None and handle.read() == token.encode():
                    found["content"] = "current"
    return found


def write(path, token):
    """The token into *path*, which appears whole or not at all."""
    directory = os.path.dirname(path)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    os.chmod(directory, 0o700)
    handle, temporary = tempfile.mkstemp(prefix=".secret-", dir=directory)
    try:
        with os.fdopen(handle, "w") as output:
            output.write(token)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def main():
    parser = argparse.ArgumentParser(description="Fetch a secret as the VM's service account into a file on tmpfs.")
    for option in ("project", "secret", "version", "endpoint", "path"):
        parser.add_argument("--" + option, required=True)
    options = parser.parse_args()
    try:
        check_path(options.path)
        token = fetch(options.project, options.secret, options.version, options.endpoint)
        changed = state(options.path, token) != wanted()
        if changed:
            write(options.path, token)
    except (SecretError, OSError) as error:
        sys.stderr.write("{0}: {1}\n".format(os.path.basename(sys.argv[0]), error))
        return 1
    sys.stdout.write("{0}: {1}\n".format(options.path, "written" if changed else "current"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A compile cache as one file, the bundle, with the standard library and the zstd command.

A bundle is ``FINGERPRINT.tar.zst``: first MANIFEST.json, which lists path, size and SHA-256 of each entry, then the
entries by their number in that list. The module imports this file, and it is installed on the host as a script that
restores the cache at each boot, without a controller.
"""

from __future__ import annotations

import argparse
import calendar
import contextlib
import ctypes
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tarfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

# Beside the entries: whose they are, and whether they are proven complete. Never an entry itself.
MARKER = ".turbostable.json"
MANIFEST = "MANIFEST.json"
# In the directory of bundles: which one is restored at boot, and to where.
CHOICE = "at-boot.json"
SUFFIX = ".tar.zst"
_FORMAT = 1
_CHUNK = 1 << 18
_BLOCK = tarfile.BLOCKSIZE
# What a running server keeps beside its entries, and what has no content by nature.
_NO_ENTRIES = (".lock", ".tmp")
_EMPTY_BY_NATURE = ("__init__.py", "py.typed")
# What JAX's entries begin with; without zstandard, which is rare, they are zlib's.
_ZSTD = b"\x28\xb5\x2f\xfd"
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100
_F_SETPIPE_SZ = 1031


class BundleError(Exception):
    """The bundle cannot be made or is of no use; the message is for the user."""


class _ChangedError(Exception):
    """An entry changed while it was packed."""


def entries(directory):
    """The relative paths of all entries of a compile cache, sorted."""
    found = []
    for folder, _folders, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            if name != MARKER and not name.endswith(_NO_ENTRIES) and stat.S_ISREG(os.lstat(path).st_mode):
                found.append(os.path.relpath(path, directory))
    return sorted(found)


def sweep(directory):
    """Remove entries that would fail at every start: empty ones, and JAX's that do not decompress; their paths."""
    paths = [os.path.join(directory, name) for name in entries(directory)]
    empty = [path for path in paths if not os.path.getsize(path) and not path.endswith(_EMPTY_BY_NATURE)]
    gone = empty + _damaged([path for path in paths if path.endswith("-cache") and path not in empty])
    for path in gone:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    return sorted(os.path.relpath(path, directory) for path in gone)


def _damaged(paths):
    """Those of JAX's entries whose compression is broken."""
    zstd = [path for path in paths if _begins(path) == _ZSTD]
    gone = [path for path in paths if path not in zstd and not _is_zlib(path)]
    # One call for all of them; which one it is matters only where it fails.
    return gone if _decompress(zstd) else gone + [path for path in zstd if not _decompress([path])]


def _begins(path):
    with open(path, "rb") as entry:
        return entry.read(len(_ZSTD))


def _decompress(paths):
    return not paths or subprocess.run(["zstd", "-tq", *paths], capture_output=True, check=False).returncode == 0


def _is_zlib(path):
    with open(path, "rb") as entry:
        try:
            zlib.decompress(entry.read())
        except zlib.error:
            return False
    return True


def digest(path):
    """SHA-256 of a file, hexadecimal."""
    found, buffer = hashlib.sha256(), memoryview(bytearray(_CHUNK))
    with open(path, "rb", buffering=0) as source:
        while size := source.readinto(buffer):
            found.update(buffer[:size])
    return found.hexdigest()


def make_manifest(directory, fingerprint, compile_seconds=None):
    """What a bundle of *directory* has to say, hashes included, and the stamp of each entry when it was hashed.

    *compile_seconds* tells what the bundle saves.
    """
    names = entries(directory)
    paths = [os.path.join(directory, name) for name in names]
    stamps = [_stamp(os.stat(path)) for path in paths]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        hashes = list(pool.map(digest, paths))
    listed = [
        {"path": name, "bytes": stamp[0], "sha256": found}
        for name, stamp, found in zip(names, stamps, hashes)  # noqa: B905 - one for each
    ]
    manifest = {
        "format": _FORMAT,
        "fingerprint": fingerprint,
        "made_on": socket.gethostname(),
        "made_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "compile_seconds": compile_seconds,
        "bytes": sum(entry["bytes"] for entry in listed),
        "entries": listed,
    }
    return manifest, stamps


def _stamp(status):
    """What changes when a file does: its size and the time of the last write."""
    return status.st_size, status.st_mtime_ns


def bundle_path(local, fingerprint):
    return os.path.join(local, fingerprint + SUFFIX)


def publish(directory, local, fingerprint, compile_seconds=None):
    """Keep *directory* as a bundle in *local*; (whether that changed anything, its manifest)."""
    try:
        os.makedirs(local, mode=0o700, exist_ok=True)
        remove_leftovers(local)
        try:
            return _publish(directory, local, fingerprint, compile_seconds)
        except _ChangedError:
            # The server has just met one more shape.
            return _publish(directory, local, fingerprint, compile_seconds)
    except _ChangedError as error:
        raise BundleError("{0} goes on changing; expected a server at rest; publish later".format(error)) from None
    except OSError as error:
        raise BundleError("no bundle can be written to {0}: {1}".format(local, error.strerror)) from error


def _publish(directory, local, fingerprint, compile_seconds):
    path = bundle_path(local, fingerprint)
    try:
        manifest, stamps = make_manifest(directory, fingerprint, compile_seconds)
    except FileNotFoundError as error:
        raise _ChangedError(error.filename) from None
    old = _manifest_or_none(path)
    if old and old["entries"] == manifest["entries"]:
        return False, old
    temporary = temporary_path(path)
    try:
        _pack(directory, manifest, stamps, temporary)
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    return True, manifest


def temporary_path(path):
    """A name beside *path* for what is not complete yet; it tells whose it is."""
    return "{0}.{1}-{2}.part".format(path, os.getpid(), time.monotonic_ns())


def remove_leftovers(folder):
    """Remove what processes that are no more have left incomplete in *folder*."""
    for name in os.listdir(folder):
        match = re.search(r"\.(?:restore-)?(\d+)-\d+\.part$", name)
        if match and not os.path.exists("/proc/" + match.group(1)):
            path = os.path.join(folder, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def _pack(directory, manifest, stamps, target):
    with open(target, "xb") as output:
        os.chmod(target, 0o600)
        command = ["zstd", "-q", "-T0", "-c"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.PIPE, bufsize=0) as zstd:
            pipe: Any = zstd.stdin
            _widen(pipe)
            try:
                _write_members(pipe, directory, manifest, stamps)
                pipe.close()
            except BrokenPipeError:
                # zstd says why.
                pass
            except BaseException:
                zstd.kill()
                raise
            errors: Any = zstd.stderr
            said = errors.read().decode("utf-8", "replace").strip()
        if zstd.returncode:
            reason = said.splitlines()[-1] if said else "exit code {0}".format(zstd.returncode)
            raise OSError(errno.EIO, "zstd: " + reason)


def _write_members(pipe, directory, manifest, stamps):
    text = json.dumps(manifest).encode()
    pipe.write(_header(MANIFEST, len(text)) + text + _padding(len(text)))
    for number, (entry, stamp) in enumerate(zip(manifest["entries"], stamps)):  # noqa: B905 - one for each
        pipe.write(_header(_member(number), entry["bytes"]))
        _copy(os.path.join(directory, entry["path"]), pipe, stamp)
        pipe.write(_padding(entry["bytes"]))
    pipe.write(bytes(2 * _BLOCK))


def _copy(path, pipe, stamp):
    """The entry into the *pipe*, if it is still the one that was hashed."""
    try:
        with open(path, "rb", buffering=0) as source:
            position = 0
            while position < stamp[0]:
                sent = os.sendfile(pipe.fileno(), source.fileno(), position, stamp[0] - position)
                if not sent:
                    raise _ChangedError(path)
                position += sent
            if _stamp(os.fstat(source.fileno())) != stamp:
                raise _ChangedError(path)
    except FileNotFoundError:
        raise _ChangedError(path) from None


def _header(name, size):
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member.tobuf(tarfile.USTAR_FORMAT)


def _member(number):
    # Not by path: a path may be longer than a plain tar header holds, and the manifest has it.
    return "entries/{0:08}".format(number)


def _padding(size):
    return bytes(-size % _BLOCK)


def _widen(pipe):
    # A pipe of 64 KiB costs a change of context for each; not everybody may have a wider one.
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe, _F_SETPIPE_SZ, 1 << 20)


class _Reader:
    """The tar stream of a bundle."""

    def __init__(self, path):
        try:
            self.file = open(path, "rb")  # noqa: SIM115 - closed by close
        except FileNotFoundError:
            raise BundleError("there is no bundle {0}".format(path)) from None
        command = ["zstd", "-dqc"]
        pipe = subprocess.PIPE
        self.zstd = subprocess.Popen(command, stdin=self.file, stdout=pipe, stderr=pipe, bufsize=0)
        self.pipe: Any = self.zstd.stdout
        _widen(self.pipe)
        self.path = path

    def into(self, view):
        """Fill *view* from the stream."""
        done = 0
        while done < len(view):
            size = self.pipe.readinto(view[done:])
            if not size:
                raise BundleError("{0} is truncated or no bundle".format(self.path))
            done += size

    def read(self, size):
        found = bytearray(size)
        self.into(memoryview(found))
        return bytes(found)

    def header(self):
        """The next member, or None at the end of the archive."""
        block = self.read(_BLOCK)
        if not block.strip(b"\0"):
            return None
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except tarfile.HeaderError as error:
            raise BundleError("{0} is no bundle: {1}".format(self.path, error)) from None

    def manifest(self):
        member = self.header()
        if member is None or member.name != MANIFEST or member.size > 1 << 28:
            raise BundleError("{0} does not begin with its manifest".format(self.path))
        try:
            manifest = json.loads(self.read(member.size))
            self.read(-member.size % _BLOCK)
            return checked(manifest)
        except (ValueError, KeyError, TypeError):
            raise BundleError("the manifest of {0} cannot be read".format(self.path)) from None

    def end(self):
        """Nothing more may come, and zstd must be content."""
        self.read(_BLOCK)
        while rest := self.pipe.read(_CHUNK):
            if rest.strip(b"\0"):
                raise BundleError("{0} has more in it than its manifest says".format(self.path))
        if self.zstd.wait():
            raise BundleError("{0} is truncated or damaged".format(self.path))

    def close(self):
        self.zstd.kill()
        self.zstd.communicate()
        self.file.close()


def checked(manifest):
    """*manifest* if its paths stay below the cache; BundleError else."""
    if manifest["format"] != _FORMAT:
        raise BundleError("the bundle's format is {0}, expected {1}".format(manifest["format"], _FORMAT))
    paths = [entry["path"] for entry in manifest["entries"]]
    for path in paths:
        parts = path.split("/")
        if not path or path.startswith("/") or ".." in parts or "" in parts or path == MARKER:
            raise BundleError("the bundle has an entry {0!r}, which is no path within a cache".format(path))
    if len(set(paths)) < len(paths):
        raise BundleError("the bundle has an entry twice")
    return manifest


def read_manifest(path):
    """The manifest of a bundle, without unpacking the rest."""
    reader = _Reader(path)
    try:
        return reader.manifest()
    finally:
        reader.close()


def content(local, fingerprint):
    """What tells whether two bundles hold the same entries, whoever has made them when."""
    listed = read_manifest(bundle_path(local, fingerprint))["entries"]
    return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()


def _manifest_or_none(path):
    try:
        return read_manifest(path)
    except BundleError:
        return None


def is_sound(path, fingerprint):
    """Whether a bundle can be read to its end and holds what its manifest says."""
    reader = _Reader(path)
    try:
        manifest = reader.manifest()
        for number, entry in enumerate(manifest["entries"]):
            _check(reader, reader.header(), number, entry)
            if hashlib.sha256(reader.read(entry["bytes"])).hexdigest() != entry["sha256"]:
                return False
            reader.read(-entry["bytes"] % _BLOCK)
        reader.end()
    except BundleError:
        return False
    finally:
        reader.close()
    return bool(manifest["fingerprint"] == fingerprint)


def restore(local, fingerprint, directory):
    """Put the bundle's entries in the place of *directory*, all of them or none; the manifest.

    They are unpacked beside it and verified one by one before they are visible.
    """
    parent, name = os.path.split(os.path.abspath(directory))
    remove_leftovers(parent)
    staging = os.path.join(parent, ".{0}.restore-{1}-{2}.part".format(name, os.getpid(), time.monotonic_ns()))
    reader = _Reader(bundle_path(local, fingerprint))
    try:
        manifest = reader.manifest()
        if manifest["fingerprint"] != fingerprint:
            raise BundleError("{0} is a bundle of {1}".format(reader.path, manifest["fingerprint"]))
        os.mkdir(staging, 0o700)
        _unpack(reader, manifest, staging)
        reader.end()
        write_marker(staging, fingerprint)
        _swap(staging, directory)
    except OSError as error:
        raise BundleError("{0} cannot be restored: {1}".format(directory, error.strerror)) from error
    finally:
        reader.close()
        shutil.rmtree(staging, ignore_errors=True)
    return manifest


def _unpack(reader, manifest, staging):
    buffer = memoryview(bytearray(_CHUNK))
    # Entries of a bundle are older than any start that finds them, which proves later that it compiled nothing.
    made = min(time.time() - 1, _epoch(manifest["made_at"]))
    with ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1)) as pool:
        hashes = []
        for number, entry in enumerate(manifest["entries"]):
            _check(reader, reader.header(), number, entry)
            path = os.path.join(staging, entry["path"])
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            _extract(reader, path, entry["bytes"], buffer)
            os.utime(path, (made, made))
            hashes.append(pool.submit(digest, path))
        for entry, found in zip(manifest["entries"], hashes):  # noqa: B905 - one for each
            if found.result() != entry["sha256"]:
                raise BundleError("the entry {0} of {1} is not what was published".format(entry["path"], reader.path))


def _check(reader, member, number, entry):
    """That the *member* of the archive is the one which the manifest lists here."""
    if member is None or (member.name, member.size) != (_member(number), entry["bytes"]) or not member.isreg():
        raise BundleError("{0} lacks the entry {1}".format(reader.path, entry["path"]))


def _extract(reader, path, size, buffer):
    with open(path, "xb", buffering=0) as output:
        os.chmod(path, 0o600)
        left = size
        while left:
            view = buffer[: min(left, _CHUNK)]
            reader.into(view)
            output.write(view)
            left -= len(view)
    reader.read(-size % _BLOCK)


def _epoch(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def _swap(new, directory):
    """*new* takes the place of *directory* at once; what was there is at *new* then."""
    try:
        os.rename(new, directory)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        libc = ctypes.CDLL(None, use_errno=True)
        names = os.fsencode(new), os.fsencode(directory)
        if libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number)) from None


def write_marker(directory, fingerprint, *, complete=True):
    """Say that *directory* has a proven, complete set of entries of *fingerprint*, or that it begins to have one."""
    path = os.path.join(directory, MARKER)
    with open(path + ".tmp", "w", encoding="utf-8") as output:
        os.chmod(path + ".tmp", 0o600)
        json.dump({"fingerprint": fingerprint, "complete": complete}, output)
    os.replace(path + ".tmp", path)


def begin(directory, fingerprint):
    """Say that from now on *directory* takes up all that is compiled for *fingerprint*, unless that was said before.

    If somebody empties it while the server runs, this is gone too: what is in it then must not pass as all there is.
    """
    if read_marker(directory).get("fingerprint") != fingerprint:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        write_marker(directory, fingerprint, complete=False)


def read_marker(directory):
    try:
        with open(os.path.join(directory, MARKER), encoding="utf-8") as marker:
            found = json.load(marker)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def is_warm(directory, fingerprint):
    """Whether *directory* has a proven, complete set of entries of *fingerprint*."""
    return read_marker(directory) == {"fingerprint": fingerprint, "complete": True}


def has_all_since(directory, fingerprint, started):
    """Whether *directory* has taken up all that a server has compiled since it *started* (epoch seconds)."""
    marker = read_marker(directory)
    if marker.get("fingerprint") != fingerprint:
        return False
    return bool(marker.get("complete")) or os.path.getmtime(os.path.join(directory, MARKER)) <= started


def choose(local, fingerprint, directory):
    """Have the bundle of *fingerprint* restored to *directory* at the next boot."""
    path = os.path.join(local, CHOICE)
    with open(path + ".tmp", "w", encoding="utf-8") as output:
        json.dump({"fingerprint": fingerprint, "directory": directory}, output)
    os.replace(path + ".tmp", path)


def evict(local, keep, most):
    """Remove the oldest bundles in *local* until they take *most* bytes; the one of *keep* never. What has gone."""
    found = [entry for entry in os.scandir(local) if entry.name.endswith(SUFFIX)] if os.path.isdir(local) else []
    found.sort(key=lambda entry: entry.stat().st_mtime)
    total, gone = sum(entry.stat().st_size for entry in found), []
    for entry in found:
        if total > most and entry.name != keep + SUFFIX:
            total -= entry.stat().st_size
            os.unlink(entry.path)
            gone.append(entry.name)
    return gone


def main():
    """At boot: no bundle, or one of no use, must not keep the server from starting; it compiles then."""
    parser = argparse.ArgumentParser(description="Restore the compile cache that was last used from its bundle.")
    parser.add_argument("local", help="the directory of bundles")
    local = parser.parse_args().local
    choice = {}
    try:
        with open(os.path.join(local, CHOICE), encoding="utf-8") as source:
            choice = json.load(source)
        manifest = restore(local, choice["fingerprint"], choice["directory"])
    except (BundleError, OSError, ValueError, KeyError) as error:
        sys.stderr.write("the compile cache is not restored, the server compiles: {0}\n".format(error))
        if {"fingerprint", "directory"} <= choice.keys():
            begin(choice["directory"], choice["fingerprint"])
        return
    sys.stdout.write("restored {0} entries to {1}\n".format(len(manifest["entries"]), choice["directory"]))


if __name__ == "__main__":
    main()

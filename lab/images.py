"""The lab's images: a Debian base, the bare host, and vLLM's CPU build, which goes into the lab's registry."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from lab.config import DIR, HERE, NAME, REGISTRY, SERVING_IMAGE
from lab.engine import docker, needs_runc_wrapper
from lab.shell import LabError, run

BASE = f"{NAME}/base"
HOST = f"{NAME}/host"
VLLM = f"{NAME}/vllm"
_SUITE = "bookworm"
_INPUTS = "turbostable.lab.inputs"
# The package that the product bakes in on each host; the lab serves its wheel.
_profile = yaml.safe_load((HERE.parent / "profiles" / "turbo_stable.yml").read_text())
BAKED = [str(package) for package in _profile["image"]["packages"]]
# What the role xla_cache installs beside it, for Cloud Storage.
_CLIENT = HERE.parent / "roles" / "xla_cache" / "files" / "requirements.txt"


def build_base() -> None:
    """A minimal Debian by debootstrap: the same on a machine with a registry at hand and on one without."""
    if docker("images", "--quiet", BASE).strip():
        return
    print("making the base image (debootstrap, about 30 s)", flush=True)
    with tempfile.TemporaryDirectory(dir=DIR) as directory:
        root = Path(directory) / "root"
        run(["debootstrap", "--variant=minbase", "--include=ca-certificates", _SUITE, str(root)])
        for rubbish in ("var/cache/apt/archives", "var/lib/apt/lists"):
            shutil.rmtree(root / rubbish)
            (root / rubbish / "partial").mkdir(parents=True)
        tar = Path(directory) / "base.tar"
        run(["tar", "-C", str(root), "-cf", str(tar), "."])
        docker("import", str(tar), BASE)


def build_host() -> None:
    """The bare TPU VM with the lab's own SSH key in it."""
    key = DIR / "id_ed25519"
    if not key.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", NAME, "-f", str(key)])
    with build_context("host") as context:
        shutil.copy(key.with_suffix(".pub"), context / "authorized_keys")
        if not needs_runc_wrapper():
            (context / "runc").unlink()
        build(HOST, context)


def build_vllm() -> str:
    """Build and push the serving image; its digest. Nothing is done where the inputs are those of the last build."""
    record = DIR / "image.yml"
    with build_context("vllm") as context:
        # Of the index only what is baked: the image does not change with the rest.
        for package in BAKED:
            name = package.partition("==")[0]
            _link_tree(DIR / "index" / "simple" / name, context / "index" / "simple" / name)
        _link_tree(Path(os.environ.get("PIP_FIND_LINKS", "/nonexistent")), context / "wheels")
        changed = build(VLLM, context)
    if changed or not record.exists():
        print("pushing the vLLM image into the lab's registry (about a minute)", flush=True)
        target = f"{REGISTRY}/{SERVING_IMAGE}"
        docker("tag", VLLM, target)
        found = re.search(r"digest: (sha256:[0-9a-f]{64})", docker("push", target))
        if not found:
            raise LabError(f"docker push {target} told no digest")
        record.write_text(yaml.safe_dump({"digest": found.group(1)}))
    return str(yaml.safe_load(record.read_text())["digest"])


def fetch_index() -> None:
    """A package index as pip expects it (PEP 503), with the wheels that the product installs on the hosts."""
    simple = DIR / "index" / "simple"
    stamp = DIR / "index" / "made-from"
    wanted = "\n".join([*BAKED, _CLIENT.read_text()])
    if stamp.exists() and stamp.read_text() == wanted:
        return
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
    with tempfile.TemporaryDirectory(dir=DIR) as directory:
        run([*pip, directory, *BAKED])
        run([*pip, directory, "--require-hashes", "--requirement", str(_CLIENT)])
        for wheel in Path(directory).iterdir():
            folder = simple / wheel.name.split("-")[0].replace("_", "-").lower()
            folder.mkdir(parents=True, exist_ok=True)
            shutil.move(wheel, folder / wheel.name)
    stamp.write_text(wanted)


@contextmanager
def build_context(name: str) -> Iterator[Path]:
    """A build context: the image's own files and this machine's extra CA certificates, which are never committed."""
    with tempfile.TemporaryDirectory(dir=DIR) as directory:
        context = Path(directory) / name
        shutil.copytree(HERE / "images" / name, context)
        certificates = context / "certificates"
        certificates.mkdir()
        (certificates / "none.txt").touch()
        for certificate in Path("/usr/local/share/ca-certificates").glob("*.crt"):
            shutil.copy(certificate, certificates)
        yield context


def _link_tree(source: Path, target: Path) -> None:
    """Hard-link where the file system allows: wheels are large."""

    def link(src: str, dst: str) -> None:
        try:
            os.link(src, dst)
        except OSError:
            shutil.copy2(src, dst)

    if source.is_dir():
        shutil.copytree(source, target, copy_function=link)
    else:
        target.mkdir(parents=True)


def build(tag: str, context: Path) -> bool:
    """Build *tag* unless it was built from the same inputs; whether it was built."""
    base = docker("image", "inspect", "--format", "{{.Id}}", BASE).strip()
    inputs = hashlib.sha256(base.encode())
    for file in sorted(path for path in context.rglob("*") if path.is_file()):
        inputs.update(str(file.relative_to(context)).encode())
        # A wheel is named after its content.
        inputs.update(b"" if file.suffix == ".whl" else file.read_bytes())
    template = f'{{{{index .Config.Labels "{_INPUTS}"}}}}'
    label = docker("image", "inspect", "--format", template, tag, check=False).strip()
    if label == inputs.hexdigest():
        return False
    print(f"building {tag}", flush=True)
    # The machine's own network, for the lab's engine has no other.
    docker(
        "build", "--quiet", "--network=host", "--tag", tag, "--label", f"{_INPUTS}={inputs.hexdigest()}", str(context)
    )
    return True

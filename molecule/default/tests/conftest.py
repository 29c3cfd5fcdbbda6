"""Where the tests run: on every host of the lab, over its own SSH key, with host keys checked.

Not through Ansible's inventory: testinfra does not know the untrusted variables of Ansible 2.19 and later.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from lab.config import DIR, HOSTS
from lab.hosts import KNOWN_HOSTS


def pytest_configure(config: pytest.Config) -> None:
    directory = tempfile.TemporaryDirectory()
    config.add_cleanup(directory.cleanup)
    ssh_config = Path(directory.name, "ssh_config")
    ssh_config.write_text(f"User ubuntu\nIdentityFile {DIR}/id_ed25519\nUserKnownHostsFile {KNOWN_HOSTS}\n")
    config.option.ssh_config = str(ssh_config)
    config.option.hosts = ",".join(f"ssh://{host.address}" for host in HOSTS)

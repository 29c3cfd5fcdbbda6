"""What the role docker leaves on a host."""

from __future__ import annotations

import json

from testinfra.host import Host


def test_engine_runs_now_and_at_boot(host: Host) -> None:
    service = host.service("docker")
    assert service.is_running, host.run("journalctl --unit docker --lines 20 --no-pager").stdout
    assert service.is_enabled


def test_engine_has_taken_up_its_configuration(host: Host) -> None:
    with host.sudo():
        written = json.loads(host.file("/etc/docker/daemon.json").content_string)
        info = json.loads(host.check_output("docker info --format '{{json .}}'"))
    assert written["log-opts"] == {"max-size": "100m", "max-file": "3"}
    assert info["LoggingDriver"] == written["log-driver"] == "json-file"
    assert info["LiveRestoreEnabled"] is written["live-restore"] is True
    # The engine ends each address with a slash.
    mirrors = [mirror.rstrip("/") for mirror in info["RegistryConfig"]["Mirrors"]]
    assert mirrors == written["registry-mirrors"] == ["http://10.213.77.1:5000"]


def test_ansible_can_talk_to_the_engine(host: Host) -> None:
    host.check_output("python3 -c 'import requests'")


def test_no_package_is_half_installed(host: Host) -> None:
    assert host.check_output("dpkg --audit") == ""

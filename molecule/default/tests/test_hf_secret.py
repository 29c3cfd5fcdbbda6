"""What the role hf_secret leaves on a host."""

from __future__ import annotations

from testinfra.host import Host

TOKEN = "/dev/shm/huggingface/token"
UNIT = "turbostable-hf-secret.service"


def test_token_is_for_root_alone_on_tmpfs(host: Host) -> None:
    with host.sudo():
        token = host.file(TOKEN)
        assert (token.user, token.group, token.mode) == ("root", "root", 0o600)
        assert token.content_string == "lab-not-a-real-token", "with its newline, or another one"
        directory = host.file("/dev/shm/huggingface")
        assert (directory.user, directory.group, directory.mode) == ("root", "root", 0o700)
        assert host.check_output(f"stat --file-system --format %T {TOKEN}") == "tmpfs"


def test_token_is_fetched_again_at_boot_before_docker(host: Host) -> None:
    assert host.service(UNIT).is_enabled
    properties = dict(
        line.split("=", 1)
        for line in host.check_output(
            f"systemctl show {UNIT} --property Type,RemainAfterExit,Before,After"
        ).splitlines()
    )
    assert properties["Type"] == "oneshot"
    assert properties["RemainAfterExit"] == "yes"
    assert "docker.service" in properties["Before"].split()
    assert "network-online.target" in properties["After"].split()


def test_unit_is_sound_and_works(host: Host) -> None:
    assert host.check_output(f"systemd-analyze verify {UNIT} 2>&1") == ""
    with host.sudo():
        host.check_output(f"systemctl start {UNIT}")
        assert host.service(UNIT).is_running, host.run(f"journalctl --unit {UNIT} --lines 20 --no-pager").stdout

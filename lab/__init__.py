"""The lab: simulated TPU VMs on one machine, each with its own systemd, sshd, /dev/shm and Docker Engine."""

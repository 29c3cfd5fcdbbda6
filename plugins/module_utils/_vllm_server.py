# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One vLLM server on this host, as its container and its HTTP show it. Standard library and the docker command."""

from __future__ import annotations

import http.client
import json
import os
import time

from ansible_collections.turbostable.tpu.plugins.module_utils import _completion, _health, _metrics

# Seconds that a request may take which no engine has to work for.
CHEAP = 5
# Lines of log that are looked at: a whole start, and not all that a server has said in months.
MOST_LINES = "20000"


# What a module's argument_spec takes for it, as the documentation fragment vllm_server says.
ARGUMENTS = {
    "container": {"type": "str", "default": "vllm-gemma4"},
    "port": {"type": "int", "default": 8000},
    "model": {"type": "str", "required": True},
    "api_key": {"type": "str", "no_log": True},
}


class ServerError(Exception):
    """The host cannot even be looked at; the message is for the user."""


class Server:
    """*run* is AnsibleModule.run_command."""

    def __init__(self, run, container, port, api_key=None):
        self._run = run
        self.name = container
        self.port = port
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = "Bearer " + api_key
        self.container = self._inspect()
        self.started_at = self.container["State"]["StartedAt"] if self.container else None
        self.started = _health.parse_time(self.started_at) if self.container else 0.0

    def _inspect(self):
        try:
            rc, out, err = self._run(["docker", "container", "inspect", self.name], handle_exceptions=False)
        except FileNotFoundError:
            # No Docker, and so no container: a bare host in check mode.
            return None
        if rc == 0:
            return json.loads(out)[0]
        if "No such container" in err:
            return None
        raise ServerError("docker inspect {0} failed: {1}".format(self.name, err.strip() or out.strip()))

    def log(self, since=None):
        """Lines with time stamps: those of this start, or those *since* a time (epoch seconds)."""
        return self._logs("--tail", MOST_LINES, "--since", "{0:.6f}".format(since) if since else str(self.started_at))

    def history(self, lines=1000):
        """The last lines of this start and those before it."""
        return self._logs("--tail", str(lines))

    def _logs(self, *part):
        if not self.container:
            return []
        _rc, out, err = self._run(["docker", "logs", "--timestamps", *part, self.name])
        return sorted((out + err).splitlines())

    def _request(self, method, path, body, timeout):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        data = None if body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, body=data, headers=self._headers)
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def get(self, path):
        """(status, text); status 0 and the reason where there was no answer."""
        return self._exchange("GET", path, None)

    def post(self, path, body):
        """As get, with *body* as JSON."""
        return self._exchange("POST", path, body)

    def _exchange(self, method, path, body):
        try:
            connection, response = self._request(method, path, body, CHEAP)
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error) or type(error).__name__
        try:
            return response.status, response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error) or type(error).__name__
        finally:
            connection.close()

    def health(self):
        return self.get("/health")[0]

    def models(self):
        """(status, names of the models), or (status, what it said instead)."""
        status, text = self.get("/v1/models")
        if status != 200:
            return status, text[:300]
        try:
            return status, [str(model.get("id")) for model in json.loads(text)["data"]]
        except (ValueError, KeyError, TypeError, AttributeError):
            return 0, "no list of models: {0!r}".format(text[:200])

    def metrics(self):
        status, text = self.get("/metrics")
        return _metrics.parse(text) if status == 200 else {}

    def stream(self, path, body, timeout):
        """(status, Answer) of a streamed completion; the error's text in its place where the status is not 200.

        ``error`` of the answer is ``timeout`` where it did not end within *timeout* seconds.
        """
        body = dict(body, stream=True, stream_options={"include_usage": True})
        begin = time.monotonic()
        try:
            connection, response = self._request("POST", path, body, timeout)
        except TimeoutError:
            return 0, "timeout"
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error) or type(error).__name__
        answer = _completion.Answer()
        try:
            if response.status != 200:
                return response.status, response.read().decode("utf-8", "replace")[:300]
            for line in response:
                answer.line(line, time.monotonic() - begin)
                if time.monotonic() - begin > timeout:
                    answer.error = "timeout"
                    break
        except TimeoutError:
            answer.error = "timeout"
        except (OSError, http.client.HTTPException) as error:
            answer.error = "the stream broke: {0}".format(str(error) or type(error).__name__)
        finally:
            connection.close()
        return 200, answer


def of(module):
    """The server that a module with ARGUMENTS is about."""
    return Server(module.run_command, *(module.params[name] for name in ("container", "port", "api_key")))


def cache_entries(directory, since=0.0):
    """``{"entries", "bytes", "written"}`` of a compile cache: its files, those written *since* (epoch)."""
    entries = size = written = 0
    for folder, _dirs, names in os.walk(directory):
        # Ours and the locks of inductor are no results of a compile.
        for name in (name for name in names if not name.startswith(".turbostable") and not name.endswith(".lock")):
            try:
                status = os.stat(os.path.join(folder, name))
            except FileNotFoundError:
                continue
            entries, size = entries + 1, size + status.st_size
            written += status.st_mtime >= since
    return {"entries": entries, "bytes": size, "written": written}

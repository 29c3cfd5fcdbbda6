# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve one file over HTTP under a path that nobody can guess, to many at once, until the process is ended.

The standard library alone: it is installed on the host as a script, and systemd ends it.
"""

from __future__ import annotations

import argparse
import http.server
import os
import shutil


def serve(path, address, port, token):
    """Serve *path* as ``http://address:port/TOKEN/NAME``."""
    expected = "/{0}/{1}".format(token, os.path.basename(path))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path != expected:
                self.send_error(404)
                return
            with open(path, "rb") as file:
                self.send_response(200)
                self.send_header("Content-Type", "application/zstd")
                self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
                self.end_headers()
                shutil.copyfileobj(file, self.wfile, 1 << 20)

        def log_request(self, *_args):
            """The path is nobody's business."""

    http.server.ThreadingHTTPServer((address, port), Handler).serve_forever()


def main():
    parser = argparse.ArgumentParser(description="Serve one file.")
    parser.add_argument("path")
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("token", help="a file that holds it: everybody may see the arguments of a process")
    args = parser.parse_args()
    with open(args.token, encoding="ascii") as file:
        token = file.read()
    serve(args.path, args.address, args.port, token)


if __name__ == "__main__":
    main()

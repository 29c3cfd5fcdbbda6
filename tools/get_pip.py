"""In the place of get-pip.py, which ansible-test would download: the same from the pip that Python itself carries.

ansible-test makes a virtual environment for each sanity test and runs this in it, with get-pip.py's options.
"""

from __future__ import annotations

import subprocess
import sys

subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
options = [option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *options], check=False).returncode)

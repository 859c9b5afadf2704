#!/bin/sh
# Prints the first Python that Melody Forge runs on; explains what to do when there is none.
# Usage: find_python.sh [PYTHON]
# TensorFlow has packages for Python 3.11 to 3.13; so those it is.

is_suitable='import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

for candidate in "$@" python3.13 python3.12 python3.11 python3 python; do
    if "$candidate" -c "$is_suitable" >/dev/null 2>&1; then
        echo "$candidate"
        exit 0
    fi
done

cat >&2 <<'TEXT'
error: Melody Forge needs Python 3.11, 3.12 or 3.13, and none was found.
  Debian, Ubuntu:  sudo apt-get install python3 python3-venv
  macOS:           brew install python@3.13
  elsewhere:       https://www.python.org/downloads/
Then run make again. If Python is somewhere else: make PYTHON=/path/to/python3.13
TEXT
exit 2

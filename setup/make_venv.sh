#!/bin/sh
# Makes a virtual environment with pip in it. Usage: make_venv.sh DIR [PYTHON]
set -e

setup=$(dirname "$0")
dir=$1
shift
python=$("$setup/find_python.sh" "$@")

# Debian keeps what a virtual environment needs in a package of its own.
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    "$setup/install_packages.sh" "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
fi
if ! "$python" -m venv "$dir" >/dev/null 2>&1; then
    rm -rf "$dir"
    echo "error: $python cannot make virtual environments. On Debian and Ubuntu: sudo apt-get install python3-venv" >&2
    exit 2
fi
echo "Made $dir with $("$dir/bin/python" --version)."

#!/bin/sh
# Installs system packages that are missing, where that needs no password; says so where it does.
# Usage: install_packages.sh PACKAGE ...       (Debian's names)
# Never fails: what needs these packages does without them, or is left out, and says so.

is_there() {
    command -v "$1" >/dev/null || dpkg -s "$1" >/dev/null 2>&1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install() {
    if command -v apt-get; then
        as_root apt-get update &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1"
    else
        brew install --quiet "$(brew_name "$1")"
    fi
}

brew_name() {
    case "$1" in
        fluidsynth) echo fluid-synth ;;
        nodejs) echo node ;;
        *) echo "$1" ;;
    esac
}

how_to_install() {
    if command -v brew >/dev/null; then
        echo "brew install $(brew_name "$1")"
    else
        echo "sudo apt-get install $1"
    fi
}

for package in "$@"; do
    if is_there "$package"; then continue; fi
    echo "Installing $package ..."
    if ! install "$package" >/dev/null 2>&1 </dev/null; then
        echo "note: $package could not be installed from here. To have it: $(how_to_install "$package")"
    fi
done

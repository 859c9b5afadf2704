#!/bin/sh
# From whatever is there to a first composition. Usage: make_music.sh PYTHON MINUTES
# Own MIDI files: learns from them, once. No MIDI files: takes a model that is there, else fetches Bach chorales to learn from.
set -e

python=$1
minutes=$2

has_midi_files() {
    [ -n "$(find data/midi_files -type f -iname '*.mid*' | head -n 1)" ]
}

has_model() {
    ls models/*/config.json >/dev/null 2>&1
}

if ! has_midi_files && ! has_model; then
    echo "No MIDI files in data/midi_files, so here are Bach chorales to learn from."
    "$python" preprocess.py --corpus bach-chorales
fi
if has_midi_files && [ ! -e models/forge/config.json ]; then
    echo "Learning from data/midi_files, $minutes minutes at most."
    "$python" train_model.py --minutes "$minutes"
fi
"$python" generate_music.py --wav --musicxml

#!/bin/sh
# From whatever is there to a first composition. Usage: make_music.sh PYTHON MINUTES
# Own MIDI files: learns from them, once, from what the starter knows. None: the newest model composes, or the starter.
# Where someone has deleted the starter: learns from nothing, from Bach chorales when there are no MIDI files.
set -e

python=$1
minutes=$2

has_midi_files() {
    [ -n "$(find data/midi_files -type f -iname '*.mid*' | head -n 1)" ]
}

has_model() {
    ls melodyforge/starter/config.json models/*/config.json 2>/dev/null | grep -q .
}

has_learnt() { # train_model.py names models so, with and without --from starter
    [ -e models/my-music-from-starter/config.json ] || [ -e models/forge/config.json ]
}

if ! has_midi_files && ! has_model; then
    echo "No MIDI files in data/midi_files, so here are Bach chorales to learn from."
    "$python" preprocess.py --corpus bach-chorales
fi
if has_midi_files && ! has_learnt; then
    echo "Learning from data/midi_files, $minutes minutes at most."
    if [ -e melodyforge/starter/config.json ]; then
        "$python" train_model.py --from starter --minutes "$minutes"
    else
        "$python" train_model.py --minutes "$minutes"
    fi
fi
"$python" generate_music.py --wav --musicxml

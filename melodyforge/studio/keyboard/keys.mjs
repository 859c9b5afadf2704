// Which keys there are, what they are called and where they lie. Pitches are those of MIDI. Knows neither page nor sound.

const LETTERS = "awsedftgyhujkolp"; // from the second C upwards, white keys in the middle row
const BLACK = new Set([1, 3, 6, 8, 10]);
const NUM_KEYS = 25, LOWEST = 24, HIGHEST = 84, OCTAVE = 12;

export const USUAL_FIRST = 48; // the lowest key, always a C

// The pitch that a key of the computer plays; null for one that plays none.
export function pitchOf(letter, first) {
  const index = letter.length === 1 ? LETTERS.indexOf(letter) : -1;
  return index < 0 ? null : first + OCTAVE + index;
}

export function moved(first, semitones) { return Math.min(HIGHEST, Math.max(LOWEST, first + semitones)); }

export function frequency(pitch) { return 440 * 2 ** ((pitch - 69) / OCTAVE); }

export function rangeName(first) { return `C${first / OCTAVE - 1} to C${(first + NUM_KEYS - 1) / OCTAVE - 1}`; }

export function words(numNotes, isRecording) {
  const count = `${numNotes} note${numNotes === 1 ? "" : "s"}`;
  return isRecording ? `recording: ${count}` : numNotes ? count : "press Record, then play";
}

// All keys from the left; lengths in hundredths of the keyboard's width. Black ones stand across the edges of white ones.
export function keysFrom(first) {
  const pitches = Array.from({ length: NUM_KEYS }, (_, index) => first + index);
  const isBlack = (pitch) => BLACK.has(pitch % OCTAVE);
  const white = 100 / pitches.filter((pitch) => !isBlack(pitch)).length;
  let numWhite = 0;
  return pitches.map((pitch) => ({
    pitch,
    isBlack: isBlack(pitch),
    left: (isBlack(pitch) ? numWhite - 0.3 : numWhite++) * white,
    width: (isBlack(pitch) ? 0.6 : 1) * white,
    letter: LETTERS[pitch - first - OCTAVE]?.toUpperCase() ?? "",
  }));
}

// The keys of the keyboard: their pitches, letters and places.

import assert from "node:assert/strict";
import { test } from "node:test";

import { USUAL_FIRST, frequency, keysFrom, moved, pitchOf, rangeName, words } from "../../melodyforge/studio/keyboard/keys.mjs";

test("the middle row of letters plays C major from middle C, the row above its black keys", () => {
  assert.deepEqual([..."asdfghjk"].map((letter) => pitchOf(letter, USUAL_FIRST)), [60, 62, 64, 65, 67, 69, 71, 72]);
  assert.deepEqual([..."wetyu"].map((letter) => pitchOf(letter, USUAL_FIRST)), [61, 63, 66, 68, 70]);
});

test("other keys of the computer play nothing", () => {
  for (const key of ["z", "x", "q", "tab", "as", "", "1"]) assert.equal(pitchOf(key, USUAL_FIRST), null, key);
});

test("letters stand on the keys that they play", () => {
  for (const { pitch, letter } of keysFrom(36)) {
    if (letter) assert.equal(pitchOf(letter.toLowerCase(), 36), pitch);
  }
  assert.equal(keysFrom(36).filter((key) => key.letter).length, 13); // of the upper octave, with the C above
});

test("two octaves lie side by side from edge to edge", () => {
  const keys = keysFrom(USUAL_FIRST), white = keys.filter((key) => !key.isBlack);
  assert.deepEqual([keys.length, white.length], [25, 15]);
  assert.deepEqual([keys[0].pitch, keys.at(-1).pitch, keys[0].left], [48, 72, 0]);
  white.slice(1).forEach((key, index) => {
    assert.ok(Math.abs(key.left - white[index].left - white[index].width) < 1e-9);
  });
  assert.ok(Math.abs(white.at(-1).left + white.at(-1).width - 100) < 1e-9);
});

test("a black key stands across the edge of the white ones beside it", () => {
  const keys = keysFrom(USUAL_FIRST);
  keys.forEach((key, index) => {
    if (!key.isBlack) return;
    assert.ok(Math.abs(key.left + key.width / 2 - keys[index + 1].left) < 1e-9, `${key.pitch}`);
  });
  assert.deepEqual(keys.filter((key) => key.isBlack).map((key) => key.pitch % 12).slice(0, 5), [1, 3, 6, 8, 10]);
});

test("the keyboard moves by octaves and keeps to pitches that there are", () => {
  assert.equal(moved(48, 12), 60);
  assert.equal(moved(24, -12), 24);
  assert.equal(moved(84, 12), 84);
  assert.ok(keysFrom(moved(84, 12)).every((key) => key.pitch <= 127));
  assert.equal(rangeName(48), "C3 to C5");
  assert.equal(rangeName(moved(84, 12)), "C6 to C8");
});

test("the A above middle C sounds at 440 Hz and an octave doubles it", () => {
  assert.equal(frequency(69), 440);
  assert.equal(frequency(81), 880);
  assert.ok(Math.abs(frequency(60) - 261.6256) < 1e-3);
});

test("it is said what was recorded", () => {
  assert.equal(words(0, false), "press Record, then play");
  assert.equal(words(0, true), "recording: 0 notes");
  assert.equal(words(1, true), "recording: 1 note");
  assert.equal(words(3, false), "3 notes");
});

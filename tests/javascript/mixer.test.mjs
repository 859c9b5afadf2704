// How the parts of a take are mixed.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Mixer, levelOf, partsOf } from "../../melodyforge/studio/player/mixer.mjs";

const part = (name, number, changes = {}) => ({ name, part: number, program: 0, is_drum: false, ...changes });
const TAKE = { audio: "/sound/x.wav", tracks: [part("soprano", 0), part("bass", 1), part("drums", 2, { is_drum: true })] };

test("the whole is heard while nobody is near the mixer, then each part", () => {
  const mixer = new Mixer();
  assert.deepEqual(mixer.lines(TAKE), [{ url: "/sound/x.wav", level: 1 }]);
  mixer.isTouched = true;
  assert.deepEqual(mixer.lines(TAKE).map(({ url }) => url), ["/sound/x.wav?part=0", "/sound/x.wav?part=1", "/sound/x.wav?part=2"]);
  assert.deepEqual(mixer.lines({ ...TAKE, audio: null }), []);
  assert.deepEqual(mixer.lines(undefined), []);
});

test("silent, alone, and both", () => {
  const mixer = new Mixer(), heard = () => TAKE.tracks.map(({ name }) => mixer.heard(name));
  mixer.change("bass", { isMuted: true });
  assert.deepEqual(heard(), [100, 0, 100]);
  mixer.change("soprano", { isSolo: true });
  assert.deepEqual(heard(), [100, 0, 0]);
  mixer.change("bass", { isSolo: true });
  assert.deepEqual(heard(), [100, 0, 0]);
  mixer.change("bass", { isMuted: false, volume: 40 });
  assert.deepEqual(heard(), [100, 40, 0]);
});

test("half of the volume is a quarter of the height, as in MIDI", () => {
  assert.deepEqual([0, 50, 100].map(levelOf), [0, 0.25, 1]);
});

test("another instrument is another file; drums have none, and its own is no other", () => {
  const mixer = new Mixer();
  mixer.change("soprano", { program: 40 });
  mixer.change("bass", { program: 0 });
  mixer.change("drums", { program: 9 });
  assert.deepEqual(mixer.lines(TAKE).map(({ url }) => url.split("?")[1]), ["part=0&program=40", "part=1", "part=2"]);
});

test("the server is told what differs, and nothing once all is as it was", () => {
  const mixer = new Mixer();
  assert.equal(mixer.told(TAKE), "");
  mixer.change("soprano", { volume: 70, program: 40 });
  mixer.change("drums", { isMuted: true });
  assert.equal(mixer.told(TAKE), "0v70p40_2v0");
  mixer.change("soprano", { volume: 100, program: 0 });
  mixer.change("drums", { isMuted: false });
  assert.equal(mixer.told(TAKE), "");
});

test("several tracks of one part are one row", () => {
  const tracks = [part("flute", 0), part("others", 15), part("others", 15)];
  assert.deepEqual(partsOf({ tracks }).map(({ name }) => name), ["flute", "others"]);
});

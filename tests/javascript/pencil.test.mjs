// What the pencil tells the server, and what it shows until the server has answered.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Pencil } from "../../melodyforge/studio/player/pencil.mjs";

const note = (onset, pitch) => [onset, 24, 0, pitch, 80, 0];
const about = (changes = {}) => ({
  take: 1, created_at: 5, version: 0, answered: "", is_refused: false, undo: "", redo: "",
  notes: [note(0, 60), note(24, 62)], tempos: [[0, 0, 0.02]], bars: [0, 96], grid: 12, ...changes,
});
let pencil, sent;

beforeEach(() => {
  Object.assign(globalThis, { document: { addEventListener() {} }, Option: class {} });
  const parts = new Proxy({}, { get: (all, name) => (all[name] ??= { addEventListener() {}, setAttribute() {}, replaceChildren() {}, options: [], value: "0" }) });
  sent = [];
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const root = { focus() {}, toggleAttribute() {} };
  const player = {
    root, find: (name) => parts[name], position: 0, loop: null, take: { tracks: [{ name: "piano", is_drum: false }], notes: [], seconds: 1, num_bars: 2, bars: [0, 1.92], first_bar: 1 },
    musicChanged() {}, keepInSight() {}, setLoop() {}, component: { setTriggerValue: (name, message) => sent.push([name, message]) },
  };
  pencil = new Pencil(player);
  pencil.show(about());
  pencil.toggle();
});

const press = (key, changes = {}) => pencil.press({ key, target: pencil.player.root, ...changes });
const pitches = () => pencil.score.rows.map((row) => row[3]);

test("what is done in one go is told once it rests, as one change made from what is shown", () => {
  for (const key of ["Tab", "ArrowUp", "ArrowUp"]) assert.ok(press(key));
  assert.equal(sent.length, 0);
  mock.timers.tick(500);
  const [[name, message]] = sent;
  assert.deepEqual([name, message.take, message.created_at, message.version], ["edit", 1, 5, 0]);
  assert.deepEqual(message.changes, [{ kind: "moved", removed: [note(0, 60)], added: [note(0, 62)] }]);
});

test("what is done while the server answers stays, and is told from the version that it answers", () => {
  for (const key of ["Tab", "ArrowUp"]) press(key);
  mock.timers.tick(500);
  press("ArrowUp");
  pencil.show(about()); // of before
  assert.deepEqual(pitches(), [62, 62]);
  pencil.show(about({ version: 1, answered: sent[0][1].id, notes: [note(0, 61), note(24, 62)] }));
  assert.deepEqual(pitches(), [62, 62]);
  mock.timers.tick(500);
  assert.equal(sent[1][1].version, 1);
  assert.deepEqual(sent[1][1].changes[0].removed, [note(0, 61)]);
});

test("what the server refuses, or a server that has forgotten everything, gives what there is", () => {
  for (const key of ["Tab", "ArrowUp"]) press(key);
  mock.timers.tick(500);
  press("ArrowUp");
  pencil.show(about({ answered: sent[0][1].id, is_refused: true }));
  assert.deepEqual(pitches(), [60, 62]);
  press("ArrowUp");
  mock.timers.tick(500);
  mock.timers.tick(30_000);
  pencil.show(about());
  assert.deepEqual(pitches(), [60, 62]);
});

test("undo tells what is not told yet before, and nothing else is done until it is answered", () => {
  for (const key of ["Tab", "ArrowUp"]) press(key);
  pencil.turn("undo");
  assert.deepEqual(sent[0][1].changes.map((change) => change.turn ?? change.kind), ["moved", "undo"]);
  press("ArrowUp");
  pencil.turn("undo");
  mock.timers.tick(500);
  assert.deepEqual([sent.length, pitches()], [1, [61, 62]]);
  pencil.show(about({ answered: sent[0][1].id, redo: "1 note changed" }));
  assert.deepEqual(pitches(), [60, 62]);
  pencil.turn("redo");
  assert.equal(sent.length, 2);
  pencil.turn("undo");
  assert.equal(sent.length, 2);
});

test("a note that is held stays so when the server answers", () => {
  for (const key of ["Tab", "ArrowUp"]) press(key);
  mock.timers.tick(500);
  pencil.player.viewport = { secondsAt: (width, x) => x / 50 };
  pencil.choose([pencil.score.rows[1]]);
  const held = pencil.hold(pencil.score.rows[1], false, { offsetX: 0, offsetY: 100 }, { canvas: { clientWidth: 100 }, space: { low: 0, high: 127, ruler: 0, semitone: 10 } });
  pencil.show(about({ version: 1, answered: sent[0][1].id, notes: [note(0, 61), note(24, 62)] }));
  held.to({ offsetX: 0, offsetY: 80 });
  held.drop();
  mock.timers.tick(500);
  assert.equal(sent[1][1].version, 1);
  assert.deepEqual(sent[1][1].changes.map((change) => change.added[0][3]), [64]);
});

test("an edit of another tab that comes first leaves this one its own beginning", () => {
  for (const key of ["Tab", "ArrowUp"]) press(key);
  pencil.show(about({ version: 3, notes: [note(0, 70)] }));
  mock.timers.tick(500);
  assert.equal(sent[0][1].version, 0);
});

test("keys mean notes while one is chosen, and those of the player otherwise; Tab leads out again", () => {
  assert.equal(press("ArrowRight"), false);
  assert.ok(press("Tab"));
  assert.ok(press("ArrowRight"));
  assert.ok(press("Tab"));
  assert.equal(press("Tab"), false); // behind the last note
  assert.ok(press("Escape"));
  assert.equal(press("Tab", { shiftKey: true }), false);
  assert.equal(press("Tab", { target: {} }), false);
  assert.ok(press("Escape"));
  assert.equal(pencil.isOn, false);
  assert.equal(press("n"), false);
  pencil.show(null);
  assert.equal(press("e"), false);
});

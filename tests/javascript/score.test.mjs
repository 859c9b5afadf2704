// Notes that are chosen, moved, made longer, added and deleted by hand.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Score, joined } from "../../melodyforge/studio/player/score.mjs";

const note = (onset, pitch, duration = 24, track = 0) => [onset, duration, track, pitch, 80, 0];
let score;

beforeEach(() => {
  score = new Score({ notes: [note(0, 60), note(24, 62), note(30, 64)], tempos: [[0, 0, 0.02], [48, 0.96, 0.01]], bars: [0, 96, 168], grid: 12 });
});

test("steps are seconds at the tempo that holds there, and back", () => {
  assert.equal(score.seconds(96), 0.96 + 0.48);
  for (const step of [0, 20, 48, 200]) assert.ok(Math.abs(score.step(score.seconds(step)) - step) < 1e-9);
  assert.deepEqual(score.timed(note(0, 60, 48)), [0, 0.96, 60, 80, 0]);
});

test("places on the grid are counted from the bar line", () => {
  assert.deepEqual([0, 5, 7, 30, 173].map((step) => score.snap(step)), [0, 0, 12, 36, 168]);
  assert.deepEqual([0, 24, 30].map((step) => score.snap(step, 1)), [12, 36, 36]);
  assert.deepEqual([0, 24, 30, 96, 168].map((step) => score.snap(step, -1)), [0, 12, 24, 84, 156]);
});

test("notes are chosen one after the other, from where the music is", () => {
  assert.equal(score.beside(1, 0.5)[3], 64);
  assert.equal(score.beside(1, 9)[3], 64);
  score.choose([score.rows[0]]);
  assert.equal(score.beside(1)[3], 62);
  assert.equal(score.beside(-1), undefined);
  assert.deepEqual(score.between(0.4, 0.5).map((row) => row[3]), [62]);
});

test("arrows move to the grid, together, and never beyond the keys or the beginning", () => {
  score.choose(score.rows.slice(1));
  assert.deepEqual(score.shift(1).added.map((row) => row[0]), [36, 42]);
  assert.deepEqual(score.move(1, 0).added.map((row) => row[3]), [63, 65]);
  assert.equal(score.move(64, 0), null);
  score.choose([score.rows[0]]);
  assert.equal(score.shift(-1), null);
  score.choose([]);
  assert.deepEqual([score.move(1, 0), score.shift(1), score.lengthen(1), score.delete()].map(Boolean), [false, false, false, false]);
});

test("notes end on the grid and keep some length", () => {
  score.choose([score.rows[0]]);
  assert.equal(score.lengthen(1).added[0][1], 36);
  for (let press = 0; press < 5; press++) score.lengthen(-1);
  assert.equal(score.first[1], 12);
  assert.equal(score.lengthen(-1), null);
});

test("a note is added like the chosen one, not where one is, and the last is never deleted", () => {
  score.choose([score.rows[1]]);
  assert.deepEqual(score.add(50).added, [note(48, 62)]);
  assert.equal(score.add(50), null);
  assert.equal(score.rows.length, 4);
  score.choose(score.rows);
  assert.equal(score.delete(), null);
  score.choose(score.rows.slice(1));
  assert.equal(score.delete().removed.length, 3);
  assert.deepEqual(score.rows, [note(0, 60)]);
});

test("what goes on is one change, to undo it at once", () => {
  score.choose([score.rows[0]]);
  let changes = joined(joined([], score.move(1, 0)), score.move(1, 0));
  assert.deepEqual(changes, [{ kind: "moved", removed: [note(0, 60)], added: [note(0, 62)] }]);
  assert.deepEqual(joined(changes, score.move(-2, 0)), []);
  score.move(2, 0);
  changes = joined(changes, score.lengthen(1));
  changes = joined(joined(changes, score.add(200)), score.add(300));
  assert.deepEqual(changes.map(({ kind }) => kind), ["moved", "lengthened", "added", "added"]);
});

// What the player shows of the music, and where.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  KEYS, MAX_ZOOM, RULER, STRIP_HEIGHT, Space, Viewport, barAfter, barAt, barBefore, barLines, barsAround, barsBetweenLabels, barsOfRegion,
  clock, isWholeBars, regionOfBars, wordsAbove,
  longest, noteBoxes, region, rollHeight, stripLines, usualZoom,
} from "../../melodyforge/studio/player/geometry.mjs";

const WIDTH = KEYS + 1000; // so that a second is 10 pixels wide where 100 are in view
const PIANO = { name: "Piano", is_drum: false }, DRUMS = { name: "Drums", is_drum: true };

// Bars of two seconds; notes as [start, length, pitch, velocity, track].
function take(changes = {}) {
  const bars = Array.from({ length: 50 }, (_, bar) => 2 * bar);
  return { seconds: 100, bars, first_bar: 1, is_free: false, tracks: [PIANO, DRUMS], notes: [[0, 1, 60, 127, 0]], ...changes };
}

function near(value, expected) { assert.ok(Math.abs(value - expected) < 1e-9, `${value} is not ${expected}`); }

test("pixels and seconds are each other's inverse at any zoom, and both ends lie at the edges", () => {
  const viewport = new Viewport(100);
  assert.equal(viewport.xAt(WIDTH, 0), KEYS);
  assert.equal(viewport.xAt(WIDTH, 100), WIDTH);
  viewport.zoomBy(5, 40);
  for (const seconds of [viewport.left, 37.5, 45]) near(viewport.secondsAt(WIDTH, viewport.xAt(WIDTH, seconds)), seconds);
});

test("a click beside the music leads to its ends, not beyond", () => {
  const viewport = new Viewport(100);
  assert.equal(viewport.secondsAt(WIDTH, 0), 0);
  assert.equal(viewport.secondsAt(WIDTH, WIDTH + 500), 100);
});

test("zooming keeps the place under the pointer where it is", () => {
  const viewport = new Viewport(100), before = viewport.xAt(WIDTH, 30);
  viewport.zoomBy(2, 30);
  assert.equal(viewport.visibleSeconds, 50);
  near(viewport.xAt(WIDTH, 30), before);
  viewport.zoomBy(1.25, 30);
  near(viewport.xAt(WIDTH, 30), before);
});

test("zooming around a place out of sight brings it to the edge", () => {
  const viewport = new Viewport(100, 4);
  viewport.zoomBy(2, 60);
  near(viewport.left + viewport.visibleSeconds, 60);
});

test("zoom ends at all of the music and at its most", () => {
  const viewport = new Viewport(100);
  viewport.zoomBy(0.5, 20);
  assert.deepEqual([viewport.zoom, viewport.left], [1, 0]);
  for (let times = 0; times < 20; times++) viewport.zoomBy(2, 100);
  assert.equal(viewport.zoom, MAX_ZOOM);
  assert.equal(viewport.left, 100 - 100 / MAX_ZOOM);
});

test("nothing before the beginning or behind the end is scrolled to", () => {
  const viewport = new Viewport(100, 4);
  viewport.scrollTo(-5);
  assert.equal(viewport.left, 0);
  viewport.scrollTo(99);
  assert.equal(viewport.left, 75);
});

test("the view follows a playhead only when it leaves it", () => {
  const viewport = new Viewport(100, 4); // 0 to 25
  assert.equal(viewport.leftToSee(20), null);
  assert.equal(viewport.leftToSee(24), 21.5);
  viewport.scrollTo(50);
  assert.equal(viewport.leftToSee(10), 7.5);
  assert.equal(new Viewport(100).leftToSee(100), null); // all is in view
});

test("at first a second is wide enough, and six bars are in view however long they are", () => {
  near(usualZoom(take(), 100, KEYS + 480), 5); // 20 seconds at 24 pixels
  near(usualZoom(take({ bars: [0, 10, 20, 30, 40, 50, 60] }), 100, KEYS + 480), 100 / 60);
  assert.equal(usualZoom(take(), 10, KEYS + 480), 1); // shorter than the roll is wide
  assert.equal(usualZoom(take({ bars: [] }), 1e6, KEYS + 480), MAX_ZOOM);
});

test("the longest take counts, and a second at least", () => {
  assert.equal(longest([{ seconds: 3 }, { seconds: 7 }]), 7);
  assert.equal(longest([{ seconds: 0 }]), 1);
  assert.equal(longest([]), 1);
});

test("arrows lead from bar to bar, also from on a bar line", () => {
  assert.equal(barAfter(take(), 0), 2);
  assert.equal(barAfter(take(), 2), 4);
  assert.equal(barBefore(take(), 2), 0);
  assert.equal(barBefore(take(), 3.9), 2);
  assert.equal(barBefore(take(), 0), 0);
  assert.equal(barAfter(take(), 98.5), 100); // the end of the music
  let seconds = 0;
  for (let presses = 0; presses < 50; presses++) seconds = barAfter(take(), seconds);
  assert.equal(seconds, 100);
});

test("a position that rounding put just before a bar line lies in that bar", () => {
  assert.equal(barAfter(take(), 1.99), 4);
  assert.deepEqual(barsAround(take(), 1.99), [2, 10]);
});

test("four bars are repeated, fewer at the end, and never nothing", () => {
  assert.deepEqual(barsAround(take(), 4), [4, 12]); // where arrows lead
  assert.deepEqual(barsAround(take(), 5), [4, 12]);
  assert.deepEqual(barsAround(take(), 97), [96, 100]);
  assert.deepEqual(barsAround(take({ bars: [0], seconds: 0.1 }), 0), [0, 0.5]);
});

test("a region too short to be meant is none", () => {
  assert.deepEqual(region(1, 2), [1, 2]);
  assert.equal(region(1, 1.04), null);
  assert.equal(region(1, 1), null);
});

test("bar lines stand at their seconds, every fourth is strong, and numbers do not touch", () => {
  const lines = barLines(take(), new Viewport(100), WIDTH); // a bar is 20 pixels wide
  assert.equal(lines.length, 50);
  assert.deepEqual(lines[0], { x: KEYS + 0.5, isStrong: true, label: "1" });
  assert.deepEqual(lines.filter((line) => line.isStrong).map((line) => line.x - KEYS - 0.5).slice(0, 3), [0, 80, 160]);
  assert.deepEqual(lines.map((line) => line.label).slice(0, 6), ["1", "", "3", "", "5", ""]);
});

test("zoomed in, only the bar lines in view are drawn and each has its number", () => {
  const viewport = new Viewport(100, 10);
  viewport.scrollTo(40);
  assert.deepEqual(barLines(take(), viewport, WIDTH).map((line) => line.label), ["21", "22", "23", "24", "25"]);
});

test("an upbeat is bar 0, so that strong lines stay where phrases begin", () => {
  const lines = barLines(take({ first_bar: 0 }), new Viewport(100), WIDTH);
  assert.deepEqual(lines.map((line) => line.isStrong).slice(0, 6), [false, true, false, false, false, true]);
});

test("bars too narrow to be told apart are drawn by eights", () => {
  const lines = barLines(take(), new Viewport(100), KEYS + 200); // 4 pixels a bar
  assert.deepEqual(lines.map((line) => line.x - KEYS - 0.5), [0, 32, 64, 96, 128, 160, 192]);
});

test("music without bars is told by the clock, in fives and tens", () => {
  const free = take({ is_free: true, bars: Array.from({ length: 100 }, (_, second) => second) });
  assert.equal(barsBetweenLabels(free, new Viewport(100), WIDTH), 5); // 10 pixels a second
  const labels = barLines(free, new Viewport(100), WIDTH).map((line) => line.label).filter(Boolean);
  assert.deepEqual(labels.slice(0, 3).concat(labels.at(-1)), ["0:00", "0:05", "0:10", "1:35"]);
});

test("labels of endless music are as far apart as they can be", () => {
  const bars = Array.from({ length: 10_000 }, (_, bar) => bar);
  assert.equal(barsBetweenLabels(take({ bars, seconds: 10_000 }), new Viewport(10_000), WIDTH), 128);
});

test("the clock counts whole seconds in minutes", () => {
  assert.deepEqual([0, 9.99, 60, 3599.5, 6000].map(clock), ["0:00", "0:09", "1:00", "59:59", "100:00"]);
});

test("rolls are a share of the window, within bounds, and lower where there are two", () => {
  assert.equal(rollHeight(1, 1000), 460);
  assert.equal(rollHeight(1, 100), 300);
  assert.equal(rollHeight(1, 5000), 560);
  assert.equal(rollHeight(2, 1000), 280);
  assert.equal(rollHeight(0, 1000), 460); // before there is any
});

test("every pitch has a row of its own, higher ones above, within the roll", () => {
  const space = new Space(take({ notes: [[0, 1, 40, 80, 0], [0, 1, 90, 80, 0]] }), 460);
  assert.deepEqual([space.low, space.high], [39, 91]);
  for (let pitch = 39; pitch < 91; pitch++) {
    const [upper, height] = space.row(pitch + 1, false), [lower] = space.row(pitch, false);
    assert.ok(upper + height <= lower, `rows ${pitch} and ${pitch + 1} overlap`);
  }
  assert.equal(space.row(91, false)[0], RULER);
  assert.ok(space.row(39, false)[0] + space.semitone <= space.height);
  assert.ok(space.height <= 460);
});

test("a roll keeps its height while music grows", () => {
  const notes = [[0, 1, 60, 80, 0], [1, 1, 30, 80, 0], [2, 1, 95, 80, 0], [3, 1, 36, 80, 1], [3, 1, 42, 80, 1]];
  for (let number = 0; number <= notes.length; number++) assert.equal(new Space(take({ notes: notes.slice(0, number) }), 460).height, 460);
  assert.equal(new Space(take({ notes, chords: [[0, "Am"]] }), 460).height, 460);
});

test("few pitches are shown amid two octaves, also at the ends of what there is", () => {
  for (const [pitch, low, high] of [[60, 47, 72], [0, 0, 12], [127, 114, 127]]) {
    const space = new Space(take({ notes: [[0, 1, pitch, 80, 0]] }), 460);
    assert.deepEqual([space.low, space.high], [low, high]);
  }
});

test("drums have rows below the pitches, one each, and larger ones where they are alone", () => {
  const notes = [[0, 1, 36, 80, 1], [0, 1, 42, 80, 1], [1, 1, 36, 80, 1]];
  const alone = new Space(take({ notes }), 460), beside = new Space(take({ notes: [...notes, [0, 1, 60, 80, 0]] }), 460);
  assert.deepEqual(alone.drums, [42, 36]);
  assert.deepEqual(alone.pitchRows(), []);
  assert.equal(alone.row(42, true)[0], RULER + 1);
  assert.ok(alone.drumRow > beside.drumRow);
  assert.ok(beside.row(42, true)[0] > beside.row(beside.low, false)[0] + beside.semitone);
  assert.ok(beside.row(36, true)[0] > beside.row(42, true)[0]);
});

test("rows of black keys are dark and Cs have their names", () => {
  const rows = new Space(take(), 460).pitchRows(); // 47 to 72
  assert.equal(rows.length, 26);
  assert.deepEqual(rows.map((row) => row.label).filter(Boolean), ["C3", "C4", "C5"]);
  assert.deepEqual(rows.slice(1, 13).map((row) => row.isBlack), [0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0].map(Boolean));
});

test("nothing composed yet has an empty roll of two octaves", () => {
  const space = new Space(take({ notes: [] }), 460);
  assert.ok(space.hasPitches);
  assert.deepEqual([space.low, space.high], [53, 78]);
});

test("notes are drawn from their start to just before their end, louder ones stronger", () => {
  const music = take({ notes: [[10, 5, 60, 127, 0], [20, 5, 60, 1, 0]] }), space = new Space(music, 460);
  const [loud, soft] = noteBoxes(music, new Viewport(100), space, WIDTH);
  assert.deepEqual([loud.x, loud.width, loud.y, loud.height], [KEYS + 100, 49, ...space.row(60, false)]);
  assert.deepEqual([loud.alpha, loud.name], [1, "Piano"]);
  assert.ok(soft.alpha < 0.41);
});

test("the shortest note can be seen, and a drum is a dot however long it rings", () => {
  const music = take({ notes: [[10, 0.001, 60, 80, 0], [10, 20, 36, 80, 1]] });
  const [short, drum] = noteBoxes(music, new Viewport(100), new Space(music, 460), WIDTH);
  assert.equal(short.width, 2);
  assert.equal(drum.width, 5);
});

test("only what is in view is drawn, with what reaches into it", () => {
  const notes = [[0, 1, 60, 80, 0], [48, 4, 61, 80, 0], [60, 1, 62, 80, 0], [74, 9, 63, 80, 0], [80, 1, 64, 80, 0]];
  const music = take({ notes }), space = new Space(music, 460), viewport = new Viewport(100, 4);
  viewport.scrollTo(50);
  const rows = noteBoxes(music, viewport, space, WIDTH).map((box) => box.y);
  assert.deepEqual(rows, [61, 62, 63].map((pitch) => space.row(pitch, false)[0]));
});

test("the strip holds every note, within its height, in step with the seconds", () => {
  const notes = [[0, 1, 30, 80, 0], [50, 10, 100, 80, 0], [99.9, 0.1, 36, 80, 1]];
  const music = take({ notes }), lines = stripLines(music, 100, new Space(music, 460), WIDTH);
  assert.deepEqual(lines.map((line) => line.x - KEYS), [0, 500, 999]);
  assert.deepEqual(lines.map((line) => line.width), [10, 100, 1]);
  assert.deepEqual(lines.map((line) => line.name), ["Piano", "Piano", "Drums"]);
  for (const line of lines) assert.ok(line.y >= 4 && line.y <= STRIP_HEIGHT - 4, `${line.y}`);
});

test("selections are whole bars, in either direction, and end with the music", () => {
  const bars = take({ num_bars: 50 });
  assert.deepEqual(regionOfBars(bars, 2, 4), [4, 10]);
  assert.deepEqual(regionOfBars(bars, 4, 2), [4, 10]);
  assert.deepEqual(regionOfBars(bars, 48, 99), [96, 100]);
  assert.deepEqual(regionOfBars(bars, -3, 0), [0, 2]);
  assert.deepEqual(barsOfRegion(bars, [4, 10]), [2, 4]);
  assert.deepEqual(barsOfRegion(bars, [4.5, 5]), [2, 2]);
  assert.ok(isWholeBars(bars, [4, 10]));
  assert.ok(!isWholeBars(bars, [4.5, 10]));
});

test("bars in which only the last notes ring on are not selected", () => {
  const bars = take({ num_bars: 49 });
  assert.equal(barAt(bars, 99), 48);
  assert.deepEqual(regionOfBars(bars, 48, 49), [96, 98]);
});

test("words above do not touch, and those out of sight are left out", () => {
  const words = [[0, "Am"], [1, "G"], [5, "F"], [99, "C"]], viewport = new Viewport(100, 2); // 20 pixels a second
  assert.deepEqual(wordsAbove(words, viewport, WIDTH, () => 30).map(({ text }) => text), ["Am", "F"]);
});

test("chords have room above the numbers of bars", () => {
  const plain = new Space(take(), 460), named = new Space(take({ chords: [[0, "Am"]] }), 460);
  assert.ok(named.ruler > plain.ruler && named.row(named.high, false)[0] === named.ruler);
  assert.equal(named.height, plain.height);
});

test("notes that are not heard are pale", () => {
  const drawn = (isHeard) => noteBoxes(take(), new Viewport(100), new Space(take(), 460), WIDTH, isHeard)[0].alpha;
  assert.ok(drawn(() => false) < drawn(() => true) / 2);
});

// What the player plays: which stretch of which file when, how loud, and where the music is meanwhile.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Deck, Plan } from "../../melodyforge/studio/player/deck.mjs";
import { WaveFile } from "../../melodyforge/studio/player/wave.mjs";

const RATE = 44_100;

// What a server answers for WAV files of one channel, whose samples count from 0.
function server(lengths, delays = {}) {
  const asked = [];
  const load = async (url, { headers }) => {
    asked.push(url);
    await delays[url];
    if (!(url in lengths)) return { status: 404, text: async () => "Gone." };
    const data = new DataView(new ArrayBuffer(44 + 2 * lengths[url]));
    data.setUint16(22, 1, true);
    data.setUint32(40, 2 * lengths[url], true);
    for (let frame = 0; frame < lengths[url]; frame++) data.setInt16(44 + 2 * frame, frame % 30_000, true);
    const [from, to] = headers.Range.match(/\d+/g).map(Number);
    return { status: 206, arrayBuffer: async () => data.buffer.slice(from, to + 1) };
  };
  return { load, asked };
}

// An audio context as a browser has it, with a clock that is moved by hand.
class Context {
  currentTime = 0;
  state = "running";
  sources = [];
  destination = {};
  resume() {}
  suspend() {}
  close() {}
  createGain() {
    return { gain: { value: 1, setTargetAtTime(value) { this.value = value; } }, connect() {}, disconnect() {} };
  }
  createBuffer(channels, length) {
    return { length, samples: null, copyToChannel(samples) { this.samples = samples; } };
  }
  createBufferSource() {
    const source = { connect: (gain) => { source.gain = gain; }, stop: () => { source.isStopped = true; } };
    source.start = (when, offset) => Object.assign(source, { when: Math.round(when * RATE), offset: Math.round(offset * RATE) });
    this.sources.push(source);
    return source;
  }
}

function deck(answers) {
  const context = new Context(), troubles = [];
  return { context, troubles, deck: new Deck({ makeContext: () => context, load: answers.load, onTrouble: (words) => troubles.push(words) }) };
}

const settled = () => new Promise((done) => setTimeout(done, 20));

test("a file is read by stretches, in parts of full height, and is silent behind its end", async () => {
  const { load, asked } = server({ "/a": 1000 }), file = new WaveFile("/a", load);
  const [samples] = await file.read(990, 20);
  assert.equal(file.numFrames, 1000);
  assert.deepEqual([samples[0], samples[9], samples[10]], [990 / 32768, 999 / 32768, 0]);
  assert.equal(asked.length, 2); // its header, and what was read
  await assert.rejects(new WaveFile("/b", load).open(), /Gone/);
});

test("a plan goes on without a gap, from second to second, to the end", () => {
  const plan = new Plan(500, 100, 3 * RATE + 7);
  plan.extendTo(500 + 10 * RATE);
  const { entries } = plan;
  assert.deepEqual(entries.map(({ from }) => from), [100, RATE, 2 * RATE, 3 * RATE]);
  for (let one = 1; one < entries.length; one++) {
    assert.equal(entries[one].at, entries[one - 1].at + entries[one - 1].count);
    assert.equal(entries[one].from, entries[one - 1].from + entries[one - 1].count);
  }
  assert.ok(plan.isOver);
  assert.equal(plan.next.at, 500 + 3 * RATE + 7 - 100);
});

test("a region begins again at the very frame after its end, softened there", () => {
  const plan = new Plan(0, 900, 5000, [1000, 1300]);
  plan.extendTo(1000);
  assert.deepEqual(plan.entries.map(({ at, from, count }) => [at, from, count]), [[0, 900, 400], [400, 1000, 300], [700, 1000, 300]]);
  assert.deepEqual(plan.entries.map(({ fadesIn, fadesOut }) => [fadesIn, fadesOut]), [[false, true], [true, true], [true, true]]);
  assert.deepEqual([0, 399, 400, 699, 700].map((at) => plan.frameAt(at)), [900, 1299, 1000, 1299, 1000]);
  assert.equal(plan.isOver, false);
});

test("who begins behind a region comes to its beginning; a region without length is none", () => {
  const behind = new Plan(0, 2000, 5000, [1000, 1300]);
  behind.extendTo(1);
  assert.equal(behind.entries[0].from, 1000);
  const none = new Plan(0, 0, 5000, [1000, 1000]);
  none.extendTo(1e6);
  assert.ok(none.isOver);
});

test("what is over is forgotten, and the playhead stays where the music is", () => {
  const plan = new Plan(0, 0, 10 * RATE);
  plan.extendTo(5 * RATE);
  plan.forget(2 * RATE + 5);
  assert.equal(plan.entries[0].from, 2 * RATE);
  assert.equal(plan.frameAt(2 * RATE + 5), 2 * RATE + 5);
});

test("files that play together are in step to the frame, each as loud as it is set", async () => {
  const { deck: it, context } = deck(server({ "/a": 5 * RATE, "/b": 4 * RATE }));
  await it.change([{ url: "/a", level: 1 }, { url: "/b", level: 0.25 }]);
  await it.play(0.5);
  await settled();
  const starts = new Map();
  for (const { when, buffer, gain } of context.sources) starts.set(when, [...(starts.get(when) ?? []), [buffer.length, gain.gain.value]]);
  for (const both of starts.values()) assert.deepEqual(both.map(([, level]) => level).sort(), [0.25, 1]);
  for (const [one, other] of starts.values()) assert.equal(one[0], other[0]);
  assert.equal(context.sources[0].buffer.samples[0], Math.fround((RATE / 2) % 30_000 / 32768));
  it.close();
});

test("a file that joins is silent until it is in step, then it and the one that leaves change places", async () => {
  let arrive;
  const { deck: it, context } = deck(server({ "/whole": 9 * RATE, "/part": 9 * RATE }, { "/part": new Promise((done) => { arrive = done; }) }));
  await it.change([{ url: "/whole", level: 1 }]);
  await it.play(0);
  await settled();
  const [whole] = it.lines;
  const changed = it.change([{ url: "/part", level: 0.5 }]);
  context.currentTime = 1.5;
  await settled();
  assert.deepEqual(it.lines, [whole]); // it still has to be rendered
  arrive();
  await changed;
  const joined = context.sources.filter(({ gain }) => gain === it.lines[0].gain);
  for (const source of joined) { // at the same place as if it had sounded all along
    const entry = it.plan.entries.find(({ at, count }) => source.when >= at && source.when < at + count);
    assert.equal(source.offset, source.when - entry.at);
    assert.ok(source.when >= 1.5 * RATE || source.offset === 0);
  }
  assert.equal(it.lines[0].url, "/part");
  assert.equal(it.lines[0].gain.gain.value, 0.5);
  assert.ok(context.sources.filter(({ gain }) => gain !== it.lines[0].gain).every(({ isStopped }) => isStopped));
  it.close();
});

test("a level changes at once, also while another file is waited for", async () => {
  const { deck: it } = deck(server({ "/a": RATE, "/b": RATE, "/slow": RATE }, { "/slow": new Promise(() => {}) }));
  await it.change([{ url: "/a", level: 1 }, { url: "/b", level: 1 }]);
  await it.play(0);
  await settled();
  it.change([{ url: "/a", level: 0 }, { url: "/slow", level: 1 }]);
  assert.deepEqual(it.lines.map(({ url, gain }) => [url, gain.gain.value]), [["/a", 0], ["/b", 1]]);
  it.close();
});

test("what cannot be fetched is told, and what sounds goes on", async () => {
  const { deck: it, troubles } = deck(server({ "/a": 5 * RATE }));
  await it.change([{ url: "/a", level: 1 }]);
  await it.play(0);
  await it.change([{ url: "/gone", level: 1 }]);
  assert.deepEqual([troubles, it.lines.map(({ url }) => url), it.isPlaying], [["Gone."], ["/a"], true]);
  it.close();
});

test("a pause keeps the place, and seeking while it plays goes on from there", async () => {
  const { deck: it, context } = deck(server({ "/a": 9 * RATE }));
  await it.change([{ url: "/a", level: 1 }]);
  await it.play(2);
  context.currentTime = 1.03; // 0.03 seconds until it can be heard
  assert.equal(Math.round(it.seconds * 100), 300);
  it.pause();
  assert.deepEqual([Math.round(it.seconds * 100), it.isPlaying], [300, false]);
  await it.play();
  await it.seek(7);
  assert.deepEqual([it.seconds, it.isPlaying], [7, true]);
  it.close();
});

test("where there is nothing to hear, a sentence says so", async () => {
  const { deck: empty, troubles } = deck(server({}));
  await empty.play();
  assert.deepEqual(troubles, ["There is nothing to hear."]);
  assert.equal(empty.isPlaying, false);
});

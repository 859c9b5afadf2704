// What is heard: WAV files that sound together, in step to the sample. Web Audio mixes them. Knows neither page nor notes.
//
// All times are frames: those of the music, from its beginning, and those of the clock, which the audio context counts.
// Files are fetched by stretches of a second, a few seconds ahead. Files that join while others sound do so in silence,
// and are faded in when they are in step.

import { WaveFile } from "./wave.mjs";

const RATE = 44_100, STRETCH = RATE, AHEAD = 3 * RATE, LEAD = 0.03 * RATE; // LEAD: until what is asked for now can be heard
const SEAM = 128; // frames of fading where a region begins again
const FADE_SECONDS = 0.006, FADED_SECONDS = 0.05; // a level comes near in the first, and is there after the second
const TICK_MS = 200, AT_ONCE = 3; // files that are opened at once, so that what sounds is still fetched

// When which stretch of the music sounds; goes round where a region is repeated.
export class Plan {
  constructor(at, from, end, loop = null) {
    this.entries = [];
    this.end = end;
    this.loop = loop && loop[1] <= end && loop[1] > loop[0] ? loop : null;
    this.next = { at, from: this.loop && from >= this.loop[1] ? this.loop[0] : from };
    this.start = { ...this.next };
  }

  get isOver() { return this.next.from >= this.end; }

  extendTo(at) {
    while (this.next.at < at && !this.isOver) {
      const { from } = this.next, stop = this.loop && from < this.loop[1] ? this.loop[1] : this.end;
      const count = Math.min((Math.floor(from / STRETCH) + 1) * STRETCH, stop) - from;
      const wraps = this.loop !== null && from + count === this.loop[1];
      this.entries.push({ at: this.next.at, from, count, fadesIn: this.next.isSeam ?? false, fadesOut: wraps });
      this.next = { at: this.next.at + count, from: wraps ? this.loop[0] : from + count, isSeam: wraps };
    }
  }

  // Lets go of what is over.
  forget(at) { this.entries = this.entries.filter((entry) => entry.at + entry.count > at); }

  frameAt(at) {
    const entry = this.entries.findLast((one) => one.at <= at);
    if (entry) return entry.from + Math.min(at - entry.at, entry.count);
    return this.entries[0]?.from ?? (this.isOver ? this.end : this.start.from);
  }
}

// A file that sounds, through a gain of its own.
class Line {
  constructor(deck, url) {
    this.deck = deck;
    this.file = new WaveFile(url, deck.load);
    this.level = 0;
    this.gain = null; // while it sounds
    this.begun = new Map(); // by entry of the plan: the promise that it is scheduled
    this.sources = new Set();
  }

  get url() { return this.file.url; }

  connect(output, level) {
    if (this.gain) return;
    const { context } = this.deck;
    this.gain = context.createGain();
    this.gain.gain.value = level;
    this.gain.connect(output);
  }

  setLevel(level) {
    this.level = level;
    this.gain?.gain.setTargetAtTime(level, this.deck.context.currentTime, FADE_SECONDS);
  }

  leave() {
    this.setLevel(0);
    this.stop();
  }

  // Fetches and schedules what the plan holds; done when all of it is.
  feed(plan) {
    for (const entry of plan.entries) {
      if (!this.begun.has(entry)) this.begun.set(entry, this.file.read(entry.from, entry.count).then((data) => this.begin(entry, data)));
    }
    for (const entry of this.begun.keys()) if (!plan.entries.includes(entry)) this.begun.delete(entry);
    return Promise.all(this.begun.values());
  }

  begin(entry, channels) {
    if (!this.gain) return; // stopped meanwhile
    const { context } = this.deck, late = Math.max(0, this.deck.now + Math.round(LEAD / 3) - entry.at);
    if (late >= entry.count) return;
    const buffer = context.createBuffer(channels.length, entry.count, RATE);
    channels.forEach((samples, number) => buffer.copyToChannel(faded(samples, entry), number));
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.gain);
    source.onended = () => this.sources.delete(source);
    this.sources.add(source);
    source.start((entry.at + late) / RATE, late / RATE);
  }

  stop() {
    const { gain, sources } = this;
    this.gain = null;
    this.begun.clear();
    this.sources = new Set();
    for (const source of sources) source.stop(this.deck.context.currentTime + FADED_SECONDS);
    if (gain) setTimeout(() => gain.disconnect(), 1000 * (FADED_SECONDS + 0.1));
  }
}

export class Deck {
  // makeContext: gives an audio context; load: fetches; onChange: something began or ended; onTrouble: gets a sentence.
  constructor({ makeContext, load, onChange = () => {}, onTrouble = () => {} }) {
    Object.assign(this, { makeContext, load, onChange, onTrouble });
    this.context = null;
    this.lines = []; // that sound, or will when it plays
    this.pending = []; // that will sound once they are in step
    this.position = 0; // frames, while it is silent
    this.loop = null;
    this.plan = null; // while it sounds
    this.isStarting = false;
    this.starts = this.changes = 0; // that were asked for; what an earlier one waited for is dropped
  }

  get now() { return Math.round((this.context?.currentTime ?? 0) * RATE); }
  get isPlaying() { return this.plan !== null || this.isStarting; }
  get length() { return Math.max(0, ...this.lines.map((line) => line.file.numFrames ?? Infinity)); }

  // Where the music is that is heard now, in seconds.
  get seconds() {
    const late = Math.round((this.context?.outputLatency || 0) * RATE);
    return (this.plan ? this.plan.frameAt(this.now - late) : this.position) / RATE;
  }

  // What is to sound, as a list of { url, level }. What sounds goes on until all that is new is in step with it.
  async change(wanted) {
    const mine = ++this.changes, known = [...this.lines, ...this.pending];
    const lines = wanted.map(({ url }) => known.find((line) => line.url === url) ?? new Line(this, url));
    const setLevels = (some) => lines.forEach((line, number) => { if (some.includes(line)) line.setLevel(wanted[number].level); });
    this.pending = this.isPlaying ? lines : [];
    setLevels(this.isPlaying ? this.lines : lines);
    try {
      if (this.isPlaying && !(await this.join(lines, mine))) return;
    } catch (error) {
      if (mine === this.changes) this.give(error);
      return;
    }
    const leaving = this.lines.filter((line) => !lines.includes(line));
    Object.assign(this, { lines, pending: [] });
    setLevels(lines);
    leaving.forEach((line) => line.leave());
    this.onChange();
  }

  // Lets files run along in silence until they are in step; whether they still are wanted then.
  async join(lines, mine) {
    const fresh = lines.filter((line) => !this.lines.includes(line));
    await openInTurn(fresh);
    for (let plan = null; this.plan && plan !== this.plan; ) { // another plan: somebody sought meanwhile
      plan = this.plan;
      fresh.forEach((line) => line.connect(this.output, 0));
      await Promise.all(fresh.map((line) => line.feed(plan)));
    }
    if (mine === this.changes) return true;
    fresh.filter((line) => !this.lines.includes(line) && !this.pending.includes(line)).forEach((line) => line.leave());
    return false;
  }

  give(error) {
    this.pending.filter((line) => !this.lines.includes(line)).forEach((line) => line.leave());
    this.pending = [];
    this.onTrouble(error.message);
  }

  // Makes the beginning of what is to sound ready.
  prepare() { this.lines.forEach((line) => line.file.open().catch(() => {})); } // who plays it is told what is wrong

  async play(seconds = this.seconds) {
    const mine = ++this.starts;
    this.halt();
    this.position = Math.round(seconds * RATE);
    this.isStarting = true;
    this.context ??= this.makeContext(RATE);
    this.context.resume();
    try {
      await openInTurn(this.lines);
      if (mine !== this.starts) return;
      if (!this.length) throw new Error("There is nothing to hear.");
      if (this.position >= this.length) this.position = this.loop ? this.frames(this.loop)[0] : 0;
      const first = new Plan(0, this.position, this.length, this.loop && this.frames(this.loop));
      first.extendTo(1);
      await Promise.all(this.lines.map((line) => line.file.read(first.entries[0].from, first.entries[0].count)));
    } catch (error) {
      if (mine === this.starts) this.stopWith(error);
      return;
    }
    if (mine === this.starts) this.begin();
  }

  begin() {
    this.isStarting = false;
    this.output = this.context.createGain();
    this.output.connect(this.context.destination);
    this.lines.forEach((line) => line.connect(this.output, line.level));
    this.plan = new Plan(this.now + LEAD, this.position, this.length, this.loop && this.frames(this.loop));
    this.ticking = setInterval(() => this.tick(), TICK_MS);
    this.tick();
    this.onChange();
  }

  tick() {
    this.plan.forget(this.now - RATE);
    this.plan.extendTo(this.now + AHEAD);
    this.lines.forEach((line) => line.feed(this.plan).catch((error) => this.stopWith(error)));
    if (this.plan.isOver && this.now >= this.plan.next.at) this.finish();
  }

  finish() {
    this.halt();
    this.position = 0;
    this.onChange();
  }

  stopWith(error) {
    this.isStarting = false;
    if (this.plan) this.pause();
    this.onChange();
    this.onTrouble(error.message);
  }

  pause() {
    this.starts++;
    this.isStarting = false;
    this.position = Math.round(this.seconds * RATE);
    this.halt();
    this.onChange();
  }

  // Ends what sounds, without a click.
  halt() {
    clearInterval(this.ticking);
    if (!this.plan) return;
    this.plan = null;
    const { output, context } = this;
    output.gain.setTargetAtTime(0, context.currentTime, FADE_SECONDS);
    [...this.lines, ...this.pending].forEach((line) => line.stop());
    setTimeout(() => {
      output.disconnect();
      if (!this.isPlaying && context.state === "running") context.suspend(); // costs nothing while nothing sounds
    }, 1000 * (FADED_SECONDS + 0.1));
  }

  seek(seconds) {
    if (this.isPlaying) return this.play(seconds);
    this.position = Math.round(seconds * RATE);
  }

  // A region to repeat, in seconds; null for none.
  setLoop(loop) {
    this.loop = loop;
    if (this.isPlaying) this.play();
  }

  frames(seconds) { return seconds.map((one) => Math.min(Math.round(one * RATE), this.length)); }

  close() {
    this.pause();
    this.context?.close();
    this.context = null;
  }
}

async function openInTurn(lines) {
  for (let first = 0; first < lines.length; first += AT_ONCE) await Promise.all(lines.slice(first, first + AT_ONCE).map((line) => line.file.open()));
}

// Softened where a region is left and begins again, so that it does not click there.
function faded(samples, { fadesIn, fadesOut, count }) {
  const most = Math.min(SEAM, count);
  for (let frame = 0; frame < most; frame++) {
    if (fadesIn) samples[frame] *= frame / most;
    if (fadesOut) samples[count - 1 - frame] *= frame / most;
  }
  return samples;
}

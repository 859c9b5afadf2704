// A player: piano rolls drawn on canvas, one playhead in step with the sound, a row for each part. Plain JavaScript,
// nothing loaded: the browser gets it with the modules above it in the place of their imports (`joined` in scripts.py).
//
// Streamlit calls the default export whenever its data change; what must live on (position, zoom, loop, mix) is kept
// with the element. Several takes are drawn below one another and share the playhead; one of them sounds.

import { DRAG_PIXELS, KEYS, STRIP_HEIGHT, Space, Viewport, barAfter, barAt, barBefore, barsAround, barsOfRegion, clock, hasNotes, isWholeBars, longest, region, regionOfBars, rollHeight, usualZoom } from "./geometry.mjs";
import { fit, paintMusic, paintPlayhead, paintSmall, paintStrip, themeOf } from "./paint.mjs";
import { Mixer } from "./mixer.mjs";
import { Rows } from "./rows.mjs";
import { Deck } from "./deck.mjs";
import { Pencil } from "./pencil.mjs";

const USUAL_WIDTH = 700; // pixels, where the page has no width yet
const TELL_MS = 500; // after the last change of the mix the server gets to know

export default function (component) {
  const { parentElement, data } = component;
  const root = parentElement.querySelector(".player");
  const player = (root.player ??= new Player(root));
  player.component = component;
  player.show(data);
  return () => player.close();
}

class Player {
  constructor(root) {
    this.root = root;
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.strip = this.find("strip"); // all of the take that is heard, in small
    this.stripLayer = document.createElement("canvas");
    this.viewport = new Viewport();
    this.position = 0;
    this.loop = null; // [from, to] in seconds
    this.sounding = 0; // number of the take that is heard
    this.takes = [];
    this.views = [];
    this.identity = null;
    this.mixer = new Mixer();
    this.deck = new Deck({ makeContext, onChange: () => this.deckChanged(), onTrouble: (words) => this.tellTrouble(words) });
    this.rows = new Rows(this.find("parts"), this.find("instruments"), {
      onChange: (name, values) => this.mix(name, values), onNear: () => this.takeApart(),
    });
    this.pencil = new Pencil(this);
    this.listen();
  }

  get take() { return this.takes[this.sounding]; }
  get isEmpty() { return !this.takes.some(hasNotes); }
  get isPlaying() { return this.deck.isPlaying; }
  get hasPlayhead() { return !this.isGrowing && !this.isEmpty; }

  show(data) {
    const isOther = data.identity !== this.identity;
    if (isOther) this.startAnew(data.identity);
    const isNew = data.takes.some(hasNotes) && (isOther || this.isEmpty);
    const begins = data.is_growing && (isOther || !this.isGrowing);
    const shown = String([data.is_growing, data.editing?.version, data.editing?.answered, ...data.takes.map(size)]);
    const isSame = !isOther && shown === this.shown;
    Object.assign(this, { takes: data.takes, shown });
    this.pencil.show(data.editing);
    this.isGrowing = data.is_growing;
    this.canRenew = data.can_renew;
    const seconds = longest(this.takes), width = this.root.clientWidth || USUAL_WIDTH;
    if (isOther) this.viewport = new Viewport(seconds, this.isGrowing ? 1 : usualZoom(this.take, seconds, width));
    this.viewport.seconds = seconds;
    if (this.views.length !== this.takes.length) this.makeViews();
    this.load();
    this.showChoice();
    isSame ? this.showState() : this.change();
    if (isNew) performance.mark("new-notes"); // for tests of speed
    if (begins) this.root.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  startAnew(identity) {
    this.pause();
    this.pencil.send();
    Object.assign(this, { identity, position: 0, sounding: 0, mixer: new Mixer() });
    this.deck.seek(0);
    this.setLoop(null);
    this.tellTrouble("");
  }

  makeViews() {
    this.pause();
    const rolls = this.find("rolls");
    this.views = this.takes.map(() => {
      const canvas = document.createElement("canvas");
      canvas.className = "roll";
      canvas.setAttribute("role", "img");
      const view = { canvas, layer: document.createElement("canvas"), isStale: true };
      this.listenTo(view);
      this.watcher.observe(canvas);
      return view;
    });
    rolls.replaceChildren(...this.views.map((view) => view.canvas));
  }

  // ---- what the listener does ------------------------------------------------------------------------------------

  listen() {
    const on = (name, act) => this.find(name).addEventListener("click", act);
    on("play", () => this.toggle());
    on("start", () => this.seek(this.loop ? this.loop[0] : 0));
    on("loop", () => this.toggleLoop());
    on("in", () => this.zoomBy(2));
    on("out", () => this.zoomBy(0.5));
    on("anew", () => this.askAnew());
    for (const name of ["first", "last"]) this.find(name).addEventListener("change", () => this.selectByNumbers());
    this.find("midi").addEventListener("dragstart", (event) => {
      const { href, download } = event.currentTarget;
      event.dataTransfer.setData("DownloadURL", `audio/midi:${download}:${href}`);
    });
    this.root.addEventListener("keydown", (event) => this.press(event));
    this.listenToStrip();
    this.watcher = new ResizeObserver(() => this.change());
    this.theme = matchMedia("(prefers-color-scheme: dark)");
    this.themeChanged = () => this.change();
    this.theme.addEventListener("change", this.themeChanged);
  }

  press(event) {
    if (/INPUT|SELECT/.test(event.target.tagName) || (event.target.tagName === "BUTTON" && event.key === " ")) return; // theirs
    const acts = {
      " ": () => this.toggle(),
      ArrowLeft: () => (event.shiftKey ? this.stretchSelection(-1) : this.seek(barBefore(this.take, this.position))),
      ArrowRight: () => (event.shiftKey ? this.stretchSelection(1) : this.seek(barAfter(this.take, this.position))),
      Home: () => this.seek(0),
      End: () => this.seek(this.take.seconds),
      "+": () => this.zoomBy(2),
      "=": () => this.zoomBy(2),
      "-": () => this.zoomBy(0.5),
      l: () => this.toggleLoop(),
      Escape: () => this.setLoop(null),
    };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.pencil.press(event)) return event.preventDefault();
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }

  listenTo(view) {
    const { canvas } = view;
    let from = null, last = null, held = null; // a note, while it is edited
    const secondsAt = (event) => this.viewport.secondsAt(canvas.clientWidth, event.offsetX);
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      held = this.pencil.grab(event, view);
      from = held ? null : { x: event.offsetX, seconds: secondsAt(event) };
    });
    canvas.addEventListener("pointermove", (event) => {
      held ? held.to(event) : (canvas.style.cursor = this.pencil.cursor(event, view));
      if (!from || (last === null && Math.abs(event.offsetX - from.x) < DRAG_PIXELS)) return;
      last = secondsAt(event);
      this.drawLoop(this.dragged(from.seconds, last, event.altKey));
    });
    canvas.addEventListener("pointerup", () => {
      held?.drop();
      held = null;
      if (!from) return;
      const position = this.loop && last !== null ? this.loop[0] : from.seconds; // a short drag is a click
      if (last !== null) this.deck.loop = this.loop;
      from = last = null;
      this.seek(position);
    });
    canvas.addEventListener("pointercancel", () => {
      held?.cancel();
      from = last = held = null;
    });
    canvas.addEventListener("dblclick", (event) => this.pencil.addAt(event, view));
    canvas.addEventListener("wheel", (event) => {
      if (event.ctrlKey) this.zoomBy(event.deltaY < 0 ? 1.25 : 0.8, secondsAt(event));
      else if (event.deltaX && this.viewport.zoom > 1) this.scrollBy(event.deltaX / canvas.clientWidth);
      else return;
      event.preventDefault();
    }, { passive: false });
  }

  listenToStrip() {
    const seek = (event) => this.seek(((event.offsetX - KEYS) / (this.strip.clientWidth - KEYS)) * this.viewport.seconds);
    this.strip.addEventListener("pointerdown", (event) => {
      this.strip.setPointerCapture(event.pointerId);
      seek(event);
    });
    this.strip.addEventListener("pointermove", (event) => { if (event.buttons) seek(event); });
  }

  toggle() { this.isPlaying ? this.pause() : this.play(); }

  play() {
    if (!this.take?.audio) return;
    this.tellTrouble("");
    this.deck.play(this.position >= this.take.seconds ? (this.loop?.[0] ?? 0) : this.position);
    this.run();
  }

  pause() {
    if (!this.isPlaying) return;
    this.deck.pause();
    this.showState();
  }

  // The sound began, ended, or has other parts.
  deckChanged() {
    if (this.isPlaying) return this.showState();
    this.position = this.deck.seconds;
    this.change();
  }

  seek(seconds) {
    this.position = Math.min(Math.max(0, seconds), this.viewport.seconds);
    this.deck.seek(this.position);
    this.keepInSight();
    this.draw();
  }

  choose(number) {
    this.sounding = number;
    this.load();
    this.showChoice();
    this.change();
  }

  zoomBy(factor, around = this.position) {
    this.viewport.zoomBy(factor, around);
    this.change();
  }

  // By a share of what is in view.
  scrollBy(share) { this.scrollTo(this.viewport.left + share * this.viewport.visibleSeconds); }

  scrollTo(seconds) {
    this.viewport.scrollTo(seconds);
    this.change();
  }

  keepInSight(position = this.position) {
    const left = this.viewport.leftToSee(position);
    if (left !== null) this.scrollTo(left);
  }

  // ---- bars that are selected, which are repeated ----------------------------------------------------------------

  toggleLoop() { this.setLoop(this.loop ? null : barsAround(this.take, this.position)); }

  setLoop(loop) {
    this.drawLoop(loop);
    this.deck.setLoop(loop);
  }

  drawLoop(loop) {
    this.loop = loop;
    this.find("loop").setAttribute("aria-pressed", String(!!loop));
    this.showBars();
    this.draw();
  }

  // Whole bars, unless Alt is held or there are none.
  dragged(one, other, isFree) {
    if (isFree || !this.take.num_bars) return region(Math.min(one, other), Math.max(one, other));
    return regionOfBars(this.take, barAt(this.take, one), barAt(this.take, other));
  }

  stretchSelection(bars) {
    if (!this.take?.num_bars) return;
    if (!this.loop) this.anchor = this.head = barAt(this.take, this.position);
    else {
      const [first, last] = barsOfRegion(this.take, this.loop);
      if (this.anchor !== first && this.anchor !== last) this.anchor = first;
      this.head = barAt(this.take, this.take.bars[Math.max(0, (this.anchor === first ? last : first) + bars)] ?? this.take.seconds);
    }
    this.setLoop(regionOfBars(this.take, this.anchor, this.head));
    this.keepInSight(this.take.bars[this.head]);
  }

  selectByNumbers() {
    const [first, last] = ["first", "last"].map((name) => this.find(name).valueAsNumber);
    if (Number.isNaN(first) && Number.isNaN(last)) return this.setLoop(null);
    const index = (number) => (Number.isNaN(number) ? null : Math.round(number) - this.take.first_bar);
    this.setLoop(regionOfBars(this.take, index(first) ?? index(last), index(last) ?? index(first)));
    this.seek(this.loop[0]);
  }

  showBars() {
    const { take, loop } = this, bars = loop && take?.num_bars ? barsOfRegion(take, loop) : null;
    const numbers = bars?.map((bar) => bar + take.first_bar), isOn = !!take?.audio && take.num_bars > 0;
    this.find("bars").hidden = !!take && hasNotes(take) && !take.num_bars;
    ["first", "last"].forEach((name, end) => {
      const field = this.find(name);
      field.value = numbers?.[end] ?? "";
      field.disabled = !isOn;
      if (isOn) Object.assign(field, { min: take.first_bar, max: take.first_bar + take.num_bars - 1, placeholder: end ? take.first_bar + take.num_bars - 1 : take.first_bar });
    });
    const anew = this.find("anew");
    anew.hidden = this.canRenew === false;
    anew.disabled = !isOn || !bars || !isWholeBars(take, loop);
    this.pencil.showState();
  }

  askAnew() {
    const [first, last] = barsOfRegion(this.take, this.loop).map((bar) => bar + this.take.first_bar);
    this.find("anew").disabled = true; // until there is other music
    this.pencil.send();
    this.component.setTriggerValue("anew", `${first}-${last}`);
  }

  // ---- the mix ---------------------------------------------------------------------------------------------------

  load() {
    this.deck.change(this.mixer.lines(this.take));
    this.deck.prepare();
    this.showMidi();
  }

  // Parts are fetched one by one, once somebody comes near to what changes them.
  takeApart() {
    if (this.mixer.isTouched || !this.take?.audio) return;
    this.mixer.isTouched = true;
    this.load();
  }

  mix(name, values) {
    this.mixer.change(name, values);
    this.tellTrouble("");
    this.load();
    this.change();
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.tellMix(), TELL_MS);
  }

  tellMix() {
    if (this.takes.length === 1) this.component.setStateValue("mix", { identity: this.identity, mix: this.mixer.told(this.take) });
  }

  showMidi() {
    const midi = this.find("midi"), { take } = this, mix = take ? this.mixer.told(take) : "";
    midi.hidden = !take?.midi;
    if (!take?.midi) return;
    midi.download = take.file;
    midi.href = take.midi + (mix && `&mix=${mix}`);
  }

  // ---- words and buttons -----------------------------------------------------------------------------------------

  showState() {
    const play = this.find("play"), canPlay = !!this.take?.audio;
    play.disabled = !canPlay;
    play.setAttribute("aria-label", this.isPlaying ? "Pause" : "Play");
    this.find("time").textContent = `${clock(this.position)} / ${clock(this.isEmpty ? 0 : this.viewport.seconds)}`;
    this.root.dataset.position = this.position.toFixed(3);
    this.root.dataset.state = this.isPlaying ? "playing" : this.isGrowing ? "growing" : canPlay ? "ready" : "silent";
  }

  showChoice() {
    const choice = this.find("choice");
    if (this.takes.length < 2) return choice.replaceChildren();
    choice.replaceChildren(...this.takes.map((take, number) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `${"AB"[number]}: ${take.name}`;
      button.setAttribute("aria-pressed", String(number === this.sounding));
      button.addEventListener("click", () => this.choose(number));
      return button;
    }));
  }

  showParts() {
    const parts = this.takes.flatMap((take) => take.tracks).filter((part, index, all) => all.findIndex((one) => one.name === part.name) === index);
    this.colours = new Map(parts.map(({ name }, number) => [name, this.look.colours[number % this.look.colours.length]]));
    this.rows.show(parts, this.mixer, this.colours, !!this.take?.audio);
  }

  tellTrouble(words) { this.find("trouble").textContent = words; }

  // ---- drawing ---------------------------------------------------------------------------------------------------

  // Notes were changed here.
  musicChanged() {
    this.viewport.seconds = longest(this.takes);
    this.change();
  }

  change() {
    this.look = themeOf(this.root);
    this.showParts();
    this.showBars();
    this.views.forEach((view) => { view.isStale = true; });
    if (this.isGrowing) this.position = 0;
    this.draw();
  }

  draw() {
    this.showState();
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => (this.isPlaying ? this.run() : this.paint()));
  }

  run() {
    cancelAnimationFrame(this.frame);
    const step = () => {
      if (!this.isPlaying) return this.draw();
      this.position = Math.min(this.deck.seconds, this.viewport.seconds);
      this.keepInSight();
      this.showState();
      this.paint();
      this.frames = (this.frames ?? 0) + 1; // for tests of smoothness
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(step);
    };
    step();
  }

  paint() {
    this.views.forEach((view, number) => {
      if (view.isStale) this.paintMusic(view, this.takes[number], number);
      paintPlayhead(view.canvas, view.layer, { ...this.moving, height: view.height });
    });
    paintStrip(this.strip, this.stripLayer, this.moving);
  }

  // What changes without the music.
  get moving() {
    return { viewport: this.viewport, loop: this.loop, position: this.hasPlayhead ? this.position : null, theme: this.look };
  }

  paintMusic(view, take, number) {
    const width = view.canvas.clientWidth, space = new Space(take, rollHeight(this.takes.length, innerHeight));
    const about = {
      take, viewport: this.viewport, space, width, theme: this.look,
      colourOf: (name) => this.colours.get(name), isHeard: (name) => this.mixer.heard(name) > 0, isChosen: (index) => number === 0 && this.pencil.isChosen(index),
    };
    view.canvas.style.height = `${space.height}px`;
    fit(view.canvas, width, space.height);
    view.canvas.setAttribute("aria-label", `Piano roll of ${take.name}: ${take.notes.length} notes`);
    paintMusic(fit(view.layer, width, space.height), about);
    Object.assign(view, { isStale: false, height: space.height, space });
    if (number !== this.sounding) return;
    fit(this.strip, this.strip.clientWidth, STRIP_HEIGHT);
    paintSmall(fit(this.stripLayer, this.strip.clientWidth, STRIP_HEIGHT), { ...about, width: this.strip.clientWidth });
  }

  close() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.telling);
    this.deck.close();
    this.pencil.close();
    this.watcher.disconnect();
    this.theme.removeEventListener("change", this.themeChanged);
    delete this.root.player;
  }
}

function makeContext(sampleRate) {
  if (navigator.audioSession) navigator.audioSession.type = "playback"; // heard on phones that are set to silent, too
  return new AudioContext({ sampleRate });
}

function size(take) { return [take.notes.length, take.seconds, take.notes.at(-1)]; } // some of it may be composed again

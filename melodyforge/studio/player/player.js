// A player: piano rolls drawn on canvas, one playhead in step with the sound. Plain JavaScript, nothing loaded: the
// browser gets it with geometry.mjs above it in the place of the import (`joined` in scripts.py).
//
// Streamlit calls the default export whenever its data change; what must live on (position, zoom, loop) is kept with
// the element. Several takes are drawn below one another and share the playhead; one of them sounds.

import { CLOSE_SECONDS, KEYS, RULER, STRIP_HEIGHT, Space, Viewport, barAfter, barBefore, barLines, barsAround, clock, hasNotes, longest, noteBoxes, region, rollHeight, stripLines, usualZoom } from "./geometry.mjs";

const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f6fd1", "#8a9a1f"];
const COLOURS_ON_DARK = ["#4db2f0", "#ff8a3d", "#2ec99a", "#e6a0c8", "#ffc247", "#8fd0ff", "#a99bf5", "#b9c94a"];
const DRAG_PIXELS = 5, USUAL_WIDTH = 700; // pixels; the width where the page has none yet

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
    this.listen();
  }

  get take() { return this.takes[this.sounding]; }
  get audio() { return this.views[this.sounding]?.audio; }
  get isDark() {
    const [red, green, blue] = (getComputedStyle(this.root).color.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number);
    return red + green + blue > 384; // light ink stands on dark ground
  }
  get isEmpty() { return !this.takes.some(hasNotes); }
  get isPlaying() { return !!this.audio && !this.audio.paused; }

  show(data) {
    const isOther = data.identity !== this.identity;
    if (isOther) {
      this.pause();
      Object.assign(this, { identity: data.identity, position: 0, loop: null, sounding: 0 });
    }
    const isNew = data.takes.some(hasNotes) && (isOther || this.isEmpty);
    const begins = data.is_growing && (isOther || !this.isGrowing);
    const isSame = !isOther && this.isGrowing === data.is_growing && String(data.takes.map(size)) === String(this.takes.map(size));
    this.takes = data.takes;
    this.isGrowing = data.is_growing;
    const seconds = longest(this.takes), width = this.root.clientWidth || USUAL_WIDTH;
    if (isOther) this.viewport = new Viewport(seconds, this.isGrowing ? 1 : usualZoom(this.take, seconds, width));
    this.viewport.seconds = seconds;
    if (this.views.length !== this.takes.length) this.makeViews();
    this.takes.forEach((take, number) => {
      const { audio } = this.views[number];
      if ((audio.dataset.url ?? "") === (take.audio ?? "")) return;
      audio.dataset.url = take.audio ?? "";
      if (take.audio) audio.src = take.audio;
      else audio.removeAttribute("src");
    });
    this.showChoice();
    isSame ? this.showState() : this.change();
    if (isNew) performance.mark("new-notes"); // for tests of speed
    if (begins) this.root.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  makeViews() {
    this.pause();
    const rolls = this.find("rolls");
    rolls.replaceChildren();
    this.views = this.takes.map((_, number) => {
      const canvas = document.createElement("canvas");
      canvas.className = "roll";
      canvas.setAttribute("role", "img");
      const audio = document.createElement("audio");
      audio.preload = "auto";
      audio.addEventListener("ended", () => this.ended(number));
      audio.addEventListener("loadedmetadata", () => this.showState());
      rolls.append(canvas, audio);
      this.listenTo(canvas);
      this.watcher.observe(canvas);
      return { canvas, audio, layer: document.createElement("canvas"), isStale: true };
    });
  }

  // ---- what the listener does ------------------------------------------------------------------------------------

  listen() {
    const on = (name, act) => this.find(name).addEventListener("click", act);
    on("play", () => this.toggle());
    on("start", () => this.seek(this.loop ? this.loop[0] : 0));
    on("loop", () => this.toggleLoop());
    on("in", () => this.zoomBy(2));
    on("out", () => this.zoomBy(0.5));
    this.root.addEventListener("keydown", (event) => this.press(event));
    this.listenToStrip();
    this.watcher = new ResizeObserver(() => this.change());
    this.theme = matchMedia("(prefers-color-scheme: dark)");
    this.themeChanged = () => this.change();
    this.theme.addEventListener("change", this.themeChanged);
  }

  press(event) {
    if (event.target.tagName === "BUTTON" && event.key === " ") return; // presses the button itself
    const acts = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.seek(barBefore(this.take, this.position)),
      ArrowRight: () => this.seek(barAfter(this.take, this.position)),
      Home: () => this.seek(0),
      End: () => this.seek(this.take.seconds),
      "+": () => this.zoomBy(2),
      "=": () => this.zoomBy(2),
      "-": () => this.zoomBy(0.5),
      l: () => this.toggleLoop(),
      Escape: () => this.setLoop(null),
    };
    const act = event.ctrlKey || event.metaKey || event.altKey ? null : acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  listenTo(canvas) {
    let from = null, last = null;
    const secondsAt = (event) => this.viewport.secondsAt(canvas.clientWidth, event.offsetX);
    canvas.addEventListener("pointerdown", (event) => {
      from = { x: event.offsetX, seconds: secondsAt(event) };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!from || Math.abs(event.offsetX - from.x) < DRAG_PIXELS) return;
      last = secondsAt(event);
      this.setLoop(region(Math.min(from.seconds, last), Math.max(from.seconds, last)));
    });
    canvas.addEventListener("pointerup", () => {
      if (!from) return;
      this.seek(this.loop && last !== null ? this.loop[0] : from.seconds); // a short drag is a click
      from = last = null;
    });
    canvas.addEventListener("pointercancel", () => { from = last = null; });
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
    const end = Math.min(this.take.seconds, this.audio.duration || Infinity);
    if (this.position >= end - CLOSE_SECONDS) this.position = this.loop ? this.loop[0] : 0;
    this.audio.currentTime = this.position;
    this.audio.play().then(() => this.run(), () => this.showState());
    this.showState();
  }

  pause() {
    this.views.forEach((view) => view.audio.pause());
    if (this.views.length) this.showState();
  }

  ended(number) {
    if (number !== this.sounding) return;
    this.position = this.loop ? this.loop[0] : 0;
    if (this.loop) this.play();
    else this.change();
  }

  seek(seconds) {
    this.position = Math.min(Math.max(0, seconds), this.viewport.seconds);
    if (this.audio && this.take.audio) this.audio.currentTime = this.position;
    this.keepInSight();
    this.draw();
  }

  choose(number) {
    const wasPlaying = this.isPlaying;
    this.pause();
    this.sounding = number;
    this.showChoice();
    if (wasPlaying) this.play();
    this.change();
  }

  toggleLoop() {
    this.setLoop(this.loop ? null : barsAround(this.take, this.position));
  }

  setLoop(loop) {
    this.loop = loop;
    this.find("loop").setAttribute("aria-pressed", String(!!this.loop));
    this.draw();
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

  keepInSight() {
    const left = this.viewport.leftToSee(this.position);
    if (left !== null) this.scrollTo(left);
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

  showLegend() {
    const names = [...new Set(this.takes.flatMap((take) => take.tracks.map((track) => track.name)))];
    const colours = this.isDark ? COLOURS_ON_DARK : COLOURS;
    this.colours = new Map(names.map((name, number) => [name, colours[number % colours.length]]));
    this.find("legend").replaceChildren(...names.map((name) => {
      const item = document.createElement("span");
      const swatch = document.createElement("i");
      swatch.style.background = this.colours.get(name);
      item.append(swatch, name);
      return item;
    }));
  }

  // ---- drawing ---------------------------------------------------------------------------------------------------

  change() {
    this.showLegend();
    this.views.forEach((view) => { view.isStale = true; });
    if (this.isGrowing) this.position = 0;
    this.draw();
  }

  draw() {
    this.showState();
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paint());
  }

  run() {
    cancelAnimationFrame(this.frame);
    const step = () => {
      if (!this.isPlaying) return this.draw();
      this.position = this.audio.currentTime;
      if (this.loop && this.position >= this.loop[1]) this.audio.currentTime = this.position = this.loop[0];
      this.keepInSight();
      this.showState();
      this.paint();
      this.frames = (this.frames ?? 0) + 1; // for tests of smoothness
      this.frame = requestAnimationFrame(step);
    };
    step();
  }

  paint() {
    this.views.forEach((view, number) => {
      if (view.isStale) this.paintMusic(view, this.takes[number], number);
      this.paintPlayhead(view);
    });
    this.paintStrip();
  }

  paintMusic(view, take, number) {
    const style = getComputedStyle(this.root);
    const ink = style.color, ground = style.getPropertyValue("--ground"), band = style.getPropertyValue("--band");
    const accent = style.getPropertyValue("--accent");
    const width = view.canvas.clientWidth;
    const space = new Space(take, rollHeight(this.takes.length, innerHeight));
    view.canvas.style.height = `${space.height}px`;
    fit(view.canvas, width, space.height);
    view.canvas.setAttribute("aria-label", `Piano roll of ${take.name}: ${take.notes.length} notes`);
    const pen = fit(view.layer, width, space.height);
    pen.fillStyle = ground;
    pen.fillRect(0, 0, width, space.height);
    this.paintRows(pen, space, width, band, ink);
    this.paintBars(pen, take, width, space.height, ink);
    pen.save();
    pen.beginPath();
    pen.rect(KEYS, RULER, width - KEYS, space.height - RULER);
    pen.clip();
    for (const box of noteBoxes(take, this.viewport, space, width)) {
      pen.globalAlpha = box.alpha;
      pen.fillStyle = this.colours.get(box.name);
      pen.beginPath();
      pen.roundRect(box.x, box.y, box.width, box.height, box.radius);
      pen.fill();
    }
    pen.restore();
    view.isStale = false;
    view.accent = accent;
    view.ink = ink;
    view.height = space.height;
    if (number === this.sounding) this.paintSmall(take, space, ground);
  }

  paintRows(pen, space, width, band, ink) {
    pen.font = "10px system-ui, sans-serif";
    for (const { y, isBlack, label } of space.pitchRows()) {
      pen.globalAlpha = 0.7;
      pen.fillStyle = band;
      if (isBlack) pen.fillRect(KEYS, y, width - KEYS, space.semitone);
      if (!label) continue;
      pen.fillStyle = ink;
      pen.globalAlpha = 0.18;
      pen.fillRect(KEYS, y + space.semitone - 1, width - KEYS, 1);
      pen.globalAlpha = 0.75;
      pen.fillText(label, 8, y + space.semitone - 1);
    }
    pen.globalAlpha = 1;
    pen.fillStyle = band;
    space.drums.forEach((drum, row) => {
      const y = space.drumTop + row * space.drumRow;
      if (row % 2 === 0) pen.fillRect(KEYS, y, width - KEYS, space.drumRow);
    });
  }

  // The strip's layer.
  paintSmall(take, space, ground) {
    const width = this.strip.clientWidth;
    fit(this.strip, width, STRIP_HEIGHT);
    const pen = fit(this.stripLayer, width, STRIP_HEIGHT);
    pen.fillStyle = ground;
    pen.fillRect(0, 0, width, STRIP_HEIGHT);
    pen.globalAlpha = 0.75;
    for (const line of stripLines(take, this.viewport.seconds, space, width)) {
      pen.fillStyle = this.colours.get(line.name);
      pen.fillRect(line.x, line.y, line.width, 1.5);
    }
  }

  paintBars(pen, take, width, height, ink) {
    pen.font = "11px system-ui, sans-serif";
    pen.fillStyle = pen.strokeStyle = ink;
    for (const { x, isStrong, label } of barLines(take, this.viewport, width)) {
      pen.globalAlpha = isStrong ? 0.28 : 0.12;
      pen.beginPath();
      pen.moveTo(x, RULER);
      pen.lineTo(x, height);
      pen.stroke();
      if (!label) continue;
      pen.globalAlpha = 0.75;
      pen.fillText(label, x + 3, 14);
    }
    pen.globalAlpha = 1;
  }

  paintPlayhead(view) {
    const pen = view.canvas.getContext("2d"), scale = devicePixelRatio || 1, width = view.canvas.clientWidth;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.drawImage(view.layer, 0, 0);
    pen.scale(scale, scale);
    if (this.loop) {
      const [from, to] = this.loop.map((seconds) => Math.min(width, Math.max(KEYS, this.viewport.xAt(width, seconds))));
      pen.globalAlpha = 0.16;
      pen.fillStyle = view.accent;
      pen.fillRect(from, 0, to - from, view.height);
      pen.globalAlpha = 1;
    }
    const x = this.viewport.xAt(width, this.position);
    if (this.isGrowing || this.isEmpty || x < KEYS - 1 || x > width) return;
    pen.fillStyle = view.accent;
    pen.fillRect(x - 1, 0, 2, view.height);
    pen.beginPath();
    pen.moveTo(x - 6, 0);
    pen.lineTo(x + 6, 0);
    pen.lineTo(x, 8);
    pen.fill();
  }

  paintStrip() {
    const width = this.strip.clientWidth, { accent } = this.views[0] ?? {};
    const xAt = (seconds) => KEYS + (seconds / this.viewport.seconds) * (width - KEYS);
    const pen = this.strip.getContext("2d"), scale = devicePixelRatio || 1;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.drawImage(this.stripLayer, 0, 0);
    if (this.isGrowing || this.isEmpty) return;
    pen.scale(scale, scale);
    pen.fillStyle = pen.strokeStyle = accent;
    const { left: from, visibleSeconds } = this.viewport, left = xAt(from), shown = xAt(from + visibleSeconds) - left;
    pen.globalAlpha = 0.12;
    pen.fillRect(left, 0, shown, STRIP_HEIGHT);
    pen.globalAlpha = 0.6;
    pen.strokeRect(left + 0.5, 0.5, shown - 1, STRIP_HEIGHT - 1);
    pen.globalAlpha = 1;
    pen.fillRect(xAt(this.position) - 0.75, 0, 1.5, STRIP_HEIGHT);
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.pause();
    this.watcher.disconnect();
    this.theme.removeEventListener("change", this.themeChanged);
    delete this.root.player;
  }
}

// Gives a canvas its size in the pixels of the screen; the pen that comes back counts in those of the page.
function fit(canvas, width, height) {
  const scale = devicePixelRatio || 1, pen = canvas.getContext("2d");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.round(height * scale);
  pen.scale(scale, scale);
  return pen;
}

function size(take) { return [take.notes.length, take.seconds, take.notes.at(-1)]; } // some of it may be composed again

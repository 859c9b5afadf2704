// A player: piano rolls drawn on canvas, one playhead in step with the sound. Plain JavaScript, nothing loaded.
//
// Streamlit calls the default export whenever its data change; what must live on (position, zoom, loop) is kept with
// the element. Several takes are drawn below one another and share the playhead; one of them sounds.

const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f6fd1", "#8a9a1f"];
const COLOURS_ON_DARK = ["#4db2f0", "#ff8a3d", "#2ec99a", "#e6a0c8", "#ffc247", "#8fd0ff", "#a99bf5", "#b9c94a"];
const RULER = 20, KEYS = 34, DRUM_ROW = 9, MIN_SEMITONE = 3, MAX_SEMITONE = 14, DRAG_PIXELS = 5, MAX_ZOOM = 64, MIN_LABEL_GAP = 36;
const STRIP_HEIGHT = 40, PIXELS_A_SECOND = 24, MIN_BARS = 6; // at first; the strip below shows the whole piece
const ROLL_HEIGHT = { 1: { share: 0.46, least: 300, most: 560 }, 2: { share: 0.28, least: 200, most: 320 } }; // of the window
const CLOSE_SECONDS = 0.03;
const BLACK = new Set([1, 3, 6, 8, 10]);

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
    this.zoom = 1;
    this.left = 0; // seconds at the left edge
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
  get seconds() { return Math.max(1, ...this.takes.map((take) => take.seconds)); }
  get visibleSeconds() { return this.seconds / this.zoom; }
  get isDark() {
    const [red, green, blue] = (getComputedStyle(this.root).color.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number);
    return red + green + blue > 384; // light ink stands on dark ground
  }
  get usualZoom() {
    const pixels = (this.root.clientWidth || 700) - KEYS;
    const shown = Math.max(pixels / PIXELS_A_SECOND, this.take.bars[MIN_BARS] ?? 0); // seconds
    return Math.min(MAX_ZOOM, Math.max(1, this.seconds / shown));
  }
  get isEmpty() { return !this.takes.some(hasNotes); }
  get isPlaying() { return !!this.audio && !this.audio.paused; }

  show(data) {
    const isOther = data.identity !== this.identity;
    if (isOther) {
      this.pause();
      Object.assign(this, { identity: data.identity, left: 0, position: 0, loop: null, sounding: 0 });
    }
    const isNew = data.takes.some(hasNotes) && (isOther || this.isEmpty);
    const begins = data.is_growing && (isOther || !this.isGrowing);
    const isSame = !isOther && this.isGrowing === data.is_growing && String(data.takes.map(size)) === String(this.takes.map(size));
    this.takes = data.takes;
    this.isGrowing = data.is_growing;
    if (isOther) this.zoom = this.isGrowing ? 1 : this.usualZoom;
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
      ArrowLeft: () => this.seek(this.barBefore(this.position)),
      ArrowRight: () => this.seek(this.barAfter(this.position)),
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
    const secondsAt = (event) => this.secondsAt(canvas, event.offsetX);
    canvas.addEventListener("pointerdown", (event) => {
      from = { x: event.offsetX, seconds: secondsAt(event) };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!from || Math.abs(event.offsetX - from.x) < DRAG_PIXELS) return;
      last = secondsAt(event);
      this.setLoop([Math.min(from.seconds, last), Math.max(from.seconds, last)]);
    });
    canvas.addEventListener("pointerup", () => {
      if (!from) return;
      this.seek(last === null ? from.seconds : this.loop[0]);
      from = last = null;
    });
    canvas.addEventListener("pointercancel", () => { from = last = null; });
    canvas.addEventListener("wheel", (event) => {
      if (event.ctrlKey) this.zoomBy(event.deltaY < 0 ? 1.25 : 0.8, secondsAt(event));
      else if (event.deltaX && this.zoom > 1) this.scrollTo(this.left + (event.deltaX / canvas.clientWidth) * this.visibleSeconds);
      else return;
      event.preventDefault();
    }, { passive: false });
  }

  listenToStrip() {
    const seek = (event) => this.seek(((event.offsetX - KEYS) / (this.strip.clientWidth - KEYS)) * this.seconds);
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
    this.position = Math.min(Math.max(0, seconds), this.seconds);
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
    if (this.loop) return this.setLoop(null);
    const from = this.barBefore(this.position + CLOSE_SECONDS);
    let to = from;
    for (let bar = 0; bar < 4; bar++) to = this.barAfter(to);
    this.setLoop([from, Math.max(to, from + 0.5)]);
  }

  setLoop(loop) {
    this.loop = loop && loop[1] - loop[0] > 0.05 ? loop : null;
    this.find("loop").setAttribute("aria-pressed", String(!!this.loop));
    this.draw();
  }

  zoomBy(factor, around = this.position) {
    const share = (around - this.left) / this.visibleSeconds;
    this.zoom = Math.min(MAX_ZOOM, Math.max(1, this.zoom * factor));
    this.scrollTo(around - Math.min(1, Math.max(0, share)) * this.visibleSeconds);
  }

  scrollTo(seconds) {
    this.left = Math.min(Math.max(0, seconds), this.seconds - this.visibleSeconds);
    this.change();
  }

  keepInSight() {
    const share = (this.position - this.left) / this.visibleSeconds;
    if (this.zoom > 1 && (share < 0 || share > 0.92)) this.scrollTo(this.position - 0.1 * this.visibleSeconds);
  }

  barBefore(seconds) { return this.take.bars.filter((bar) => bar < seconds - CLOSE_SECONDS).at(-1) ?? 0; }
  barAfter(seconds) { return this.take.bars.find((bar) => bar > seconds + CLOSE_SECONDS) ?? this.take.seconds; }

  // ---- words and buttons -----------------------------------------------------------------------------------------

  showState() {
    const play = this.find("play"), canPlay = !!this.take?.audio;
    play.disabled = !canPlay;
    play.setAttribute("aria-label", this.isPlaying ? "Pause" : "Play");
    this.find("time").textContent = `${clock(this.position)} / ${clock(this.isEmpty ? 0 : this.seconds)}`;
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

  secondsAt(canvas, x) {
    const share = (x - KEYS) / (canvas.clientWidth - KEYS);
    return Math.min(this.seconds, Math.max(0, this.left + share * this.visibleSeconds));
  }

  xAt(width, seconds) { return KEYS + ((seconds - this.left) / this.visibleSeconds) * (width - KEYS); }

  paintMusic(view, take, number) {
    const style = getComputedStyle(this.root);
    const ink = style.color, ground = style.getPropertyValue("--ground"), band = style.getPropertyValue("--band");
    const accent = style.getPropertyValue("--accent");
    const width = view.canvas.clientWidth;
    const space = new Space(take, rollHeight(this.takes.length));
    view.canvas.style.height = `${space.height}px`;
    fit(view.canvas, width, space.height);
    view.canvas.setAttribute("aria-label", `Piano roll of ${take.name}: ${take.notes.length} notes`);
    const pen = fit(view.layer, width, space.height);
    pen.fillStyle = ground;
    pen.fillRect(0, 0, width, space.height);
    space.paintRows(pen, width, band, ink);
    this.paintBars(pen, take, width, space.height, ink);
    pen.save();
    pen.beginPath();
    pen.rect(KEYS, RULER, width - KEYS, space.height - RULER);
    pen.clip();
    const right = this.left + this.visibleSeconds;
    for (const [start, length, pitch, velocity, track] of take.notes) {
      if (start > right || start + length < this.left) continue;
      const { is_drum, name } = take.tracks[track];
      const x = this.xAt(width, start), w = Math.max(2, this.xAt(width, start + length) - x - 1);
      const [y, h] = space.row(pitch, is_drum);
      pen.globalAlpha = 0.4 + 0.6 * (velocity / 127);
      pen.fillStyle = this.colours.get(name);
      pen.beginPath();
      pen.roundRect(x, y, is_drum ? Math.min(w, 5) : w, h, Math.min(2.5, w / 2, h / 2));
      pen.fill();
    }
    pen.restore();
    view.isStale = false;
    view.accent = accent;
    view.ink = ink;
    view.height = space.height;
    if (number === this.sounding) this.paintSmall(take, space, ground);
  }

  // The strip's layer: every note as a line, whatever part of them the rolls show.
  paintSmall(take, space, ground) {
    const width = this.strip.clientWidth, inner = width - KEYS;
    fit(this.strip, width, STRIP_HEIGHT);
    const pen = fit(this.stripLayer, width, STRIP_HEIGHT), shrink = (STRIP_HEIGHT - 8) / (space.height - RULER);
    pen.fillStyle = ground;
    pen.fillRect(0, 0, width, STRIP_HEIGHT);
    pen.globalAlpha = 0.75;
    for (const [start, length, pitch, , track] of take.notes) {
      const [y] = space.row(pitch, take.tracks[track].is_drum);
      pen.fillStyle = this.colours.get(take.tracks[track].name);
      const x = KEYS + (start / this.seconds) * inner, w = (length / this.seconds) * inner;
      pen.fillRect(x, 4 + (y - RULER) * shrink, Math.max(1, w), 1.5);
    }
  }

  paintBars(pen, take, width, height, ink) {
    pen.font = "11px system-ui, sans-serif";
    pen.fillStyle = pen.strokeStyle = ink;
    const step = this.barsBetweenLabels(take, width);
    take.bars.forEach((seconds, bar) => {
      const number = bar + (take.is_free ? 1 : take.first_bar), isEvery = (many) => (number - 1) % many === 0;
      const x = Math.round(this.xAt(width, seconds)) + 0.5;
      if (x < KEYS || x > width) return;
      const gap = (this.xAt(width, take.bars[bar + 1] ?? take.seconds) - x);
      if (gap < 6 && !isEvery(8)) return;
      pen.globalAlpha = isEvery(4) ? 0.28 : 0.12;
      pen.beginPath();
      pen.moveTo(x, RULER);
      pen.lineTo(x, height);
      pen.stroke();
      if (!isEvery(step)) return;
      pen.globalAlpha = 0.75;
      pen.fillText(take.is_free ? clock(seconds) : String(number), x + 3, 14);
    });
    pen.globalAlpha = 1;
  }

  // 1, 2, 4, 8 or more, so that numbers stand where phrases begin and do not touch; seconds by fives and tens.
  barsBetweenLabels(take, width) {
    const pixels = (this.xAt(width, take.seconds) - this.xAt(width, 0)) / Math.max(1, take.bars.length);
    const steps = take.is_free ? [1, 2, 5, 10, 30, 60, 300] : [1, 2, 4, 8, 16, 32, 64, 128];
    return steps.find((step) => step * pixels >= MIN_LABEL_GAP) ?? steps.at(-1);
  }

  paintPlayhead(view) {
    const pen = view.canvas.getContext("2d"), scale = devicePixelRatio || 1, width = view.canvas.clientWidth;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.drawImage(view.layer, 0, 0);
    pen.scale(scale, scale);
    if (this.loop) {
      const [from, to] = this.loop.map((seconds) => Math.min(width, Math.max(KEYS, this.xAt(width, seconds))));
      pen.globalAlpha = 0.16;
      pen.fillStyle = view.accent;
      pen.fillRect(from, 0, to - from, view.height);
      pen.globalAlpha = 1;
    }
    const x = this.xAt(width, this.position);
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
    const xAt = (seconds) => KEYS + (seconds / this.seconds) * (width - KEYS);
    const pen = this.strip.getContext("2d"), scale = devicePixelRatio || 1;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.drawImage(this.stripLayer, 0, 0);
    if (this.isGrowing || this.isEmpty) return;
    pen.scale(scale, scale);
    pen.fillStyle = pen.strokeStyle = accent;
    const left = xAt(this.left), shown = xAt(this.left + this.visibleSeconds) - left;
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

// Where pitches lie: pitched notes above, a row for each drum below.
class Space {
  constructor(take, aim) {
    const isDrum = (note) => take.tracks[note[4]].is_drum;
    const pitches = take.notes.filter((note) => !isDrum(note)).map((note) => note[2]);
    this.drums = [...new Set(take.notes.filter(isDrum).map((note) => note[2]))].sort((a, b) => b - a);
    const hasPitches = pitches.length > 0 || !this.drums.length;
    let low = pitches.reduce((a, b) => Math.min(a, b), 127), high = pitches.reduce((a, b) => Math.max(a, b), 0);
    if (!pitches.length) [low, high] = [55, 77];
    const missing = Math.max(0, 23 - (high - low));
    this.low = Math.max(0, low - 1 - Math.ceil(missing / 2));
    this.high = Math.min(127, high + 1 + Math.floor(missing / 2));
    const count = hasPitches ? this.high - this.low + 1 : 0;
    const drumRow = hasPitches ? DRUM_ROW : 16;
    this.drumRow = drumRow;
    const forPitches = aim - RULER - this.drums.length * drumRow;
    this.semitone = Math.min(MAX_SEMITONE, Math.max(MIN_SEMITONE, Math.floor(forPitches / Math.max(1, count))));
    this.drumTop = RULER + count * this.semitone + (hasPitches && this.drums.length ? 6 : 0);
    this.hasPitches = hasPitches;
    this.height = this.drumTop + this.drums.length * drumRow + 4;
  }

  row(pitch, isDrum) {
    if (isDrum) return [this.drumTop + this.drums.indexOf(pitch) * this.drumRow + 1, this.drumRow - 2];
    return [RULER + (this.high - pitch) * this.semitone, Math.max(2, this.semitone - 1)];
  }

  paintRows(pen, width, band, ink) {
    pen.font = "10px system-ui, sans-serif";
    for (let pitch = this.low; this.hasPitches && pitch <= this.high; pitch++) {
      const [y] = this.row(pitch, false);
      pen.globalAlpha = 0.7;
      pen.fillStyle = band;
      if (BLACK.has(pitch % 12)) pen.fillRect(KEYS, y, width - KEYS, this.semitone);
      if (pitch % 12) continue;
      pen.fillStyle = ink;
      pen.globalAlpha = 0.18;
      pen.fillRect(KEYS, y + this.semitone - 1, width - KEYS, 1);
      pen.globalAlpha = 0.75;
      pen.fillText(`C${pitch / 12 - 1}`, 8, y + this.semitone - 1);
    }
    pen.globalAlpha = 1;
    pen.fillStyle = band;
    this.drums.forEach((drum, row) => {
      const y = this.drumTop + row * this.drumRow;
      if (row % 2 === 0) pen.fillRect(KEYS, y, width - KEYS, this.drumRow);
    });
  }
}

function hasNotes(take) { return take.notes.length > 0; }

function rollHeight(numTakes) {
  const { share, least, most } = ROLL_HEIGHT[Math.min(2, Math.max(1, numTakes))];
  return Math.min(most, Math.max(least, Math.round(innerHeight * share)));
}

// Gives a canvas its size in the pixels of the screen; the pen that comes back counts in those of the page.
function fit(canvas, width, height) {
  const scale = devicePixelRatio || 1, pen = canvas.getContext("2d");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.round(height * scale);
  pen.scale(scale, scale);
  return pen;
}

function size(take) { return [take.notes.length, take.seconds]; }

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

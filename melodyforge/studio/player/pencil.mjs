// Editing by hand: mouse, keys and buttons change the notes of the take at once, and the server keeps what was done as
// versions of it. Undo and redo are the server's, so that they outlive the page. What may become of notes, score.mjs says.

import { DRAG_PIXELS, barsOfRegion, isWholeBars, noteAt, pitchAt } from "./geometry.mjs";
import { Score, joined } from "./score.mjs";

const REST_MS = 400; // without another change, until the server gets to know
const PATIENCE_MS = 20_000; // until a server that has not answered is believed to be another
const EDGE = 7, EDGE_SHARE = 0.4; // of a note at its right end, by which it is made longer: pixels, and at most that share
const OCTAVE = 12, NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];

export class Pencil {
  constructor(player) {
    Object.assign(this, { player, about: null, score: new Score(), changes: [], sent: null, isLocked: false, isOn: false, isHolding: false });
    const buttons = {
      undo: () => this.turn("undo"), redo: () => this.turn("redo"), edit: () => this.toggle(), add: () => this.add(), delete: () => this.delete(),
      longer: () => this.try(() => this.score.lengthen(1)), shorter: () => this.try(() => this.score.lengthen(-1)),
      copy: () => this.withBars("copy"), cut: () => this.withBars("delete"),
    };
    for (const [name, act] of Object.entries(buttons)) player.find(name).addEventListener("click", act);
    this.onKey = (event) => this.pressAnywhere(event);
    document.addEventListener("keydown", this.onKey);
  }

  get isFree() { return this.isOn && !this.isLocked && !!this.about; }

  get isAhead() { return this.changes.length > 0 || this.isHolding; }

  // What the server says of the take (`melodyforge.studio.editing`), null for one that cannot be edited.
  show(about) {
    const isNew = about?.take !== this.about?.take, isAnswer = about?.answered === this.sent;
    if (!isNew && this.sent && !isAnswer && Date.now() - this.sentAt < PATIENCE_MS) return this.drawNotes(); // it has not seen what was done here
    if (!isNew && this.isAhead && !isAnswer) about = { ...about, version: this.about.version }; // from which they were made
    if (about?.is_refused && this.sent) this.changes = [];
    if (isNew) Object.assign(this, { changes: [], isHolding: false, isOn: this.isOn && !!about });
    Object.assign(this, { about, sent: null, isLocked: false });
    if (this.isAhead) {
      if (this.changes.length) this.rest();
      return this.drawNotes();
    }
    const chosen = isNew ? new Set() : new Set([...this.score.chosen].map(String));
    this.score = new Score(about ?? {});
    this.score.choose(this.score.rows.filter((row) => chosen.has(String(row))));
  }

  // The notes as they are here.
  drawNotes() {
    const { take } = this.player;
    take.notes = this.score.rows.map((row) => this.score.timed(row));
    take.seconds = take.notes.reduce((end, [start, length]) => Math.max(end, start + length), take.seconds);
  }

  redraw() {
    this.drawNotes();
    this.player.musicChanged();
  }

  // ---- to the server ---------------------------------------------------------------------------------------------

  // Notes stay as they are while the server undoes something.
  try(act) { if (this.isFree) this.did(act()); }

  did(change) {
    if (!change) return;
    this.changes = joined(this.changes, change);
    this.rest();
    this.redraw();
    this.tell();
  }

  rest() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(), REST_MS);
  }

  send() {
    clearTimeout(this.timer);
    if (this.sent || !this.changes.length) return;
    const { take, created_at, version } = this.about;
    Object.assign(this, { sent: `${Math.random()}`, sentAt: Date.now() });
    this.player.component.setTriggerValue("edit", { id: this.sent, take, created_at, version, changes: this.changes });
    this.changes = [];
    this.showState();
  }

  // What the server does: nothing else is done until it has.
  ask(change) {
    if (!this.about || this.isLocked) return;
    this.changes.push(change);
    this.isLocked = true;
    this.send();
    this.showState();
  }

  turn(turn) { if (this.changes.length || this.sent || this.about?.[turn]) this.ask({ turn }); }

  withBars(act) {
    const { take, loop } = this.player;
    if (!this.isFree || !loop || !take.num_bars || !isWholeBars(take, loop)) return;
    this.score.choose([]);
    this.ask({ act, bars: barsOfRegion(take, loop) });
    if (act === "delete") this.player.setLoop(null);
  }

  // ---- buttons and keys ------------------------------------------------------------------------------------------

  toggle() {
    this.isOn = !this.isOn && !!this.about;
    if (this.isOn) this.player.root.focus({ preventScroll: true });
    this.choose([]);
  }

  choose(rows) {
    this.score.choose(rows);
    this.player.musicChanged();
    this.tell();
  }

  add() { this.try(() => this.score.add(this.score.first ? this.score.first[0] + this.score.first[1] : this.score.step(this.player.position), undefined, this.track)); }

  delete() {
    if (!this.score.chosen.size) return this.withBars("delete");
    if (this.score.chosen.size === this.score.rows.length) return this.say("A take must have a note: add another one first.");
    this.try(() => this.score.delete());
  }

  get track() { return Number(this.player.find("track").value); }

  next(direction) {
    const row = this.score.beside(direction, this.player.position);
    if (!row) return false;
    this.player.keepInSight(this.score.seconds(row[0]));
    this.choose([row]);
    return true;
  }

  // Whether a key meant something here.
  press(event) {
    const { key, shiftKey } = event, isNote = this.score.chosen.size > 0, isRoot = event.target === this.player.root;
    if (key === "e" && this.about) return this.toggle() ?? true;
    if (!this.isOn) return false;
    if (key === "Tab") return isRoot && (isNote || !shiftKey) && this.next(shiftKey ? -1 : 1);
    if (key === "Escape" && !isNote && !this.player.loop) return this.toggle() ?? true;
    const up = (semitones) => () => this.moveUp(shiftKey ? OCTAVE * semitones : semitones);
    const always = { ArrowUp: up(1), ArrowDown: up(-1), n: () => this.add(), c: () => this.withBars("copy"), Delete: () => this.delete(), Backspace: () => this.delete() };
    const ofNotes = {
      ArrowRight: () => this.try(() => (shiftKey ? this.score.lengthen(1) : this.score.shift(1))), Escape: () => this.choose([]),
      ArrowLeft: () => this.try(() => (shiftKey ? this.score.lengthen(-1) : this.score.shift(-1))),
    };
    const act = always[key] ?? (isNote ? ofNotes[key] : undefined);
    act?.();
    return !!act;
  }

  // Chosen notes, or those that begin in the selected bars.
  moveUp(semitones) {
    const { loop } = this.player;
    if (!this.score.chosen.size && loop) this.score.choose(this.score.between(...loop));
    this.try(() => this.score.move(semitones, 0));
  }

  pressAnywhere(event) {
    const [target] = event.composedPath(), key = event.key.toLowerCase();
    if (!(event.ctrlKey || event.metaKey) || !"zy".includes(key) || /INPUT|TEXTAREA/.test(target.tagName) || target.isContentEditable || !this.about) return;
    event.preventDefault();
    this.turn(key === "y" || event.shiftKey ? "redo" : "undo");
  }

  // ---- the mouse -------------------------------------------------------------------------------------------------

  // The note at a point of a roll, and whether the point is at its end.
  at({ offsetX, offsetY }, { canvas, space }) {
    const found = noteAt(this.player.take, this.player.viewport, space, canvas.clientWidth, offsetX, offsetY);
    return found && { row: this.score.rows[found.index], isEnd: found.right - offsetX < Math.min(EDGE, EDGE_SHARE * found.width) };
  }

  cursor(event, view) {
    const found = this.isFree ? this.at(event, view) : null;
    return !this.isFree ? "" : !found ? "crosshair" : found.isEnd ? "ew-resize" : "move";
  }

  // What a press takes hold of: null for nothing, else what follows when the pointer moves, is let go, or taken away.
  grab(event, view) {
    const found = this.isFree ? this.at(event, view) : null;
    if (!found && this.isFree) this.choose([]);
    if (!found) return null;
    const { score } = this, { row, isEnd } = found, { chosen } = score;
    if (event.shiftKey) this.choose(chosen.has(row) ? [...chosen].filter((one) => one !== row) : [...chosen, row]);
    else if (!chosen.has(row)) this.choose([row]);
    return this.hold(row, isEnd, event, view);
  }

  hold(row, isEnd, from, view) {
    const { score } = this, { rows } = score, chosen = [...score.chosen], isDrum = this.player.take.tracks[row[2]].is_drum;
    const stepAt = ({ offsetX }) => score.step(this.player.viewport.secondsAt(view.canvas.clientWidth, offsetX));
    const pitch = (event) => pitchAt(view.space, event.offsetY, isDrum), { space } = view, grabbed = stepAt(from);
    let change = null, isMoving = false;
    this.isHolding = true;
    const back = () => { score.rows = rows; score.choose(chosen); };
    const cancel = () => {
      this.isHolding = false;
      back();
      this.redraw();
    };
    return {
      to: (event) => {
        isMoving ||= Math.hypot(event.offsetX - from.offsetX, event.offsetY - from.offsetY) >= DRAG_PIXELS;
        if (!isMoving || !this.isFree) return;
        back();
        const by = stepAt(event) - grabbed;
        change = isEnd ? score.endAt(Math.max(row[0] + 1, score.snap(row[0] + row[1] + by))) : score.move(pitch(event) - pitch(from), score.snap(row[0] + by) - row[0]);
        this.redraw();
        view.space = space; // pitches stay where they are while a note is held
      },
      drop: () => {
        if (!this.isFree || score !== this.score) return cancel();
        this.isHolding = false;
        this.did(change);
      },
      cancel,
    };
  }

  // Where nothing is, by a double click.
  addAt(event, view) {
    if (!this.isFree || this.at(event, view)) return;
    const { take, viewport } = this.player, isDrum = view.space.isDrumAt(event.offsetY);
    const step = this.score.step(viewport.secondsAt(view.canvas.clientWidth, event.offsetX)) - this.score.grid / 2;
    const track = take.tracks[this.track]?.is_drum === isDrum ? this.track : take.tracks.findIndex((one) => one.is_drum === isDrum);
    this.try(() => this.score.add(Math.max(0, step), pitchAt(view.space, event.offsetY, isDrum), track));
  }

  // ---- what is shown ---------------------------------------------------------------------------------------------

  isChosen(index) { return this.score.chosen.has(this.score.rows[index]); }

  tell() {
    const { chosen, first } = this.score, { take } = this.player;
    if (!first) return this.say("Drag notes, or Tab and arrows");
    const bar = this.score.bars.findLastIndex((step) => step <= first[0]) + take.first_bar;
    const name = take.tracks[first[2]].is_drum ? "drum" : `${NAMES[first[3] % OCTAVE]}${Math.floor(first[3] / OCTAVE) - 1}`;
    this.say(`${chosen.size > 1 ? `${chosen.size} notes from ` : ""}${name}${take.is_free ? "" : ` in bar ${bar}`}`);
  }

  say(words) { this.player.find("chosen").textContent = words; }

  showState() {
    const { player } = this, set = (name, isOff) => { player.find(name).disabled = isOff; }, isBusy = this.isLocked || !this.about;
    for (const name of ["undo", "redo", "edit"]) player.find(name).hidden = !this.about;
    for (const name of ["undo", "redo"]) {
      set(name, isBusy || !(this.about[name] || (name === "undo" && (this.sent || this.changes.length))));
      player.find(name).title = `${name === "undo" ? "Undo" : "Redo"}${this.about?.[name] ? `: ${this.about[name]}` : ""} (Ctrl+${name === "undo" ? "" : "Shift+"}Z)`;
    }
    player.find("edit").setAttribute("aria-pressed", String(this.isOn));
    player.root.toggleAttribute("data-editing", this.isOn);
    player.find("tools").hidden = !this.isOn;
    const isNote = this.score.chosen.size > 0, { loop, take } = player;
    for (const name of ["longer", "shorter"]) set(name, isBusy || !isNote);
    set("add", isBusy);
    set("delete", isBusy || !isNote);
    for (const name of ["copy", "cut"]) set(name, isBusy || !loop || !take?.num_bars || !isWholeBars(take, loop));
    this.showTracks();
  }

  showTracks() {
    const { take, find } = this.player, field = find("track"), names = (take?.tracks ?? []).map((one) => one.name);
    find("of").hidden = names.length < 2;
    if (String(names) !== String([...field.options].map((one) => one.textContent))) field.replaceChildren(...names.map((name, index) => new Option(name, index)));
    if (this.score.first) field.value = this.score.first[2];
  }

  close() {
    this.send();
    document.removeEventListener("keydown", this.onKey);
  }
}

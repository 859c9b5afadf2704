// A piano keyboard to play a few notes on: by mouse, finger or computer keys. Sounds by the browser's own oscillators.

import { USUAL_FIRST, frequency, keysFrom, moved, pitchOf, rangeName, words } from "./keys.mjs";

export default function (component) {
  const root = component.parentElement.querySelector(".keyboard");
  const keyboard = (root.keyboard ??= new Keyboard(root));
  keyboard.component = component;
  return () => keyboard.silence();
}

class Keyboard {
  constructor(root) {
    this.root = root;
    this.first = USUAL_FIRST;
    this.sounding = new Map(); // pitch -> oscillator and start
    this.notes = [];
    this.isRecording = false;
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.find("record").addEventListener("click", () => this.record(!this.isRecording));
    this.find("clear").addEventListener("click", () => { this.notes = []; this.send(); });
    this.find("down").addEventListener("click", () => this.move(-12));
    this.find("up").addEventListener("click", () => this.move(12));
    root.addEventListener("keydown", (event) => this.press(event, true));
    root.addEventListener("keyup", (event) => this.press(event, false));
    root.addEventListener("blur", () => this.silence());
    this.listenTo(this.find("keys"));
    this.paint();
  }

  listenTo(keys) {
    const held = new Map(); // pointer -> pitch
    const pitchAt = (event) => {
      const key = this.root.getRootNode().elementFromPoint(event.clientX, event.clientY);
      return key?.dataset?.pitch ? Number(key.dataset.pitch) : null;
    };
    const release = (event) => {
      if (held.has(event.pointerId)) this.stop(held.get(event.pointerId));
      held.delete(event.pointerId);
    };
    keys.addEventListener("pointerdown", (event) => {
      const pitch = pitchAt(event);
      if (pitch === null) return;
      keys.setPointerCapture(event.pointerId);
      held.set(event.pointerId, pitch);
      this.start(pitch);
    });
    keys.addEventListener("pointermove", (event) => {
      const pitch = pitchAt(event);
      if (!held.has(event.pointerId) || pitch === null || held.get(event.pointerId) === pitch) return;
      this.stop(held.get(event.pointerId));
      held.set(event.pointerId, pitch);
      this.start(pitch);
    });
    keys.addEventListener("pointerup", release);
    keys.addEventListener("pointercancel", release);
  }

  press(event, isDown) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const letter = event.key.toLowerCase(), pitch = pitchOf(letter, this.first);
    if (pitch !== null) {
      if (isDown && !event.repeat) this.start(pitch);
      if (!isDown) this.stop(pitch);
    } else if (isDown && letter === "z") this.move(-12);
    else if (isDown && letter === "x") this.move(12);
    else return;
    event.preventDefault();
    event.stopPropagation(); // Streamlit has shortcuts on single letters
  }

  start(pitch) {
    if (this.sounding.has(pitch) || pitch > 127) return;
    this.context ??= new AudioContext();
    this.context.resume();
    const now = this.context.currentTime, tone = this.context.createOscillator(), loudness = this.context.createGain();
    tone.type = "triangle";
    tone.frequency.value = frequency(pitch);
    loudness.gain.setValueAtTime(0, now);
    loudness.gain.linearRampToValueAtTime(0.25, now + 0.01);
    loudness.gain.exponentialRampToValueAtTime(0.05, now + 1.5);
    tone.connect(loudness).connect(this.context.destination);
    tone.start();
    this.sounding.set(pitch, { tone, loudness, at: performance.now() });
    this.light(pitch, true);
  }

  stop(pitch) {
    const note = this.sounding.get(pitch);
    if (!note) return;
    this.sounding.delete(pitch);
    const now = this.context.currentTime;
    note.loudness.gain.cancelScheduledValues(now);
    note.loudness.gain.setTargetAtTime(0, now, 0.05);
    note.tone.stop(now + 0.4);
    this.light(pitch, false);
    if (!this.isRecording) return;
    this.notes.push([pitch, note.at / 1000, (performance.now() - note.at) / 1000]);
    this.say();
  }

  silence() { [...this.sounding.keys()].forEach((pitch) => this.stop(pitch)); }

  record(isOn) {
    if (!isOn) this.silence();
    else this.notes = [];
    this.isRecording = isOn;
    this.find("record").setAttribute("aria-pressed", String(isOn));
    this.find("record").textContent = isOn ? "■ Done" : "● Record";
    if (isOn) this.root.focus();
    else this.send();
    this.say();
  }

  send() {
    this.component.setStateValue("notes", this.notes);
    this.say();
  }

  move(semitones) {
    this.silence();
    this.first = moved(this.first, semitones);
    this.paint();
  }

  say() {
    this.find("words").textContent = words(this.notes.length, this.isRecording);
  }

  light(pitch, isOn) { this.root.querySelector(`[data-pitch="${pitch}"]`)?.classList.toggle("down", isOn); }

  paint() {
    this.find("keys").replaceChildren(...keysFrom(this.first).map(({ pitch, isBlack, left, width, letter }) => {
      const key = document.createElement("div"), label = document.createElement("span");
      key.className = `key ${isBlack ? "black" : "white"}`;
      key.dataset.pitch = pitch;
      key.style.left = `${left}%`;
      key.style.width = `${width}%`;
      label.textContent = letter;
      key.append(label);
      return key;
    }));
    this.find("octave").textContent = rangeName(this.first);
    this.say();
  }
}

// A small roll that plays: pressed, pointed at, or called by its number on the keyboard. One sounds at a time.

import { players, isTyping } from "./players.mjs";

const BEFORE_HOVER_MS = 350; // who only passes by hears nothing
const SOUNDS = "melody-forge-sounds"; // what a roll that begins tells the others

export default function ({ parentElement, data }) {
  const button = parentElement.querySelector(".small");
  const roll = (button.roll ??= new Roll(button));
  roll.show(data);
  return () => roll.close();
}

class Roll {
  constructor(button) {
    this.button = button;
    this.find = (name) => button.querySelector(`[data-part="${name}"]`);
    this.audio = new Audio();
    this.audio.preload = "none"; // the server renders what is asked for
    for (const name of ["play", "pause", "ended", "error"]) this.audio.addEventListener(name, () => this.showState());
    button.addEventListener("click", () => this.click());
    button.addEventListener("pointerenter", (event) => this.enter(event));
    button.addEventListener("pointerleave", () => this.leave());
    this.onKey = (event) => this.press(event);
    this.onSound = (event) => { if (event.detail !== this) this.stop(); };
    addEventListener("keydown", this.onKey);
    addEventListener(SOUNDS, this.onSound);
  }

  get isPlaying() { return !this.audio.paused; }

  show(data) {
    if (this.data?.audio !== data.audio) {
      this.stop();
      data.audio ? (this.audio.src = data.audio) : this.audio.removeAttribute("src");
    }
    if (this.data?.svg !== data.svg) this.find("drawing").innerHTML = data.svg; // numbers and colours of our own
    this.data = data;
    this.find("number").textContent = data.number || "";
    this.find("length").textContent = data.audio ? clock(data.seconds) : "";
    this.button.disabled = !data.audio;
    this.button.title = data.number ? `Play (key ${data.number})` : "Play";
    this.showState();
  }

  play() {
    if (!this.data.audio) return;
    dispatchEvent(new CustomEvent(SOUNDS, { detail: this }));
    this.others = players();
    this.others.forEach((player) => player.pause());
    this.audio.currentTime = 0;
    this.audio.play().then(() => this.run(), () => this.showState());
  }

  stop() { this.audio.pause(); }

  // What plays because it is pointed at goes on when it is pressed.
  click() {
    clearTimeout(this.timer);
    if (!this.isPlaying) this.play();
    else if (!this.isPointedAt) this.stop();
    this.isPointedAt = false;
  }

  enter(event) {
    if (!this.data.number || event.pointerType !== "mouse" || this.isPlaying) return;
    this.timer = setTimeout(() => { this.isPointedAt = true; this.play(); }, BEFORE_HOVER_MS);
  }

  leave() {
    clearTimeout(this.timer);
    if (this.isPointedAt) this.stop();
    this.isPointedAt = false;
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    if (!this.data.number || event.key !== String(this.data.number)) return;
    clearTimeout(this.timer);
    this.isPointedAt = false;
    this.isPlaying ? this.stop() : this.play();
  }

  run() {
    if (!this.isPlaying) return;
    if (this.others.some((player) => player.isPlaying)) this.stop();
    this.find("head").style.left = `${(100 * this.audio.currentTime) / (this.data.seconds || 1)}%`;
    requestAnimationFrame(() => this.run());
  }

  showState() {
    this.button.setAttribute("aria-pressed", String(this.isPlaying));
    this.button.setAttribute("aria-label", `${this.isPlaying ? "Pause" : "Play"} ${this.data.name}`);
  }

  close() {
    clearTimeout(this.timer);
    this.stop();
    removeEventListener("keydown", this.onKey);
    removeEventListener(SOUNDS, this.onSound);
    delete this.button.roll;
  }
}

function clock(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

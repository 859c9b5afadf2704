// A row for each part: its colour and name, mute, solo, volume, instrument. Knows the page, not the sound.

import { FULL } from "./mixer.mjs";

export class Rows {
  // place: where they go; instruments: a template of options; onChange: gets a name and what is set; onNear: somebody is there.
  constructor(place, instruments, { onChange, onNear }) {
    Object.assign(this, { place, instruments, onChange });
    this.rows = new Map(); // by name
    for (const kind of ["pointerenter", "focusin", "pointerdown"]) place.addEventListener(kind, onNear);
  }

  // parts: of all takes, each name once; those that are there keep their place in the page.
  show(parts, mixer, colours, isOn) {
    const names = parts.map((part) => part.name);
    if (String(names) !== String([...this.rows.keys()])) {
      this.rows = new Map(parts.map((part) => [part.name, this.rows.get(part.name) ?? this.make(part)]));
      this.place.replaceChildren(...[...this.rows.values()].map((row) => row.element));
    }
    this.place.dataset.parts = parts.length === 1 ? "one" : "several";
    for (const part of parts) this.update(this.rows.get(part.name), part, mixer, colours.get(part.name), isOn);
  }

  make(part) {
    const { name } = part, element = document.createElement("div");
    element.className = "part";
    element.setAttribute("role", "group");
    element.setAttribute("aria-label", name);
    const swatch = document.createElement("i"), label = document.createElement("span");
    label.className = "name";
    label.textContent = label.title = name;
    const mute = this.button("M", `Mute ${name}`, "Mute: silent while the others play", () => this.onChange(name, { isMuted: !isPressed(mute) }));
    const solo = this.button("S", `Solo ${name}`, "Solo: heard alone", () => this.onChange(name, { isSolo: !isPressed(solo) }));
    const volume = this.volume(name);
    const row = { element, swatch, mute, solo, volume, isDrum: part.is_drum };
    row.instrument = part.is_drum ? document.createElement("span") : this.instrument(name);
    if (part.is_drum) row.instrument.className = "instrument";
    element.append(swatch, label, mute, solo, volume, row.instrument);
    return row;
  }

  button(text, name, title, act) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: text, title });
    button.setAttribute("aria-label", name);
    button.addEventListener("click", act);
    return button;
  }

  volume(name) {
    const volume = document.createElement("input");
    Object.assign(volume, { type: "range", min: 0, max: FULL, step: 1 });
    volume.setAttribute("aria-label", `Volume of ${name}`);
    volume.addEventListener("input", () => this.onChange(name, { volume: Number(volume.value) }));
    volume.addEventListener("dblclick", () => this.onChange(name, { volume: FULL }));
    return volume;
  }

  instrument(name) {
    const choice = document.createElement("select");
    choice.className = "instrument";
    choice.setAttribute("aria-label", `Instrument of ${name}`);
    choice.append(this.instruments.content.cloneNode(true));
    choice.addEventListener("change", () => this.onChange(name, { program: Number(choice.value) }));
    return choice;
  }

  update(row, part, mixer, colour, isOn) {
    const { volume, isMuted, isSolo } = mixer.of(part.name);
    row.swatch.style.background = colour;
    row.mute.setAttribute("aria-pressed", String(isMuted));
    row.solo.setAttribute("aria-pressed", String(isSolo));
    row.volume.value = volume;
    row.volume.title = `Volume: ${volume} %, double click for all of it`;
    row.volume.setAttribute("aria-valuetext", `${volume} percent`);
    if (!row.isDrum) row.instrument.value = mixer.program(part);
    row.element.dataset.heard = mixer.heard(part.name) > 0;
    for (const control of [row.mute, row.solo, row.volume, row.instrument]) control.disabled = !isOn;
  }
}

function isPressed(button) { return button.getAttribute("aria-pressed") === "true"; }

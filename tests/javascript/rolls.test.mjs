// Small rolls: what a press, pointing at one, and a number on the keyboard do.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import show from "../../melodyforge/studio/rolls/rolls.js";
import { isTyping } from "../../melodyforge/studio/rolls/players.mjs";

class Sound extends EventTarget {
  paused = true;
  async play() { this.paused = false; }
  pause() { this.paused = true; }
  removeAttribute() {}
}

class Button extends EventTarget {
  part = { style: {} };
  setAttribute() {}
  querySelector() { return this.part; }
  send(type, about = {}) { this.dispatchEvent(Object.assign(new Event(type), about)); }
}

const page = new EventTarget();
let button;

beforeEach(() => {
  Object.assign(globalThis, { Audio: Sound, document: { querySelectorAll: () => [] }, requestAnimationFrame() {} });
  for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"]) globalThis[name] = page[name].bind(page);
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  button = new Button();
  show({ parentElement: { querySelector: () => button }, data: { name: "one", number: 1, svg: "", seconds: 2, audio: "x.wav" } });
});

const pointAt = () => button.send("pointerenter", { pointerType: "mouse" });

test("what is pointed at plays after a moment, until the pointer leaves", () => {
  pointAt();
  assert.equal(button.roll.isPlaying, false);
  mock.timers.tick(400);
  assert.equal(button.roll.isPlaying, true);
  button.send("pointerleave");
  assert.equal(button.roll.isPlaying, false);
});

test("what is pressed plays on when the pointer leaves, however long it was pointed at before", () => {
  for (const before of [100, 400]) {
    pointAt();
    mock.timers.tick(before);
    button.send("click");
    mock.timers.tick(400);
    button.send("pointerleave");
    assert.equal(button.roll.isPlaying, true, `pressed after ${before} ms`);
    button.send("click");
    assert.equal(button.roll.isPlaying, false);
  }
});

test("keys are numbers of rolls wherever nothing is written", () => {
  const at = (target) => ({ composedPath: () => [target] });
  assert.equal(isTyping(at({ tagName: "INPUT", type: "checkbox" })), false);
  assert.equal(isTyping(at({ tagName: "DIV" })), false);
  for (const target of [{ tagName: "INPUT", type: "text" }, { tagName: "INPUT", type: "number" }, { tagName: "TEXTAREA" }, { tagName: "DIV", isContentEditable: true }]) {
    assert.equal(isTyping(at(target)), true);
  }
});

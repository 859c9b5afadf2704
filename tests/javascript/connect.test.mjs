// What a page does before Streamlit: it knows its server, keeps "Back" whole, and says why it is not connected.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

const SCRIPT = readFileSync(new URL("../../melodyforge/studio/connect.js", import.meta.url), "utf-8");

// A browser's window at an address; `entries` is what "Back" leads through, the newest last.
function open(address, answer = { ok: true, text: async () => "" }) {
  const location = new URL(address), entries = [location.href], listeners = {}, timers = [], asked = [], lines = [];
  const go = (url) => { location.href = new URL(url, location).href; };
  const window = {
    PAGES: ["takes", "train", "data"], URL, RegExp, encodeURIComponent, location, window: {},
    history: {
      state: null,
      pushState: (state, unused, url) => { go(url ?? location); entries.push(location.href); },
      replaceState: (state, unused, url) => { go(url ?? location); entries[entries.length - 1] = location.href; },
    },
    addEventListener: (name, act) => { listeners[name] = act; },
    fetch: async (url) => { asked.push(url); return answer; },
    setTimeout: (act, milliseconds) => timers.push({ act, milliseconds }),
    setInterval: (act) => timers.push({ act }) - 1,
    clearInterval: (number) => { timers[number] = null; },
    isConnected: false,
    document: {
      querySelector: () => (window.isConnected ? {} : null),
      createElement: () => ({ setAttribute() {}, style: {}, remove() { lines.splice(lines.indexOf(this), 1); } }),
      body: { append: (line) => lines.push(line) },
    },
  };
  runInNewContext(SCRIPT, window);
  return { window, entries, timers, asked, lines, load: () => listeners.load() };
}

test("the server is where the page is, less the page's name", () => {
  const bases = {
    "http://localhost:8501/": "http://localhost:8501/",
    "http://localhost:8501/takes": "http://localhost:8501/",
    "https://example.org/music/train?x=1": "https://example.org/music/",
    "https://example.org/retakes": "https://example.org/retakes",
  };
  for (const [address, base] of Object.entries(bases)) assert.equal(open(address).window.window.__streamlit.BACKEND_BASE_URL, base);
});

test("new wishes on the same page are no entry to come back from, a new page is one", () => {
  const { window, entries } = open("http://localhost/");
  window.history.pushState(null, "", "/?tempo=90");
  window.history.pushState(null, "", "/?tempo=120");
  assert.deepEqual(entries, ["http://localhost/?tempo=120"]);
  window.history.pushState(null, "", "/"); // as before every new page
  window.history.pushState(null, "", "/takes");
  window.history.pushState(null, "", "/takes");
  window.history.pushState(null, "", "/train");
  assert.deepEqual(entries, ["/?tempo=120", "/takes", "/train"].map((path) => `http://localhost${path}`));
});

test("leaving a page by way of the next one's wishes comes back to its own", () => {
  const { window, entries } = open("http://localhost/?unit=bars");
  window.history.pushState(null, "", "/"); // Streamlit: this page without wishes, then the next one
  window.history.pushState(null, "", "/takes");
  assert.deepEqual(entries, ["http://localhost/?unit=bars", "http://localhost/takes"]);
});

test("a page that the server refuses says why at once", async () => {
  const { load, asked, lines, timers } = open("https://evil.example/takes", { ok: true, text: async () => "This is not yours." });
  await load();
  assert.deepEqual(asked, ["https://evil.example/refused?origin=https%3A%2F%2Fevil.example"]);
  assert.deepEqual(lines.map((line) => line.textContent), ["This is not yours."]);
  assert.equal(timers.length, 1); // it watches whether the connection comes after all
});

test("a connection that does not come is told after a while, and no longer once it has come", async () => {
  const { window, load, lines, timers } = open("http://localhost/");
  await load();
  assert.deepEqual(lines, []);
  assert.equal(timers[0].milliseconds, 10_000);
  timers[0].act();
  assert.match(lines[0].textContent, /WebSocket/);
  timers[1].act();
  assert.equal(lines.length, 1); // still not
  window.isConnected = true;
  timers[1].act();
  assert.deepEqual([lines.length, timers[1]], [0, null]);
});

test("a connection in time is not spoken of, also where the server cannot be asked", async () => {
  for (const answer of [{ ok: true, text: async () => "" }, { ok: false, text: async () => "a proxy's page" }]) {
    const { window, load, lines, timers } = open("http://localhost/", answer);
    await load();
    window.isConnected = true;
    timers[0].act();
    assert.deepEqual(lines, []);
  }
});

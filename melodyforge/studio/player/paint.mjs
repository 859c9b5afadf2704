// Draws rolls, playhead and strip on canvas. Where things are, geometry.mjs says; what is drawn, the player.

import { CHORDS, KEYS, STRIP_HEIGHT, barLines, noteBoxes, stripLines, wordsAbove } from "./geometry.mjs";

const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f6fd1", "#8a9a1f"];
const COLOURS_ON_DARK = ["#4db2f0", "#ff8a3d", "#2ec99a", "#e6a0c8", "#ffc247", "#8fd0ff", "#a99bf5", "#b9c94a"];
const SMALL = "10px system-ui, sans-serif", PLAIN = "11px system-ui, sans-serif", BOLD = "600 12px system-ui, sans-serif";

// Of the page as it is now.
export function themeOf(root) {
  const style = getComputedStyle(root), [red, green, blue] = (style.color.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number);
  const isDark = red + green + blue > 384; // light ink stands on dark ground
  const [ground, band, accent] = ["--ground", "--band", "--accent"].map((name) => style.getPropertyValue(name));
  return { ink: style.color, ground, band, accent, colours: isDark ? COLOURS_ON_DARK : COLOURS };
}

// Gives a canvas its size in the pixels of the screen; the pen that comes back counts in those of the page.
export function fit(canvas, width, height) {
  const scale = devicePixelRatio || 1, pen = canvas.getContext("2d");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.round(height * scale);
  pen.scale(scale, scale);
  return pen;
}

// A take without what moves.
export function paintMusic(pen, { take, viewport, space, width, theme, colourOf, isHeard, isChosen }) {
  pen.fillStyle = theme.ground;
  pen.fillRect(0, 0, width, space.height);
  paintRows(pen, space, width, theme);
  paintBars(pen, take, viewport, space, width, theme);
  paintChords(pen, take, viewport, width, theme);
  pen.save();
  pen.beginPath();
  pen.rect(KEYS, space.ruler, width - KEYS, space.height - space.ruler);
  pen.clip();
  for (const box of noteBoxes(take, viewport, space, width, isHeard)) {
    pen.globalAlpha = box.alpha;
    pen.fillStyle = colourOf(box.name);
    pen.beginPath();
    pen.roundRect(box.x, box.y, box.width, box.height, box.radius);
    pen.fill();
    if (isChosen(box.index)) paintChosen(pen, box, theme);
  }
  pen.restore();
}

function paintChosen(pen, { x, y, width, height }, { ink }) {
  pen.globalAlpha = 1;
  pen.strokeStyle = ink;
  pen.lineWidth = 2;
  pen.strokeRect(x - 1, y - 1, width + 2, height + 2);
}

function paintRows(pen, space, width, { ink, band }) {
  pen.font = SMALL;
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

// Lines and numbers of bars, and the letters of sections before the numbers.
function paintBars(pen, take, viewport, space, width, { ink, accent }) {
  const base = space.ruler - 6, letters = new Map();
  pen.font = BOLD;
  for (const { x, text } of wordsAbove(take.sections ?? [], viewport, width, (one) => pen.measureText(one).width)) {
    letters.set(Math.round(x) + 0.5, pen.measureText(text).width + 4);
    pen.fillStyle = accent;
    pen.fillText(text, x + 3, base);
  }
  pen.font = PLAIN;
  pen.fillStyle = pen.strokeStyle = ink;
  for (const { x, isStrong, label } of barLines(take, viewport, width)) {
    pen.globalAlpha = isStrong ? 0.28 : 0.12;
    pen.beginPath();
    pen.moveTo(x, space.ruler);
    pen.lineTo(x, space.height);
    pen.stroke();
    if (!label) continue;
    pen.globalAlpha = 0.75;
    pen.fillText(label, x + 3 + (letters.get(x) ?? 0), base);
  }
  pen.globalAlpha = 1;
}

function paintChords(pen, take, viewport, width, { ink }) {
  pen.font = BOLD;
  pen.fillStyle = ink;
  for (const { x, text } of wordsAbove(take.chords ?? [], viewport, width, (one) => pen.measureText(one).width)) pen.fillText(text, x + 3, CHORDS - 4);
}

// A take's layer with what is selected and the playhead; `position` is null where there is none.
export function paintPlayhead(canvas, layer, { viewport, loop, position, height, theme }) {
  const pen = canvas.getContext("2d"), scale = devicePixelRatio || 1, width = canvas.clientWidth;
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.drawImage(layer, 0, 0);
  pen.scale(scale, scale);
  pen.fillStyle = theme.accent;
  if (loop) {
    const [from, to] = loop.map((seconds) => Math.min(width, Math.max(KEYS, viewport.xAt(width, seconds))));
    pen.globalAlpha = 0.16;
    pen.fillRect(from, 0, to - from, height);
    pen.globalAlpha = 1;
    pen.fillRect(from, 0, to - from, 2);
  }
  const x = viewport.xAt(width, position);
  if (position === null || x < KEYS - 1 || x > width) return;
  pen.fillRect(x - 1, 0, 2, height);
  pen.beginPath();
  pen.moveTo(x - 6, 0);
  pen.lineTo(x + 6, 0);
  pen.lineTo(x, 8);
  pen.fill();
}

// The strip's layer: all notes in small.
export function paintSmall(pen, { take, viewport, space, width, theme, colourOf, isHeard }) {
  pen.fillStyle = theme.ground;
  pen.fillRect(0, 0, width, STRIP_HEIGHT);
  for (const line of stripLines(take, viewport.seconds, space, width)) {
    pen.globalAlpha = isHeard(line.name) ? 0.75 : 0.2;
    pen.fillStyle = colourOf(line.name);
    pen.fillRect(line.x, line.y, line.width, 1.5);
  }
}

// The strip with the part that is in view, what is selected, and the playhead.
export function paintStrip(canvas, layer, { viewport, loop, position, theme }) {
  const pen = canvas.getContext("2d"), scale = devicePixelRatio || 1, width = canvas.clientWidth;
  const xAt = (seconds) => KEYS + (seconds / viewport.seconds) * (width - KEYS);
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.drawImage(layer, 0, 0);
  if (position === null || !theme) return;
  pen.scale(scale, scale);
  pen.fillStyle = pen.strokeStyle = theme.accent;
  const { left: from, visibleSeconds } = viewport, left = xAt(from), shown = xAt(from + visibleSeconds) - left;
  pen.globalAlpha = 0.12;
  pen.fillRect(left, 0, shown, STRIP_HEIGHT);
  if (loop) pen.fillRect(xAt(loop[0]), 0, xAt(loop[1]) - xAt(loop[0]), STRIP_HEIGHT);
  pen.globalAlpha = 0.6;
  pen.strokeRect(left + 0.5, 0.5, shown - 1, STRIP_HEIGHT - 1);
  pen.globalAlpha = 1;
  pen.fillRect(xAt(position) - 0.75, 0, 1.5, STRIP_HEIGHT);
}

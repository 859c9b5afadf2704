// What of the music is in view, and where it is drawn: seconds, bars, pixels. Knows neither the page nor the sound.
//
// A take is what `melodyforge.music.timeline` says of a piece; pixels are those of the page, from a roll's upper left.

export const RULER = 20, CHORDS = 18, KEYS = 34, STRIP_HEIGHT = 40; // pixels: above the notes, above that for chords, left of the notes; all of the strip
export const MAX_ZOOM = 64, CLOSE_SECONDS = 0.03, DRAG_PIXELS = 5;
const DRUM_ROW = 9, LONE_DRUM_ROW = 16, MIN_SEMITONE = 3, MAX_SEMITONE = 24, MIN_SEMITONES = 23, MIN_LABEL_GAP = 36, MIN_BAR_GAP = 6;
const MIN_HIT = 8; // pixels
const GAP = 6, FOOT = 4; // pixels: between pitches and drums, below all
const PIXELS_A_SECOND = 24, MIN_BARS = 6; // at first; the strip below shows the whole piece
const ROLL_HEIGHT = { 1: { share: 0.46, least: 300, most: 560 }, 2: { share: 0.28, least: 200, most: 320 } }; // of the window
const SILENT_ALPHA = 0.16; // of notes that are not heard
const MIN_LOOP_SECONDS = 0.05, LOOP_BARS = 4;
const BLACK = new Set([1, 3, 6, 8, 10]);

const within = (least, value, most) => Math.min(most, Math.max(least, value));

export function hasNotes(take) { return take.notes.length > 0; }

// Of the longest of several takes that are shown with the same playhead.
export function longest(takes) { return Math.max(1, ...takes.map((take) => take.seconds)); }

// The part of the music that the rolls show.
export class Viewport {
  constructor(seconds = 1, zoom = 1) {
    this.seconds = seconds; // of all the music
    this.zoom = zoom;
    this.left = 0; // seconds at the left edge
  }

  get visibleSeconds() { return this.seconds / this.zoom; }

  xAt(width, seconds) { return KEYS + ((seconds - this.left) / this.visibleSeconds) * (width - KEYS); }

  secondsAt(width, x) {
    const share = (x - KEYS) / (width - KEYS);
    return within(0, this.left + share * this.visibleSeconds, this.seconds);
  }

  // What lies at `around` stays where it is, or comes to the edge where it was out of sight.
  zoomBy(factor, around) {
    const share = (around - this.left) / this.visibleSeconds;
    this.zoom = within(1, this.zoom * factor, MAX_ZOOM);
    this.scrollTo(around - within(0, share, 1) * this.visibleSeconds);
  }

  scrollTo(seconds) { this.left = within(0, seconds, this.seconds - this.visibleSeconds); }

  // Where to scroll so that a playhead is seen; null while it is.
  leftToSee(position) {
    const share = (position - this.left) / this.visibleSeconds;
    return this.zoom > 1 && (share < 0 || share > 0.92) ? position - 0.1 * this.visibleSeconds : null;
  }

  holds(start, length) { return start <= this.left + this.visibleSeconds && start + length >= this.left; }
}

// So that notes of a take are wide enough to be told apart, on a roll of so many pixels.
export function usualZoom(take, seconds, width) {
  const shown = Math.max((width - KEYS) / PIXELS_A_SECOND, take.bars[MIN_BARS] ?? 0); // seconds
  return within(1, seconds / shown, MAX_ZOOM);
}

// ---- bars --------------------------------------------------------------------------------------------------------

export function barBefore(take, seconds) { return take.bars.filter((bar) => bar < seconds - CLOSE_SECONDS).at(-1) ?? 0; }
export function barAfter(take, seconds) { return take.bars.find((bar) => bar > seconds + CLOSE_SECONDS) ?? take.seconds; }

// The bar that a position lies in, from 0; just before a bar line it lies behind it. Notes begin in bars up to the last.
export function barAt(take, seconds) {
  const bar = take.bars.findLastIndex((start) => start <= seconds + CLOSE_SECONDS);
  return within(0, bar, Math.max(0, (take.num_bars || take.bars.length) - 1));
}

// Where some bars lie, from the first to the last of them, however they are given.
export function regionOfBars(take, one, other) {
  const [first, last] = [one, other].map((bar) => barAt(take, take.bars[within(0, bar, take.bars.length - 1)])).sort((a, b) => a - b);
  return [take.bars[first], take.bars[last + 1] ?? take.seconds];
}

// The bars that a region touches, from 0.
export function barsOfRegion(take, [from, to]) { return [barAt(take, from), Math.max(barAt(take, from), barAt(take, to - 2 * CLOSE_SECONDS))]; }

// Whether a region begins and ends with bars.
export function isWholeBars(take, loop) {
  const whole = regionOfBars(take, ...barsOfRegion(take, loop));
  return whole.every((seconds, end) => Math.abs(seconds - loop[end]) < CLOSE_SECONDS);
}

// Four bars from the one that a position lies in; just before a bar line it lies behind it.
export function barsAround(take, position) {
  const from = barBefore(take, position + 2 * CLOSE_SECONDS);
  let to = from;
  for (let bar = 0; bar < LOOP_BARS; bar++) to = barAfter(take, to);
  return [from, Math.max(to, from + 0.5)];
}

// A region to repeat; null for one that is too short to be meant.
export function region(from, to) { return to - from > MIN_LOOP_SECONDS ? [from, to] : null; }

// The lines of bars in view, each with its number or time where there is room for it.
export function barLines(take, viewport, width) {
  const step = barsBetweenLabels(take, viewport, width);
  return take.bars.flatMap((seconds, bar) => {
    const number = bar + (take.is_free ? 1 : take.first_bar), isEvery = (many) => (number - 1) % many === 0;
    const x = Math.round(viewport.xAt(width, seconds)) + 0.5;
    if (x < KEYS || x > width) return [];
    const gap = viewport.xAt(width, take.bars[bar + 1] ?? take.seconds) - x;
    if (gap < MIN_BAR_GAP && !isEvery(8)) return [];
    const label = isEvery(step) ? (take.is_free ? clock(seconds) : String(number)) : "";
    return [{ x, isStrong: isEvery(4), label }];
  });
}

// 1, 2, 4, 8 or more, so that numbers stand where phrases begin and do not touch; seconds by fives and tens.
export function barsBetweenLabels(take, viewport, width) {
  const pixels = (viewport.xAt(width, take.seconds) - viewport.xAt(width, 0)) / Math.max(1, take.bars.length);
  const steps = take.is_free ? [1, 2, 5, 10, 30, 60, 300] : [1, 2, 4, 8, 16, 32, 64, 128];
  return steps.find((step) => step * pixels >= MIN_LABEL_GAP) ?? steps.at(-1);
}

export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// Words above the roll, such as [seconds, "Am7"], where they stand; those without room behind the one before are left out.
export function wordsAbove(words, viewport, width, widthOf, gap = 6) {
  let free = KEYS - gap;
  return words.flatMap(([seconds, text]) => {
    const x = viewport.xAt(width, seconds);
    if (x < KEYS - 0.5 || x > width || x < free) return [];
    free = x + widthOf(text) + gap;
    return [{ x, text }];
  });
}

// ---- notes -------------------------------------------------------------------------------------------------------

export function rollHeight(numTakes, windowHeight) {
  const { share, least, most } = ROLL_HEIGHT[within(1, numTakes, 2)];
  return within(least, Math.round(windowHeight * share), most);
}

// Where pitches lie: pitched notes above, a row for each drum below.
export class Space {
  constructor(take, aim) {
    const isDrum = (note) => take.tracks[note[4]].is_drum;
    const pitches = take.notes.filter((note) => !isDrum(note)).map((note) => note[2]);
    this.drums = [...new Set(take.notes.filter(isDrum).map((note) => note[2]))].sort((a, b) => b - a);
    const hasPitches = pitches.length > 0 || !this.drums.length;
    let low = pitches.reduce((a, b) => Math.min(a, b), 127), high = pitches.reduce((a, b) => Math.max(a, b), 0);
    if (!pitches.length) [low, high] = [55, 77];
    const missing = Math.max(0, MIN_SEMITONES - (high - low));
    this.low = Math.max(0, low - 1 - Math.ceil(missing / 2));
    this.high = Math.min(127, high + 1 + Math.floor(missing / 2));
    const count = hasPitches ? this.high - this.low + 1 : 0;
    this.drumRow = hasPitches ? DRUM_ROW : LONE_DRUM_ROW;
    this.ruler = RULER + (take.chords?.length ? CHORDS : 0);
    const forPitches = aim - this.ruler - this.drums.length * this.drumRow - GAP - FOOT;
    this.semitone = within(MIN_SEMITONE, Math.floor(forPitches / Math.max(1, count)), MAX_SEMITONE);
    this.drumTop = this.ruler + count * this.semitone + (hasPitches && this.drums.length ? GAP : 0);
    this.hasPitches = hasPitches;
    this.height = Math.max(aim, this.drumTop + this.drums.length * this.drumRow + FOOT); // the same while music grows
  }

  // The upper edge and the height of a note.
  row(pitch, isDrum) {
    if (isDrum) return [this.drumTop + this.drums.indexOf(pitch) * this.drumRow + 1, this.drumRow - 2];
    return [this.ruler + (this.high - pitch) * this.semitone, Math.max(2, this.semitone - 1)];
  }

  isDrumAt(y) { return this.drums.length > 0 && (!this.hasPitches || y >= this.drumTop); }

  // The rows of the pitches, from below: which are black keys, and how the Cs are called.
  pitchRows() {
    if (!this.hasPitches) return [];
    return Array.from({ length: this.high - this.low + 1 }, (_, index) => {
      const pitch = this.low + index;
      return { y: this.row(pitch, false)[0], isBlack: BLACK.has(pitch % 12), label: pitch % 12 ? "" : `C${pitch / 12 - 1}` };
    });
  }
}

// The notes in view as boxes on a roll of so many pixels.
export function noteBoxes(take, viewport, space, width, isHeard = () => true) {
  return take.notes.flatMap(([start, length, pitch, velocity, track], index) => {
    if (!viewport.holds(start, length)) return [];
    const { is_drum, name } = take.tracks[track];
    const x = viewport.xAt(width, start), long = Math.max(2, viewport.xAt(width, start + length) - x - 1);
    const [y, height] = space.row(pitch, is_drum);
    return [{
      x, y, width: is_drum ? Math.min(long, 5) : long, height, name, index,
      alpha: isHeard(name) ? 0.4 + 0.6 * (velocity / 127) : SILENT_ALPHA, radius: Math.min(2.5, long / 2, height / 2),
    }];
  });
}

// The uppermost note at a point of a roll, as { index, width, right }, or undefined; those that are hard to hit are larger.
export function noteAt(take, viewport, space, width, x, y) {
  return noteBoxes(take, viewport, space, width).findLast((box) => {
    const aside = Math.max(1, (MIN_HIT - box.width) / 2), above = Math.max(1, (MIN_HIT - box.height) / 2);
    box.right = box.x + box.width;
    return x >= box.x - aside && x <= box.right + aside && y >= box.y - above && y <= box.y + box.height + above;
  });
}

// The pitch at a height of a roll, or the drum.
export function pitchAt(space, y, isDrum) {
  if (isDrum) return space.drums[within(0, Math.floor((y - space.drumTop) / space.drumRow), space.drums.length - 1)];
  return within(space.low, space.high - Math.floor((y - space.ruler) / space.semitone), space.high);
}

// All notes as lines on the strip, whatever part of them the rolls show.
export function stripLines(take, seconds, space, width) {
  const inner = width - KEYS, shrink = (STRIP_HEIGHT - 8) / (space.height - space.ruler);
  return take.notes.map(([start, length, pitch, , track]) => {
    const { is_drum, name } = take.tracks[track], [y] = space.row(pitch, is_drum);
    return { x: KEYS + (start / seconds) * inner, y: 4 + (y - space.ruler) * shrink, width: Math.max(1, (length / seconds) * inner), name };
  });
}

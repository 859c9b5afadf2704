// A take in steps while it is edited by hand: which notes are chosen, and what becomes of them. Knows neither page nor pixels.
//
// A row is what `melodyforge.music.editing` calls a note: onset, duration, track, pitch, velocity, micro-timing. A change
// is { kind, removed, added }, rows each. Rows are never changed, only replaced, so that they tell notes apart.

const ONSET = 0, DURATION = 1, TRACK = 2, PITCH = 3, VELOCITY = 4, MICRO = 5;
const MICRO_PER_STEP = 4, HIGHEST = 127, USUAL_VELOCITY = 80, USUAL_PITCH = 67;

export class Score {
  // tempos: rows of step, seconds there, and seconds a step from there on; bars: the steps at which they begin.
  constructor({ notes = [], tempos = [[0, 0, 1]], bars = [0], grid = 1 } = {}) {
    Object.assign(this, { rows: notes, tempos, bars, grid });
    this.chosen = new Set(); // rows
  }

  seconds(step) {
    const [from, seconds, each] = this.tempos.findLast(([one]) => one <= step) ?? this.tempos[0];
    return seconds + (step - from) * each;
  }

  step(seconds) {
    const [from, since, each] = this.tempos.findLast(([, one]) => one <= seconds) ?? this.tempos[0];
    return from + (seconds - since) / each;
  }

  // The place on the grid that is nearest, counted from the bar line; `towards` -1 or 1: the next one that way.
  snap(step, towards = 0) {
    const bar = this.bars.findLast((one) => one <= step) ?? 0, place = (step - bar) / this.grid;
    const to = towards > 0 ? Math.floor(place) + 1 : towards < 0 ? Math.ceil(place) - 1 : Math.round(place);
    if (to >= 0 || bar === 0) return Math.max(0, bar + to * this.grid);
    const before = this.bars.findLast((one) => one < bar);
    return before + Math.floor((bar - 1 - before) / this.grid) * this.grid;
  }

  // As the player draws notes: start and length in seconds, pitch, velocity, track.
  timed(row) {
    const begin = Math.max(0, row[ONSET] + row[MICRO] / MICRO_PER_STEP), start = this.seconds(begin);
    return [start, this.seconds(begin + row[DURATION]) - start, row[PITCH], row[VELOCITY], row[TRACK]];
  }

  // ---- which notes -----------------------------------------------------------------------------------------------

  choose(rows) { this.chosen = new Set(rows); }
  between(from, to) { return this.rows.filter((row) => row[ONSET] >= this.step(from) - 0.5 && row[ONSET] < this.step(to) - 0.5); }
  get first() { return [...this.chosen].sort(byOnset)[0]; }

  // The note before or behind the chosen one, or the first from a time on; undefined at the end.
  beside(direction, seconds) {
    const { first } = this;
    if (first) return this.rows[this.rows.indexOf(first) + direction];
    return this.rows.find((row) => row[ONSET] >= this.step(seconds) - 0.5) ?? this.rows.at(-1);
  }

  // ---- what becomes of them: a change, or null where it cannot be ------------------------------------------------

  move(semitones, steps, rows = [...this.chosen]) {
    const moved = rows.map((row) => row.with(ONSET, row[ONSET] + steps).with(PITCH, row[PITCH] + semitones));
    const isThere = moved.every((row) => row[ONSET] >= 0 && row[PITCH] >= 0 && row[PITCH] <= HIGHEST);
    return rows.length && (semitones || steps) && isThere ? this.replace("moved", rows, moved) : null;
  }

  // To the next place on the grid.
  shift(direction) { return this.first ? this.move(0, this.snap(this.first[ONSET], direction) - this.first[ONSET]) : null; }

  // By the way from where the first of them ends to another step; the shortest is a grid, or as short as it was.
  endAt(step, rows = [...this.chosen]) {
    const first = [...rows].sort(byOnset)[0];
    if (!first) return null;
    const by = step - first[ONSET] - first[DURATION];
    const longer = rows.map((row) => row.with(DURATION, Math.max(Math.min(row[DURATION], this.grid), row[DURATION] + by)));
    return longer.some((row, index) => row[DURATION] !== rows[index][DURATION]) ? this.replace("lengthened", rows, longer) : null;
  }

  lengthen(direction) { return this.first ? this.endAt(this.snap(this.first[ONSET] + this.first[DURATION], direction)) : null; }

  // As long and as loud as the chosen note, or a place of the grid long.
  add(step, pitch = this.first?.[PITCH] ?? USUAL_PITCH, track = this.first?.[TRACK] ?? 0) {
    const like = this.first ?? [0, this.grid, 0, 0, USUAL_VELOCITY, 0];
    const row = [this.snap(step), like[DURATION], track, pitch, like[VELOCITY], 0];
    const isTaken = this.rows.some((one) => one[ONSET] === row[ONSET] && one[TRACK] === track && one[PITCH] === pitch);
    return isTaken ? null : this.replace("added", [], [row]);
  }

  delete() { return this.chosen.size && this.chosen.size < this.rows.length ? this.replace("deleted", [...this.chosen], []) : null; }

  replace(kind, removed, added) {
    const gone = new Set(removed);
    this.rows = [...this.rows.filter((row) => !gone.has(row)), ...added].sort(byOnset);
    this.choose(added);
    return { kind, removed, added };
  }
}

function byOnset(one, other) { return one[ONSET] - other[ONSET] || one[TRACK] - other[TRACK] || one[PITCH] - other[PITCH]; }

// Changes with one more; what goes on with the last of them, such as pressing an arrow again, becomes one with it,
// and nothing where all is as it was.
export function joined(changes, change) {
  const last = changes.at(-1);
  const goesOn = last?.kind === change.kind && change.kind !== "added" && last.added.length > 0 && String(last.added) === String(change.removed);
  if (!goesOn) return [...changes, change];
  const isBack = String(last.removed) === String(change.added);
  return [...changes.slice(0, -1), ...(isBack ? [] : [{ ...change, removed: last.removed }])];
}

// How loud each part is, whether it is silent or alone, and what plays it. Knows neither page nor sound.
//
// Parts go by their names, so that two takes below one another share what is set.

export const FULL = 100; // percent
const UNSET = { volume: FULL, isMuted: false, isSolo: false, program: null }; // null: its own instrument

export class Mixer {
  constructor() {
    this.set = new Map(); // by name, what is not as it was
    this.isTouched = false; // parts are fetched one by one from then on
  }

  of(name) { return this.set.get(name) ?? UNSET; }

  change(name, values) {
    this.isTouched = true;
    this.set.set(name, { ...this.of(name), ...values });
  }

  // What of its volume is heard: a part that is silent is so whatever else is set; beside one alone all others are.
  heard(name) {
    const { volume, isMuted, isSolo } = this.of(name);
    const isAnySolo = [...this.set.values()].some((one) => one.isSolo);
    return isMuted || (isAnySolo && !isSolo) ? 0 : volume;
  }

  // The files that sound, and how loud: the whole while nothing is set, else each part.
  lines(take) {
    if (!take?.audio) return [];
    if (!this.isTouched) return [{ url: take.audio, level: 1 }];
    return partsOf(take).map((part) => {
      const program = this.program(part);
      return { url: `${take.audio}?part=${part.part}${program === part.program ? "" : `&program=${program}`}`, level: levelOf(this.heard(part.name)) };
    });
  }

  program(part) { return part.is_drum ? part.program : this.of(part.name).program ?? part.program; }

  // The same for the server, such as "1v0_3v70p40"; "" where all is as it was.
  told(take) {
    return partsOf(take).flatMap((part) => {
      const volume = this.heard(part.name), program = this.program(part);
      if (volume === FULL && program === part.program) return [];
      return [`${part.part}v${volume}${program === part.program ? "" : `p${program}`}`];
    }).join("_");
  }
}

// Each part once, in order; of several tracks in one the first.
export function partsOf(take) {
  return take.tracks.filter((track, index) => take.tracks.findIndex((one) => one.part === track.part) === index);
}

// As MIDI has volume: half of it is a quarter of the height.
export function levelOf(volume) { return (volume / FULL) ** 2; }

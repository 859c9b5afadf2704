// A WAV file on the server, by stretches: no more of it is in memory than is heard next. Knows neither page nor player.

const HEADER_BYTES = 44, BYTES_A_SAMPLE = 2, FULL_HEIGHT = 32768;

export class WaveFile {
  constructor(url, load = fetch.bind(globalThis)) {
    this.url = url;
    this.load = load;
    this.opening = null;
  }

  // Reads how long it is and how many channels it has; where the server has to render it first, this takes so long.
  open() {
    this.opening ??= this.bytes(0, HEADER_BYTES).then((data) => {
      const header = new DataView(data);
      this.numChannels = header.getUint16(22, true);
      this.numFrames = header.getUint32(40, true) / (BYTES_A_SAMPLE * this.numChannels);
      return this;
    });
    this.opening.catch(() => { this.opening = null; }); // so that it may be tried again
    return this.opening;
  }

  // Samples of each channel from a frame on; silence behind the end.
  async read(from, count) {
    await this.open();
    const channels = Array.from({ length: this.numChannels }, () => new Float32Array(count));
    const there = Math.min(count, this.numFrames - from), width = BYTES_A_SAMPLE * this.numChannels;
    if (there <= 0) return channels;
    const data = new DataView(await this.bytes(HEADER_BYTES + from * width, there * width));
    channels.forEach((channel, number) => {
      for (let frame = 0; frame < there; frame++) channel[frame] = data.getInt16(frame * width + number * BYTES_A_SAMPLE, true) / FULL_HEIGHT;
    });
    return channels;
  }

  async bytes(from, count) {
    const answer = await this.load(this.url, { headers: { Range: `bytes=${from}-${from + count - 1}` } });
    if (answer.status !== 206) throw new Error((await answer.text()).slice(0, 200) || `The sound cannot be fetched (${answer.status}).`);
    return answer.arrayBuffer();
  }
}

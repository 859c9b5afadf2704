// Has the player begin by itself once it has the sound of what it was told; only once, however often it is told.

import { players } from "./players.mjs";

const BETWEEN_LOOKS_MS = 100, MAX_LOOKS = 100;

export default function ({ data }) {
  const begun = (window.melodyForgeBegun ??= new Set());
  if (begun.has(data.identity)) return undefined;
  let numLooks = 0;
  const timer = setInterval(() => {
    const player = players().find((one) => one.identity === data.identity && one.take?.audio);
    if (!player && ++numLooks < MAX_LOOKS) return;
    clearInterval(timer);
    if (!player || begun.has(data.identity)) return;
    begun.add(data.identity);
    player.play();
    player.root.scrollIntoView({ block: "nearest", behavior: "smooth" }); // on a phone it lies below the fields
  }, BETWEEN_LOOKS_MS);
  return () => clearInterval(timer);
}

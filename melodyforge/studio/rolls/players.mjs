// The players of the page, wherever they stand: each component of Streamlit has a tree of its own.

export function players(root = document) {
  const found = [...root.querySelectorAll(".player")].map((one) => one.player).filter(Boolean);
  const inside = [...root.querySelectorAll("*")].filter((one) => one.shadowRoot);
  return found.concat(...inside.map((one) => players(one.shadowRoot)));
}

export function isTyping(event) {
  const [target] = event.composedPath();
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName ?? "");
}

// The players of the page, wherever they stand: each component of Streamlit has a tree of its own.

export function players(root = document) {
  const found = [...root.querySelectorAll(".player")].map((one) => one.player).filter(Boolean);
  const inside = [...root.querySelectorAll("*")].filter((one) => one.shadowRoot);
  return found.concat(...inside.map((one) => players(one.shadowRoot)));
}

const WITHOUT_TEXT = ["button", "checkbox", "radio", "range"]; // fields in which keys write nothing

export function isTyping(event) {
  const [target] = event.composedPath(), { tagName } = target;
  if (tagName === "INPUT") return !WITHOUT_TEXT.includes(target.type);
  return Boolean(target.isContentEditable) || tagName === "TEXTAREA" || tagName === "SELECT";
}

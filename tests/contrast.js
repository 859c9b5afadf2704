// Every text of the page whose letters stand out too little from their ground: [contrast, text] (WCAG 2.2, 1.4.3).
() => {
  const LEAST = 4.5;
  const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const parse = (colour) => { // any way of CSS to write one; in 0-255, with alpha in 0-1
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (top, ground) => [0, 1, 2].map((i) => top[i] * top[3] + ground[i] * (1 - top[3])).concat([1]);
  const part = (value) => (value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) => 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  const parentOf = (element) => element.parentElement ?? element.getRootNode().host ?? null;
  const isBehind = (element, { top }) => top >= element.getBoundingClientRect().top;
  const found = [];
  const judge = (element) => {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.textContent.trim()).join(" ").trim();
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    if (!text || element.closest("style, script, [disabled]") || box.width < 2 || style.visibility === "hidden") return;
    const grounds = [];
    let opacity = 1;
    for (let one = element; one; one = parentOf(one)) {
      if (one.matches("[data-testid=stSlider] *") && !isBehind(one, box)) continue; // a value stands above its thumb
      grounds.unshift(parse(getComputedStyle(one).backgroundColor));
      opacity *= Number(getComputedStyle(one).opacity);
    }
    if (opacity === 0) return;
    const ground = grounds.reduce((below, colour) => over(colour, below), [255, 255, 255, 1]);
    const ink = parse(style.color);
    ink[3] *= opacity;
    const [dark, light] = [luminance(over(ink, ground)), luminance(ground)].sort((a, b) => a - b);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < LEAST) found.push([contrast.toFixed(2), text]);
  };
  const visit = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) visit(element.shadowRoot);
      judge(element);
    }
  };
  visit(document.body);
  return found;
}

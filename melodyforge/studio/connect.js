{
  // Where the server is: here, less the name of the page.
  const base = location.origin + location.pathname.replace(new RegExp(`/(${PAGES.join("|")})$`), "/");
  window.__streamlit = { BACKEND_BASE_URL: base };

  // Streamlit leaves a page by first opening it once more, with the wishes of the next one: "Back" would come to that.
  const push = history.pushState.bind(history);
  let left = null;
  history.pushState = (state, unused, url) => {
    if (new URL(url ?? "", location).pathname === location.pathname) {
      const before = location.href;
      history.replaceState(state, unused, url);
      left = { before, instead: location.href };
      return;
    }
    if (left?.instead === location.href) history.replaceState(history.state, "", left.before);
    left = null;
    push(state, unused, url);
  };

  const PATIENCE_MS = 10_000;
  const NO_CONNECTION =
    "The page has come, but its connection (a WebSocket) has not. Is the server still running? A proxy in between must let WebSockets through.";
  const isConnected = () => document.querySelector('[data-test-connection-state="CONNECTED"]') !== null;
  const say = (words) => {
    const line = document.createElement("p");
    line.setAttribute("role", "alert");
    line.style.cssText = "position: fixed; inset: 0 0 auto 0; z-index: 1000000; margin: 0; padding: 16px; font: 16px system-ui, sans-serif; background: #b3261e; color: #ffffff;";
    line.textContent = words;
    document.body.append(line);
    const watch = setInterval(() => {
      if (!isConnected()) return;
      line.remove();
      clearInterval(watch);
    }, 500);
  };
  addEventListener("load", async () => {
    const answer = await fetch(`${base}refused?origin=${encodeURIComponent(location.origin)}`);
    const reason = answer.ok ? await answer.text() : "";
    if (reason) say(reason);
    else setTimeout(() => { if (!isConnected()) say(NO_CONNECTION); }, PATIENCE_MS);
  });
}

"""A random walk over the studio in a real browser: everything that can be pressed, moved, typed into and turned to.

    .venv/bin/python -m tests.walk_studio --seed 1 --steps 300

The same seed draws the same actions as long as the pages offer the same. It complains of exceptions that a page or the
server shows, of errors of scripts in the browser, of a page that does not come to rest, and of takes, models and files
of music that are gone although nothing was deleted. `walk_alone` is the command as a function; `walk` walks in a studio
that runs already.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from melodyforge.corpus.prepare import prepare_corpus
from melodyforge.music.midi import write_midi
from melodyforge.workshop.takes import Takes
from tests.music_samples import tune
from tests.studio_server import running_browser, running_studio

MAX_TABS = 3
ACTION_MS, REST_MS = 2_000, 30_000
SLOW_BUTTONS = ("Start training", "Fetch", "Resume")  # minutes of work for both processors
TAKING_AWAY = ("Delete", "Remove", "Rename", "Relabel")  # after these, something may be gone
PAGES = ("", "takes", "train", "data")
SECONDS_TO_KEEP = 30.0
STREAMLIT_GONE = "MediaFileStorageError: Deferred file"  # a download pressed while its page was being drawn anew
TEXTS = ("", "Evening *song*", "../../etc/passwd", "x" * 200, "tiny", "starter", "ünï ♯♭ 🎼", "<b>bold</b>", "waltz")
NUMBERS = ("", "0", "1", "-5", "2.5", "3", "8", "60", "999999999999", "abc")
PLAYER_KEYS = [
    " ",
    "ArrowRight",
    "ArrowLeft",
    "ArrowUp",
    "l",
    "Escape",
    "e",
    "Tab",
    "n",
    "c",
    "Delete",
    "Control+z",
    "Control+y",
]
KEYS = ("Home", "End", "ArrowRight", "ArrowLeft", "PageUp", "PageDown")
WISHES = {
    "model": ("tiny", "starter", "nothing-like-it"),
    "style": ("chopin", "none"),
    "tonic": ("C", "H"),
    "mode": ("minor", "dorian"),
    "mood": ("happy", "hungry"),
    "unit": ("bars", "seconds", "miles"),
    "bars": ("2", "0", "abc"),
    "seconds": ("5", "-1"),
    "notes": ("20", "99999"),
    "tempo": ("100", "1"),
    "takes": ("2", "100"),
    "instruments": ("piano", "kazoo"),
    "top_k": ("5", "-1"),
}
ABC = b"X:1\nT:scale\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n"
FILES = {
    "good.mid": write_midi(tune(0, 6)),
    "other.mid": write_midi(tune(2, 3)),
    "score.abc": ABC,
    "broken.mid": b"MThd and nothing more",
    "empty.mid": b"",
    "broken.zip": b"PK and nothing more",
}
CHOICES = """() => {
  const found = [];
  const kinds = [
    ["link", "[data-testid=stTopNavLink]"],
    ["option", "[data-testid=stSelectbox] input, [data-testid=stMultiSelect] input"],
    ["slider", "[data-testid=stSlider] input[type=range]"],
    ["number", "[data-testid=stNumberInput] input"],
    ["text", "[data-testid=stTextInput] input"],
    ["tab", "[role=tab]"],
    ["fold", "[data-testid=stExpander] summary"],
    ["check", "[data-testid=stCheckbox] label"],
    ["pill", "[data-testid=stButtonGroup] button"],
    ["file", "input[type=file]"],
    ["player", ".player, .player button, .keyboard button, .small"],
    ["compose", ".st-key-compose button"],
    ["button", "[data-testid=stButton] button, [data-testid=stDownloadButton] button, [data-testid=stPopover] button"],
    ["button", "[data-testid=stFormSubmitButton] button, [data-testid=stFileUploader] li button"],
    ["button", "[data-testid=stPagination] button"],
  ];
  const roots = [document];
  for (const one of document.querySelectorAll("*")) if (one.shadowRoot) roots.push(one.shadowRoot);
  document.querySelectorAll("[data-walk]").forEach((one) => one.removeAttribute("data-walk"));
  const seen = new Set();
  for (const root of roots) {
    for (const [kind, where] of kinds) {
      for (const one of root.querySelectorAll(where)) {
        const isShown = kind === "file" || one.checkVisibility({ visibilityProperty: true });
        if (seen.has(one) || one.disabled || !isShown) continue;
        seen.add(one);
        const label = one.getAttribute("aria-label") || one.innerText || "";
        one.setAttribute("data-walk", found.length);
        found.push([kind, label.replace(/\\s+/g, " ").trim().slice(0, 60)]);
      }
    }
  }
  return found;
}"""
AT_REST = """() => {
  const app = document.querySelector("[data-testid=stApp]");
  const { testScriptState, testConnectionState } = app ? app.dataset : {};
  return testScriptState === "notRunning" && testConnectionState === "CONNECTED";
}"""
WEIGHTS = {
    "link": 9,
    "option": 10,
    "slider": 6,
    "number": 6,
    "text": 4,
    "tab": 9,
    "fold": 5,
    "check": 6,
    "pill": 10,
    "file": 6,
    "player": 3,
    "compose": 8,
    "button": 14,
}
ELSEWHERE = {"reload": 3, "back": 3, "forward": 2, "new tab": 2, "other tab": 3, "address": 3}


@dataclass
class Result:
    """What a walk saw.

    Attributes:
        trail: what was done, in order.
        complaints: what must not be, each with the last actions before it.
        num_composed: how many takes there were.
    """

    seed: int
    trail: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    num_composed: int = 0

    def __str__(self) -> str:
        """The figures; with complaints, these and the whole trail, too."""
        figures = f"{len(self.complaints)} complaints in {len(self.trail)} actions, {self.num_composed} takes"
        lines = ["\n\n".join(self.complaints), "the trail:", *self.trail] if self.complaints else []
        return "\n".join([*lines, f"walk {self.seed}: {figures}"])


def walk_alone(
    folder: Path, seed: int, num_steps: int, max_seconds: float = 3600.0, skipped: tuple[str, ...] = SLOW_BUTTONS
) -> Result:
    """Walks over a studio of its own, in an empty folder, and looks at what the server printed, too."""
    home, log = folder / "home", folder / "log"
    furnish(home)
    with running_studio(home, log) as url, running_browser() as browser:
        result = walk(browser, url, home, seed, num_steps, max_seconds, skipped)
    printed = log.read_text(encoding="utf-8", errors="replace")
    if printed.count("Traceback") > printed.count(STREAMLIT_GONE):
        result.complaints.append(f"the server printed: {printed[printed.index('Traceback') :][:4000]}")
    return result


def walk(
    browser: Any,
    url: str,
    home: Path,
    seed: int,
    num_steps: int,
    max_seconds: float = 3600.0,
    skipped: tuple[str, ...] = SLOW_BUTTONS,
) -> Result:
    """Walks.

    Args:
        browser: of Playwright.
        url: of a running studio.
        home: its user's folder.
        seed: draws the actions.
        num_steps: how many.
        max_seconds: after which it ends sooner.
        skipped: words of the labels of buttons that are not pressed.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    walker = _Walker(context, url, home, seed, skipped)
    began = time.monotonic()
    try:
        for _ in range(num_steps):
            if time.monotonic() - began > max_seconds:
                break
            walker.step()
        walker.finish()
    finally:
        context.close()
    return walker.result


class _Walker:
    def __init__(self, context: Any, url: str, home: Path, seed: int, skipped: tuple[str, ...]) -> None:
        self.result, self._rng = Result(seed), random.Random(seed)
        self._context, self._url, self._home, self._skipped = context, url, home, skipped
        self._things, self._known_takes = self._kept(), set[str]()
        self._doing = ""
        self._grown: set[str] = set()  # names of composings that were seen to have notes
        self._page = self._open()

    def step(self) -> None:
        """One action, and a look at what became of it."""
        try:
            done = self._act()
        except Exception as error:  # covered by something, or gone: pages change while they are walked over
            done = f"({self._doing}: {type(error).__name__})"
        self.result.trail.append(done)
        self._rest()
        self._look()

    def finish(self) -> None:
        """Waits for what is being composed, and counts it."""
        self._page.goto(self._url)
        self._page.get_by_role("button", name="Compose", exact=True).wait_for()
        self._page.locator(".player, .small").first.wait_for()
        self._page.get_by_role("button", name="Stop", exact=True).wait_for(state="detached", timeout=120_000)
        self._look()
        deadline = time.monotonic() + SECONDS_TO_KEEP
        while len(self._known_takes) < len(self._grown) and time.monotonic() < deadline:  # those that another replaced
            time.sleep(1)
            self._look()
        self.result.num_composed = len(self._known_takes)
        if len(self._known_takes) < len(self._grown):
            self._complain(f"{len(self._grown)} composings had notes, and there were {len(self._known_takes)} takes")

    def _open(self) -> Any:
        page = self._context.new_page()
        page.set_default_timeout(ACTION_MS)
        page.on("pageerror", lambda error: self._complain(f"in the browser: {error}"))
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(self._url, timeout=REST_MS)
        page.get_by_test_id("stMainBlockContainer").wait_for(timeout=REST_MS)
        return page

    def _act(self) -> str:
        choices = self._page.evaluate(CHOICES)
        kinds = [kind for kind in WEIGHTS if any(kind == one for one, _ in choices)] + list(ELSEWHERE)
        kind = self._rng.choices(kinds, [(WEIGHTS | ELSEWHERE)[one] for one in kinds])[0]
        if kind in ELSEWHERE:
            self._doing = kind
            return self._go(kind)
        number, label = self._rng.choice([(number, name) for number, (one, name) in enumerate(choices) if one == kind])
        self._doing = f"{kind} {label!r}"
        if kind == "button" and any(word in label for word in self._skipped):
            return f"(not {label})"
        target = self._page.locator(f'[data-walk="{number}"]').first
        how: Callable[[Any], str] = getattr(self, f"_{kind}", self._press)
        return f"{self._doing} {how(target)}".strip()

    def _go(self, where: str) -> str:
        if where == "reload":
            self._page.reload()
        elif where == "back":
            self._page.go_back()
            if not self._page.url.startswith(self._url):  # the first page of this tab
                self._page.go_forward()
        elif where == "forward":
            self._page.go_forward()
        elif where == "new tab" and len(self._context.pages) < MAX_TABS:
            self._page = self._open()
        elif where == "address":
            names = self._rng.sample(list(WISHES), self._rng.randint(0, 4))
            wishes = urlencode({name: self._rng.choice(WISHES[name]) for name in names})
            where = f"{self._rng.choice(PAGES)}?{wishes}"
            self._page.goto(f"{self._url}/{where}", timeout=REST_MS)
        else:
            self._page = self._rng.choice(self._context.pages)
            self._page.bring_to_front()
        return where

    def _press(self, target: Any) -> str:
        target.click()
        return ""

    def _option(self, target: Any) -> str:
        target.click()
        options = self._page.get_by_role("option")
        options.first.wait_for(timeout=1_000)
        option = self._rng.choice(options.all()[:12])
        text = option.inner_text()
        option.click()
        self._page.keyboard.press("Escape")
        return text

    def _slider(self, target: Any) -> str:
        keys = self._rng.choices(KEYS, k=self._rng.randint(1, 3))
        target.focus()
        for key in keys:
            self._page.keyboard.press(key)
        return " ".join(keys)

    def _number(self, target: Any) -> str:
        return self._typed(target, NUMBERS)

    def _text(self, target: Any) -> str:
        return self._typed(target, TEXTS)

    def _typed(self, target: Any, texts: tuple[str, ...]) -> str:
        text = self._rng.choice(texts)
        target.click()
        self._page.keyboard.press("Control+A")
        self._page.keyboard.press("Delete")
        self._page.keyboard.type(text)
        self._page.keyboard.press("Enter")
        return repr(text[:20])

    def _file(self, target: Any) -> str:
        name = self._rng.choice(list(FILES))
        target.set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": FILES[name]})
        return name

    def _player(self, target: Any) -> str:
        if target.evaluate("one => one.tagName") == "BUTTON":
            return self._press(target)
        key = self._rng.choice(PLAYER_KEYS)
        target.press(key)
        return key

    def _rest(self) -> None:
        """Waits until the page has answered."""
        self._page.wait_for_timeout(60)
        try:
            self._page.wait_for_function(AT_REST, timeout=REST_MS)
        except Exception as error:
            self._complain(f"not at rest after {REST_MS // 1000} s: {error}")
            self._page.goto(self._url, timeout=REST_MS)

    def _look(self) -> None:
        for shown in self._page.locator("[data-testid=stException]").all():
            self._complain(f"shown: {shown.inner_text()[:600]}")
        if self._page.locator("[data-testid=stException]").count():
            self._page.goto(self._url, timeout=REST_MS)
        for alarm in self._page.get_by_text("This should not happen").all():
            self._complain(f"shown: {alarm.inner_text()}")
        player = self._page.locator(".player[data-state=growing]")
        self._grown |= set(player.evaluate_all("roots => roots.map((root) => root.player?.identity)"))  # it may be gone
        things = self._kept()
        gone = self._things - things
        if gone and not any(word in done for done in self.result.trail[-2:] for word in TAKING_AWAY):
            self._complain(f"gone: {', '.join(sorted(gone))}")
        self._things = things
        self._known_takes |= {name for name in things if name.startswith("take ")}

    def _kept(self) -> set[str]:
        """Takes, models and files of music."""
        with Takes(self._home / "output" / "takes.sqlite")._connected() as database:
            takes = {f"take {number}" for (number,) in database.execute("SELECT id FROM takes")}
        models = {f"model {path.parent.name}" for path in self._home.glob("models/[!.]*/config.json")}
        music = {f"file {path.name}" for path in self._home.glob("data/midi_files/**/*") if path.is_file()}
        return takes | models | music

    def _complain(self, text: str) -> None:
        self.result.complaints.append(f"{text}\n    after: {' -> '.join(self.result.trail[-8:])}")


def furnish(home: Path) -> None:
    """A user's home with some tunes, one of them broken, that have been read."""
    music = home / "data" / "midi_files"
    for style in ("", "waltz"):
        (music / style).mkdir(parents=True, exist_ok=True)
        for index in range(4):
            (music / style / f"tune {style}{index}.mid").write_bytes(
                write_midi(tune(index, 8 + 2 * index + len(style)))
            )
    (music / "broken.mid").write_bytes(FILES["broken.mid"])
    prepare_corpus(music, home / "data" / "dataset", num_workers=1)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=3600.0, help="end sooner after so many")
    parser.add_argument("--everything", action="store_true", help="press what takes minutes, too")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        skipped = () if asked.everything else SLOW_BUTTONS
        result = walk_alone(Path(folder), asked.seed, asked.steps, asked.seconds, skipped)
    print(result)
    return bool(result.complaints)


if __name__ == "__main__":
    sys.exit(main())

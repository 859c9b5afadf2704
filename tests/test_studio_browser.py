"""The studio as musicians use it: a real server, a real browser, real sound. Takes the pictures of docs/images, too."""

from __future__ import annotations

import io
import os
import shutil
import time
import wave
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from melodyforge.corpus.builtin import fetch_corpus
from melodyforge.music.midi import read_midi, write_midi
from tests.music_samples import gridded_piece, tune
from tests.studio_server import CHROMIUM, PROJECT_DIR, running_browser, running_studio

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect

PICTURES_VARIABLE = "MELODY_FORGE_PICTURES"  # a folder: new pictures are taken into it, with the starter
TIMEOUT_MS = 240_000  # composing gives way to the other tests, which keep all processors busy
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs the browser chromium"),
]
CONTRAST = (PROJECT_DIR / "tests" / "contrast.js").read_text(encoding="utf-8")
needs_pictures = pytest.mark.skipif(PICTURES_VARIABLE not in os.environ, reason=f"set {PICTURES_VARIABLE} for new ones")


@pytest.fixture(scope="module")
def home(tiny_model_dir, tmp_path_factory) -> Path:
    """A user's home: a model, some tunes to train on; for pictures real music instead, and the starter."""
    folder = tmp_path_factory.mktemp("home")
    music = folder / "data" / "midi_files"
    if PICTURES_VARIABLE in os.environ:
        for corpus in ("bach-chorales", "string-quartets"):
            fetch_corpus(corpus, music)
    else:
        shutil.copytree(tiny_model_dir / "tiny", folder / "models" / "tiny")
        (music / "tunes").mkdir(parents=True)
        for index in range(6):
            (music / "tunes" / f"tune {index}.mid").write_bytes(write_midi(tune(index, 8 + index)))
    (music / "broken.mid").write_bytes(b"MThd and nothing more")
    return folder


@pytest.fixture(scope="module")
def app_url(home) -> Iterator[str]:
    """A running server of the studio."""
    with running_studio(home) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    with running_browser() as running:
        yield running


@pytest.fixture
def visit(browser, app_url):
    """Opens the studio as somebody new; afterwards no page may have asked for anything from elsewhere."""
    contexts, foreign = [], []

    def open_studio(path: str = "", **options: object):
        context = browser.new_context(**({"viewport": DESK} | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.on("request", lambda request: foreign.append(request.url) if is_foreign(request.url, app_url) else None)
        page.route(lambda url: is_foreign(url, app_url), lambda route: route.abort())
        page.goto(f"{app_url}/{path}")
        return page

    yield open_studio
    for context in contexts:
        context.close()
    assert foreign == []


def is_foreign(url: str, app_url: str) -> bool:
    return not url.startswith((app_url, app_url.replace("http", "ws", 1), "data:", "blob:"))


def set_slider(page, name: str, presses: int) -> None:
    """Moves a slider to so many presses above its lowest value, by the keyboard."""
    thumb = page.get_by_role("slider", name=name)
    thumb.focus()
    thumb.press("Home")
    for _ in range(presses):
        thumb.press("ArrowRight")


def compose(page) -> None:
    page.get_by_role("button", name="Compose", exact=True).click()


def composed(page):
    """The player, when there is something to hear."""
    player = page.locator(".player[data-state=ready]")
    player.wait_for()
    page.locator(".player[data-state=growing]").wait_for(state="detached")
    return player


def audio_seconds(page) -> float:
    return page.locator(".player").evaluate("root => root.player.deck.seconds")


def position(player) -> float:
    return float(player.get_attribute("data-position"))


def num_notes(page) -> int:
    return int(page.locator(".player .roll").get_attribute("aria-label").rsplit(" ", 2)[1])


def download(page, button: str, role: str = "button") -> bytes:
    with page.expect_download() as started:
        page.get_by_role(role, name=button, exact=True).click()
    return Path(started.value.path()).read_bytes()


def open_tab(page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def compare_newest(page) -> None:
    """Chooses the first two takes of the list and shows them together."""
    for number in range(2):
        page.locator("[data-testid=stCheckbox]").nth(number).click()
        page.get_by_text(f"{number + 1} chosen").wait_for()
    page.get_by_role("button", name="Compare").click()
    page.locator(".player .roll").nth(1).wait_for()


def test_compose_listen_and_take_along(visit):
    page = visit()
    set_slider(page, "Notes", 60)
    compose(page)
    player = composed(page)

    player.get_by_role("button", name="Play").click()
    page.locator(".player[data-state=playing]").wait_for()
    first = wait_for_more(lambda: audio_seconds(page), 0.3)
    assert wait_for_more(lambda: audio_seconds(page), first + 0.2) > first
    assert position(page.locator(".player")) == pytest.approx(audio_seconds(page), abs=0.3)
    page.locator(".player").get_by_role("button", name="Pause").click()

    canvas = page.locator(".player .roll")
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] * 0.6, "y": 100})
    sought = position(page.locator(".player"))
    assert sought > 1
    assert audio_seconds(page) == pytest.approx(sought, abs=0.1)

    midi = download(page, "MIDI")
    assert len(read_midi(midi)[0]) == num_notes(page)
    with wave.open(io.BytesIO(download(page, "WAV", role="link"))) as sound:
        assert sound.getnframes() > sound.getframerate()
    assert download(page, "OGG")[:4] == b"OggS"
    assert download(page, "MusicXML")[:5] == b"<?xml"
    assert download(page, "Picture")[:4] == b"\x89PNG"


def wait_for_more(figure, least: float) -> float:
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while (value := figure()) < least:
        assert time.monotonic() < deadline, f"{value} did not reach {least}"
        time.sleep(0.05)
    return value


def test_a_card_is_heard_composes_and_plays_and_shows_what_it_asked_for(visit):
    page = visit("?model=starter&tonic=D")
    page.get_by_role("button", name="Play an example: Chorale").click()
    page.locator(".small[aria-pressed=true]").wait_for()
    page.get_by_role("button", name="Chorale", exact=True).click()
    page.locator(".player[data-state=playing]").wait_for()
    assert "style=bach-chorales" in page.url
    assert "tonic" not in page.url
    page.get_by_text("Start from a card").click()
    page.get_by_role("button", name="Play an example: Beat").click()
    page.locator(".player[data-state=ready]").wait_for()  # one sounds at a time


def test_takes_side_by_side_are_played_by_their_numbers(visit):
    page = visit("?notes=20&takes=4")
    compose(page)
    rolls = page.locator(".st-key-grid .small")
    rolls.nth(3).wait_for()
    composed(page)
    page.keyboard.press("2")
    expect(rolls.nth(1)).to_have_attribute("aria-pressed", "true")
    rolls.nth(2).hover()
    expect(rolls.nth(2)).to_have_attribute("aria-pressed", "true")
    expect(rolls.nth(1)).to_have_attribute("aria-pressed", "false")
    page.mouse.move(0, 0)
    expect(rolls.nth(2)).to_have_attribute("aria-pressed", "false")


def test_parts_are_mixed_in_the_page_and_taken_along_as_heard(visit):
    page = visit("?notes=100")
    compose(page)
    composed(page).get_by_role("button", name="Play").click()
    page.locator(".player[data-state=playing]").wait_for()
    player = page.locator(".player")
    player.get_by_role("slider").first.press("Home")  # to nothing
    page.get_by_text("As you hear it: without").wait_for()
    wait_for_more(lambda: -player.evaluate("root => root.player.deck.lines[0].gain?.gain.value ?? 1"), -0.001)
    with zipfile.ZipFile(io.BytesIO(download(page, "Parts", role="link"))) as archive:
        assert not any(name.startswith("1 ") for name in archive.namelist())


def test_the_player_obeys_the_keyboard(visit):
    page = visit("?notes=60")
    compose(page)
    player = composed(page)
    player.focus()
    for _ in range(3):
        player.press("ArrowRight")
    third_bar = position(page.locator(".player"))
    assert third_bar > 0
    player.press("ArrowLeft")
    assert 0 < position(page.locator(".player")) < third_bar
    player.press("l")
    assert player.get_by_role("button", name="Loop").get_attribute("aria-pressed") == "true"
    player.press("Escape")
    assert player.get_by_role("button", name="Loop").get_attribute("aria-pressed") == "false"
    first, last = (player.get_by_role("spinbutton", name=f"{end} selected bar") for end in ("First", "Last"))
    player.press("Home")
    number = int(first.get_attribute("min"))
    for _ in range(2):
        player.press("Shift+ArrowRight")
    assert [first.input_value(), last.input_value()] == [str(number), str(number + 1)]
    last.fill(str(number + 2))
    last.press("Enter")
    assert player.evaluate("root => root.player.loop[1] === root.player.take.bars[3]")
    player.press("Escape")
    assert first.input_value() == ""
    player.press(" ")
    page.locator(".player[data-state=playing]").wait_for()
    page.locator(".player").press(" ")
    page.locator(".player[data-state=ready]").wait_for()


def pencil(page, what: str):
    """What the player's pencil has to say."""
    return page.locator(".player").evaluate(f"root => root.player?.pencil.{what}")


def wait_for_version(page, number: int) -> None:
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while page.locator(".player").count() != 1 or pencil(page, "about?.version") != number:
        assert time.monotonic() < deadline, f"version {number} did not come"
        time.sleep(0.05)


def pitches(page) -> list[int]:
    """Of the file as it is downloaded."""
    return read_midi(download(page, "MIDI"))[0].notes["pitch"].tolist()


def test_notes_are_moved_by_mouse_and_keyboard_undone_and_redone_also_after_a_reload_and_in_two_tabs(visit):
    page = visit("?notes=40&seed=4")
    compose(page)
    composed(page)
    before = pitches(page)
    page.locator(".player").get_by_role("button", name="Edit notes").click()
    x, y = page.locator(".player").evaluate(FIRST_NOTE)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 30, steps=4)
    page.mouse.up()
    wait_for_version(page, 1)
    moved = pitches(page)
    assert sorted(moved) != sorted(before)
    page.reload()
    composed(page)
    assert pitches(page) == moved
    page.locator(".player").press("Control+z")
    wait_for_version(page, 0)
    assert pitches(page) == before
    other = page.context.new_page()
    other.goto(page.url)
    page.reload()
    for tab in (page, other):
        composed(tab)
    page.get_by_role("button", name="Redo").click()
    wait_for_version(page, 1)
    assert pitches(page) == moved
    other.bring_to_front()
    other.locator(".player").press("e")
    for key in ("Tab", "ArrowDown", "Shift+ArrowRight", "n", "Delete"):
        other.locator(".player").press(key)
    other.get_by_text("also changed in another tab").wait_for()
    wait_for_version(other, 5)
    assert pitches(other) not in (before, moved)
    page.bring_to_front()
    page.reload()
    composed(page)
    assert pitches(page) == pitches(other)


FIRST_NOTE = """root => {
  const { views: [{ canvas, space }], take, viewport } = root.player, [start, length, pitch, , track] = take.notes[0];
  const box = canvas.getBoundingClientRect(), [top, height] = space.row(pitch, take.tracks[track].is_drum);
  return [box.x + viewport.xAt(canvas.clientWidth, start) + 4, box.y + top + height / 2];
}"""


def test_notes_arrive_while_composing_and_stop_keeps_them(visit):
    page = visit("?seed=3")
    page.get_by_role("slider", name="Notes").press("End")
    page.get_by_role("radio", name="8", exact=True).click()  # more work, so that there is time to watch
    page.wait_for_url("**takes=8**")
    compose(page)
    page.locator(".player[data-state=growing]").wait_for()
    early = wait_for_more(lambda: num_notes(page), 1)
    wait_for_more(lambda: num_notes(page), early + 1)
    page.get_by_role("button", name="Stop").click()
    composed(page)
    assert 0 < num_notes(page) < 2000  # what went wrong meanwhile was taken back
    assert page.get_by_text("Take 8").is_visible()


def test_a_primer_is_uploaded_and_a_broken_file_explained(visit):
    page = visit("?notes=20")
    page.get_by_text("Start from", exact=True).first.click()
    page.get_by_text("a file", exact=True).click()
    chooser = page.locator("input[type=file]").first
    chooser.set_input_files({"name": "broken.mid", "mimeType": "audio/midi", "buffer": b"MThd"})
    page.get_by_text("Expected").first.wait_for()
    chooser.set_input_files({"name": "tune.mid", "mimeType": "audio/midi", "buffer": write_midi(tune(0, 4))})
    page.get_by_text("The music continues from").wait_for()
    compose(page)
    composed(page)
    expected = {(int(note["onset"]), int(note["pitch"])) for note in tune(0, 4).notes}
    notes = read_midi(download(page, "MIDI"))[0].notes
    assert expected <= {(int(note["onset"]), int(note["pitch"])) for note in notes}


def test_a_primer_is_played_on_the_keyboard(visit):
    page = visit("?notes=20")
    page.get_by_text("Start from", exact=True).first.click()
    page.get_by_text("play it here", exact=True).click()
    keyboard = page.locator(".keyboard")
    keyboard.get_by_role("button", name="Record").click()
    for letter in "adg":  # C, E, G
        keyboard.press(letter, delay=120)
    key = keyboard.locator("[data-pitch='72']")
    key.evaluate("key => key.scrollIntoView({block: 'center'})")  # from below the button Compose, which stays in sight
    box = key.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 10)
    page.mouse.down()
    page.wait_for_timeout(120)
    page.mouse.up()
    keyboard.get_by_role("button", name="Done").click()
    page.get_by_text("The music continues from 4 notes").wait_for()
    compose(page)
    composed(page)
    piece = read_midi(download(page, "MIDI"))[0]
    assert piece.notes["pitch"][:4].tolist() == [60, 64, 67, 72]


def test_takes_survive_a_reload_and_nobody_sees_anothers(visit):
    mine, other = visit("?notes=30"), visit("?notes=30")
    for page in (mine, other):
        compose(page)
    for page in (mine, other):
        composed(page)
    mine.goto(mine.url.split("?")[0] + "takes" if mine.url.endswith("/") else mine.url.rsplit("/", 1)[0] + "/takes")
    mine.get_by_role("button", name="Open").first.wait_for()
    assert mine.get_by_role("button", name="Open").count() == 1
    mine.reload()
    mine.get_by_role("button", name="Open").first.click()
    composed(mine)


def test_takes_are_compared_exported_and_branched(visit):
    page = visit()
    for _ in range(2):
        compose(page)
        page.locator(".player[data-state=growing]").wait_for()
        composed(page)
    page.get_by_role("link", name="Takes").click()
    page.get_by_role("button", name="Open").nth(1).wait_for()
    compare_newest(page)
    player = page.locator(".player[data-state=ready]")
    player.get_by_role("button", name="Play").click()
    wait_for_more(lambda: position(page.locator(".player")), 0.3)
    player = page.locator(".player")
    player.get_by_role("button", name="B:").click()
    page.locator(".player[data-state=playing]").wait_for()
    assert player.get_by_role("button", name="B:").get_attribute("aria-pressed") == "true"
    before = position(player)
    wait_for_more(lambda: position(player), before + 0.2)
    player.get_by_role("button", name="Pause").click()
    with zipfile.ZipFile(io.BytesIO(download(page, "Export as zip"))) as archive:
        assert len(archive.namelist()) == 2
    page.get_by_role("button", name="Open").first.click()
    composed(page)
    open_tab(page, "Continue")
    page.get_by_role("spinbutton", name="from bar").fill("3")
    page.get_by_role("spinbutton", name="from bar").press("Enter")
    page.get_by_role("button", name="Continue from this bar").click()
    page.get_by_role("button", name="Compose", exact=True).wait_for()
    page.locator(".player[data-state=growing]").wait_for()
    composed(page)
    page.get_by_role("link", name="Takes").click()
    page.get_by_role("button", name="Open").nth(2).wait_for()


def test_back_leads_to_the_page_before_with_its_wishes(visit, app_url):
    page = visit()
    page.get_by_text("bars", exact=True).click()
    page.wait_for_url("**/?unit=bars")
    compose(page)
    composed(page)
    page.get_by_role("link", name="Takes").click()
    page.get_by_role("button", name="Open").first.click()
    composed(page)
    open_tab(page, "Continue")
    page.get_by_role("button", name="Same settings, new seed").click()
    page.wait_for_url("**/?unit=bars")
    for address in ("/takes", "/?unit=bars"):
        page.go_back()
        page.wait_for_url(f"{app_url}{address}")
    page.get_by_role("radio", name="bars", checked=True).wait_for()


def test_the_strip_below_shows_the_whole_piece_and_leads_to_any_place(visit):
    page = visit("?notes=300")
    compose(page)
    composed(page)
    strip = page.locator(".player .strip").bounding_box()
    page.mouse.click(strip["x"] + strip["width"] * 0.9, strip["y"] + strip["height"] / 2)
    seconds = page.locator(".player").evaluate("root => root.player.viewport.seconds")
    assert 0.8 * seconds < position(page.locator(".player")) < seconds
    viewport = "root => [root.player.viewport.left, root.player.viewport.visibleSeconds]"
    left, visible = page.locator(".player").evaluate(viewport)
    assert left <= position(page.locator(".player")) <= left + visible < seconds + 0.01


def test_sheet_music_is_black_on_white_on_dark_pages_too(visit):
    page = visit("?notes=40", color_scheme="dark")
    compose(page)
    composed(page)
    open_tab(page, "Sheet music")
    page.locator("[data-testid=stImage] svg, [data-testid=stImage] img").first.wait_for()
    paper = page.locator(".st-key-paper").evaluate("paper => getComputedStyle(paper).backgroundColor")
    assert paper == "rgb(255, 255, 255)"


def test_a_model_is_trained_to_the_end_heard_and_composes(visit):
    page = visit("train")
    open_tab(page, "2 · Training")
    page.get_by_role("textbox", name="Name of the new model").fill("from-the-web")
    page.get_by_text("Recipe and settings", exact=True).click()
    page.get_by_role("spinbutton", name="Epochs").fill("2")
    page.get_by_role("spinbutton", name="Epochs").press("Enter")
    page.get_by_role("button", name="Start training").click()
    page.get_by_text("from-the-web · training").wait_for()
    page.reload()  # it goes on without the page
    open_tab(page, "2 · Training")
    page.get_by_text("from-the-web · done").wait_for(timeout=240_000)
    # What is drawn anew may stand twice for a moment.
    page.get_by_text("What it composed after epoch 2").first.wait_for()
    page.locator(".player[data-state=ready]").first.wait_for()
    open_tab(page, "Models")
    page.get_by_text("from-the-web", exact=True).first.wait_for()
    page.get_by_role("link", name="Compose").click()
    page.get_by_role("button", name="Compose", exact=True).wait_for()
    compose(page)
    composed(page)
    page.get_by_text("by from-the-web").wait_for()  # the newest model is the one that composes


def test_built_in_music_is_fetched_and_fetching_can_be_stopped(visit):
    page = visit("train")
    fetch = page.get_by_role("button", name="Fetch", exact=True)
    page.get_by_text("Chorales by J. S. Bach").wait_for()
    fetch.first.click()
    page.get_by_text("Fetching ...").wait_for()
    expect(fetch.first).to_be_disabled()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Fetching ...").wait_for(state="detached")
    expect(fetch.first).to_be_enabled()


def test_the_data_page_says_what_became_of_every_file(visit):
    page = visit("train")
    files = {"waltz.mid": write_midi(gridded_piece()), "torn.mid": b"MThd"}
    page.locator("input[type=file]").first.set_input_files(
        [{"name": name, "mimeType": "audio/midi", "buffer": data} for name, data in files.items()]
    )
    page.get_by_role("textbox", name="Style").fill("waltz/3")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("A style must be a name").wait_for()
    page.get_by_role("textbox", name="Style").fill("waltz")
    page.get_by_role("button", name="Add", exact=True).click()  # with the same files
    page.get_by_text("2 files added").wait_for()
    page.get_by_text("1 used · 1 skipped").wait_for()
    page.get_by_role("link", name="Data").click()
    page.get_by_text("Skipped").first.wait_for()
    page.get_by_role("combobox", name="File").click()
    page.keyboard.type("torn")
    page.get_by_role("option").get_by_text("waltz/torn.mid").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("button", name="Put back").click()
    page.get_by_role("button", name="Put back").wait_for(state="detached")
    page.get_by_role("link", name="Train").click()
    page.get_by_text("waltz/torn.mid: skipped").wait_for()  # until it is dismissed
    page.get_by_role("button", name="Dismiss").click()
    page.get_by_text("2 files added").wait_for(state="detached")
    page.get_by_role("link", name="Data").click()
    open_tab(page, "Listen")
    page.locator(".player[data-state=ready]").wait_for()


def test_nothing_is_wider_than_a_phone(visit, app_url):
    page = visit("?notes=60", viewport=PHONE, is_mobile=True)
    compose(page)
    composed(page)
    require_narrow(page)
    for path in ("takes", "train", "data"):
        page.goto(f"{app_url}/{path}")
        page.get_by_test_id("stMainBlockContainer").first.wait_for()
        page.locator(".stApp[data-test-script-state=notRunning]").wait_for()
        require_narrow(page)


def require_narrow(page) -> None:
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"], f"{page.url} is {width} wide"


def picture(page, name: str, full: bool = False) -> None:
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)  # what fades in has faded in
    folder = Path(os.environ[PICTURES_VARIABLE])
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"studio-{name}.png", full_page=full)


@pytest.mark.parametrize("path", ["", "takes", "train", "data"])
def test_nothing_that_a_page_asks_for_is_missing(visit, path):
    page, missing = visit("takes"), []
    page.on("response", lambda response: missing.append(response.url) if response.status >= 400 else None)
    page.goto(page.url.replace("takes", path))
    page.locator(".stApp[data-test-script-state=notRunning]").wait_for()
    page.get_by_role("link", name="Takes").click()
    page.get_by_text("kept on this page").wait_for()
    assert missing == []
    assert page.url.endswith("/takes")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_stand_out_from_their_ground_in_both_themes(visit, scheme):
    page = visit("?notes=60", color_scheme=scheme)
    compose(page)
    composed(page)
    pale = page.evaluate(CONTRAST)
    for name in ("Takes", "Train", "Data"):
        page.get_by_role("link", name=name).click()
        page.locator("[data-testid=stTopNavLink][aria-current=page]", has_text=name).wait_for()
        page.locator(".stApp[data-test-script-state=notRunning]").wait_for()
        pale += page.evaluate(CONTRAST)
    assert not pale, pale


@needs_pictures
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_of_composing(visit, scheme):
    page = visit("?style=bach-chorales&seed=3", color_scheme=scheme)
    compose(page)
    player = composed(page)
    box = page.locator(".player .roll").bounding_box()
    page.locator(".player .roll").click(position={"x": box["width"] * 0.3, "y": 60})
    player.press("l")
    picture(page, f"compose-{scheme}")
    if scheme == "dark":
        return
    page.get_by_text("Tempo, mood and instruments", exact=True).click()
    page.get_by_text("More", exact=True).click()
    page.get_by_text("Start from", exact=True).first.click()
    page.get_by_text("play it here", exact=True).click()
    page.locator(".keyboard").wait_for()
    picture(page, "wishes", full=True)
    page.goto(page.url.split("?")[0] + "?style=string-quartets&seed=4")
    compose(page)
    page.locator(".player[data-state=growing]").wait_for()
    wait_for_more(lambda: num_notes(page), 120)
    picture(page, "growing")
    composed(page)
    open_tab(page, "Sheet music")
    page.locator("[data-testid=stImage] svg, [data-testid=stImage] img").first.scroll_into_view_if_needed()
    picture(page, "sheet")
    page.get_by_role("link", name="Takes").click()
    page.get_by_role("button", name="Open").nth(1).wait_for()
    compare_newest(page)
    picture(page, "takes")


@needs_pictures
def test_pictures_of_training(visit):
    page = visit("train")
    page.get_by_text("Your files").wait_for()
    picture(page, "music")
    open_tab(page, "2 · Training")
    page.get_by_text("Recipe and settings", exact=True).click()
    page.get_by_role("spinbutton", name="Epochs").fill("4")
    page.get_by_role("spinbutton", name="Epochs").press("Enter")
    page.get_by_text("Recipe and settings", exact=True).click()
    page.get_by_role("button", name="Start training").click()
    page.get_by_text("my-music · training").wait_for()
    page.get_by_text("What it composed after epoch 3").wait_for(timeout=900_000)
    page.locator(".player[data-state=ready]").wait_for()
    picture(page, "training")
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("my-music · stopped").wait_for()
    open_tab(page, "Models")
    page.get_by_text("Import a model").wait_for()
    picture(page, "models")
    page.get_by_role("link", name="Data").click()
    page.get_by_text("Skipped").first.wait_for()
    picture(page, "data", full=True)


@needs_pictures
def test_picture_on_a_phone(visit):
    page = visit("?style=chopin&seed=2", viewport=PHONE, is_mobile=True, device_scale_factor=2)
    compose(page)
    composed(page)
    page.locator(".player").scroll_into_view_if_needed()
    picture(page, "phone")

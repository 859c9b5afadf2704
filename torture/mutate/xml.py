"""Mutants of MusicXML: knows elements, attributes and the places where MusicXML keeps numbers."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from random import Random
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from torture.mutate.raw import spoiled
from torture.mutate.values import number, word

# What composers of strange scores put anywhere: repeats, tuplets, jumps in time, marks without an end.
STRANGE = (
    '<barline><repeat direction="backward" times="{}"/></barline>',
    '<barline><repeat direction="forward"/></barline>',
    '<barline><ending number="{}" type="start"/></barline>',
    "<attributes><time><beats>{}</beats><beat-type>{}</beat-type></time></attributes>",
    "<attributes><time><beats>1+2+3+4</beats><beat-type>8</beat-type></time></attributes>",
    "<attributes><divisions>{}</divisions></attributes>",
    "<attributes><key><fifths>{}</fifths></key></attributes>",
    "<attributes><transpose><chromatic>{}</chromatic><octave-change>{}</octave-change></transpose></attributes>",
    "<attributes><staves>{}</staves></attributes>",
    "<attributes><measure-style><multiple-rest>{}</multiple-rest></measure-style></attributes>",
    '<attributes><measure-style><measure-repeat type="start">{}</measure-repeat></measure-style></attributes>',
    "<backup><duration>{}</duration></backup>",
    "<forward><duration>{}</duration></forward>",
    '<direction><sound tempo="{}" dynamics="{}"/></direction>',
    '<direction><sound dacapo="yes"/></direction>',
    '<direction><sound dalsegno="x" segno="x" tocoda="y" coda="y"/></direction>',
    "<direction><direction-type><words>D.C. al Fine</words></direction-type></direction>",
    "<direction><direction-type><metronome><beat-unit>{}</beat-unit><per-minute>{}</per-minute></metronome>"
    "</direction-type></direction>",
    '<direction><direction-type><octave-shift type="up" size="{}"/></direction-type></direction>',
    '<direction><direction-type><wedge type="crescendo" number="{}"/></direction-type></direction>',
    "<harmony><root><root-step>{}</root-step></root><kind>{}</kind></harmony>",
    "<note><grace/><pitch><step>C</step><octave>{}</octave></pitch></note>",
    "<note><chord/><pitch><step>{}</step><octave>4</octave></pitch><duration>{}</duration></note>",
    '<note><unpitched/><duration>{}</duration><instrument id="{}"/></note>',
    "<note><rest/><duration>{}</duration><time-modification><actual-notes>{}</actual-notes>"
    "<normal-notes>{}</normal-notes></time-modification></note>",
    '<note><pitch><step>C</step><alter>{}</alter><octave>4</octave></pitch><duration>1</duration><tie type="start"/>'
    '<notations><tied type="start"/><tuplet type="start"/><slur type="start" number="{}"/></notations></note>',
)
DOCTYPES = (
    '<!DOCTYPE score-partwise [<!ENTITY a "b">]>',
    '<!DOCTYPE score-partwise SYSTEM "file:///etc/passwd">',
    '<!DOCTYPE score-partwise [<!ENTITY % a SYSTEM "http://127.0.0.1:1/">%a;]>',
)
ENCODINGS = ("utf-16", "utf-7", "latin-1", "x", "ebcdic-cp-us")
MAX_ELEMENTS = 2_000


def mutant(seed: bytes, rng: Random) -> bytes:
    """A score with a few things wrong."""
    if rng.random() < 0.15:
        return spoiled(seed, rng)
    root = ElementTree.fromstring(seed)
    for _ in range(rng.choice([1, 1, 2, 3, 6])):
        rng.choice(CHANGES)(root, rng)
        if sum(1 for _ in root.iter()) > MAX_ELEMENTS:
            break
    data = ElementTree.tostring(root)
    if rng.random() < 0.02:
        depth = rng.choice([900, 20_000])
        data = data.replace(b"</measure>", b"<note>" * depth + b"</note>" * depth + b"</measure>", 1)
    if rng.random() < 0.03:
        data = rng.choice(DOCTYPES).encode() + data
    if rng.random() < 0.03:
        data = f'<?xml version="1.0" encoding="{rng.choice(ENCODINGS)}"?>'.encode() + data
    return spoiled(data, rng) if rng.random() < 0.05 else data


def _some(root: Element, rng: Random) -> Element:
    return rng.choice(list(root.iter()))


def _parent(root: Element, rng: Random) -> Element:
    """An element that has others in it."""
    return rng.choice([one for one in root.iter() if len(one)] or [root])


def _change_number(root: Element, rng: Random) -> None:
    """The commonest and the worst: a number where a program counts on another."""
    leaves = [one for one in root.iter() if (one.text or "").strip().lstrip("-").isdecimal()]
    (rng.choice(leaves) if leaves else root).text = number(rng)


def _change_text(root: Element, rng: Random) -> None:
    _some(root, rng).text = _allowed(word(rng))


def _change_attribute(root: Element, rng: Random) -> None:
    holders = [one for one in root.iter() if one.attrib] or [root]
    element = rng.choice(holders)
    name = rng.choice(list(element.attrib) or ["id"])
    element.set(name, _allowed(rng.choice([number, word])(rng)))


def _drop(root: Element, rng: Random) -> None:
    parent = _parent(root, rng)
    if len(parent):
        del parent[rng.randrange(len(parent))]


def _repeat(root: Element, rng: Random) -> None:
    parent = _parent(root, rng)
    if len(parent):
        child = rng.choice(list(parent))
        times = rng.choice([1, 1, 3, 30])
        parent.extend(deepcopy(child) for _ in range(times))


def _move(root: Element, rng: Random) -> None:
    parent, other = _parent(root, rng), _parent(root, rng)
    if len(parent):
        other.insert(rng.randrange(len(other) + 1), deepcopy(rng.choice(list(parent))))


def _rename(root: Element, rng: Random) -> None:
    _some(root, rng).tag = _some(root, rng).tag


def _nest(root: Element, rng: Random) -> None:
    """An element inside itself, over and over."""
    inner = outer = Element(_some(root, rng).tag)
    for _ in range(rng.choice([2, 20, 100])):
        inner.append(Element(outer.tag))
        inner = inner[0]
    _some(root, rng).append(outer)


def _insert(root: Element, rng: Random) -> None:
    text = rng.choice(STRANGE)
    values = [number(rng).replace("\x00", "") for _ in range(text.count("{}"))]
    parent = rng.choice(root.findall("part/measure") or [root])
    for _ in range(rng.choice([1, 1, 2, 8])):
        parent.insert(rng.randrange(len(parent) + 1), ElementTree.fromstring(text.format(*values)))


def _allowed(text: str) -> str:
    """Without what no XML may hold, so that more than the XML parser is reached."""
    return "".join(letter for letter in text if letter in "\t\n" or letter >= " ")


CHANGES: tuple[Callable[[Element, Random], None], ...] = (
    *(_change_number, _change_number, _change_number, _change_text, _change_attribute, _change_attribute),
    *(_drop, _drop, _repeat, _move, _rename, _nest, _insert, _insert, _insert),
)

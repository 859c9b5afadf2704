"""In which order the bars of a music21 part are played: repeats, endings and jumps.

Imports music21 at once, as `score_streams` does. Knows no notes.
"""

from __future__ import annotations

from music21 import bar, base, repeat, spanner, stream
from music21.exceptions21 import Music21Exception

from melodyforge.music.limits import MAX_BARS, MAX_REPEATS


def playing_order(part: stream.Stream, measures: list[stream.Measure], repairs: list[str]) -> list[int]:
    """Indices into `measures` as repeats, endings and jumps have them played; just 0 where there are no measures.

    Args:
        part: which may have endings.
        measures: of the part.
        repairs: gets a phrase when repeats could not be played.
    """
    written_order = list(range(max(1, len(measures))))
    if not any(_repeat_marks(measure) for measure in measures):
        return written_order
    if sum(isinstance(measure.rightBarline, bar.Repeat) for measure in measures) > MAX_REPEATS:
        repairs.append(f"repeats were not played, for there are more than {MAX_REPEATS}")
        return written_order
    expander = repeat.Expander(_skeleton(part, measures))
    try:
        if expander.isExpandable() is not False:
            played = expander.process().getElementsByClass(stream.Measure)
            if 0 < len(played) <= MAX_BARS:
                return [int(measure.groups[0]) for measure in played]
    except (Music21Exception, IndexError, KeyError, TypeError, ValueError, AttributeError):
        pass  # contradictory marks make the expander stumble in many ways
    repairs.append("repeats that contradict each other were not played")
    return written_order


def _repeat_marks(measure: stream.Measure) -> list[base.Music21Object]:
    """Repeat bar lines and words such as "da capo"."""
    barlines = [line for line in (measure.leftBarline, measure.rightBarline) if isinstance(line, bar.Repeat)]
    return barlines + [element for element in measure.elements if isinstance(element, repeat.RepeatExpression)]


def _skeleton(part: stream.Stream, measures: list[stream.Measure]) -> stream.Part:
    """The bars without notes, so that music21 expands repeats without copying any music.

    Each carries its index as its group, because expanding counts bar numbers anew.
    """
    bones = [stream.Measure(number=index) for index in range(len(measures))]
    for index, (bone, measure) in enumerate(zip(bones, measures, strict=True)):
        bone.groups.append(str(index))
        _copy_marks(measure, bone)
    endings = _endings(part, measures)
    _pair_repeats(bones, {index for spanned, _ in endings for index in spanned})
    skeleton = stream.Part(bones)
    for spanned, number in endings:
        skeleton.insert(0, spanner.RepeatBracket([bones[index] for index in spanned], number=number))
    return skeleton


def _copy_marks(measure: stream.Measure, bone: stream.Measure) -> None:
    """Gives a bar without notes the repeat marks of another."""
    for mark in _repeat_marks(measure):
        if mark is measure.leftBarline:
            bone.leftBarline = bar.Repeat(direction="start")
        elif mark is measure.rightBarline:
            bone.rightBarline = bar.Repeat(direction="end", times=mark.times)
        else:
            bone.append(type(mark)())


def _endings(part: stream.Stream, measures: list[stream.Measure]) -> list[tuple[list[int], str]]:
    """The indices of the bars in each ending, and which times it is played."""
    index_of = {id(measure): index for index, measure in enumerate(measures)}
    endings = []
    for ending in part.recurse().getElementsByClass(spanner.RepeatBracket):
        spanned = [index_of[id(measure)] for measure in ending.getSpannedElements() if id(measure) in index_of]
        if spanned:
            endings.append((spanned, ending.number))
    return endings


def _pair_repeats(bones: list[stream.Measure], in_endings: set[int]) -> None:
    """Gives every end of a repeat one start, as players understand it.

    It goes back to the nearest sign, or without one behind the repeat and the endings before. music21 would go back
    to the start of the piece and play all repeats on the way again, and so twice as much with each of them. Signs
    that no end follows it calls contradictory.
    """
    start: int | None = 0
    for index, bone in enumerate(bones):
        if isinstance(bone.leftBarline, bar.Repeat):
            bone.leftBarline = None
            start = index
        elif start is None and index not in in_endings:
            start = index
        if isinstance(bone.rightBarline, bar.Repeat):
            if start:  # the first bar needs no sign
                bones[start].leftBarline = bar.Repeat(direction="start")
            start = None

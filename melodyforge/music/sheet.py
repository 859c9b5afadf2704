"""Sheet music as pictures: a piece engraved by Verovio, page by page. For many threads. Knows scores and SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from melodyforge.errors import OutputError
from melodyforge.music.piece import Piece
from melodyforge.music.scores import write_musicxml
from melodyforge.words import how_to_install

OPTIONS = {
    "pageWidth": 1600,  # tenths of a millimetre, at 40 % of full size
    "pageHeight": 2000,
    "scale": 40,
    "pageMarginLeft": 150,  # names of instruments are wider in fonts that Verovio does not know of
    "adjustPageHeight": True,
    "breaks": "auto",
    "footer": "none",
    "svgViewBox": True,
}
MAX_NOTES = 20_000
MAX_BARS = 8_000  # of all tracks together: two seconds of engraving, which grows with their square


class Sheet:
    """Engraved pages."""

    def __init__(self, toolkit: Any) -> None:
        self._toolkit = toolkit
        self.num_pages = int(toolkit.getPageCount())

    def page(self, number: int) -> str:
        """A page, counted from 1, as SVG."""
        return str(self._toolkit.renderToSVG(number))


def engrave(piece: Piece) -> Sheet:
    """Engraves a piece.

    Raises:
        OutputError: Verovio is not installed, or the piece is too long or empty.
    """
    if not 0 < len(piece) <= MAX_NOTES:
        raise OutputError(f"Sheet music needs 1 to {MAX_NOTES:,} notes. Received {len(piece):,}.")
    last_bars, _, _ = piece.bars_at(np.array([piece.end - 1]))  # a note may last for thousands of them
    num_bars = (int(last_bars[0]) + 1) * len(piece.tracks)
    if num_bars > MAX_BARS:
        raise OutputError(f"Sheet music has at most {MAX_BARS:,} bars in all tracks together. Received {num_bars:,}.")
    try:
        import verovio
    except ImportError:
        raise OutputError(f"Sheet music needs the package verovio. {how_to_install('verovio')}") from None
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit(False)
    toolkit.setResourcePath(str(Path(verovio.__file__).parent / "data"))  # else the importing thread alone has fonts
    toolkit.setOptions(OPTIONS)
    if not toolkit.loadData(write_musicxml(piece).decode()):
        raise OutputError("Verovio could not engrave this piece. Its MusicXML may open in a notation program.")
    return Sheet(toolkit)

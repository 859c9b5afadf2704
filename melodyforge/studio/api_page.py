"""API: where other programs find this studio, and lines to try. Only there where a token is set."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from melodyforge.studio.api_token import TOKEN_VARIABLE, api_address

CURL = f'curl -H "Authorization: Bearer ${TOKEN_VARIABLE}"'
LINES = (  # what each does, and what follows `curl`; the same as in docs/api.md
    ("Which models there are", "ADDRESS/models"),
    ("What a model can be asked for", "ADDRESS/settings"),
    ("Compose: a MIDI file", '-X POST "ADDRESS/compose?answer=midi&num_bars=8&tempo=90" -o composed.mid'),
    ("Compose: notes", """-d '{"num_bars": 8, "tempo": 90}' ADDRESS/compose"""),
    ("Compose: notes while they are composed", """-N -d '{"num_notes": 200}' "ADDRESS/compose?answer=stream\""""),
    (
        "Go on from a file",
        '--data-binary @composed.mid "ADDRESS/compose?answer=midi&num_notes=100" -o continued.mid',
    ),
    (
        "Compose bars anew, all else stays",
        '--data-binary @composed.mid "ADDRESS/redo?answer=midi&redo_bars=3-4" -o redone.mid',
    ),
)


def show() -> None:
    """The page."""
    page = urlsplit(st.context.url or "http://localhost")
    st.markdown("Other programs, such as REAPER or Max, can have music composed here. They find it at")
    address = f"{page.scheme}://{page.netloc}{api_address()}"
    st.code(address, language=None)
    st.markdown(
        f"They send the token that `{TOKEN_VARIABLE}` holds on this server. What is composed for them is not kept on "
        "the page Takes. To try it, set that variable in a terminal, too:"
    )
    for title, line in lines(address):
        st.caption(title)
        st.code(line, language="bash", wrap_lines=True)


def lines(address: str) -> list[tuple[str, str]]:
    """What each line does, and the line, for an address of the API."""
    return [(title, f"{CURL} {rest.replace('ADDRESS', address)}") for title, rest in LINES]

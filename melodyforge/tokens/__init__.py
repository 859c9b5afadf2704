"""Music <-> integers."""

from melodyforge.settings import RepresentationSettings
from melodyforge.tokens.events import EventsRepresentation
from melodyforge.tokens.fields import FieldsRepresentation
from melodyforge.tokens.notes import NotesRepresentation
from melodyforge.tokens.representation import Representation

REPRESENTATIONS: dict[str, type[Representation]] = {
    representation.kind: representation
    for representation in (EventsRepresentation, FieldsRepresentation, NotesRepresentation)
}


def representation_class(settings: RepresentationSettings) -> type[Representation]:
    """The class for a recipe's settings."""
    return REPRESENTATIONS[settings.kind]

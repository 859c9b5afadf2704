"""Every error that Melody Forge raises on purpose. Imports nothing.

A message says what was expected, what was received and what to do. Entry points
catch `MelodyForgeError`, print it as one line and exit with status 2; anything
else is a bug and keeps its traceback.
"""


class MelodyForgeError(Exception):
    """Base of every error that a user can mend."""


class SettingsError(MelodyForgeError, ValueError):
    """A setting, flag or recipe file holds a value that cannot be used."""


class MusicReadError(MelodyForgeError):
    """A music file cannot be read as music."""


class CorpusError(MelodyForgeError):
    """A folder of music gives no usable dataset, or a download is not what it should be."""


class VocabularyError(MelodyForgeError, LookupError):
    """Music and vocabulary do not fit together."""


class ModelFolderError(MelodyForgeError):
    """A model folder is missing, incomplete, or its parts do not belong together."""


class UnpackError(MelodyForgeError):
    """A file that was sent, or a part of a zip, is damaged or cannot be unpacked."""


class TooMuchError(MelodyForgeError):
    """More was sent than there is room for."""


class OutputError(MelodyForgeError, OSError):
    """A result cannot be written where it was asked for."""


class TakeError(MelodyForgeError, LookupError):
    """A take of the studio is not there, or cannot be changed so."""


class ClusterError(MelodyForgeError):
    """A cluster of machines is not there, of another version, or lost."""


class BusyError(MelodyForgeError):
    """Too many people want something at once."""


class TaskError(MelodyForgeError):
    """Long work cannot be started or stopped as asked."""

"""What must not happen, and is no exception by itself."""


class FlawError(Exception):
    """Something went on as if all were well, and should not have."""


class LastNetError(Exception):
    """An error that only the net below all readers caught, where every error should have a name."""

"""Errors of a measurement."""


class MeasurementError(Exception):
    """A figure cannot be measured. The text is the reason, which the report lists."""

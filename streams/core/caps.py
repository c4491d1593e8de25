"""Frequency caps and quiet hours."""
import msgspec
class Touch(msgspec.Struct, array_like=True, gc=False):
    at: int
    channel: str
    marketing: bool

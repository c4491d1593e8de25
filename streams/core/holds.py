"""The hold ledger."""
import msgspec
class Ledger(msgspec.Struct, array_like=True, gc=False):
    entries: list[int] = []

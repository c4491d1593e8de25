"""Cases."""
import msgspec
class OpenCase(msgspec.Struct, array_like=True, gc=False):
    case_id: str
